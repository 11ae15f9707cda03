"""Generalised error rates: TPR and FPR without a threshold, as mean scores given the label (AIF360).

G. Pleiss, M. Raghavan, F. Wu, J. Kleinberg and K. Q. Weinberger, "On fairness and calibration", NIPS 2017.
"""

from dataclasses import replace

import numpy as np

from monitor.estimates import Floats
from monitor.metric import GroupMetric, Sums
from monitor.parts import gap, largest
from monitor.sums import SCORE_UNIT, Layout
from monitor.tallies import Contrast, Pair, Parts, Tally
from monitor.weighted_means import effective, mean, of_scores

Scores = tuple[Floats, Floats]


def _positive(s: Sums) -> Scores:
    return s.score_positive.astype(np.float64) * SCORE_UNIT, s.scored_positive.astype(np.float64)


def _negative(s: Sums) -> Scores:
    return s.score_negative.astype(np.float64) * SCORE_UNIT, s.scored_negative.astype(np.float64)


def distance(x: Sums, y: Sums) -> Contrast:
    """The worse of the two gaps."""
    return largest((gap(_positive(x), _positive(y)), gap(_negative(x), _negative(y))))


def _parts(s: Sums) -> Parts:
    return {"scored positive labels": s.scored_positive, "scored negative labels": s.scored_negative}


def equalized(s: Sums) -> Pair:
    """The farthest pair is extreme in either rate."""
    with np.errstate(all="ignore"):
        keys = np.stack([total / n for total, n in (_positive(s), _negative(s))])
    return Pair(s, _parts(s), distance, keys=keys)


ALIKE = Layout(("scored_positive", "score_positive", "scored_negative", "score_negative"))


def equalized_of_weights(s: Sums) -> Pair:
    """The same of mean scores by weight, each of Kish's effective number of events."""
    columns: list[Floats] = []
    for label in ("positive", "negative"):
        n = effective(s, f"scored_{label}")
        columns += [n, n * np.nan_to_num(mean(s, f"scored_{label}", f"score_{label}_w", 1.0))]
    alike = replace(s, layout=ALIKE, matrix=np.stack(columns, axis=-1), whole=None, population=None, weight_unit=None)
    return replace(equalized(alike), parts=_parts(s))


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
        weighted=lambda s: of_scores(s, "scored_positive", "score_positive"),
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
        weighted=lambda s: of_scores(s, "scored_negative", "score_negative"),
    ),
    GroupMetric(
        name="generalized_equalized_odds",
        definition="max of abs(GTPR_i - GTPR_j), abs(GFPR_i - GFPR_j)",
        needs="label",
        kind="pair",
        denominator="scored labels",
        tally=equalized,
        all_labels=True,
        weighted=equalized_of_weights,
    ),
)
