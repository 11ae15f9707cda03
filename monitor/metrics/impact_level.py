"""No-disparate-impact level: how high a cut-off on the value may be before a group's pass rate leaves that of the others.

For a cut-off v the group's pass rate is the share of its values of at least v. From the highest cut-off down, the first at
which it is between 0.8 and 1.2 times everybody else's is the level (Holistic AI's `no_disparate_impact_level`, there of two
groups). A high level says that the groups are alike among the best placed too; a level at the bottom of the range that only
letting everybody pass makes them equal. Cut-offs are the edges of the hundred bins over the declared range, so the level is
below by less than a bin. It compares with everybody else already, so groups are not compared by it again.
"""

from typing import Any

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, normal_quantile
from monitor.metric import GroupMetric, Sums
from monitor.sums import BINS, Ints
from monitor.tallies import Statistic

WITHIN = (0.8, 1.2)
"""The ratios that Holistic AI takes for no disparate impact."""

VALUED = "predictions with a value"
OTHERS = "predictions of others with a value"


def level(sums: Sums) -> Statistic:
    """The level in the model's own measure, and its interval.

    Interval: from the highest cut-off at which all of the ratio's interval is within the bounds to the highest at which some
    of it is, each ratio's by the logarithm with half an event added (S. D. Walter, Biometrika 62 (1975) 371-374). It holds
    cut-off by cut-off.
    """
    own, others = _passing(sums.matrix), _passing(sums.everybody.matrix - sums.matrix)
    n, m = own[..., 0], others[..., 0]
    with np.errstate(all="ignore"):
        ratio = (own / n[..., None]) / (others / m[..., None])
        inside = (others > 0) & (ratio > WITHIN[0]) & (ratio < WITHIN[1])
    low, high = sums.span
    edges = low + np.arange(BINS + 1) / BINS * (high - low)
    value = np.where((n > 0) & (m > 0), _highest(inside, edges), np.nan)

    def limits(at: Any, level: Floats) -> Interval:
        least, most = _ratio_limits(own[at], others[at], level)
        surely, perhaps = ((a > WITHIN[0]) & (b < WITHIN[1]) for a, b in ((least, most), (most, least)))
        perhaps &= own[at] + others[at] > 0  # of cut-offs that nobody reaches nothing is known
        return np.minimum(_highest(surely, edges), value[at]), np.maximum(_highest(perhaps, edges), value[at])

    return Statistic(value, {VALUED: n, OTHERS: m}, limits)


def _passing(counts: Ints) -> Ints:
    """How many have at least the lower edge of each bin, the last of what is above the range; all are above the first."""
    reaching: Ints = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    return np.concatenate([reaching[..., :1], reaching[..., 2:]], axis=-1)


def _highest(holds: Flags, edges: Floats) -> Floats:
    """The highest edge at which it holds; the lowest of all if at none."""
    found: Floats = edges[np.where(holds, np.arange(len(edges)), 0).max(axis=-1)]
    return found


def _ratio_limits(own: Ints, others: Ints, level: Floats) -> Interval:
    """Of the ratio of the pass rates at each edge."""
    a, b, n, m = (count + 0.5 for count in (own, others, own[..., :1], others[..., :1]))
    with np.errstate(all="ignore"):
        middle = np.log(a / n) - np.log(b / m)
        half = normal_quantile(level)[..., None] * np.sqrt(np.maximum(1.0 / a - 1.0 / n + 1.0 / b - 1.0 / m, 0.0))
        return np.exp(middle - half), np.exp(middle + half)


METRICS = (
    GroupMetric(
        name="no_disparate_impact_level",
        definition="highest cut-off on the value at which the group's pass rate is 0.8 to 1.2 times everybody else's",
        needs="value",
        kind="statistic",
        denominator=VALUED,
        tally=level,
        compared=False,
    ),
)
