"""Connections that cannot be held open or filled up: uvicorn's HTTP protocol with an end to patience.

uvicorn has no time-out until a request's head is there, and no bound on its length: a client that sends a byte a minute
keeps a connection for ever ("slowloris"), one that never ends its headers fills the memory. Here a head has `HEAD_SECONDS`
and `LARGEST_HEAD`; bodies are bounded where they are read (`streams.web.endpoints.read_whole`).
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.web.endpoints import PROBLEM_TYPE, problem_body

HEAD_SECONDS = 10.0
LARGEST_HEAD = 32_768
"""Bytes of the request line and headers together: four times what common proxies let through."""

READ_AT_ONCE = 262_144
"""Bytes that the event loop reads at once, at most."""

TOO_LONG = (431, f"the head of a request has at most {LARGEST_HEAD} bytes")

MOST_CONNECTIONS = 2_000
"""More are answered 503 at once."""

IDLE_SECONDS = 30
"""So long a connection is kept between requests: a router's pool should not find its connections closed after each pause."""


class TooLong(Exception):
    """The head of a request has grown beyond `LARGEST_HEAD`."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    _head = 0
    _received = 0
    _timer: asyncio.TimerHandle | None = None
    _refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head begins with its first byte. The parser hands over a header only at its end: an endless one is seen here."""
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        if self._timer is not None:
            self._received += len(data)
            if self._received > LARGEST_HEAD + READ_AT_ONCE:  # the last chunk may hold the body's beginning too
                self._refusal = TOO_LONG
                self.send_400_response("")
                return
        super().data_received(data)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.in_time()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """A problem (RFC 9457) in the place of plain text."""
        status, detail = self._refusal or (400, "this is no HTTP request")
        self._refusal = None
        body = problem_body(status, detail)
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {PROBLEM_TYPE}\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self._cancel()
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            self.transport.close()

    def in_time(self) -> None:
        """What was waited for is here."""
        self._cancel()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            self._refusal = TOO_LONG
            raise TooLong

    def _await_head(self) -> None:
        self._head = self._received = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self._refusal = (408, f"a request's head arrives within {HEAD_SECONDS:g} seconds")
        self.send_400_response("")


def limits(http: type[Connection] = Connection) -> dict[str, Any]:
    """What uvicorn is told besides."""
    return {
        "http": http,
        "limit_concurrency": MOST_CONNECTIONS,
        "server_header": False,
        "headers": [("X-Content-Type-Options", "nosniff")],
        "timeout_graceful_shutdown": 20,
        "timeout_keep_alive": IDLE_SECONDS,
    }
