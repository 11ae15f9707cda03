"""Requests that mean no good: tokens, bodies, paths, too many of them. Each is told in JSON what was wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import unquote

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from streams.config import parse
from streams.web import apps, endpoints, operating, service_app
from streams.web.examples import common
from streams.web.rates import Allowed
from tests.streams import seeded
from tests.streams.web.conftest import SETTINGS, TOKEN

SILENCE = "/api/v1/silences"


@pytest.fixture
def slow(seeded_engine: sa.Engine) -> Iterator[TestClient]:
    """A service where each token may ask twice, and twice a second."""
    settings = parse(
        f"serve: {{tokens: [{TOKEN}], requests_per_second: 1}}\nmodels: [{{name: {seeded.MODEL}, attributes: {{sex: [F, M]}}}}]"
    )
    with TestClient(service_app(seeded_engine, settings), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


def problem(answer: httpx.Response) -> str:
    """The detail of a problem, after asserting that it is a whole one."""
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["title"]
    return str(told["detail"])


@pytest.mark.parametrize(
    "header",
    [b"Bearer \xff\xfe", b"Bearer " + b"x" * 20_000, b"Bearer fdt_" + b"x" * 10_000, b"Bearer a b c",
     b"Bearer fdt_'; drop table x; --", b"Basic Og==", b"bearer", b"Bearer \x00"],
    ids=range(8),
)  # fmt: skip
def test_tokens_that_are_none(client: TestClient, header: bytes) -> None:
    answer = client.get("/api/v1/models", headers=[(b"authorization", header)])
    assert answer.status_code == 401
    assert "Bearer <token>" in problem(answer)


def asked(app: ASGIApp, path: str, authorization: str = "") -> int:
    """The status of a GET whose path is as it was sent: clients would tidy it up."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": unquote(path), "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"authorization", authorization.encode())], "client": ("127.0.0.1", 1), "server": ("x", 1),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    status: int = sent[0]["status"]
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    return status


@pytest.mark.parametrize(
    "path",
    ["/runbooks/../../etc/passwd", "/runbooks/..%2f..%2fetc%2fpasswd", "/runbooks/threshold.md",
     "/runbooks/%00", "/runbooks/threshold%00", "/runbooks//threshold",
     "/health/live/../../api/v1/models", "/health/live/", "/health/live%2f", "/health/live;/api/v1/models", "//api/v1/models", "/API/V1/models",
     "/gate/..%2f..%2fhealth%2flive", "/%2e%2e/%2e%2e/etc/passwd", "/ofrep/v1/evaluate/flags/%00", "/" + "a/" * 2000],
)  # fmt: skip
def test_a_path_that_is_nearly_public_is_not(client: TestClient, path: str) -> None:
    assert asked(client.app, path) == 401
    assert asked(client.app, path, f"Bearer {TOKEN}") in (404, 405)


def test_an_evaluation_context_that_is_too_long(client: TestClient) -> None:
    answer = client.post("/ofrep/v1/evaluate/flags", content=b" " * 1_000_000)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "PARSE_ERROR"


async def told(chunks: AsyncIterator[bytes], headers: list[tuple[bytes, bytes]]) -> endpoints.ProblemError:
    """What `read_whole` says about a body that comes in these chunks."""

    async def receive() -> dict[str, Any]:
        try:
            return {"type": "http.request", "body": await anext(chunks), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    with pytest.raises(endpoints.ProblemError) as caught:
        await endpoints.read_whole(request, operating.LARGEST_BODY)
    return caught.value


class Sending:
    """Chunks without an end, and how many bytes of them were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __aiter__(self) -> "Sending":
        return self

    async def __anext__(self) -> bytes:
        self.taken += 1000
        return b" " * 1000


def test_an_announced_body_is_not_even_begun() -> None:
    endless = Sending()
    assert asyncio.run(told(endless, [(b"content-length", b"99999999999")])).status == 413
    assert endless.taken == 0


def test_a_body_without_an_end_is_read_no_further_than_allowed() -> None:
    endless = Sending()
    error = asyncio.run(told(endless, []))
    assert (error.status, error.headers) == (413, {"Connection": "close"})
    assert endless.taken <= operating.LARGEST_BODY + 1000


def test_a_body_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    documented = str(common("")["408"]["detail"])
    assert f" {endpoints.BODY_SECONDS:g} seconds" in documented
    told_then = documented.replace(f" {endpoints.BODY_SECONDS:g} ", " 0.05 ")
    monkeypatch.setattr(endpoints, "BODY_SECONDS", 0.05)
    error = asyncio.run(told(silent(), []))
    assert (error.status, error.detail) == (408, told_then)


def test_who_asks_too_often_is_told_when_to_come_back(slow: TestClient) -> None:
    answers = [slow.get("/api/v1/models") for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert refused
    assert problem(refused[0]) == "too many requests: ask less often"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert all(slow.post("/ofrep/v1/evaluate/flags", json={}).status_code == 200 for _ in range(20))
    assert slow.get("/health/live").status_code == 200


def test_guessing_is_slowed_down_and_shuts_nobody_out(
    monkeypatch: pytest.MonkeyPatch, seeded_engine: sa.Engine
) -> None:
    monkeypatch.setattr(apps, "GUESSES", Allowed(rate=0.001, burst=3))
    with TestClient(service_app(seeded_engine, SETTINGS)) as client:
        guesses = [
            client.get("/api/v1/models", headers={"Authorization": f"Bearer fdt_{n}"}).status_code for n in range(6)
        ]
        assert guesses == [401, 401, 401, 429, 429, 429]
        assert client.get("/api/v1/models", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_methods_and_kinds_that_nobody_offers(client: TestClient) -> None:
    for method in ("PUT", "PATCH", "TRACE", "OPTIONS", "FOO"):
        answer = client.request(method, "/api/v1/models")
        assert answer.status_code == 405
        problem(answer)
    assert client.post(SILENCE, content=b"<xml/>", headers={"Content-Type": "text/xml"}).status_code in (400, 403)
