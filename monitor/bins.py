"""Bins of histograms, and logarithms, of integers: what an event raises is a function of its integers alone.

Bin b of a score holds [b/100, (b+1)/100), the last one 1 too. Bin b of a value holds as much of the declared range, its
upper end included; slot 0 of `VALUES` is below the range, the last one above it. Edges are compared in whole units, so that
every worker and every platform puts an event into the same bin.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from monitor.sums import BINS, CALIBRATION_BINS, LABEL_SCORES, LARGEST, LIMB, LOG_UNIT, RELATIVE_UNIT, SCORE_UNIT, Ints

SCORES_END = round(1 / SCORE_UNIT)

Whole = NDArray[np.signedinteger]
Flags = NDArray[np.bool_]


def score_bin(score: Whole) -> Ints:
    """The bin of each score, given in `SCORE_UNIT`."""
    return np.minimum(score // (SCORES_END // BINS), BINS - 1).astype(np.int64)


def value_slot(value: Ints, low: int, high: int) -> Ints:
    """The slot of `VALUES` of each value; all in units of the model's resolution."""
    found = np.minimum((value - low) * BINS // (high - low), BINS - 1)
    return np.where(value < low, 0, np.where(value > high, BINS + 1, found + 1))


def label_slot(positive: Flags, score: Ints) -> Ints:
    """The slot of `LABEL_SCORES` of each labelled score."""
    return score_bin(score) + np.where(positive, 0, BINS)


def calibration_slot(score: Ints) -> Ints:
    """The slot of `LABEL_SCORES` that sums the scores of the same tenth."""
    found = np.minimum(score // (SCORES_END // CALIBRATION_BINS), CALIBRATION_BINS - 1)
    return found + LABEL_SCORES.index("score_in_0")


@cache
def _surprises() -> Ints:
    """-ln(score) in `LOG_UNIT` for every score there is; 0 counts as half a unit.

    No score's logarithm lies within 1e-8 units of a tie, so that any library's gives the same integer (a test checks it).
    """
    scores = np.arange(SCORES_END + 1, dtype=np.float64)
    scores[0] = 0.5
    scores[-1] = SCORES_END - 0.5
    return np.rint((math.log(SCORES_END) - np.log(scores)) / LOG_UNIT).astype(np.int64)


def surprise(score: Ints) -> Ints:
    """-ln(score) of each score in `LOG_UNIT`; 0 and 1 count as half a unit from them, as scikit-learn clips them."""
    return _surprises()[score]


def relative_error(error: Ints, outcome: Ints) -> Ints:
    """|error / outcome| in `RELATIVE_UNIT`, rounded down, at most `LARGEST`; 0 where the outcome is 0."""
    size = np.abs(outcome)
    found = np.abs(error) * round(1 / RELATIVE_UNIT) // np.where(size > 0, size, 1)
    return np.where(size > 0, np.minimum(found, LARGEST), 0)


def split_product(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """The products of two quantised values as (hi, lo) with `hi * 2**31 + lo` and lo in [0, 2**31)."""
    product = one * other
    return product >> LIMB, product & LARGEST
