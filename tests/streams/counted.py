"""Counted panes written by hand: what a worker would have committed, for the tests of what reads them."""

import json
import uuid
from collections.abc import Mapping

import sqlalchemy as sa

from monitor.cells import cell_id
from monitor.sums import LAYOUTS, PANE_MS, Basis
from streams.retention import ensure_partitions

UPSERT = """
insert into fairdrift.panes (basis, pane_ms, start_ms, stream, part, cell, sums, commit_no)
values (:basis, :pane_ms, :start, :stream, :part, :cell, :sums, :commit_no)
on conflict (basis, pane_ms, start_ms, stream, part, cell, class)
do update set sums = excluded.sums, commit_no = excluded.commit_no
"""

POSITION = """
insert into fairdrift.positions (stream, part, parts, token, generation, commit_no, prediction_offset, prediction_clock,
    outcome_offset, outcome_clock, marks, prediction_idle, outcome_idle, prediction_idle_clock, outcome_idle_clock, drained,
    rolled_up_to)
values (:stream, :part, :parts, :token, 1, :commit_no, 0, :prediction, 0, :outcome, '[]', :p_idle, :o_idle, :p_clock, :o_clock,
    :drained, 0)
on conflict (stream, part) do update set commit_no = excluded.commit_no, prediction_clock = excluded.prediction_clock,
    outcome_clock = excluded.outcome_clock, prediction_idle = excluded.prediction_idle,
    outcome_idle = excluded.outcome_idle, prediction_idle_clock = excluded.prediction_idle_clock,
    outcome_idle_clock = excluded.outcome_idle_clock, drained = excluded.drained, updated_at = now()
"""

NEVER = -(2**62)


class Counted:
    """The counted state of one stream: rows are set, and become visible with the next `commit`."""

    def __init__(
        self, engine: sa.Engine, stream: str = "predictions/outcomes", parts: int = 1, pane: int = 60_000
    ) -> None:
        self.engine, self.stream, self.parts, self.pane = engine, stream, parts, pane
        self.numbers: dict[int, int] = {}
        self.greatest = NEVER
        self.rows: dict[int, dict[tuple[Basis, int, int], dict[str, int]]] = {}
        self.cells: dict[int, tuple[str, str, str, str, Mapping[str, str]]] = {}
        self.clocks: dict[int, int] = {}
        self.decided: dict[tuple[int, int, int], dict[str, int]] = {}
        self.booked: dict[tuple[int, int, int], dict[str, int]] = {}

    def cell(
        self, model: str, groups: Mapping[str, str], version: str = "1", arm: str = "live", schema: str = "s"
    ) -> int:
        """A cell's id; its row is written with the next commit."""
        number = cell_id(model, version, arm, schema, groups, {})
        self.cells[number] = (model, version, arm, schema, groups)
        return number

    def set(self, basis: Basis, start: int, cell: int, sums: Mapping[str, int], part: int = 0) -> None:
        """Overwrite a pane row whole."""
        self.rows.setdefault(part, {})[basis, start, cell] = dict(sums)

    def decisions(self, start: int, cell: int, decided: int, favourable: int, part: int = 0) -> None:
        """A pane with decisions and nothing else; the evidence that it adds is that of a pane that was still open."""
        sums = {"events": decided, "decided": decided, "favourable": favourable}
        before = self.decided.get((part, start, cell), {})
        self.decided[part, start, cell] = sums
        self.set(Basis.DECISION, start, cell, sums, part)
        booked = max(start, self.clocks.get(part, NEVER) - self.pane)
        key = part, booked // self.pane * self.pane, cell
        old = self.booked.get(key, {})
        self.booked[key] = {slot: old.get(slot, 0) + n - before.get(slot, 0) for slot, n in sums.items()}
        self.set(Basis.EVIDENCE_DECISION, key[1], cell, self.booked[key], part)

    def commit(
        self,
        clock: int,
        outcome_clock: int | None = None,
        *,
        part: int = 0,
        idle: tuple[bool, bool] = (False, False),
        drained: bool = False,
    ) -> None:
        """Write what was set for a partition, and its position, in one transaction."""
        self.greatest = max(self.greatest, clock, NEVER if outcome_clock is None else outcome_clock)
        self.clocks[part] = max(self.clocks.get(part, NEVER), self.greatest if idle[0] else clock)
        rows = self.rows.pop(part, {})
        ensure_partitions(self.engine, [start for _, start, _ in rows])
        number = self.numbers[part] = self.numbers.get(part, 0) + 1
        with self.engine.begin() as connection:
            for id_, (model, version, arm, schema, groups) in self.cells.items():
                connection.execute(
                    sa.text(
                        "insert into fairdrift.cells (id, model, version, arm, cell_schema, groups, stratum)"
                        " values (:id, :model, :version, :arm, :schema, cast(:groups as jsonb), '{}') on conflict do nothing"
                    ),
                    {
                        "id": id_, "model": model, "version": version, "arm": arm, "schema": schema,
                        "groups": json.dumps(dict(groups)),
                    },
                )  # fmt: skip
            values = [self._row(part, number, *key, sums) for key, sums in rows.items()]
            if values:
                connection.execute(sa.text(UPSERT), values)
            connection.execute(
                sa.text(POSITION),
                {
                    "stream": self.stream, "part": part, "parts": self.parts, "token": uuid.uuid4(), "commit_no": number,
                    "prediction": clock, "outcome": NEVER if outcome_clock is None else outcome_clock,
                    "p_idle": idle[0], "o_idle": idle[1], "drained": drained,
                    "p_clock": self.greatest if idle[0] else NEVER, "o_clock": self.greatest if idle[1] else NEVER,
                },
            )  # fmt: skip

    def _row(
        self, part: int, number: int, basis: Basis, start: int, cell: int, sums: Mapping[str, int]
    ) -> dict[str, object]:
        return {
            "basis": int(basis), "pane_ms": PANE_MS.get(basis) or self.pane, "start": start,
            "stream": self.stream, "part": part, "cell": cell, "commit_no": number,
            "sums": [sums.get(slot, 0) for slot in LAYOUTS[basis].slots],
        }  # fmt: skip
