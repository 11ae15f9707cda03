"""What a rule that starts firing asks of the model's route. Pure."""

from alerts.control import BY_RULE, Refusal, Route, RouteChange, RouteRequest, RouteState, decide
from alerts.messages import RouteDecision
from alerts.payloads import Context, Telling
from alerts.rules import Rule
from alerts.states import State
from alerts.verdicts import Verdict


def reroute(telling: Telling, route: RouteState, context: Context) -> RouteChange | Refusal | None:
    """What a rule with a rollback does to the route when it starts firing; None when nothing was asked for."""
    wanted, transition = telling.rule.policy.rollback, telling.transition
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


def decision_of(rule: Rule, result: RouteChange | Refusal | None, route: RouteState) -> RouteDecision | None:
    """What the payload says about it; None if nothing was asked for."""
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
