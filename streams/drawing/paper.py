"""The page that audits, reports and the status page are printed on: one file, no script, no font, no address to load from."""

from collections.abc import Iterable
from html import escape

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --mark: #0072b2; --fill: #f5f7fa; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); margin: 0 auto; max-width: 66rem;
  padding: 2rem 1.5rem 4rem; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; font-weight: 600; }
p { margin: .3rem 0; max-width: 52rem; } .soft, small { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .6rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; border-bottom: 1px solid var(--line); }
th, td { padding: .28rem .6rem .28rem 0; vertical-align: middle; } td { border-bottom: 1px solid #eef1f4; }
.n { text-align: right; white-space: nowrap; } th.n { text-align: right; }
.chart { width: 40%; min-width: 12rem; padding-right: 1rem; } .chart svg { display: block; width: 100%; height: 1.3rem; }
.pill { display: inline-block; border-radius: 1rem; padding: .05rem .6rem; font-weight: 600; font-size: .85rem; }
.clear { background: #e3f3e8; color: #17612f; } .breached { background: #fbe3e1; color: #96231a; }
.cannot { background: #fdf1d7; color: #7a5200; }
.note p { max-width: none; } .note { background: var(--fill); border-left: 3px solid var(--line); padding: .5rem .9rem; margin: .6rem 0; }
.gap { margin: .1rem 0; } details > summary { cursor: pointer; margin: 1.6rem 0 .2rem; font-weight: 600; font-size: 1.05rem; }
.wide { display: block; width: 100%; height: auto; margin: .4rem 0; } .wide text { fill: var(--soft); font: 11px system-ui, sans-serif; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@page { margin: 16mm 14mm; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } svg, .note, tr { break-inside: avoid; }
  h1, h2, h3, h4, thead, p:has(+ table), p:has(+ svg) { break-after: avoid; } p { orphans: 3; widows: 3; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def document(title: str, body: Iterable[str], style: str = "") -> str:
    """The whole file; `style` is added to the common one."""
    inside = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}{style}</style>\n</head>\n'
        f"<body>\n{inside}\n</body>\n</html>\n"
    )


def heads(*given: tuple[str, str]) -> str:
    """The heads of a table: (text, class)."""
    return "".join(
        f'<th class="{kind}">{escape(text)}</th>' if kind else f"<th>{escape(text)}</th>" for text, kind in given
    )


def table(head: str, rows: Iterable[str]) -> str:
    """A table of rows that are HTML already."""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def sentence(text: str) -> str:
    """A remark as a sentence, without the marks of code."""
    plain = text.replace("`", "")
    return f"{plain[:1].upper()}{plain[1:]}."
