"""How a continuous output is spread: quantiles, who is above the pooled quantiles, how far two groups are apart.

From a hundred bins over the declared range (`value.range`); without one there is no histogram and the metrics are
undefined. What lies out of the range counts at its end. Distances are in the model's own measure.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.histograms import (
    above,
    around,
    band,
    binned_moments,
    floor_bin,
    half_band,
    kolmogorov_smirnov,
    means_by_part,
    median_bin,
    positions,
    quantile,
    shares,
    wasserstein,
)
from monitor.intervals import Interval, mean_difference, wilson
from monitor.metric import GroupMetric, Sums
from monitor.parts import Gap
from monitor.tallies import Contrast, Pair, Statistic, Tally
from monitor.weighted_bins import weighted

VALUED = "predictions with a value"


def quantile_of(share: float) -> Callable[[Sums], Statistic]:
    """The tally of a quantile; its interval is between the quantiles at the ends of Wilson's of the share."""

    def tally(sums: Sums) -> Statistic:
        counts = sums.matrix
        n = counts.sum(axis=-1)

        def limits(at: Any, level: Floats) -> Interval:
            size = n[at]
            low, high = (quantile(counts[at], end, *sums.span) for end in wilson(share * size, size, level))
            return low, high

        return Statistic(quantile(counts, np.full(n.shape, share), *sums.span), {VALUED: n}, limits)

    return tally


def above_median(sums: Sums) -> Tally:
    """Those strictly above the median of everybody."""
    counts = sums.matrix
    return Tally(above(counts, median_bin(sums.everybody.matrix)).astype(np.float64), counts.sum(axis=-1))


def reaching(tenths: int) -> Callable[[Sums], Tally]:
    """The tally of those who reach the pooled quantile of so many tenths."""

    def tally(sums: Sums) -> Tally:
        counts = sums.matrix
        return Tally(above(counts, floor_bin(sums.everybody.matrix, tenths)).astype(np.float64), counts.sum(axis=-1))

    return tally


def _pair(distance: Callable[[Any, Any], Contrast]) -> Callable[[Sums], Pair]:
    return lambda sums: Pair(sums, {VALUED: sums.matrix.sum(axis=-1)}, distance)


def apart(one: Any, other: Any) -> Contrast:
    """The greatest difference of the distribution functions."""
    value = kolmogorov_smirnov(one.matrix, other.matrix)
    return Contrast(value, lambda level: around(value, band(one.matrix, other.matrix, level), 1.0))


def apart_on_average(one: Any, other: Any) -> Contrast:
    """The mean, over the two groups' values together, of the difference of their distribution functions.

    Holistic AI's `statistical_parity_auc`, the area between the pass rates over the quantiles as cut, on the bins' edges.
    """
    both = one.matrix + other.matrix
    with np.errstate(all="ignore"):
        share = both / both.sum(axis=-1, keepdims=True)
    gaps = np.abs(shares(one.matrix) - shares(other.matrix))
    before = np.concatenate([np.zeros_like(gaps[..., :1]), gaps[..., :-1]], axis=-1)
    value = ((gaps + before) / 2.0 * share).sum(axis=-1)
    return Contrast(value, lambda level: around(value, band(one.matrix, other.matrix, level), 1.0))


def moved(one: Any, other: Any) -> Contrast:
    """The area between the distribution functions."""
    width = one.span[1] - one.span[0]
    value = wasserstein(one.matrix, other.matrix, positions(*one.span))
    return Contrast(value, lambda level: around(value, width * band(one.matrix, other.matrix, level), width))


def drifted(one: Any, other: Any) -> Contrast:
    """The mean over tenths of the differences of their means, taken without its sign.

    That is the difference of the means of the binned values, whatever the number of parts; so Welch's interval is its.
    """
    places = positions(*one.span)
    gaps = means_by_part(one.matrix, places) - means_by_part(other.matrix, places)

    def limits(level: Floats) -> Interval:
        return Gap(gaps.mean(axis=-1), lambda each: mean_difference(sides[0], sides[1], each)).size(level)

    sides = [binned_moments(side.matrix, places) for side in (one, other)]
    return Contrast(np.abs(gaps.mean(axis=-1)), limits)


def farthest_tenth(one: Any, other: Any) -> Contrast:
    """The greatest difference of the means of a tenth.

    Interval: what the means of all tenths can be while both distribution functions stay within their bands.
    """
    places = positions(*one.span)
    gaps = means_by_part(one.matrix, places) - means_by_part(other.matrix, places)

    def limits(level: Floats) -> Interval:
        bands = [half_band(side.matrix, level) for side in (one, other)]
        least, most = (
            [means_by_part(side.matrix, places, sign * half) for side, half in zip((one, other), bands, strict=True)]
            for sign in (1.0, -1.0)
        )
        beyond = np.maximum(least[0] - most[1], least[1] - most[0])
        return np.maximum(beyond, 0.0).max(axis=-1), np.maximum(most[0] - least[1], most[1] - least[0]).max(axis=-1)

    return Contrast(np.abs(gaps).max(axis=-1), limits)


METRICS = (
    *(
        GroupMetric(
            name=f"value_quantile_{tenths}0",
            definition=f"value that {tenths} in 10 do not exceed, linear within a hundredth of the range",
            needs="value",
            kind="statistic",
            denominator="such value within the declared range",
            tally=quantile_of(tenths / 10),
            aliases=("median_value",) if tenths == 5 else (),
        )
        for tenths in (1, 5, 9)
    ),
    GroupMetric(
        name="value_above_median",
        definition="share with a value strictly above the median of everybody",
        needs="value",
        kind="rate",
        denominator=VALUED,
        tally=above_median,
    ),
    *(
        GroupMetric(
            name=f"value_reaching_quantile_{tenths}0",
            definition=f"share that reaches the 0.{tenths} quantile of everybody; its ratio is disparate impact at a quantile",
            needs="value",
            kind="rate",
            denominator=VALUED,
            tally=reaching(tenths),
        )
        for tenths in (5, 8, 9)
    ),
    GroupMetric(
        name="value_ks_distance",
        definition="greatest difference of two groups' distribution functions of the value (Kolmogorov-Smirnov)",
        needs="value",
        kind="pair",
        denominator=VALUED,
        tally=_pair(apart),
        weighted=weighted(_pair(apart)),
    ),
    GroupMetric(
        name="value_statistical_parity_area",
        definition="mean over both groups' values of the difference of their distribution functions",
        needs="value",
        kind="pair",
        denominator=VALUED,
        tally=_pair(apart_on_average),
        aliases=("statistical_parity_auc",),
    ),
    GroupMetric(
        name="value_wasserstein_distance",
        definition="area between two groups' distribution functions of the value (optimal transport)",
        needs="value",
        kind="pair",
        denominator=VALUED,
        tally=_pair(moved),
        weighted=weighted(_pair(moved)),
    ),
    GroupMetric(
        name="quantile_demographic_drift",
        definition="abs(mean over tenths of (mean of a group's tenth - mean of the other's)) (FairCanary); opposite signs cancel",
        needs="value",
        kind="pair",
        denominator=VALUED,
        tally=_pair(drifted),
        weighted=weighted(_pair(drifted)),
    ),
    GroupMetric(
        name="largest_quantile_gap",
        definition="greatest difference between the means of the same tenth of two groups",
        needs="value",
        kind="pair",
        denominator=VALUED,
        tally=_pair(farthest_tenth),
        weighted=weighted(_pair(farthest_tenth)),
    ),
)
