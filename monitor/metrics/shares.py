"""Shares: how much of everybody a group makes up, among all, among the selected, among the refused.

They compare with everybody already, so groups are not compared by them again. A group's share of all predictions is its
representation, that of `unknown` the unknown share.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval, wilson
from monitor.limits import of_sum
from monitor.metric import GroupMetric, Sums
from monitor.sums import Ints
from monitor.tallies import Contrast, Pair, Statistic, Tally


def representation(s: Sums) -> Tally:
    """Its events out of everybody's."""
    return Tally(s.events.astype(np.float64), s.everybody.events, people=s.events)


def share_of_selected(s: Sums) -> Tally:
    """Its favourable decisions out of everybody's."""
    return Tally(s.favourable.astype(np.float64), s.everybody.favourable, people=s.favourable)


def demographic_disparity(s: Sums) -> Statistic:
    """The share of the refused minus the share of the selected: above 0, more are refused than are selected."""
    refused = s.decided - s.favourable
    all_refused = s.everybody.decided - s.everybody.favourable
    with np.errstate(all="ignore"):
        value = refused / all_refused - s.favourable / s.everybody.favourable
    parts = {
        "decisions": s.decided,
        "unfavourable decisions": all_refused,
        "favourable decisions": s.everybody.favourable,
    }
    limits = of_sum(((1.0, refused, all_refused), (-1.0, s.favourable, s.everybody.favourable)))
    return Statistic(value, parts, limits)


def conditional(disparity: Callable[[Sums], Statistic], people: Callable[[Sums], Ints]) -> Callable[[Sums], Statistic]:
    """`sum n_i DD_i / sum n_i` over the strata i, n_i everybody in stratum i (Clarify's CDDPL and CDDL).

    A stratum where nobody was refused, or nobody selected, has no disparity and is left out with its weight; Clarify counts
    0 for it. AIF360's function of a similar name takes the groups themselves for strata: another number. Interval: from those
    of the strata, as of a weighted sum of independent values (`monitor.limits.of_sum`).
    """

    def over(s: Sums) -> Statistic:
        each = disparity(s)
        known = np.isfinite(each.value)
        weight = np.where(known, people(s.everybody), 0).astype(np.float64)
        with np.errstate(all="ignore"):
            value = (weight * np.where(known, each.value, 0.0)).sum(axis=0) / weight.sum(axis=0)
        counted = np.where(known, people(s), 0).sum(axis=0)

        def limits(at: Any, level: Floats) -> Interval:
            assert each.limits is not None
            ends, part = each.limits((slice(None), at), level), weight[:, at]
            with np.errstate(all="ignore"):
                gaps = [
                    np.where(known[:, at], part / part.sum(axis=0) * (each.value[:, at] - end), 0.0) for end in ends
                ]
            below, above = (np.sqrt((gap**2).sum(axis=0)) for gap in gaps)
            return value[at] - below, value[at] + above

        return Statistic(value, {"strata with both kinds": counted}, limits)

    return over


def label_disparity(s: Sums) -> Statistic:
    """The share of the negative labels minus the share of the positive ones."""
    with np.errstate(all="ignore"):
        value = s.negative / s.everybody.negative - s.positive / s.everybody.positive
    parts = {
        "labels": s.positive + s.negative,
        "negative labels": s.everybody.negative,
        "positive labels": s.everybody.positive,
    }
    limits = of_sum(((1.0, s.negative, s.everybody.negative), (-1.0, s.positive, s.everybody.positive)))
    return Statistic(value, parts, limits)


def imbalance(of: Callable[[Sums], Ints]) -> Callable[[Sums, Sums], Contrast]:
    """How unequal two numbers of two groups are; 0 for equal, 1 for one alone."""

    def distance(x: Sums, y: Sums) -> Contrast:
        both = of(x) + of(y)
        with np.errstate(all="ignore"):
            share = of(x) / both

        def limits(level: Floats) -> Interval:
            low, high = (2.0 * end - 1.0 for end in wilson(of(x), both, level))
            return np.maximum(np.maximum(low, -high), 0.0), np.maximum(np.abs(low), np.abs(high))

        return Contrast(np.abs(2.0 * share - 1.0), limits)

    return distance


def lesser(of: Callable[[Sums], Ints]) -> Callable[[Sums, Sums], Contrast]:
    """The lesser of two numbers over the greater, (1 - d) / (1 + d) of their imbalance d, and so its interval."""
    unequal = imbalance(of)

    def ratio(x: Sums, y: Sums) -> Contrast:
        found = unequal(x, y)

        def limits(level: Floats) -> Interval:
            assert found.limits is not None
            low, high = found.limits(level)
            return (1.0 - high) / (1.0 + high), (1.0 - low) / (1.0 + low)

        with np.errstate(all="ignore"):
            return Contrast(np.minimum(of(x), of(y)) / np.maximum(of(x), of(y)), limits)

    return ratio


def _events(s: Sums) -> Ints:
    return s.events


def _favourable(s: Sums) -> Ints:
    return s.favourable


def equal_parity(s: Sums) -> Pair:
    """As many favourable decisions for every group, however many people it has."""
    keys = s.favourable[None].astype(np.float64)
    return Pair(s, {"decisions": s.decided}, imbalance(_favourable), lesser(_favourable), keys)


def label_coverage(s: Sums) -> Tally:
    """Labelled so far, of all predictions of the same time."""
    return Tally(s.labelled.astype(np.float64), s.events)


METRICS = (
    GroupMetric(
        name="representation",
        definition="predictions of the group / predictions",
        needs="decision",
        kind="rate",
        denominator="predictions",
        tally=representation,
        aliases=("group_share",),
        compared=False,
    ),
    GroupMetric(
        name="share_of_selected",
        definition="favourable decisions of the group / favourable decisions",
        needs="decision",
        kind="rate",
        denominator="favourable decisions",
        tally=share_of_selected,
        aliases=("ppr",),
        compared=False,
    ),
    GroupMetric(
        name="demographic_disparity",
        definition="share of unfavourable decisions - share of favourable ones",
        needs="decision",
        kind="statistic",
        denominator="decisions",
        tally=demographic_disparity,
        over_strata=conditional(demographic_disparity, lambda s: s.decided),
        aliases=("ddpl",),
        compared=False,
        of_sizes=True,
    ),
    GroupMetric(
        name="label_demographic_disparity",
        definition="share of negative labels - share of positive ones",
        needs="label",
        kind="statistic",
        denominator="labels",
        tally=label_disparity,
        over_strata=conditional(label_disparity, lambda s: s.positive + s.negative),
        all_labels=True,
        compared=False,
        of_sizes=True,
    ),
    GroupMetric(
        name="class_imbalance",
        definition="abs(n_i - n_j) / (n_i + n_j)",
        needs="decision",
        kind="pair",
        denominator="predictions",
        tally=lambda s: Pair(s, {"predictions": s.events}, imbalance(_events), keys=s.events[None].astype(np.float64)),
        of_sizes=True,
    ),
    GroupMetric(
        name="equal_parity",
        definition="abs(k_i - k_j) / (k_i + k_j) of the numbers of favourable decisions; ratio: the lesser over the greater",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=equal_parity,
        of_sizes=True,
    ),
    GroupMetric(
        name="label_coverage",
        definition="predictions with an outcome / predictions",
        needs="both",
        kind="rate",
        denominator="predictions",
        tally=label_coverage,
    ),
)
