"""The demo's questions to the views, asked of a real schema with a few rows written by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.tables import alert_transitions, outbox, route_changes
from monitor.tables import evaluations, points, series
from streams.database import engine
from streams.demo.director import Change
from streams.demo.fairness import Fairness, waiting

pytestmark = pytest.mark.services

NOON = datetime(2025, 11, 15, 12, tzinfo=UTC)
SHARED = {"model": "credit-limit", "version": "*", "arm": "*", "time_basis": "decision", "attribute_set": ["sex"]}


@pytest.fixture
def db(database):
    made = engine(database)
    yield made
    made.dispose()


def ms(moment):
    return int(moment.timestamp() * 1000)


def measure(connection, end, value, window=43_200):
    """The three rows that an evaluation writes of one window: the ratio, and the means it is made of."""
    rows: list[tuple[dict[str, Any], float, float | None]] = [
        ({"kind": "disparity", "aggregate": "ratio", "method": "to_reference"}, value / 100, value / 100 - 0.1),
        ({"kind": "group", "group_values": {"sex": "female"}}, value, None),
        ({"kind": "group", "group_values": {"sex": "male"}}, 100.0, None),
    ]
    for what, estimate, low in rows:
        found = sa.select(series.c.id).filter_by(**what)
        known = connection.execute(found).scalar()
        if known is None:
            known = connection.execute(
                series.insert().values(**SHARED, metric="mean_value", **what).returning(series.c.id)
            ).scalar_one()
        connection.execute(
            points.insert().values(
                tier="kept", series=known, window_seconds=window, window_end=end, revision=0, state="measured", n=10,
                value=estimate, ci_low=low, ci_high=None if low is None else low + 0.2, config_version="c",
            )
        )  # fmt: skip


def transition(connection, number, before, after, end):
    connection.execute(
        alert_transitions.insert().values(
            alert="a", transition_no=number, rule="limit-parity", model="credit-limit", labels={}, from_state=before,
            to_state=after, pane_end=end, payload={}, config_version="c",
        )
    )  # fmt: skip


def test_readings_are_new_ones_only_with_both_means(db):
    fairness = Fairness(db)
    assert fairness.readings() == []
    with db.begin() as connection:
        measure(connection, NOON, 70.0)
        measure(connection, NOON, 90.0, window=604_800)  # another window: not asked for
    (reading,) = fairness.readings()
    assert (reading.end_ms, reading.ratio, reading.women, reading.men) == (ms(NOON), 0.7, 70.0, 100.0)
    assert [reading.low, reading.high] == pytest.approx([0.6, 0.8])
    assert fairness.readings() == []


def test_changes_are_the_beginnings_and_ends_of_firing(db):
    fairness = Fairness(db)
    with db.begin() as connection:
        transition(connection, 1, "inactive", "pending", NOON)
        transition(connection, 2, "pending", "firing", NOON + timedelta(minutes=30))
    assert fairness.changes() == [Change("firing", ms(NOON) + 1_800_000)]
    with db.begin() as connection:
        transition(connection, 3, "firing", "resolved", NOON + timedelta(hours=5))
    assert fairness.changes() == [Change("resolved", ms(NOON) + 5 * 3_600_000)]


def test_numbers_before_anything_happened_and_after(db):
    fairness = Fairness(db)
    assert (fairness.evaluated_ms(), fairness.undelivered(), fairness.epoch(), fairness.counted()) == (0, 0, 0, 0)
    with db.begin() as connection:
        connection.execute(
            evaluations.insert().values(
                model="credit-limit", time_basis="decision", first_end_ms=0, last_end_ms=ms(NOON), config_version="c"
            )
        )
        connection.execute(
            outbox.insert().values(
                dedup_key="k", alert="a", transition_no=1, receiver="oncall", channel="webhook", payload={}
            )
        )
        connection.execute(
            route_changes.insert().values(
                model="credit-limit", epoch=1, from_route="live", to_route="fallback", reason="r", changed_by="rule:r",
                effective_at=NOON, config_version="c",
            )
        )  # fmt: skip
    assert (fairness.evaluated_ms(), fairness.undelivered(), fairness.epoch()) == (ms(NOON), 1, 1)


def test_the_newest_share_of_each_sex_that_repaid(db):
    fairness = Fairness(db)
    assert fairness.repaid() == {}
    with db.begin() as connection:
        for sex, values in {"female": (0.9, 0.88), "male": (0.9, 0.85)}.items():
            what = SHARED | {
                "time_basis": "outcome",
                "kind": "group",
                "metric": "precision",
                "group_values": {"sex": sex},
            }
            known = connection.execute(series.insert().values(**what).returning(series.c.id)).scalar_one()
            for hours, value in enumerate(values):
                connection.execute(
                    points.insert().values(
                        tier="kept", series=known, window_seconds=604_800, window_end=NOON + timedelta(hours=hours),
                        revision=0, state="measured", n=10, value=value, config_version="c",
                    )
                )  # fmt: skip
    assert fairness.repaid() == {"female": 0.88, "male": 0.85}


def test_waiting_asks_until_it_is_so():
    pauses: list[float] = []
    answers = iter([False, False, True])
    waiting(lambda: next(answers), pauses.append, step=0.5)
    assert pauses == [0.5, 0.5]
