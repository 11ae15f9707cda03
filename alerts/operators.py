"""What people do to routes: set, restore, freeze; who did it and why is in the row.

Takes the caller's connection. A person's change takes effect at the model's event time (the end of the last pane that
was evaluated), so that cool-downs and plans compare like with like, also in a replay; when it was written stands beside
it. Two who change a route at once are told apart by its epoch: the later one is refused and may look again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.control import BY_PLAN, BY_RULE, Brakes, Refusal, Route, RouteChange, RouteRequest, decide
from alerts.errors import AlertsError
from alerts.records import load_route, save_route
from alerts.routing import Receiver
from alerts.tables import control_freezes
from monitor.tables import evaluations


class NotDone(AlertsError):
    """The change was not made: the message says why."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and why; both are kept. ValueError without them, or for a name that a rule or a plan would have."""

    name: str
    why: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.why.strip():
            raise ValueError("say who and why: both are kept with the change")
        if self.name.startswith((BY_RULE, BY_PLAN)):
            raise ValueError(f"{self.name!r} is a name of the program itself")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change is written: the receivers of changes of route, and the version of the configuration."""

    control: tuple[Receiver, ...]
    config_version: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The route that a person wants. `epoch`: only if that is still the one in force."""

    to: Route
    percent: float | None = None
    rest: Route = Route.LIVE
    version: str = ""
    epoch: int | None = None


def set_route(conn: sa.Connection, model: str, wish: Wish, person: Person, place: Place) -> RouteChange:
    """Makes a person's change. NotDone if that route is in force already, or another was made meanwhile."""
    now = event_time(conn, model)
    state = load_route(conn, model, now)
    if wish.epoch is not None and wish.epoch != state.epoch:
        raise NotDone(f"{model} is at epoch {state.epoch}, not {wish.epoch}: look again")
    request = RouteRequest(wish.to, person.name, person.why, percent=wish.percent, rest=wish.rest, version=wish.version)
    change = decide(state, request, now, Brakes())
    if isinstance(change, Refusal):
        raise NotDone(f"the route of {model} is {state.route} already")
    if not save_route(conn, change, place.control, place.config_version):
        raise NotDone(f"somebody changed the route of {model} at the same time: look again")
    return change


def freeze(conn: sa.Connection, models: Iterable[str], person: Person) -> None:
    """Stops whatever would change by itself, for these models (`*`: all) until thawed."""
    rows = [{"model": model, "changed_by": person.name, "reason": person.why} for model in models]
    statement = insert(control_freezes).values(rows)
    update = {name: statement.excluded[name] for name in ("changed_by", "reason")} | {"frozen_at": sa.func.now()}
    conn.execute(statement.on_conflict_do_update(index_elements=[control_freezes.c.model], set_=update))


def thaw(conn: sa.Connection, models: Iterable[str]) -> int:
    """Lifts the freeze of exactly these; the number that were frozen. Rules that still fire ask again."""
    return conn.execute(sa.delete(control_freezes).where(control_freezes.c.model.in_(list(models)))).rowcount


def event_time(conn: sa.Connection, model: str) -> int:
    """The end (ms) of the last pane of decisions that was evaluated; the time of day before the first."""
    ended = sa.select(evaluations.c.last_end_ms).where(
        evaluations.c.model == model, evaluations.c.time_basis == "decision"
    )
    found = conn.execute(ended).scalar()
    return int(datetime.now(UTC).timestamp() * 1000) if found is None else int(found)
