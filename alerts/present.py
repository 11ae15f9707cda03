"""What convinced: the leading group beside its reference in the newest hour or 50 events, whichever is longer. Pure.

A page needs a present that breaks the bound; these are its counts. A rule's own window, a day by default, lags behind: it may
still be inside the bound when the page comes.
"""

from collections.abc import Mapping

import numpy as np

from alerts.proving import Plan
from alerts.verdicts import Present, Side
from monitor.estimates import Floats
from monitor.evidence import Kind, Reference
from monitor.evidence.reading import Leading
from monitor.intervals import mean_difference, mean_ratio, newcombe, score_ratio, wilson
from monitor.times import SECOND

Counted = tuple[float, float]
"""k (or a sum of shares) and n."""


def present_of(plan: Plan, leading: Leading) -> Present | None:
    """The counts of the materiality gate; None where there are none. Between groups a difference is the greater less the lesser."""
    if not leading.n or (plan.spec.kind is not Kind.LEVEL and not leading.reference_n):
        return None
    own = leading.k, leading.n
    group, window = _side(plan, _groups(plan, leading.group), own), round(leading.panes) * plan.spec.pane * SECOND
    if plan.spec.kind is Kind.LEVEL:
        return Present(window, group.value, group.low, group.high, group)
    other = leading.reference_k, leading.reference_n
    if leading.reference == Reference.OVERALL:
        other = own[0] + other[0], own[1] + other[1]
    base = _side(plan, _groups(plan, leading.reference), other)
    value = _compared(plan.spec.kind, group, base)
    low, high = _interval(plan, leading)
    if plan.spec.reference == Reference.BEST and plan.spec.kind is Kind.DIFFERENCE and value is not None:
        value, low, high = -value, None if high is None else -high, None if low is None else -low
    lower, higher = (group, base) if (group.value or 0.0) <= (base.value or 0.0) else (base, group)
    return Present(window, value, low, high, lower, higher)


def _groups(plan: Plan, name: str) -> Mapping[str, str]:
    if name in plan.spec.groups:
        return plan.groups[plan.spec.groups.index(name)]
    return {} if name == Reference.OVERALL else {"*": "rest"}


def _side(plan: Plan, groups: Mapping[str, str], counted: Counted) -> Side:
    k, n = counted
    if plan.scale is not None:
        return Side(groups, round(n), plan.scale.low + k / n * (plan.scale.high - plan.scale.low))
    low, high = (float(end) for end in wilson(k, n))
    return Side(groups, round(n), k / n, low, high, k, n)


def _compared(kind: Kind, group: Side, base: Side) -> float | None:
    if group.value is None or base.value is None:
        return None
    if kind is Kind.RATIO:
        return group.value / base.value if base.value else None
    return group.value - base.value


def _interval(plan: Plan, leading: Leading) -> tuple[float | None, float | None]:
    """At 95%, of two groups that share no events; of means by the variances learned over a day."""
    own, other = (leading.k, leading.n), (leading.reference_k, leading.reference_n)
    ratio = plan.spec.kind is Kind.RATIO
    if plan.spec.reference == Reference.OVERALL:
        return None, None
    if plan.scale is None:
        low, high = score_ratio(own, other) if ratio else newcombe(*own, *other)
        return _number(low), _number(high)
    of = (own[0] / own[1], leading.variance, own[1]), (other[0] / other[1], leading.reference_variance, other[1])
    low, high = mean_ratio(*of) if ratio else mean_difference(*of)
    width = 1.0 if ratio else plan.scale.high - plan.scale.low
    return _number(low, width), _number(high, width)


def _number(end: Floats, width: float = 1.0) -> float | None:
    """An end of an interval; None where it has none."""
    return float(end) * width if np.isfinite(end) else None
