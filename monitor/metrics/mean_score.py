"""Mean score: the average score, 0 to 1.

Why no variance: panes keep the sum of scores and not of their squares. A score in [0, 1] with mean m varies at most by
m(1 - m), so that the interval of a rate holds for it too, wider than need be.
"""

import numpy as np

from monitor.metric import GroupMetric, Sums
from monitor.sums import SCORE_UNIT
from monitor.tallies import Tally


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
    ),
)
