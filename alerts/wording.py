"""An alert in words. Careful ones: what was measured, against which bound, over what; not what it means.

Read aloud at three in the morning, in this order: what is outside which bound; how many stand behind it; since when and how
sure; whether legitimate factors go with it; what would bring it back; who else; what has been done; where to look.
"""

from msgspec.structs import replace

from alerts.messages import AlertPayload, Evidence, Group, RouteDecision, Stratified
from alerts.phrases import PHRASES, phrase
from alerts.words import bound_text, group_name, moment, number, percent, rate
from monitor.times import SECOND, format_duration

__all__ = ["description", "summary"]


def summary(payload: AlertPayload) -> str:
    """One line: model, measure, groups, estimate, bound."""
    said = phrase(payload)
    if said is not None:
        return said
    payload = _newest(payload)
    measure = _measure(payload)
    if payload.estimate is None or payload.estimate.value is None:
        return f"{payload.model}: {measure} is not measured; the bound is {bound_text(payload)}"
    where = "back inside the bound" if payload.status == "resolved" else "outside the bound"
    return f"{payload.model}: {measure} is {number(payload.estimate.value)}, {where} of {bound_text(payload)}"


def description(payload: AlertPayload) -> str:
    """The whole account in sentences."""
    newest = _newest(payload)
    sentences = [f"{summary(payload)}{_interval(newest)}.", *_counts(newest), *_times(payload)]
    if newest is not payload:
        sentences.insert(2, _over_window(payload))
    if payload.evidence is not None:
        sentences.append(_evidence(payload.evidence))
    if payload.baseline is not None:
        base = payload.baseline
        sentences.append(f"In the baseline ({base.source}) it was {number(base.value)}{_span(base.low, base.high)}.")
    if payload.stratified is not None:
        sentences.append(_stratified(payload, payload.stratified))
    if payload.more_favourable is not None and payload.lower is not None:
        sentences.append(
            f"{payload.more_favourable:,} more favourable decisions for {group_name(payload.lower.groups)}"
            f" in {'this window' if newest is payload else 'that time'} would bring it back to the bound."
        )
    if payload.others:
        names = "; ".join(group_name(groups) for groups in payload.others)
        sentences.append(f"Also outside: {names}.")
    if payload.label_coverage is not None:
        sentences.append(f"Labels have arrived for {payload.label_coverage:.0%} of the decisions{_by_side(payload)}.")
    if payload.versions:
        sentences.append(f"Versions {', '.join(payload.versions)}; arms {', '.join(payload.arms) or 'none'}.")
    if payload.control is not None:
        sentences.append(_route(payload.control))
    return " ".join([*sentences, *_links(payload)])


def _newest(payload: AlertPayload) -> AlertPayload:
    """The payload with the counts that convinced in place of the window's; the same object where there are none."""
    present = None if payload.evidence is None or payload.status == "resolved" else payload.evidence.present
    if present is None:
        return payload
    return replace(payload, estimate=present.estimate, lower=present.lower, higher=present.higher)


def _over_window(payload: AlertPayload) -> str:
    """The window's figures, which lag behind: as in `Over the 1d to 2025-11-20 10:00 UTC it is 0.85 (0.8 to 0.9).`"""
    if payload.window is None or payload.estimate is None:
        return "Over the rule's window it is not measured."
    span = format_duration(payload.window.seconds * SECOND)
    value = f"{number(payload.estimate.value)}{_span(payload.estimate.low, payload.estimate.high)}"
    return f"Over the {span} to {moment(payload.window.end)} it is {value}."


def _times(payload: AlertPayload) -> list[str]:
    said = []
    evidence = payload.evidence
    if payload.since is not None:
        word = "Outside" if evidence is None else "Proven" if _enough(evidence) else "Suspected"
        changed = None if evidence is None else evidence.changed_at
        began = f"; it most likely began at {moment(changed)}" if changed is not None else ""
        said.append(f"{word} since {moment(payload.since)}{began}.")
    if payload.resolved_at is not None:
        said.append(f"Fired from {moment(payload.firing_since)} to {moment(payload.resolved_at)}.")
    return said


