"""`alertmanager`: alerts for an Alertmanager of one's own, by its API (`POST /api/v2/alerts`), as Prometheus sends them.

Alertmanager groups, silences and routes by itself; so each alert is sent for itself. It keeps alerts in memory only and ends
those that have no news: so what fires is sent again every `resend`, and with an end so far away that an outage of ours
resolves nothing. An end is sent with its time, and Alertmanager ignores what it has seen. Source: Alertmanager's
`api/v2/openapi.yaml` (0.25 to 0.34) and "Sending alerts" of its documentation.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from alerts.channels import ALERTS, Delivery, Ports
from alerts.http import Outgoing, accept
from alerts.receiver_config import ReceiverConfig
from monitor.sections import Duration
from monitor.times import MINUTE

FAR = timedelta(days=30)
"""So long an alert fires in Alertmanager without news from us."""

UNFIT = re.compile(r"[^a-zA-Z0-9_]")
PATH = "/api/v2/alerts"


class AlertmanagerConfig(ReceiverConfig):
    """An Alertmanager, as in http://alertmanager:9093. `authorization` is the value of that header, if one is needed."""

    type: Literal["alertmanager"]
    url: SecretStr
    authorization: SecretStr | None = None
    resend: Duration = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class AlertmanagerChannel:
    """One Alertmanager. A cluster is several receivers: its members tell each other what they sent."""

    type: ClassVar[str] = "alertmanager"
    tells: ClassVar[str] = ALERTS

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    outgoing: Outgoing = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)

    def send(self, delivery: Delivery) -> None:
        now = self.now()
        payloads = delivery.payload.get("alerts", [delivery.payload])
        body = json.dumps([alert_of(payload, now) for payload in payloads], ensure_ascii=False).encode()
        answer = self.outgoing.post(self.url, {"content-type": "application/json", **self.headers}, body)
        accept(answer, f"alertmanager {self.name!r}", now)

    @classmethod
    def from_config(cls, config: AlertmanagerConfig, ports: Ports) -> "AlertmanagerChannel":
        headers = {} if config.authorization is None else {"authorization": config.authorization.get_secret_value()}
        url = config.url.get_secret_value().rstrip("/") + PATH
        return cls(config.name, url, headers, ports.outgoing, ports.now)


def alert_of(payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """An alert as Alertmanager takes it; times of the future (of a clock that is ahead) become now."""
    labels = {"severity": payload["severity"], **payload["labels"]}
    annotations = {
        "summary": payload["summary"],
        "description": payload["description"],
        **{name: str(href) for name, href in (payload.get("links") or {}).items() if href},
        **payload["annotations"],
    }
    resolved = payload["status"] == "resolved"
    far = _time(payload["next_by"]) if payload.get("heartbeat") else now + FAR
    ends = min(_time(payload["resolved_at"] or payload["evaluated_at"]), now) if resolved else far
    starts = min(_time(payload["firing_since"] or payload["evaluated_at"]), now, ends)
    return {
        "labels": {UNFIT.sub("_", name): value for name, value in labels.items() if value},
        "annotations": {UNFIT.sub("_", name): value for name, value in annotations.items()},
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": (payload.get("links") or {}).get("panel") or "",
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


CHANNEL = AlertmanagerChannel
