"""Outgoing HTTP for notifications: one request to an address that somebody wrote into a configuration.

Whoever can write a receiver's URL must not thereby reach what only this machine reaches (OWASP API7:2023, server-side
request forgery), so, at every request:

- `https` only, unless `allow_http`; no user names in URLs;
- the name is resolved once, every address must be public (not private, loopback, link-local, multicast, reserved, nor
  such an address wrapped in IPv6) or within a configured network, and the connection goes to an address that was
  checked, so that a second resolution cannot give another one; the name stays in `Host` and in TLS;
- redirects are not followed, proxies of the environment are not asked;
- the whole exchange has a deadline, and the answer a size.

Built on httpcore, which lets the connection be made by us, and does none of the above by itself.
"""

import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Protocol
from urllib.parse import urlsplit

import httpcore

from alerts.errors import DestinationRefused, TransportError

logging.getLogger("httpcore").setLevel(logging.INFO)  # its debug log quotes answers, which may quote our secrets

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: IPv4 addresses inside IPv6."""


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """Where notifications may go, and for how long and how much. Times in seconds, sizes in bytes."""

    allow: tuple[Network, ...] = ()
    allow_http: bool = False
    connect_timeout: float = 5.0
    deadline: float = 15.0
    largest_answer: int = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. Header names are in lower case; the body is complete or cut at the policy's size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Resolve(Protocol):
    """All addresses of a name."""

    def __call__(self, host: str, port: int) -> Sequence[str]: ...


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order; TransportError if it has none now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransportError(f"the name {host!r} cannot be resolved: {error}", permanent=False) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def permitted(address: Address, allow: Iterable[Network]) -> bool:
    """Whether notifications may go to this address: it is public, or in one of the networks."""
    inner = _unwrapped(address)
    if any(one in network for network in allow for one in (address, inner)):
        return True
    return all(one.is_global and not one.is_multicast for one in (address, inner))


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else address)


class Outgoing:
    """Sends notifications under a policy. Safe to share between threads: every request has its own connection."""

    def __init__(
        self,
        policy: HttpPolicy | None = None,
        *,
        resolve: Resolve = resolve,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self.policy = policy or HttpPolicy()
        self._resolve = resolve
        self._network = network or httpcore.SyncBackend()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one POST: see `request`."""
        return self.request("POST", url, headers, body)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one request, whatever its status.

        Raises DestinationRefused for an address that the policy excludes, TransportError (not permanent) when no
        answer came.
        """
        place = self._checked(url)
        backend = _Guarded(self.policy, self._resolve, self._network)
        try:
            with httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend) as pool:
                return self._exchange(pool, (method, url), headers, body)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            what = f"no answer from {place}: {type(error).__name__} {error}".strip()
            raise TransportError(what, permanent=False) from None

    def check(self, host: str, port: int) -> None:
        """DestinationRefused if a name leads to an address that notifications may not go to.

        For what connects by itself (mail): it may be told another address when it asks again.
        """
        _Guarded(self.policy, self._resolve, self._network).addresses(host, port)

    def _checked(self, url: str) -> str:
        """Scheme and host of the URL, which is all of it that may be shown."""
        parts = urlsplit(url)
        schemes = ("https", "http") if self.policy.allow_http else ("https",)
        if parts.scheme not in schemes or not parts.hostname:
            raise DestinationRefused(
                f"an address starts with {' or '.join(f'{scheme}://' for scheme in schemes)} and names a host, "
                f"not with {parts.scheme or 'nothing'}://"
            )
        place = f"{parts.scheme}://{parts.hostname}"
        if parts.username is not None or parts.password is not None:
            raise DestinationRefused(f"the address at {place} holds a user name or password; use a signature instead")
        return place

    def _exchange(
        self, pool: httpcore.ConnectionPool, to: tuple[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        limit = self.policy.largest_answer
        sent: list[tuple[bytes | str, bytes | str]] = [("user-agent", "fairdrift"), ("accept-encoding", "identity")]
        sent += headers.items()
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self.policy.deadline)
        with pool.stream(*to, headers=sent, content=body, extensions={"timeout": timeout}) as response:
            read = b""
            for chunk in response.iter_stream():
                read += chunk
                if len(read) >= limit:
                    break
            named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, named, read[:limit])


class _Guarded(httpcore.NetworkBackend):
    """Connects to checked addresses only; everything it opens ends at the deadline."""

    def __init__(self, policy: HttpPolicy, resolve: Resolve, network: httpcore.NetworkBackend) -> None:
        self._policy = policy
        self._resolve = resolve
        self._network = network
        self._ends = time.monotonic() + policy.deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        error: Exception = httpcore.ConnectError("no address")
        for address in self.addresses(host, port):
            left = min(self._policy.connect_timeout, _left(self._ends, timeout))
            try:
                return _Timed(self._network.connect_tcp(address, port, left, local_address, socket_options), self._ends)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a name, all of them permitted; DestinationRefused otherwise."""
        found = [host] if _is_address(host) else list(self._resolve(host, port))
        for one in found:
            if not permitted(ipaddress.ip_address(one.split("%")[0]), self._policy.allow):
                raise DestinationRefused(
                    f"{host!r} leads to {one}, which is not a public address; "
                    "if that is meant, allow its network in the configuration"
                )
        return found


class _Timed(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, so that an answer that drips cannot hold a sender."""

    def __init__(self, stream: httpcore.NetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._ends, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._ends, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._ends, timeout)), self._ends)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(ends: float, timeout: float | None) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left if timeout is None else min(left, timeout)


@cache
def _tls() -> ssl.SSLContext:
    """The system's certificates: reading them takes tens of milliseconds, so once."""
    return ssl.create_default_context()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def retry_after(answer: Answer, now: datetime) -> float | None:
    """The seconds of a `Retry-After` header (a number or a date, RFC 9110 10.2.3); None without a readable one."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def accept(answer: Answer, who: str, now: datetime, detail: str = "") -> None:
    """Returns for 2xx. 429 and 5xx raise TransportError to be retried; every other status a permanent one.

    Alertmanager's rule. Redirects are failures (Standard Webhooks); `detail` must be free of secrets.
    """
    if 200 <= answer.status < 300:
        return
    said = f"{who} answered {answer.status}{f': {detail}' if detail else ''}"
    if 300 <= answer.status < 400:
        raise TransportError(f"{said}; redirects are not followed", permanent=True)
    again = answer.status == 429 or answer.status >= 500
    raise TransportError(said, permanent=not again, retry_after=retry_after(answer, now) if again else None)
