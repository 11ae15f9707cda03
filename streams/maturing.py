"""Outcome metrics by the time of the decision: computed again as labels come in.

A window of decisions is complete at once and its labels are not. So its points are computed when it closes and again when
it is 1, 7 and 30 days old and at the join horizon, each time a revision if the figures have changed; in between they are
computed on reading. Label coverage, labelled over predicted, is known here, since both are counted by one time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitor.batches import Condition
from monitor.config import ModelConfig
from monitor.estimates import State
from monitor.sums import DECISIONS, LABELS, Basis
from monitor.windows import DAY, HOUR, Cube, Window
from streams.folding import SPANS_SCHEMAS
from streams.measuring import Filled, Frame, Place
from streams.snapshots import Snapshot

AGES = (0, DAY, 7 * DAY, 30 * DAY)

AT_ONCE = 8 * DAY
"""So much event time is worked off in one go."""


@dataclass(frozen=True, slots=True)
class Due:
    """The ends of one window that have reached an age, rising."""

    window: Window
    ends: tuple[int, ...]

    @property
    def span(self) -> tuple[int, int]:
        """All pane starts that they need, as [low, high)."""
        return self.window.span(self.ends[0])[0], self.ends[-1]


def ages(horizon: int) -> tuple[int, ...]:
    """The ages in ms at which points are computed, the join horizon last."""
    return (*(age for age in AGES if age < horizon), horizon)


def due(window: Window, horizon: int, was: int, now: int, began: int) -> list[Due]:
    """What has come of age while the clock moved from `was` to `now`; an end that reached two ages is due once.

    Windows that began before the first pane at all (`began`) count, those that ended before it do not.
    """
    taken: set[int] = set()
    found = []
    for age in reversed(ages(horizon)):
        first = max((was - age) // window.step + 1, began // window.step + 1) * window.step
        ends = [end for end in range(first, now - age + 1, window.step) if end not in taken]
        taken.update(ends)
        if ends:
            found.append(Due(window, tuple(ends)))
    return found


class Maturing:
    """The outcome metrics of one model by decision time. Reads what is due when it is due, and remembers nothing."""

    def __init__(self, model: ModelConfig) -> None:
        pane = max(model.pane, HOUR)
        self._windows = tuple(Window(length, pane) for length in model.windows if length >= pane and length % pane == 0)
        self._horizon = model.join_horizon

    def limit(self, was: int, now: int) -> int:
        """How far the clock is followed at once."""
        return min(now, was + AT_ONCE)

    def frames(self, snapshot: Snapshot, was: int, now: int, began: int) -> Iterator[list[Frame]]:
        """Everything that came of age while the clock moved from `was` to `now`, some windows at a time."""
        for window in self._windows:
            for group in due(window, self._horizon, was, now, began):
                yield list(self._frames(snapshot, group))

    def _frames(self, snapshot: Snapshot, group: Due) -> Iterator[Frame]:
        decisions, labels = Cube(len(DECISIONS), (group.window,)), Cube(len(LABELS), (group.window,))
        labels.cells = decisions.cells  # one numbering of rows for both
        low, high = group.span
        for cube, basis in ((decisions, Basis.DECISION), (labels, Basis.LABEL_DECIDED)):
            for pane in snapshot.panes(basis, low // HOUR * HOUR, high, high):
                cube.put(pane.start, pane.cells, pane.sums)
        known = snapshot.cells(list(decisions.cells))
        cells = [known[id] for id in decisions.cells]
        known_sets: dict[bytes, Filled] = {}
        replays = (cube.replay(group.window, group.ends) for cube in (decisions, labels))
        for (end, made), (_, labelled) in zip(*replays, strict=True):
            mask = made.any(axis=1)
            key = mask.tobytes()
            if key not in known_sets:
                chosen = [cells[row] for row in np.flatnonzero(mask).tolist()]
                known_sets[key] = Filled(tuple(info for info, _ in chosen), frozenset(schema for _, schema in chosen))
            filled = known_sets[key]
            condition: Condition = (State.UNDEFINED, SPANS_SCHEMAS) if len(filled.schemas) > 1 else None
            yield Frame(Place(group.window.length, end, "decision"), filled, made[mask], labelled[mask], condition)
