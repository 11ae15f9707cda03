"""Both error rates at once: equalized odds and what other libraries make of it.

Fairlearn's equalized odds difference is the greater of the gaps in TPR and FPR, which is the greatest over all pairs of
groups of AIF360's `max(|dFPR|, |dTPR|)`; so it is a number of two groups here, and these are named. Signed averages
(AIF360's average odds, Veritas' equalized odds) can cancel: a group that is refused both rightly and wrongly less often
reads 0.
"""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval
from monitor.limits import of_sum
from monitor.metric import GroupMetric, Sums
from monitor.parts import Rate, average, extremes, gap, largest, least_ratio, simultaneous_of
from monitor.tallies import Contrast, Index, Pair, Parts, Statistic


def both(s: Sums) -> tuple[Rate, Rate]:
    """TPR and FPR as count and n."""
    return (s.tp, s.tp + s.fn), (s.fp, s.fp + s.tn)


def parts(s: Sums) -> Parts:
    """What both divide by."""
    return {"positive labels": s.tp + s.fn, "negative labels": s.fp + s.tn}


def rates(s: Sums) -> tuple[Floats, Floats]:
    """TPR and FPR."""
    with np.errstate(all="ignore"):
        tpr, fpr = (count / n for count, n in both(s))
    return tpr, fpr


def total(s: Sums) -> Floats:
    """Their sum."""
    tpr, fpr = rates(s)
    return tpr + fpr


def equalized_odds(s: Sums) -> Pair:
    """The worse of the two gaps."""
    return Pair(
        s,
        parts(s),
        lambda x, y: largest([gap(a, b) for a, b in zip(both(x), both(y), strict=True)]),
        lambda x, y: least_ratio(list(zip(both(x), both(y), strict=True))),
        np.stack(rates(s)),
    )


def absolute_odds(s: Sums) -> Pair:
    """The mean of the two gaps; the farthest pair is extreme in TPR + FPR or in TPR - FPR."""
    tpr, fpr = rates(s)
    return Pair(
        s,
        parts(s),
        lambda x, y: average([gap(a, b) for a, b in zip(both(x), both(y), strict=True)]),
        keys=np.stack((tpr + fpr, tpr - fpr)),
    )


def average_odds(s: Sums) -> Statistic:
    """Half the sum of both rates."""
    (tp, positive), (fp, negative) = both(s)
    return Statistic(total(s) / 2.0, parts(s), of_sum(((0.5, tp, positive), (0.5, fp, negative))))


def negative_odds(s: Sums) -> Statistic:
    """Half the sum of TNR and FNR."""
    p, n = s.tp + s.fn, s.fp + s.tn
    with np.errstate(all="ignore"):
        value = (s.tn / n + s.fn / p) / 2.0
    return Statistic(value, parts(s), of_sum(((0.5, s.tn, n), (0.5, s.fn, p))))


def mean_gap(s: Sums) -> Index:
    """Fairlearn's `agg="mean"`: the gaps may be between different pairs, so it is a number of all groups.

    Interval: of both ranges, between what Wilson's intervals of all groups and both rates at once allow.
    """

    def index(sets: Sums, within: Flags) -> Contrast:
        ranges = [_greatest(rate, within) - _least(rate, within) for rate in rates(sets)]

        def limits(level: Floats) -> Interval:
            least, greatest = zip(
                *(extremes(one, within, simultaneous_of(level, 2)) for one in both(sets)), strict=True
            )
            ends = [
                (np.maximum(high[0] - low[1], 0.0), high[1] - low[0]) for low, high in zip(least, greatest, strict=True)
            ]
            return (ends[0][0] + ends[1][0]) / 2.0, (ends[0][1] + ends[1][1]) / 2.0

        return Contrast((ranges[0] + ranges[1]) / 2.0, limits)

    return Index(s, parts(s), index, total(s))


def mean_ratio(s: Sums) -> Index:
    """As `mean_gap`, of least over greatest."""

    def index(sets: Sums, within: Flags) -> Contrast:
        with np.errstate(all="ignore"):
            ratios = [_least(rate, within) / _greatest(rate, within) for rate in rates(sets)]

        def limits(level: Floats) -> Interval:
            found = [extremes(one, within, simultaneous_of(level, 2)) for one in both(sets)]
            with np.errstate(all="ignore"):
                low = [least[0] / greatest[1] for least, greatest in found]
                high = [np.minimum(least[1] / greatest[0], 1.0) for least, greatest in found]
            return (low[0] + low[1]) / 2.0, (high[0] + high[1]) / 2.0

        return Contrast((ratios[0] + ratios[1]) / 2.0, limits)

    return Index(s, parts(s), index, total(s))


def _least(rate: Floats, within: Flags) -> Floats:
    found: Floats = np.where(within, rate, np.inf).min(axis=-1)
    return found


def _greatest(rate: Floats, within: Flags) -> Floats:
    found: Floats = np.where(within, rate, -np.inf).max(axis=-1)
    return found


METRICS = (
    GroupMetric(
        name="equalized_odds",
        definition="max of abs(TPR_i - TPR_j), abs(FPR_i - FPR_j); ratio: the lesser of both ratios",
        needs="label",
        kind="pair",
        denominator="labelled decisions",
        tally=equalized_odds,
        all_labels=True,
        aliases=("equalised_odds",),
        of_rates=True,
    ),
    GroupMetric(
        name="average_absolute_odds",
        definition="(abs(TPR_i - TPR_j) + abs(FPR_i - FPR_j)) / 2",
        needs="label",
        kind="pair",
        denominator="labelled decisions",
        tally=absolute_odds,
        all_labels=True,
        aliases=("average_abs_odds", "average_odds_error"),
        of_rates=True,
    ),
    GroupMetric(
        name="average_odds",
        definition="(TPR + FPR) / 2, signed: gaps can cancel",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=average_odds,
        all_labels=True,
        of_rates=True,
    ),
    GroupMetric(
        name="negative_odds",
        definition="(TNR + FNR) / 2, signed: gaps can cancel",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=negative_odds,
        all_labels=True,
        aliases=("negative_equalized_odds",),
        of_rates=True,
    ),
    GroupMetric(
        name="equalized_odds_mean",
        definition="(max TPR - min TPR + max FPR - min FPR) / 2",
        needs="label",
        kind="index",
        denominator="labelled decisions",
        tally=mean_gap,
        all_labels=True,
        of_rates=True,
    ),
    GroupMetric(
        name="equalized_odds_mean_ratio",
        definition="(min TPR / max TPR + min FPR / max FPR) / 2",
        needs="label",
        kind="index",
        denominator="labelled decisions",
        tally=mean_ratio,
        all_labels=True,
        of_rates=True,
    ),
)
