"""Alerts in the database: read before an evaluation, written after it, in the evaluator's own transaction.

Everything here takes the caller's connection and neither commits nor rolls back: states, transitions, the notices by
which people are told of them (`alerts.router` turns them into rows of the outbox), and the route with what is published of
it stand or fall with the points and the clock of the same evaluation. Writing the
same steps again writes nothing new, so that a commit of unknown outcome may be repeated.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.config import EVERY_MODEL
from alerts.control import BY_RULE, DAY_MS, Route, RouteChange, RouteState
from alerts.evaluation import Step, Stored
from alerts.messages import AlertPayload, RoutePayload
from alerts.routing import Receiver, Routing
from alerts.states import AlertState, State
from alerts.tables import alert_states, alert_transitions, control_freezes, notices, outbox, route_changes, routes
from monitor.times import format_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CONTROL = "control"
"""In the outbox the changes of route of a model stand under `control:<model>`, so that they are published in order."""

KEPT = "_state"
"""Key of `alert_states.summary` under which is kept what has no column: concerned subjects, and the rest of `Stored`."""


def load_states(conn: sa.Connection, model: str) -> dict[str, Stored]:
    """The alerts of one model as they were left by the last evaluation, by id."""
    rows = conn.execute(sa.select(alert_states).where(alert_states.c.model == model).order_by(alert_states.c.id))
    return {row.id: _stored(row) for row in rows}


def load_route(conn: sa.Connection, model: str, now: int) -> RouteState:
    """The route in force, with the automatic changes of the day before `now` (ms); `live` if it was never changed."""
    row = conn.execute(sa.select(routes).where(routes.c.model == model)).one_or_none()
    stopping = sa.select(control_freezes.c.model).where(control_freezes.c.model.in_((model, EVERY_MODEL)))
    frozen = conn.execute(stopping).first() is not None
    if row is None:
        return RouteState(model, frozen=frozen)
    recent = conn.execute(
        sa.select(route_changes.c.effective_at)
        .where(route_changes.c.model == model, route_changes.c.changed_by.startswith(BY_RULE, autoescape=True))
        .where(route_changes.c.effective_at > _time(now - DAY_MS))
        .order_by(route_changes.c.epoch)
    )
    times = tuple(_ms(at) for at in recent.scalars())
    since = _ms(row.effective_at)
    rest = Route(row.rest)
    return RouteState(model, Route(row.route), row.percent, row.epoch, since, times, rest, row.version, frozen)


def save(conn: sa.Connection, steps: Iterable[Step], routing: Routing, config_version: str) -> int:
    """Writes states, transitions, notices and route changes of one or more panes; returns the new transitions.

    Steps of several panes may be given in their order.
    """
    taken = list(steps)
    _save_states(conn, {step.alert: step for step in taken}.values())
    new = _insert(conn, alert_transitions, [row for step in taken for row in _transition_rows(step, config_version)])
    _insert(conn, notices, [row for step in taken for row in _notices(step)])
    for step in taken:
        if step.change is not None:
            save_route(conn, step.change, routing.control, config_version)
    return new


def save_route(conn: sa.Connection, change: RouteChange, control: Iterable[Receiver], config_version: str) -> bool:
    """Writes a change of route, its history and what is published; False if that epoch was written before."""
    row = _change_row(change, config_version)
    if not _insert(conn, route_changes, [row]):
        return False
    values = {key: row[key] for key in _ROUTE_COLUMNS} | {"route": change.after.value}
    statement = insert(routes).values(values)
    newer = statement.excluded.epoch > routes.c.epoch
    update = {key: statement.excluded[key] for key in values if key != "model"}
    conn.execute(statement.on_conflict_do_update(index_elements=[routes.c.model], set_=update, where=newer))
    alert, payload = f"{CONTROL}:{change.model}", _builtins(_route_payload(change, config_version))
    _insert(conn, outbox, [_outbox_row(alert, change.epoch, receiver, payload) for receiver in control])
    return True


_ROUTE_COLUMNS = (
    "model",
    "percent",
    "epoch",
    "reason",
    "changed_by",
    "alert",
    "evidence",
    "effective_at",
    "config_version",
    "rest",
    "version",
)


def _stored(row: sa.Row[Any]) -> Stored:
    summary = dict(row.summary)
    kept = summary.pop(KEPT, {})
    state = AlertState(
        state=State(row.state),
        episode=row.episode,
        transition_no=row.transition_no,
        pending_since=_maybe_ms(row.pending_since),
        firing_since=_maybe_ms(row.firing_since),
        last_breach=_maybe_ms(row.last_breach),
        last_pane_end=_ms(row.last_pane_end),
        concerned=frozenset(kept.get("concerned", ())),
    )
    return Stored(
        rule=row.rule,
        model=row.model,
        labels=row.labels,
        state=state,
        severity=kept.get("severity", ""),
        summary=summary,
    )


def _save_states(conn: sa.Connection, newest: Iterable[Step]) -> None:
    rows = [_state_row(step) for step in sorted(newest, key=lambda step: step.alert)]
    if not rows:
        return
    statement = insert(alert_states)
    update = {column.name: statement.excluded[column.name] for column in alert_states.columns if not column.primary_key}
    later = statement.excluded.last_pane_end > alert_states.c.last_pane_end
    conn.execute(
        statement.on_conflict_do_update(index_elements=[alert_states.c.id], set_=update, where=later),
        rows,
    )


def _state_row(step: Step) -> dict[str, Any]:
    stored, state = step.stored, step.stored.state
    kept = {"concerned": sorted(state.concerned), "severity": stored.severity}
    return {
        "id": step.alert,
        "rule": stored.rule,
        "model": stored.model,
        "labels": dict(stored.labels),
        "state": state.state.value,
        "episode": state.episode,
        "transition_no": state.transition_no,
        "pending_since": _maybe_time(state.pending_since),
        "firing_since": _maybe_time(state.firing_since),
        "last_breach": _maybe_time(state.last_breach),
        "last_pane_end": _time(state.last_pane_end),
        "summary": {**_builtins(step.payload), KEPT: kept},
    }


def _transition_rows(step: Step, config_version: str) -> list[dict[str, Any]]:
    if step.transition is None:
        return []
    return [
        {
            "alert": step.alert,
            "transition_no": step.transition.number,
            "rule": step.stored.rule,
            "model": step.stored.model,
            "labels": dict(step.stored.labels),
            "from_state": step.transition.before.value,
            "to_state": step.transition.after.value,
            "pane_end": _time(step.transition.pane_end),
            "payload": _builtins(step.payload),
            "config_version": config_version,
        }
    ]


def _notices(step: Step) -> list[dict[str, Any]]:
    """What the router is told of a step: that the alert began, or that it ended."""
    if step.transition is None or not step.transition.notifies:
        return []
    stored = step.stored
    return [
        {
            "alert": step.alert,
            "transition_no": step.transition.number,
            "episode": stored.state.episode,
            "firing": step.transition.after is State.FIRING,
            "labels": stored.routing_labels,
        }
    ]


def _outbox_row(alert: str, number: int, to: Receiver, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "dedup_key": f"{alert}:{number}:{to.name}",
        "alert": alert,
        "transition_no": number,
        "receiver": to.name,
        "channel": to.channel,
        "payload": payload,
    }


def _change_row(change: RouteChange, config_version: str) -> dict[str, Any]:
    return {
        "model": change.model,
        "epoch": change.epoch,
        "from_route": change.before.value,
        "to_route": change.after.value,
        "percent": change.percent,
        "reason": change.reason,
        "changed_by": change.by,
        "alert": change.alert,
        "evidence": dict(change.evidence),
        "effective_at": _time(change.effective_at),
        "config_version": config_version,
        "rest": change.rest.value,
        "version": change.version,
    }


def _route_payload(change: RouteChange, config_version: str) -> RoutePayload:
    return RoutePayload(
        model=change.model,
        route=change.after.value,
        percent=change.percent,
        epoch=change.epoch,
        previous=change.before.value,
        reason=change.reason,
        changed_by=change.by,
        alert=change.alert,
        evidence=dict(change.evidence),
        effective_at=format_time(change.effective_at),
        config_version=config_version,
        rest="fallback" if change.rest is Route.FALLBACK else "live",
        version=change.version,
    )


def _insert(conn: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
    """Inserts what is not there yet; the number that was new."""
    if not rows:
        return 0
    done = conn.execute(insert(table).values(rows).on_conflict_do_nothing())
    return done.rowcount


def _builtins(payload: AlertPayload | RoutePayload) -> dict[str, Any]:
    """As JSON has it: what is no number (NaN, infinite) becomes null."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(payload))
    return plain


def _time(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def _maybe_time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _time(milliseconds)


def _ms(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


def _maybe_ms(time: datetime | None) -> int | None:
    return None if time is None else _ms(time)
