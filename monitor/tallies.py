"""Tallies: what a metric makes of the sums of groups, and the estimates that follow from it.

A metric's function gives one of four, over all groups (columns) at once:

- `Tally`: numerator / denominator. A rate of counts, or the mean of a quantity.
- `Statistic`: a value with an interval of its own, because no quotient of counts gives it: F1, MCC, AUC, a quantile.
- `Pair`: a number of two groups and of no single one: a distance between distributions, equalized odds.
- `Index`: a number of all groups of an attribute set together: a between-group inequality, differential fairness.

The last three name their denominators (`parts`), and are undefined where any of them is empty.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from monitor.estimates import MEASURED, UNDEFINED, Estimates, Flags, Floats
from monitor.grouping import Indices
from monitor.intervals import Interval, mean_interval, wilson
from monitor.sums import Ints

Limits = Callable[[Any, Floats], Interval]
"""`limits(at, level)`: the interval of the groups `at` (any index of NumPy's) at a two-sided confidence level each."""

Parts = Mapping[str, Ints]
"""What each denominator counts, as in "positive labels", and how many there are per group."""


class Countable(Protocol):
    """Sums of groups of which some can be taken; `monitor.metric.Sums`."""

    def take(self, at: Any) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Numerator and count per group; the variance of one event (with n - 1), or None where n and numerator imply it.

    None stands for an event in [0, 1]: exactly p(1 - p) for yes or no, and at most that for a score. Of weighted events,
    `denominator` is the sum of weights (None: n) and `effective` the number of unweighted events that would be as sure,
    (sum of weights)^2 / sum of squared weights; `n` always counts events.
    """

    numerator: Floats
    n: Ints
    variance: Floats | None = None
    denominator: Floats | None = None
    effective: Floats | None = None
    people: Ints | None = None
    """Of how many people it tells, where that is not n: a group's share of everybody tells of the group."""
    within: tuple[float, float] = (-np.inf, np.inf)
    """Where a mean must lie, whatever the events: its interval ends there."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A value per group with an interval of its own. `n` is the least of the parts: what the value stands on.

    NaN is undefined, also where no part is empty. `limits` None: no interval. Disparities get theirs from those of the
    two groups (`monitor.intervals.mover_difference`, `mover_ratio`). `monitor.limits` has the usual limits ready made.
    """

    value: Floats
    parts: Parts
    limits: Limits | None = None
    numerator: Floats | None = None
    denominator: Floats | None = None
    people: Ints | None = None
    """As `Tally.people`."""


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """A number per pair (or set) of groups; NaN and infinity are undefined, and infinitely far is farthest.

    `limits(level)` is its interval, None: it has none.
    """

    value: Floats
    limits: Callable[[Floats], Interval] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outer:
    """Which groups can be an end of the farthest pair: the farther apart `along` it, the greater the distance.

    Of equals along it, the group with more of `more` is farther from any third; of `either` the one with more or the one
    with less, whichever the third is. So a group that another exceeds in everything is no end.
    """

    along: Floats
    more: tuple[Floats, ...] = ()
    either: tuple[Floats, ...] = ()
    upper_alone: bool = False
    """All this holds of the end with more `along`; any group can be the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """How far two groups are apart. The engine calls `distance` with the sums of both sides, which broadcast.

    `distance` is at least 0 and 0 for equal groups; the farthest pair drives. `ratio`, if there is one, is at most 1,
    and the least drives. Which pairs can be the farthest is told by `keys` (keys x groups): of some key one group has
    the least, the other the greatest; or by `outer`. With neither every pair is looked at.
    """

    sums: Countable
    parts: Parts
    distance: Callable[[Any, Any], Contrast]
    ratio: Callable[[Any, Any], Contrast] | None = None
    keys: Floats | None = None
    outer: "Outer | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """One number of all groups of an attribute set. The engine calls `index(sums, within)`, both (sets, groups) in shape.

    `within` says which groups take part: those with enough events, that are compared; others must be ignored. `key`
    orders the groups, so that the least and the greatest can be named.
    """

    sums: Countable
    parts: Parts
    index: Callable[[Any, Flags], Contrast]
    key: Floats


Tallied = Tally | Statistic | Pair | Index


class Form(IntEnum):
    """How a row of a table gets its value and its interval."""

    RATE = 0
    MEAN = 1
    STATISTIC = 2
    PAIR = 3
    INDEX = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of a table is of: the metric, what its `n` counts, and why it is undefined whatever the counts.

    `compared`: whether its disparities mean anything. `parts` are the names of the denominators, in the order of `lacks`.
    """

    metric: str
    denominator: str
    barred: str = ""
    compared: bool = True
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """Tallies of metrics (rows) over groups (columns).

    `variance` is NaN where the form is not MEAN and below two events. `size` is the number of events that intervals
    count with: n, unless events have weights. `lacks` is 0, or 1 + the position of the first empty part.
    """

    rows: tuple[Row, ...]
    form: Indices
    """Per row, a `Form`."""
    numerator: Floats
    denominator: Floats
    n: Ints
    size: Floats
    variance: Floats
    people: Ints
    """Of how many people each number tells: what suppression goes by."""
    value: Floats
    """NaN where undefined."""
    lacks: Indices
    made: tuple[Tallied, ...]
    """Per row: what the metric gave, over the columns `at` counts."""
    at: Indices
    """(rows, columns): which column of `made` each is."""

    @classmethod
    def of(cls, rows: Sequence[Row], tallies: Sequence[Tallied]) -> "Table":
        """The table of these tallies, one a row, all over the same groups."""
        counted = [_counted(tally) for tally in tallies]
        n, lacks = (np.stack(columns) for columns in zip(*counted, strict=True))
        numerator, denominator, variance, value = (np.full(n.shape, np.nan) for _ in range(4))
        size, people = n.astype(np.float64), n.copy()
        quotient = np.array([[isinstance(tally, Tally)] for tally in tallies])
        for row, tally in enumerate(tallies):
            known: list[tuple[Any, Any]] = []
            if isinstance(tally, Tally):
                below = size[row].copy() if tally.denominator is None else tally.denominator
                effective = below if tally.effective is None else tally.effective
                known = [(numerator, tally.numerator), (denominator, below), (size, effective)]
                known += [(variance, tally.variance), (people, tally.people)]
            elif isinstance(tally, Statistic):
                known = [(numerator, tally.numerator), (denominator, tally.denominator), (people, tally.people)]
                known += [(value, np.where(n[row] > 0, tally.value, np.nan))]
            for array, given in known:
                if given is not None:
                    array[row] = given
        with np.errstate(all="ignore"):
            np.divide(numerator, denominator, out=value, where=quotient & (n > 0) & (denominator > 0))
        return cls(
            tuple(rows), np.array([_form(tally) for tally in tallies]), numerator, denominator, n, size, variance, people, value,
            lacks, tuple(tallies), np.broadcast_to(np.arange(n.shape[1]), n.shape),
        )  # fmt: skip

    @property
    def barred(self) -> Flags:
        """Per row: undefined whatever the counts."""
        return np.array([bool(row.barred) for row in self.rows])

    @cached_property
    def bounded(self) -> Flags:
        """Per row: whether an event is in [0, 1], so that count and sum imply the variance."""
        found: Flags = self.form == Form.RATE
        return found

    @property
    def count(self) -> Floats:
        """What stands for the number of successes in the interval of a rate."""
        return self.successes(slice(None))

    def successes(self, rows: Any) -> Floats:
        """The same of some rows."""
        size = self.size[rows]
        with np.errstate(all="ignore"):
            found: Floats = np.where(size == self.denominator[rows], self.numerator[rows], self.value[rows] * size)
        return found

    def columns(self, at: Any) -> "Table":
        """The same metrics over other columns: `at` is one index array per row, (rows, columns)."""
        width = self.n.shape[1]
        flat = np.arange(len(self.rows))[:, None] * width + np.where(at < 0, at + width, at)
        return self._with(self.rows, slice(None), lambda array: array.ravel().take(flat))

    def only(self, row: int) -> "Table":
        """One metric alone, over the same groups."""
        at = slice(row, row + 1)
        return self._with(self.rows[at], at, lambda array: array[at])

    def _with(self, rows: tuple[Row, ...], of: slice, change: Callable[[Any], Any]) -> "Table":
        return Table(
            rows=rows,
            form=self.form[of],
            made=self.made[of],
            **{name: change(getattr(self, name)) for name in _ARRAYS},
        )

    def mixed(self, mask: Flags, other: "Table") -> "Table":
        """The rows where `mask` holds as they are, the others from `other`."""
        return Table(
            rows=self.rows,
            form=self.form,
            made=tuple(a if own else b for own, a, b in zip(mask.tolist(), self.made, other.made, strict=True)),
            **{name: np.where(mask[:, None], getattr(self, name), getattr(other, name)) for name in _ARRAYS},
        )

    def estimates(self, confidence: float) -> Estimates:
        """The estimate of every metric and group: Wilson's interval, Student's, or the statistic's own."""
        low, high = np.full(self.n.shape, np.nan), np.full(self.n.shape, np.nan)
        rates, means = np.flatnonzero(self.form == Form.RATE), np.flatnonzero(self.form == Form.MEAN)
        low[rates], high[rates] = wilson(self.successes(rates), self.size[rates], confidence)
        low[means], high[means] = mean_interval(self.value[means], self.variance[means], self.size[means], confidence)
        for row in means.tolist():
            made = self.made[row]
            assert isinstance(made, Tally)
            low[row], high[row] = np.maximum(low[row], made.within[0]), np.minimum(high[row], made.within[1])
        for row in np.flatnonzero(self.form == Form.STATISTIC).tolist():
            low[row], high[row] = limits_of(self.made[row], [self.at[row]], [np.float64(confidence)])
        undefined = np.isnan(self.value) | self.barred[:, None]
        reasons, reason = self.reasons()
        blank = np.where(undefined, np.nan, 1.0)
        return Estimates(
            value=self.value * blank,
            n=self.n,
            numerator=self.numerator,
            denominator=self.denominator,
            low=low * blank,
            high=high * blank,
            state=np.where(undefined, UNDEFINED, MEASURED).astype(np.int8),
            reason=np.where(undefined, reason, 0).astype(np.int16),
            reasons=reasons,
        )

    def reasons(self) -> tuple[tuple[str, ...], Indices]:
        """Why each would be undefined: the reasons, and the position of each one's among them."""
        texts = [""]
        first = []
        for row in self.rows:
            first.append(len(texts))
            texts += [row.barred] if row.barred else [f"no {part}" for part in (row.denominator, *row.parts)]
        lacks = np.where(self.barred[:, None], 0, self.lacks)
        return tuple(texts), np.array(first)[:, None] + lacks


_ARRAYS = ("numerator", "denominator", "n", "size", "people", "variance", "value", "lacks", "at")


def _form(tally: Tallied) -> Form:
    if isinstance(tally, Tally):
        return Form.RATE if tally.variance is None else Form.MEAN
    if isinstance(tally, Statistic):
        return Form.STATISTIC
    return Form.PAIR if isinstance(tally, Pair) else Form.INDEX


def limits_of(made: Tallied, at: Sequence[Indices], levels: Sequence[Any]) -> Interval:
    """The intervals of a statistic: of these groups (lists of columns) at these levels."""
    assert isinstance(made, Statistic)
    columns = np.concatenate(at)
    if made.limits is None:
        return np.full(columns.shape, np.nan), np.full(columns.shape, np.nan)
    return made.limits(columns, levels[0] if len(levels) == 1 else np.concatenate(levels))


def parts_of(tally: Tallied) -> tuple[str, ...]:
    """The names of the denominators of what is no plain quotient."""
    return () if isinstance(tally, Tally) else tuple(tally.parts)


def _counted(tally: Tallied) -> tuple[Ints, Indices]:
    """How many events, and what lacks: 0, or 1 + the position of the first empty part."""
    if isinstance(tally, Tally):
        return tally.n, np.zeros(tally.n.shape, dtype=np.intp)
    return _weakest(tuple(tally.parts.values()))


def _weakest(parts: tuple[Ints, ...]) -> tuple[Ints, Indices]:
    """The least of the parts, and 1 + which one it is where it is 0."""
    stacked = np.stack(parts)
    least: Ints = stacked.min(axis=0)
    return least, np.where(least > 0, 0, 1 + stacked.argmin(axis=0))
