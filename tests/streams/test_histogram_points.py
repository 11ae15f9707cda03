"""Metrics of histograms on a real Postgres: computed when an hour is over, and again when nothing can be late for it."""

from collections.abc import Iterator
from math import exp, sqrt

import pytest
import sqlalchemy as sa

from monitor.sums import LAYOUTS, Basis
from streams.database import engine
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run_on

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z

CONFIG = """
models:
  - name: credit
    windows: [5m, 1h, 2h]
    attributes: {sex: {values: [F, M]}}
    metrics: [scoring_rate, score_ks_distance, median_value, roc_auc]
    value: {range: [0, 1000], resolution: 1}
    display_min: 1
    max_lateness: 4h
    join_horizon: 6h
"""

GROUPS = """
select metric, window_seconds / 3600, group_values ->> 'sex', value, n, state, revision from fairness_group
where version = '*' and window_end = to_timestamp(:end / 1000.0) and time_basis = :basis order by 1, 2, 3
"""
GAPS = """
select metric, window_seconds / 3600, value, lower_group ->> 'sex', higher_group ->> 'sex', n from fairness_disparity
where version = '*' and window_end = to_timestamp(:end / 1000.0) and metric = 'score_ks_distance' order by 1, 2
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed afterwards is computed in every round."""
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)


def scores(counted: Counted) -> tuple[int, int]:
    """Twenty women and twenty men in the first hour, of whom the women's labels have come."""
    women, men = counted.cell("credit", {"sex": "F"}), counted.cell("credit", {"sex": "M"})
    counted.set(Basis.SCORES, T0, women, {"score_bin_20": 10, "score_bin_60": 10})
    counted.set(Basis.SCORES, T0, men, {"score_bin_60": 10, "score_bin_80": 10})
    counted.set(Basis.VALUES, T0, women, {"value_bin_20": 10, "value_bin_30": 10})
    counted.set(Basis.LABEL_SCORES_DECIDED, T0, women, {"positive_bin_60": 10, "negative_bin_20": 10})
    counted.set(Basis.DECISION, T0, women, {"events": 20, "scored": 20})
    counted.set(Basis.LABEL_DECIDED, T0, women, {"labelled": 20, "positive": 10, "negative": 10})
    return women, men


def test_points_of_an_hour_are_the_hand_worked_ones(db: sa.Engine) -> None:
    counted = Counted(db)
    scores(counted)
    counted.commit(T0 + HOUR + 59_000, T0 + HOUR + 59_000)  # the watermark has not reached the hour
    run_on(db, CONFIG)
    assert query(db, GROUPS, end=T0 + HOUR, basis="decision") == []
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG)
    found = query(db, GROUPS, end=T0 + HOUR, basis="decision")
    assert [row for row in found if row[0] == "scoring_rate" and row[1] == 1] == [
        ("scoring_rate", 1, "F", 0.0, 20, "measured", 0),
        ("scoring_rate", 1, "M", 0.5, 20, "measured", 0),
        ("scoring_rate", 1, None, 0.25, 40, "measured", 0),
    ]
    assert [row[3:] for row in found if row[:3] == ("value_quantile_50", 1, "F")] == [(210.0, 20, "measured", 0)]
    assert [row[3:] for row in found if row[:3] == ("roc_auc", 1, "F")] == [(1.0, 10, "measured", 0)]
    *gap, low, high, n = query(db, GAPS, end=T0 + HOUR)[0]
    assert (*gap, {low, high}, n) == ("score_ks_distance", 1, 0.5, {"F", "M"}, 40)


def test_windows_of_several_hours_move_over_them(db: sa.Engine) -> None:
    counted = Counted(db)
    women, _ = scores(counted)
    counted.set(Basis.SCORES, T0 + HOUR, women, {"score_bin_99": 20})
    counted.commit(T0 + 3 * HOUR + MINUTE, idle=(False, True))
    run_on(db, CONFIG)
    two = [row for row in query(db, GROUPS, end=T0 + 2 * HOUR, basis="decision") if row[:2] == ("scoring_rate", 2)]
    assert two == [
        ("scoring_rate", 2, "F", 0.5, 40, "measured", 0),  # the median of sixty is bin 60
        ("scoring_rate", 2, "M", 0.5, 20, "measured", 0),
        ("scoring_rate", 2, None, 0.5, 60, "measured", 0),
    ]
    three = query(db, GROUPS, end=T0 + 3 * HOUR, basis="decision")
    assert [row[3:5] for row in three if row[:3] == ("scoring_rate", 2, "F")] == [(0.0, 20)], "the first hour has left"


