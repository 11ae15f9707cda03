import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import httpcore
import pytest

from alerts.errors import DestinationRefused, TransportError
from alerts.http import Answer, HttpPolicy, Outgoing, accept, permitted, retry_after
from tests.alerts.receiving import LOOPBACK, Reply, receiver

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:1:1:1:1:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(address: str) -> None:
    assert not permitted(ip_address(address), ())


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert permitted(ip_address(address), ())


def test_a_network_that_is_allowed_opens_itself_and_nothing_else() -> None:
    allow = (ip_network("10.1.0.0/16"),)
    assert permitted(ip_address("10.1.2.3"), allow)
    assert permitted(ip_address("::ffff:10.1.2.3"), allow)
    assert not permitted(ip_address("10.2.0.1"), allow)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "starts with https"),
        ("ftp://example.com/", "starts with https"),
        ("file:///etc/passwd", "starts with https"),
        ("https:///nohost", "names a host"),
        ("https://user:geheim@example.com/", "user name or password"),
    ],
)
def test_addresses_of_another_kind_are_refused(url: str, said: str) -> None:
    with pytest.raises(DestinationRefused, match=said) as raised:
        Outgoing().post(url, {}, b"")
    assert raised.value.permanent
    assert "geheim" not in str(raised.value)


def test_loopback_is_refused_unless_allowed() -> None:
    with receiver() as there:
        closed = Outgoing(HttpPolicy(allow_http=True))
        with pytest.raises(DestinationRefused, match="not a public address"):
            closed.post(there.url, {}, b"")
        assert there.got == []
        assert Outgoing(LOOPBACK).post(there.url, {"x-a": "b"}, b"hello").status == 200
        assert (there.got[0].body, there.got[0].headers["x-a"]) == (b"hello", "b")


def test_a_name_is_refused_when_one_of_its_addresses_is() -> None:
    rebound = Outgoing(HttpPolicy(), resolve=lambda host, port: ["93.184.215.14", "127.0.0.1"])
    with pytest.raises(DestinationRefused, match=r"'hooks.example' leads to 127.0.0.1"):
        rebound.post("https://hooks.example/secret-path", {}, b"")


class Recording(httpcore.MockBackend):
    """Answers 200 to everybody and keeps where it was asked to connect to, and for whom."""

    def __init__(self) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"])
        self.connected: list[str] = []
        self.names: list[str | None] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append(f"{host}:{port}")
        stream, names = super().connect_tcp(host, port), self.names

        def start_tls(
            ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore.NetworkStream:
            names.append(server_hostname)
            return stream

        stream.start_tls = start_tls  # type: ignore[method-assign]
        return stream


def test_connects_to_the_checked_address_under_the_configured_name() -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"]

    network = Recording()
    assert Outgoing(HttpPolicy(), resolve=once, network=network).post("https://hooks.example/x", {}, b"").status == 200
    assert asked == ["hooks.example"]
    assert network.connected == ["93.184.215.14:443"]
    assert network.names == ["hooks.example"]


def test_redirects_are_not_followed() -> None:
    with receiver() as target, receiver(lambda request: Reply(302, {"location": target.url})) as there:
        answer = Outgoing(LOOPBACK).post(there.url, {}, b"")
        assert (answer.status, target.got) == (302, [])


def test_a_long_answer_is_cut() -> None:
    with receiver(lambda request: Reply(body=b"x" * 1_000_000)) as there:
        answer = Outgoing(replace(LOOPBACK, largest_answer=1000)).post(there.url, {}, b"")
        assert answer.body == b"x" * 1000


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.02):
                    try:
                        connection.sendall(b"x-a: b\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(TransportError, match=r"no answer from http://127.0.0.1") as raised:
            Outgoing(replace(LOOPBACK, deadline=0.3)).post(url, {}, b"")
        done.set()
        thread.join()
        assert not raised.value.permanent


def test_nobody_there_is_worth_another_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TransportError, match="no answer") as raised:
        Outgoing(LOOPBACK).post(f"http://127.0.0.1:{port}/path?token=geheim", {}, b"")
    assert not raised.value.permanent
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30.0), ("Fri, 20 Nov 2026 10:01:00 GMT", 60.0), ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(Answer(429, {"retry-after": text}, b""), NOW) == seconds


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (503, False), (429, False), (400, True), (404, True), (410, True), (301, True)],
)
def test_which_statuses_are_worth_another_attempt(status: int, permanent: bool) -> None:
    with pytest.raises(TransportError, match=f"hook answered {status}") as raised:
        accept(Answer(status, {}, b""), "hook", NOW)
    assert raised.value.permanent is permanent


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_2xx_is_taken(status: int) -> None:
    accept(Answer(status, {}, b""), "hook", NOW)
