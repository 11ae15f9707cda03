"""How many decisions would have to differ for a rate's disparity to be back inside its bound: the shortfall.

Of rates whose denominator no decision can change. One group's decisions are moved, the other's stay: of a rate that is good to
have (selected, rightly selected, decided as labelled) more in the lower group, of one that is bad to have (refused, an error)
fewer in the higher one. With `k` of `n` there and rate `q` on the other side, the least whole number `m` with

    more    ratio        (k + m) / n >= r q           m = ceil(r q n) - k
            difference   q - (k + m) / n <= d         m = ceil((q - d) n) - k
            one group    (k + m) / n >= b             m = ceil(b n) - k
    fewer   ratio        q / ((k - m) / n) >= r       m = k - floor(q n / r)
            difference   (k - m) / n - q <= d         m = k - floor((q + d) n)
            one group    (k - m) / n <= b             m = k - floor(b n)

where `r` is the least ratio of lower to higher, `d` the greatest difference and `b` the rate that the bound allows. Exact: the
bound is read as the decimal that was written, the counts are integers. Where it has no meaning the reason is said.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from alerts.verdicts import Observation, Side
from alerts.words import group_name, number

SELECTION_RATE = "selection_rate"
TO_OVERALL = "to_overall"
"""Everybody's rate moves with the group's own: the formulas do not hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is counted in a rate's numerator, among whom; and whether more of it is good for who gets it."""

    what: str
    among: str = ""
    good: bool = True


POSITIVE, NEGATIVE = "those with a favourable label", "those with an unfavourable label"

CHANGES: Mapping[str, Change] = {
    SELECTION_RATE: Change("favourable decisions"),
    "rejection_rate": Change("unfavourable decisions", good=False),
    "true_positive_rate": Change("favourable decisions", POSITIVE),
    "false_negative_rate": Change("unfavourable decisions", POSITIVE, good=False),
    "false_positive_rate": Change("favourable decisions", NEGATIVE, good=False),
    "true_negative_rate": Change("unfavourable decisions", NEGATIVE),
    "accuracy": Change("decisions as their label says"),
    "error_rate": Change("decisions against their label", good=False),
    "label_coverage": Change("labels"),
}
"""Rates of which decisions (or labels) can be counted that would have to differ."""

MEANS = frozenset({"mean_value", "mean_score"})

GIVEN_DECISION = frozenset({"precision", "false_discovery_rate", "negative_predictive_value", "false_omission_rate"})


@dataclass(frozen=True, slots=True)
class Shortfall:
    """So many more or fewer of what, of which group; `decisions` None: there is no such number, and `reason` says why."""

    decisions: int | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    change: str = ""
    among: str = ""
    reason: str = ""


def shortfall(o: Observation, minimum: float | None, maximum: float | None) -> Shortfall | None:
    """The least number of decisions that would bring the estimate back; None where it is inside the bound or there is none.

    A ratio above 1 (of higher to lower) is bounded by `maximum`, and a difference below 0 (lower minus higher) by `minimum`.
    """
    if o.value is None or o.lower is None:
        return None
    change = CHANGES.get(o.metric)
    if change is None or o.method == TO_OVERALL:
        return Shortfall(reason=_why_not(o, change, (minimum, maximum)))
    if not o.aggregate:
        return _of_level(o.lower, change, (minimum, maximum), o.value)
    if o.higher is None:
        return None
    moved, other = (o.lower, o.higher) if change.good else (o.higher, o.lower)
    if (target := _target(o, _rate(other), (minimum, maximum), good=change.good)) is None:
        return None
    return _moved(moved, change, target, more=change.good)


def more_favourable(o: Observation, minimum: float | None, maximum: float | None) -> int | None:
    """The `m` of a selection rate that is too low; None where it is inside or has no such meaning."""
    found = shortfall(o, minimum, maximum) if o.metric == SELECTION_RATE else None
    return found.decisions if found is not None and found.change.startswith("more") else None


def _why_not(o: Observation, change: Change | None, bounds: tuple[float | None, float | None]) -> str:
    if change is not None:
        return "everybody's rate moves with the group's own"
    if o.metric in GIVEN_DECISION:
        return f"the denominator of {o.metric} changes with the decisions"
    said, target = f"{o.metric} is no rate of decisions", _mean_needed(o, bounds)
    if target is None or o.lower is None:
        return said
    return f"{said}; that of {group_name(o.lower.groups)} would have to be at least {number(target)}"


def _mean_needed(o: Observation, bounds: tuple[float | None, float | None]) -> float | None:
    """What the lower group's mean would have to be, the other's as it is."""
    other = None if o.higher is None else o.higher.value
    if o.metric not in MEANS or o.value is None or other is None or o.method == TO_OVERALL:
        return None
    if o.aggregate == "ratio":
        least = _least_ratio(o.value, *bounds)
        return None if least is None else float(least) * other
    allowed = _difference_allowed(o.value, *bounds) if o.aggregate == "difference" else None
    return None if allowed is None else other - float(allowed)


def _of_level(side: Side, change: Change, bounds: tuple[float | None, float | None], value: float) -> Shortfall | None:
    """One group's rate, moved to the bound that it breaks."""
    minimum, maximum = bounds
    if minimum is not None and value < minimum:
        return _moved(side, change, _written(minimum), more=True)
    if maximum is not None and value > maximum:
        return _moved(side, change, _written(maximum), more=False)
    return None


def _moved(side: Side, change: Change, target: Fraction, *, more: bool) -> Shortfall | None:
    """What it takes to have at least (at most) the target rate."""
    k, n = _whole(side.numerator), _whole(side.denominator)
    if k is None or not n:
        return None
    m = math.ceil(target * n) - k if more else k - math.floor(target * n)
    if not 0 < m <= (n - k if more else k):
        return None
    return Shortfall(m, dict(side.groups), f"{'more' if more else 'fewer'} {change.what}", change.among)


def _target(
    o: Observation, q: Fraction | None, bounds: tuple[float | None, float | None], *, good: bool
) -> Fraction | None:
    """The rate that the side which is moved must reach, beside the other's `q`; None where the bound is kept."""
    if q is None or o.value is None:
        return None
    if o.aggregate == "ratio":
        least = _least_ratio(o.value, *bounds)
        return None if least is None else (least * q if good else q / least)
    if o.aggregate == "difference":
        allowed = _difference_allowed(o.value, *bounds)
        return None if allowed is None else (q - allowed if good else q + allowed)
    return None


def _least_ratio(value: float, minimum: float | None, maximum: float | None) -> Fraction | None:
    if minimum is not None and value < minimum:
        return _written(minimum)
    if maximum is not None and value > maximum > 0:
        return 1 / _written(maximum)
    return None


def _difference_allowed(value: float, minimum: float | None, maximum: float | None) -> Fraction | None:
    if maximum is not None and value > maximum:
        return _written(maximum)
    if minimum is not None and value < minimum:
        return -_written(minimum)
    return None


def _written(bound: float) -> Fraction:
    return Fraction(repr(float(bound)))


def _whole(count: float | None) -> int | None:
    """A count; None for what is none, a sum of weights for instance."""
    return None if count is None or not math.isfinite(count) or count != round(count) else round(count)


def _rate(side: Side) -> Fraction | None:
    k, n = _whole(side.numerator), _whole(side.denominator)
    return None if k is None or not n else Fraction(k, n)
