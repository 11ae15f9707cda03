"""Canary plans in the database: the newest of each model, and what people do to it. Takes the caller's connection."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.control import Brakes, Refusal, RouteRequest, decide
from alerts.operators import NotDone, Person, Place, event_time
from alerts.plans import Plan, PlanState, Progress, Status, advance, begun, first, moved
from alerts.records import load_route, save_route
from alerts.tables import canary_plans


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan as it is kept, with the person who acted on it last and why."""

    state: PlanState
    by: str
    why: str


def load_plan(conn: sa.Connection, model: str, *, lock: bool = False) -> KeptPlan | None:
    """The newest plan of a model. `lock`: nobody else changes it until the transaction ends."""
    query = sa.select(canary_plans).where(canary_plans.c.model == model)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _kept(row)


def save_plan(conn: sa.Connection, state: PlanState, by: str = "", why: str = "") -> None:
    """Writes it; without `by` the person who acted on it last stays."""
    values = {
        "model": state.plan.model,
        "version": state.version,
        "status": state.status.value,
        "step": state.step,
        "epoch": state.epoch,
        "plan": msgspec.to_builtins(state.plan),
        "progress": msgspec.to_builtins(state.progress),
        "changed_by": by,
        "reason": why,
    }
    statement = insert(canary_plans).values(values)
    kept = ("model",) if by else ("model", "changed_by", "reason")
    update = {name: statement.excluded[name] for name in values if name not in kept} | {"updated_at": sa.func.now()}
    conn.execute(statement.on_conflict_do_update(index_elements=[canary_plans.c.model], set_=update))


def begin_plan(conn: sa.Connection, plan: Plan, version: str, person: Person, place: Place) -> KeptPlan:
    """Puts the first step in force. NotDone while another plan of the model is under way."""
    kept, now = load_plan(conn, plan.model, lock=True), event_time(conn, plan.model)
    route = load_route(conn, plan.model, now)
    if kept is not None and kept.state.open and kept.state.epoch == route.epoch:
        raise NotDone(f"a plan for {kept.state.version} is under way; set a route to end it")
    epoch = _change(conn, plan.model, first(plan, version, person.name, person.why), place)
    state = begun(plan, version, epoch, now)
    save_plan(conn, state, person.name, person.why)
    return KeptPlan(state, person.name, person.why)


def advance_plan(conn: sa.Connection, model: str, person: Person, place: Place) -> KeptPlan:
    """Puts the next step in force, passed or not. NotDone without a plan under way."""
    kept = _under_way(conn, model)
    epoch = _change(conn, model, advance(kept.state, person.name, person.why), place)
    state = moved(kept.state, epoch, event_time(conn, model))
    save_plan(conn, state, person.name, person.why)
    return KeptPlan(state, person.name, person.why)


def hold_plan(conn: sa.Connection, model: str, person: Person, *, held: bool = True) -> KeptPlan:
    """Holds it, or lets it go on. A held plan does not advance, and still drops."""
    kept = _under_way(conn, model)
    state = replace(kept.state, status=Status.HELD if held else Status.RUNNING)
    save_plan(conn, state, person.name, person.why)
    return KeptPlan(state, person.name, person.why)


def _under_way(conn: sa.Connection, model: str) -> KeptPlan:
    kept = load_plan(conn, model, lock=True)
    if kept is None or not kept.state.open:
        raise NotDone(f"no plan of {model} is under way" + (f": it is {kept.state.status}" if kept else ""))
    if load_route(conn, model, event_time(conn, model)).epoch != kept.state.epoch:
        raise NotDone(f"somebody changed the route of {model} meanwhile, which ends its plan")
    return kept


def _change(conn: sa.Connection, model: str, request: RouteRequest, place: Place) -> int:
    """The epoch after a person's change; that in force where it is no change."""
    now = event_time(conn, model)
    route = load_route(conn, model, now)
    change = decide(route, request, now, Brakes())
    if isinstance(change, Refusal):
        return route.epoch
    if not save_route(conn, change, place.control, place.config_version):
        raise NotDone(f"somebody changed the route of {model} at the same time: look again")
    return change.epoch


def _kept(row: sa.Row[Any]) -> KeptPlan:
    plan, progress = msgspec.convert(row.plan, Plan), msgspec.convert(row.progress, Progress)
    state = PlanState(plan, row.version, Status(row.status), row.step, row.epoch, progress)
    return KeptPlan(state, row.changed_by, row.reason)
