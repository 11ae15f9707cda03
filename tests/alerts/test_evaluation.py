from dataclasses import replace
from typing import Any

import pytest

from alerts.control import Brakes, Route, RouteState
from alerts.evaluation import Evaluation, evaluate
from alerts.labels import alert_id
from alerts.payloads import Context
from alerts.policies import Policy, RollbackPolicy
from alerts.states import Patience, State
from alerts.verdicts import Observation, Present
from tests.alerts.observing import MINUTE, T0, between, parity_rule, proof, side

BREACH = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))
BACK = between("ratio", 0.9, side("F", 100, 54), side("M", 100, 60))
LIVE = RouteState("credit")
LABELS = {"alertname": "parity", "model": "credit", "metric": "selection_rate", "attributes": "sex"}


def context(minute: int = 0, **changes: Any) -> Context:
    made = Context("credit", T0 + minute * MINUTE, "c1", ("v1", "v2"), ("live", "canary"))
    return replace(made, **changes)


def days(*panes: list[Observation], rule: Any = None, **changes: Any) -> list[Evaluation]:
    """One evaluation a minute, each on what the one before left."""
    states: Any = {}
    route, done = LIVE, []
    for minute, observations in enumerate(panes):
        one = evaluate([rule or parity_rule()], observations, states, route, context(minute, **changes))
        states, route = one.states, one.route
        done.append(one)
    return done


def test_the_payload_tells_the_whole_story() -> None:
    (step,) = days([BREACH])[0].steps
    told = step.payload
    assert step.alert == alert_id(LABELS) == told.alert
    assert (told.status, told.transition, told.episode, told.severity) == ("firing", 1, 1, "page")
    assert (told.versions, told.arms) == (["v1", "v2"], ["live", "canary"])
    assert told.lower is not None
    assert told.higher is not None
    assert (told.lower.groups, told.lower.n, told.lower.value) == ({"sex": "F"}, 100, 0.4)
    assert (told.higher.groups, told.higher.n, told.higher.value) == ({"sex": "M"}, 100, 0.6)
    assert told.more_favourable == 8
    assert told.bound.min == 0.8
    assert told.since == told.evaluated_at == "2025-11-20T10:00:00.000Z"
    assert told.summary == (
        "credit: selection_rate ratio of sex=F to sex=M is 0.667, outside the bound of at least 0.8"
    )
    assert told.description == (
        f"{told.summary} (95% interval 0.667 to 0.667). sex=F: 40 of 100 (40.0%); sex=M: 60 of 100 (60.0%); in the 1d to "
        "2025-11-20 10:00 UTC. Proven since 2025-11-20 10:00 UTC; it most likely began at "
        "2025-11-20 09:00 UTC. Evidence 20.0 of 13.7 needed: by chance alone such an alert comes at most once in 600 "
        "days. 8 more favourable decisions for sex=F in this window would bring it back to the bound. Versions v1, v2; arms live, canary."
    )


def test_a_resolved_alert_tells_when_it_fired_and_how_it_stands() -> None:
    (step,) = days([BREACH], [BREACH], [BACK])[2].steps
    assert step.payload.status == "resolved"
    assert step.payload.more_favourable is None
    assert "back inside the bound" in step.payload.summary
    assert "Fired from 2025-11-20 10:00 UTC to 2025-11-20 10:02 UTC." in step.payload.description


def test_only_changes_are_told() -> None:
    done = days([BREACH], [BREACH])
    assert [step.transition is not None for one in done for step in one.steps] == [True, False]
    assert done[1].steps[0].payload.status == "firing"


def test_a_group_that_vanishes_does_not_end_the_alert() -> None:
    last = days([BREACH], [], [replace(BACK, subject="X")])[2]
    assert last.steps[0].stored.state.state is State.FIRING
    assert last.steps[0].payload.finding == "insufficient_data"


