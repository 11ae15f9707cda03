"""The webhook receiver of the demo, and an example of one: verify, then read.

Standard Webhooks: the signature is over id, time and raw body, so it is checked before the body is parsed.
"""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook whose signature was valid: its id, its body, and when it came (`time.monotonic`)."""

    id: str
    body: dict[str, Any]
    arrived: float


class Receiver:
    """Listens on a free port of the loopback interface; answers 204 to a valid signature, 401 to any other, and repeats are one delivery."""

    def __init__(self, secret: str) -> None:
        self._verify = Webhook(secret).verify
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="webhook-receiver", daemon=True
        )

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self._server.server_port}/page"

    @property
    def deliveries(self) -> list[Delivery]:
        """The valid deliveries so far, in order of arrival."""
        with self._lock:
            return list(self._deliveries.values())

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        """The status to answer to a request."""
        try:
            self._verify(body, headers)
            delivery = Delivery(headers["webhook-id"], json.loads(body), time.monotonic())
        except (WebhookVerificationError, ValueError):
            self.refused += 1
            return 401
        with self._lock:
            self._deliveries.setdefault(delivery.id, delivery)
        return 204

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = receiver.receive({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the demo shows deliveries itself."""

    return Handler
