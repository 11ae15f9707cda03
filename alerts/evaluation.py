"""One pane of one model, all its rules: observations and old states in, new states and what to tell out. Pure.

Routing by a rule is decided here too, so that what was done is in the payload that tells about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from alerts.control import BY_RULE, Refusal, Route, RouteChange, RouteRequest, RouteState, decide
from alerts.labels import EVERYTHING, Family, alert_id
from alerts.messages import AlertPayload, RouteDecision
from alerts.payloads import Context, Telling, payload_of, summary_of
from alerts.rules import Rule
from alerts.states import AlertState, Look, State, Transition, retire, step
from alerts.verdicts import Observation, Verdict
from monitor.times import format_time


@dataclass(frozen=True, slots=True)
class Stored:
    """An alert as it is kept between panes: whose it is, where it stands, and the newest verdict (`summary`)."""

    rule: str
    model: str
    labels: Mapping[str, str]
    state: AlertState
    receivers: tuple[str, ...] = ()
    summary: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One alert after one pane. `payload` and `transition` are there when the state changed, `change` when the route did."""

    alert: str
    stored: Stored
    transition: Transition | None = None
    payload: AlertPayload | None = None
    change: RouteChange | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one pane: a step per alert, and the states and route to carry into the next pane."""

    steps: tuple[Step, ...]
    states: Mapping[str, Stored]
    route: RouteState


def evaluate(
    rules: Sequence[Rule],
    observations: Sequence[Observation],
    states: Mapping[str, Stored],
    route: RouteState,
    context: Context,
) -> Evaluation:
    """Judges every rule's families at the end of one pane.

    A family that is not observed any more is judged on nothing (`insufficient_data`), which ends no alert. An alert that
    has seen this pane already yields no step. Rules of other models are left alone.
    """
    steps: list[Step] = []
    after = dict(states)
    for rule in rules:
        if rule.policy.model != context.model:
            continue
        for family, members in _families(rule, observations, states).items():
            alert = alert_id(family.labels(rule.policy.labels))
            old = after[alert].state if alert in after else AlertState()
            if context.pane_end <= old.last_pane_end:
                continue
            verdict = rule.judge(members, old.concerned if old.state is State.FIRING else frozenset())
            look = Look(verdict.finding, context.pane_end, verdict.subjects)
            state, transition = step(old, look, rule.policy.patience)
            telling = Telling(alert, rule, family, state, verdict)
            result = _reroute(telling, transition, route, context)
            if isinstance(result, RouteChange):
                route = result.applied_to(route)
            done = _step(telling, transition, result, context, route)
            after[alert] = done.stored
            steps.append(done)
    return Evaluation(tuple(steps), after, route)


def _families(
    rule: Rule, observations: Sequence[Observation], states: Mapping[str, Stored]
) -> dict[Family, list[Observation]]:
    """The rule's families: those it always has, those observed, and those it had before, in a fixed order."""
    name, model = rule.policy.name, rule.policy.model
    found: dict[Family, list[Observation]] = {family: [] for family in rule.families()}
    for stored in states.values():
        if stored.rule == name and stored.model == model and rule.watches(_family_of(stored)):
            found.setdefault(_family_of(stored), [])
    for o in observations:
        if rule.selects(o):
            found.setdefault(Family(name, model, o.metric, o.attributes, o.version, o.arm), []).append(o)
    return dict(sorted(found.items(), key=lambda item: (item[0].attributes, item[0].version, item[0].arm)))


def _family_of(stored: Stored) -> Family:
    labels = stored.labels
    attributes = tuple(labels["attributes"].split(",")) if labels.get("attributes") else ()
    served = labels.get("version", EVERYTHING), labels.get("arm", EVERYTHING)
    return Family(stored.rule, stored.model, labels["metric"], attributes, *served)


def _step(
    telling: Telling,
    transition: Transition | None,
    result: RouteChange | Refusal | None,
    context: Context,
    route: RouteState,
) -> Step:
    policy = telling.rule.policy
    payload = payload_of(telling, context, _decision(telling.rule, result, route))
    labels = telling.family.labels(policy.labels)
    stored = Stored(policy.name, context.model, labels, telling.state, policy.receivers, summary_of(payload))
    change = result if isinstance(result, RouteChange) else None
    return Step(telling.alert, stored, transition, payload if transition else None, change)


def _reroute(
    telling: Telling, transition: Transition | None, route: RouteState, context: Context
) -> RouteChange | Refusal | None:
    """What a rule with a rollback does to the route when it starts firing; None when nothing was asked for."""
    wanted = telling.rule.policy.rollback
    if wanted is None or transition is None or transition.after is not State.FIRING:
        return None
    request = RouteRequest(
        to=Route(wanted.to),
        percent=wanted.percent,
        by=f"{BY_RULE}{telling.rule.policy.name}",
        reason=_reason(telling),
        alert=telling.alert,
        evidence=_evidence(telling.verdict),
        dry_run=wanted.dry_run,
    )
    return decide(route, request, context.pane_end, context.brakes)


def _decision(rule: Rule, result: RouteChange | Refusal | None, route: RouteState) -> RouteDecision | None:
    wanted = rule.policy.rollback
    if result is None or wanted is None:
        return None
    changed = isinstance(result, RouteChange)
    reason = result.reason if isinstance(result, RouteChange) else result.value
    return RouteDecision(requested=wanted.to, changed=changed, epoch=route.epoch, reason=reason, percent=wanted.percent)


def _reason(telling: Telling) -> str:
    o = telling.verdict.leading
    value = "" if o is None or o.value is None else f" is {o.value:.3g}"
    family = telling.family
    return (
        f"rule {family.rule} fired: {family.metric} over {', '.join(family.attributes)}{value},"
        f" bound {telling.rule.bound_text()}"
    )


def _evidence(verdict: Verdict) -> dict[str, object]:
    o = verdict.leading
    if o is None:
        return {}
    sides = [{"groups": dict(side.groups), "n": side.n, "value": side.value} for side in o.sides]
    return {"metric": o.metric, "value": o.value, "low": o.low, "high": o.high, "sides": sides}


def orphans(rules: Sequence[Rule], states: Mapping[str, Stored]) -> list[str]:
    """The alerts of which no configured rule is in charge any more: the rule is gone, or watches something else now."""
    left = []
    for alert, stored in sorted(states.items()):
        family = _family_of(stored)
        if not any(rule.watches(family) and alert_id(family.labels(rule.policy.labels)) == alert for rule in rules):
            left.append(alert)
    return left


def retire_alert(alert: str, stored: Stored, context: Context) -> Step | None:
    """Ends an orphan, so that its incident closes; None if there is nothing to end.

    Not part of `evaluate`: during a rolling update an old worker does not know a new rule, and must not end its alerts.
    """
    state, transition = retire(stored.state, context.pane_end)
    if transition is None or not stored.summary:
        return None
    last = msgspec.convert(dict(stored.summary), AlertPayload)
    payload = msgspec.structs.replace(
        last,
        status=state.state.value,
        transition=state.transition_no,
        resolved_at=format_time(context.pane_end) if state.state is State.RESOLVED else None,
        evaluated_at=format_time(context.pane_end),
        config_version=context.config_version,
        finding_reason="no rule is in charge of this alert any more",
        description=f"{last.model}: rule {last.rule} is no longer configured; its alert was ended. {last.description}",
    )
    ended = Stored(stored.rule, stored.model, stored.labels, state, stored.receivers, summary_of(payload))
    return Step(alert, ended, transition, payload)
