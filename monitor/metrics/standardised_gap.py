"""How many standard deviations two groups' mean values are apart: a gap that can be read without knowing the measure.

`|mean_a - mean_b| / sd`, with the pooled standard deviation `sqrt(((n_a - 1) s_a^2 + (n_b - 1) s_b^2) / (n_a + n_b - 2))`
(Cohen's d; Holistic AI `zscore_diff` divides by another spread; lending practice calls it SMD and looks at 0.30). Interval:
the large-sample error of L. V. Hedges and I. Olkin, Statistical Methods for Meta-Analysis (1985), 86.
"""

from typing import Any

import numpy as np

from monitor.histograms import around
from monitor.intervals import normal_quantile
from monitor.metric import GroupMetric, Sums
from monitor.tallies import Contrast, Outer, Pair
from monitor.weighted_means import effective, mean, spread


def distance(one: Any, other: Any) -> Contrast:
    """The standardised distance; NaN where both groups have no spread, or two events between them."""
    a, b = one.moments, other.moments
    n, m = a["n"], b["n"]
    with np.errstate(all="ignore"):
        pooled = ((n - 1) * a["variance"] + (m - 1) * b["variance"]) / (n + m - 2)
        value = np.abs(a["mean"] - b["mean"]) / np.sqrt(np.where(pooled > 0, pooled, np.nan))
        error = np.sqrt((n + m) / (n * m) + value**2 / (2 * (n + m)))
    return Contrast(value, lambda level: around(value, normal_quantile(level) * error, np.inf))


class Spread:
    """Count, mean and variance of each group; the sides of a pair."""

    def __init__(self, moments: dict[str, Any]) -> None:
        self.moments = moments

    def take(self, at: Any) -> "Spread":
        """The groups at `at`."""
        return Spread({name: column[at] for name, column in self.moments.items()})


def tally(sums: Sums) -> Pair:
    """The pair of the moments; one event alone has no variance and counts as none."""
    moments = sums.moments("valued", "value")
    with np.errstate(all="ignore"):
        mean = moments.sum / moments.n
    variance = np.where(moments.n == 1, 0.0, moments.variance)
    sides = {"n": moments.n.astype(np.float64), "mean": mean, "variance": variance}
    outer = Outer(mean, more=(-variance,), either=(sides["n"],))  # a pooled variance moves one way with n
    return Pair(Spread(sides), {"predictions with a value": moments.n}, distance, outer=outer)


def of_weights(sums: Sums) -> Pair:
    """The same of weighted means and spreads, each group of Kish's effective number of events."""
    n = effective(sums, "valued")
    variance = np.where(sums.valued == 1, 0.0, spread(sums, "valued", "value"))
    sides = {"n": n, "mean": mean(sums, "valued", "value_w", sums.unit), "variance": variance}
    outer = Outer(sides["mean"], more=(-variance,), either=(n,))
    return Pair(Spread(sides), {"predictions with a value": sums.valued}, distance, outer=outer)


METRICS = (
    GroupMetric(
        name="standardised_mean_difference",
        definition="abs(mean value of a group - mean value of the other) / pooled standard deviation",
        needs="decision",
        kind="pair",
        denominator="predictions with a value",
        tally=tally,
        aliases=("smd",),
        weighted=of_weights,
    ),
)
