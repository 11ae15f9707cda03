"""The short way to a flag: it gives what the application gives, and leaves to it whatever it cannot answer by itself."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import sqlalchemy as sa
import uvicorn
from starlette.types import Receive, Scope, Send

from alerts.control import Route
from alerts.operators import Person, Wish
from streams.controls import Controls
from streams.database import engine as make_engine
from streams.web import service_app
from streams.web.ofrep import LARGEST_BODY
from streams.web.protocol import FlagProtocol
from tests.services.databases import Databases
from tests.streams import seeded
from tests.streams.web.conftest import OTHER, SETTINGS, TOKEN
from tests.streams.web.test_flags import eventually

ALL = "/ofrep/v1/evaluate/flags"
ONE = f"{ALL}/{seeded.MODEL}"
KNOWN = {"Authorization": f"Bearer {TOKEN}", "Host": "flags.test"}
ADA = Person("ada", "trying it")


class Served:
    """A server in a thread, and the paths that its application was asked for."""

    def __init__(self, engine: sa.Engine, protocol: type[FlagProtocol] | str) -> None:
        self.asked: list[str] = []
        self._app = service_app(engine, SETTINGS)
        self._listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self._recorded, interface="asgi3", http=protocol, log_level="warning", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self.port: int = self._listener.getsockname()[1]

    async def _recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += [scope["path"]] if scope["type"] == "http" else []
        await self._app(scope, receive, send)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers without the date, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            given = {
                name.lower(): value for name, value in answer.getheaders() if name.lower() not in ("date", "server")
            }
            return answer.status, given, answer.read()
        finally:
            connection.close()

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as made:
            yield made


def is_split(server: Served) -> bool:
    return server.ask("POST", ONE, b"{}", KNOWN)[0] == 400


@pytest.fixture(scope="module")
def both(databases: Databases) -> Iterator[tuple[Served, Served]]:
    """The service as `fairdrift serve` runs it, and on uvicorn's own protocol, with a canary."""
    with databases.fresh() as url:
        engine = make_engine(url)
        Controls(engine, SETTINGS).set(seeded.MODEL, Wish(Route.CANARY, 40.0), ADA)
        short, plain = Served(engine, FlagProtocol), Served(engine, "httptools")
        for server in (short, plain):
            server.start()
        try:
            for server in (short, plain):  # the listener is open before the board is read
                eventually(partial(is_split, server))
            yield short, plain
        finally:
            for server in (short, plain):
                server.stop()
            engine.dispose()


def key(name: str) -> bytes:
    return json.dumps({"context": {"targetingKey": name}}).encode()


SHORT = {
    "a key on one side": (ONE, key("a"), {}),
    "a key on the other": (ONE, key("c"), {}),
    "no key": (ONE, b"{}", {}),
    "no body": (ONE, b"", {}),
    "no split": (f"{ALL}/{OTHER}", key("a"), {}),
    "no such flag": (f"{ALL}/typo", key("a"), {}),
    "no JSON": (ONE, b"{", {}),
    "another type": (ONE, b'{"context": {"targetingKey": 5}}', {}),
    "too long": (ONE, b'{"context": "' + b"x" * LARGEST_BODY + b'"}', {}),
    "all": (ALL, key("a"), {}),
    "all without a key": (ALL, b"", {}),
    "all, broken": (ALL, b"\xff", {}),
    "all, as the client has it": (ALL, key("a"), {"If-None-Match": "*"}),
    "the connection ends": (ONE, key("a"), {"Connection": "close"}),
}

LONG = {
    "no token": ("POST", ONE, {"Authorization": ""}),
    "a wrong token": ("POST", ONE, {"Authorization": "Bearer wrong"}),
    "another method": ("GET", ONE, {}),
    "a path below": ("POST", f"{ONE}/below", {}),
    "a path beside": ("POST", f"{ALL}-other", {}),
    "nothing named": ("POST", f"{ALL}/", {}),
    "an encoded name": ("POST", f"{ALL}/%63redit-limit", {}),
    "something else": ("GET", "/health/live", {}),
}


@pytest.mark.parametrize("name", SHORT)
def test_the_short_way_gives_what_the_application_gives(both: tuple[Served, Served], name: str) -> None:
    path, body, headers = SHORT[name]
    (short, plain), headers = both, {**KNOWN, **headers}
    before = len(short.asked)
    assert short.ask("POST", path, body, headers) == plain.ask("POST", path, body, headers)
    assert len(short.asked) == before, "the application was asked"


@pytest.mark.parametrize("name", LONG)
def test_the_rest_is_the_applications(both: tuple[Served, Served], name: str) -> None:
    method, path, headers = LONG[name]
    (short, plain), headers = both, {**KNOWN, **headers}
    before = len(short.asked)
    assert short.ask(method, path, b"", headers) == plain.ask(method, path, b"", headers)
    assert len(short.asked) == before + 1


def request(path: str, body: bytes, method: str = "POST") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answers(made: socket.socket, count: int) -> list[tuple[int, dict[str, object]]]:
    """So many answers of one connection, in order."""
    found: list[tuple[int, dict[str, object]]] = []
    data = b""
    while len(found) < count:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) if end else 0
        if end and len(rest) >= length:
            found.append((int(head.split()[1]), json.loads(rest[:length])))
            data = rest[length:]
            continue
        more = made.recv(65_536)
        assert more, "closed"
        data += more
    return found


def test_a_request_in_pieces(both: tuple[Served, Served]) -> None:
    sent = request(ONE, key("a"))
    with both[0].connected() as made:
        for byte in range(len(sent)):
            made.sendall(sent[byte : byte + 1])
        ((status, told),) = answers(made, 1)
    assert status == 200 and told["key"] == seeded.MODEL


def test_requests_behind_each_other_are_answered_in_order(both: tuple[Served, Served]) -> None:
    asked = [request(ONE, key("a")), request("/api/v1/models", b"", "GET"), request(f"{ALL}/typo", b"{}")]
    with both[0].connected() as made:
        made.sendall(b"".join(asked * 5))
        found = answers(made, 15)
    assert [status for status, _ in found] == [200, 200, 404] * 5
    assert [min(told) for _, told in found] == ["key", "items", "errorCode"] * 5


def test_an_old_client_gets_its_answer_and_the_end(both: tuple[Served, Served]) -> None:
    body = key("a")
    head = f"POST {ONE} HTTP/1.0\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(body)}\r\n\r\n"
    with both[0].connected() as made:
        made.sendall(head.encode() + body)
        assert answers(made, 1)[0][0] == 200
        assert made.recv(1) == b""


def test_a_change_is_seen_and_an_etag_ends_with_it(databases: Databases) -> None:
    with databases.fresh() as url:
        engine = make_engine(url)
        server = Served(engine, FlagProtocol)
        server.start()
        try:
            tag = server.ask("POST", ALL, key("a"), KNOWN)[1]["etag"]
            held = {**KNOWN, "If-None-Match": tag}
            assert server.ask("POST", ALL, key("a"), held)[0] == 304
            Controls(engine, SETTINGS).set(OTHER, Wish(Route.FALLBACK), ADA)
            eventually(lambda: server.ask("POST", ALL, key("a"), held)[0] == 200)
        finally:
            server.stop()
            engine.dispose()