def test_a_family_without_any_observation_is_judged_all_the_same() -> None:
    (step,) = days([])[0].steps
    assert step.stored.state.state is State.INSUFFICIENT_DATA


def test_attribute_sets_are_families_of_their_own_and_are_remembered() -> None:
    both = replace(BREACH, attributes=("age", "sex"))
    first, second = days([BREACH, both], [BACK], rule=parity_rule(attributes=None))
    assert [step.stored.labels["attributes"] for step in first.steps] == ["age,sex", "sex"]
    assert [step.stored.state.state for step in second.steps] == [State.FIRING, State.RESOLVED]


def test_a_pane_that_was_evaluated_yields_nothing() -> None:
    first = days([BREACH])[0]
    again = evaluate([parity_rule()], [BACK], first.states, first.route, context(0))
    assert again.steps == ()
    assert again.states == first.states


def test_rules_of_other_models_are_left_alone() -> None:
    rule = parity_rule(policy=Policy("parity", "other"))
    assert evaluate([rule], [BREACH], {}, LIVE, context()).steps == ()


def with_rollback(**changes: Any) -> Any:
    policy = Policy("parity", "credit", Patience(0, 0), rollback=RollbackPolicy(**changes))
    return parity_rule(policy=policy)


def test_a_firing_rule_with_a_rollback_changes_the_route_and_says_so() -> None:
    one = days([BREACH], rule=with_rollback())[0]
    change, payload = one.steps[0].change, one.steps[0].payload
    assert change is not None
    assert payload.control is not None
    assert (change.after, change.epoch, change.by, change.alert) == (Route.FALLBACK, 1, "rule:parity", payload.alert)
    assert change.evidence["value"] == pytest.approx(2 / 3)
    assert (payload.control.changed, payload.control.epoch) == (True, 1)
    assert "The route was set to fallback, epoch 1." in payload.description
    assert one.route.route is Route.FALLBACK


def test_a_change_of_route_speaks_of_the_counts_that_the_page_speaks_of() -> None:
    """The window, which lags behind, may still be inside the bound while the newest hour convinced."""
    lagging = between("ratio", 54 / 60, side("F", 100, 54), side("M", 100, 60))
    present = Present(3_600_000, 0.5, 0.34, 0.71, side("F", 60, 18), side("M", 50, 30))
    change = (
        days([replace(lagging, evidence=proof(20.0, "F", present=present))], rule=with_rollback())[0].steps[0].change
    )
    assert change is not None
    assert change.reason == (
        "rule parity fired: selection_rate ratio of sex=F to sex=M is 0.5, outside the bound of at least 0.8"
    )
    assert change.evidence == {
        "metric": "selection_rate",
        "value": 0.5,
        "low": 0.34,
        "high": 0.71,
        "sides": [{"groups": {"sex": "F"}, "n": 60, "value": 0.3}, {"groups": {"sex": "M"}, "n": 50, "value": 0.6}],
    }


def test_a_change_of_route_tells_no_figures_of_few() -> None:
    few = between("ratio", 0.5, side("F", 7, 2), side("M", 100, 60))
    change = days([few], rule=with_rollback(), display_min=10)[0].steps[0].change
    assert change is not None
    assert "its figures are not shown" in change.reason
    assert (change.evidence["value"], change.evidence["low"]) == (None, None)
    sides: Any = change.evidence["sides"]
    assert sides[0] == {"groups": {"sex": "F"}, "n": 0, "value": None}


def test_a_rollback_is_asked_for_when_firing_starts_and_never_undone() -> None:
    done = days([BREACH], [BREACH], [BACK], rule=with_rollback())
    assert [step.change is not None for one in done for step in one.steps] == [True, False, False]
    assert done[-1].route.route is Route.FALLBACK


def test_a_refused_change_tells_why() -> None:
    one = days([BREACH], rule=with_rollback(dry_run=True))[0]
    payload = one.steps[0].payload
    assert one.steps[0].change is None
    assert payload.control is not None
    assert not payload.control.changed
    assert "The route stays as it is (fallback was asked for): dry run" in payload.description


