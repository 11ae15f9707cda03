"""Gaps in standard deviations: the pooled two-proportion z (the "standard deviations" of US agencies) and Cohen's d.

Holistic AI's `z_test_diff` and `cohen_d`. A z grows with the number of decisions: read it beside the gap, never alone.
"""

import numpy as np

from monitor.metric import GroupMetric, Sums
from monitor.tallies import Contrast, Pair


def z(x: Sums, y: Sums) -> Contrast:
    """|p_i - p_j| / sqrt(p (1 - p) (1/n_i + 1/n_j)), p over both; undefined where p is 0 or 1."""
    with np.errstate(all="ignore"):
        pooled = (x.favourable + y.favourable) / (x.decided + y.decided)
        error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / x.decided + 1.0 / y.decided))
        value = np.abs(x.favourable / x.decided - y.favourable / y.decided) / np.where(error > 0.0, error, np.nan)
    return Contrast(value)


def cohen(x: Sums, y: Sums) -> Contrast:
    """|p_i - p_j| / s, s^2 = (n_i p_i (1 - p_i) + n_j p_j (1 - p_j)) / (n_i + n_j - 2); undefined without any spread."""
    with np.errstate(all="ignore"):
        p, q = x.favourable / x.decided, y.favourable / y.decided
        spread = (x.decided * p * (1.0 - p) + y.decided * q * (1.0 - q)) / (x.decided + y.decided - 2)
        return Contrast(np.abs(p - q) / np.sqrt(spread))


METRICS = (
    GroupMetric(
        name="selection_rate_z",
        definition="abs(p_i - p_j) / sqrt(p (1 - p) (1/n_i + 1/n_j)), p of both together",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=lambda s: Pair(s, {"decisions": s.decided}, z),
        aliases=("z_test_difference", "z_test_diff"),
    ),
    GroupMetric(
        name="selection_rate_cohens_d",
        definition="abs(p_i - p_j) / pooled standard deviation",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=lambda s: Pair(s, {"decisions": s.decided}, cohen),
        aliases=("cohen_d", "cohens_d"),
    ),
)
