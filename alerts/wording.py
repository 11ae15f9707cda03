"""An alert in words. Careful ones: what was measured, against which bound, over what; not what it means.

Read aloud at three in the morning, in this order: what is outside which bound; how many stand behind it; since when and how
sure; whether legitimate factors go with it; what would bring it back; who else; what has been done; where to look.
"""

from msgspec.structs import replace

from alerts.messages import AlertPayload, Baseline, Evidence, Group, RouteDecision, Stratified, Window
from alerts.phrases import PHRASES, phrase
from alerts.words import SILENCES, bound_text, group_name, moment, number, percent, rate
from monitor.times import SECOND, format_duration, format_time, parse_time

__all__ = ["description", "summary"]


def summary(payload: AlertPayload) -> str:
    """One line: model, measure, groups, estimate, bound; of a warning that it is not proven yet."""
    evidence, said = payload.evidence, _first(payload)
    if evidence is not None and payload.finding == "breach" and not _enough(evidence):
        said += f"; not proven yet, evidence {_amount(evidence)}"
    return said


def _first(payload: AlertPayload) -> str:
    newest = told_now(payload)
    return phrase(payload) or f"{payload.model}: {_measure(newest)} is {_where(newest)}"


def _where(payload: AlertPayload) -> str:
    """The estimate beside its bound. What the evidence says and the window does not show yet is told as that."""
    value, bound = None if payload.estimate is None else payload.estimate.value, bound_text(payload)
    breach, over = payload.finding == "breach", payload.status == "resolved" and payload.finding == "clear"
    if value is None:
        reason = "" if payload.estimate is None else payload.estimate.reason
        why = f" ({reason})" if reason else ""
        if not breach and not over:
            return f"not measured{why}; the bound is {bound}"
        return f"{'outside' if breach else 'back inside'} the bound of {bound}; its figures are not shown{why}"
    inside = _inside(payload, value)
    if (breach and inside) or (over and not inside):
        lagging = f"over the {_time(payload)}, which lags behind," if payload.window is not None else "by the window"
        return f"{'outside' if breach else 'back inside'} the bound of {bound}; {lagging} it is {number(value)}"
    return f"{number(value)}, {'back inside' if over else 'inside' if inside else 'outside'} the bound of {bound}"


def _inside(payload: AlertPayload, value: float) -> bool:
    low, high = payload.bound.min, payload.bound.max
    return (low is None or value >= low) and (high is None or value <= high)


def description(payload: AlertPayload) -> str:
    """The whole account in sentences."""
    newest = told_now(payload)
    sentences = [f"{_first(payload)}{_interval(newest)}.", *_counts(newest), *_times(payload)]
    if newest is not payload:
        sentences.insert(2, _over_window(payload))
    if payload.evidence is not None:
        sentences.append(_evidence(payload.evidence, payload))
    sentences += _found(payload)
    if payload.baseline is not None:
        sentences.append(_baseline(payload.baseline))
    if payload.stratified is not None:
        sentences.append(_stratified(payload, payload.stratified))
    sentences += _shortfall(payload, "this window" if newest is payload else "that time")
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


def _found(payload: AlertPayload) -> list[str]:
    """What the rule said beside its figures: why nothing can be judged, by which test a regulation's figure is judged."""
    reason = payload.finding_reason
    if not reason or (payload.evidence is not None and payload.finding != "insufficient_data"):
        return []
    if payload.finding == "insufficient_data":
        return [f"It cannot be judged now: {reason}."]
    return [f"{reason[0].upper()}{reason[1:]}."]


def _shortfall(payload: AlertPayload, when: str) -> list[str]:
    """As in "8 more favourable decisions for sex=F in this window would bring it back to the bound"."""
    short = payload.shortfall
    if short is None:
        return []
    if short.decisions is None:
        return [f"It cannot be told in decisions: {short.reason}."]
    what = (
        short.change
        if short.decisions != 1
        else short.change.replace("decisions", "decision").replace("labels", "label")
    )
    of = f" for {group_name(short.groups)}" if short.groups else ""
    among = f" among {short.among}" if short.among else ""
    return [f"{short.decisions:,} {what}{of}{among} in {when} would bring it back to the bound."]


def told_now(payload: AlertPayload) -> AlertPayload:
    """The payload with the counts that convinced in place of the window's; the same object where there are none to tell."""
    present = None if payload.evidence is None or payload.status == "resolved" else payload.evidence.present
    if present is None:
        return payload
    if present.estimate.value is None and payload.estimate is not None and payload.estimate.value is not None:
        return payload
    return replace(payload, estimate=present.estimate, lower=present.lower, higher=present.higher)


def _over_window(payload: AlertPayload) -> str:
    """The window's figures, which lag behind: as in `Over the 1d to 2025-11-20 10:00 UTC it is 0.85 (0.8 to 0.9).`"""
    if payload.window is None or payload.estimate is None:
        return "Over the rule's window it is not measured."
    span = format_duration(payload.window.seconds * SECOND)
    if payload.estimate.value is None:
        return f"Over the {span} to {moment(payload.window.end)} it has no figure to show ({payload.estimate.reason})."
    value = f"{number(payload.estimate.value)}{_span(payload.estimate.low, payload.estimate.high)}"
    return f"Over the {span} to {moment(payload.window.end)} it is {value}."


