"""What an evaluation reads: positions and panes, all as of one instant (REPEATABLE READ).

A commit of a worker moves the position and writes its panes in one transaction, so that in one snapshot every pane that
the positions' clocks have closed is there, and nothing of a commit without the rest of it. Panes are summed over the
partitions by Postgres.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from monitor.grouping import CellInfo
from monitor.sums import FOLLOWED, LAYOUTS, Basis, Book, Ints
from monitor.watermarks import PartClock
from monitor.windows import DAY, HOUR
from streams.retention import day_bound

POSITIONS = """
select part, parts, prediction_clock, outcome_clock, prediction_idle_clock, outcome_idle_clock, drained, commit_no, lost,
    (extract(epoch from updated_at) * 1000)::bigint as updated_ms
from fairdrift.positions where stream = :stream order by part
"""

PANES = """
select case when p.start_ms < %(hours_from)s then p.start_ms / 86400000 * 86400000
    when p.start_ms < %(fine_from)s then p.start_ms / 3600000 * 3600000 else p.start_ms end as start, p.cell, {sums}
from fairdrift.panes p join fairdrift.cells c on c.id = p.cell and c.model = %(model)s
where p.basis = %(basis)s and p.pane_ms = any(%(lengths)s) and p.start_ms >= %(low)s and p.start_ms < %(high)s
    and p.stream = %(stream)s and p.class = %(label_class)s
group by 1, 2 order by 1, 2
"""

CHANGED = """
select distinct p.start_ms
from unnest(cast(:parts as int[]), cast(:seen as bigint[])) as k(part, seen)
join fairdrift.panes p on p.stream = :stream and p.part = k.part and p.commit_no > k.seen
join fairdrift.cells c on c.id = p.cell and c.model = :model
where p.basis = :basis and p.start_ms >= :low and p.start_ms < :high
"""

FIRST = """
select min(p.start_ms) from fairdrift.panes p join fairdrift.cells c on c.id = p.cell and c.model = :model
where p.basis = :basis and p.stream = :stream
"""

CELLS = "select id, version, arm, groups, stratum, cell_schema from fairdrift.cells where id = any(:ids)"

CHUNKS = (6 * HOUR, 7 * DAY)
"""So much event time is read at once where panes are fine, and where they are hours: bounds the memory."""


class PaneSums(NamedTuple):
    """One pane over all partitions: its start (ms), the cells in it (rising) and their sums, R x slots."""

    start: int
    cells: Ints
    sums: Ints


@dataclass(frozen=True, slots=True)
class Source:
    """Whose panes: the stream, the model, and the length of its panes in ms."""

    stream: str
    model: str
    pane: int


@dataclass(frozen=True, slots=True)
class Positions:
    """The partitions' clocks, the number of each one's newest commit, and the event times of what the log has lost."""

    parts: tuple[PartClock, ...]
    commits: Mapping[int, int]
    lost: tuple[tuple[int, int], ...] = ()


class Snapshot:
    """Reads within the caller's transaction, which must be REPEATABLE READ."""

    def __init__(self, connection: sa.Connection, source: Source) -> None:
        self._connection, self._source = connection, source

    def positions(self) -> Positions:
        """Where all partitions of the stream stand."""
        rows = self._connection.execute(sa.text(POSITIONS), {"stream": self._source.stream}).all()
        parts = tuple(
            PartClock(
                row.part,
                (row.prediction_clock, row.outcome_clock),
                (row.prediction_idle_clock, row.outcome_idle_clock),
                row.drained,
                row.updated_ms,
                row.parts,
            )
            for row in rows
        )
        lost = [(one["from_ms"], one["to_ms"]) for row in rows for one in row.lost if "from_ms" in one]
        return Positions(parts, {row.part: row.commit_no for row in rows}, tuple(lost))

    def first(self, basis: Basis) -> int | None:
        """The start of the model's oldest pane; None if it has none."""
        values = {"model": self._source.model, "basis": int(basis), "stream": self._source.stream}
        found = self._connection.execute(sa.text(FIRST), values).scalar()
        return None if found is None else int(found)

    def changed(self, basis: Basis, since: Mapping[int, int], low: int, high: int) -> set[int]:
        """The starts of panes with low <= start < high that commits after those of `since` (part -> number) wrote.

        Of a basis of `FOLLOWED`: rows of others do not tell.
        """
        assert basis in FOLLOWED
        values = {
            "model": self._source.model, "stream": self._source.stream, "basis": int(basis), "low": low, "high": high,
            "parts": list(since), "seen": list(since.values()),
        }  # fmt: skip
        return set(self._connection.execute(sa.text(CHANGED), values).scalars()) if since else set()

    def panes(self, basis: Basis, low: int, high: int, fine_from: int, label_class: int = 0) -> Iterator[PaneSums]:
        """The panes with low <= start < high in order, merged into hours and days as a roll-up to `fine_from` does."""
        fine_from = fine_from // HOUR * HOUR
        for first, last in _chunks(low, high, fine_from):
            yield from _split(self._read(Book(basis, label_class), (first, last), fine_from))

    def cells(self, ids: list[int]) -> dict[int, tuple[CellInfo, str]]:
        """The cells of these ids, each with its cell schema."""
        rows = self._connection.execute(sa.text(CELLS), {"ids": ids}) if ids else ()
        return {
            row.id: (CellInfo(row.id, row.version, row.arm, row.groups, row.stratum), row.cell_schema) for row in rows
        }

    def _read(self, book: Book, span: tuple[int, int], fine_from: int) -> Ints:
        basis, (low, high) = book.basis, span
        width = len(LAYOUTS[basis])
        sums = ", ".join(f"sum(coalesce(p.sums[{slot}], 0))::bigint" for slot in range(1, width + 1))
        cursor: Any = self._connection.connection.cursor()
        values = {
            "fine_from": fine_from, "hours_from": day_bound(fine_from), "model": self._source.model, "basis": int(basis), "stream": self._source.stream,
            "lengths": sorted({self._source.pane, HOUR, DAY}), "low": low, "high": high,
            "label_class": book.label_class,
        }  # fmt: skip
        cursor.execute(PANES.format(sums=sums), values)
        rows = cursor.fetchall()
        cursor.close()
        return np.array(rows, dtype=np.int64).reshape(len(rows), width + 2)


def _chunks(low: int, high: int, fine_from: int) -> Iterator[tuple[int, int]]:
    """[low, high) in pieces of bounded size, none of which cuts an hour."""
    at = low
    while at < high:
        size = CHUNKS[0] if at >= fine_from else CHUNKS[1]
        after = min((at // HOUR * HOUR) + size, high)
        if at < fine_from < after:
            after = fine_from
        yield at, after
        at = after


def _split(rows: Ints) -> Iterator[PaneSums]:
    """The rows, sorted by start and cell, pane by pane."""
    if not len(rows):
        return
    bounds = [0, *(np.flatnonzero(np.diff(rows[:, 0])) + 1).tolist(), len(rows)]
    for first, last in pairwise(bounds):
        yield PaneSums(int(rows[first, 0]), rows[first:last, 1], rows[first:last, 2:])
