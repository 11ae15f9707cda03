"""Generalised error rates: TPR and FPR without a threshold, as mean scores given the label (AIF360).

G. Pleiss, M. Raghavan, F. Wu, J. Kleinberg and K. Q. Weinberger, "On fairness and calibration", NIPS 2017.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.metric import GroupMetric, Sums
from monitor.parts import gap, largest
from monitor.sums import SCORE_UNIT
from monitor.tallies import Contrast, Pair, Tally

Scores = tuple[Floats, Floats]


def _positive(s: Sums) -> Scores:
    return s.score_positive.astype(np.float64) * SCORE_UNIT, s.scored_positive.astype(np.float64)


def _negative(s: Sums) -> Scores:
    return s.score_negative.astype(np.float64) * SCORE_UNIT, s.scored_negative.astype(np.float64)


def distance(x: Sums, y: Sums) -> Contrast:
    """The worse of the two gaps."""
    return largest((gap(_positive(x), _positive(y)), gap(_negative(x), _negative(y))))


def equalized(s: Sums) -> Pair:
    """The farthest pair is extreme in either rate."""
    parts = {"scored positive labels": s.scored_positive, "scored negative labels": s.scored_negative}
    with np.errstate(all="ignore"):
        keys = np.stack([total / n for total, n in (_positive(s), _negative(s))])
    return Pair(s, parts, distance, keys=keys)


METRICS = (
    GroupMetric(
        name="generalized_true_positive_rate",
        definition="mean score of the positive labels",
        needs="label",
        kind="rate",
        denominator="scored positive labels",
        tally=lambda s: Tally(_positive(s)[0], s.scored_positive),
        all_labels=True,
        aliases=("gtpr",),
    ),
    GroupMetric(
        name="generalized_false_positive_rate",
        definition="mean score of the negative labels",
        needs="label",
        kind="rate",
        denominator="scored negative labels",
        tally=lambda s: Tally(_negative(s)[0], s.scored_negative),
        all_labels=True,
        aliases=("gfpr",),
    ),
    GroupMetric(
        name="generalized_equalized_odds",
        definition="max of abs(GTPR_i - GTPR_j), abs(GFPR_i - GFPR_j)",
        needs="label",
        kind="pair",
        denominator="scored labels",
        tally=equalized,
        all_labels=True,
    ),
)