def test_late_events_are_taken_up_when_no_more_can_come(db: sa.Engine) -> None:
    counted = Counted(db)
    women, _ = scores(counted)
    counted.commit(T0 + HOUR + MINUTE, idle=(False, True))
    run_on(db, CONFIG)
    counted.set(Basis.SCORES, T0, women, {"score_bin_20": 10, "score_bin_60": 10, "score_bin_90": 20})
    counted.commit(T0 + 5 * HOUR, idle=(False, True))
    run_on(db, CONFIG)
    rate = [row for row in query(db, GROUPS, end=T0 + HOUR, basis="decision") if row[:3] == ("scoring_rate", 1, "F")]
    assert rate == [("scoring_rate", 1, "F", 0.0, 20, "measured", 0)]
    counted.commit(T0 + 5 * HOUR + MINUTE, idle=(False, True))
    run_on(db, CONFIG)
    rate = [row for row in query(db, GROUPS, end=T0 + HOUR, basis="decision") if row[:3] == ("scoring_rate", 1, "F")]
    assert rate == [("scoring_rate", 1, "F", 0.5, 40, "measured", 1)]


def test_by_the_time_of_the_outcome_too(db: sa.Engine) -> None:
    counted = Counted(db)
    women, _ = scores(counted)
    counted.set(Basis.LABEL_SCORES_ARRIVED, T0, women, {"positive_bin_20": 5, "negative_bin_20": 5})
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG)
    found = query(db, GROUPS, end=T0 + HOUR, basis="outcome")
    assert [row[3:5] for row in found if row[:3] == ("roc_auc", 1, "F")] == [(0.5, 5)]


def test_a_drained_log_closes_the_hour_that_was_begun(db: sa.Engine) -> None:
    counted = Counted(db)
    scores(counted)
    counted.commit(T0 + 10 * MINUTE, T0 + 10 * MINUTE, drained=True)
    run_on(db, CONFIG)
    assert query(db, GAPS, end=T0 + HOUR)[0][2] == 0.5


ERRORS = """
models:
  - name: prices
    windows: [1h]
    attributes: {sex: {values: [F, M]}}
    metrics: [root_mean_squared_error, r2]
    value: {resolution: 1}
    display_min: 1
    join_horizon: 6h
"""


def test_errors_of_an_hour_have_the_interval_of_their_powers(db: sa.Engine) -> None:
    """Errors 3, -1, 2 and 0 of the actual values 0, 2, 4 and 6: mean square 14/4, and r2 1 - 14/20.

    The squares 9, 1, 4 and 0 have a sum of squared deviations of 98 - 14^2/4 = 49: an error of sqrt(49 / 12) of their mean. For r2
    the deviations of e^2 - .7 d^2 (d^2: 9, 1, 1, 9) are 2.7, .3, 3.3 and -6.3: sqrt(57.96 / 12) / 5 of one minus it.
    """
    counted = Counted(db)
    women = counted.cell("prices", {"sex": "F"})
    labels = {"labelled": 4, "compared": 4, "error": 4, "error_abs": 6, "error_sq_lo": 14}
    errors = {
        "compared": 4,
        "predicted": 16,
        "predicted_sq_lo": 82,
        "outcome": 12,
        "outcome_sq_lo": 56,
        "product_lo": 62,
    }
    powers = {
        "powered": 4,
        "fourth_0": 98,
        "crossed_0": 18,
        "crossed_sq_0": 68,
        "outcome_cube_0": 288,
        "outcome_fourth_0": 1568,
    }
    for basis in (Basis.LABEL_DECIDED, Basis.LABEL_ARRIVED):
        counted.set(basis, T0, women, labels)
    for basis in (Basis.ERRORS_DECIDED, Basis.ERRORS_ARRIVED):
        counted.set(basis, T0, women, errors)
    for basis in (Basis.ERROR_POWERS_DECIDED, Basis.ERROR_POWERS_ARRIVED):
        counted.set(basis, T0, women, powers)
    counted.decisions(T0, women, 4, 0)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, ERRORS)
    rows = query(db, OF_ERRORS, end=T0 + HOUR)
    of_root, of_unexplained = 1.959964 * sqrt(49 / 12) / 3.5 / 2, 1.959964 * sqrt(57.96 / 12) / 5 / 0.7
    root = sqrt(3.5), sqrt(3.5) * exp(-of_root), sqrt(3.5) * exp(of_root)
    fit = 0.3, 1 - 0.7 * exp(of_unexplained), 1 - 0.7 * exp(-of_unexplained)
    assert {row[:2] for row in rows} == {
        (m, b) for m in ("r2", "root_mean_squared_error") for b in ("decision", "outcome")
    }
    for metric, basis, *found in rows:
        expected = fit if metric == "r2" else root
        if (metric, basis) == ("root_mean_squared_error", "outcome"):  # followed by the minute
            assert found == [pytest.approx(expected[0]), None, None]
        else:
            assert found == pytest.approx(list(expected), rel=1e-6)


