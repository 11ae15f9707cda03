"""Distances of the distributions of weighted scores and values (`WEIGHTED_SCORES`, `WEIGHTED_VALUES`).

A distribution function by weight is that of as many events that count alike as say as much: every bin's sum of weights, times
`sum w / sum w^2` over all of the group's (L. Kish; `monitor.weighing`). The distance is SciPy's with weights; its interval that of
Kish's number. `n` stays the number of people.
"""

from collections.abc import Callable
from dataclasses import replace

from monitor.metric import Sums
from monitor.sums import SCORES, VALUES, WEIGHTED_SCORES, join_square
from monitor.tallies import Pair
from monitor.weighing import factor_of

PARTS = 3
"""Slots before the bins: people, and the sum of the squares of their weights in two."""


def weighted(tally: Callable[[Sums], Pair]) -> Callable[[Sums], Pair]:
    """What a distance of two histograms makes of weighted ones."""

    def made(sums: Sums) -> Pair:
        plain = SCORES if sums.layout is WEIGHTED_SCORES else VALUES
        people, bins = sums.matrix[..., 0], sums.matrix[..., PARTS:]
        factor = factor_of(bins.sum(axis=-1), join_square(sums.weight_sq_hi, sums.weight_sq_lo))
        found = tally(Sums(plain, bins * factor[..., None], sums.unit, span=sums.span))
        return replace(found, parts=dict.fromkeys(found.parts, people))

    return made
