"""Whether scores mean what they say: of those with a score of 0.7, are seven in ten positive?

A group's scores may be calibrated while those of another are too high: it is then held to a stricter standard. Where only
favourable decisions are ever labelled both numbers are of the favoured, and still mean what they say of them.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.limits import of_error
from monitor.metric import GroupMetric, Sums
from monitor.metrics.probabilities import LABELLED, labelled, squared_error
from monitor.sums import CALIBRATION_BINS, SCORE_UNIT, Ints
from monitor.tallies import Statistic, Tally
from monitor.weighted_scores import weighted


def in_the_large(sums: Sums) -> Tally:
    """Sum of score - label and its variance, both exact."""
    positive, negative = labelled(sums)
    n = positive + negative
    total = (SCORE_UNIT * (sums.score_positive + sums.score_negative) - positive).astype(np.float64)
    with np.errstate(all="ignore"):
        spread = np.maximum(squared_error(sums) - total**2 / n, 0.0) / (n - 1)
    return Tally(total, n, np.where(n > 1, spread, np.nan), within=(-1.0, 1.0))


def expected_error(sums: Sums) -> Statistic:
    """Over tenths of the score, the mean of |mean score - share of positives|, weighted by their events.

    M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015, with ten bins of equal width. Never below 0, so that few
    events make it larger than it is. Interval: the delta method, over the tenths, with the variance of the labels.
    """
    positive, negative = (_tenths(sums.bins(name)) for name in ("positive_bin", "negative_bin"))
    count = positive + negative
    n = count.sum(axis=-1)
    with np.errstate(all="ignore"):
        gaps = np.abs(SCORE_UNIT * sums.bins("score_in") - positive)
        value = gaps.sum(axis=-1) / n
        rate = (positive + 1.0) / (count + 2.0)  # a tenth of one kind alone is not taken for certain
        noise = (count * rate * (1.0 - rate)).sum(axis=-1)
        error: Floats = np.sqrt(noise) / n
    return Statistic(value, {LABELLED: n}, of_error(value, error, within=(0.0, 1.0)))


def _tenths(bins: Ints) -> Ints:
    found: Ints = bins.reshape(*bins.shape[:-1], CALIBRATION_BINS, -1).sum(axis=-1)
    return found


METRICS = (
    GroupMetric(
        name="calibration_in_the_large",
        definition="mean score - share of positive labels, among the labelled with a score",
        needs="label_score",
        kind="mean",
        denominator=LABELLED,
        tally=in_the_large,
        weighted=weighted(in_the_large),
    ),
    GroupMetric(
        name="expected_calibration_error",
        definition="sum over tenths of the score of events/n x abs(mean score - share of positives)",
        needs="label_score",
        kind="statistic",
        denominator=LABELLED,
        tally=expected_error,
        aliases=("ece",),
        weighted=weighted(expected_error),
    ),
)
