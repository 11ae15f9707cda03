"""The two applications, put together: routes, the token, and what becomes of errors."""

import hmac
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

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

from streams.exporter import Exporter
from streams.health import Probe
from streams.settings import Settings
from streams.telemetry import DatabaseCollector, ProbeCollector
from streams.web import flags, gates, probes, reading
from streams.web.board import RouteBoard
from streams.web.endpoints import Endpoint, ProblemError, problem
from streams.web.openapi import document_endpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read: any of these bearer tokens (several, so that they can be rotated). Without tokens nobody may."""

    tokens: Sequence[str] = field(repr=False)

    def allows(self, header: str) -> bool:
        """Whether an Authorization header carries one of the tokens; takes equally long for every wrong one."""
        scheme, _, given = header.partition(" ")
        matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in self.tokens if token]
        return scheme.lower() == "bearer" and any(matches)


class RequireToken:
    """Answers 401 to whatever is not a public path and carries no right token."""

    def __init__(self, app: ASGIApp, access: Access, public: frozenset[str]) -> None:
        self.app = app
        self.access = access
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in self.public:
            header = Request(scope).headers.get("authorization", "")
            if not self.access.allows(header):
                refusal = ProblemError(
                    401, "this needs the header `Authorization: Bearer <token>`", {"WWW-Authenticate": "Bearer"}
                )
                await problem(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


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
    access = Access([token.get_secret_value() for token in settings.serve.tokens])
    known = tuple(model.name for model in settings.models)
    board = RouteBoard(engine, known, settings.serve.flag_file)
    exporter = exporter or Exporter()
    exporter.registry.register(DatabaseCollector(engine))
    endpoints = [
        *flags.endpoints(board),  # first: routers ask a thousand times a second, and routes are tried in order
        *probes.service_endpoints(engine),
        probes.metrics_endpoint(exporter.registry),
        *reading.endpoints(engine, known),
        *gates.endpoints(engine, known),
    ]
    endpoints.append(document_endpoint(endpoints))
    return _build(endpoints, access, board)


@asynccontextmanager
async def _listening(board: RouteBoard | None) -> AsyncIterator[None]:
    """While the application serves, the board is kept up to date."""
    if board is None:
        yield
        return
    board.start()
    try:
        yield
    finally:
        await run_in_threadpool(board.stop)


def _build(endpoints: Sequence[Endpoint], access: Access | None = None, board: RouteBoard | None = None) -> Starlette:
    middleware = []
    if access is not None:
        public = frozenset(endpoint.path for endpoint in endpoints if endpoint.public)
        middleware.append(Middleware(RequireToken, access=access, public=public))
    return Starlette(
        routes=[Route(e.path, e.handler, methods=list(e.methods), name=f"{e.path}") for e in endpoints],
        middleware=middleware,
        lifespan=lambda app: _listening(board),
        exception_handlers={
            ProblemError: _on_problem,
            HTTPException: _on_http_exception,
            sa.exc.DataError: _on_bad_value,
            sa.exc.DBAPIError: _on_database_error,
            sa.exc.TimeoutError: _on_database_error,
        },
    )


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
    """The client is told no detail: messages of a driver hold addresses."""
    logger.warning("the database failed a request for %s: %s", request.url.path, type(error).__name__)
    return problem(ProblemError(503, "the database does not answer; try again", {"Retry-After": "5"}))
