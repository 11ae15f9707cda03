"""What convinced: the leading group beside its reference in the newest hour or 50 events, whichever is longer. Pure.

A page needs a present that breaks the bound; these are its counts. A rule's own window, a day by default, lags behind: it may
still be inside the bound when the page comes.
"""

from collections.abc import Mapping

from alerts.proving import Plan
from alerts.verdicts import Present, Side
from monitor.evidence import Kind, Reference
from monitor.evidence.reading import Leading
from monitor.intervals import newcombe, score_ratio, wilson

Counted = tuple[float, float]
"""k (or a sum of shares) and n."""


def present_of(plan: Plan, leading: Leading) -> Present | None:
    """The counts of the materiality gate; None where there are none. Between groups a difference is the greater less the lesser."""
    if not leading.n or (plan.spec.kind is not Kind.LEVEL and not leading.reference_n):
        return None
    own = leading.k, leading.n
    group = _side(plan, dict(_groups(plan, leading.group)), own)
    if plan.spec.kind is Kind.LEVEL:
        return Present(group.value, group.low, group.high, group, None)
    other = leading.reference_k, leading.reference_n
    if leading.reference == Reference.OVERALL:
        other = own[0] + other[0], own[1] + other[1]
    base = _side(plan, _groups(plan, leading.reference), other)
    value = _compared(plan.spec.kind, group, base)
    low, high = _interval(plan, own, other)
    if plan.spec.reference == Reference.BEST and plan.spec.kind is Kind.DIFFERENCE and value is not None:
        value, low, high = -value, None if high is None else -high, None if low is None else -low
    lower, higher = (group, base) if (group.value or 0.0) <= (base.value or 0.0) else (base, group)
    return Present(value, low, high, lower, higher)


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


def _interval(plan: Plan, own: Counted, other: Counted) -> tuple[float | None, float | None]:
    """At 95%, of two rates that share no events."""
    if plan.scale is not None or plan.spec.reference == Reference.OVERALL:
        return None, None
    if plan.spec.kind is Kind.RATIO:
        low, high = score_ratio(own, other)
    else:
        low, high = newcombe(*own, *other)
    return float(low), float(high)
