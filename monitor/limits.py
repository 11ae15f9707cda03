"""Intervals of a statistic of one group, ready made: from a rate, from several rates, from a standard error.

Each returns a `Limits`: called with the groups that are wanted and a two-sided confidence level for each, since levels
differ with the number of comparisons that an interval must hold for.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval, normal_quantile, wilson
from monitor.sums import Ints
from monitor.tallies import Limits

Change = Callable[[Floats], Floats]


def of_rate(k: Ints | Floats, n: Ints | Floats, change: Change) -> Limits:
    """Of a rising function of a rate k/n: the function of Wilson's ends, so as sure as those."""

    def limits(at: Any, level: Floats) -> Interval:
        low, high = wilson(k[at], n[at], level)
        with np.errstate(all="ignore"):
            return change(low), change(high)

    return limits


def of_sum(parts: Sequence[tuple[float, Ints | Floats, Ints | Floats]]) -> Limits:
    """Of a weighted sum of independent rates, each `(weight, k, n)`, from their Wilson intervals.

    `sum w p -+ sqrt(sum (w (p - end))^2)`, for each part the end that moves the sum that way: G. Y. Zou and A. Donner,
    Statistics in Medicine 27 (2008) 1693-1702 (MOVER); two rates with weights 1 and -1 are Newcombe's.
    """

    def limits(at: Any, level: Floats) -> Interval:
        total, below, above = (np.zeros(np.shape(level)) for _ in range(3))
        with np.errstate(all="ignore"):
            for weight, k, n in parts:
                rate = k[at] / n[at]
                ends = [weight * (end - rate) for end in wilson(k[at], n[at], level)]
                total = total + weight * rate
                below, above = below + np.minimum(*ends) ** 2, above + np.maximum(*ends) ** 2
        return total - np.sqrt(below), total + np.sqrt(above)

    return limits


def of_error(
    value: Floats, error: Floats, scale: str = "plain", within: tuple[float, float] = (-np.inf, np.inf)
) -> Limits:
    """Of a value with a standard error, normal on a scale: `plain`, `log` (positive), `logit` (0 to 1), `atanh` (-1 to 1).

    The delta method on a scale where the value has no end, so that the interval keeps within the value's range. A value
    at the very end of its range has no interval there (NaN).
    """
    forth, back, slope = SCALES[scale]

    def limits(at: Any, level: Floats) -> Interval:
        v = value[at]
        with np.errstate(all="ignore"):
            half = normal_quantile(level) * error[at] * slope(v)
            low, high = back(forth(v) - half), back(forth(v) + half)
            low, high = np.where(np.isnan(high), np.nan, low), np.where(np.isnan(low), np.nan, high)
        return np.maximum(low, within[0]), np.minimum(high, within[1])

    return limits


SCALES: dict[str, tuple[Change, Change, Change]] = {
    "plain": (lambda v: v, lambda v: v, np.ones_like),
    "log": (np.log, np.exp, lambda v: 1.0 / v),
    "logit": (lambda v: np.log(v) - np.log1p(-v), lambda x: 1.0 / (1.0 + np.exp(-x)), lambda v: 1.0 / (v * (1.0 - v))),
    "atanh": (np.arctanh, np.tanh, lambda v: 1.0 / (1.0 - v * v)),
}
"""Of each scale: there, back, and the derivative there."""
