"""Conditional disparity: groups compared within strata of the legitimate factors, and the strata put together again.

A raw gap may come from what the groups apply for (Simpson's paradox): every department of Berkeley admitted women at least
as readily, and all together did not. So beside the raw gap stands the stratified one, of the same two groups, and a flag
where the two point in opposite directions. With k of n in stratum s for the group (x) and what it is compared with (y):

- difference: `sum w (p_x - p_y) / sum w`, w = n_x n_y / (n_x + n_y) (Cochran 1954; Mantel and Haenszel 1959), its variance
  by T. Sato (Biometrics 45 (1989) 1323-1324), good for few large strata and for many small ones;
- ratio: `sum k_x n_y / N  /  sum k_y n_x / N`, its variance by S. Greenland and J. M. Robins (Biometrics 41 (1985) 55-68);
- means likewise, with the variances of the strata's means.

A stratum where one of the two has nobody says nothing and weighs nothing. Whole strata are full combinations of factors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from monitor.estimates import MEASURED, UNDEFINED, Estimates, Flags, Floats
from monitor.grouping import Indices
from monitor.intervals import normal_quantile
from monitor.tallies import Form, Statistic, Table

NO_STRATUM = "no stratum has both groups"
NOT_STRATIFIED = "only rates and means are put together over strata"
REASONS = ("", NO_STRATUM, NOT_STRATIFIED)

ALL_LEVELS = "*"
"""The level of a factor in the stratum of a number that is put together over its levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Both groups in every stratum, (strata, comparisons): events, sums, and the variance of an event (None: rates)."""

    n: tuple[Floats, Floats]
    total: tuple[Floats, Floats]
    variance: tuple[Floats, Floats] | None = None
    counted: tuple[Floats, Floats] | None = None
    """Events, where `n` is the effective number of weighted ones."""

    @property
    def people(self) -> tuple[Floats, Floats]:
        """How many events there are."""
        return self.n if self.counted is None else self.counted

    @property
    def weight(self) -> Floats:
        """`n_x n_y / N`, 0 where a side is empty."""
        (x, y) = self.n
        return np.divide(x * y, x + y, out=np.zeros_like(x), where=x + y > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """A value over strata, its interval, and how many strata had both groups."""

    value: Floats
    low: Floats
    high: Floats
    strata: Indices


def difference(sides: Sides, level: Floats) -> Pooled:
    """The weighted difference."""
    weight, (nx, ny), (kx, ky) = sides.weight, sides.n, sides.total
    some = weight > 0
    with np.errstate(all="ignore"):
        total = weight.sum(axis=0)
        value = _sum(weight * (kx / nx - ky / ny), some) / total
        if sides.variance is None:
            everyone = nx + ny
            p = _sum((nx**2 * ky - ny**2 * kx + nx * ny * (ny - nx) / 2.0) / everyone**2, some)
            q = _sum((kx * (ny - ky) + ky * (nx - kx)) / (2.0 * everyone), some)
            variance = np.maximum(value * p + q, 0.0) / total**2
        else:
            spread = sides.variance[0] / nx + sides.variance[1] / ny
            variance = _sum(weight**2 * spread, some) / total**2
        half = normal_quantile(level) * np.sqrt(variance)
    return Pooled(value, value - half, value + half, some.sum(axis=0))


def ratio(sides: Sides, level: Floats) -> Pooled:
    """The Mantel-Haenszel ratio; its interval is normal on the logarithm."""
    weight, (nx, ny), (kx, ky) = sides.weight, sides.n, sides.total
    some = weight > 0
    with np.errstate(all="ignore"):
        above, below = _sum(weight * kx / nx, some), _sum(weight * ky / ny, some)
        value = above / np.where(below > 0.0, below, np.nan)
        if sides.variance is None:
            everyone = nx + ny
            spread = _sum((nx * ny * (kx + ky) - kx * ky * everyone) / everyone**2, some) / (above * below)
        else:
            parts = [_sum(weight**2 * v / n, some) for v, n in zip(sides.variance, sides.n, strict=True)]
            spread = parts[0] / above**2 + parts[1] / below**2
        factor = np.exp(normal_quantile(level) * np.sqrt(spread))
        return Pooled(value, value / factor, value * factor, some.sum(axis=0))


def _sum(values: Floats, some: Flags) -> Floats:
    """One stratum after the other: NumPy's own sum takes another order where there is only one comparison."""
    total: Floats = np.add.accumulate(np.where(some, values, 0.0), axis=0)[-1]
    return total


