"""Mutual information of group and decision, as shares of the group's entropy: how much one tells of the other.

Independence I(D;A)/H(A), separation I(D;A|Y)/H(A|Y) and sufficiency I(Y;A|D)/H(A|D), after D. Steinberg, A. Reid and S.
O'Callaghan (arXiv 2001.06089); Veritas has them for two groups, here they are over all groups of an attribute set. In nats.

Intervals: the delta method over the multinomial of all counts. The information of independent groups is above 0 by chance,
by (groups - 1) / 2n on average (G. A. Miller and W. G. Madow, 1955): the lower end is lowered by that, and the upper raised,
since groups that look independent may not be so.
"""

from collections.abc import Sequence

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, normal_quantile
from monitor.metric import GroupMetric, Sums
from monitor.sums import Ints
from monitor.tallies import Contrast, Index


def _entropy(counts: Floats) -> Floats:
    """n times the entropy of the last axis' counts, from their sum."""
    n = counts.sum(axis=-1)
    with np.errstate(all="ignore"):
        terms = np.where(counts > 0.0, counts * np.log(counts), 0.0).sum(axis=-1)
        found: Floats = np.where(n > 0.0, n * np.log(n), 0.0) - terms
    return found


def dependence(given: Sequence[tuple[Ints, Ints]], within: Flags) -> Contrast:
    """I(X;A|C) / H(A|C): per condition the counts of X false and true by group (last axis)."""
    tables = [np.stack([np.where(within, side, 0.0) for side in sides], axis=-1) for sides in given]
    total = np.sum([_entropy(table.sum(axis=-1)) for table in tables], axis=0)
    left = sum(_entropy(table).sum(axis=-1) for table in tables)
    both = sum(_entropy(table.sum(axis=-2)) for table in tables)
    # H(A) + H(X) - H(A, X), where H(A, X) = H(A) + sum over groups of H(X | group)
    information = np.maximum(both - left, 0.0)
    with np.errstate(all="ignore"):
        value = information / np.where(total > 0.0, total, np.nan)

    def limits(level: Floats) -> Interval:
        variance = sum(_variance(table, value, total) for table in tables)
        spare = [np.maximum((table.sum(axis=-1) > 0.0).sum(axis=-1) - 1, 0) for table in tables]
        with np.errstate(all="ignore"):
            half = normal_quantile(level) * np.sqrt(variance)
            chance = sum(spare) / (2.0 * total)
        return np.maximum(value - chance - half, 0.0), np.minimum(value + chance + half, 1.0)

    return Contrast(value, limits)


def _variance(table: Floats, value: Floats, total: Floats) -> Floats:
    """Of the share, what one condition adds: sum of counts x squared slopes, the slope of I by a count being
    ln(n_xa n / (n_x n_a)) and that of H being -ln(n_a / n), in units of `total`."""
    n = table.sum(axis=(-1, -2))[..., None, None]
    group, side = table.sum(axis=-1, keepdims=True), table.sum(axis=-2, keepdims=True)
    with np.errstate(all="ignore"):
        slope = np.log(table * n / (group * side)) + value[..., None, None] * np.log(group / n)
        terms = np.where(table > 0.0, table * (slope / total[..., None, None]) ** 2, 0.0)
    found: Floats = terms.sum(axis=(-1, -2))
    return found


def independence(s: Sums) -> Index:
    """Of decision and group."""
    with np.errstate(all="ignore"):
        key = s.favourable / s.decided
    return Index(
        s,
        {"decisions": s.decided},
        lambda sets, within: dependence([(sets.decided - sets.favourable, sets.favourable)], within),
        key,
    )


def separation(s: Sums) -> Index:
    """Of decision and group, given the label."""
    labelled = s.tp + s.fp + s.fn + s.tn
    with np.errstate(all="ignore"):
        key = (s.tp + s.fp) / labelled
    return Index(
        s,
        {"labelled decisions": labelled},
        lambda sets, within: dependence([(sets.fn, sets.tp), (sets.tn, sets.fp)], within),
        key,
    )


def sufficiency(s: Sums) -> Index:
    """Of label and group, given the decision."""
    labelled = s.tp + s.fp + s.fn + s.tn
    with np.errstate(all="ignore"):
        key = (s.tp + s.fn) / labelled
    return Index(
        s,
        {"labelled decisions": labelled},
        lambda sets, within: dependence([(sets.fp, sets.tp), (sets.tn, sets.fn)], within),
        key,
    )


METRICS = (
    GroupMetric(
        name="mutual_information_independence",
        definition="I(decision; group) / H(group)",
        needs="decision",
        kind="index",
        denominator="decisions",
        tally=independence,
        of_sizes=True,
    ),
    GroupMetric(
        name="mutual_information_separation",
        definition="I(decision; group) / H(group), given the label",
        needs="label",
        kind="index",
        denominator="labelled decisions",
        tally=separation,
        all_labels=True,
        of_sizes=True,
    ),
    GroupMetric(
        name="mutual_information_sufficiency",
        definition="I(label; group) / H(group), given the decision",
        needs="label",
        kind="index",
        denominator="labelled decisions",
        tally=sufficiency,
        all_labels=True,
        of_sizes=True,
    ),
)
