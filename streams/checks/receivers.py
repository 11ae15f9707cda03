"""Whom we tell: whether the addresses are such as delivery would go to. Nothing is sent."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

from alerts.errors import TransportError
from alerts.http import permitted, resolve
from alerts.receiver_config import ReceiverConfig
from streams.checks.findings import Finding, failure, ok
from streams.settings import Settings

PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[str]]


def check(settings: Settings, resolve: Resolve = resolve) -> Iterator[Finding]:
    """Findings about every receiver with an address. They name host and port, never the path: it may hold a secret."""
    for receiver in settings.receivers:
        if receiver.type == "apprise":
            continue  # its URL names a service, not an address; checked at the time of connecting
        url = _url(receiver)
        if url:
            yield _address(settings, f"receiver {receiver.name}", url, resolve)


def _url(receiver: ReceiverConfig) -> str:
    value = getattr(receiver, "url", None) or getattr(receiver, "base_url", None)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def _address(settings: Settings, where: str, url: str, resolve: Resolve) -> Finding:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return failure(where, "its URL cannot be read", "write it as https://host/path")
    if parts.scheme not in PORTS or not parts.hostname:
        return failure(where, "its URL is not http or https with a host", "write it as https://host/path")
    if parts.scheme == "http" and not settings.delivery.allow_http:
        return failure(
            where,
            f"{parts.hostname} is reached by plain http, which is refused",
            "use https, or set delivery.allow_http: true",
        )
    if parts.username or parts.password:
        return failure(where, "its URL holds a user name or password", "leave it out: webhooks are signed")
    try:
        found = resolve(parts.hostname, port)
    except TransportError as error:
        return failure(where, str(error), "see its spelling, and the name service of this machine")
    refused = [
        each for each in found if not permitted(ipaddress.ip_address(each.partition("%")[0]), settings.delivery.allow)
    ]
    if refused:
        told = f"{parts.hostname} is at {', '.join(refused)}, which is not public"
        return failure(where, told, f"if that is meant, allow it: delivery.allow: [{refused[0]}]")
    return ok(where, f"{parts.hostname}:{port} is an address that may be told")
