"""What is put into the outbox: rows from notifications. Pure.

An alert that is told for itself goes out as its own payload (`alerts.messages.AlertPayload`), under the key
`<alert>:<transition>:<receiver>`; alerts that are told together as one `GroupPayload`, under a key that counts the group's
notifications. Either is the same at every attempt, so that a repeat is harmless.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from alerts.grouping import Member, Notification, Reason
from alerts.messages import Acknowledgement, AlertPayload
from alerts.routing import Target

GROUP = "group:"
"""In the outbox notifications of a group stand under `group:<key>`, so that they arrive in order."""

WORST_FIRST = ("page", "ticket", "info")
SHOWN = 50
"""So many alerts of a group are told with all they have; the others are counted."""

_SUFFIX = {Reason.ESCALATED: ":escalated", Reason.ACKNOWLEDGED: ":acknowledged"}

Payloads = Mapping[tuple[str, int], Mapping[str, Any]]
"""(alert, transition number) -> its payload."""


class GroupPayload(msgspec.Struct, frozen=True, kw_only=True):
    """Several alerts that are told together.

    `status` is firing as long as one of them fires. `labels` are those in which the group agrees, `number` counts the
    notifications of the group, `cycle` how often it began anew after all of it was over, `firing` and `resolved` the
    alerts told of; of which `left_out` are not in `alerts`.
    """

    group: str
    number: int
    status: Literal["firing", "resolved", "acknowledged"]
    reason: str
    severity: str
    labels: dict[str, str]
    summary: str
    description: str
    evaluated_at: str
    firing: int
    resolved: int
    alerts: list[AlertPayload]
    left_out: int = 0
    cycle: int = 0
    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """One notification of one group, with what it takes to write it."""

    target: Target
    number: int
    notification: Notification
    payloads: Payloads
    acknowledgement: Mapping[str, Any] | None = None
    cycle: int = 0


def rows(telling: Telling) -> list[dict[str, Any]]:
    """The rows of the outbox; none where the receiver does not want to know."""
    telling = replace(telling, notification=_with_payload(telling))
    told = (*telling.notification.ended, *telling.notification.firing)
    if not telling.notification.sent or not told:
        return []
    return [_alone(telling, member) for member in told] if telling.target.alone else [_together(telling)]


def _with_payload(telling: Telling) -> Notification:
    """Without the alerts of which nothing is known any more (somebody has cleaned up): they must not stop the others."""
    given, there = telling.notification, telling.payloads
    firing, ended = (tuple(m for m in side if (m.alert, m.transition) in there) for side in (given.firing, given.ended))
    return replace(given, firing=firing, ended=ended)


def _alone(telling: Telling, member: Member) -> dict[str, Any]:
    reason, receiver = telling.notification.reason, telling.target.receiver
    suffix = f":repeat-{telling.number}" if reason is Reason.REPEAT else _SUFFIX.get(reason, "")
    payload = dict(telling.payloads[member.alert, member.transition])
    if telling.acknowledgement is not None:
        payload |= {"status": "acknowledged", "acknowledgement": dict(telling.acknowledgement)}
    return {
        "dedup_key": f"{member.alert}:{member.transition}:{receiver.name}{suffix}",
        "alert": member.alert,
        "transition_no": member.transition,
        "receiver": receiver.name,
        "channel": receiver.channel,
        "payload": payload,
        "reason": reason.value,
    }


def _together(telling: Telling) -> dict[str, Any]:
    receiver, key = telling.target.receiver, telling.target.group
    return {
        "dedup_key": f"{GROUP}{key}:{telling.number}:{receiver.name}",
        "alert": f"{GROUP}{key}",
        "transition_no": telling.number,
        "receiver": receiver.name,
        "channel": receiver.channel,
        "payload": _group_payload(telling),
        "reason": telling.notification.reason.value,
    }


def _group_payload(telling: Telling) -> dict[str, Any]:
    firing, ended = telling.notification.firing, telling.notification.ended
    payloads = [dict(telling.payloads[m.alert, m.transition]) for m in (*firing, *ended)]
    payloads.sort(key=lambda one: (one["status"] != "firing", _rank(one["severity"]), one["alert"]))
    status = "acknowledged" if telling.acknowledgement is not None else "firing" if firing else "resolved"
    return {
        "group": telling.target.group,
        "number": telling.number,
        "status": status,
        "reason": telling.notification.reason.value,
        "severity": min((one["severity"] for one in payloads), key=_rank, default=""),
        "labels": dict(telling.target.labels),
        "summary": _summary(len(firing), len(ended), telling.target.labels, payloads),
        "description": "\n".join(f"{one['status']}: {one['summary']}" for one in payloads[:SHOWN]),
        "evaluated_at": max((one["evaluated_at"] for one in payloads), default=""),
        "firing": len(firing),
        "resolved": len(ended),
        "alerts": payloads[:SHOWN],
        "left_out": max(0, len(payloads) - SHOWN),
        "cycle": telling.cycle,
        "acknowledgement": None if telling.acknowledgement is None else dict(telling.acknowledgement),
    }


def _summary(firing: int, ended: int, labels: Mapping[str, str], payloads: Sequence[Mapping[str, Any]]) -> str:
    """Of one alert its own words; of several how many, and in what they agree."""
    if len(payloads) == 1:
        return str(payloads[0]["summary"])
    counts = [f"{n} {word}" for n, word in ((firing, "firing"), (ended, "resolved")) if n]
    agreed = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if value)
    return f"{' and '.join(counts)}{f' ({agreed})' if agreed else ''}: {payloads[0]['summary'] if payloads else ''}"


def _rank(severity: str) -> int:
    return WORST_FIRST.index(severity) if severity in WORST_FIRST else len(WORST_FIRST)
