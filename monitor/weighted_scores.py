"""What labelled scores of weighted events tell (`WEIGHTED_LABEL_SCORES`): Brier score, log loss, calibration, the area under the curve.

Each metric is made of sums that look like those of as many events that count alike: every sum of weights times
`sum w / sum w^2` over the group's labelled scores (L. Kish; `monitor.weighing`). All of them stay the same when a group's sums are
multiplied, so the values are those of scikit-learn's `sample_weight`; the intervals are those of Kish's number. `n` stays the number
of people.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from monitor.estimates import Floats
from monitor.metric import Sums
from monitor.sums import LABEL_SCORES, Ints, join_square
from monitor.tallies import Statistic, Tallied, Tally
from monitor.weighing import factor_of
from monitor.weighted_means import joined, kish, total

SIDES = ("positive", "negative")


def weighted(tally: Callable[[Sums], Tallied]) -> Callable[[Sums], Tallied]:
    """What a metric of labelled scores makes of weighted ones."""

    def made(sums: Sums) -> Tallied:
        people, found = tally(_people(sums)), tally(_alike(sums))
        if isinstance(found, Tally):
            assert isinstance(people, Tally)
            assert sums.weight_unit is not None
            weight, count = (np.asarray(n, dtype=np.float64) for n in (_weight(sums) * sums.weight_unit, found.n))
            with np.errstate(all="ignore"):
                numerator = np.where(count > 0.0, found.numerator / count * weight, 0.0)
            effective, variance = _effective(sums), found.variance
            if variance is not None:
                variance = np.where(effective > 1.0, variance, np.nan)
            return replace(
                found, numerator=numerator, n=people.n, denominator=weight, effective=effective, variance=variance
            )
        assert isinstance(found, Statistic)
        assert isinstance(people, Statistic)
        return replace(found, parts=people.parts)

    return made


def _weight(sums: Sums) -> Ints:
    """The sum of the weights, in units."""
    found: Ints = sum(sums.bins(f"{side}_bin").sum(axis=-1) for side in SIDES)
    return found


def _effective(sums: Sums) -> Floats:
    """Kish's number, rounded once: degrees of freedom are whole, and of four equal weights there must not be 3.99."""
    return kish(_weight(sums).astype(object), joined(sums.weight_sq_hi, sums.weight_sq_lo))


def _people(sums: Sums) -> Sums:
    """How many people have a score and each label; where among the scores they are is not kept."""
    matrix = np.zeros((*sums.matrix.shape[:-1], len(LABEL_SCORES)), dtype=np.int64)
    for side in SIDES:
        matrix[..., LABEL_SCORES.index(f"{side}_bin_0")] = getattr(sums, f"scored_{side}")
    return Sums(LABEL_SCORES, matrix)


def _alike(sums: Sums) -> Sums:
    """The sums of as many labelled scores that count alike. Fractions, though of a type of counts: metrics add and divide them."""
    matrix = np.zeros((*sums.matrix.shape[:-1], len(LABEL_SCORES)))
    for side in SIDES:
        matrix[..., LABEL_SCORES.span(f"{side}_bin")] = sums.bins(f"{side}_bin")
        squares = total(sums, f"score_{side}_w_sq").astype(np.float64)
        hi = np.floor(squares / 2.0**31)
        given = {"score": total(sums, f"score_{side}_w"), "surprise": total(sums, f"surprise_{side}_w")}
        columns = {f"{name}_{side}": one for name, one in given.items()}
        for slot, column in (
            columns | {f"score_{side}_sq_hi": hi, f"score_{side}_sq_lo": squares - hi * 2.0**31}
        ).items():
            matrix[..., LABEL_SCORES.index(slot)] = column
    matrix[..., LABEL_SCORES.span("score_in")] = join_square(sums.bins("score_in_hi"), sums.bins("score_in_lo"))
    factor = factor_of(_weight(sums), join_square(sums.weight_sq_hi, sums.weight_sq_lo))
    return Sums(LABEL_SCORES, matrix * factor[..., None])
