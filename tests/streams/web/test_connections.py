"""Clients that mean no good, against the server as it is run: slow ones, endless ones, broken ones."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from streams.health import Probe
from streams.web import connections, worker_app
from streams.web.connections import LARGEST_HEAD, limits

PATIENCE = 30.0
"""A server that does not answer fails the test, on a busy machine too."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The health server of a worker."""
    yield from serving(worker_app(Probe(), CollectorRegistry()))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on it waits for heads no longer than 0.2 s; where an answer is wanted it has its ten seconds."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)


def serving(app: Starlette) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False, ws="none", **limits())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def said(port: int, *sent: bytes) -> tuple[int, dict[str, str], str]:
    """What the server says until it closes: status, headers, body."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        try:
            for part in sent:
                client.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


def problem(port: int, *sent: bytes) -> tuple[int, str]:
    status, headers, body = said(port, *sent)
    assert headers["content-type"] == "application/problem+json"
    told = json.loads(body)
    assert told["status"] == status
    return status, told["detail"]


@pytest.mark.usefixtures("impatient")
def test_a_client_that_sends_nothing_is_told_and_closed(port: int) -> None:
    assert problem(port) == (408, "a request's head arrives within 0.2 seconds")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("begun", [b"GET /health/live HT", b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b", b"\r\n"])
def test_a_head_that_never_ends_in_time(port: int, begun: bytes) -> None:
    assert problem(port, begun)[0] == 408


def test_the_second_request_of_a_connection_has_no_more_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in client.recv(65536)
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
        client.sendall(b"GET /health/li")
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert b'"status":408' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(40)) + b"\r\n",
    ],
    ids=["path", "headers"],
)
def test_a_head_that_is_too_long(port: int, head: bytes) -> None:
    assert problem(port, head) == (431, f"the head of a request has at most {LARGEST_HEAD} bytes")


def test_a_header_without_an_end(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        ended = False
        try:
            for part in (b"GET / HTTP/1.1\r\nX: ", *[b"v" * 65_536] * 64):
                client.sendall(part)
            ended = client.recv(10) in (b"", b"HTTP/1.1 4")
        except (BrokenPipeError, ConnectionResetError):
            ended = True
    assert ended


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "nonsense",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELO example\r\n\r\n", b"\x00" * 100],
)
def test_what_is_no_http(port: int, nonsense: bytes) -> None:
    status, _ = problem(port, nonsense)
    assert status in (400, 408)


def test_the_server_goes_on(port: int) -> None:
    status, headers, body = said(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status == 200
    assert json.loads(body)["status"] == "ok"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
