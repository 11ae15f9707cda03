"""What a rule that starts firing asks of the model's route. Pure."""

from alerts.control import BY_RULE, Refusal, Route, RouteChange, RouteRequest, RouteState, decide
from alerts.messages import AlertPayload, RouteDecision
from alerts.payloads import Context, Telling, payload_of
from alerts.rules import Rule
from alerts.states import AlertState, State
from alerts.wording import told_now


def reroute(
    telling: Telling, route: RouteState, context: Context, firing: frozenset[str] = frozenset()
) -> RouteChange | Refusal | None:
    """What a rule with a rollback does to the route while it fires; None when nothing is asked for.

    It asks when it starts firing, and again at every pane as long as the route is still the one from before (it was
    refused: cool-down, no agreement, frozen). Once the route was changed since, by whomever, this firing has had its
    answer: a person who restores while the alert still fires is not overruled. `firing` are the names of the rules that
    ask for a rollback at this pane.
    """
    wanted, state = telling.rule.policy.rollback, telling.state
    if wanted is None or state.state is not State.FIRING:
        return None
    began = telling.transition is not None
    if not began and not _unanswered(state, route):
        return None
    told = payload_of(telling, context, None)
    request = RouteRequest(
        to=Route(wanted.to),
        percent=wanted.percent,
        by=f"{BY_RULE}{telling.rule.policy.name}",
        reason=_reason(told),
        alert=telling.alert,
        evidence=_evidence(told),
        dry_run=wanted.dry_run,
        agreeing=len(firing | {telling.rule.policy.name}),
        rest=route.rest,
        version=route.version,
    )
    return decide(route, request, context.pane_end, context.brakes)


def asks(rule: Rule) -> bool:
    """Whether a firing of this rule counts when several rules must agree on a rollback."""
    return rule.policy.rollback is not None and not rule.policy.rollback.dry_run


def _unanswered(state: AlertState, route: RouteState) -> bool:
    """Whether nobody changed the route since the alert began to fire."""
    return state.firing_since is not None and (route.changed_at is None or route.changed_at < state.firing_since)


def decision_of(rule: Rule, result: RouteChange | Refusal | None, route: RouteState) -> RouteDecision | None:
    """What the payload says about it; None if nothing was asked for."""
    wanted = rule.policy.rollback
    if result is None or wanted is None:
        return None
    changed = isinstance(result, RouteChange)
    reason = result.reason if isinstance(result, RouteChange) else result.value
    return RouteDecision(requested=wanted.to, changed=changed, epoch=route.epoch, reason=reason, percent=wanted.percent)


def _reason(told: AlertPayload) -> str:
    """What the page says in one line, so that both speak of the same counts."""
    return f"rule {told.rule} fired: {told.summary.removeprefix(f'{told.model}: ')}"


def _evidence(told: AlertPayload) -> dict[str, object]:
    """The figures of the page's first line: of the counts that convinced, where there are any. Those of few are withheld."""
    now = told_now(told)
    if now.estimate is None:
        return {}
    sides = [side for side in (now.lower, now.higher) if side is not None]
    return {
        "metric": now.metric,
        "value": now.estimate.value,
        "low": now.estimate.low,
        "high": now.estimate.high,
        "sides": [{"groups": dict(side.groups), "n": side.n, "value": side.value} for side in sides],
    }
