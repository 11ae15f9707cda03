"""What an endpoint is, and how every one answers: JSON, and problems by RFC 9457."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
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
    signed: bool = False
    """Needs no token: the address itself is signed, and the handler looks. Nothing else is below its first part."""


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


def problem_body(status: int, detail: str) -> bytes:
    """RFC 9457: `type`, `title`, `status`, `detail`."""
    title = HTTPStatus(status).phrase
    return msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})


def problem(error: ProblemError) -> Response:
    """The answer that tells an error."""
    return Response(problem_body(error.status, error.detail), error.status, error.headers, media_type=PROBLEM_TYPE)


BODY_SECONDS = 10.0
"""So long a body may take: the longest is 64 KiB."""


async def read_whole(request: Request, largest: int) -> bytes:
    """The body. ProblemError 413 if it is longer than `largest` bytes, 408 if it does not arrive in time."""
    body = bytearray()
    too_large = ProblemError(413, f"the body is longer than {largest} bytes", {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > largest:
        raise too_large
    async with patience():
        async for chunk in request.stream():
            body += chunk
            if len(body) > largest:
                raise too_large
    return bytes(body)


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """For reading a body: ProblemError 408 if it takes longer than `BODY_SECONDS`."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError:
        told = f"the body did not arrive within {BODY_SECONDS:g} seconds"
        raise ProblemError(408, told, {"Connection": "close"}) from None
