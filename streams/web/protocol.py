"""uvicorn's HTTP protocol, with a short way for OFREP: routers ask a thousand times a second.

A POST to `/ofrep/v1/evaluate/flags...` whose token is known is answered where its last byte is read: no task, no messages of
ASGI, no middleware, no routing. Everything else goes uvicorn's way to the application, which gives the same answers by the
same functions (`streams.web.ofrep`): the first question of a token of the database, a board that was not read yet, a
client that does not read what it is sent.

Why (2026-11): of 260 us of processor time a request, the application took 140 and uvicorn's task and messages 60; beside a
worker under full load on two cores the processor is what answers wait for.
"""

import asyncio
import http
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from streams.web.connections import Connection
from streams.web.ofrep import ALL, LARGEST_BODY, Answers, AtOnce, Reply, flag_of

STATE = "ofrep"
"""Where the application's lifespan leaves its `AtOnce`."""

_PATH = ALL.encode()
_CLOSE = b"connection: close\r\n"
_STATUS = {code: f"HTTP/1.1 {code} {http.HTTPStatus(code).phrase}\r\n".encode() for code in (200, 304, 400, 404)}


class FlagProtocol(Connection):
    """One connection. uvicorn calls the `on_` methods as httptools reads a request."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._at_once: AtOnce | None = app_state.get(STATE)
        self._asked: tuple[Answers, str, str] | None = None
        """of the request that is being read: the answers, the flag, and what the client has (If-None-Match)"""
        self._body = b""

    def on_headers_complete(self) -> None:
        """Decides which way the request goes."""
        self._asked = self._answerable() if self.url.startswith(_PATH) else None
        self._body = b""
        if self._asked is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; what is too long need not be kept."""
        if self._asked is None:
            super().on_body(body)
        elif len(self._body) <= LARGEST_BODY:
            self._body += body

    def on_message_complete(self) -> None:
        """The request was read."""
        if self._asked is None:
            super().on_message_complete()
            return
        self.in_time()
        (answers, flag, known), self._asked = self._asked, None
        self._answer(answers.reply(flag, self._body, known))

    def _answerable(self) -> tuple[Answers, str, str] | None:
        """What is asked, if it can be answered here, and at once: nothing before it is unanswered or unread."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if self._at_once is None or busy or self.flow.write_paused or self.expect_100_continue:
            return None
        flag = flag_of(self.url.decode("latin-1"))
        if flag is None or b"%" in self.url or self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            return None
        headers = dict(self.headers)
        answers = self._at_once.answers(headers.get(b"authorization", b"").decode("latin-1"))
        return None if answers is None else (answers, flag, headers.get(b"if-none-match", b"").decode("latin-1"))

    def _answer(self, reply: Reply) -> None:
        stays = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        given = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(b"%b%b%b%b" % (_STATUS[reply.status], given, b"" if stays else _CLOSE, reply.wire))
        if not stays:
            self.transport.close()
        self.on_response_complete()
