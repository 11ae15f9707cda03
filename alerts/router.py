"""The router: from notices of changes to rows of the outbox, through groups, silences and the rest, in one transaction.

It reads what the evaluator has written (`notices`), acknowledgements, and the groups that are due; decides by the pure
modules (`alerts.routing`, `alerts.grouping`, `alerts.holding`); and writes the groups back together with what is to be
sent. A kill leaves all of it or nothing. One routes at a time, under an advisory lock, whoever comes first: a notice takes
microseconds, and order comes for free. Whoever holds the lock and hangs is ended by the database's time-out.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.beats import forget, write_heartbeats, write_versions
from alerts.errors import UnknownReceiver, UnreadableMatcher
from alerts.grouping import Change, Group, Held, Hold, Notification, Timing, acknowledge, look, take
from alerts.heartbeats import slot
from alerts.holding import Silence, inhibited, silenced_until
from alerts.matching import Matcher
from alerts.notices import Telling, rows
from alerts.routing import Receiver, Routing, Target
from alerts.tables import acknowledgements, alert_groups, alert_states, alert_transitions, notices, outbox, silences
from monitor.times import MINUTE, format_time

log = logging.getLogger(__name__)

LOCK = "select pg_try_advisory_xact_lock(hashtextextended('fairdrift routing', 0))"
AT_ONCE = 200
"""Notices, and groups, of one transaction."""

MINUTELY = " minutely"
"""Stands among the receivers that have a heartbeat for what else is done at intervals; no receiver's name begins so."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[sa.Connection], datetime]

DeliveryStep = Literal[
    "before-route", "in-route", "after-route", "after-claim", "after-send", "in-record", "after-record"
]
"""Where a test may kill whoever delivers."""

Passing = Callable[[DeliveryStep], None]


def database_clock(conn: sa.Connection) -> datetime:
    """The database's time: the one clock that all processes share."""
    now: datetime = conn.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now


@dataclass(slots=True)
class _Open:
    """A group that this transaction works on."""

    target: Target
    group: Group


class Router:
    """Routes what is new and what is due. Any number may run; one at a time works."""

    def __init__(
        self,
        engine: sa.Engine,
        routing: Routing,
        clock: Clock = database_clock,
        passing: Passing = lambda step: None,
    ) -> None:
        self._engine = engine
        self._routing = routing
        self._clock = clock
        self._passing = passing
        self._beaten: dict[str, int] = {}

    def run_once(self) -> int:
        """Routes until nothing is new or due; the number of rows written to the outbox. 0 too if another is at it."""
        written = 0
        while True:
            done = self._transaction()
            written += done.written
            if not done.more:
                return written

    def hurry(self) -> None:
        """Lets every group be looked at now: nothing more is coming that it could wait for.

        What waits for an acknowledgement, is held back or is a reminder goes on waiting, by its own decision.
        """
        with self._engine.begin() as conn:
            now = self._clock(conn)
            conn.execute(sa.update(alert_groups).where(alert_groups.c.due_at > now).values(due_at=now))

    def _transaction(self) -> "_Round":
        with self._engine.connect() as conn:
            at = self._clock(conn)
            if not self._slots(at) and not conn.execute(sa.select(_anything(at))).scalar_one():
                return _Round.nothing(conn, self._routing)
        with self._engine.begin() as conn:
            if not conn.execute(sa.text(LOCK)).scalar_one():
                return _Round.nothing(conn, self._routing)
            this = _Round(conn, self._routing, self._clock(conn))
            this.route_notices()
            this.route_acknowledgements()
            this.look_at_due()
            slots = self._slots(at)
            if slots:
                this.beat()
            self._passing("before-route")
            this.store()
            self._passing("in-route")
        self._passing("after-route")
        self._beaten |= slots
        return this

    def _slots(self, at: datetime) -> dict[str, int]:
        """What is told at intervals and was not yet, by this process, in the slot of this instant; with its slot."""
        now = (at - EPOCH) // timedelta(milliseconds=1)
        every = {name: one.heartbeat for name, one in self._routing.receivers.items() if one.heartbeat}
        every[MINUTELY] = MINUTE
        slots = {name: slot(now, length) for name, length in every.items()}
        return {name: number for name, number in slots.items() if self._beaten.get(name) != number}


