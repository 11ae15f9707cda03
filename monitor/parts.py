"""Numbers of two groups that are made of several differences: their values and intervals, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, newcombe, normal_quantile, score_ratio, wilson
from monitor.sums import Ints
from monitor.tallies import Contrast

Rate = tuple[Ints | Floats, Ints | Floats]
"""Count and n."""


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """A signed difference of two groups, and its interval at a level."""

    value: Floats
    limits: Callable[[Floats], Interval]

    def size(self, level: Floats) -> Interval:
        """The interval of its absolute value."""
        low, high = self.limits(level)
        return np.maximum(np.maximum(low, -high), 0.0), np.maximum(np.abs(low), np.abs(high))


def gap(x: Rate, y: Rate) -> Gap:
    """The difference of two rates, with Newcombe's interval."""
    with np.errstate(all="ignore"):
        value = x[0] / x[1] - y[0] / y[1]
    return Gap(value, lambda level: newcombe(*x, *y, level))


def largest(gaps: Sequence[Gap]) -> Contrast:
    """The greatest of the absolute differences; undefined if any is. Each part's interval holds at Bonferroni's level."""
    value = np.max(np.abs([one.value for one in gaps]), axis=0)  # np.max keeps NaN: no part is left out

    def limits(level: Floats) -> Interval:
        ends = [one.size(simultaneous_of(level, len(gaps))) for one in gaps]
        return np.max([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)

    return Contrast(value, limits)


def average(gaps: Sequence[Gap]) -> Contrast:
    """The mean of the absolute differences; undefined if any is."""
    value = np.mean(np.abs([one.value for one in gaps]), axis=0)

    def limits(level: Floats) -> Interval:
        ends = [one.size(simultaneous_of(level, len(gaps))) for one in gaps]
        return np.mean([low for low, _ in ends], axis=0), np.mean([high for _, high in ends], axis=0)

    return Contrast(value, limits)


def sloped(value: Floats, sides: Callable[[], Sequence[tuple[Floats, Rate]]]) -> Contrast:
    """The absolute value of a smooth function of independent rates, each with its slope at them: the delta method.

    `sqrt(sum slope^2 p (1 - p) / n)` with p = (k + 1) / (n + 2), so that a rate of 0 or 1 is not taken for certain. `sides`
    is called when an interval is wanted: of all the pairs that are looked at that is one.
    """

    def limits(level: Floats) -> Interval:
        with np.errstate(all="ignore"):
            rates = [(slope, (k + 1.0) / (n + 2.0), n) for slope, (k, n) in sides()]
            error = np.sqrt(np.sum([slope**2 * p * (1.0 - p) / n for slope, p, n in rates], axis=0))
            half = normal_quantile(level) * error
            return value - half, value + half

    return Contrast(np.abs(value), Gap(value, limits).size)


def boxed(x: Rate, y: Rate, function: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Interval]:
    """The limits of a convex function of two rates that is 0 where they are equal: its range over both Wilson intervals.

    Each at Bonferroni's level, so as sure as those. A convex function has its greatest value at a corner.
    """

    def limits(level: Floats) -> Interval:
        each = simultaneous_of(level, 2)
        (low_x, high_x), (low_y, high_y) = wilson(*x, each), wilson(*y, each)
        corners = [function(a, b) for a in (low_x, high_x) for b in (low_y, high_y)]
        nearest = np.where(low_x > high_y, function(low_x, high_y), function(high_x, low_y))
        apart = (low_x > high_y) | (low_y > high_x)
        return np.where(apart, nearest, 0.0), np.max(corners, axis=0)

    return limits


def extremes(rate: Rate, within: Flags, level: Floats) -> tuple[Interval, Interval]:
    """Between what the least, and the greatest, of the rates of a set lie, by Wilson's intervals of all at once.

    Groups along the last axis, those of `within`; each interval at `1 - (1 - level) / groups`.
    """
    each = simultaneous_of(level, np.maximum(within.sum(axis=-1), 1))
    low, high = wilson(*rate, each[..., None])
    least = [np.where(within, end, np.inf).min(axis=-1) for end in (low, high)]
    greatest = [np.where(within, end, -np.inf).max(axis=-1) for end in (low, high)]
    return (least[0], least[1]), (greatest[0], greatest[1])


def least_ratio(sides: Sequence[tuple[Rate, Rate]]) -> Contrast:
    """The least ratio of rates, each the smaller over the greater; undefined if any is.

    Interval: from the score intervals of the ratios, each at Bonferroni's level, where each is turned to the smaller over
    the greater (at most 1).
    """
    with np.errstate(all="ignore"):
        rates = [(x[0] / x[1], y[0] / y[1]) for x, y in sides]
        value = np.min([np.minimum(a, b) / np.maximum(a, b) for a, b in rates], axis=0)

    def limits(level: Floats) -> Interval:
        xs, ys = zip(*sides, strict=True)
        counts, base = ((np.stack([k for k, _ in each]), np.stack([n for _, n in each])) for each in (xs, ys))
        low, high = score_ratio(counts, base, simultaneous_of(level, len(sides)))
        with np.errstate(all="ignore"):
            least, most = np.minimum(low, 1.0 / high), np.where(high < 1.0, high, np.minimum(1.0 / low, 1.0))
        return least.min(axis=0), most.min(axis=0)

    return Contrast(value, limits)


def simultaneous_of(level: Floats, parts: int | Ints) -> Floats:
    """The level at which each of some parts must hold, so that all do at `level`."""
    return 1.0 - (1.0 - level) / parts
