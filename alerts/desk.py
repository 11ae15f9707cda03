"""What people do about alerts: acknowledge, silence, look at what was sent. Every change writes a row of the audit.

Takes the caller's connection and neither commits nor rolls back, so that a change and its audit row stand or fall together.
The router learns of an acknowledgement by its row; of a silence when it looks, and the end of one makes it look at once.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.errors import AlertsError
from alerts.holding import CONFIGURED, Silence
from alerts.matching import Matchers, matches
from alerts.router import EPOCH, silence_of
from alerts.tables import acknowledgements, alert_groups, alert_states, audit, notices, outbox, silences

FIRING = "firing"


class NotThere(AlertsError):
    """What was named is not there, or not open: the message says what is."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Silencing:
    """A silence as it is asked for; without `starts`, from now."""

    matchers: Matchers
    ends: datetime
    comment: str = ""
    starts: datetime | None = None


@dataclass(frozen=True, slots=True)
class SilenceShown:
    """A silence as it is kept, and where it stands."""

    id: str
    matchers: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: str


@dataclass(frozen=True, slots=True)
class AlertShown:
    """An alert as it stands: who has it, what holds it back (by receiver), and who was told."""

    alert: str
    rule: str
    model: str
    state: str
    severity: str
    labels: Mapping[str, str]
    episode: int
    firing_since: datetime | None
    summary: str
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    silenced_by: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    """A notification: to whom, why, and what became of it (sent, waiting, retrying, dead)."""

    dedup_key: str
    alert: str
    receiver: str
    channel: str
    reason: str
    result: str
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    next_at: datetime | None
    error: str


