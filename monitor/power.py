"""How small a gap the present traffic can show: the minimum detectable difference or ratio.

A gap of that size would be found significant, at the level that holds for all comparisons at once, in 80% of windows like
this one. It tells a quiet chart that means parity from one that cannot mean anything.

`(z_alpha + z_power) sqrt(v (1/n1 + 1/n2))`, v the variance of one event over both groups; of a rate that is p(1 - p) with
half an event of either kind added, so that a rate of 0 does not claim to see everything. J. L. Fleiss, B. Levin and M. C.
Paik, Statistical Methods for Rates and Proportions (Wiley 2003), chapter 4.
"""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import normal_quantile

POWER = 0.8

ONE_SIDED = float(normal_quantile(2.0 * POWER - 1.0))
"""The normal quantile of the power."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of comparisons: sums (of a rate: counts), sizes, and the variances of one event (None: of a rate)."""

    total: Floats
    size: Floats
    variance: Floats | None = None


def detectable_difference(x: Side, y: Side, level: Floats) -> Floats:
    """The least difference that would be found with 80% power at this two-sided level; NaN where a side is empty."""
    with np.errstate(all="ignore"):
        if x.variance is None or y.variance is None:
            p = (x.total + y.total + 0.5) / (x.size + y.size + 1.0)
            variance = p * (1.0 - p)
        else:
            free = (x.size - 1.0, y.size - 1.0)
            variance = (free[0] * x.variance + free[1] * y.variance) / (free[0] + free[1])
        found: Floats = (normal_quantile(level) + ONE_SIDED) * np.sqrt(variance * (1.0 / x.size + 1.0 / y.size))
    return np.where((x.size > 0) & (y.size > 0), found, np.nan)