def test_two_rules_in_one_pane_change_the_route_once() -> None:
    rules = [with_rollback(), replace(with_rollback(), policy=replace(with_rollback().policy, name="second"))]
    one = evaluate(rules, [BREACH], {}, LIVE, context(brakes=Brakes(cool_down_ms=0)))
    assert [step.change is not None for step in one.steps] == [True, False]
    assert one.route.epoch == 1


def changes(panes: list[list[Observation]], **given: Any) -> list[list[bool]]:
    """In each pane, of which changes people may be told: True for a beginning, False for an end."""
    return [
        [step.transition.after is State.FIRING for step in one.steps if step.transition and step.transition.notifies]
        for one in days(*panes, **given)
    ]


def test_pending_is_nobody_s_business() -> None:
    waiting = parity_rule(policy=Policy("parity", "credit", Patience(MINUTE, 0), receivers=("oncall",)))
    assert changes([[BREACH], [BREACH], [BREACH]], rule=waiting) == [[], [True], []]
    assert changes([[BREACH], [BACK]], rule=waiting) == [[], []]
    assert changes([[BREACH], [BACK]]) == [[True], [False]]


ROLLBACK = Policy("parity", "credit", receivers=("oncall",), rollback=RollbackPolicy())


def test_a_rollback_that_was_refused_is_asked_for_again_while_the_alert_fires() -> None:
    """A person restored at minute 0; cool-down two minutes. It fires at 1, is refused, asks at each pane, and has it at 2."""
    states: Any = {}
    route, done = RouteState("credit", Route.LIVE, None, 3, T0), []
    for minute in range(1, 5):
        now = context(minute, brakes=Brakes(cool_down_ms=2 * MINUTE))
        one = evaluate([parity_rule(policy=ROLLBACK)], [BREACH], states, route, now)
        states, route = one.states, one.route
        done.append(one)
    assert [one.steps[0].change is not None for one in done] == [False, True, False, False]
    assert (route.route, route.epoch, route.changed_at) == (Route.FALLBACK, 4, T0 + 2 * MINUTE)
    assert done[0].steps[0].payload.control is not None


def test_a_person_who_restores_while_it_fires_is_not_overruled() -> None:
    first = evaluate([parity_rule(policy=ROLLBACK)], [BREACH], {}, LIVE, context(0))
    assert first.route.route is Route.FALLBACK
    restored = RouteState("credit", Route.LIVE, None, 2, T0)
    again = evaluate([parity_rule(policy=ROLLBACK)], [BREACH], first.states, restored, context(300))
    assert again.steps[0].stored.state.state is State.FIRING
    assert again.steps[0].change is None


def test_two_rules_agree_when_both_fire_whichever_comes_first() -> None:
    other = parity_rule(policy=replace(ROLLBACK, name="second"))
    both = context(0, brakes=Brakes(agreement=2))
    for rules in ([parity_rule(policy=ROLLBACK), other], [other, parity_rule(policy=ROLLBACK)]):
        done = evaluate(rules, [BREACH], {}, LIVE, both)
        assert [step.change is not None for step in done.steps] == [True, False]
        assert done.route.epoch == 1
    one = evaluate([parity_rule(policy=ROLLBACK)], [BREACH], {}, LIVE, both)
    assert one.route == LIVE
    dry = parity_rule(policy=replace(ROLLBACK, name="second", rollback=RollbackPolicy(dry_run=True)))
    assert evaluate([parity_rule(policy=ROLLBACK), dry], [BREACH], {}, LIVE, both).route == LIVE
    later = evaluate(
        [parity_rule(policy=ROLLBACK), other], [BREACH], one.states, one.route, replace(both, pane_end=T0 + MINUTE)
    )
    assert later.route.route is Route.FALLBACK
