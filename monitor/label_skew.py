"""Skew of labels between a group and everybody else, before any model: SageMaker Clarify's pre-training measures. Pure.

Group d (the one looked at) against a (everybody else), over their counts of K labels; P is the distribution over labels.
Names, formulas and signs are Clarify's: positive means that d has fewer people, or fewer of the positive label. A measure
that does not exist (nobody in the group, a label that d never has) is None and never 0 or infinity.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import newcombe
from monitor.sums import Ints


@dataclass(frozen=True, slots=True)
class LabelSkew:
    """The measures of one group."""

    n: int
    rest: int
    class_imbalance: float | None
    """CI = (n_a - n_d) / (n_a + n_d)."""
    difference: float | None
    """DPL = q_a - q_d, of the shares with the positive label."""
    difference_low: float | None
    difference_high: float | None
    """Newcombe's interval."""
    kullback_leibler: float | None
    """KL = sum P_a ln(P_a / P_d), in nats; None where a label occurs in a and never in d."""
    jensen_shannon: float | None
    """JS = (KL(P_a, P) + KL(P_d, P)) / 2 with P the mean of both."""
    lp_norm: float | None
    """LP, p = 2: the Euclidean distance."""
    total_variation: float | None
    """TVD: half the sum of absolute differences."""
    kolmogorov_smirnov: float | None
    """KS: the greatest absolute difference of any label."""
    conditional_disparity: float | None
    """CDDL: the disparity of rejected and accepted, weighted over strata; None without strata."""


def label_skew(group: Ints, rest: Ints, positive: Sequence[bool], strata: Ints | None = None) -> LabelSkew:
    """The skew of one group: counts per label of it and of the rest; `positive` says which labels are.

    `strata` is S x 2 x 2: counts by stratum, by (group, rest) and by (positive, not), for the conditional disparity.
    """
    n_d, n_a = int(group.sum()), int(rest.sum())
    yes = np.asarray(positive, dtype=np.bool_)
    imbalance = (n_a - n_d) / (n_a + n_d) if n_a + n_d else None
    if not n_d or not n_a:
        return LabelSkew(n_d, n_a, imbalance, *[None] * 9)
    k_d, k_a = int(group[yes].sum()), int(rest[yes].sum())
    low, high = newcombe(k_a, n_a, k_d, n_d)
    p_d, p_a = group / n_d, rest / n_a
    mean = (p_a + p_d) / 2.0
    gaps = np.abs(p_a - p_d)
    return LabelSkew(
        n=n_d,
        rest=n_a,
        class_imbalance=imbalance,
        difference=k_a / n_a - k_d / n_d,
        difference_low=float(low),
        difference_high=float(high),
        kullback_leibler=_divergence(p_a, p_d),
        jensen_shannon=((_divergence(p_a, mean) or 0.0) + (_divergence(p_d, mean) or 0.0)) / 2.0,
        lp_norm=float(np.sqrt((gaps**2).sum())),
        total_variation=float(gaps.sum() / 2.0),
        kolmogorov_smirnov=float(gaps.max()),
        conditional_disparity=None if strata is None else _conditional(strata),
    )


def _divergence(p: Floats, q: Floats) -> float | None:
    some = p > 0
    if (q[some] == 0).any():
        return None
    return math.fsum((p[some] * np.log(p[some] / q[some])).tolist())


def _conditional(strata: Ints) -> float | None:
    """`sum n_i DD_i / n` with DD = share of d among the rejected less its share among the accepted.

    Clarify counts a share of nobody as 0; a stratum in which nobody was rejected, or nobody accepted, says nothing about
    the disparity, so such strata are left out here, and None is returned if no other is there.
    """
    accepted, rejected = strata[:, :, 0].sum(axis=1), strata[:, :, 1].sum(axis=1)
    told = (accepted > 0) & (rejected > 0)
    if not told.any():
        return None
    inside = strata[told]
    disparity = inside[:, 0, 1] / rejected[told] - inside[:, 0, 0] / accepted[told]
    weights = inside.sum(axis=(1, 2))
    return float((weights * disparity).sum() / weights.sum())
