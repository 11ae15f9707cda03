"""Mean score: the average score, 0 to 1.

Why not by the variance, though panes keep squares: Student's interval of few scores, or of scores near an end, is too narrow,
and that of equal ones has no width. A score in [0, 1] with mean m varies at most by m(1 - m), so that the interval of a rate
holds for any scores, wider than need be.
"""

import numpy as np

from monitor.metric import GroupMetric, Sums
from monitor.sums import SCORE_UNIT
from monitor.tallies import Tally
from monitor.weighted_means import of_scores


def tally(sums: Sums) -> Tally:
    """Sum of scores and how many there are."""
    return Tally(sums.score.astype(np.float64) * SCORE_UNIT, sums.scored)


METRICS = (
    GroupMetric(
        name="mean_score",
        definition="sum of scores / predictions with a score",
        needs="decision",
        kind="mean",
        denominator="predictions with a score",
        tally=tally,
        by_default=True,
        weighted=lambda sums: of_scores(sums, "scored", "score"),
    ),
)