class _Round:
    """One transaction of the router."""

    def __init__(self, conn: sa.Connection, routing: Routing, at: datetime) -> None:
        self._conn, self._routing, self._at = conn, routing, at
        self._now = (at - EPOCH) // timedelta(milliseconds=1)
        self._groups: dict[str, _Open] = {}
        self._tellings: list[tuple[Target, Group, Notification, Mapping[str, Any] | None]] = []
        self._labels: dict[str, Mapping[str, str]] = {}
        self._silences: list[Silence] | None = None
        self._firing: Mapping[str, Mapping[str, str]] | None = None
        self.written = 0
        self.more = False

    @classmethod
    def nothing(cls, conn: sa.Connection, routing: Routing) -> "_Round":
        """Nothing to do."""
        return cls(conn, routing, EPOCH)

    # --- what is new

    def route_notices(self) -> None:
        """Takes the changes into their groups, in the order in which they were written."""
        c = notices.c
        query = sa.select(notices).where(c.routed_at.is_(None)).order_by(c.id).limit(AT_ONCE)
        found = self._conn.execute(query).all()
        if not found:
            return
        acknowledged = self._acknowledged({row.alert for row in found})
        self._load(alert_groups.c.alerts.overlap(sorted({row.alert for row in found})))
        for row in found:
            self._labels[row.alert] = row.labels
            change = Change(
                row.alert, row.episode, row.transition_no, row.firing, (row.alert, row.episode) in acknowledged
            )
            for key in self._concerned(change, row.labels):
                self._set(key, take(self._groups[key].group, change, self._now))
                if self._groups[key].target.alone:
                    self._look(key)  # each change by itself, in order; groups are looked at when all are in
        for key in [*self._groups]:
            self._look(key)
        keys = sa.tuple_(c.alert, c.transition_no).in_([(row.alert, row.transition_no) for row in found])
        self._conn.execute(sa.update(notices).where(keys).values(routed_at=self._at))
        self.more |= len(found) == AT_ONCE

    def _concerned(self, change: Change, labels: Mapping[str, str]) -> list[str]:
        """The groups that a change goes to: those that hold the alert, and where it begins, those of the routes."""
        holding = [k for k, one in self._groups.items() if any(m.alert == change.alert for m in one.group.members)]
        return list(dict.fromkeys([*holding, *(self._open(change.alert, labels) if change.firing else ())]))

    def _open(self, alert: str, labels: Mapping[str, str]) -> list[str]:
        """The keys of the groups that an alert is routed to, each in memory."""
        try:
            targets = self._routing.targets(alert, labels)
        except UnknownReceiver as error:
            log.error("alert %s is told to nobody: %s", alert, error)  # noqa: TRY400 - the configuration is at fault
            return []
        self._load(alert_groups.c.key.in_([t.group for t in targets if t.group not in self._groups]))
        for target in targets:
            old = self._groups.get(target.group)
            group = Group(target.group, target.timing) if old is None else replace(old.group, timing=target.timing)
            self._groups[target.group] = _Open(target, group)
        return [target.group for target in targets]

    def _acknowledged(self, alerts: Iterable[str]) -> set[tuple[str, int]]:
        c = acknowledgements.c
        found = self._conn.execute(sa.select(c.alert, c.episode).where(c.alert.in_(list(alerts))))
        return {(row.alert, row.episode) for row in found}

    def route_acknowledgements(self) -> None:
        """Stops what waits for an acknowledgement, and tells those who want to know."""
        c = acknowledgements.c
        query = sa.select(acknowledgements).where(c.routed_at.is_(None)).order_by(c.acknowledged_at).limit(AT_ONCE)
        for row in self._conn.execute(query).all():
            self._load(alert_groups.c.alerts.contains([row.alert]))
            by = {
                "by": row.acknowledged_by,
                "at": format_time((row.acknowledged_at - EPOCH) // timedelta(milliseconds=1)),
                "comment": row.comment,
            }
            for key, one in list(self._groups.items()):
                group, told = acknowledge(one.group, row.alert, row.episode, self._now)
                self._set(key, group)
                if told is not None:
                    self._tellings.append((one.target, group, told, by))
            done = sa.update(acknowledgements).where(c.alert == row.alert, c.episode == row.episode)
            self._conn.execute(done.values(routed_at=self._at))

    # --- what is due

    def look_at_due(self) -> None:
        """Looks at the groups whose time has come."""
        c = alert_groups.c
        query = sa.select(c.key).where(c.due_at <= self._at).order_by(c.due_at, c.receiver, c.key).limit(AT_ONCE)
        keys = self._conn.execute(query).scalars().all()
        self.more |= len(keys) == AT_ONCE
        self._load(c.key.in_([key for key in keys if key not in self._groups]))
        for key in keys:
            self._look(key)

    def _look(self, key: str) -> None:
        one = self._groups[key]
        if one.group.due is None or one.group.due > self._now:
            return
        group, told = look(one.group, self._held(one), self._now)
        self._set(key, group)
        if told is not None:
            self._tellings.append((one.target, group, told, None))

    def _held(self, one: _Open) -> dict[str, Hold]:
        """Why alerts of a group are held back now."""
        firing = [member.alert for member in one.group.members if member.firing]
        if (until := self._routing.muted_until(one.target, self._now)) is not None:
            return dict.fromkeys(firing, Hold(Held.MUTED, until))
        held = {}
        for alert in firing:
            labels = self._labels_of(alert)
            if self._routing.inhibitions and inhibited(labels, self._routing.inhibitions, self._all_firing()):
                held[alert] = Hold(Held.INHIBITED)
            elif (until := silenced_until(labels, self._all_silences(), self._now)) is not None:
                held[alert] = Hold(Held.SILENCED, until)
        return held

    def _labels_of(self, alert: str) -> Mapping[str, str]:
        if alert not in self._labels:
            c = notices.c
            newest = sa.select(c.labels).where(c.alert == alert).order_by(c.transition_no.desc()).limit(1)
            self._labels[alert] = self._conn.execute(newest).scalar_one_or_none() or {}
        return self._labels[alert]

    def _all_firing(self) -> Mapping[str, Mapping[str, str]]:
        if self._firing is None:
            s, n = alert_states, notices
            here = sa.and_(n.c.alert == s.c.id, n.c.transition_no == s.c.transition_no)
            query = sa.select(n.c.alert, n.c.labels).join(s, here).where(s.c.state == "firing")
            self._firing = {row.alert: row.labels for row in self._conn.execute(query)}
        return self._firing

    def _all_silences(self) -> list[Silence]:
        if self._silences is None:
            active = sa.and_(silences.c.starts_at <= self._at, silences.c.ends_at > self._at)
            self._silences = list(self._routing.silences)
            for row in self._conn.execute(sa.select(silences).where(active)):
                try:
                    self._silences.append(silence_of(row))
                except UnreadableMatcher as error:
                    log.warning("silence %s silences nothing: %s", row.id, error)
        return self._silences

    def beat(self) -> None:
        """Tells what is told at intervals."""
        self.written += write_heartbeats(self._conn, self._routing.receivers.values(), self._now)
        self.written += write_versions(self._conn, self._routing.control)
        forget(self._conn)

    # --- groups in and out

    def _load(self, which: sa.ColumnElement[bool]) -> None:
        for row in self._conn.execute(sa.select(alert_groups).where(which)):
            if row.key not in self._groups:
                group = msgspec.convert(row.state, Group)
                if row.due_at is not None:  # whoever ends a silence sets it, so that it is looked at once
                    group = replace(group, due=(row.due_at - EPOCH) // timedelta(milliseconds=1))
                self._groups[row.key] = _Open(_target(row, self._routing), group)

    def _set(self, key: str, group: Group) -> None:
        self._groups[key].group = group

    def store(self) -> None:
        """Writes the groups and the rows of the outbox."""
        payloads = self._payloads()
        for target, group, notification, by in self._tellings:
            for row in rows(Telling(target, group.number, notification, payloads, by, group.cycle)):
                done = self._conn.execute(insert(outbox).values(row).on_conflict_do_nothing())
                self.written += done.rowcount
        gone = [key for key, one in self._groups.items() if one.target.alone and not one.group.members]
        kept = [_row(key, one, self._at) for key, one in self._groups.items() if key not in gone]
        if gone:
            self._conn.execute(sa.delete(alert_groups).where(alert_groups.c.key.in_(gone)))
        if kept:
            statement = insert(alert_groups)
            update = {c.name: statement.excluded[c.name] for c in alert_groups.columns if not c.primary_key}
            self._conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_=update), kept)

    def _payloads(self) -> dict[tuple[str, int], Mapping[str, Any]]:
        wanted = {
            (member.alert, member.transition)
            for _, _, notification, _ in self._tellings
            for member in (*notification.firing, *notification.ended)
        }
        if not wanted:
            return {}
        c = alert_transitions.c
        query = sa.select(c.alert, c.transition_no, c.payload)
        found = self._conn.execute(query.where(sa.tuple_(c.alert, c.transition_no).in_(sorted(wanted))))
        return {(row.alert, row.transition_no): row.payload for row in found}