OF_ERRORS = """
select metric, time_basis, value, ci_low, ci_high from fairness_group
where version = '*' and group_values = '{"sex": "F"}' and window_end = to_timestamp(:end / 1000.0) order by 1, 2
"""

CLASSES = """
models:
  - name: desk
    windows: [1h]
    attributes: {sex: {values: [F, M]}}
    classes: [approve, refer, refuse]
    decision: {favourable: [approve]}
    outcome: {favourable: [approve]}
    metrics: [selection_rate, true_positive_rate]
    display_min: 1
    join_horizon: 6h
"""

OF_CLASSES = """
select label_class, metric, value, n from fairness_group where version = '*' and group_values = '{"sex": "F"}'
and time_basis = 'decision' and window_end = to_timestamp(:end / 1000.0) order by 1, 2
"""


def test_each_class_has_its_rates_against_the_rest(db: sa.Engine) -> None:
    counted = Counted(db)
    women = counted.cell("desk", {"sex": "F"})
    decided, labelled = {"events": 20, "decided": 20}, {"labelled": 10}
    counted.set(Basis.DECISION, T0, women, {**decided, "favourable": 8})
    counted.set(Basis.LABEL_DECIDED, T0, women, {**labelled, "tp": 3, "fn": 1})
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    rows = [(1, 8, (3, 1)), (2, 7, (1, 3)), (3, 5, (0, 0))]
    with db.begin() as connection:
        for number, chosen, (tp, fn) in rows:
            for basis, pane, sums in (
                (Basis.DECISION, HOUR, {**decided, "favourable": chosen}),
                (Basis.LABEL_DECIDED, HOUR, {**labelled, "tp": tp, "fn": fn}),
            ):
                connection.execute(
                    sa.text(
                        "insert into fairdrift.panes (basis, pane_ms, start_ms, stream, part, cell, class, sums, commit_no)"
                        " values (:basis, :pane, :start, 'predictions/outcomes', 0, :cell, :class, :sums, 1)"
                    ),
                    {
                        "basis": int(basis), "pane": pane, "start": T0, "cell": women, "class": number,
                        "sums": [sums.get(slot, 0) for slot in LAYOUTS[basis].slots],
                    },
                )  # fmt: skip
    run_on(db, CLASSES)
    found = query(db, OF_CLASSES, end=T0 + HOUR)
    assert [row for row in found if row[0] == ""] == [("", "selection_rate", 0.4, 20)]
    assert [row for row in found if row[0]] == [
        ("approve", "selection_rate", 0.4, 20), ("approve", "true_positive_rate", 0.75, 4),
        ("refer", "selection_rate", 0.35, 20), ("refer", "true_positive_rate", 0.25, 4),
        ("refuse", "selection_rate", 0.25, 20),
    ]  # fmt: skip
