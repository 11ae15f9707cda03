"""A small history in a migrated database: a model whose parity by sex falls at ten, pages at half past, and recovers.

Two groups by sex and one intersection, windows of an hour and a day, the value one decimal away from what a reader
would expect, so that a query that returns the wrong row is seen.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from alerts.tables import alert_states, alert_transitions, route_changes, routes
from monitor.tables import evaluations, points, positions, series

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
END = START + timedelta(hours=4)
MODEL = "credit-limit"
FALL = START + timedelta(hours=2)
FIRED = FALL + timedelta(minutes=30)
RESOLVED = FALL + timedelta(minutes=90)
ALERT = "ab" * 16
WINDOWS = (3600, 86400)
_OPTIONAL = (
    "value", "ci_low", "ci_high", "numerator", "denominator", "label_coverage", "lower_group", "higher_group", "reason",
)  # fmt: skip


def seed(engine: sa.Engine) -> None:
    """Write the history."""
    with engine.begin() as connection:
        for at in (START, END):
            connection.execute(sa.text("select fairdrift.add_points_partition('minute', :at)"), {"at": at})
        rows = [dict.fromkeys(_OPTIONAL) | row for row in _points(connection)]
        connection.execute(points.insert(), rows)
        connection.execute(alert_transitions.insert(), _transitions())
        connection.execute(alert_states.insert().values(_alert_state()))
        connection.execute(
            route_changes.insert(), [_route(1, "live", "fallback", FIRED), _route(2, "fallback", "live", RESOLVED)]
        )
        connection.execute(routes.insert().values(_current_route()))
        connection.execute(positions.insert(), [_position(part) for part in range(2)])
        connection.execute(
            evaluations.insert().values(
                model=MODEL,
                time_basis="decision",
                first_end_ms=0,
                last_end_ms=int(END.timestamp() * 1000),
                config_version="c1",
            )
        )


def ratio(at: datetime) -> float:
    """Mean limit of women over that of men: 0.95, and 0.7 between the fall and the recovery."""
    return 0.7 if FALL <= at < RESOLVED else 0.95


def _points(connection: sa.Connection) -> Iterator[dict[str, object]]:
    female = _series(connection, kind="group", attribute_set=["sex"], group_values={"sex": "female"})
    male = _series(connection, kind="group", attribute_set=["sex"], group_values={"sex": "male"})
    young = _series(
        connection, kind="group", attribute_set=["age", "sex"], group_values={"age": "<30", "sex": "female"}
    )
    everybody = _series(connection, kind="group", attribute_set=[], group_values={})
    by_sex = _series(connection, kind="disparity", attribute_set=["sex"], aggregate="ratio", method="to_reference")
    both = _series(connection, kind="disparity", attribute_set=["age", "sex"], aggregate="ratio", method="to_reference")
    at = START
    while at <= END:
        for window in WINDOWS:
            r = ratio(at)
            yield _point(female, window, at, value=100_000 * r, n=400, numerator=40_000_000 * r, denominator=400.0)
            yield _point(male, window, at, value=100_000.0, n=600, numerator=60_000_000.0, denominator=600.0)
            yield _point(everybody, window, at, value=90_000.0, n=1000, label_coverage=0.25)
            yield _point(young, window, at, state="suppressed", n=3)
            sides = {"lower_group": {"sex": "female"}, "higher_group": {"sex": "male"}}
            yield _point(by_sex, window, at, value=r, ci_low=r - 0.05, ci_high=r + 0.05, n=1000, **sides)
            yield _point(both, window, at, state="undefined", n=0, reason="too few")
        at += timedelta(minutes=10)


def _series(connection: sa.Connection, **fields: object) -> int:
    row = {"model": MODEL, "version": "*", "arm": "*", "time_basis": "decision", "metric": "mean_value"} | fields
    identity = connection.execute(series.insert().values(row).returning(series.c.id)).scalar_one()
    return int(identity)


def _point(series_id: int, window: int, at: datetime, **fields: object) -> dict[str, object]:
    base = {"tier": "minute", "series": series_id, "window_seconds": window, "window_end": at, "revision": 0}
    return base | {"state": "measured", "config_version": "c1"} | fields


def _transitions() -> list[dict[str, object]]:
    steps = [("inactive", "pending", FALL), ("pending", "firing", FIRED), ("firing", "resolved", RESOLVED)]
    return [
        {
            "alert": ALERT, "transition_no": number, "rule": "limit-parity", "model": MODEL, "labels": LABELS,
            "from_state": before, "to_state": after, "pane_end": at, "config_version": "c1", "payload": PAYLOAD,
        }
        for number, (before, after, at) in enumerate(steps, start=1)
    ]  # fmt: skip


LABELS = {"alertname": "limit-parity", "model": MODEL, "attributes": "sex", "metric": "mean_value", "severity": "page"}
PAYLOAD = {
    "metric": "mean_value", "aggregate": "ratio", "method": "to_reference", "bound": {"min": 0.85}, "severity": "page",
    "model": MODEL, "attributes": ["sex"], "window": {"seconds": 3600, "time_basis": "decision", "start": "", "end": ""},
    "summary": "Mean limit of women is 0.70 of that of men",
}  # fmt: skip


def _alert_state() -> dict[str, object]:
    return {
        "id": ALERT, "rule": "limit-parity", "model": MODEL, "labels": LABELS, "state": "resolved", "episode": 1,
        "transition_no": 3, "last_pane_end": END,
    }  # fmt: skip


def _route(epoch: int, before: str, after: str, at: datetime) -> dict[str, object]:
    return {
        "model": MODEL, "epoch": epoch, "from_route": before, "to_route": after, "reason": "limit-parity fires" if epoch == 1 else "seen",
        "changed_by": "rule:limit-parity" if epoch == 1 else "ada", "effective_at": at, "config_version": "c1",
    }  # fmt: skip


def _current_route() -> dict[str, object]:
    return {
        "model": MODEL, "route": "live", "epoch": 2, "reason": "seen", "changed_by": "ada", "effective_at": RESOLVED,
        "config_version": "c1",
    }  # fmt: skip


def _position(part: int) -> dict[str, object]:
    clock = int(END.timestamp() * 1000)
    return {
        "stream": "predictions/outcomes", "part": part, "parts": 2, "token": "00000000-0000-0000-0000-00000000000" + str(part),
        "generation": 1, "commit_no": 7, "prediction_offset": 500, "prediction_clock": clock, "outcome_offset": 20,
        "outcome_clock": clock, "marks": {}, "prediction_idle": False, "outcome_idle": False, "rolled_up_to": 0,
    }  # fmt: skip
