"""Numbers of two groups that are made of several differences: their values and intervals, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval, newcombe
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


def least_ratio(sides: Sequence[tuple[Rate, Rate]]) -> Contrast:
    """The least ratio of rates, each the smaller over the greater; undefined if any is."""
    with np.errstate(all="ignore"):
        rates = [(x[0] / x[1], y[0] / y[1]) for x, y in sides]
        value = np.min([np.minimum(a, b) / np.maximum(a, b) for a, b in rates], axis=0)
    return Contrast(value)


def simultaneous_of(level: Floats, parts: int) -> Floats:
    """The level at which each of some parts must hold, so that all do at `level`."""
    return 1.0 - (1.0 - level) / parts