def _times(payload: AlertPayload) -> list[str]:
    if payload.resolved_at is not None:
        return [f"Fired from {moment(payload.firing_since)} to {moment(payload.resolved_at)}."]
    if payload.since is None:
        return []
    if payload.metric in SILENCES and payload.estimate is not None and payload.estimate.value is not None:
        newest = (parse_time(payload.evaluated_at) or 0) - int(payload.estimate.value * SECOND)
        return [f"The last came at {moment(format_time(newest))}."]
    evidence = payload.evidence
    word = "Outside" if evidence is None else "Proven" if _enough(evidence) else "Suspected"
    changed = None if evidence is None else evidence.changed_at
    began = f"; it most likely began at {moment(changed)}" if changed is not None else ""
    return [f"{word} since {moment(payload.since)}{began}."]


def is_warning(payload: AlertPayload) -> bool:
    """Whether it is the ticket beside a page (`alerts.rules.threshold`)."""
    return payload.labels.get("tier") == "warning" and payload.rule.endswith(" (warning)")


def _enough(evidence: Evidence) -> bool:
    return evidence.log_evidence >= evidence.needed


def _amount(evidence: Evidence) -> str:
    return f"{max(evidence.log_evidence, 0.0):.1f} of {evidence.needed:.1f} needed"


def _evidence(evidence: Evidence, payload: AlertPayload) -> str:
    """As in "Evidence 14.2 of 13.7 needed: by chance alone such an alert comes at most once in 600 days"."""
    if payload.status == "resolved" and payload.finding == "clear":
        if is_warning(payload):
            return f"The evidence is no longer enough for a warning: {_amount(evidence)}."
        needed = "" if evidence.recovery_needed is None else f" ({evidence.recovery_needed:.1f} was needed)"
        return f"There was evidence enough that the bound is kept again{needed}."
    said = f"Evidence {_amount(evidence)}"
    if evidence.budget and _enough(evidence):
        said += f": by chance alone such an alert comes at most once in {30 / evidence.budget:,.0f} days"
    if evidence.overdispersion is not None and evidence.overdispersion > 1.005:
        said += f" (divided by {evidence.overdispersion:.2f}, since this traffic varies more than chance)"
    if evidence.recovery is not None and evidence.recovery > 0.05 and evidence.recovery_needed is not None:
        said += f"; that it is over, {evidence.recovery:.1f} of {evidence.recovery_needed:.1f}"
    return f"{said}."


def _baseline(base: Baseline) -> str:
    if base.value is None:
        return f"The bound comes from the baseline ({base.source}), where it was between {number(base.low)} and {number(base.high)}."
    return f"In the baseline ({base.source}) it was {number(base.value)}{_span(base.low, base.high)}."


def _stratified(payload: AlertPayload, within: Stratified) -> str:
    """The raw figure and the one within strata, side by side."""
    factors = ", ".join(within.factors)
    if within.value is None:
        return f"Within strata{f' of {factors}' if factors else ''}: {within.reason or 'not measured'}."
    raw = number(payload.estimate.value if payload.estimate is not None else None)
    kind = payload.aggregate or "value"
    value = f"{number(within.value)}{_span(within.low, within.high)}"
    over = (
        "" if told_now(payload) is payload or payload.window is None else f", over the same {_window(payload.window)},"
    )
    said = f"Within {within.strata} strata of {factors}{over} the {kind} is {value}; without them {raw}"
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
    sides = [_side(side, payload) for side in (payload.lower, payload.higher) if side is not None]
    if not sides or payload.window is None:
        return []
    if payload.metric == "group_presence":
        before = payload.method.removeprefix("before_")
        return [f"Now {sides[0]} in the {_time(payload)}; in the {before} before, {'; '.join(sides[1:])}."]
    return [f"{'; '.join(sides)}; in the {_time(payload)} to {moment(payload.window.end)}."]


def _time(payload: AlertPayload) -> str:
    """How much time the counts are of."""
    present = None if payload.evidence is None else payload.evidence.present
    if present is not None and present.lower is payload.lower:
        return format_duration(present.seconds * SECOND)
    assert payload.window is not None
    return _window(payload.window)


def _window(window: Window) -> str:
    return format_duration(window.seconds * SECOND)


def _side(side: Group, payload: AlertPayload) -> str:
    """`sex=F: 40 of 100 (40.0%)` where the metric is a rate of counts, else `sex=F: 31,200 (n = 100)`."""
    k, n = side.numerator, side.denominator
    name = "" if not side.groups and payload.metric in PHRASES else f"{group_name(side.groups)}: "
    if side.reason:
        return f"{name}{side.reason}"
    if k is not None and n is not None and 0 <= k <= n and k == round(k) and n == round(n):
        return f"{name}{k:,.0f} of {n:,.0f} ({rate(side.value)})"
    return f"{name}{number(side.value)} (n = {side.n:,})"


def _route(control: RouteDecision) -> str:
    share = f" ({control.percent:g}%)" if control.percent is not None else ""
    if control.changed:
        return f"The route was set to {control.requested}{share}, epoch {control.epoch}."
    return f"The route stays as it is ({control.requested}{share} was asked for): {control.reason}."


def _links(payload: AlertPayload) -> list[str]:
    links = payload.links
    named = (("Panel", links.panel), ("Runbook", links.runbook), ("Silence it", links.silence))
    return [f"{name}: {link}" for name, link in named if link]
