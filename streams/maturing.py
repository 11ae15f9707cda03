"""Metrics that are computed once their windows are over, and again as what belongs to them comes in.

- Outcome metrics by the time of the decision. A window of decisions is complete at once and its labels are not. So its points
  are computed when it closes and again when it is 1, 7 and 30 days old and at the join horizon, each time a revision if the
  figures have changed; in between they are computed on reading. Label coverage, labelled over predicted, is known here, since
  both are counted by one time.
- Metrics of histograms, whose panes are hours: when a window closes, and again when no event can be late for it any more.
- Metrics of a model that weighs its decisions, whose weights are kept by the hour: likewise the one or the other.

Memory is bounded by the cells and not by the window's length: of each kind of sums at most some 60 panes of a step of the
window, those of `ENDS_AT_ONCE` more steps, and the sums at as many ends are held at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from monitor.batches import Condition
from monitor.config import ModelConfig
from monitor.estimates import State
from monitor.metric import Needs
from monitor.sums import LAYOUTS, Basis, Ints
from monitor.windows import DAY, HOUR, Cube, Window
from streams.folding import LOST, SPANS_SCHEMAS, Lost
from streams.measuring import Filled, Frame, Place, TimeBasis
from streams.snapshots import Snapshot

AGES = (0, DAY, 7 * DAY, 30 * DAY)

AT_ONCE = 8 * DAY
"""So much event time is worked off in one go."""

ENDS_AT_ONCE = 24
"""So many ends of a window are held at once: of 1,000 cells with histograms each takes a megabyte."""


@dataclass(frozen=True, slots=True)
class Due:
    """The ends of one window that have reached an age, rising."""

    window: Window
    ends: tuple[int, ...]

    @property
    def span(self) -> tuple[int, int]:
        """All pane starts that they need, as [low, high)."""
        return self.window.span(self.ends[0])[0], self.ends[-1]

    @property
    def coarse(self) -> int:
        """Panes may be merged into such as these: no window begins or ends inside one."""
        return gcd(self.window.step, self.window.length, *([DAY] if self.window.edge == DAY else []))

    def parts(self, size: int) -> Iterator["Due"]:
        """The same in pieces of at most so many ends."""
        for start in range(0, len(self.ends), size):
            yield Due(self.window, self.ends[start : start + size])


def ages(horizon: int) -> tuple[int, ...]:
    """The ages in ms at which points are computed, the join horizon last."""
    return (*(age for age in AGES if age < horizon), horizon)


def due(window: Window, at: tuple[int, ...], was: int, now: int, began: int) -> list[Due]:
    """What has come of one of the ages `at` (ms) while the clock moved from `was` to `now`; an end that reached two is due once.

    Windows that began before the first pane at all (`began`) count, those that ended before it do not.
    """
    taken: set[int] = set()
    found = []
    for age in reversed(at):
        first = max((was - age) // window.step + 1, began // window.step + 1) * window.step
        ends = [end for end in range(first, now - age + 1, window.step) if end not in taken]
        taken.update(ends)
        if ends:
            found.append(Due(window, tuple(ends)))
    return found


@dataclass(frozen=True, slots=True)
class Series:
    """What is computed of one time basis, from which sums, whenever the clock over `topics` has moved on."""

    mark: str
    """The name under which it is stored how far this has come."""
    time_basis: TimeBasis
    bases: Mapping[Needs, Basis]
    topics: tuple[int, ...]
    number: int = 0
    """Of the class of label that it is about."""
    label_class: str = ""


def of_classes(names: Sequence[str], *, weighted: bool = False) -> Iterator[Series]:
    """One class against the rest, for each class."""
    bases: dict[Needs, Basis] = {"decision": Basis.DECISION, "label": Basis.LABEL_DECIDED}
    if weighted:
        bases = {"decision": Basis.WEIGHTS_DECISION, "label": Basis.WEIGHTS_LABEL_DECIDED}
    for number, name in enumerate(names, 1):
        yield Series(f"class {number}", "decision", bases, (0, 1), number, name)


REVISION = Series(
    "revision",
    "decision",
    {
        "decision": Basis.DECISION,
        "label": Basis.LABEL_DECIDED,
        "label_score": Basis.LABEL_SCORES_DECIDED,
        "error": Basis.ERRORS_DECIDED,
        "power": Basis.ERROR_POWERS_DECIDED,
    },
    (0, 1),
)
HISTOGRAMS = (
    Series("decision histograms", "decision", {"score": Basis.SCORES, "value": Basis.VALUES}, (0,)),
    Series(
        "outcome histograms",
        "outcome",
        {
            "label_score": Basis.LABEL_SCORES_ARRIVED,
            "error": Basis.ERRORS_ARRIVED,
            "power": Basis.ERROR_POWERS_ARRIVED,
        },
        (0, 1),
    ),
)

WEIGHTED = (
    Series(
        "weighted decisions",
        "decision",
        {"decision": Basis.WEIGHTS_DECISION, "score": Basis.WEIGHTS_SCORES, "value": Basis.WEIGHTS_VALUES},
        (0,),
    ),
    Series(
        "weighted revision",
        "decision",
        {
            "decision": Basis.WEIGHTS_DECISION,
            "label": Basis.WEIGHTS_LABEL_DECIDED,
            "error": Basis.WEIGHTS_ERRORS_DECIDED,
            "label_score": Basis.WEIGHTS_SCORES_DECIDED,
        },
        (0, 1),
    ),
    Series(
        "weighted outcomes",
        "outcome",
        {
            "label": Basis.WEIGHTS_LABEL_ARRIVED,
            "error": Basis.WEIGHTS_ERRORS_ARRIVED,
            "label_score": Basis.WEIGHTS_SCORES_ARRIVED,
        },
        (0, 1),
    ),
)
"""What is computed of a model that weighs its decisions, in place of what is computed of decisions that count alike."""


class Maturing:
    """One series of one model. Reads what is due when it is due, and remembers nothing."""

    def __init__(self, model: ModelConfig, series: Series, needed: frozenset[Needs]) -> None:
        """`needed`: of the series' sums, those that some metric needs; decisions and labels are read together."""
        pane = max(model.pane, HOUR)
        self._windows = tuple(Window(length, pane) for length in model.windows if length >= pane and length % pane == 0)
        labelled = "label" in series.bases and series.time_basis == "decision"
        self._ages = ages(model.join_horizon) if labelled else tuple({0: 0, model.max_lateness: 0})
        always = {"decision", "label"} if labelled else set()
        self._bases = {needs: basis for needs, basis in series.bases.items() if needs in always | needed}
        self._series = series

    @property
    def bases(self) -> tuple[Basis, ...]:
        """What it reads."""
        return tuple(self._bases.values())

    def limit(self, was: int, now: int) -> int:
        """How far the clock is followed at once."""
        return min(now, was + AT_ONCE)

    def frames(self, snapshot: Snapshot, span: tuple[int, int], began: int, lost: Lost = ()) -> Iterator[list[Frame]]:
        """Everything that came of age while the clock moved over `span` (from, to), some windows at a time."""
        for window in self._windows:
            for group in due(window, self._ages, *span, began):
                for part in group.parts(ENDS_AT_ONCE):
                    yield list(self._frames(snapshot, part, lost))

    def _frames(self, snapshot: Snapshot, group: Due, lost: Lost) -> Iterator[Frame]:
        cubes = {needs: Cube(len(LAYOUTS[basis]), (group.window,)) for needs, basis in self._bases.items()}
        rows: dict[int, int] = {}  # one numbering for all
        low, high = group.span
        for needs, cube in cubes.items():
            cube.cells = rows
            for pane in snapshot.panes(self._bases[needs], low // HOUR * HOUR, high, high, self._series.number):
                cube.put(pane.start, pane.cells, pane.sums)
                cube.merge(pane.start, group.coarse)  # a month of hours of a wide model would not fit in memory
        known = snapshot.cells(list(rows))
        cells = [known[id] for id in rows]
        known_sets: dict[bytes, Filled] = {}
        for moments in zip(*(cube.replay(group.window, group.ends) for cube in cubes.values()), strict=True):
            end, sums = moments[0][0], {needs: found for needs, (_, found) in zip(cubes, moments, strict=True)}
            mask = np.logical_or.reduce([found.any(axis=1) for found in sums.values()])
            key = mask.tobytes()
            if key not in known_sets:
                chosen = [cells[row] for row in np.flatnonzero(mask).tolist()]
                known_sets[key] = Filled(tuple(info for info, _ in chosen), frozenset(schema for _, schema in chosen))
            filled = known_sets[key]
            condition = _condition(filled, lost, group.window.span(end))
            place = Place(group.window.length, end, self._series.time_basis, self._series.label_class)
            yield self._frame(place, filled, sums, mask, condition)

    def _frame(
        self,
        place: Place,
        filled: Filled,
        sums: Mapping[Needs, Ints],
        mask: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]",
        condition: Condition,
    ) -> Frame:
        cut = {needs: found[mask] for needs, found in sums.items()}
        decision, labels = cut.pop("decision", None), cut.pop("label", None)
        return Frame(place, filled, decision, labels, condition, cut)


def _condition(filled: Filled, lost: Lost, span: tuple[int, int]) -> Condition:
    """What bars a window from being read: it spans two cell schemas, or part of it was never counted."""
    if len(filled.schemas) > 1:
        return State.UNDEFINED, SPANS_SCHEMAS
    return (State.STALE, LOST) if any(low < span[1] and span[0] < high for low, high in lost) else None
