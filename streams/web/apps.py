"""The two applications, put together: routes, the token, and what becomes of errors."""

import base64
import binascii
import inspect
import logging
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.controls import Controls
from streams.exporter import Exporter
from streams.gauges import parity_of
from streams.health import Probe
from streams.settings import Settings, TokenConfig
from streams.telemetry import DatabaseCollector, ProbeCollector
from streams.tokens import Access, Caller
from streams.tokens import Scope as TokenScope
from streams.watching import routing_of
from streams.web import controlling, flags, gates, operating, pages, pictures, probes, reading, runbooks
from streams.web.board import RouteBoard
from streams.web.endpoints import Endpoint, Handler, ProblemError, caller_of, problem
from streams.web.ofrep import AtOnce
from streams.web.openapi import document_endpoint
from streams.web.protocol import STATE
from streams.web.rates import Allowed, Buckets

logger = logging.getLogger(__name__)


GUESSES = Allowed(rate=5.0, burst=100.0)
"""Requests a second without a right token, for each client's address. Beyond it the database is not asked about a token."""

UNCOUNTED = ("/ofrep/", "/flagd/")
"""Answered from memory, and asked by routers a thousand times a second."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Those that need no token, and those that a browser may ask for with the token as a password."""

    public: frozenset[str]
    pages: frozenset[str]
    signed: tuple[str, ...] = ()
    """How addresses begin that are signed themselves."""

    def open(self, path: str) -> bool:
        """Whether a path needs no token."""
        return path in self.public or path.startswith(self.signed)


