"""One model's panes of one time basis in memory, and the windows that move over them.

Panes are as fine as they came for three days back, and hours before that, as in the database; what no window and no
late event can reach any more is dropped. So memory is bounded: cells x (minutes of three days + hours of the longest
window).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.assess import CellInfo
from monitor.batches import Condition
from monitor.config import ModelConfig
from monitor.estimates import Flags, State
from monitor.sums import LAYOUTS, Basis, Ints
from monitor.windows import DAY, HOUR, Cube, Window
from streams.measuring import Filled, Frame, Measuring, Place, TimeBasis
from streams.retention import KEEP_MINUTES, day_bound
from streams.snapshots import Snapshot

SPANS_SCHEMAS = "schema changed: attributes, bins or label rules are not the same throughout the window"
LOST = "part of the log was gone before it was counted"

MOST_FILLED = 1000
"""So many sets of cells are remembered."""

Lost = Sequence[tuple[int, int]]
"""Event times [from, to) in ms of what was lost of the log."""


@dataclass(frozen=True, slots=True)
class Known:
    """A cell and the schema that its numbers are of."""

    info: CellInfo
    schema: str


class Fold:
    """The windows of one model over one kind of pane. `end` is how far it has come, None before the first load."""

    def __init__(self, model: ModelConfig, measuring: Measuring, basis: Basis, time_basis: TimeBasis) -> None:
        self.measuring, self.basis, self.time_basis = measuring, basis, time_basis
        lengths = sorted(set(model.windows) | measuring.windows())
        self.windows = tuple(Window(length, model.pane) for length in lengths)
        self.ruled = frozenset(window for window in self.windows if window.length in measuring.windows())
        self.pane, self._lateness = model.pane, model.max_lateness
        self.end: int | None = None
        self._reset()

    def _reset(self) -> None:
        self.cube = Cube(len(LAYOUTS[self.basis]), self.windows)
        self._cells: list[Known] = []
        self._filled: dict[bytes, Filled] = {}
        self._framed: dict[Window, tuple[int, Frame]] = {}
        self.fine_from = 0
        """Panes that start before this are held by the hour, as they are in the database then at the latest."""

    def load(self, snapshot: Snapshot, end: int) -> None:
        """Start over from the stored panes, standing at `end`."""
        self._reset()
        self.end, self.fine_from = end, _fine_from(end)
        self._put(snapshot, self.reach(end), end)
        self.cube.advance(end)

    def enter(self, snapshot: Snapshot, low: int, high: int) -> None:
        """Read the panes with low <= start < high; windows take them up as they move."""
        self._put(snapshot, low, high)

    def restate(self, snapshot: Snapshot, starts: Iterable[int]) -> set[int]:
        """Read these panes, already closed, again; returns the starts of the panes held that are different now.

        A roll-up writes panes anew that are not.
        """
        changed: set[int] = set()
        for first, last in _runs(sorted(self.held(starts)), self.pane):
            changed |= self._put(snapshot, first, last + self._size(last))
        return changed

    def held(self, starts: Iterable[int]) -> set[int]:
        """The starts of the panes that hold these times here, of those that still matter."""
        low = self.reach(self.end or 0)
        return {held for start in starts if (held := start // self._size(start) * self._size(start)) >= low}

    def close(self, end: int) -> None:
        """Move the windows' ends; drop and merge what has become old."""
        self.cube.advance(end)
        self.end = end
        if _fine_from(end) > self.fine_from:
            self.fine_from = _fine_from(end)
            self.cube.forget(self.reach(end))
            self.cube.merge(day_bound(self.fine_from), DAY)
            self.cube.merge(self.fine_from, HOUR)

    def next_end(self, limit: int) -> tuple[int, bool]:
        """The next pane end, at most `limit`, and whether to look at it: windows that stay empty need no look."""
        assert self.end is not None
        if self.cube.starts(*self.windows[-1].span(self.end)):
            return self.end + self.pane, True
        start = self.cube.next_start(self.end)
        return (limit, False) if start is None or start >= limit else (start + self.pane, True)

    def frame(self, window: Window, lost: Lost) -> Frame:
        """The window where it stands; with the very sums of its last frame if none has changed since."""
        assert self.end is not None
        changes, place = self.cube.changes(window), Place(window.length, self.end, self.time_basis)
        known = self._framed.get(window)
        if known is not None and known[0] == changes:
            old = known[1]
            condition = _condition(old.filled, lost, window.span(self.end))
            return Frame(place, old.filled, old.decision, old.labels, condition)
        frame = self._frame(place, self.cube.sums(window), lost, window.span(self.end))
        self._framed[window] = changes, frame
        return frame

    def added(self, end: int, version: str, arm: str) -> Iterator[tuple[CellInfo, int]]:
        """The cells of one version and arm in the pane that ended there, with their number of events (slot 0)."""
        pane = self.cube.pane(end - self.pane)
        if pane is not None:
            for row, events in zip(pane.rows.tolist(), pane.sums[:, 0].tolist(), strict=True):
                info = self._cells[row].info
                if (info.version, info.arm) == (version, arm):
                    yield info, events

    def replayed(self, window: Window, ends: Sequence[int], lost: Lost) -> Iterator[Frame]:
        """The window at earlier ends, from the panes as they are now."""
        for end, sums in self.cube.replay(window, ends):
            yield self._frame(Place(window.length, end, self.time_basis), sums, lost, window.span(end))

    def exact(self, window: Window, end: int) -> bool:
        """Whether panes are still fine enough for this window at an earlier end."""
        low, _ = window.span(end)
        return low >= self.reach(self.end or 0) and all(edge % self._size(edge) == 0 for edge in (low, end))

    def reach(self, end: int) -> int:
        """Nothing that starts before this can matter any more to windows that end at `end` or later."""
        longest = self.windows[-1]
        return (longest.span(end)[0] - self._lateness - longest.step) // DAY * DAY

    # --- inside

    def _size(self, start: int) -> int:
        """The length of the pane that holds this time, as panes are held now."""
        if start >= self.fine_from:
            return self.pane
        return max(self.pane, HOUR if start >= day_bound(self.fine_from) else DAY)

    def _put(self, snapshot: Snapshot, low: int, high: int) -> set[int]:
        """Read the panes with low <= start < high; returns the starts of those that are different from before."""
        panes = snapshot.panes(self.basis, low, high, self.fine_from)
        changed = {pane.start for pane in panes if self.cube.put(pane.start, pane.cells, pane.sums)}
        new = list(self.cube.cells)[len(self._cells) :]
        if new:
            found = snapshot.cells(new)
            self._cells += [Known(*found[cell]) for cell in new]
        return changed

    def _frame(self, place: Place, sums: Ints, lost: Lost, span: tuple[int, int]) -> Frame:
        mask: Flags = np.asarray(sums.any(axis=1))
        filled, matrix = self._cells_of(mask), sums[mask]
        labels = self.basis is not Basis.DECISION
        condition = _condition(filled, lost, span)
        return Frame(place, filled, None if labels else matrix, matrix if labels else None, condition)

    def _cells_of(self, mask: Flags) -> Filled:
        """The cells where the mask holds; the same object for the same cells."""
        key = np.flatnonzero(mask).tobytes()
        found = self._filled.get(key)
        if found is None:
            if len(self._filled) >= MOST_FILLED:
                self._filled.clear()
            chosen = [self._cells[row] for row in np.flatnonzero(mask).tolist()]
            found = Filled(tuple(cell.info for cell in chosen), frozenset(cell.schema for cell in chosen))
            self._filled[key] = found
        return found


def _fine_from(end: int) -> int:
    """The greatest bound that a roll-up can have reached when this is evaluated."""
    return (end - KEEP_MINUTES) // HOUR * HOUR


def _condition(filled: Filled, lost: Lost, span: tuple[int, int]) -> Condition:
    """What bars a window from being judged: it spans two cell schemas, or part of it was never counted."""
    if len(filled.schemas) > 1:
        return State.UNDEFINED, SPANS_SCHEMAS
    return (State.STALE, LOST) if any(_overlap(gap, span) for gap in lost) else None


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _runs(starts: Sequence[int], pane: int) -> Iterator[tuple[int, int]]:
    """Pane starts, rising, as runs (first, last) of panes that follow one another."""
    first = last = None
    for start in starts:
        if first is None or last is None or start - last > pane:
            if first is not None and last is not None:
                yield first, last
            first = start
        last = start
    if first is not None and last is not None:
        yield first, last
