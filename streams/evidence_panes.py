"""Panes of evidence in memory: one stretch of event time of one model, and the counts of a family in each of its panes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alerts.proving import Plan, Scale
from monitor.estimates import Flags, Floats
from monitor.grouping import SERVED, TOGETHER, CellInfo
from monitor.metric import Sums
from monitor.metrics import metric
from monitor.sums import LAYOUTS, Basis, Ints, join_square
from monitor.tallies import Tally
from streams.snapshots import Snapshot

Slice = tuple[str, str]
"""Version and arm; `*` and `*` for everything served together."""

ALL: Slice = (TOGETHER, TOGETHER)


@dataclass(frozen=True, slots=True)
class Counts:
    """A family's panes, (panes, groups): events, favourable ones (or the sum), and for means the sum of squares."""

    n: Floats
    k: Floats
    squares: Floats | None = None

    def between(self, first: int, last: int) -> "Counts":
        """Some of the panes, in order."""
        squares = None if self.squares is None else self.squares[first:last]
        return Counts(self.n[first:last], self.k[first:last], squares)

    def without(self, panes: Flags) -> "Counts":
        """The same with nothing in some of the panes."""
        kept = ~panes[:, None]
        return Counts(self.n * kept, self.k * kept, None if self.squares is None else self.squares * kept)


@dataclass(slots=True)
class Stretch:
    """The evidence panes of a model that start in [low, high): a row for each pane and cell with any events."""

    basis: Basis
    pane: int
    unit: float
    low: int = 0
    high: int = 0
    _at: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _cell: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _sums: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    _numbers: dict[int, int] = field(default_factory=dict)
    _cells: list[CellInfo] = field(default_factory=list)
    _members: dict[tuple[str, Slice], NDArray[np.int64]] = field(default_factory=dict)
    _tallies: dict[tuple[str, Scale | None], tuple[Floats, ...]] = field(default_factory=dict)

    def read(self, snapshot: Snapshot, low: int, high: int) -> None:
        """Hold the panes that start in [low, high), and no others."""
        self.low, self.high = low, high
        panes = list(snapshot.panes(self.basis, low, high, low))
        self._tallies = {}
        starts = np.array([(pane.start - low) // self.pane for pane in panes], dtype=np.int64)
        self._at = np.repeat(starts, np.array([len(pane.cells) for pane in panes], dtype=np.int64))
        cells = np.concatenate([pane.cells for pane in panes]) if panes else np.zeros(0, dtype=np.int64)
        width = len(LAYOUTS[self.basis])
        self._sums = np.concatenate([pane.sums for pane in panes]) if panes else np.zeros((0, width), dtype=np.int64)
        known, where = np.unique(cells, return_inverse=True)
        self._know(snapshot, [cell for cell in known.tolist() if cell not in self._numbers])
        numbers = np.array([self._numbers[cell] for cell in known.tolist()], dtype=np.int64)
        self._cell = numbers[where] if len(known) else where

    def slices(self) -> list[Slice]:
        """The versions and arms that have events here."""
        infos = [self._cells[number] for number in np.unique(self._cell).tolist()]
        return sorted({(info.version, info.arm) for info in infos})

    def first(self, of: Slice) -> int:
        """The start (ms) of the first pane here in which a version and arm has events."""
        mine = [(info.version, info.arm) == of for info in self._cells]
        return self.low + int(self._at[np.array(mine, dtype=bool)[self._cell]].min()) * self.pane

    def counts(self, plan: Plan, of: Slice, low: int, high: int) -> Counts:
        """The counts of a family in the panes that start in [low, high)."""
        groups, panes = len(plan.values), (high - low) // self.pane
        first = (low - self.low) // self.pane
        begin, end = np.searchsorted(self._at, [first, first + panes])  # rows are in the order of panes
        member = self._member(plan, of)[self._cell[begin:end]]
        chosen = member >= 0
        place = (self._at[begin:end][chosen] - first) * groups + member[chosen]

        def summed(column: Floats) -> Floats:
            amounts = column[begin:end][chosen]
            return np.bincount(place, amounts, panes * groups).astype(np.float64).reshape(panes, groups)

        return Counts(*map(summed, self._tally(plan)))

    # --- inside

    def _know(self, snapshot: Snapshot, new: list[int]) -> None:
        if not new:
            return
        found = snapshot.cells(new)
        for cell in new:
            self._numbers[cell] = len(self._cells)
            self._cells.append(found[cell][0])
        self._members = {}

    def _member(self, plan: Plan, of: Slice) -> NDArray[np.int64]:
        """The group of each cell, -1 for cells that are in none."""
        key = (plan.name(), of)
        if key not in self._members:
            places = {values: at for at, values in enumerate(plan.values)}
            found = [
                places.get(tuple(info.groups.get(name, "") for name in plan.attributes), -1)
                if _within(info, of)
                else -1
                for info in self._cells
            ]
            self._members[key] = np.array(found, dtype=np.int64)
        return self._members[key]

    def _tally(self, plan: Plan) -> tuple[Floats, ...]:
        key = (plan.metric, plan.scale)
        if key not in self._tallies:
            sums = Sums(LAYOUTS[self.basis], self._sums, self.unit)
            if plan.scale is None:
                tally = metric(plan.metric).tally(sums)
                assert isinstance(tally, Tally)
                self._tallies[key] = (tally.n.astype(np.float64), tally.numerator)
            else:
                self._tallies[key] = bounded(sums, plan.scale)
        return self._tallies[key]


def _within(info: CellInfo, of: Slice) -> bool:
    return info.arm in SERVED if of == ALL else (info.version, info.arm) == of


def bounded(sums: Sums, scale: Scale) -> tuple[Floats, Floats, Floats]:
    """Count, sum and sum of squares of `(amount - low) / (high - low)`."""
    columns: Mapping[str, Ints] = {
        name: getattr(sums, name)
        for name in (scale.count, scale.quantity, f"{scale.quantity}_sq_hi", f"{scale.quantity}_sq_lo")
    }
    n = columns[scale.count].astype(np.float64)
    total = columns[scale.quantity].astype(np.float64) * scale.unit
    hi, lo = columns[f"{scale.quantity}_sq_hi"], columns[f"{scale.quantity}_sq_lo"]
    squares = join_square(hi, lo) * scale.unit**2
    width = scale.high - scale.low
    shifted = squares - 2.0 * scale.low * total + n * scale.low**2
    return n, (total - scale.low * n) / width, shifted / width**2
