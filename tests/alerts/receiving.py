"""A receiver on loopback that answers as it is told and keeps what it got."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

from alerts.http import HttpPolicy

LOOPBACK = HttpPolicy(allow=(ip_network("127.0.0.0/8"),), allow_http=True, connect_timeout=5, deadline=10)
"""What a test allows: plain HTTP to this machine."""


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass(slots=True)
class Receiver:
    """`answer` decides about each request; `got` holds them in order of arrival."""

    url: str
    got: list[Request]
    answer: Callable[[Request], Reply]


@contextmanager
def receiver(answer: Callable[[Request], Reply] = lambda request: Reply()) -> Iterator[Receiver]:
    """Serves on a free port of 127.0.0.1 until the block ends."""
    this = Receiver("", [], answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            this.got.append(request)
            reply = this.answer(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *said: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    this.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield this
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
