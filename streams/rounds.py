"""One transaction of one model's evaluation: what it reads at its beginning, and the marks that it moves at its end."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from alerts.control import RouteState
from alerts.records import load_route, load_states
from monitor.watermarks import Clock, Holder, clock_of
from streams.errors import Overtaken
from streams.judging import Judging
from streams.planning import Planning
from streams.snapshots import Positions, Snapshot
from streams.watching import Watched

MARKS = "select time_basis, first_end_ms, last_end_ms, seen from fairdrift.evaluations where model = :model"

BEGIN = """
insert into fairdrift.evaluations (model, time_basis, first_end_ms, last_end_ms, seen, config_version)
values (:model, :time_basis, :began, :end, cast(:seen as jsonb), :config_version) on conflict do nothing
"""

MOVE = """
update fairdrift.evaluations
set last_end_ms = :end, seen = cast(:seen as jsonb), config_version = :config_version, updated_at = now()
where model = :model and time_basis = :time_basis and last_end_ms = :was
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a model is evaluated (ms), where that began, and the commits whose restatements its points show."""

    began: int
    end: int
    seen: Mapping[int, int]


class Round:
    """One transaction of one model: what was read, and what is to be written."""

    def __init__(self, connection: sa.Connection, of: Watched, deadline: float) -> None:
        self.connection, self.watched, self.deadline = connection, of, deadline
        self.snapshot = Snapshot(connection, of.source)
        self.positions: Positions = self.snapshot.positions()
        model = of.model.name
        rows = connection.execute(sa.text(MARKS), {"model": model})
        self.marks = {
            row.time_basis: Mark(row.first_end_ms, row.last_end_ms, {int(part): no for part, no in row.seen.items()})
            for row in rows
        }
        self.judging = Judging(of, load_states(connection, model), RouteState(model), self.positions.lost)
        self.judging.route = load_route(connection, model, max((m.end for m in self.marks.values()), default=0))
        self.judging.planning = Planning.load(connection, model, of.brakes)
        self.held_by: dict[Holder, None] = {}
        self.behind = False
        self.pending = False
        self.written = 0

    @property
    def drained(self) -> bool:
        """Everything is counted and nothing will come: what waits for its time need not wait."""
        return bool(self.positions.parts) and all(part.drained for part in self.positions.parts)

    @property
    def overdue(self) -> bool:
        """The time for this transaction is up."""
        return time.monotonic() > self.deadline

    def clock(self, topics: tuple[int, ...]) -> Clock:
        """The clock over these topics."""
        model = self.watched.model
        clock = clock_of(self.positions.parts, model.watermark_delay, model.pane, topics)
        self.held_by |= dict.fromkeys(clock.held_by)
        return clock

    def move(self, time_basis: str, was: Mark | None, now: Mark) -> None:
        """Compare-and-set the mark; Overtaken if it is not where it was."""
        values = {
            "model": self.watched.model.name, "time_basis": time_basis, "began": now.began, "end": now.end,
            "was": was.end if was else None, "seen": json.dumps(dict(now.seen)),
            "config_version": self.watched.config_version,
        }  # fmt: skip
        if self.connection.execute(sa.text(MOVE if was else BEGIN), values).rowcount != 1:
            raise Overtaken(f"another worker has evaluated {self.watched.model.name} at the same time")
        self.marks[time_basis] = now
