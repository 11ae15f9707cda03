"""`apprise`: Slack, Teams, mail, Opsgenie and a hundred more by URL, through the Apprise library (https://appriseit.com).

The library speaks HTTP through `requests`, to any address, with redirects. Here its requests go through `alerts.http`
instead, so that everything that holds for other channels holds for these: addresses checked at the time of connecting, no
redirects, no proxy of the environment, a deadline, and the status (429, `Retry-After`) that the library would hide. That is
done where all of `requests` comes together, `HTTPAdapter.send`, for the thread that sends and as long as it does.

Mail does not speak HTTP: the address of its server is checked before, so it is not safe from a name that changes in between;
its time-outs are the library's. What speaks neither (desktop notifications, MQTT, syslog, IRC ...) is refused.

What a service's plugin takes without sending anything is an error here. Opsgenie's alerts are named by us (`alerts/opsgenie.py`):
a repeat makes no second one, and an end closes it whichever process tells it.

The library logs what it sends and to where: its log is off.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import SecretStr

from alerts.channels import ALERTS, Delivery, Ports
from alerts.channels.pagerduty import dedup_key_of
from alerts.errors import TransportError
from alerts.http import Outgoing, accept
from alerts.opsgenie import action_on, alias_of
from alerts.receiver_config import ReceiverConfig
from monitor.sections import Problem

if TYPE_CHECKING:  # it takes half a second to import: only where such a receiver is configured
    import apprise
    import requests

logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

TYPES = {"page": "failure", "ticket": "warning", "info": "info"}
"""A severity as Apprise's type of notification, which chooses colours and icons."""


class AppriseConfig(ReceiverConfig):
    """A service by Apprise's URL, as in slack://TokenA/TokenB/TokenC/#channel or mailtos://user:password@example.com."""

    type: Literal["apprise"]
    url: SecretStr

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        plugin = _plugin(self.url.get_secret_value())
        if plugin is None:
            yield ("url",), "is no URL that Apprise knows; see https://appriseit.com/services"
        elif not _speaks_http(plugin) and not _mail_server(plugin):
            yield ("url",), f"{plugin.service_name} speaks neither HTTP nor mail, so where it goes cannot be checked"
        elif self.heartbeat and _is_opsgenie(plugin):
            yield ("heartbeat",), "Opsgenie would page that all is well; send it to its heartbeat API by webhook"


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """One service."""

    type: ClassVar[str] = "apprise"
    tells: ClassVar[str] = ALERTS

    name: str
    url: str = field(repr=False)
    outgoing: Outgoing = field(repr=False)

    def send(self, delivery: Delivery) -> None:
        plugin, payload = _plugin(self.url), told_of(delivery.payload)
        if plugin is None:
            raise TransportError(f"apprise {self.name!r} has a URL that Apprise does not know", permanent=True)
        if server := _mail_server(plugin):
            self.outgoing.check(server, plugin.port or 587)
        if _is_opsgenie(plugin) and self._done_at_opsgenie(plugin, delivery.payload):
            return
        with _through(self.outgoing, self.name) as sent:
            title, kind = title_of(payload), kind_of(payload)
            done = plugin.notify(body=str(payload.get("description") or title), title=title, notify_type=kind)
        if sent.error is not None:
            raise sent.error
        if not done:
            raise TransportError(f"apprise {self.name!r} was not taken by {plugin.service_name}", permanent=False)
        if not sent.requests and not server:
            raise TransportError(f"apprise {self.name!r}: {plugin.service_name} was sent nothing", permanent=True)

    def _done_at_opsgenie(self, plugin: Any, payload: Mapping[str, Any]) -> bool:
        """Name the alert that is about to be made, or end or acknowledge the one that is there: then there is no more to do."""
        from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP

        plugin.action = "new"  # not by the type of notification, which makes nothing of an `info`
        if "status" not in payload:
            return False
        plugin.alias = alias_of(dedup_key_of(payload))
        asked = action_on(plugin.alias, payload, OPSGENIE_API_LOOKUP[plugin.region_name], plugin.apikey)
        if asked is None:
            return False
        accept(self.outgoing.request("POST", *asked), f"apprise {self.name!r}", datetime.now(UTC))
        return True

    @classmethod
    def from_config(cls, config: AppriseConfig, ports: Ports) -> "AppriseChannel":
        return cls(config.name, config.url.get_secret_value(), ports.outgoing)


