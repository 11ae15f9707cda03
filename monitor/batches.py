"""Several windows over the same cells, assessed in one pass.

One window costs NumPy's overhead of some hundred small operations, whatever it holds. K windows of the same cells are laid
side by side as K copies of the grouping, whose groups and segments do not touch each other; everything that is computed
per group or per segment is then the same as window by window, to the last bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
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
    """K windows. Columns of `whole` are window after window: group g of window k is column `k * groups + g`."""

    whole: Assessment
    one: Grouping
    times: int
    shown: Assessment = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", self.whole.published())

    @property
    def width(self) -> int:
        """Groups of one window."""
        return len(self.one.groups)

    def columns(self, window: int) -> slice:
        """The columns of one window's groups."""
        return slice(window * self.width, (window + 1) * self.width)

    def segments(self, window: int) -> slice:
        """The columns of one window's segments, in `gaps`."""
        return slice(window * len(self.one.segments), (window + 1) * len(self.one.segments))

    def compare(self, name: str, attributes: Sequence[str], spec: DisparitySpec) -> list[list[Compared]]:
        """As `Assessment.compare`, over everything served: the comparisons of each window."""
        wanted, known = ("*", "*", tuple(sorted(attributes))), self.one.names
        if wanted not in known:
            return [[] for _ in range(self.times)]
        at, row = known.index(wanted), self.whole.metrics.index(metric(name).name)
        places = [at + window * len(known) for window in range(self.times)]
        tables = _only(self.whole.field, row)
        if spec.method is Method.BETWEEN_GROUPS:
            (gap,) = disparities([tables.worst(spec, np.array(places))], self.whole.plan.confidence)
            return [[found] for found in self._compared(self._conditioned(gap), row)]
        gaps = disparities([tables.each(spec, place) for place in places], self.whole.plan.confidence)
        return [list(self._compared(self._conditioned(gap), row)) for gap in gaps]

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


def assess_windows(  # noqa: PLR0913 - decisions and labels are what nearly all have
    cells: Sequence[CellInfo],
    decision: Ints | None,
    labels: Ints | None,
    plan: Plan,
    condition: Condition = None,
    binned: Mapping[Needs, Ints] | None = None,
) -> Batch:
    """K windows at once: `decision` and `labels` are (K, cells, slots), or None as in `assess`; so are those of `binned`.

    `condition` holds for all of them. What `assess` gives for each window alone is what is found here, bit for bit.
    """
    given: dict[Needs, Ints] = dict(binned or {})
    if decision is not None:
        given["decision"] = decision
    if labels is not None:
        given["label"] = labels
    assert given, "a window has sums of something"
    times = len(next(iter(given.values())))
    one = grouping(cells, plan.shape())
    flat = {needs: matrix.reshape(-1, matrix.shape[2]) for needs, matrix in given.items()}
    whole = assessed(_tiled(one, times, len(cells)), flat, plan)
    return Batch(whole if condition is None else whole.conditioned(*condition), one, times)


@lru_cache(maxsize=64)
def _tiled(one: Grouping, times: int, cells: int) -> Grouping:
    """The grouping of `times` copies of the cells."""
    if times == 1:
        return one
    groups, segments = len(one.groups), len(one.segments)
    totals, starts = one.parts

    def again(indices: Indices, step: int) -> Indices:
        """The indices once for each copy; -1 stays."""
        shape = (times, *[1] * indices.ndim)
        shifted = indices[None] + (np.arange(times) * step).reshape(shape)
        return np.where(indices[None] < 0, -1, shifted).reshape(-1, *indices.shape[1:])

    return replace(
        one,
        groups=one.groups * times,
        order=again(one.order, cells),
        starts=again(one.starts, len(one.order)),
        filled=again(one.filled, groups),
        segments=again(one.segments, groups),
        names=one.names * times,
        segment=again(one.segment, segments),
        everybody=again(one.everybody, groups),
        reference=again(one.reference, groups),
        compared=np.tile(one.compared, times),
        parts=(again(totals, groups), again(starts, len(one.members))),
        members=again(one.members, groups),
        stratum=np.tile(one.stratum, times),
    )
