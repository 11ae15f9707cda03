from dataclasses import replace

import pytest

from alerts.control import DAY_MS, Brakes, Refusal, Route, RouteChange, RouteRequest, RouteState, decide

NOW = 100 * DAY_MS
LIVE = RouteState("credit")
WANTED = RouteRequest(Route.FALLBACK, "rule:parity", "fired", alert="a1", evidence={"value": 0.7})


def changed(result: RouteChange | Refusal) -> RouteChange:
    assert isinstance(result, RouteChange)
    return result


def test_a_rule_takes_a_live_model_out() -> None:
    change = changed(decide(LIVE, WANTED, NOW, Brakes()))
    assert (change.before, change.after, change.epoch, change.effective_at) == (Route.LIVE, Route.FALLBACK, 1, NOW)
    assert change.applied_to(LIVE) == RouteState("credit", Route.FALLBACK, None, 1, NOW, (NOW,))


@pytest.mark.parametrize("route", [Route.FALLBACK, Route.SHADOW])
def test_a_rule_never_restores_and_never_shuffles(route: Route) -> None:
    out = RouteState("credit", route, None, 4, 0)
    for to in (Route.LIVE, Route.SHADOW, Route.FALLBACK):
        assert decide(out, replace(WANTED, to=to), NOW, Brakes()) is Refusal.ALREADY_OUT
    canary = replace(WANTED, to=Route.CANARY, percent=1.0)
    assert decide(out, canary, NOW, Brakes()) is Refusal.ALREADY_OUT


def test_a_rule_may_lower_a_canary_but_not_raise_it() -> None:
    canary = RouteState("credit", Route.CANARY, 25.0, 4, 0)
    lower, higher = (replace(WANTED, to=Route.CANARY, percent=p) for p in (5.0, 50.0))
    assert changed(decide(canary, lower, NOW, Brakes())).percent == 5.0
    assert decide(canary, higher, NOW, Brakes()) is Refusal.ALREADY_OUT


@pytest.mark.parametrize(("rule", "model"), [(True, False), (False, True)])
def test_a_dry_run_only_says_so(rule: bool, model: bool) -> None:
    assert decide(LIVE, replace(WANTED, dry_run=rule), NOW, Brakes(dry_run=model)) is Refusal.DRY_RUN


def test_cool_down_counts_from_the_last_change_of_whomever() -> None:
    restored = RouteState("credit", Route.LIVE, None, 2, NOW - 1000)
    assert decide(restored, WANTED, NOW, Brakes(cool_down_ms=1001)) is Refusal.COOL_DOWN
    assert changed(decide(restored, WANTED, NOW, Brakes(cool_down_ms=1000))).epoch == 3


def test_daily_maximum_counts_changes_by_rules_within_a_day() -> None:
    brakes = Brakes(cool_down_ms=0, daily_maximum=2)
    busy = RouteState("credit", automatic=(NOW - DAY_MS + 1, NOW - 1))
    assert decide(busy, WANTED, NOW, brakes) is Refusal.DAILY_MAXIMUM
    quiet = RouteState("credit", automatic=(NOW - DAY_MS, NOW - 1))
    assert changed(decide(quiet, WANTED, NOW, brakes)).applied_to(quiet).automatic == (NOW - 1, NOW)


def test_a_person_is_not_braked_and_does_not_count_as_automatic() -> None:
    out = RouteState("credit", Route.FALLBACK, None, 4, NOW - 1, (NOW - 1,))
    person = RouteRequest(Route.LIVE, "person:ada", "retrained")
    change = changed(decide(out, person, NOW, Brakes(dry_run=True, daily_maximum=0)))
    assert change.applied_to(out) == RouteState("credit", Route.LIVE, None, 5, NOW, (NOW - 1,))
    assert decide(LIVE, person, NOW, Brakes()) is Refusal.ALREADY_OUT


@pytest.mark.parametrize("percent", [None, 0.0, 100.0, -1.0])
def test_a_canary_needs_a_percentage(percent: float | None) -> None:
    with pytest.raises(ValueError, match="a percentage between 0 and 100"):
        decide(LIVE, replace(WANTED, to=Route.CANARY, percent=percent), NOW, Brakes())


@pytest.mark.parametrize("by", ["rule:parity", "plan:v2"])
def test_a_freeze_stops_whatever_happens_by_itself(by: str) -> None:
    frozen = replace(LIVE, frozen=True)
    assert decide(frozen, replace(WANTED, by=by), NOW, Brakes()) is Refusal.FROZEN
    change = changed(decide(frozen, replace(WANTED, by="ada"), NOW, Brakes()))
    assert change.applied_to(frozen).frozen


def test_so_many_rules_must_agree() -> None:
    two = Brakes(agreement=2)
    assert decide(LIVE, WANTED, NOW, two) is Refusal.DISAGREEMENT
    assert changed(decide(LIVE, replace(WANTED, agreeing=2), NOW, two)).epoch == 1
    assert changed(decide(LIVE, replace(WANTED, by="ada"), NOW, two)).epoch == 1


def test_a_plan_is_not_cooled_down_and_may_raise_the_share() -> None:
    shadow = RouteState("credit", Route.SHADOW, None, 1, NOW - 1, (NOW - 1,))
    request = RouteRequest(Route.CANARY, "plan:v2", "clear", 1.0, rest=Route.FALLBACK, version="v2")
    change = changed(decide(shadow, request, NOW, Brakes(daily_maximum=0)))
    after = change.applied_to(shadow)
    assert (after.share, after.rest, after.version, after.automatic) == (1.0, Route.FALLBACK, "v2", (NOW - 1,))


def test_only_a_canary_and_a_shadow_leave_the_rest_to_somebody() -> None:
    full = changed(decide(LIVE, replace(WANTED, by="ada", rest=Route.FALLBACK), NOW, Brakes()))
    assert full.rest is Route.LIVE
