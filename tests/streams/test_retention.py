"""Roll-up changes no sum, late events find their row, partitions come and go."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.sums import FOLLOWED, LAYOUTS, Basis
from monitor.windows import DAY, HOUR, MINUTE
from streams.database import engine
from streams.retention import (
    KEEP_EVIDENCE,
    KEEP_HOURS,
    KEEP_MINUTES,
    WEEK,
    day_bound,
    drop_old,
    due_roll_up,
    ensure_partitions,
    ensure_point_partitions,
    make_ahead,
    panes_for,
    partitions,
    roll_up,
)
from tests.streams.counted import NEVER, Counted

T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
STREAM = "predictions/outcomes"


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database)
    yield made
    made.dispose()


def evaluated(db: sa.Engine, end: int) -> None:
    with db.begin() as connection:
        connection.execute(
            sa.text(
                "insert into fairdrift.evaluations (model, time_basis, first_end_ms, last_end_ms, config_version)"
                " values ('m', 'decision', 0, :end, 'v')"
                " on conflict (model, time_basis) do update set last_end_ms = excluded.last_end_ms"
            ),
            {"end": end},
        )


def rows(db: sa.Engine, basis: Basis = Basis.DECISION) -> list[Any]:
    query = "select pane_ms, start_ms, cell, sums[1], sums[2], commit_no from fairdrift.panes where basis = :basis order by 1, 2, 3"
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), {"basis": int(basis)})]


def rolled(db: sa.Engine, upto: int, commit_no: int = 99) -> int:
    with db.begin() as connection:
        bound = roll_up(connection, STREAM, 0, upto, commit_no)
        connection.execute(sa.text("update fairdrift.positions set rolled_up_to = :bound"), {"bound": bound})
    return bound


def test_a_pane_is_a_minute_then_an_hour_then_a_day() -> None:
    times, bound = np.array([T0 + 5 * HOUR + 59 * MINUTE, T0 + 6 * HOUR]), T0 + 6 * HOUR
    assert panes_for(Basis.DECISION, MINUTE, times, T0).tolist() == [MINUTE, MINUTE]
    assert panes_for(Basis.DECISION, MINUTE, times, bound).tolist() == [HOUR, MINUTE]
    assert panes_for(Basis.DECISION, MINUTE, times, T0 + KEEP_HOURS).tolist() == [DAY, DAY]
    assert panes_for(Basis.EVIDENCE_DECISION, MINUTE, times, bound).tolist() == [MINUTE, MINUTE]
    assert panes_for(Basis.LABEL_DECIDED, HOUR, times, bound).tolist() == [HOUR, HOUR]
    assert day_bound(T0 + KEEP_HOURS) == T0 + KEEP_MINUTES


def test_a_roll_up_is_due_some_hours_after_the_last() -> None:
    clock = T0 + KEEP_MINUTES + 7 * HOUR + 59 * MINUTE
    assert due_roll_up(clock, clock, T0) == T0 + 7 * HOUR
    assert due_roll_up(clock, clock, T0 + 5 * HOUR) is None
    assert due_roll_up(clock, NEVER, T0) == T0 + 7 * HOUR
    assert due_roll_up(clock, T0, T0 - DAY) is None
    assert due_roll_up(NEVER, NEVER, 0) is None


def test_rolling_up_changes_no_sum_and_a_late_event_finds_its_row(db: sa.Engine) -> None:
    counted = Counted(db)
    women, men = (counted.cell("m", {"sex": sex}) for sex in "FM")
    for minute in range(90):
        counted.decisions(T0 + minute * MINUTE, women, minute, 1)
    counted.decisions(T0 + 61 * MINUTE, men, 5, 2)
    counted.set(Basis.EVIDENCE_DECISION, T0, women, {"events": 1})
    counted.commit(T0 + 4 * DAY)
    evaluated(db, T0 + 4 * DAY)
    assert rolled(db, T0 + 2 * HOUR) == T0 + 2 * HOUR
    expected = [
        (HOUR, T0, women, 59 * 60 // 2, 59 * 60 // 2, 99),
        (HOUR, T0 + HOUR, women, sum(range(60, 90)), sum(range(60, 90)), 99),
        (HOUR, T0 + HOUR, men, 5, 5, 99),
    ]
    assert rows(db) == sorted(expected)
    assert rows(db, Basis.EVIDENCE_DECISION)[0][:2] == (MINUTE, T0)
    # The owner adds a late event to the row that holds its time now, which is then rolled up no second time.
    (counted.pane,) = panes_for(Basis.DECISION, MINUTE, np.array([T0 + 5 * MINUTE]), T0 + 2 * HOUR).tolist()
    start = T0
    counted.decisions(start, women, 1771, 60)
    counted.commit(T0 + 4 * DAY)
    assert rolled(db, T0 + 2 * HOUR) == T0 + 2 * HOUR
    assert (HOUR, T0, women, 1771, 1771, 2) in rows(db)


def test_hours_become_days(db: sa.Engine) -> None:
    counted = Counted(db, pane=HOUR)
    women = counted.cell("m", {"sex": "F"})
    for hour in range(30):
        counted.decisions(T0 + hour * HOUR, women, 10, 1)
        counted.set(Basis.LABEL_DECIDED, T0 + hour * HOUR, women, {"labelled": 4})
    counted.commit(T0 + 100 * DAY)
    evaluated(db, T0 + 100 * DAY)
    rolled(db, T0 + KEEP_HOURS - KEEP_MINUTES + DAY)
    hours = [(HOUR, T0 + hour * HOUR) for hour in range(24, 30)]
    assert [row[:2] for row in rows(db)] == [*hours, (DAY, T0)]
    assert rows(db)[-1][3] == 240
    assert rows(db)[-1][5] == 99
    assert rows(db, Basis.LABEL_DECIDED)[-1] == (DAY, T0, women, 96, 0, 0), "no evaluation asks for its commit"


def test_the_index_of_changes_holds_the_bases_that_evaluations_follow(db: sa.Engine) -> None:
    query = "select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = 'fairdrift.panes_changed'::regclass"
    with db.connect() as connection:
        held = connection.execute(sa.text(query)).scalar_one()
    assert sorted(map(int, re.findall(r"\b\d+\b", held))) == sorted(map(int, FOLLOWED)), held


def test_rows_of_a_shorter_layout_are_added_as_with_zeros(db: sa.Engine) -> None:
    counted = Counted(db)
    women = counted.cell("m", {"sex": "F"})
    counted.decisions(T0, women, 3, 1)
    counted.decisions(T0 + MINUTE, women, 4, 2)
    counted.commit(T0)
    with db.begin() as connection:
        connection.execute(sa.text("update fairdrift.panes set sums = sums[1:2] where start_ms = :at"), {"at": T0})
    evaluated(db, T0 + 4 * DAY)
    rolled(db, T0 + HOUR)
    with db.connect() as connection:
        (sums,) = connection.execute(sa.text("select sums from fairdrift.panes where basis = 0")).scalars()
    assert sums[:3] == [7, 7, 2]
    assert len(sums) == len(LAYOUTS[Basis.DECISION])


def test_empty_bins_stay_null_when_hours_become_days(db: sa.Engine) -> None:
    counted = Counted(db, pane=HOUR)
    women = counted.cell("m", {"sex": "F"})
    for hour, bins in ((0, "{null,3,null}"), (1, "{null,null,4}"), (26, "{1}")):
        counted.set(Basis.SCORES, T0 + hour * HOUR, women, {"score_bin_1": 1})
        counted.commit(T0 + 100 * DAY)
        with db.begin() as connection:
            stored = {"bins": bins, "at": T0 + hour * HOUR}
            connection.execute(sa.text("update fairdrift.panes set sums = :bins where start_ms = :at"), stored)
    evaluated(db, T0 + 100 * DAY)
    rolled(db, T0 + KEEP_HOURS - KEEP_MINUTES + 2 * DAY)
    query = "select start_ms, sums from fairdrift.panes where basis = :basis order by 1"
    with db.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(query), {"basis": int(Basis.SCORES)})]
    assert found == [(T0, [None, 3, 4]), (T0 + DAY, [1])]


def test_a_roll_up_does_not_overtake_the_evaluator(db: sa.Engine) -> None:
    counted = Counted(db)
    counted.decisions(T0, counted.cell("m", {"sex": "F"}), 3, 1)
    counted.commit(T0 + 10 * DAY)
    assert rolled(db, T0 + DAY) == 0, "nothing was ever evaluated"
    evaluated(db, T0 + KEEP_MINUTES + 5 * HOUR + MINUTE)
    assert rolled(db, T0 + DAY) == T0 + 5 * HOUR


def test_evidence_is_forgotten_after_its_time(db: sa.Engine) -> None:
    counted = Counted(db)
    women = counted.cell("m", {"sex": "F"})
    for at in (T0, T0 + DAY):
        counted.set(Basis.EVIDENCE_DECISION, at, women, {"events": 1})
    counted.commit(T0 + 40 * DAY)
    evaluated(db, T0 + 40 * DAY)
    rolled(db, T0 + DAY + KEEP_EVIDENCE - KEEP_MINUTES)
    assert [row[1] for row in rows(db, Basis.EVIDENCE_DECISION)] == [T0 + DAY]


def test_partitions_are_made_once_and_dropped_by_event_time(db: sa.Engine) -> None:
    ensure_partitions(db, [T0, T0 + MINUTE, T0 + WEEK])
    ensure_partitions(db, [T0])
    ensure_point_partitions(db, [("minute", T0), ("hour", T0), ("day", T0), ("kept", T0)])
    with db.connect() as connection:
        names = [partition.name for partition in partitions(connection)]
    assert names == [
        "panes_20231109", "panes_20231116", "points_day_20231026", "points_hour_20231026", "points_minute_20231115",
    ]  # fmt: skip
    assert drop_old(db) == [], "nothing is being evaluated"
    evaluated(db, T0 + 8 * DAY)
    assert drop_old(db) == ["points_minute_20231115"]
    assert drop_old(db, T0 + 410 * DAY) == ["panes_20231109", "panes_20231116", "points_hour_20231026"]
    ensure_partitions(db, [T0])
    with db.connect() as connection:
        assert "panes_20231109" in [partition.name for partition in partitions(connection)]


def test_partitions_are_made_ahead_of_the_furthest_model(db: sa.Engine) -> None:
    def names() -> list[str]:
        with db.connect() as connection:
            return [partition.name for partition in partitions(connection)]

    make_ahead(db)
    assert names() == [], "nothing is being evaluated"
    evaluated(db, T0 + 23 * HOUR)
    make_ahead(db)
    assert names() == [
        "panes_20231109", "panes_20231116", "points_day_20231026", "points_hour_20231026", "points_minute_20231115",
        "points_minute_20231116",
    ]  # fmt: skip
    assert drop_old(db) == [], "what is ahead is not old"