def reversed_sign(raw: Floats, stratified: Floats, *, of_ratio: bool) -> Flags:
    """Whether the two point in opposite directions."""
    neutral = 1.0 if of_ratio else 0.0
    with np.errstate(all="ignore"):
        found: Flags = (raw - neutral) * (stratified - neutral) < 0.0
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """The tallies of every stratum: `groups` and `rest` are tables over strata x groups columns, stratum after stratum."""

    factors: tuple[str, ...]
    count: int
    groups: Table
    rest: Table
    places: Mapping[int, int]
    """Of the metrics that are rates or means: their rows, and where these are in the tables."""
    of_groups: Mapping[int, Statistic] = field(default_factory=dict)
    """Of the metrics that have a number of a group over strata (`GroupMetric.over_strata`): by row, over the groups."""

    @property
    def label(self) -> tuple[tuple[str, str], ...]:
        """How the numbers put together are marked: every factor at all its levels."""
        return tuple((factor, ALL_LEVELS) for factor in self.factors)

    def only(self, row: int) -> "Strata":
        """One metric alone."""
        places = {0: self.places[row]} if row in self.places else {}
        return Strata(self.factors, self.count, self.groups, self.rest, places, self.of_groups)

    def compare(self, pairs: tuple[Indices, Indices], level: Floats, *, of_ratio: bool) -> tuple[Estimates, Indices]:
        """The stratified estimate of each pair, (metrics, comparisons): x and y, -1 for the rest; and in how many strata."""
        x, y = pairs
        shape = (*x.shape,)
        value, low, high = (np.full(shape, np.nan) for _ in range(3))
        n, strata = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, place in self.places.items():
            sides = self._sides(place, x[row], y[row])
            found = (ratio if of_ratio else difference)(sides, level[row])
            value[row], low[row], high[row], strata[row] = found.value, found.low, found.high, found.strata
            n[row] = np.where(sides.weight > 0, sides.people[0] + sides.people[1], 0.0).sum(axis=0)
        undefined = ~np.isfinite(value)
        single = np.isin(np.arange(len(x)), list(self.places))[:, None]
        blank = np.where(undefined, np.nan, 1.0)
        none = np.full(shape, np.nan)
        estimates = Estimates(
            value=value * blank,
            n=n,
            numerator=none,
            denominator=none,
            low=low * blank,
            high=high * blank,
            state=np.where(undefined, UNDEFINED, MEASURED).astype(np.int8),
            reason=np.where(undefined, np.where(single, 1, 2), 0).astype(np.int16),
            reasons=REASONS,
        )
        return estimates, strata

    def _sides(self, row: int, x: Indices, y: Indices) -> Sides:
        """The row's sums in every stratum, (strata, comparisons)."""
        width = len(self.groups.n[row]) // self.count

        groups, rest = self.groups.only(row), self.rest.only(row)

        def part(name: str, table: Table, at: Indices) -> Floats:
            return np.asarray(getattr(table, name)[0], np.float64).reshape(self.count, width)[:, at]

        def side(name: str) -> tuple[Floats, Floats]:
            other = np.where(y >= 0, part(name, groups, y), part(name, rest, x))
            return part(name, groups, x), other

        if self.groups.form[row] != Form.RATE:
            return Sides(side("size"), side("count"), side("variance"), side("n"))
        return Sides(side("size"), side("count"), counted=side("n"))