def _enough(evidence: Evidence) -> bool:
    return evidence.log_evidence >= evidence.needed


def _evidence(evidence: Evidence) -> str:
    """As in "Evidence 14.2 of 13.7 needed: by chance alone such an alert comes at most once in 600 days"."""
    said = f"Evidence {max(evidence.log_evidence, 0.0):.1f} of {evidence.needed:.1f} needed"
    if evidence.budget and _enough(evidence):
        said += f": by chance alone such an alert comes at most once in {30 / evidence.budget:,.0f} days"
    if evidence.overdispersion is not None and evidence.overdispersion > 1.005:
        said += f" (divided by {evidence.overdispersion:.2f}, since this traffic varies more than chance)"
    return f"{said}."


def _stratified(payload: AlertPayload, within: Stratified) -> str:
    """The raw figure and the one within strata, side by side."""
    factors = ", ".join(within.factors)
    if within.value is None:
        return f"Within strata{f' of {factors}' if factors else ''}: {within.reason or 'not measured'}."
    raw = number(payload.estimate.value if payload.estimate is not None else None)
    kind = payload.aggregate or "value"
    value = f"{number(within.value)}{_span(within.low, within.high)}"
    said = f"Within {within.strata} strata of {factors} the {kind} is {value}; without them {raw}"
    return f"{said}, which points the other way." if _turned(payload, within.value) else f"{said}."


def _turned(payload: AlertPayload, within: float) -> bool:
    """Whether the raw figure and the one within strata point in opposite directions (Simpson's paradox)."""
    raw = payload.estimate.value if payload.estimate is not None else None
    neutral = 1.0 if payload.aggregate == "ratio" else 0.0
    return raw is not None and bool(payload.aggregate) and (raw - neutral) * (within - neutral) < 0


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({number(low)} to {number(high)})"


def _by_side(payload: AlertPayload) -> str:
    sides = [side for side in (payload.lower, payload.higher) if side is not None and side.label_coverage is not None]
    told = ", ".join(f"{group_name(side.groups)} {side.label_coverage:.0%}" for side in sides)
    return f" ({told})" if len(sides) > 1 else ""


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
    shown = percent if payload.metric in PHRASES else number
    return f" (95% interval {shown(estimate.low)} to {shown(estimate.high)})"


def _counts(payload: AlertPayload) -> list[str]:
    sides = [_side(side) for side in (payload.lower, payload.higher) if side is not None]
    if not sides or payload.window is None:
        return []
    if payload.metric == "group_presence":
        sides = [f"{name}: {side}" for name, side in zip(("now", "before"), sides, strict=False)]
    return [f"{'; '.join(sides)}; in the {_time(payload)} to {moment(payload.window.end)}."]


def _time(payload: AlertPayload) -> str:
    """How much time the counts are of."""
    present = None if payload.evidence is None else payload.evidence.present
    if present is not None and present.lower is payload.lower:
        return format_duration(present.seconds * SECOND)
    assert payload.window is not None
    return format_duration(payload.window.seconds * SECOND)


def _side(side: Group) -> str:
    """`sex=F: 40 of 100 (40.0%)` where the metric is a rate of counts, else `sex=F: 31,200 (n = 100)`."""
    k, n = side.numerator, side.denominator
    if k is not None and n is not None and 0 <= k <= n and k == round(k) and n == round(n):
        return f"{group_name(side.groups)}: {k:,.0f} of {n:,.0f} ({rate(side.value)})"
    return f"{group_name(side.groups)}: {number(side.value)} (n = {side.n:,})"


def _route(control: RouteDecision) -> str:
    share = f" ({control.percent:g}%)" if control.percent is not None else ""
    if control.changed:
        return f"The route was set to {control.requested}{share}, epoch {control.epoch}."
    return f"The route stays as it is ({control.requested}{share} was asked for): {control.reason}."


def _links(payload: AlertPayload) -> list[str]:
    links = payload.links
    named = (("Panel", links.panel), ("Runbook", links.runbook), ("Silence it", links.silence))
    return [f"{name}: {link}" for name, link in named if link]
