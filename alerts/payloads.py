"""From a verdict and a state to the payload that a responder is told."""

from dataclasses import dataclass, field

import msgspec

from alerts.control import Brakes
from alerts.counterfactual import more_favourable
from alerts.labels import Family
from alerts.messages import AlertPayload, Bounds, Estimate, Group, Links, RouteDecision, Window
from alerts.routing import Routing
from alerts.rules import Rule
from alerts.states import AlertState, State, Transition
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
    links: Links = field(default_factory=Links)
    brakes: Brakes = field(default_factory=Brakes)
    routing: Routing = field(default_factory=Routing)


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
        links=context.links,
    )
    if o is not None:
        draft = _measured(draft, o, telling)
    draft = msgspec.structs.replace(draft, summary=summary(draft))
    return msgspec.structs.replace(draft, description=description(draft))


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
        more_favourable=more_favourable(o, *telling.rule.bounds()) if breach else None,
        label_coverage=o.label_coverage,
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
