"""What people do to routes, on a real Postgres."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from alerts.control import Brakes, Refusal, Route, RouteRequest, decide
from alerts.operators import NotDone, Person, Place, Wish, freeze, set_route, thaw
from alerts.records import load_route, save_route
from alerts.routing import DEFAULT_CONTROL
from alerts.tables import outbox, route_changes, routes
from monitor.tables import evaluations
from streams.database import engine, is_transient

ADA = Person("ada", "retrained")
PLACE = Place((DEFAULT_CONTROL,), "c1")
NOW = 1_763_632_800_000
RULE = RouteRequest(Route.FALLBACK, "rule:parity", "fired", evidence={"value": 0.7})


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test")
    with made.begin() as conn:
        conn.execute(evaluations.insert().values(model="credit", time_basis="decision", first_end_ms=0, last_end_ms=NOW, config_version="c1"))  # fmt: skip
    yield made
    made.dispose()


def test_a_person_sets_a_route_at_event_time_and_it_is_published(db: sa.Engine) -> None:
    with db.begin() as conn:
        change = set_route(conn, "credit", Wish(Route.CANARY, 5.0, Route.FALLBACK, "v7"), ADA, PLACE)
    assert (change.effective_at, change.epoch, change.by, change.reason) == (NOW, 1, "ada", "retrained")
    with db.connect() as conn:
        state = load_route(conn, "credit", NOW)
        told = conn.execute(sa.select(outbox.c.payload)).scalar_one()
    assert (state.route, state.percent, state.rest, state.version) == (Route.CANARY, 5.0, Route.FALLBACK, "v7")
    assert (told["route"], told["percent"], told["rest"], told["version"]) == ("canary", 5.0, "fallback", "v7")


def test_what_is_in_force_already_and_what_was_overtaken_is_refused(db: sa.Engine) -> None:
    with db.begin() as conn, pytest.raises(NotDone, match="live already"):
        set_route(conn, "credit", Wish(Route.LIVE), ADA, PLACE)
    with db.begin() as conn:
        set_route(conn, "credit", Wish(Route.FALLBACK, epoch=0), ADA, PLACE)
    with db.begin() as conn, pytest.raises(NotDone, match="epoch 1, not 0"):
        set_route(conn, "credit", Wish(Route.LIVE, epoch=0), ADA, PLACE)


@pytest.mark.parametrize(("name", "why"), [("", "x"), ("ada", " "), ("rule:parity", "x"), ("plan:v2", "x")])
def test_a_person_has_a_name_and_a_reason(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"who and why|name of the program"):
        Person(name, why)


def test_a_freeze_holds_rules_and_not_people_until_it_is_lifted(db: sa.Engine) -> None:
    for model in ("credit", "*"):
        with db.begin() as conn:
            freeze(conn, [model], ADA)
            assert decide(load_route(conn, "credit", NOW), RULE, NOW, Brakes()) is Refusal.FROZEN
            assert thaw(conn, [model]) == 1
            assert not load_route(conn, "credit", NOW).frozen
    with db.begin() as conn:
        freeze(conn, ["other"], ADA)
        assert not load_route(conn, "credit", NOW).frozen
        freeze(conn, ["credit"], ADA)
        freeze(conn, ["credit"], Person("bob", "again"))
        assert set_route(conn, "credit", Wish(Route.SHADOW), ADA, PLACE).epoch == 1
        assert load_route(conn, "credit", NOW).frozen


def test_of_two_people_at_once_one_changes_it_and_the_other_is_told(db: sa.Engine) -> None:
    """Both have read epoch 0 when the first writes epoch 1."""
    with db.connect() as first, db.connect() as second:
        states = [load_route(conn, "credit", NOW) for conn in (first, second)]
        changes = [
            decide(state, RouteRequest(route, "ada", "x"), NOW, Brakes())
            for state, route in zip(states, (Route.FALLBACK, Route.SHADOW), strict=True)
        ]
        assert not any(isinstance(change, Refusal) for change in changes)
        assert save_route(first, changes[0], PLACE.control, "c1")  # type: ignore[arg-type]
        first.commit()
        assert not save_route(second, changes[1], PLACE.control, "c1")  # type: ignore[arg-type]
        second.commit()
    with db.connect() as conn:
        assert conn.execute(sa.select(routes.c.route)).scalars().all() == ["fallback"]
        assert conn.execute(sa.select(sa.func.count()).select_from(outbox)).scalar() == 1


def test_an_evaluation_that_a_person_overtook_is_repeated_whole(db: sa.Engine) -> None:
    """The evaluator reads a snapshot; a change that it cannot see makes its transaction fail in a way that is retried."""
    evaluator = db.execution_options(isolation_level="REPEATABLE READ")
    with evaluator.connect() as conn:
        change = decide(load_route(conn, "credit", NOW), RULE, NOW, Brakes())
        assert not isinstance(change, Refusal)
        with db.begin() as other:
            set_route(other, "credit", Wish(Route.SHADOW), ADA, PLACE)
        with pytest.raises(sa.exc.OperationalError) as failed:
            save_route(conn, change, PLACE.control, "c1")
        assert is_transient(failed.value)


def test_many_at_once_make_one_row_each_epoch(db: sa.Engine) -> None:
    def change(number: int) -> bool:
        wish = Wish(Route.FALLBACK if number % 2 else Route.SHADOW)
        try:
            with db.begin() as conn:
                return bool(set_route(conn, "credit", wish, ADA, PLACE))
        except NotDone:
            return False

    with ThreadPoolExecutor(4) as threads:
        done = sum(threads.map(change, range(24)))
    with db.connect() as conn:
        epochs = conn.execute(sa.select(route_changes.c.epoch).order_by(route_changes.c.epoch)).scalars().all()
        assert epochs == list(range(1, done + 1)) and done
        assert conn.execute(sa.select(routes.c.epoch)).scalar() == done
