"""/: the status page. No script, nothing from elsewhere, no build step; a browser asks for the token as a password."""

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from streams.settings import Settings
from streams.status import read_status
from streams.web import overview
from streams.web.endpoints import Answer, Endpoint

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PAGE = {
    200: Answer("the page", {"type": "string"}, "text/html"),
    503: Answer("the database does not answer", {"type": "string"}, "text/html"),
}


def endpoints(engine: sa.Engine, settings: Settings) -> list[Endpoint]:
    """The page."""

    def status(request: Request) -> Response:
        try:
            found = read_status(engine, settings)
        except sa.exc.SQLAlchemyError:
            return HTMLResponse(overview.away(), 503, {**SECURITY, "Retry-After": "5"})
        return HTMLResponse(overview.page(found), headers=SECURITY)

    told = "Models, parity with bound and trend, alerts, routes. Browsers send the token as the password of HTTP Basic; the user name is not looked at."
    return [Endpoint("/", ("GET",), status, "The status page, for people", _PAGE, description=told, page=True)]
