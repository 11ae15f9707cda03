"""/pictures: the chart of an alert, for services that show it in a page. No token: the address is signed, and expires."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from alerts.pictures import PATH, Pictures
from streams.drawing.raster import png
from streams.keys import PICTURES, shared_key
from streams.picturing import picture
from streams.settings import Settings
from streams.web.endpoints import PROBLEM_TYPE, Answer, Endpoint, Parameter, ProblemError

FRESH = 60.0
"""Seconds for which a picture is shown again as it was made: who asks more often costs nothing."""

MOST = 32
"""So many are kept."""

HEADERS = {
    "Cache-Control": f"public, max-age={FRESH:.0f}",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(slots=True)
class Gallery:
    """The pictures that were made a moment ago; one is made at a time."""

    made_of: Callable[[str], bytes | None]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, bytes | None]] = field(default_factory=dict, repr=False)
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def picture(self, alert: str) -> bytes | None:
        """The picture of an alert, at most `FRESH` old; None if it has none."""
        with self._one:
            found = self._kept.get(alert)
            if found is None or self.clock() - found[0] > FRESH:
                self._kept.pop(alert, None)
                found = self._kept[alert] = (self.clock(), self.made_of(alert))
                while len(self._kept) > MOST:
                    self._kept.pop(next(iter(self._kept)))
            return found[1]


def endpoints(engine: sa.Engine, settings: Settings) -> list[Endpoint]:
    """The picture; there is none without a public address."""

    def draw(alert: str) -> bytes | None:
        svg = picture(engine, alert)
        return None if svg is None else png(svg)

    gallery = Gallery(draw)

    @cache
    def ours() -> Pictures:
        return Pictures(settings.serve.public_url, shared_key(engine, PICTURES))

    def shown(request: Request) -> Response:
        alert, given = request.path_params["alert"], request.query_params
        if not settings.serve.public_url:
            raise ProblemError(404, "no pictures are public: `serve.public_url` is not configured")
        if not ours().right(alert, given.get("expires", ""), given.get("signature", ""), datetime.now(UTC)):
            raise ProblemError(403, "the address is not one of ours, or has expired; a new page has a new one")
        made = gallery.picture(alert)
        if made is None:
            raise ProblemError(404, "there is no chart of this alert")
        return Response(made, headers=HEADERS, media_type="image/png")

    def told(text: str) -> Answer:
        return Answer(text, {"$ref": "#/components/schemas/Problem"}, PROBLEM_TYPE)

    answers = {
        200: Answer("the picture", {"type": "string", "contentEncoding": "base64"}, "image/png"),
        403: told("no right signature, or expired"),
        404: told("there is no chart of this alert, or no public address"),
        503: told("the database does not answer"),
    }
    parameters = (
        Parameter("expires", "The end, in epoch seconds"),
        Parameter("signature", "HMAC-SHA256 of both, in hex"),
    )
    words = (
        "For services that show it in a page (PagerDuty): pages carry the address. A picture is at most a minute old."
    )
    return [
        Endpoint(
            PATH, ("GET",), shown, "The chart of an alert, at a signed address", answers, parameters, words, signed=True
        )
    ]
