"""One pane of one model, all its rules: observations and old states in, new states and what to tell out. Pure.

Who is told of a change is none of its business: a change that people may be told of is written as a notice
(`alerts.records`), and routed from there (`alerts.router`). What a rule did to the model's route is in the payload that
tells of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from alerts.control import RouteChange, RouteState
from alerts.labels import EVERYTHING, Family, alert_id
from alerts.messages import AlertPayload, RouteDecision
from alerts.payloads import Context, Telling, payload_of
from alerts.rerouting import asks, decision_of, reroute
from alerts.rules import Rule
from alerts.states import AlertState, Look, State, Transition, step
from alerts.verdicts import Observation


@dataclass(frozen=True, slots=True)
class Stored:
    """An alert as it is kept between panes: whose it is, and where it stands.

    `summary` is the newest payload as it was read from the database.
    """

    rule: str
    model: str
    labels: Mapping[str, str]
    state: AlertState
    severity: str = ""
    summary: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def routing_labels(self) -> dict[str, str]:
        """The labels by which it is routed and silenced: its own, and its severity."""
        return {**self.labels, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class Step:
    """One alert after one pane.

    `transition` is there when the state changed, `change` when the route did.
    """

    alert: str
    stored: Stored
    write: Callable[[], AlertPayload]
    """Writes the payload. Left until it is wanted: of the panes of a catch-up hardly one is ever told."""
    transition: Transition | None = None
    change: RouteChange | None = None

    @property
    def payload(self) -> AlertPayload:
        """What there is to tell of it."""
        return self.write()


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

    A family that is not observed any more is judged on nothing (`insufficient_data`), which ends no alert. An alert
    that has seen this pane already yields no step. Rules of other models are left alone.
    """
    stepped = [
        found
        for rule in rules
        if rule.policy.model == context.model
        for found in _stepped(rule, observations, states, context.pane_end)
    ]
    asking = _asking(rules, states, stepped)
    steps: list[Step] = []
    for telling in stepped:
        result = reroute(telling, route, context, asking)
        if isinstance(result, RouteChange):
            route = result.applied_to(route)
        done = _step(telling, decision_of(telling.rule, result, route), context)
        steps.append(replace(done, change=result if isinstance(result, RouteChange) else None))
    return Evaluation(tuple(steps), {**states, **{done.alert: done.stored for done in steps}}, route)


def _asking(rules: Sequence[Rule], states: Mapping[str, Stored], stepped: Sequence[Telling]) -> frozenset[str]:
    """The rules that fire at the end of this pane and ask for a rollback."""
    after = {alert: (stored.rule, stored.state.state) for alert, stored in states.items()}
    after |= {telling.alert: (telling.rule.policy.name, telling.state.state) for telling in stepped}
    firing = {rule for rule, state in after.values() if state is State.FIRING}
    return frozenset(rule.policy.name for rule in rules if asks(rule) and rule.policy.name in firing)


def _stepped(
    rule: Rule, observations: Sequence[Observation], states: Mapping[str, Stored], pane_end: int
) -> Iterator[Telling]:
    """Every family's verdict and the state after it."""
    for family, members in _families(rule, observations, states).items():
        alert = alert_id(family.labels(rule.policy.labels))
        before = states.get(alert)
        old = before.state if before is not None else AlertState()
        if pane_end <= old.last_pane_end:
            continue
        verdict = rule.judge(members, old.concerned if old.state is State.FIRING else frozenset())
        state, transition = step(old, Look(verdict.finding, pane_end, verdict.subjects), rule.policy.patience)
        yield Telling(alert, rule, family, state, verdict, transition)


def _step(telling: Telling, decision: RouteDecision | None, context: Context) -> Step:
    policy = telling.rule.policy
    stored = Stored(
        rule=policy.name,
        model=context.model,
        labels=telling.family.labels(policy.labels),
        state=telling.state,
        severity=policy.severity,
    )
    return Step(telling.alert, stored, partial(payload_of, telling, context, decision), telling.transition)


def _families(
    rule: Rule, observations: Sequence[Observation], states: Mapping[str, Stored]
) -> dict[Family, list[Observation]]:
    """The rule's families: those it always has, those observed, and those it had before, in a fixed order."""
    name, model = rule.policy.name, rule.policy.model
    found: dict[Family, list[Observation]] = {family: [] for family in rule.families()}
    for stored in states.values():
        if stored.rule == name and stored.model == model and rule.watches(family_of(stored)):
            found.setdefault(family_of(stored), [])
    for o in observations:
        if rule.selects(o):
            found.setdefault(Family(name, model, o.metric, o.attributes, o.version, o.arm), []).append(o)
    return dict(sorted(found.items(), key=lambda item: (item[0].attributes, item[0].version, item[0].arm)))


def family_of(stored: Stored) -> Family:
    """The family that an alert stands for, from its labels."""
    labels = stored.labels
    attributes = tuple(labels["attributes"].split(",")) if labels.get("attributes") else ()
    served = labels.get("version", EVERYTHING), labels.get("arm", EVERYTHING)
    return Family(stored.rule, stored.model, labels["metric"], attributes, *served)
