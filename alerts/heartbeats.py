"""The heartbeat: a receiver is told at an interval that all is well, so that silence is a signal. Pure.

Time is cut into slots of the interval; a slot has one heartbeat, whoever writes it, and it is written only while all is
well. The receiver (a dead man's switch) raises the alarm when the next one has not come by `next_by`.
"""

from dataclasses import dataclass

import msgspec

from alerts.messages import Links
from alerts.words import several
from monitor.times import format_duration, format_time

HEARTBEAT = "heartbeat:"
"""In the outbox heartbeats stand under `heartbeat:<receiver>`."""

NAME = "fairdrift-heartbeat"


@dataclass(frozen=True, slots=True)
class Health:
    """What a heartbeat depends on: the age in ms of the oldest notification that is not sent, and what it tells besides."""

    oldest_unsent: int
    firing: int
    evaluated_to: dict[str, str]


class HeartbeatPayload(msgspec.Struct, frozen=True, kw_only=True):
    """All is well. In the shape of an alert, so that what shows alerts shows it.

    `firing` counts the alerts that fire; `evaluated_to` is the event time up to which each model was judged; the next
    heartbeat comes by `next_by`, or something is wrong with fairdrift.
    """

    alert: str
    status: str
    severity: str
    summary: str
    description: str
    evaluated_at: str
    next_by: str
    every: str
    firing: int
    evaluated_to: dict[str, str]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    firing_since: str | None = None
    resolved_at: str | None = None
    links: Links = Links()
    heartbeat: bool = True


def slot(now: int, every: int) -> int:
    """The number of the slot at an instant."""
    return now // every


def is_well(health: Health, every: int) -> bool:
    """Whether a heartbeat may be told: no notification has waited for longer than the interval."""
    return health.oldest_unsent <= every


def heartbeat_of(receiver: str, now: int, every: int, health: Health) -> HeartbeatPayload:
    """What is told. The next one comes by the end of the next slot, and a quarter for the way."""
    last = max(health.evaluated_to.values(), default="nothing yet")
    summary = f"fairdrift is well: {several(health.firing, 'alert')} {'fires' if health.firing == 1 else 'fire'}, judged up to {last}"
    return HeartbeatPayload(
        alert=f"{HEARTBEAT}{receiver}",
        status="well",
        severity="info",
        summary=summary,
        description=f"{summary}. The next heartbeat comes within {format_duration(every)}.",
        evaluated_at=format_time(now),
        next_by=format_time((slot(now, every) + 2) * every + every // 4),
        every=format_duration(every),
        firing=health.firing,
        evaluated_to=health.evaluated_to,
        labels={"alertname": NAME},
        firing_since=format_time(now),
    )
