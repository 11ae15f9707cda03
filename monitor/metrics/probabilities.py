"""How good scores are as probabilities: Brier score and log loss (Fairlearn `log_loss_group_max`, Veritas log-loss parity).

Both are exact means over the labelled, since their sums are kept; the variance behind their intervals is that of the
scores in bins of a hundredth. Needs labels of the refused too.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.histograms import centres
from monitor.metric import GroupMetric, Sums
from monitor.sums import LOG_UNIT, SCORE_UNIT, Ints, join_square
from monitor.tallies import Tally
from monitor.weighted_scores import weighted

LABELLED = "labels with a score"


def labelled(sums: Sums) -> tuple[Ints, Ints]:
    """How many positives and negatives have a score."""
    return sums.bins("positive_bin").sum(axis=-1), sums.bins("negative_bin").sum(axis=-1)


def squared_error(sums: Sums) -> Floats:
    """The sum of (score - label)^2."""
    positive, _ = labelled(sums)
    squares = join_square(sums.score_positive_sq_hi, sums.score_positive_sq_lo)
    squares = squares + join_square(sums.score_negative_sq_hi, sums.score_negative_sq_lo)
    found: Floats = positive - 2.0 * SCORE_UNIT * sums.score_positive + SCORE_UNIT**2 * squares
    return found


def brier(sums: Sums) -> Tally:
    """Sum of squared errors, and their variance."""
    at = centres(0.0, 1.0)
    n, variance = sum(labelled(sums)), _variance(sums, (1.0 - at) ** 2, at**2)
    return Tally(squared_error(sums), n, variance, within=(0.0, 1.0))  # type: ignore[arg-type]


def log_loss(sums: Sums) -> Tally:
    """Sum of surprises in nats, and their variance."""
    at = centres(0.0, 1.0)
    total = LOG_UNIT * (sums.surprise_positive + sums.surprise_negative)
    n, variance = sum(labelled(sums)), _variance(sums, -np.log(at), -np.log(1.0 - at))
    return Tally(total, n, variance, within=(0.0, np.inf))  # type: ignore[arg-type]


def _variance(sums: Sums, positive: Floats, negative: Floats) -> Floats:
    """Of a loss that is given at the middle of each bin, with n - 1; NaN below two events."""
    p, n = sums.bins("positive_bin"), sums.bins("negative_bin")
    count = p.sum(axis=-1) + n.sum(axis=-1)
    with np.errstate(all="ignore"):
        mean = (p @ positive + n @ negative) / count
        spread = (p * (positive - mean[..., None]) ** 2 + n * (negative - mean[..., None]) ** 2).sum(axis=-1)
        found: Floats = np.where(count > 1, spread / (count - 1), np.nan)
    return found


METRICS = (
    GroupMetric(
        name="brier_score",
        definition="mean of (score - label)^2",
        needs="label_score",
        kind="mean",
        denominator=LABELLED,
        tally=brier,
        all_labels=True,
        aliases=("brier_score_loss",),
        weighted=weighted(brier),
    ),
    GroupMetric(
        name="log_loss",
        definition="mean of -ln(score) of positives and -ln(1 - score) of negatives; 0 and 1 count as half a millionth off",
        needs="label_score",
        kind="mean",
        denominator=LABELLED,
        tally=log_loss,
        all_labels=True,
        weighted=weighted(log_loss),
    ),
)
