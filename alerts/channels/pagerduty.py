"""`pagerduty`: Events API v2, through the `pagerduty` client.

A firing alert triggers, a resolved one resolves, under one `dedup_key` per episode: a trigger that arrives again after
its resolve would open a new incident, and must not be taken for the next episode's. Limits: summary 1024 characters,
dedup_key 255, event 512 KB; a 202 means accepted, 400 never to be retried, 429 and 5xx to be retried. Source:
PagerDuty's developer documentation, "Events API v2" (2026-08).

The client retries by itself, without end on 429, and speaks to any address. So it is given a transport that sends
through `alerts.http` and raises at once: waiting is the dispatcher's business, and the address is checked like every
other.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import httpx2
from pagerduty import Error as PagerDutyError
from pagerduty import EventsApiV2Client

from alerts.channels import ALERTS, Delivery, Ports
from alerts.config import PagerDutyConfig
from alerts.errors import TransportError
from alerts.http import Answer, Outgoing, accept

BASE_URL = "https://events.pagerduty.com"
SUMMARY_LIMIT = 1024
DEDUP_KEY_LIMIT = 255
EVENT_LIMIT = 512_000

SEVERITIES = {"page": "critical", "ticket": "warning", "info": "info"}
"""Ours to PagerDuty's; its own words (critical, error, warning, info) pass unchanged, anything else is an error."""


@dataclass(frozen=True, slots=True)
class PagerDutyChannel:
    """One integration key of a PagerDuty service. `base_url` for the EU region or a proxy."""

    type: ClassVar[str] = "pagerduty"
    tells: ClassVar[str] = ALERTS

    name: str
    routing_key: str = field(repr=False)
    outgoing: Outgoing = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    base_url: str = BASE_URL

    def send(self, delivery: Delivery) -> None:
        payload = delivery.payload
        client = _Client(self.routing_key, base_url=self.base_url, transport=_Transport(self), trust_env=False)
        try:
            with client:
                if payload["status"] == "resolved":
                    client.resolve(dedup_key_of(payload))
                else:
                    client.send_event("trigger", dedup_key=dedup_key_of(payload), **event_of(payload))
        except PagerDutyError:
            # What the client says may quote the request; and an answer it cannot read was still a 2xx.
            raise TransportError(
                f"pagerduty {self.name!r} gave an answer without a dedup_key", permanent=False
            ) from None

    @classmethod
    def from_config(cls, config: PagerDutyConfig, ports: Ports) -> "PagerDutyChannel":
        return cls(config.name, config.routing_key.get_secret_value(), ports.outgoing, ports.now, config.base_url)


def dedup_key_of(payload: Mapping[str, Any]) -> str:
    """The incident's key: alert and episode."""
    return f"{payload['alert']}:{payload['episode']}"[:DEDUP_KEY_LIMIT]


def event_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The trigger event without keys, within PagerDuty's limits: details are left out where they do not fit."""
    body: dict[str, Any] = {
        "summary": _cut(payload["summary"], SUMMARY_LIMIT),
        "source": f"model:{payload['model']}",
        "severity": severity_of(payload["severity"]),
        "timestamp": payload["evaluated_at"],
        "component": payload["model"],
        "group": ",".join(payload["attributes"]),
        "class": payload["rule"],
        "custom_details": dict(payload),
    }
    links = [
        {"href": href, "text": text}
        for text, href in (payload.get("links") or {}).items()
        if isinstance(href, str) and href
    ]
    event: dict[str, Any] = {"payload": body, "client": "fairdrift"}
    if links:
        event["links"] = links
        event["client_url"] = links[0]["href"]
    if len(json.dumps(event).encode()) > EVENT_LIMIT:
        body["custom_details"] = {"left_out": "the details are too long for an event; see the alert itself"}
    return event


def severity_of(severity: str) -> str:
    """PagerDuty's word for a severity."""
    return SEVERITIES.get(severity, severity if severity in ("critical", "error", "warning") else "error")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


class _Client(EventsApiV2Client):
    """The client without its own rule about schemes: `alerts.http` judges those, by configuration."""

    @property
    def url(self) -> str:
        return str(self._url)

    @url.setter
    def url(self, new_base_url: str) -> None:
        self._url = new_base_url


class _Transport(httpx2.BaseTransport):
    """Sends the client's requests through `alerts.http`; the client sees only answers that were accepted."""

    def __init__(self, channel: PagerDutyChannel) -> None:
        self._channel = channel

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        channel = self._channel
        answer = channel.outgoing.post(str(request.url), {"content-type": "application/json"}, request.read())
        accept(answer, f"pagerduty {channel.name!r}", channel.now(), self._detail(answer))
        return httpx2.Response(answer.status, headers={"content-type": "application/json"}, content=answer.body)

    def _detail(self, answer: Answer) -> str:
        """What PagerDuty found wrong with the event (the `errors` of a 400), without the key."""
        try:
            errors = json.loads(answer.body)["errors"]
        except (ValueError, KeyError, TypeError):
            return ""
        said = "; ".join(str(one) for one in errors) if isinstance(errors, list) else ""
        return _cut(said.replace(self._channel.routing_key, "***"), 300)


CHANNEL = PagerDutyChannel
