"""What is told without an alert: heartbeats, and versions of models that are seen for the first time. And what is forgotten.

Both are rows of the outbox whose key says what they are about, so that any number of processes may write them and each is
there once. Takes the caller's connection and neither commits nor rolls back.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.grouping import Reason
from alerts.heartbeats import HEARTBEAT, Health, heartbeat_of, is_well, slot
from alerts.routing import ROUTE_CHANNELS, Receiver
from alerts.tables import alert_states, outbox
from monitor.tables import cells, evaluations
from monitor.times import format_time

NEW = "1 day"
"""A version that was first seen longer ago is no news: fairdrift was not told to tell of it then."""


KEPT = "90 days"
"""So long a notification that was sent can be looked up."""

MOST = 1000
"""Removed at once, so that nobody waits for it."""


def write_heartbeats(conn: sa.Connection, receivers: Iterable[Receiver], now: int) -> int:
    """Writes the heartbeats that are due, if all is well, and forgets those before them; the number written."""
    wanted = [receiver for receiver in receivers if receiver.heartbeat]
    health = read_health(conn) if wanted else None
    written = 0
    for receiver in wanted:
        assert health is not None
        if is_well(health, receiver.heartbeat):
            number = slot(now, receiver.heartbeat)
            payload = heartbeat_of(receiver.name, now, receiver.heartbeat, health)
            row = _row(f"{HEARTBEAT}{receiver.name}", number, receiver, msgspec.to_builtins(payload), "heartbeat")
            written += _written(conn, row)
            old = sa.and_(outbox.c.alert == row["alert"], outbox.c.transition_no < number)
            conn.execute(sa.delete(outbox).where(old, outbox.c.leased_until.is_(None)))
    return written


def write_versions(conn: sa.Connection, receivers: Iterable[Receiver]) -> int:
    """Tells those who are told of changes of versions that were never seen before; the number written."""
    wanted = [receiver for receiver in receivers if receiver.channel not in ROUTE_CHANNELS]
    if not wanted:
        return 0
    first = sa.func.min(cells.c.created_at)
    recent = first > sa.func.now() - sa.cast(NEW, sa.Interval)
    query = sa.select(cells.c.model, cells.c.version, first.label("first")).group_by(cells.c.model, cells.c.version)
    written = 0
    for row in conn.execute(query.having(recent).order_by(first, cells.c.model, cells.c.version)):
        payload = {"model": row.model, "version": row.version, "first_seen": format_time(_ms(row.first))}
        for receiver in wanted:
            told = _row(
                f"version:{row.model}:{row.version}", 1, receiver, payload, "a version is seen for the first time"
            )
            written += _written(conn, told)
    return written


def forget(conn: sa.Connection) -> int:
    """Removes notifications that were sent long ago, reminders after a day; the number removed. What is dead stays.

    A key that is gone is never written again: transitions and notifications of a group only count up.
    """
    c = outbox.c
    age = sa.func.now() - c.sent_at
    reminder = sa.and_(c.reason == Reason.REPEAT.value, age > sa.cast("1 day", sa.Interval))
    old = sa.select(c.id).where(sa.or_(age > sa.cast(KEPT, sa.Interval), reminder)).limit(MOST)
    return conn.execute(sa.delete(outbox).where(c.id.in_(old))).rowcount


def read_health(conn: sa.Connection) -> Health:
    """How fairdrift is: what waits, what fires, how far it has judged."""
    c = outbox.c
    waiting = sa.and_(c.sent_at.is_(None), c.dead_at.is_(None), ~c.alert.startswith(HEARTBEAT))
    age = sa.func.extract("epoch", sa.func.clock_timestamp() - sa.func.min(c.created_at).filter(waiting))
    firing = sa.select(sa.func.count()).where(alert_states.c.state == "firing")
    judged = sa.select(evaluations.c.model, sa.func.max(evaluations.c.last_end_ms).label("end"))
    judged = judged.where(evaluations.c.time_basis != "revision").group_by(evaluations.c.model)
    return Health(
        oldest_unsent=round(float(conn.execute(sa.select(age)).scalar_one() or 0) * 1000),
        firing=conn.execute(firing).scalar_one(),
        evaluated_to={row.model: format_time(row.end) for row in conn.execute(judged)},
    )


def _row(alert: str, number: int, to: Receiver, payload: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {
        "dedup_key": f"{alert}:{number}" if alert.startswith(HEARTBEAT) else f"{alert}:{to.name}",
        "alert": alert,
        "transition_no": number,
        "receiver": to.name,
        "channel": to.channel,
        "payload": payload,
        "reason": reason,
    }


def _written(conn: sa.Connection, row: dict[str, Any]) -> int:
    return conn.execute(insert(outbox).values(row).on_conflict_do_nothing()).rowcount


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
