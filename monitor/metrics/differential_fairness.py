"""Differential fairness: how far the odds of a decision depend on the group, as a log ratio over all pairs of groups.

`p = (k + 1/2) / (n + 1)` smooths each rate (a Dirichlet prior of concentration 1), so that small intersections neither
explode nor vanish. Look at the deepest attribute set: it is meant over all intersections. J. Foulds, R. Islam, K. N. Keya
and S. Pan, ICDE 2020; AIF360's smoothed empirical differential fairness and its bias amplification.
"""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, mover_difference, wilson
from monitor.metric import GroupMetric, Sums
from monitor.parts import Gap, Rate, extremes, largest, simultaneous_of
from monitor.sums import Ints
from monitor.tallies import Contrast, Index, Pair

PRIOR = 0.5
"""Of each of the two outcomes."""


def smoothed(k: Ints, n: Ints) -> Floats:
    """The rate with the prior counted in."""
    found: Floats = (k + PRIOR) / (n + 2.0 * PRIOR)
    return found


def _log_gap(x: tuple[Ints, Ints], y: tuple[Ints, Ints]) -> Gap:
    """ln p_x - ln p_y, with the interval that follows from Wilson's of the smoothed counts."""
    sides = [(k + PRIOR, n + 2.0 * PRIOR) for k, n in (x, y)]
    logs = [np.log(k / n) for k, n in sides]

    def limits(level: Floats) -> Interval:
        with np.errstate(all="ignore"):
            ends = [tuple(np.log(end) for end in wilson(k, n, level)) for k, n in sides]
        return mover_difference((logs[0], (ends[0][0], ends[0][1])), (logs[1], (ends[1][0], ends[1][1])))

    return Gap(logs[0] - logs[1], limits)


def distance(x: Sums, y: Sums) -> Contrast:
    """The greater log ratio, of being favoured or of not being."""
    favoured = _log_gap((x.favourable, x.decided), (y.favourable, y.decided))
    refused = _log_gap((x.decided - x.favourable, x.decided), (y.decided - y.favourable, y.decided))
    return largest((favoured, refused))


def differential_fairness(s: Sums) -> Pair:
    """Both log ratios are greatest between the least and the greatest rate."""
    return Pair(s, {"decisions": s.decided}, distance, keys=smoothed(s.favourable, s.decided)[None])


def epsilon(rate: Floats, within: Flags) -> Floats:
    """The greatest log ratio over the groups that take part."""
    low, high = np.where(within, rate, np.inf).min(axis=-1), np.where(within, rate, -np.inf).max(axis=-1)
    with np.errstate(all="ignore"):
        found: Floats = np.maximum(np.log(high / low), np.log((1.0 - low) / (1.0 - high)))
    return found


def _epsilon_limits(k: Ints, n: Ints, within: Flags, level: Floats) -> Interval:
    """Between what `epsilon` lies, by Wilson's intervals of the smoothed rates of all groups at once."""
    counts: Rate = (np.asarray(k + PRIOR, np.float64), np.asarray(n + 2.0 * PRIOR, np.float64))
    least, greatest = extremes(counts, within, level)
    with np.errstate(all="ignore"):
        low, high = (
            np.maximum(np.log(much / few), np.log((1.0 - few) / (1.0 - much)))
            for few, much in ((least[1], greatest[0]), (least[0], greatest[1]))
        )
    return np.maximum(low, 0.0), high


def amplification(s: Sums) -> Index:
    """That of decisions minus that of labels, over the same labelled decisions.

    Interval: the difference of both intervals, each at Bonferroni's level, since the two are not independent.
    """

    def counts(sums: Sums) -> tuple[Ints, Ints, Ints]:
        return sums.tp + sums.fp, sums.tp + sums.fn, sums.tp + sums.fp + sums.fn + sums.tn

    def rates(sums: Sums) -> tuple[Floats, Floats]:
        favoured, positive, n = counts(sums)
        return smoothed(favoured, n), smoothed(positive, n)

    def index(sets: Sums, within: Flags) -> Contrast:
        decided, labelled = rates(sets)
        favoured, positive, n = counts(sets)

        def limits(level: Floats) -> Interval:
            one, other = (_epsilon_limits(k, n, within, simultaneous_of(level, 2)) for k in (favoured, positive))
            return one[0] - other[1], one[1] - other[0]

        return Contrast(epsilon(decided, within) - epsilon(labelled, within), limits)

    return Index(s, {"labelled decisions": s.tp + s.fp + s.fn + s.tn}, index, rates(s)[0])


METRICS = (
    GroupMetric(
        name="differential_fairness",
        definition="max of abs ln(p_i / p_j), abs ln((1 - p_i) / (1 - p_j)) with p = (favourable + 1/2) / (decisions + 1)",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=differential_fairness,
        aliases=("smoothed_empirical_differential_fairness",),
    ),
    GroupMetric(
        name="bias_amplification",
        definition="differential fairness of the decisions minus that of the labels",
        needs="label",
        kind="index",
        denominator="labelled decisions",
        tally=amplification,
        all_labels=True,
        aliases=("differential_fairness_bias_amplification",),
    ),
)
