"""How scores are spread among a group, and how far the spreads of two groups are apart. No label and no cut is needed.

All are of the scores rounded down to hundredths. Distances have the interval of Dvoretzky, Kiefer and Wolfowitz, which holds
for any distribution.
"""

from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.histograms import above, around, band, centres, kolmogorov_smirnov, median_bin, wasserstein
from monitor.metric import GroupMetric, Sums, rate
from monitor.tallies import Contrast, Pair
from monitor.weighted_bins import weighted

SCORED = "predictions with a score"


def scoring(sums: Sums) -> Any:
    """Those above the median of everybody in the sample, and how many have a score."""
    edge = median_bin(sums.everybody.matrix)
    return rate(lambda s: above(s.matrix, edge), lambda s: s.matrix.sum(axis=-1))(sums)


def apart(sums: Sums) -> Pair:
    """The greatest difference of the distribution functions."""

    def distance(one: Any, other: Any) -> Contrast:
        value = kolmogorov_smirnov(one.matrix, other.matrix)
        return Contrast(value, lambda level: around(value, band(one.matrix, other.matrix, level), 1.0))

    return Pair(sums, {SCORED: sums.matrix.sum(axis=-1)}, distance)


def moved(sums: Sums) -> Pair:
    """The area between the distribution functions."""
    places: Floats = centres(0.0, 1.0)

    def distance(one: Any, other: Any) -> Contrast:
        value = wasserstein(one.matrix, other.matrix, places)
        return Contrast(value, lambda level: around(value, band(one.matrix, other.matrix, level), 1.0))

    return Pair(sums, {SCORED: np.asarray(sums.matrix.sum(axis=-1))}, distance)


METRICS = (
    GroupMetric(
        name="scoring_rate",
        definition="share with a score strictly above the median of everybody (New York Local Law 144)",
        needs="score",
        kind="rate",
        denominator=SCORED,
        tally=scoring,
    ),
    GroupMetric(
        name="score_ks_distance",
        definition="greatest difference of two groups' distribution functions of the score (Kolmogorov-Smirnov)",
        needs="score",
        kind="pair",
        denominator=SCORED,
        tally=apart,
        weighted=weighted(apart),
    ),
    GroupMetric(
        name="score_wasserstein_distance",
        definition="area between two groups' distribution functions of the score (optimal transport)",
        needs="score",
        kind="pair",
        denominator=SCORED,
        tally=moved,
        weighted=weighted(moved),
    ),
)
