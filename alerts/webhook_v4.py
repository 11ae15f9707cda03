"""The body of Alertmanager's webhooks, version 4, from our payloads: what reads theirs reads ours. Pure.

Source: Alertmanager's documentation, "webhook_config", and its `template.Data` (0.34): field names, the shape, and that a
value that all alerts share stands in `commonLabels` and `commonAnnotations`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager gives as the end of an alert that fires."""


WORDS = {
    "starts_at": "startsAt",
    "ends_at": "endsAt",
    "generator_url": "generatorURL",
    "group_key": "groupKey",
    "truncated_alerts": "truncatedAlerts",
    "group_labels": "groupLabels",
    "common_labels": "commonLabels",
    "common_annotations": "commonAnnotations",
    "external_url": "externalURL",
}
"""Our names of fields, and Alertmanager's."""


class V4Alert(msgspec.Struct, frozen=True, kw_only=True, rename=WORDS.get):
    """One alert. `fingerprint` is the beginning of our identity of it."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    generator_url: str
    fingerprint: str


class V4Body(msgspec.Struct, frozen=True, kw_only=True, rename=WORDS.get):
    """The whole body."""

    version: Literal["4"]
    group_key: str
    truncated_alerts: int
    status: Literal["firing", "resolved"]
    receiver: str
    group_labels: dict[str, str]
    common_labels: dict[str, str]
    common_annotations: dict[str, str]
    external_url: str
    notification_reason: str
    alerts: list[V4Alert]


def body_of(payload: Mapping[str, Any], receiver: str, reason: str) -> V4Body:
    """The body for one alert or a group of them."""
    alerts = [_alert(one) for one in payload.get("alerts", [payload])]
    group = payload.get("labels", {})
    key = payload.get("group") or payload["alert"]
    return V4Body(
        version="4",
        group_key=f"{{}}:{key}",
        truncated_alerts=payload.get("left_out", 0),
        status="firing" if any(alert.status == "firing" for alert in alerts) else "resolved",
        receiver=receiver,
        group_labels=dict(group),
        common_labels=_common([alert.labels for alert in alerts]),
        common_annotations=_common([alert.annotations for alert in alerts]),
        external_url="",
        notification_reason=reason,
        alerts=alerts,
    )


def _alert(payload: Mapping[str, Any]) -> V4Alert:
    links = payload.get("links") or {}
    resolved = payload["status"] == "resolved"
    told = {"summary": payload["summary"], "description": payload["description"]}
    return V4Alert(
        status="resolved" if resolved else "firing",
        labels={"severity": payload["severity"], **payload["labels"]},
        annotations={
            **told,
            **{name: str(href) for name, href in links.items() if href},
            **payload["annotations"],
        },
        starts_at=payload["firing_since"] or payload["evaluated_at"],
        ends_at=(payload["resolved_at"] or payload["evaluated_at"]) if resolved else NEVER,
        generator_url=str(links.get("panel") or ""),
        fingerprint=str(payload["alert"])[:16],
    )


def _common(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all have with the same value."""
    if not given:
        return {}
    return {name: value for name, value in given[0].items() if all(one.get(name) == value for one in given)}
