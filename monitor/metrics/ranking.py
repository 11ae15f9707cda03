"""How well scores put positives above negatives: the area under the ROC curve.

From scores in bins of a hundredth, ties counted half: exactly scikit-learn's `roc_auc_score` of the scores rounded down to
hundredths. Needs labels of the refused too: among the favoured alone the range of scores is cut, and the area with it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.histograms import ranks
from monitor.intervals import Interval, wilson
from monitor.limits import of_error
from monitor.metric import GroupMetric, Sums
from monitor.tallies import Statistic
from monitor.weighted_scores import weighted


def area(sums: Sums) -> Statistic:
    """The area and DeLong's interval on the logit scale."""
    positive, negative = sums.bins("positive_bin"), sums.bins("negative_bin")
    p, n = positive.sum(axis=-1), negative.sum(axis=-1)
    found = ranks(positive, negative)
    usual = of_error(found.area, found.error, "logit", (0.0, 1.0))
    parts = {"positive labels with a score": p, "negative labels with a score": n}
    return Statistic(found.area, parts, _with_ends(found.area, np.minimum(p, n), usual))


def _with_ends(
    value: Floats, least: Any, usual: Callable[[Any, Floats], Interval]
) -> Callable[[Any, Floats], Interval]:
    """Where all pairs are in order, or none, no error can be estimated: Wilson's interval of as many pairs as the smaller
    side has events, each used once."""

    def limits(at: Any, level: Floats) -> Interval:
        v, n = value[at], least[at]
        end = (v <= 0.0) | (v >= 1.0)
        return (np.where(end, other, own) for own, other in zip(usual(at, level), wilson(v * n, n, level), strict=True))  # type: ignore[return-value]

    return limits


METRICS = (
    GroupMetric(
        name="roc_auc",
        definition="P(score of a positive > score of a negative) + half of the ties, scores in hundredths",
        needs="label_score",
        kind="statistic",
        denominator="positive labels with a score",
        tally=area,
        all_labels=True,
        aliases=("auc", "roc_auc_score"),
        weighted=weighted(area),
    ),
)
