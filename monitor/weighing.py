"""Weighted decisions: what a metric makes of sums of weights where it otherwise counts, and how sure that is.

A rate is the sum of the weights of those counted over that of all, as with Fairlearn's and scikit-learn's `sample_weight`;
`n` stays the number of decisions. Its interval is that of `n_eff = (sum w)^2 / sum w^2` decisions that count alike: L. Kish,
Survey Sampling (Wiley 1965), 11.7, and Journal of Official Statistics 8 (1992) 183-200. With equal variances the variance
of a weighted mean is `p (1 - p) sum w^2 / (sum w)^2`; that is an approximation where weights go with the outcome.

A composite of a group's own rates (F1, equalized odds) does not change when all of the group's counts are multiplied, so it
is computed from effective counts: weights, times `sum w / sum w^2` over all of the group's decisions. What compares the sizes
of groups too (shares of everybody, imbalance, information) stays the same when everybody's counts are multiplied, all alike: it is
computed from weights times `sum w / sum w^2` over all decisions. Means of scores, values and errors are in
`monitor.weighted_means`. Tests of counts, what is smoothed by them and what needs histograms is not weighted
(`GroupMetric.weighs`).
"""

from dataclasses import replace
from functools import cache

import numpy as np

from monitor.estimates import Floats
from monitor.sums import WEIGHT_PARTS, Ints, Layout, join_square
from monitor.tallies import Index, Pair, Statistic, Tallied, Tally


@cache
def counted(layout: Layout) -> Layout:
    """The slots of a weighted layout that are counts."""
    return Layout(tuple(slot for slot in layout.slots if f"{slot}{WEIGHT_PARTS[1]}" in layout.slots))


@cache
def _columns(layout: Layout, part: str) -> tuple[int, ...]:
    return tuple(layout.index(f"{slot}{part}") for slot in counted(layout).slots)


def counts(layout: Layout, matrix: Ints) -> Ints:
    """How many decisions each slot counts."""
    return matrix[..., _columns(layout, "")]


def weights(layout: Layout, matrix: Ints) -> Ints:
    """The sums of their weights, in units."""
    return matrix[..., _columns(layout, WEIGHT_PARTS[1])]


def squares(layout: Layout, matrix: Ints) -> Floats:
    """The sums of the squares of their weights, in squared units."""
    return join_square(*(matrix[..., _columns(layout, part)] for part in WEIGHT_PARTS[2:]))


def effective(layout: Layout, matrix: Ints) -> Ints:
    """The counts of as many decisions that count alike as say as much. Fractions, though of a type of counts: metrics
    add and divide them.
    """
    return weights(layout, matrix) * factor(layout, matrix)


def factor(layout: Layout, matrix: Ints) -> Ints:
    """By what weights are multiplied for that, `sum w / sum w^2` over all decisions; 0 of none."""
    return factor_of(weights(layout, matrix)[..., :1], squares(layout, matrix)[..., :1])


def factor_of(weight: Ints, square: Floats) -> Ints:
    """The same, of the sums of weights and of their squares."""
    found: Ints = np.divide(weight, square, out=np.zeros(square.shape), where=square > 0)
    return found


def rate(people: Tally, weight: Tally, square: Tally, unit: float) -> Tally:
    """A rate of weights, from what the metric makes of counts, of weights and of their squares."""
    denominator, spread = (np.asarray(tally.n, dtype=np.float64) for tally in (weight, square))
    alike = np.divide(denominator**2, spread, out=np.zeros(spread.shape), where=spread > 0)
    return Tally(
        weight.numerator * unit,
        people.n,
        denominator=denominator * unit,
        effective=alike,
        people=people.people,
    )


def composite(people: Tallied, alike: Tallied, weight: Tallied, unit: float) -> Tallied:
    """A composite from effective counts; it stands on as many people as there are."""
    assert not isinstance(people, Tally)
    if isinstance(alike, Pair | Index):
        return replace(alike, parts=people.parts)
    assert isinstance(alike, Statistic)
    assert isinstance(weight, Statistic)
    assert isinstance(people, Statistic)
    numerator, denominator = (
        None if total is None else total * unit for total in (weight.numerator, weight.denominator)
    )
    return replace(alike, parts=people.parts, people=people.people, numerator=numerator, denominator=denominator)
