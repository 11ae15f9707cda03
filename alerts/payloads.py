"""From a verdict and a state to the payload that a responder is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from alerts import verdicts
from alerts.control import Brakes
from alerts.counterfactual import more_favourable, shortfall
from alerts.labels import Family
from alerts.links import LinkTemplates
from alerts.messages import (
    AlertPayload,
    Baseline,
    Bounds,
    Estimate,
    Evidence,
    Group,
    Present,
    RouteDecision,
    Shortfall,
    Stratified,
    Window,
)
from alerts.phrases import PHRASES
from alerts.rules import Rule, Several
from alerts.rules.threshold import ThresholdRule
from alerts.states import AlertState, State, Transition
from alerts.templates import rendered
from alerts.verdicts import Finding, Observation, Side, Verdict
from alerts.wording import description, summary
from monitor.times import SECOND, format_time

OTHERS_SHOWN = 20
"""So many further groups in breach are named; a webhook's body stays below 20 KB (Standard Webhooks)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all rules of one evaluation.

    `pane_end` is ms of event time; versions and arms are those served. Figures that fewer than `display_min` stand behind
    are not told.
    """

    model: str
    pane_end: int
    config_version: str
    versions: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    links: LinkTemplates = field(default_factory=LinkTemplates)
    brakes: Brakes = field(default_factory=Brakes)
    display_min: int = 0


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told: which rule found what about which family, and the state that follows."""

    alert: str
    rule: Rule
    family: Family
    state: AlertState
    verdict: Verdict
    transition: Transition | None = None


def payload_of(telling: Telling, context: Context, decision: RouteDecision | None) -> AlertPayload:
    """The payload, words included; `decision` is what was done about the route, if anything was asked for."""
    policy, state, o = telling.rule.policy, telling.state, telling.verdict.leading
    least = _least(telling.rule, context)
    resolved = state.state is State.RESOLVED
    draft = AlertPayload(
        alert=telling.alert,
        transition=state.transition_no,
        episode=state.episode,
        rule=policy.name,
        rule_type=telling.rule.type,
        status=state.state.value,
        severity=policy.severity,
        model=context.model,
        versions=list(context.versions),
        arms=list(context.arms),
        labels=telling.family.labels(policy.labels),
        annotations=dict(policy.annotations),
        summary="",
        description="",
        metric=telling.family.metric,
        aggregate=o.aggregate if o else "",
        method=o.method if o else "",
        attributes=list(telling.family.attributes),
        bound=_bounds(telling.rule, o),
        since=_instant(state.pending_since),
        firing_since=_instant(state.firing_since),
        resolved_at=_instant(context.pane_end) if resolved else None,
        evaluated_at=format_time(context.pane_end),
        config_version=context.config_version,
        finding=telling.verdict.finding.value,
        finding_reason=telling.verdict.reason,
        control=decision,
        evidence=_evidence(telling.verdict.evidence, least),
        baseline=_baseline(telling.verdict.baseline),
    )
    if o is not None:
        draft = _measured(draft, o, telling, least)
    return _worded(draft, context)


def summary_of(payload: AlertPayload) -> dict[str, object]:
    """The payload as JSON has it (no NaN): what is kept of the newest verdict, for `status` and the web."""
    kept: dict[str, object] = msgspec.json.decode(msgspec.json.encode(payload))
    return kept


def _least(rule: Rule, context: Context) -> int:
    """Figures of fewer are not told."""
    return max(context.display_min, rule.min_n if isinstance(rule, ThresholdRule) else 0)


def _measured(draft: AlertPayload, o: Observation, telling: Telling, least: int) -> AlertPayload:
    others = telling.verdict.breaching[1 : 1 + OTHERS_SHOWN]
    now, bounds = _now(o, telling.verdict.evidence, least), (draft.bound.min, draft.bound.max)
    breach = telling.verdict.finding is Finding.BREACH and not _few(now.sides, least)
    return msgspec.structs.replace(
        draft,
        window=_window(o),
        estimate=_estimate((o.value, o.low, o.high), o.sides, least, o.reason),
        lower=_group(o.lower, least),
        higher=_group(o.higher, least),
        others=[dict(side.groups) for other in others for side in other.sides[:1]],
        more_favourable=more_favourable(now, *bounds) if breach else None,
        shortfall=_shortfall(now, bounds) if breach else None,
        label_coverage=o.label_coverage,
        stratified=None if _few(o.sides, least) else _stratified(o.stratified),
    )


