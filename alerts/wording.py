"""An alert in words. Careful ones: what was measured, against which bound, over what; not what it means."""

from collections.abc import Mapping

from alerts.messages import AlertPayload, Group, RouteDecision
from monitor.times import SECOND, format_duration


def number(value: float | None) -> str:
    """Three significant digits, thousands in full."""
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def group_name(groups: Mapping[str, str]) -> str:
    """`sex=female` or `education=university, sex=female`; everybody for the empty group."""
    return ", ".join(f"{attribute}={group}" for attribute, group in sorted(groups.items())) or "everybody"


def bound_text(payload: AlertPayload) -> str:
    """`at least 0.8`, `at most 0.1`, or both."""
    parts = []
    if payload.bound.min is not None:
        parts.append(f"at least {payload.bound.min:g}")
    if payload.bound.max is not None:
        parts.append(f"at most {payload.bound.max:g}")
    return " and ".join(parts) or "none"


def summary(payload: AlertPayload) -> str:
    """One line: model, measure, groups, estimate, bound."""
    measure = _measure(payload)
    if payload.estimate is None or payload.estimate.value is None:
        return f"{payload.model}: {measure} is not measured; the bound is {bound_text(payload)}"
    where = "back inside the bound" if payload.status == "resolved" else "outside the bound"
    return f"{payload.model}: {measure} is {number(payload.estimate.value)}, {where} of {bound_text(payload)}"


def description(payload: AlertPayload) -> str:
    """The whole account in sentences."""
    sentences = [f"{summary(payload)}{_interval(payload)}.", *_counts(payload)]
    if payload.since is not None:
        sentences.append(f"Outside since {payload.since}.")
    if payload.resolved_at is not None:
        sentences.append(f"Fired from {payload.firing_since} to {payload.resolved_at}.")
    if payload.more_favourable is not None and payload.lower is not None:
        sentences.append(
            f"{payload.more_favourable:,} more favourable decisions for {group_name(payload.lower.groups)}"
            " in this window would bring it back to the bound."
        )
    if payload.others:
        names = "; ".join(group_name(groups) for groups in payload.others)
        sentences.append(f"Also outside: {names}.")
    if payload.label_coverage is not None:
        sentences.append(f"Labels have arrived for {payload.label_coverage:.0%} of the decisions.")
    if payload.versions:
        sentences.append(f"Versions {', '.join(payload.versions)}; arms {', '.join(payload.arms) or 'none'}.")
    if payload.control is not None:
        sentences.append(_route(payload.control))
    return " ".join(sentences)


def _measure(payload: AlertPayload) -> str:
    lower, higher = payload.lower, payload.higher
    if not payload.aggregate:
        return f"{payload.metric} of {group_name(lower.groups)}" if lower else payload.metric
    if lower is None or higher is None:
        return f"{payload.aggregate} of {payload.metric} over {', '.join(payload.attributes)}"
    first, second = group_name(lower.groups), group_name(higher.groups)
    value = payload.estimate.value if payload.estimate is not None else None
    if payload.aggregate == "ratio":
        if value is not None and value > 1:
            first, second = second, first
        return f"{payload.metric} ratio of {first} to {second}"
    return f"{payload.metric} {payload.aggregate} between {second} and {first}"


def _interval(payload: AlertPayload) -> str:
    estimate = payload.estimate
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f" (95% interval {number(estimate.low)} to {number(estimate.high)})"


def _counts(payload: AlertPayload) -> list[str]:
    sides = [_side(side) for side in (payload.lower, payload.higher) if side is not None]
    if not sides or payload.window is None:
        return []
    span = format_duration(payload.window.seconds * SECOND)
    return [f"{'; '.join(sides)}; in the {span} to {payload.window.end}."]


def _side(side: Group) -> str:
    return f"{group_name(side.groups)}: {number(side.value)} (n = {side.n:,})"


def _route(control: RouteDecision) -> str:
    share = f" ({control.percent:g}%)" if control.percent is not None else ""
    if control.changed:
        return f"The route was set to {control.requested}{share}, epoch {control.epoch}."
    return f"The route stays as it is ({control.requested}{share} was asked for): {control.reason}."
