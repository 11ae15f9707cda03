"""Windows over panes: running integer sums per cell, moved pane by pane, at the cost of the cells that were touched.

A window of length `w` that ends at `e` holds the panes with `floor(e - w, edge) <= start < e`. `edge` is a pane; for
windows over two days an hour, and over ninety days a day, because older panes are only kept in those sizes. At the ends
where points are stored (`step`) both edges are even, so that the window is exactly `w` long there.

All sums are integers: adding a pane on entering and subtracting it on leaving gives what adding up the window would.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.sums import Ints

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

FINE = 2 * DAY
"""Windows up to this length start at a pane; longer ones at an hour."""

COARSE = 90 * DAY
"""Windows longer than this start at a day."""

STEPS = 60
"""Points of a window are stored about so often within its length."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window's length and its pane, in milliseconds; ValueError if it is shorter than a pane."""

    length: int
    pane: int = MINUTE

    def __post_init__(self) -> None:
        if self.length < self.pane:
            raise ValueError(f"a window of {self.length} ms is shorter than a pane of {self.pane} ms")

    @property
    def edge(self) -> int:
        """What the window's start is rounded down to."""
        if self.length <= FINE:
            return self.pane
        return max(self.pane, HOUR if self.length <= COARSE else DAY)

    @property
    def step(self) -> int:
        """The event time between stored points: a sixtieth of the length, at least a pane, whole hours over two days.

        Rounded up to a divisor of a day, so that every hour or day has a point at its end.
        """
        unit = self.edge
        least = -(-self.length // (STEPS * unit)) * unit
        return next((step for step in range(least, DAY + 1, unit) if DAY % step == 0), least)

    def span(self, end: int) -> tuple[int, int]:
        """The starts of the panes it holds when it ends at `end`, as [low, high)."""
        return (end - self.length) // self.edge * self.edge, end

    def due(self, end: int) -> bool:
        """Whether a point is stored at this end."""
        return end % self.step == 0

    def ends_over(self, start: int, until: int) -> range:
        """The ends of stored points, up to `until`, whose windows hold the pane that starts at `start`."""
        first = (start // self.step + 1) * self.step
        return range(first, min(until, start + self.length + self.edge) + 1, self.step)


@dataclass(frozen=True, slots=True)
class Pane:
    """The whole of one pane over all partitions: R rows of the cube, rising, and R x slots sums."""

    rows: NDArray[np.intp]
    sums: Ints


class Cube:
    """Running sums per cell for several windows over the same panes.

    Panes may be put in any order and again (a late event restates a pane, whole); `advance` moves the windows' ends.
    """

    def __init__(self, slots: int, windows: Sequence[Window]) -> None:
        self.slots = slots
        self.windows = tuple(windows)
        self.cells: dict[int, int] = {}
        """Row of each cell id, in order of first sight."""
        self._panes: dict[int, Pane] = {}
        self._starts: list[int] = []
        self._spans: dict[Window, tuple[int, int]] = {}
        self._sums = {window: np.zeros((0, slots), dtype=np.int64) for window in self.windows}
        self._changes = dict.fromkeys(self.windows, 0)

    @property
    def first(self) -> int | None:
        """The start of the oldest pane held."""
        return self._starts[0] if self._starts else None

    def starts(self, low: int, high: int) -> list[int]:
        """The starts of the panes held with low <= start < high, in order."""
        return self._starts[bisect_left(self._starts, low) : bisect_left(self._starts, high)]

    def pane(self, start: int) -> Pane | None:
        """The pane that starts there, if it holds anything."""
        return self._panes.get(start)

    def sums(self, window: Window) -> Ints:
        """The window's sums, cells x slots, in the order of `cells`; not to be changed by the caller."""
        return self._sized(window)

    def changes(self, window: Window) -> int:
        """Counts the changes of the window's sums: an equal number means equal sums."""
        return self._changes[window]

    def put(self, start: int, cells: Ints, sums: Ints) -> bool:
        """Set the pane that starts at `start` to exactly these cells (each once) and sums; whether that is news."""
        rows = self._rows(cells)
        order = np.argsort(rows)
        new, old = Pane(rows[order], sums[order]), self._panes.get(start)
        if old is None:
            insort(self._starts, start)
        elif np.array_equal(old.rows, new.rows) and np.array_equal(old.sums, new.sums):
            return False
        self._panes[start] = new
        for window, (low, high) in self._spans.items():
            if low <= start < high:
                if old is not None:
                    self._add(window, old, -1)
                self._add(window, new, 1)
        return True

    def drop(self, low: int, high: int) -> None:
        """Remove the panes with low <= start < high from the store and from the windows that hold them."""
        for start in self.starts(low, high):
            old = self._panes.pop(start)
            for window, (first, last) in self._spans.items():
                if first <= start < last:
                    self._add(window, old, -1)
        del self._starts[bisect_left(self._starts, low) : bisect_left(self._starts, high)]

    def forget(self, before: int) -> None:
        """Drop the panes that started before and that no window holds any more."""
        self.drop(-(2**62), min([before, *(low for low, _ in self._spans.values())]))

    def advance(self, end: int) -> None:
        """Move every window's end. The first time, and backwards, sums are added up from the panes."""
        for window in self.windows:
            low, high = window.span(end)
            was = self._spans.get(window)
            self._spans[window] = (low, high)
            if was is None or low < was[0] or high < was[1] or low >= was[1]:
                self._changes[window] += 1
                self._sums[window] = self._total(low, high)
                continue
            for start in self.starts(was[1], high):
                self._add(window, self._panes[start], 1)
            for start in self.starts(was[0], low):
                self._add(window, self._panes[start], -1)

    def next_start(self, at: int) -> int | None:
        """The start of the first pane held that starts at `at` or later."""
        place = bisect_left(self._starts, at)
        return self._starts[place] if place < len(self._starts) else None

    def replay(self, window: Window, ends: Iterable[int]) -> Iterator[tuple[int, Ints]]:
        """The sums of the window at each of the given ends (rising), from the panes as they are now; moves nothing."""
        again = Cube(self.slots, (window,))
        again.cells, again._panes, again._starts = self.cells, self._panes, self._starts
        for end in ends:
            again.advance(end)
            yield end, again.sums(window)

    def merge(self, before: int, size: int) -> None:
        """Merge the panes that end before `before` into panes of `size`, as roll-up does in the database.

        Only whole coarse panes: `before` is rounded down. No window may start or end inside one of them.
        """
        bound = before // size * size
        groups: dict[int, list[int]] = {}
        for start in self._starts[: bisect_left(self._starts, bound)]:
            groups.setdefault(start // size * size, []).append(start)  # those that are coarser already stand alone
        fine = {coarse: starts for coarse, starts in groups.items() if starts != [coarse]}
        for coarse, starts in fine.items():
            merged = _merged([self._panes.pop(start) for start in starts])
            self._panes[coarse] = merged
        if fine:
            self._starts = sorted(self._panes)

    # --- inside

    def _rows(self, cells: Ints) -> NDArray[np.intp]:
        known = self.cells
        return np.array([known.setdefault(cell, len(known)) for cell in cells.tolist()], dtype=np.intp)

    def _sized(self, window: Window) -> Ints:
        sums = self._sums[window]
        if (missing := len(self.cells) - len(sums)) > 0:
            self._sums[window] = sums = np.concatenate([sums, np.zeros((missing, self.slots), dtype=np.int64)])
        return sums

    def _add(self, window: Window, pane: Pane, sign: int) -> None:
        sums = self._sized(window)
        sums[pane.rows] += pane.sums if sign > 0 else -pane.sums
        self._changes[window] += 1

    def _total(self, low: int, high: int) -> Ints:
        total = np.zeros((len(self.cells), self.slots), dtype=np.int64)
        for start in self.starts(low, high):
            pane = self._panes[start]
            total[pane.rows] += pane.sums
        return total


def _merged(panes: Sequence[Pane]) -> Pane:
    rows = np.concatenate([pane.rows for pane in panes])
    unique, where = np.unique(rows, return_inverse=True)
    sums = np.zeros((len(unique), panes[0].sums.shape[1]), dtype=np.int64)
    np.add.at(sums, where, np.concatenate([pane.sums for pane in panes]))
    return Pane(unique, sums)
