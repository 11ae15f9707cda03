"""/runbooks: what to do about an alert, for whoever was just woken. No token: they hold nothing about anybody.

They are Markdown in `alerts/runbooks/`, one for each type of rule and one for the service itself; an alert links to its own
where `links.fairdrift` says where this is served.
"""

import html
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import alerts
from streams.web.endpoints import Answer, Endpoint

FOLDER = Path(alerts.__file__).parent / "runbooks"
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "max-age=300",
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ddd }
code { font: .9em ui-monospace, monospace; background: #f2f2f2; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere }
table { border-collapse: collapse } th, td { border: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top }
a { color: #0b5394 } nav { margin-bottom: 2rem; font-size: .9rem }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181b } code { background: #2a2d31 } a { color: #8ab4f8 }
  h2, th, td { border-color: #444 } }
"""


def names() -> list[str]:
    """The runbooks that there are: the types of rules, and `service`."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it: `Real, or an artefact?` is `real-or-an-artefact`."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def endpoints() -> list[Endpoint]:
    """The list, and each of them."""

    def listed(request: Request) -> Response:
        items = "".join(f'<li><a href="/runbooks/{name}">{name}</a></li>' for name in names())
        return HTMLResponse(_page("Runbooks", f"<h1>Runbooks</h1><ul>{items}</ul>"), headers=SECURITY)

    def shown(name: str) -> Endpoint:
        def one(request: Request) -> Response:
            return HTMLResponse(_rendered(name), headers=SECURITY)

        return Endpoint(f"/runbooks/{name}", ("GET",), one, f"What to do about {name}", page, public=True)

    page = {200: Answer("a page", {"type": "string"}, "text/html")}
    every = Endpoint("/runbooks", ("GET",), listed, "The runbooks, for people", page, public=True)
    return [every, *(shown(name) for name in names())]  # a path each: nothing that is asked for becomes a file's name


@cache
def _rendered(name: str) -> str:
    reader = MarkdownIt("commonmark").enable("table")
    tokens = reader.parse((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    for before, inner in pairwise(tokens):
        if before.type == "heading_open":
            before.attrSet("id", anchor(_plain(inner)))
        for child in inner.children or ():
            if child.type == "link_open":
                child.attrSet("href", re.sub(r"^(\w+)\.md", r"\1", str(child.attrGet("href"))))
    shown: str = reader.renderer.render(tokens, reader.options, {})
    return _page(f"Runbook: {name}", f'<nav><a href="/runbooks">Runbooks</a></nav>{shown}')


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