def _few(sides: Sequence[Side], least: int) -> bool:
    """Whether too few stand behind a side to be told. An empty group is nobody."""
    return any(0 < side.n < least for side in sides)


def _estimate(
    figure: tuple[float | None, float | None, float | None], sides: Sequence[Side], least: int, reason: str = ""
) -> Estimate:
    value, low, high = figure
    if _few(sides, least):
        return Estimate(reason=_fewer(least))
    return Estimate(value=value, low=low, high=high, reason=reason if value is None else "")


def _fewer(least: int) -> str:
    return f"fewer than {least}"


def _shortfall(o: Observation, bounds: tuple[float | None, float | None]) -> Shortfall | None:
    found = shortfall(o, *bounds)
    if found is None or (found.decisions is None and o.metric in PHRASES):  # of what is no metric nothing is expected
        return None
    groups, change = dict(found.groups), found.change
    return Shortfall(decisions=found.decisions, groups=groups, change=change, among=found.among, reason=found.reason)


def _now(o: Observation, evidence: verdicts.Evidence | None, least: int) -> Observation:
    """The observation with the counts that convinced, if there are any that may be told."""
    present = None if evidence is None else evidence.present
    if present is None:
        return o
    now = replace(o, value=present.value, lower=present.lower, higher=present.higher)
    return o if _few(now.sides, least) else now


def _worded(draft: AlertPayload, context: Context) -> AlertPayload:
    """With summary, annotations, links and description, each of which may name the one before."""
    draft = msgspec.structs.replace(draft, summary=summary(draft))
    annotations = {name: rendered(text, draft) for name, text in draft.annotations.items()}
    draft = msgspec.structs.replace(draft, annotations=annotations)
    draft = msgspec.structs.replace(draft, links=context.links.of(draft))
    return msgspec.structs.replace(draft, description=description(draft))


def _evidence(found: verdicts.Evidence | None, least: int) -> Evidence | None:
    if found is None:
        return None
    return Evidence(
        log_evidence=found.log_evidence,
        needed=found.needed,
        budget=found.budget,
        overdispersion=found.overdispersion,
        changed_at=_instant(found.changed_at),
        leading=dict(found.leading),
        groups=[dict(groups) for groups in found.groups[:OTHERS_SHOWN]],
        present=_present(found.present, least),
        recovery=found.recovery,
        recovery_needed=found.recovery_needed,
    )


def _present(found: verdicts.Present | None, least: int) -> Present | None:
    lower = None if found is None else _group(found.lower, least)
    if found is None or lower is None:
        return None
    sides = [side for side in (found.lower, found.higher) if side is not None]
    estimate = _estimate((found.value, found.low, found.high), sides, least)
    seconds = found.window_ms // SECOND
    return Present(seconds=seconds, estimate=estimate, lower=lower, higher=_group(found.higher, least))


def _baseline(found: verdicts.Before | None) -> Baseline | None:
    return None if found is None else Baseline(source=found.source, value=found.value, low=found.low, high=found.high)


def _stratified(found: verdicts.Stratified | None) -> Stratified | None:
    if found is None:
        return None
    return Stratified(
        factors=list(found.factors),
        value=found.value,
        low=found.low,
        high=found.high,
        strata=found.strata,
        method=found.method,
        reason=found.reason,
    )


def _bounds(rule: Rule, o: Observation | None) -> Bounds:
    minimum, maximum = rule.bounds_of(o) if o is not None and isinstance(rule, Several) else rule.bounds()
    return Bounds(min=minimum, max=maximum)


def _instant(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(milliseconds)


def _window(o: Observation) -> Window:
    return Window(
        start=format_time(o.window_end - o.window_ms),
        end=format_time(o.window_end),
        seconds=o.window_ms // SECOND,
        time_basis=o.time_basis,
    )


def _group(side: Side | None, least: int) -> Group | None:
    if side is None:
        return None
    if _few((side,), least):
        return Group(groups=dict(side.groups), n=0, reason=_fewer(least))
    return Group(
        groups=dict(side.groups),
        n=side.n,
        value=side.value,
        low=side.low,
        high=side.high,
        numerator=side.numerator,
        denominator=side.denominator,
        label_coverage=side.label_coverage,
    )