class RequireToken:
    """Answers 401 to whatever is not a public path and carries no right token, and 429 to who asks too often.

    A right token is looked at before anybody's guesses are counted: who shares an address with a guesser is not shut out.
    """

    def __init__(self, app: ASGIApp, access: Access, open_to: Paths, allowed: Allowed) -> None:
        self.app, self.access, self.paths = app, access, open_to
        self._callers, self._guesses = Buckets(allowed), Buckets(GUESSES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and not self.paths.open(scope["path"]):
            try:
                scope.setdefault("state", {})["caller"] = await self._caller(scope)
            except ProblemError as refusal:
                await problem(refusal)(scope, receive, send)
                return
            except sa.exc.SQLAlchemyError as error:
                await _on_database_error(Request(scope), error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        """Whose request it is; ProblemError 401 or 429."""
        header, now = Request(scope).headers.get("authorization", ""), time.monotonic()
        address, in_browser = (scope.get("client") or ("",))[0], scope["path"] in self.paths.pages
        if in_browser:
            header = _bearer(header)
        caller = self.access.known(header)
        if caller is None and (self.access.familiar(header) or not self._guesses.empty(address, now)):
            caller = await run_in_threadpool(self.access.kept, header)
        if caller is None:
            _wait(self._guesses.wait(address, now))
            raise _refusal(for_browsers=in_browser)
        if not scope["path"].startswith(UNCOUNTED):
            _wait(self._callers.wait(caller.name, now))
        return caller


def _wait(seconds: float) -> None:
    if seconds > 0:
        raise ProblemError(429, "too many requests: ask less often", {"Retry-After": str(math.ceil(seconds))})


def _refusal(*, for_browsers: bool) -> ProblemError:
    if for_browsers:
        asks = {"WWW-Authenticate": 'Basic realm="fairdrift: the password is a token", charset="UTF-8"'}
        return ProblemError(
            401, "this needs a token: as the password that the browser asks for, with any user name", asks
        )
    return ProblemError(401, "this needs the header `Authorization: Bearer <token>`", {"WWW-Authenticate": "Bearer"})


def _bearer(header: str) -> str:
    """The token that a browser sends as a password, as a program would send it."""
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic":
        return header
    try:
        return f"Bearer {base64.b64decode(coded, validate=True).decode().partition(':')[2]}"
    except (binascii.Error, UnicodeDecodeError):
        return ""


def worker_app(probe: Probe, registry: CollectorRegistry) -> Starlette:
    """What a worker serves, on loopback or inside its pod: /health/live, /health/ready and /metrics, without a token.

    Once for each registry: `fairdrift_stalled` is added to it.
    """
    registry.register(ProbeCollector(probe))
    return _build([*probes.worker_endpoints(probe), probes.metrics_endpoint(registry)])


def service_app(engine: sa.Engine, settings: Settings, exporter: Exporter | None = None) -> Starlette:
    """What `fairdrift serve` serves: the API over the SQL views, gates, flags. Everything but health needs a token.

    Gates and flags know the configured models before their first decision.
    """
    access = access_of(settings, engine)
    known = tuple(model.name for model in settings.models)
    board = RouteBoard(engine, known, settings.serve.flag_file)
    exporter = exporter or Exporter()
    exporter.registry.register(DatabaseCollector(engine))
    exporter.registry.register(parity_of(engine, settings))
    endpoints = [
        *flags.endpoints(board),
        *probes.service_endpoints(engine),
        probes.metrics_endpoint(exporter.registry),
        *reading.endpoints(engine, known),
        *operating.endpoints(engine, routing_of(settings).silences),
        *controlling.endpoints(Controls(engine, settings)),
        *gates.endpoints(engine, known),
        *runbooks.endpoints(),
        *pages.endpoints(engine, settings),
        *pictures.endpoints(engine, settings),
    ]
    endpoints.append(document_endpoint(endpoints))
    rate = settings.serve.requests_per_second
    return _build(endpoints, access, board, Allowed(rate, 2 * rate))


@asynccontextmanager
async def _listening(access: Access | None, board: RouteBoard | None) -> AsyncIterator[dict[str, AtOnce]]:
    """While the application serves, the board is kept up to date; the server is told how flags are answered at once."""
    if access is None or board is None:
        yield {}
        return
    board.start()
    try:
        yield {STATE: AtOnce(access, board)}
    finally:
        await run_in_threadpool(board.stop)


def _build(
    endpoints: Sequence[Endpoint],
    access: Access | None = None,
    board: RouteBoard | None = None,
    allowed: Allowed = GUESSES,
) -> Starlette:
    middleware = []
    if access is not None:
        public = frozenset(endpoint.path for endpoint in endpoints if endpoint.public)
        pages = frozenset(endpoint.path for endpoint in endpoints if endpoint.page)
        signed = tuple(endpoint.path.partition("{")[0] for endpoint in endpoints if endpoint.signed)
        middleware.append(
            Middleware(RequireToken, access=access, open_to=Paths(public, pages, signed), allowed=allowed)
        )
    app = Starlette(
        routes=[Route(e.path, _allowed(e), methods=list(e.methods), name=f"{e.path}") for e in endpoints],
        middleware=middleware,
        lifespan=lambda app: _listening(access, board),
        exception_handlers={
            ProblemError: _on_problem,
            HTTPException: _on_http_exception,
            sa.exc.DataError: _on_bad_value,
            sa.exc.DBAPIError: _on_database_error,
            sa.exc.TimeoutError: _on_database_error,
        },
    )
    app.router.redirect_slashes = False  # a path that is not there is not there
    return app


def _allowed(endpoint: Endpoint) -> Handler:
    """The handler, behind what the token must allow: 403 for a token that does not."""
    if endpoint.public or endpoint.scope is TokenScope.READ:
        return endpoint.handler

    async def checked(request: Request) -> Response:
        caller = caller_of(request)
        if not caller.scope.allows(endpoint.scope):
            raise ProblemError(403, f"this needs a token with the scope {endpoint.scope}; yours has {caller.scope}")
        if inspect.iscoroutinefunction(endpoint.handler):
            answer: Response = await endpoint.handler(request)
            return answer
        return await run_in_threadpool(endpoint.handler, request)  # type: ignore[arg-type]

    return checked


def access_of(settings: Settings, engine: sa.Engine) -> Access:
    """Who may, by the configuration and the database."""
    plain, named = [], {}
    for given in settings.serve.tokens:
        if isinstance(given, TokenConfig):
            named[given.hash] = Caller(f"token:{given.name}", TokenScope(given.scope))
        else:
            plain.append(given.get_secret_value())
    return Access(plain, engine, named)


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem(error)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(ProblemError(error.status_code, error.detail, error.headers))


def _on_bad_value(request: Request, error: Exception) -> Response:
    """Postgres could not read a value: of a parameter that was sent, as everything else is ours and has a type."""
    return problem(ProblemError(400, "a parameter has a value that cannot be read"))


def _on_database_error(request: Request, error: Exception) -> Response:
    """The client is told no detail: messages of a driver hold addresses. And the log no path: it is what a client wrote."""
    route = request.scope.get("route")
    logger.warning("the database failed a request (%s): %s", getattr(route, "path", "a token"), type(error).__name__)
    return problem(ProblemError(503, "the database does not answer; try again", {"Retry-After": "5"}))
