"""What an endpoint is, and how every one answers: JSON, and problems by RFC 9457."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streams.tokens import Caller, Scope

Handler = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
Method = Literal["GET", "POST", "DELETE"]
Schema = Mapping[str, object]

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: its JSON Schema and what it does."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented answer."""

    description: str
    schema: Schema | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path (Starlette's and OpenAPI's form are the same), its handler, and its documentation."""

    path: str
    methods: tuple[Method, ...]
    handler: Handler
    summary: str
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    description: str = ""
    public: bool = False
    """Needs no token."""
    body: Schema | None = None
    scope: Scope = Scope.READ
    """What the token must allow."""
    page: bool = False
    """For browsers: they may send the token as the password of HTTP Basic."""


class ProblemError(Exception):
    """An answer that is a problem: status, what is wrong, and headers."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def caller_of(request: Request) -> Caller:
    """Whose token the request carries; the middleware has looked."""
    caller: Caller = request.state.caller
    return caller


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON by msgspec; times are RFC 3339."""
    return Response(msgspec.json.encode(content), status, dict(headers or {}), media_type="application/json")


def problem(error: ProblemError) -> Response:
    """RFC 9457: `type`, `title`, `status`, `detail`."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    return Response(msgspec.json.encode(content), error.status, error.headers, media_type=PROBLEM_TYPE)
