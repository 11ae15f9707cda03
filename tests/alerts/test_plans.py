"""Canary plans: hand-worked days."""

from dataclasses import replace

from alerts.control import Brakes, Refusal, Route, RouteState, decide
from alerts.plans import Plan, PlanState, PlanStep, Seen, Stand, Status, advance, begun, first, look, moved
from alerts.verdicts import Finding

HOUR = 3_600_000
T0 = 1_763_632_800_000
STEPS = (PlanStep(0, 2 * HOUR, 100), PlanStep(1, 3 * HOUR, 10), PlanStep(25, HOUR), PlanStep(100))
PLAN = Plan("credit", STEPS, ("parity",), 12 * HOUR, Route.FALLBACK)
OUT = RouteState("credit", Route.FALLBACK, None, 1, T0 - HOUR)
CLEAR = Stand(Finding.CLEAR, "inside the bounds", {"parity": 0.97})
MANY = {"sex=F": 200, "sex=M": 150}


def started() -> tuple[PlanState, RouteState]:
    change = decide(OUT, first(PLAN, "v2", "ada", "repaired"), T0, Brakes())
    assert not isinstance(change, Refusal)
    return begun(PLAN, "v2", change.epoch, T0), change.applied_to(OUT)


def days(
    state: PlanState, route: RouteState, *looks: tuple[float, Stand], decided: dict[str, int] | None = None
) -> tuple[PlanState, RouteState]:
    """Look after look, (hours after T0, how it stands); changes are put in force as the evaluator does."""
    for hours, stand in looks:
        now = T0 + round(hours * HOUR)
        state, request = look(state, Seen(now, stand, False, MANY if decided is None else decided), route)
        if request is not None:
            change = decide(route, request, now, Brakes())
            assert not isinstance(change, Refusal)
            route = change.applied_to(route)
            state = moved(state, change.epoch, now) if state.open else state
    return state, route


def clear(*hours: float) -> tuple[tuple[float, Stand], ...]:
    return tuple((hour, CLEAR) for hour in hours)


def test_it_begins_in_shadow_and_somebody_else_decides() -> None:
    state, route = started()
    assert (route.route, route.rest, route.version, route.epoch) == (Route.SHADOW, Route.FALLBACK, "v2", 2)
    assert (state.status, state.at.arm, state.passed) == (Status.RUNNING, "shadow", False)


def test_each_step_is_earned_by_time_inside_the_bounds() -> None:
    """Looks each hour from hour 1: the clock runs between clear looks, so two hours inside are full at hour 3."""
    state, route = days(*started(), *clear(1, 2))
    assert (state.step, state.progress.inside_ms) == (0, HOUR)
    state, route = days(state, route, *clear(3))
    assert (state.step, route.route, route.percent, route.rest) == (1, Route.CANARY, 1.0, Route.FALLBACK)
    assert state.progress.inside_ms == 0
    state, route = days(state, route, *clear(4, 5, 6, 7))
    assert (state.step, route.percent) == (2, 25.0)
    state, route = days(state, route, *clear(8, 9))
    assert (state.step, state.status, route.route, route.percent) == (3, Status.DONE, Route.LIVE, None)
    assert days(state, route, *clear(10, 11)) == (state, route)


def test_what_is_not_clear_stops_the_clock_and_does_not_turn_it_back() -> None:
    unsure, few = Stand(Finding.UNPROVEN), Stand(Finding.INSUFFICIENT_DATA)
    state, _ = days(*started(), *clear(1, 2), (3, unsure), *clear(4), (5, few), *clear(6))
    assert (state.step, state.progress.inside_ms) == (0, HOUR)
    state, route = days(*started(), *clear(1, 2), (3, unsure), *clear(4, 5))
    assert (state.step, route.percent) == (1, 1.0)


def test_each_group_needs_its_decisions() -> None:
    state, route = days(*started(), *clear(1, 2, 3, 4), decided={"sex=F": 40, "sex=M": 20})
    assert (state.step, state.progress.decided) == (0, {"sex=F": 160, "sex=M": 80})
    state, _ = days(state, route, *clear(5), decided={"sex=F": 40, "sex=M": 20})
    assert state.step == 1
    none, _ = days(*started(), *clear(1, 2, 3, 4), decided={"sex=F": 400, "sex=M": 0})
    assert none.step == 0


def test_a_step_that_asks_for_proof_waits_for_it() -> None:
    state, route = started()
    strict = replace(state, plan=replace(PLAN, steps=(replace(STEPS[0], proven=True), *STEPS[1:])))
    waiting, route = days(strict, route, *clear(1, 2, 3, 4, 5))
    assert (waiting.step, waiting.passed) == (0, False)
    proven, _ = days(waiting, route, (6, replace(CLEAR, proven=True)))
    assert proven.step == 1


def test_a_breach_drops_to_shadow_and_ends_it() -> None:
    state, route = days(*started(), *clear(1, 2, 3, 4))
    breach = Stand(Finding.BREACH, "beyond the bound: parity over sex", {"parity": 0.6})
    state, request = look(state, Seen(T0 + 5 * HOUR, breach), route)
    assert request is not None
    assert (request.to, request.by, request.version, request.rest) == (Route.SHADOW, "plan:v2", "v2", Route.FALLBACK)
    assert request.evidence == {"parity": 0.6} and "beyond the bound" in request.reason
    assert state.status is Status.DROPPED
    assert not isinstance(decide(route, request, T0 + 5 * HOUR, Brakes(daily_maximum=0)), Refusal)


def test_so_does_a_rule_that_fires_over_everything_served() -> None:
    state, route = days(*started(), *clear(1, 2, 3, 4))
    state, request = look(state, Seen(T0 + 5 * HOUR, CLEAR, firing=True), route)
    assert request is not None and request.to is Route.SHADOW
    shadowed, nothing = look(started()[0], Seen(T0 + HOUR, CLEAR, firing=True), started()[1])
    assert (shadowed.status, nothing) == (Status.DROPPED, None), "it is in shadow already"


def test_anybody_elses_change_of_route_ends_it() -> None:
    state, route = started()
    state, request = look(state, Seen(T0 + HOUR, CLEAR), replace(route, epoch=3))
    assert (state.status, request) == (Status.INTERRUPTED, None)


def test_the_same_pane_again_changes_nothing() -> None:
    state, route = days(*started(), *clear(1, 2))
    assert look(state, Seen(T0 + 2 * HOUR, CLEAR, False, MANY), route) == (state, None)


def test_a_held_plan_stays_and_still_drops() -> None:
    state, route = days(*started(), *clear(1, 2, 3, 4))
    held = replace(state, status=Status.HELD)
    after, _ = days(held, route, *clear(5, 6, 7, 8, 9))
    assert (after.step, after.status, after.passed) == (1, Status.HELD, True)
    _, request = look(held, Seen(T0 + 5 * HOUR, Stand(Finding.BREACH)), route)
    assert request is not None and request.to is Route.SHADOW


def test_without_automatic_a_person_advances_what_is_passed() -> None:
    state, route = started()
    manual = replace(state, plan=replace(PLAN, automatic=False))
    after, _ = days(manual, route, *clear(1, 2, 3, 4))
    assert (after.step, after.passed) == (0, True)
    request = advance(after, "ada", "looks good")
    assert (request.to, request.percent, request.by) == (Route.CANARY, 1.0, "ada")
    assert "by hand: looks good" in request.reason
