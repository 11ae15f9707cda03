"""Ratios of counts that are no rates: conditional acceptance and rejection, treatment equality, group benefit.

Clarify's DCAcc, DCR and TE. Numerator and denominator of the first three share their concordant decisions, so their
interval is that of a ratio of paired proportions.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval, normal_quantile
from monitor.limits import of_rate
from monitor.metric import GroupMetric, Sums
from monitor.sums import Ints
from monitor.tallies import Limits, Statistic


def of_pairs(concordant: Ints, above: Ints, below: Ints) -> Limits:
    """Of (concordant + above) / (concordant + below), three counts of the same events.

    The quotients of two Wilson intervals whose level is adjusted for the dependence: D. G. Bonett and R. M. Price,
    Statistics in Medicine 25 (2006) 3039-3047.
    """

    def limits(at: object, level: Floats) -> Interval:
        a, b, c = (count[at].astype(np.float64) for count in (concordant, above, below))  # type: ignore[call-overload]
        n = a + b + c
        with np.errstate(all="ignore"):
            p1, p2 = (a + b + 1.0) / (n + 2.0), (a + c + 1.0) / (n + 2.0)
            joint = np.sqrt((b + c + 2.0) / ((a + b + 1.0) * (a + c + 1.0)))
            each = np.sqrt((1.0 - p1) / (a + b + 1.0)) + np.sqrt((1.0 - p2) / (a + c + 1.0))
            quantile = normal_quantile(level) * joint / each
            (low1, high1), (low2, high2) = (_wilson(k, n, quantile) for k in (a + b, a + c))
            return low1 / high2, high1 / low2

    return limits


def _wilson(k: Floats, n: Floats, z: Floats) -> Interval:
    """Wilson's interval by its quantile."""
    middle, spread = 2.0 * k + z * z, z * np.sqrt(z * z + 4.0 * k * np.maximum(1.0 - k / n, 0.0))
    return (middle - spread) / (2.0 * (n + z * z)), (middle + spread) / (2.0 * (n + z * z))


def _ratio(concordant: Ints, above: Ints, below: Ints, part: str) -> Statistic:
    numerator, denominator = concordant + above, concordant + below
    with np.errstate(all="ignore"):
        value = numerator / denominator
    limits = of_pairs(concordant, above, below)
    return Statistic(value, {part: denominator}, limits, numerator.astype(np.float64), denominator.astype(np.float64))


def treatment_equality(s: Sums) -> Statistic:
    """FN / FP is the odds of a missed one among the errors, so its interval is that of the rate."""
    with np.errstate(all="ignore"):
        value = s.fn / s.fp
    limits = of_rate(s.fn, s.fn + s.fp, lambda rate: rate / (1.0 - rate))
    return Statistic(value, {"false positives": s.fp}, limits, s.fn.astype(np.float64), s.fp.astype(np.float64))


METRICS = (
    GroupMetric(
        name="conditional_acceptance",
        definition="(TP + FN) / (TP + FP): positive labels to a favourable decision",
        needs="label",
        kind="statistic",
        denominator="labelled favourable decisions",
        tally=lambda s: _ratio(s.tp, s.fn, s.fp, "labelled favourable decisions"),
        all_labels=True,
        aliases=("conditional_acceptance_ratio",),
        of_rates=True,
    ),
    GroupMetric(
        name="conditional_rejection",
        definition="(TN + FP) / (TN + FN): negative labels to an unfavourable decision",
        needs="label",
        kind="statistic",
        denominator="labelled unfavourable decisions",
        tally=lambda s: _ratio(s.tn, s.fp, s.fn, "labelled unfavourable decisions"),
        all_labels=True,
        aliases=("conditional_rejection_ratio",),
        of_rates=True,
    ),
    GroupMetric(
        name="group_benefit",
        definition="(TP + FP) / (TP + FN): favourable decisions to a positive label",
        needs="label",
        kind="statistic",
        denominator="positive labels",
        tally=lambda s: _ratio(s.tp, s.fp, s.fn, "positive labels"),
        all_labels=True,
        of_rates=True,
    ),
    GroupMetric(
        name="treatment_equality",
        definition="FN / FP",
        needs="label",
        kind="statistic",
        denominator="false positives",
        tally=treatment_equality,
        all_labels=True,
        of_rates=True,
    ),
)
