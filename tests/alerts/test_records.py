from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.control import DAY_MS, Route, RouteChange, RouteRequest, RouteState, decide
from alerts.evaluation import Evaluation, Step, evaluate
from alerts.payloads import Context
from alerts.policies import Policy, RollbackPolicy
from alerts.records import load_route, load_states, save, save_route
from alerts.routing import Receiver, Routing
from alerts.rules.threshold import ThresholdRule
from alerts.tables import alert_states, alert_transitions, notices, outbox, route_changes, routes
from alerts.verdicts import Observation
from streams.database import engine
from tests.alerts.observing import MINUTE, T0, between, parity_rule, side

BREACH = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))
BACK = between("ratio", 0.9, side("F", 100, 54), side("M", 100, 60))
ROUTING = Routing({"oncall": Receiver("oncall", "pagerduty"), "hook": Receiver("hook", "webhook")})
TABLES = (alert_states, alert_transitions, notices, outbox, routes, route_changes)


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test")
    yield made
    made.dispose()


def rule() -> ThresholdRule:
    policy = Policy("parity", "credit", receivers=("oncall", "hook"), rollback=RollbackPolicy())
    return parity_rule(policy=policy)


def pane(db: sa.Engine, minute: int, observation: Observation) -> Evaluation:
    """One evaluation as the evaluator does it: load, evaluate, save, in one transaction."""
    context = Context("credit", T0 + minute * MINUTE, "c1", ("v1",), ("live",))
    with db.begin() as conn:
        states, route = load_states(conn, "credit"), load_route(conn, "credit", context.pane_end)
        done = evaluate([rule()], [observation], states, route, context)
        save(conn, done.steps, ROUTING, "c1")
    return done


def contents(db: sa.Engine) -> dict[str, list[dict[str, Any]]]:
    with db.connect() as conn:
        return {
            table.name: [dict(row) for row in conn.execute(sa.select(table).order_by(*table.primary_key)).mappings()]
            for table in TABLES
        }


def test_a_state_is_read_back_as_it_was_written(db: sa.Engine) -> None:
    done = pane(db, 0, BREACH)
    with db.connect() as conn:
        assert load_states(conn, "credit") == done.states
        assert load_states(conn, "other") == {}


def test_a_firing_alert_writes_its_state_transition_notices_and_route_together(db: sa.Engine) -> None:
    step = pane(db, 0, BREACH).steps[0]
    rows = contents(db)
    assert [(row["state"], row["episode"], row["transition_no"]) for row in rows["alert_states"]] == [("firing", 1, 1)]
    (transition,) = rows["alert_transitions"]
    assert (transition["from_state"], transition["to_state"], transition["config_version"]) == (
        "inactive",
        "firing",
        "c1",
    )
    assert transition["payload"]["summary"] == step.payload.summary
    assert [(row["dedup_key"], row["channel"]) for row in rows["outbox"]] == [
        ("control:credit:1:fairdrift.control", "rollback")
    ]
    (notice,) = rows["notices"]
    assert (notice["alert"], notice["transition_no"], notice["episode"], notice["firing"]) == (step.alert, 1, 1, True)
    assert notice["labels"] == {**step.stored.labels, "severity": "page"}
    assert [(row["route"], row["epoch"], row["changed_by"]) for row in rows["routes"]] == [
        ("fallback", 1, "rule:parity")
    ]
    assert [(row["from_route"], row["to_route"]) for row in rows["route_changes"]] == [("live", "fallback")]


def test_nothing_of_it_stands_when_the_transaction_fails(db: sa.Engine) -> None:
    context = Context("credit", T0, "c1")
    done = evaluate([rule()], [BREACH], {}, RouteState("credit"), context)
    with db.connect() as conn:
        save(conn, done.steps, ROUTING, "c1")
        conn.rollback()
    assert not any(contents(db).values())


def test_evaluating_a_pane_twice_writes_nothing_new(db: sa.Engine) -> None:
    pane(db, 0, BREACH)
    before = contents(db)
    assert pane(db, 0, BACK).steps == ()
    assert contents(db) == before


def test_saving_the_same_steps_again_writes_nothing_new(db: sa.Engine) -> None:
    done = pane(db, 0, BREACH)
    before = contents(db)
    with db.begin() as conn:
        assert save(conn, done.steps, ROUTING, "c1") == 0
    assert contents(db) == before


def test_an_older_state_never_overwrites_a_newer_one(db: sa.Engine) -> None:
    first = pane(db, 0, BREACH)
    pane(db, 1, BACK)
    before = contents(db)
    with db.begin() as conn:
        save(conn, first.steps, ROUTING, "c1")
    assert contents(db) == before


def test_many_panes_in_one_transaction_give_the_same_as_one_by_one(db: sa.Engine) -> None:
    states: Any = {}
    route, steps = RouteState("credit"), list[Step]()
    for minute, observation in enumerate([BREACH, BACK, BREACH, BREACH, BACK]):
        context = Context("credit", T0 + minute * MINUTE, "c1", ("v1",), ("live",))
        done = evaluate([rule()], [observation], states, route, context)
        states, route = done.states, done.route
        steps += done.steps
    with db.begin() as conn:
        assert save(conn, steps, ROUTING, "c1") == 4
        assert load_states(conn, "credit") == states
        assert load_route(conn, "credit", T0) == route
        numbers = conn.execute(sa.select(notices.c.transition_no).order_by(notices.c.id))
        assert list(numbers.scalars()) == [1, 2, 3, 4]


def changed(state: RouteState, to: Route, by: str, at: int) -> RouteChange:
    change = decide(
        state, RouteRequest(to, by, "because"), at, replace(Context("credit", at, "c1").brakes, cool_down_ms=0)
    )
    assert isinstance(change, RouteChange)
    return change


def test_the_route_remembers_the_automatic_changes_of_a_day(db: sa.Engine) -> None:
    state = RouteState("credit")
    plan = [(Route.FALLBACK, "rule:parity"), (Route.LIVE, "person:ada"), (Route.SHADOW, "rule:other")]
    with db.begin() as conn:
        for hour, (to, by) in enumerate(plan):
            change = changed(state, to, by, T0 + hour * 3_600_000)
            state = change.applied_to(state)
            assert save_route(conn, change, ROUTING.control, "c1")
        assert load_route(conn, "credit", T0 + 2 * 3_600_000) == state
        assert load_route(conn, "credit", T0 + DAY_MS).automatic == (T0 + 2 * 3_600_000,)


def test_an_epoch_is_written_once(db: sa.Engine) -> None:
    first = changed(RouteState("credit"), Route.FALLBACK, "rule:a", T0)
    second = changed(RouteState("credit"), Route.SHADOW, "rule:b", T0)
    with db.begin() as conn:
        assert save_route(conn, first, ROUTING.control, "c1")
        assert not save_route(conn, second, ROUTING.control, "c1")
    rows = contents(db)
    assert [row["route"] for row in rows["routes"]] == ["fallback"]
    assert [row["payload"]["route"] for row in rows["outbox"]] == ["fallback"]