def silence_of(row: sa.Row[Any]) -> Silence:
    """A silence as it is stored."""
    starts, ends = ((at - EPOCH) // timedelta(milliseconds=1) for at in (row.starts_at, row.ends_at))
    matchers = tuple(Matcher.parse(text) for text in row.matchers)
    return Silence(matchers, starts, ends, row.id, row.created_by, row.comment)


def _anything(now: datetime) -> sa.ColumnElement[bool]:
    """Whether there is anything to route: cheap, and asked before the lock."""
    return sa.or_(
        sa.exists().where(notices.c.routed_at.is_(None)),
        sa.exists().where(acknowledgements.c.routed_at.is_(None)),
        sa.exists().where(alert_groups.c.due_at <= now),
    )


def _row(key: str, one: _Open, at: datetime) -> dict[str, Any]:
    due = one.group.due
    return {
        "key": key,
        "receiver": one.target.receiver.name,
        "labels": dict(one.target.labels),
        "alerts": [member.alert for member in one.group.members],
        "target": {
            "channel": one.target.receiver.channel,
            "alone": one.target.alone,
            "muted": list(one.target.muted),
            "active": list(one.target.active),
        },
        "state": msgspec.to_builtins(one.group),
        "due_at": None if due is None else EPOCH + timedelta(milliseconds=due),
        "updated_at": at,
    }


def _target(row: sa.Row[Any], routing: Routing) -> Target:
    """As it was when the group was last told; the receiver as it is configured now, if it still is."""
    kept = row.target
    receiver = routing.receivers.get(row.receiver) or Receiver(row.receiver, kept["channel"])
    timing = msgspec.convert(row.state["timing"], Timing)
    return Target(receiver, row.key, row.labels, timing, kept["alone"], tuple(kept["muted"]), tuple(kept["active"]))
