"""Several windows assessed in one pass.

One window costs NumPy's overhead of some hundred small operations, whatever it holds. So the groupings of K windows are
laid side by side, whose groups and segments do not touch each other; everything that is computed per group or per segment
is then the same as window by window, to the last bit. The windows need not hold the same cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np

from monitor.assess import Assessment, CellInfo, Plan, assessed
from monitor.comparisons import DisparitySpec, Field, Method
from monitor.disparity import Disparities, disparities
from monitor.estimates import Estimate, Estimates, State
from monitor.grouping import Grouping, Indices, grouping
from monitor.metric import Needs
from monitor.metrics import metric
from monitor.sums import Ints

Condition = tuple[State, str] | None


class Compared(NamedTuple):
    """One comparison in one window: its estimate, and the columns of the groups (-1: the rest)."""

    spec: DisparitySpec
    estimate: Estimate
    subject: int
    lower: int
    higher: int
    comparable: bool
    stratified: Estimate | None = None
    """The same comparison within strata of the legitimate factors, and in how many of them."""
    strata: int = 0


@dataclass(frozen=True, eq=False)
class Batch:
    """K windows, each with its own grouping. Columns of `whole` are window after window."""

    whole: Assessment
    ones: tuple[Grouping, ...]
    shown: Assessment = field(init=False)
    _columns: tuple[int, ...] = field(init=False)
    _segments: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", self.whole.published())
        for name, sizes in (
            ("_columns", [len(one.groups) for one in self.ones]),
            ("_segments", [len(one.segments) for one in self.ones]),
        ):
            object.__setattr__(self, name, tuple(accumulate(sizes, initial=0)))

    def columns(self, window: int) -> slice:
        """The columns of one window's groups."""
        return slice(self._columns[window], self._columns[window + 1])

    def segments(self, window: int) -> slice:
        """The columns of one window's segments, in `gaps`."""
        return slice(self._segments[window], self._segments[window + 1])

    def compare(self, name: str, attributes: Sequence[str], spec: DisparitySpec) -> list[list[Compared]]:
        """As `Assessment.compare`, over everything served: the comparisons of each window."""
        wanted, row = ("*", "*", tuple(sorted(attributes))), self.whole.metrics.index(metric(name).name)
        found: list[list[Compared]] = [[] for _ in self.ones]
        places = {
            window: self._segments[window] + one.names.index(wanted)
            for window, one in enumerate(self.ones)
            if wanted in one.names
        }
        if not places:
            return found
        tables = _only(self.whole.field, row)
        if spec.method is Method.BETWEEN_GROUPS:
            (gap,) = disparities([tables.worst(spec, np.array(list(places.values())))], self.whole.plan.confidence)
            for window, one in zip(places, self._compared(self._conditioned(gap), row), strict=True):
                found[window] = [one]
            return found
        gaps = disparities([tables.each(spec, place) for place in places.values()], self.whole.plan.confidence)
        for window, gap in zip(places, gaps, strict=True):
            found[window] = list(self._compared(self._conditioned(gap), row))
        return found

    def _compared(self, gap: Disparities, row: int) -> Iterator[Compared]:
        columns = (part[0].tolist() for part in (gap.subject, gap.lower, gap.higher, gap.comparable))
        beside = self.whole.stratify(gap, row)
        for column, (subject, lower, higher, comparable) in enumerate(zip(*columns, strict=True)):
            one = Compared(gap.spec, gap.estimates.one((0, column)), subject, lower, higher, comparable)
            if beside is not None:
                strata = int(beside.strata[0, column])
                one = one._replace(stratified=beside.estimates.one((0, column)), strata=strata)
            yield one

    def _conditioned(self, gap: Disparities) -> Disparities:
        condition = self.whole.condition
        if condition is None:
            return gap
        everywhere = np.ones(gap.estimates.state.shape, dtype=bool)
        return replace(gap, estimates=gap.estimates.where(everywhere, *condition))


def _only(tables: Field, row: int) -> Field:
    """The tables of one metric alone."""
    return Field(tables.grouping, tables.groups.only(row), lambda: tables.rest.only(row))


def confident(batch: Batch, confidence: float) -> Estimates:
    """The groups' estimates (metrics, columns) with intervals of another confidence."""
    return replace(batch.whole, plan=replace(batch.whole.plan, confidence=confidence)).estimates


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What there is to assess of one window: its cells, and their sums (cells x slots) by what needs them."""

    cells: Sequence[CellInfo]
    sums: Mapping[Needs, Ints]


def assess_each(windows: Sequence[Window], plan: Plan, condition: Condition = None) -> list[tuple[Batch, list[int]]]:
    """Windows of any cells: batches, each with the numbers of its windows. All have sums of the same.

    `condition` holds for all of them. What `assess` gives for each window alone is what is found here, bit for bit.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    ones = [grouping(window.cells, plan.shape()) for window in windows]
    for number, one in enumerate(ones):
        alike.setdefault(one.factors, []).append(number)
    return [
        (_assessed([ones[n] for n in numbers], [windows[n].sums for n in numbers], plan, condition), numbers)
        for numbers in alike.values()
    ]


def _assessed(
    ones: Sequence[Grouping], sums: Sequence[Mapping[Needs, Ints]], plan: Plan, condition: Condition
) -> Batch:
    flat = {needs: np.concatenate([one[needs] for one in sums]) for needs in sums[0]}
    whole = assessed(_joined(tuple(ones)), flat, plan)
    return Batch(whole if condition is None else whole.conditioned(*condition), tuple(ones))


@lru_cache(maxsize=16)
def _joined(ones: tuple[Grouping, ...]) -> Grouping:
    """The groupings side by side. They are of the same factors."""
    first = ones[0]
    if len(ones) == 1:
        return first
    widest = max(one.segments.shape[1] for one in ones)

    def after(counts: Sequence[int]) -> list[int]:
        """How far each window's indices move, given how many the windows before it have."""
        return [*accumulate(counts[:-1], initial=0)]

    def moved(indices: Sequence[Indices], steps: Sequence[int]) -> Indices:
        """The indices one after the other; -1 stays."""
        return np.concatenate([np.where(i < 0, -1, i + step) for i, step in zip(indices, steps, strict=True)])

    groups, segments = after([len(one.groups) for one in ones]), after([len(one.segments) for one in ones])
    return replace(
        first,
        groups=tuple(chain.from_iterable(one.groups for one in ones)),
        order=moved([one.order for one in ones], after([len(one.stratum) for one in ones])),
        starts=moved([one.starts for one in ones], after([len(one.order) for one in ones])),
        filled=moved([one.filled for one in ones], groups),
        segments=moved([_wide(one.segments, widest) for one in ones], groups),
        names=tuple(chain.from_iterable(one.names for one in ones)),
        segment=moved([one.segment for one in ones], segments),
        everybody=moved([one.everybody for one in ones], groups),
        reference=moved([one.reference for one in ones], groups),
        compared=np.concatenate([one.compared for one in ones]),
        parts=(
            moved([one.parts[0] for one in ones], groups),
            moved([one.parts[1] for one in ones], after([len(one.members) for one in ones])),
        ),
        members=moved([one.members for one in ones], groups),
        stratum=np.concatenate([one.stratum for one in ones]),
        strata=max(one.strata for one in ones),
    )


def _wide(segments: Indices, width: int) -> Indices:
    """Filled up with -1."""
    return np.pad(segments, ((0, 0), (0, width - segments.shape[1])), constant_values=-1)