def record(conn: sa.Connection, by: str, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
    """A row of the audit: who did what to what, and when (the database's clock)."""
    conn.execute(sa.insert(audit).values(by=by, action=action, subject=subject, details=dict(details or {})))


# --- acknowledging


def find(conn: sa.Connection, named: str) -> str:
    """The identity of the alert that a person names: its id, a beginning of it, or the name of its rule.

    Of several, the one that fires. NotThere if it is none, or not clear which.
    """
    c = alert_states.c
    here = sa.or_(c.id.startswith(named, autoescape=True), c.rule == named) if named else sa.false()
    rows = conn.execute(sa.select(c.id, c.state).where(here).order_by(c.id).limit(20)).all()
    firing = [row for row in rows if row.state == FIRING] or rows
    if len(firing) == 1:
        return str(firing[0].id)
    if not firing:
        raise NotThere(f"there is no alert {named!r}; `fairdrift alerts` lists them")
    raise NotThere(f"{named!r} is one of {', '.join(row.id[:12] for row in firing)}: give more of the id")


def acknowledge(conn: sa.Connection, alert: str, by: str, comment: str = "") -> bool:
    """Somebody takes a firing alert over, until it ends; False if that episode was somebody's already.

    NotThere if it does not fire.
    """
    c = alert_states.c
    row = conn.execute(sa.select(c.state, c.episode).where(c.id == alert)).one_or_none()
    if row is None or row.state != FIRING:
        raise NotThere(f"alert {alert} does not fire" if row else f"there is no alert {alert}")
    values = {"alert": alert, "episode": row.episode, "acknowledged_by": by, "comment": comment}
    if not conn.execute(insert(acknowledgements).values(values).on_conflict_do_nothing()).rowcount:
        return False
    record(conn, by, "alert.acknowledge", alert, {"episode": row.episode, "comment": comment})
    return True


# --- silences


def add_silence(conn: sa.Connection, wanted: Silencing, by: str) -> SilenceShown:
    """Keeps a silence. ValueError if it silences everything, is over, or ends before it begins."""
    now = _now(conn)
    starts = wanted.starts or now
    if not wanted.matchers or matches(wanted.matchers, {}):
        raise ValueError("a silence needs a matcher that an alert without labels does not meet, as in severity=page")
    if wanted.ends <= max(starts, now):
        raise ValueError("a silence ends after it begins, and in the future")
    row = {
        "id": secrets.token_hex(6),
        "matchers": [str(matcher) for matcher in wanted.matchers],
        "starts_at": starts,
        "ends_at": wanted.ends,
        "created_by": by,
        "comment": wanted.comment,
    }
    conn.execute(sa.insert(silences).values(row))
    told = {"matchers": row["matchers"], "starts": starts.isoformat(), "ends": wanted.ends.isoformat()}
    record(conn, by, "silence.add", str(row["id"]), {**told, "comment": wanted.comment})
    (shown,) = (one for one in list_silences(conn) if one.id == row["id"])
    return shown


def expire_silence(conn: sa.Connection, silence: str, by: str) -> None:
    """Ends a silence now; what it held back is looked at at once. NotThere if it is none, or over."""
    if silence.startswith(CONFIGURED):
        raise NotThere(f"silence {silence!r} stands in the configuration: end it there (`silences`, `ends`)")
    now = _now(conn)
    ended = sa.update(silences).where(silences.c.id == silence, silences.c.ends_at > now)
    if not conn.execute(ended.values(ends_at=now, starts_at=sa.func.least(silences.c.starts_at, now))).rowcount:
        raise NotThere(f"there is no silence {silence!r} that is not over; `fairdrift silence list` lists them")
    held = alert_groups.c.state["members"].contains([{"held": "silenced"}])
    conn.execute(sa.update(alert_groups).where(alert_groups.c.due_at > now, held).values(due_at=now))
    record(conn, by, "silence.expire", silence)


def list_silences(conn: sa.Connection, configured: Iterable[Silence] = (), *, over: bool = False) -> list[SilenceShown]:
    """Silences, also those of the configuration, that end first before the others; `over`: also those that are over."""
    now = round(_now(conn).timestamp() * 1000)
    kept = [silence_of(row) for row in conn.execute(sa.select(silences))]
    shown = [_shown(one, now) for one in (*kept, *configured) if over or one.ends > now]
    return sorted(shown, key=lambda one: (one.ends_at, one.id))


def _shown(one: Silence, now: int) -> SilenceShown:
    return SilenceShown(
        id=one.id,
        matchers=tuple(map(str, one.matchers)),
        starts_at=_at(one.starts),
        ends_at=_at(one.ends),
        created_by=one.by,
        comment=one.comment,
        state=one.state(now).value,
    )


# --- looking


def list_alerts(
    conn: sa.Connection, configured: Iterable[Silence] = (), *, everything: bool = False
) -> list[AlertShown]:
    """The alerts that fire, or all that there are, with who has them and what holds them back.

    `configured` are the silences of the configuration, which stand beside those of the database.
    """
    s, n, a = alert_states, notices, acknowledgements
    newest = sa.and_(n.c.alert == s.c.id, n.c.transition_no == s.c.transition_no)
    taken = sa.and_(a.c.alert == s.c.id, a.c.episode == s.c.episode)
    wanted = (s, n.c.labels.label("routed"), a.c.acknowledged_by, a.c.acknowledged_at)
    query = sa.select(*wanted).outerjoin(n, newest).outerjoin(a, taken).order_by(s.c.model, s.c.rule, s.c.id)
    if not everything:
        query = query.where(s.c.state == FIRING)
    now = round(_now(conn).timestamp() * 1000)
    active = [*(silence_of(row) for row in conn.execute(sa.select(silences))), *configured]
    groups = _groups(conn)
    shown = []
    for row in conn.execute(query):
        labels = row.routed or row.labels
        held, told = groups.get(row.id, ({}, ()))
        shown.append(
            AlertShown(
                alert=row.id,
                rule=row.rule,
                model=row.model,
                state=row.state,
                severity=labels.get("severity", ""),
                labels=row.labels,
                episode=row.episode,
                firing_since=row.firing_since,
                summary=str(row.summary.get("summary", "")),
                acknowledged_by=row.acknowledged_by or "",
                acknowledged_at=row.acknowledged_at,
                silenced_by=tuple(one.id for one in active if row.state == FIRING and one.silences(labels, now)),
                held=held,
                told=told,
            )
        )
    return shown


def _groups(conn: sa.Connection) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """Of each alert in a group: receiver -> what holds it back, and who was told."""
    found: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {}
    query = sa.select(alert_groups.c.receiver, alert_groups.c.state).order_by(alert_groups.c.receiver)
    for row in conn.execute(query):
        for member in row.state["members"]:
            held, told = found.get(member["alert"], ({}, ()))
            if member["told"]:
                told = (*told, row.receiver)
            elif member["held"]:
                held[row.receiver] = member["held"]
            found[member["alert"]] = (held, told)
    return found


def list_deliveries(conn: sa.Connection, alert: str = "", limit: int = 50) -> list[DeliveryShown]:
    """The newest notifications, of one alert or of all, and what became of them."""
    query = sa.select(outbox).order_by(outbox.c.id.desc()).limit(limit)
    if alert:
        query = query.where(sa.or_(outbox.c.alert == alert, outbox.c.payload["alerts"].contains([{"alert": alert}])))
    return [
        DeliveryShown(
            dedup_key=row.dedup_key,
            alert=row.alert,
            receiver=row.receiver,
            channel=row.channel,
            reason=row.reason,
            result=_result(row),
            attempts=row.attempts,
            created_at=row.created_at,
            sent_at=row.sent_at,
            next_at=None if row.sent_at or row.dead_at else row.not_before,
            error=row.last_error or "",
        )
        for row in conn.execute(query)
    ]


def list_audit(conn: sa.Connection, limit: int = 50) -> list[dict[str, Any]]:
    """The newest changes: at, by, action, subject, details."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]


def _result(row: sa.Row[Any]) -> str:
    if row.sent_at is not None:
        return "sent"
    if row.dead_at is not None:
        return "dead"
    return "retrying" if row.last_error else "waiting"


def _at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def _now(conn: sa.Connection) -> datetime:
    now: datetime = conn.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now
