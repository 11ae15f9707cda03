"""Incidents out of changes of state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.report.findings import RouteStep
from streams.report.incidents import Change, incidents

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE_ALL = NOON - timedelta(days=30)


def change(rule: str, state: str, hours: float, **payload: Any) -> Change:
    told = {"attributes": ["sex"], "severity": "page", **payload}
    return Change(rule, rule, {}, state, NOON + timedelta(hours=hours), told)


def warning(state: str, hours: float) -> Change:
    return change("parity (warning)", state, hours, labels={"tier": "warning"}, severity="ticket")


def test_an_alert_that_fired_twice_is_two_incidents_and_no_data_ends_none() -> None:
    states = ["pending", "firing", "insufficient_data", "firing", "resolved", "firing"]
    found = incidents([change("parity", state, at) for at, state in enumerate(states)], [], BEFORE_ALL)
    assert [(one.fired.hour, None if one.ended is None else one.ended.hour) for one in found] == [(13, 16), (17, None)]


def test_a_warning_belongs_to_the_page_that_follows_it() -> None:
    changes = [
        change("parity", "firing", 2, since="2026-03-01T13:00:00Z", evidence={"changed_at": "2026-03-01T11:30:00Z"}),
        change("parity", "resolved", 5),
        warning("firing", 1),
        warning("resolved", 3),
        warning("firing", 20),
    ]
    page, ticket = incidents(changes, [], BEFORE_ALL)
    assert page.warned == NOON + timedelta(hours=1) and page.lasted == timedelta(hours=3)
    assert page.began == NOON - timedelta(minutes=30)
    assert ticket.rule == "parity (warning)" and ticket.fired == NOON + timedelta(hours=20)


def test_what_was_over_before_the_period_is_left_out_and_what_was_not_is_kept() -> None:
    changes = [
        change("a", "firing", 0),
        change("a", "resolved", 1),
        change("b", "firing", 0),
        change("b", "resolved", 9),
    ]
    assert [one.rule for one in incidents(changes, [], NOON + timedelta(hours=2))] == ["b"]


def test_the_routes_that_an_alert_changed() -> None:
    steps = [
        RouteStep(NOON + timedelta(hours=at), "live", "fallback", None, "rule:parity", "", alert)
        for at, alert in ((0, "parity"), (1, "other"), (40, "parity"))
    ]
    (one,) = incidents([change("parity", "firing", 0), change("parity", "resolved", 4)], steps, BEFORE_ALL)
    assert one.routes == (steps[0],)
