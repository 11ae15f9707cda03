"""From a verdict and a state to the payload that a responder is told."""

from dataclasses import dataclass, field, replace

import msgspec

from alerts import verdicts
from alerts.control import Brakes
from alerts.counterfactual import more_favourable
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
    Stratified,
    Window,
)
from alerts.rules import Rule
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

    `pane_end` is ms of event time; versions and arms are those served.
    """

    model: str
    pane_end: int
    config_version: str
    versions: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    links: LinkTemplates = field(default_factory=LinkTemplates)
    brakes: Brakes = field(default_factory=Brakes)


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
        bound=_bounds(telling.rule),
        since=_instant(state.pending_since),
        firing_since=_instant(state.firing_since),
        resolved_at=_instant(context.pane_end) if resolved else None,
        evaluated_at=format_time(context.pane_end),
        config_version=context.config_version,
        finding=telling.verdict.finding.value,
        finding_reason=telling.verdict.reason,
        control=decision,
        evidence=_evidence(telling.verdict.evidence),
        baseline=_baseline(telling.verdict.baseline),
    )
    if o is not None:
        draft = _measured(draft, o, telling)
    return _worded(draft, context)


def summary_of(payload: AlertPayload) -> dict[str, object]:
    """The payload as JSON has it (no NaN): what is kept of the newest verdict, for `status` and the web."""
    kept: dict[str, object] = msgspec.json.decode(msgspec.json.encode(payload))
    return kept


def _measured(draft: AlertPayload, o: Observation, telling: Telling) -> AlertPayload:
    others = telling.verdict.breaching[1 : 1 + OTHERS_SHOWN]
    breach = telling.verdict.finding is Finding.BREACH
    return msgspec.structs.replace(
        draft,
        window=_window(o),
        estimate=Estimate(value=o.value, low=o.low, high=o.high),
        lower=_group(o.lower),
        higher=_group(o.higher),
        others=[dict(side.groups) for other in others for side in other.sides[:1]],
        more_favourable=more_favourable(_now(o, telling.verdict.evidence), *telling.rule.bounds()) if breach else None,
        label_coverage=o.label_coverage,
        stratified=_stratified(o.stratified),
    )


def _now(o: Observation, evidence: verdicts.Evidence | None) -> Observation:
    """The observation with the counts that convinced, if there are any."""
    present = None if evidence is None else evidence.present
    if present is None:
        return o
    return replace(o, value=present.value, lower=present.lower, higher=present.higher)


def _worded(draft: AlertPayload, context: Context) -> AlertPayload:
    """With summary, annotations, links and description, each of which may name the one before."""
    draft = msgspec.structs.replace(draft, summary=summary(draft))
    annotations = {name: rendered(text, draft) for name, text in draft.annotations.items()}
    draft = msgspec.structs.replace(draft, annotations=annotations)
    draft = msgspec.structs.replace(draft, links=context.links.of(draft))
    return msgspec.structs.replace(draft, description=description(draft))


def _evidence(found: verdicts.Evidence | None) -> Evidence | None:
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
        present=_present(found.present),
    )


def _present(found: verdicts.Present | None) -> Present | None:
    lower = None if found is None else _group(found.lower)
    if found is None or lower is None:
        return None
    estimate = Estimate(value=found.value, low=found.low, high=found.high)
    return Present(seconds=found.window_ms // SECOND, estimate=estimate, lower=lower, higher=_group(found.higher))


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


def _bounds(rule: Rule) -> Bounds:
    minimum, maximum = rule.bounds()
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


def _group(side: Side | None) -> Group | None:
    if side is None:
        return None
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