def told_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload, or what stands for it where it is no alert: a change of route, a version."""
    if "route" in payload:
        summary = (
            f"{payload['model']}: the route is {payload['route']}, by {payload['changed_by']}: {payload['reason']}"
        )
    elif "version" in payload:
        summary = f"{payload['model']}: version {payload['version']} was first seen"
    else:
        return payload
    return {"status": "changed", "severity": "info", "summary": summary}


def title_of(payload: Mapping[str, Any]) -> str:
    """The status and the summary."""
    return f"[{payload['status'].upper()}] {payload['summary']}"


def kind_of(payload: Mapping[str, Any]) -> "apprise.NotifyType":
    """What Apprise calls the type: success for an end, else by severity."""
    import apprise

    word = "success" if payload["status"] in ("resolved", "well") else TYPES.get(payload["severity"], "warning")
    return apprise.NotifyType(word)


def _plugin(url: str) -> Any:
    """The library's object for a URL, which sends in the calling thread, once; None for a URL that it does not know."""
    import apprise

    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, storage_mode=apprise.PersistentStoreMode.MEMORY)
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.request_rate_per_sec = 0
    return plugin


def _speaks_http(plugin: Any) -> bool:
    return any("requests" in vars(sys.modules[kind.__module__]) for kind in type(plugin).__mro__[:2])


def _is_opsgenie(plugin: Any) -> bool:
    return type(plugin).__name__ == "NotifyOpsgenie"


def _mail_server(plugin: Any) -> str:
    return getattr(plugin, "smtp_host", "") or ""


@dataclass(slots=True)
class _Sent:
    """Through what one notification goes, how many requests it made, and the first thing that went wrong."""

    outgoing: Outgoing
    name: str
    error: TransportError | None = None
    requests: int = 0


_sending: ContextVar[_Sent | None] = ContextVar("apprise_sending", default=None)


@contextlib.contextmanager
def _through(outgoing: Outgoing, name: str) -> Iterator[_Sent]:
    """Within it, all that this thread sends by `requests` goes through `alerts.http`."""
    _divert()
    sent = _Sent(outgoing, name)
    token = _sending.set(sent)
    try:
        yield sent
    finally:
        _sending.reset(token)


@cache
def _divert() -> None:
    """Puts the switch into `requests`, once: who is not within `_through` is sent on as ever."""
    import requests

    original = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: "requests.PreparedRequest", *args: Any, **options: Any) -> "requests.Response":
        sent = _sending.get()
        if sent is None:
            return original(self, request, *args, **options)
        try:
            return _exchanged(sent, request)
        except TransportError as error:
            sent.error = sent.error or error
            raise requests.ConnectionError("refused") from None

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]


def _exchanged(sent: _Sent, request: "requests.PreparedRequest") -> "requests.Response":
    import requests

    body = request.body or b""
    if not isinstance(body, str | bytes):
        raise TransportError(f"apprise {sent.name!r} sends a stream, which is not supported", permanent=True)
    headers = {str(k): str(v) for k, v in request.headers.items() if k.lower() not in ("accept-encoding", "user-agent")}
    data = body.encode() if isinstance(body, str) else body
    sent.requests += 1
    answer = sent.outgoing.request(request.method or "POST", request.url or "", headers, data)
    accept(answer, f"apprise {sent.name!r}", datetime.now(UTC))
    response = requests.Response()
    response.status_code, response.url, response.request = answer.status, request.url or "", request
    response.headers.update(answer.headers)
    response._content = answer.body  # noqa: SLF001 - what an adapter sets; the library offers no other way
    return response


CHANNEL = AppriseChannel
