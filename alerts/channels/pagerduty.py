"""`pagerduty`: Events API v2, through the `pagerduty` client.

A firing alert triggers, an acknowledged one acknowledges, a resolved one resolves, under one `dedup_key` per episode: a trigger that arrives again after
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
from urllib.parse import quote

import httpx2
from pagerduty import Error as PagerDutyError
from pagerduty import EventsApiV2Client

from alerts.channels import ALERTS, Delivery, Picture, Ports, no_picture
from alerts.errors import TransportError
from alerts.http import Answer, Outgoing, accept
from alerts.pictures import CHARTED
from alerts.receiver_config import PagerDutyConfig

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
    severities: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    """A configured address, which takes the place of our own picture."""
    picture: Picture = field(default=no_picture, repr=False)

    def send(self, delivery: Delivery) -> None:
        payload = delivery.payload
        if "route" in payload or "version" in payload:
            self._change(payload)
            return
        client = _Client(self.routing_key, base_url=self.base_url, transport=_Transport(self), trust_env=False)
        key = dedup_key_of(payload)
        try:
            with client:
                if payload["status"] == "resolved":
                    client.resolve(key)
                elif payload["status"] == "acknowledged":
                    client.acknowledge(key)
                else:
                    client.send_event(
                        "trigger", dedup_key=key, **event_of(payload, self.severities, self._image(payload))
                    )
        except PagerDutyError:
            # What the client says may quote the request; and an answer it cannot read was still a 2xx.
            raise TransportError(
                f"pagerduty {self.name!r} gave an answer without a dedup_key", permanent=False
            ) from None

    def _image(self, payload: Mapping[str, Any]) -> str:
        """The address of the picture: as configured, or of our own chart where there is one; empty for none."""
        one = _first(payload)
        if self.image:
            return self.image.format(**{name: quote(value) for name, value in _shown(one).items()})
        return self.picture(one["alert"]) if one.get("rule_type") in CHARTED else ""

    def _change(self, payload: Mapping[str, Any]) -> None:
        """A change event: it tells nobody, and stands beside the incidents of its time."""
        body = json.dumps({"routing_key": self.routing_key, **change_of(payload)}).encode()
        transport = _Transport(self)
        request = httpx2.Request("POST", f"{self.base_url}/v2/change/enqueue", content=body)
        transport.handle_request(request)

    @classmethod
    def from_config(cls, config: PagerDutyConfig, ports: Ports) -> "PagerDutyChannel":
        return cls(
            config.name,
            config.routing_key.get_secret_value(),
            ports.outgoing,
            ports.now,
            config.base_url.rstrip("/"),
            config.severities,
            config.image,
            ports.picture,
        )


def dedup_key_of(payload: Mapping[str, Any]) -> str:
    """The incident's key: alert and episode; of a group its key and cycle.

    What begins anew after its end has a key of its own. PagerDuty would open a new incident for a key whose incident is
    resolved, too; but it takes events as they arrive, and a resolve that is late must not close the next incident.
    (Groups that were told before cycles were counted have none: their incident is found by the key alone.)
    """
    if "alerts" not in payload:
        return f"{payload['alert']}:{payload['episode']}"[:DEDUP_KEY_LIMIT]
    cycle = payload.get("cycle", 0)
    return f"group:{payload['group']}{f':{cycle}' if cycle else ''}"[:DEDUP_KEY_LIMIT]


def change_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The change event of a change of route, or of a version that was first seen."""
    if "route" in payload:
        share = f" ({payload['percent']:g}%)" if payload.get("percent") is not None else ""
        summary = f"{payload['model']}: the route is {payload['route']}{share}, by {payload['changed_by']}"
        time = payload["effective_at"]
    else:
        summary, time = f"{payload['model']}: version {payload['version']} was first seen", payload["first_seen"]
    details = dict(payload) if len(json.dumps(dict(payload))) < EVENT_LIMIT // 2 else {}
    return {
        "payload": {
            "summary": _cut(summary, SUMMARY_LIMIT),
            "source": f"model:{payload['model']}",
            "timestamp": time,
            "custom_details": details,
        }
    }


def event_of(
    payload: Mapping[str, Any], severities: Mapping[str, str] | None = None, image: str = ""
) -> dict[str, Any]:
    """The trigger event without keys, within PagerDuty's limits: details are left out where they do not fit.

    `image` is the address of a picture of the chart, over https; an incident of a group has that of its first alert.
    """
    one = _first(payload)
    severity = payload["severity"]
    body: dict[str, Any] = {
        "summary": _cut(payload["summary"], SUMMARY_LIMIT),
        "source": f"model:{one['model']}",
        "severity": (severities or {}).get(severity) or severity_of(severity),
        "timestamp": payload["evaluated_at"],
        "component": one["model"],
        "group": ",".join(one["attributes"]),
        "class": one["rule"],
        "custom_details": dict(payload),
    }
    links = [
        {"href": href, "text": text}
        for text, href in (one.get("links") or {}).items()
        if isinstance(href, str) and href
    ]
    event: dict[str, Any] = {"payload": body, "client": "fairdrift"}
    if links:
        event["links"] = links
        event["client_url"] = links[0]["href"]
    if image:
        shown = {"src": image, "alt": f"{one['metric']} by {', '.join(one['attributes'])}"}
        event["images"] = [{**shown, "href": links[0]["href"]} if links else shown]
    if len(json.dumps(event).encode()) > EVENT_LIMIT:
        body["custom_details"] = {"left_out": "the details are too long for an event; see the alert itself"}
    return event


def _first(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alert itself, or the first of a group."""
    first: Mapping[str, Any] = payload["alerts"][0] if payload.get("alerts") else payload
    return first


def _shown(one: Mapping[str, Any]) -> dict[str, str]:
    shown = {name: str(one[name]) for name in ("model", "rule", "metric")}
    return {**shown, "attributes": ",".join(one["attributes"])}


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
