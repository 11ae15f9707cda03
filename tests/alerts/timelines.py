"""Timelines: what happens to alerts and what is told of it, as data, run through the router on a real Postgres.

A file has the sections of the configuration that say who is told, a `start`, what happens (`events`, each `at` so long
after the start) and what must be told, in order. Times between the events are not polled: the clock jumps to whatever
the groups say is due next, so that a file also tests that they say it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.labels import alert_id
from alerts.router import Router
from alerts.tables import (
    acknowledgements,
    alert_groups,
    alert_states,
    alert_transitions,
    notices,
    outbox,
    silences,
)
from monitor.times import parse_duration
from streams.config import parse
from streams.watching import routing_of
from streams.yaml12 import read_yaml
from tests.alerts.delivering import alert_payload

MODEL = "models: [{name: credit, attributes: {sex: [f, m]}}]\n"


@dataclass
class World:
    """Alerts by their short names, on a database, with a clock in hand."""

    db: sa.Engine
    start: datetime
    now: datetime
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)

    def clock(self, conn: sa.Connection) -> datetime:
        """The time of the router."""
        return self.now

    def fire(self, name: str, labels: dict[str, str]) -> None:
        """The alert begins."""
        self.labels[name] = {"alertname": name, "model": "credit", "severity": "page", **labels}
        self._change(name, firing=True)

    def resolve(self, name: str) -> None:
        """It ends."""
        self._change(name, firing=False)

    def acknowledge(self, name: str) -> None:
        """Somebody takes it over."""
        row = {"alert": self.id(name), "episode": self.numbers[name][0], "acknowledged_by": "ada"}
        self._insert(acknowledgements, {**row, "acknowledged_at": self.now})

    def silence(self, given: dict[str, Any]) -> None:
        """A silence is added while it runs."""
        ends = self.now + duration(given["for"])
        row = {"id": given["id"], "matchers": given["matchers"], "starts_at": self.now, "ends_at": ends}
        self._insert(silences, {**row, "created_by": "ada"})

    def expire(self, silence: str) -> None:
        """It is ended before its time."""
        with self.db.begin() as conn:
            conn.execute(sa.update(silences).where(silences.c.id == silence).values(ends_at=self.now))
            conn.execute(sa.update(alert_groups).where(alert_groups.c.due_at > self.now).values(due_at=self.now))

    def id(self, name: str) -> str:
        """The identity of an alert."""
        return alert_id({k: v for k, v in self.labels[name].items() if k != "severity"})

    def name(self, alert: str) -> str:
        """Its short name."""
        return next(name for name in self.labels if self.id(name) == alert)

    def _change(self, name: str, *, firing: bool) -> None:
        episode, transition = self.numbers.get(name, (0, 0))
        episode, transition = self.numbers[name] = (episode + firing, transition + 1)
        labels = self.labels[name]
        key = {"alert": self.id(name), "transition_no": transition}
        said = alert_payload(
            "firing" if firing else "resolved",
            alert=self.id(name), summary=f"{name} {transition}", severity=labels["severity"], labels=labels,
        )  # fmt: skip
        whose = {"rule": labels["alertname"], "model": "credit", "labels": labels}
        state = "firing" if firing else "resolved"
        with self.db.begin() as conn:
            conn.execute(sa.delete(alert_states).where(alert_states.c.id == self.id(name)))
            conn.execute(
                sa.insert(alert_states).values(
                    id=self.id(name), **whose, state=state, episode=episode, transition_no=transition, last_pane_end=self.now
                )
            )  # fmt: skip
            conn.execute(
                sa.insert(alert_transitions).values(
                    **key, **whose, from_state="", to_state=state, pane_end=self.now, payload=said, config_version="c"
                )
            )
            conn.execute(
                sa.insert(notices).values(**key, episode=episode, firing=firing, labels=labels, created_at=self.now)
            )

    def _insert(self, table: sa.Table, row: dict[str, Any]) -> None:
        with self.db.begin() as conn:
            conn.execute(sa.insert(table).values(row))


def duration(text: str) -> timedelta:
    """A duration as it is configured."""
    return timedelta(milliseconds=parse_duration(text))


def run(db: sa.Engine, file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was told, and what the file says must be told."""
    given, _ = read_yaml(file.read_text())
    world, router = world_of(db, given)
    until = world.start + duration(given["until"])
    events = [(world.start + duration(event.pop("at")), event) for event in given["events"]]
    told: list[dict[str, Any]] = []
    seen = 0
    while True:
        times = [at for at, _ in events[:1]]
        with db.connect() as conn:
            times += [at for at in [conn.execute(sa.select(sa.func.min(alert_groups.c.due_at))).scalar()] if at]
        if not times or min(times) > until:
            return told, [one | {"at": short(duration(one["at"]))} for one in given["told"]]
        world.now = max(world.now, min(times))
        while events and events[0][0] <= world.now:
            happen(world, events.pop(0)[1])
        router.run_once()
        seen = gather(world, seen, told)


def world_of(db: sa.Engine, given: dict[str, Any]) -> tuple[World, Router]:
    """The world at the start of a file, and the router over its configuration."""
    start = datetime.fromisoformat(given.get("start", "2026-11-20T10:00:00+00:00"))
    world = World(db, start, start)
    settings = parse(MODEL + given["configuration"])
    return world, Router(db, routing_of(settings), world.clock)


def happen(world: World, event: dict[str, Any]) -> None:
    """One event: `fire` (with `labels`), `resolve`, `acknowledge`, `silence` or `expire`."""
    for name in event.get("fire", ()):
        world.fire(name, event.get("labels", {}))
    for name in event.get("resolve", ()):
        world.resolve(name)
    for name in event.get("acknowledge", ()):
        world.acknowledge(name)
    if "silence" in event:
        world.silence(event["silence"])
    if "expire" in event:
        world.expire(event["expire"])


def gather(world: World, seen: int, told: list[dict[str, Any]]) -> int:
    """Adds the rows of the outbox that are new, in short; the id of the last one."""
    with world.db.connect() as conn:
        rows = conn.execute(sa.select(outbox).where(outbox.c.id > seen).order_by(outbox.c.id)).all()
    for row in rows:
        payloads = row.payload.get("alerts", [row.payload])
        firing = sorted(world.name(one["alert"]) for one in payloads if one["status"] != "resolved")
        ended = sorted(world.name(one["alert"]) for one in payloads if one["status"] == "resolved")
        one = {"at": short(world.now - world.start), "to": row.receiver, "why": row.reason}
        told.append(one | ({"firing": firing} if firing else {}) | ({"resolved": ended} if ended else {}))
    return rows[-1].id if rows else seen


def short(time: timedelta) -> str:
    """A time after the start, in seconds."""
    return f"{time.total_seconds():g}s"
