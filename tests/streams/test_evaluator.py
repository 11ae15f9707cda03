"""The evaluator on a real Postgres: points against hand-worked numbers, revisions, determinism, one evaluation at a time."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.router import Router
from monitor.sums import Basis
from streams.config import parse
from streams.database import engine
from streams.evaluation import ModelEvaluator
from streams.evaluator import Evaluator
from streams.points import Points
from streams.retention import roll_up
from streams.settings import Settings
from streams.watching import routing_of
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
F, M = {"sex": "F"}, {"sex": "M"}

CONFIG = """
models:
  - name: credit
    pane: 1m
    windows: [5m, 1h]
    attributes: {sex: {values: [F, M], reference: M}}
    metrics: [selection_rate]
    display_min: 1
    watermark_delay: 1m
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 5m, for: 2m, keep_firing_for: 2m, min_n: 50, receivers: [oncall],
     rollback: {to: fallback}}
receivers:
  - {name: oncall, type: webhook, url: "https://example.org/", secret: "whsec_0123456789abcdef0123456789abcdef"}
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


@pytest.fixture
def settings() -> Settings:
    return parse(CONFIG)


def minutes(counted: Counted, rows: list[tuple[int, int, int, int]], first: int = 0, model: str = "credit") -> None:
    """One pane a minute: (F decided, F favourable, M decided, M favourable)."""
    women, men = counted.cell(model, F), counted.cell(model, M)
    for minute, (f, f_yes, m, m_yes) in enumerate(rows, first):
        counted.decisions(T0 + minute * MINUTE, women, f, f_yes)
        counted.decisions(T0 + minute * MINUTE, men, m, m_yes)


GROUPS = """
select group_values ->> 'sex', value, n, numerator, denominator, state, revision from fairness_group
where version = '*' and window_seconds = 300 and window_end = to_timestamp(:end / 1000.0) order by 1
"""


def test_points_of_two_panes_are_the_hand_worked_rates(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8), (10, 2, 10, 9)])
    counted.commit(T0 + 3 * MINUTE, idle=(False, True))  # the watermark is two minutes on: two panes have closed
    progress = run(Evaluator(db, settings))
    assert progress.models[0].ends["decision"] == T0 + 2 * MINUTE
    assert query(db, GROUPS, end=T0 + MINUTE) == [
        ("F", 0.4, 10, 4, 10, "measured", 0),
        ("M", 0.8, 10, 8, 10, "measured", 0),
        (None, 0.6, 20, 12, 20, "measured", 0),
    ]
    assert query(db, GROUPS, end=T0 + 2 * MINUTE) == [
        ("F", 0.3, 20, 6, 20, "measured", 0),
        ("M", 0.85, 20, 17, 20, "measured", 0),
        (None, 0.575, 40, 23, 40, "measured", 0),
    ]
    disparities = query(
        db,
        "select aggregate, method, value, lower_group ->> 'sex', higher_group ->> 'sex', n, state from fairness_disparity"
        " where version = '*' and window_seconds = 300 and window_end = to_timestamp(:end / 1000.0) order by 1, 2",
        end=T0 + 2 * MINUTE,
    )
    assert disparities == [
        ("difference", "between_groups", pytest.approx(0.55), "F", "M", 40, "measured"),
        ("difference", "to_reference", pytest.approx(-0.55), "F", "M", 40, "measured"),
        ("ratio", "between_groups", pytest.approx(0.3 / 0.85), "F", "M", 40, "measured"),
        ("ratio", "to_reference", pytest.approx(0.3 / 0.85), "F", "M", 40, "measured"),
    ]


def test_partitions_are_summed_and_the_slowest_holds_the_clock(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db, parts=2)
    women = counted.cell("credit", F)
    counted.decisions(T0, women, 10, 4, part=0)
    counted.commit(T0 + 10 * MINUTE, part=0, idle=(False, True))
    evaluator = Evaluator(db, settings)
    progress = run(evaluator)
    assert progress.models[0].ends == {}
    assert [str(holder) for holder in progress.models[0].held_by] == ["predictions partition 1"]
    counted.decisions(T0, women, 5, 5, part=1)
    counted.commit(T0 + 2 * MINUTE, part=1, idle=(False, True))
    assert run(evaluator).models[0].ends["decision"] == T0 + MINUTE
    assert query(db, GROUPS, end=T0 + MINUTE)[0] == ("F", 0.6, 15, 9, 15, "measured", 0)


def test_leaving_panes_are_subtracted(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 1, 10, 10)] + [(10, 5, 10, 10)] * 5)
    counted.commit(T0 + 7 * MINUTE, idle=(False, True))
    run(Evaluator(db, settings))
    assert query(db, GROUPS, end=T0 + 5 * MINUTE)[0][1:5] == (0.42, 50, 21, 50)
    assert query(db, GROUPS, end=T0 + 6 * MINUTE)[0][1:5] == (0.5, 50, 25, 50)


def test_evaluating_again_writes_nothing_new(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, BREACH)
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, settings))
    before = everything(db)
    counted.commit(OVER, idle=(False, True))
    for evaluator in (Evaluator(db, settings), Evaluator(db, settings)):
        assert run(evaluator).transitions == 0
    assert everything(db) == before


OVER = T0 + 61 * MINUTE
BREACH = [(20, 16, 20, 16)] * 6 + [(20, 4, 20, 16)] * 24 + [(20, 20, 20, 16)] * 30

EVERYTHING = """
select s.*, p.window_seconds, p.window_end, p.revision, p.state, p.value, p.ci_low, p.ci_high, p.n, p.numerator,
    p.denominator, p.label_coverage, p.lower_group, p.higher_group, p.reason, p.superseded_at is null, p.tier
from fairdrift.points p
join (select id, kind, model, version, arm, time_basis, attribute_set, group_values, metric, aggregate, method
      from fairdrift.series) s on s.id = p.series
"""
ALERTS = """
select alert, transition_no, from_state, to_state, pane_end, payload::text from alert_history order by alert, transition_no
"""
TOLD = "select alert, transition_no, episode, firing, labels::text from fairdrift.notices order by alert, transition_no"


def everything(db: sa.Engine) -> list[Any]:
    """All that an evaluation wrote, but for ids and times of the clock on the wall."""
    points = sorted(map(str, (row[1:] for row in query(db, EVERYTHING))))
    return [
        points,
        query(db, ALERTS),
        query(db, TOLD),
        query(db, "select model, from_route, to_route from control_history"),
        query(
            db, "select family, pane_end_ms, encode(state, 'hex'), finding from fairdrift.evidence_states order by 1"
        ),
        query(db, "select * from fairness_evidence order by family, pane_end"),
    ]


def test_the_alert_fires_after_its_for_and_resolves(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, BREACH)
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, settings))
    told = query(
        db,
        "select from_state, to_state, (extract(epoch from pane_end) * 1000 - :t0) / 60000 from alert_history"
        " where rule = 'parity' order by 3",
        t0=T0,
    )
    # 50 decisions a side are there after three minutes. From minute 6 to 30 women get 4 of 20: a page needs
    # ln(43,200 panes / 1 false page) = 10.7 nats. After that they get all: resolved by evidence, 30 minutes later at least.
    states = [(before, after) for before, after, _ in told]
    assert states[:2] == [("inactive", "insufficient_data"), ("insufficient_data", "inactive")]
    assert states[2:] == [("inactive", "pending"), ("pending", "firing"), ("firing", "resolved")]
    pending, firing, resolved = (float(minute) for _, _, minute in told[2:])
    assert 8 <= pending <= 30
    assert firing == pending + 2
    assert pending + 30 <= resolved <= 60
    standing = query(
        db, "select log_evidence >= log_evidence_needed from fairness_evidence where pane_end = :at", at=ends(db)[0]
    )
    assert standing == [(True,)]
    Router(db, routing_of(settings)).run_once()
    told = query(db, "select receiver, payload ->> 'status', payload ->> 'severity' from fairdrift.outbox order by id")
    pages = [(receiver, status) for receiver, status, severity in told if severity != "ticket"]
    assert pages == [("fairdrift.control", None), ("oncall", "firing"), ("oncall", "resolved")]
    assert query(db, "select model, route, epoch from fairdrift.routes") == [("credit", "fallback", 1)]


def test_a_window_below_min_n_blocks_neither_the_page_nor_its_end(db: sa.Engine) -> None:
    """100 decisions a side in five minutes, and 500 asked for: the page comes and goes without the window's figures."""
    counted = Counted(db)
    minutes(counted, BREACH)
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, parse(CONFIG.replace("min_n: 50", "min_n: 500"))))
    told = query(db, "select from_state, to_state, payload from alert_history where rule = 'parity' order by pane_end")
    assert [after for _, after, _ in told] == [
        "insufficient_data",  # few, and no evidence
        "inactive",  # some evidence: unproven
        "pending",
        "firing",
        "resolved",
        "insufficient_data",
    ]
    page = told[3][2]
    assert page["estimate"]["value"] is None
    assert (page["lower"]["groups"], page["lower"]["n"], page["lower"]["reason"]) == (F, 0, "fewer than 500")
    present = page["evidence"]["present"]  # an hour, which is enough to be told
    assert min(present[side]["n"] for side in ("lower", "higher")) >= 500
    assert present["estimate"]["value"] < 0.8
    assert page["evidence"]["log_evidence"] >= page["evidence"]["needed"]


def test_women_who_are_gone_do_not_end_the_page_about_them(db: sa.Engine, settings: Settings) -> None:
    """With too few or with none of them in the window: nothing has shown that the bound is kept again."""
    counted = Counted(db)
    minutes(counted, [*BREACH[:30], *[(1, 1, 20, 16)] * 10, *[(0, 0, 20, 16)] * 20])
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, settings))
    assert query(db, "select state, summary ->> 'finding' from fairdrift.alert_states where rule = 'parity'") == [
        ("firing", "insufficient_data")
    ]


def ends(db: sa.Engine) -> list[Any]:
    """When the page was in breach for the first time."""
    query_ = "select pane_end from alert_history where rule = 'parity' and to_state = 'pending'"
    return [end for (end,) in query(db, query_)]


def test_a_tiny_group_does_not_hide_a_gap_between_large_ones(db: sa.Engine) -> None:
    """Between all groups the extremes would be one of 2 people and another: a rule leaves those below its min_n out."""
    config = CONFIG.replace("method: to_reference", "method: between_groups").replace("[F, M]", "[F, M, X]")
    counted = Counted(db)
    few = counted.cell("credit", {"sex": "X"})
    minutes(counted, [(100, 30, 100, 60)] * 10)
    for minute in range(10):
        counted.decisions(T0 + minute * MINUTE, few, 2, 0)
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, parse(config)))
    fired = query(db, "select payload from fairdrift.alert_transitions where to_state = 'firing'")
    assert len(fired) == 1
    told = json.dumps(fired[0][0])
    assert '"F"' in told
    assert '"X"' not in told


def test_points_that_an_alert_cites_are_kept(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, BREACH)
    counted.commit(OVER, idle=(False, True))
    run(Evaluator(db, settings))
    kept = query(db, "select distinct window_seconds, window_end from fairdrift.points where tier = 'kept' order by 2")
    ends = query(db, "select pane_end from alert_history where 'firing' in (from_state, to_state) order by 1")
    assert kept == [(300, end) for (end,) in ends]


@pytest.mark.parametrize("piece", [1, 3, 7])
def test_any_chunking_gives_the_same_points_and_alerts(
    db: sa.Engine, databases: Any, settings: Settings, piece: int
) -> None:
    whole = Counted(db)
    minutes(whole, BREACH)
    whole.commit(OVER, idle=(False, True))
    run(Evaluator(db, settings))
    with databases.fresh() as url:
        other = engine(url)
        pieces = Counted(other)
        evaluator = Evaluator(other, settings)
        for first in range(0, len(BREACH), piece):
            minutes(pieces, BREACH[first : first + piece], first)
            pieces.commit(min(T0 + (first + piece) * MINUTE, OVER), idle=(False, True))
            if first % 2:
                evaluator = Evaluator(other, settings)  # another worker, or this one after a crash
            run(evaluator)
        pieces.commit(OVER, idle=(False, True))
        run(evaluator)
        assert everything(other) == everything(db)
        other.dispose()


def test_two_at_once_write_what_one_writes(db: sa.Engine, databases: Any, settings: Settings) -> None:
    with databases.fresh() as url:
        other = engine(url)
        for target in (db, other):
            counted = Counted(target)
            minutes(counted, BREACH)
            counted.commit(OVER, idle=(False, True))
        run(Evaluator(db, settings))
        evaluators = [Evaluator(other, settings) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(run, evaluators))
        run(evaluators[0])
        assert everything(other) == everything(db)
        other.dispose()


def test_two_evaluators_never_issue_two_rollbacks_for_one_breach(db: sa.Engine, settings: Settings) -> None:
    """Pane by pane, both at every one at once, as two workers do; one route, one history row, one record to publish."""
    counted, evaluators = Counted(db), [Evaluator(db, settings) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        for minute, row in enumerate(BREACH):
            minutes(counted, [row], minute)
            counted.commit(T0 + (minute + 1) * MINUTE, idle=(False, True))
            list(threads.map(run, evaluators))
    counted.commit(OVER, idle=(False, True))
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, evaluators))
    assert query(db, "select epoch, from_route, to_route, changed_by from control_history") == [
        (1, "live", "fallback", "rule:parity")
    ]
    assert query(db, "select dedup_key from fairdrift.outbox where channel = 'rollback'") == [
        ("control:credit:1:fairdrift.control",)
    ]


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_round_does_it(
    db: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(db)
    minutes(counted, BREACH)
    counted.commit(OVER, idle=(False, True))
    evaluator = Evaluator(db, settings)

    def crash(*_: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("streams.evaluation.save", crash)
        with pytest.raises(RuntimeError, match="killed"):
            evaluator.run_once()
    assert query(db, "select count(*) from fairdrift.points") == [(0,)]
    assert query(db, "select count(*) from fairdrift.evaluations") == [(0,)]
    run(evaluator)
    assert query(db, "select count(*) from alert_history where rule = 'parity'") == [(5,)]


def test_a_late_event_revises_the_points_and_runs_no_alert_again(
    db: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)] * 10)
    counted.commit(T0 + 11 * MINUTE, idle=(False, True))
    evaluator = Evaluator(db, settings)
    run(evaluator)
    alerts = query(db, ALERTS)
    (known,) = query(db, "select now()")[0]
    counted.decisions(T0 + 2 * MINUTE, counted.cell("credit", F), 11, 5)  # one woman more, favourably
    counted.commit(T0 + 11 * MINUTE, idle=(False, True))
    run(evaluator)
    shown = query(db, GROUPS, end=T0 + 7 * MINUTE)
    assert shown[0] == ("F", pytest.approx(21 / 51), 51, 21, 51, "measured", 1)
    assert shown[1] == ("M", 0.8, 50, 40, 50, "measured", 0), "what has not changed has no new revision"
    assert query(db, GROUPS, end=T0 + 8 * MINUTE)[0][-1] == 0, "no window that ends later holds the pane"
    assert query(db, GROUPS.replace("fairness_group", "fairness_group_as_of(:at)"), end=T0 + 7 * MINUTE, at=known)[0] == (
        "F", 0.4, 50, 20, 50, "measured", 0,
    )  # fmt: skip
    assert query(db, ALERTS) == alerts


def test_restated_panes_count_in_later_windows(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)] * 3)
    counted.commit(T0 + 4 * MINUTE, idle=(False, True))
    evaluator = Evaluator(db, settings)
    run(evaluator)
    counted.decisions(T0 + MINUTE, counted.cell("credit", F), 20, 14)
    minutes(counted, [(10, 4, 10, 8)], first=3)
    counted.commit(T0 + 5 * MINUTE, idle=(False, True))
    run(evaluator)
    assert query(db, GROUPS, end=T0 + 4 * MINUTE)[0] == ("F", 0.52, 50, 26, 50, "measured", 0)


def test_a_drain_closes_the_last_pane_and_leaves_nothing_waiting(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)] * 2)
    counted.commit(T0 + MINUTE + 30_000, drained=True)
    progress = run(Evaluator(db, settings))
    assert progress.caught_up
    assert progress.models[0].ends["decision"] == T0 + 2 * MINUTE


def test_groups_of_few_people_are_not_shown(db: sa.Engine) -> None:
    settings = parse(CONFIG.replace("display_min: 1", "display_min: 10"))
    counted = Counted(db)
    minutes(counted, [(3, 1, 40, 20)])
    counted.commit(T0 + 2 * MINUTE, idle=(False, True))
    run(Evaluator(db, settings))
    shown = query(db, GROUPS, end=T0 + MINUTE)
    assert shown[0] == ("F", None, None, None, None, "suppressed", 0)
    assert not any(row[2] in (3, 43) for row in shown) or shown[1][5] == "suppressed"


def test_a_window_over_two_schemas_is_undefined(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    counted.decisions(T0, counted.cell("credit", F, schema="old"), 10, 4)
    counted.decisions(T0 + 6 * MINUTE, counted.cell("credit", F), 10, 4)
    counted.commit(T0 + 9 * MINUTE, idle=(False, True))
    run(Evaluator(db, settings))
    states = query(
        db,
        "select window_seconds, state, value from fairness_group where group_values ->> 'sex' = 'F' and version = '*'"
        " and window_end = to_timestamp(:end / 1000.0) order by 1",
        end=T0 + 7 * MINUTE,
    )
    assert states == [(300, "measured", 0.4), (3600, "undefined", None)]


LABELS_CONFIG = """
models:
  - name: credit
    pane: 1m
    windows: [1h]
    attributes: {sex: {values: [F, M]}}
    metrics: [selection_rate, true_positive_rate]
    display_min: 1
    watermark_delay: 1m
"""


def test_outcome_metrics_by_both_times_with_coverage(db: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    counted = Counted(db)
    women = counted.cell("credit", F)
    labels = {"labelled": 4, "positive": 3, "negative": 1, "tp": 2, "fn": 1, "fp": 1}
    counted.decisions(T0 + 5 * MINUTE, women, 8, 5)
    counted.set(Basis.LABEL_DECIDED, T0, women, labels)
    counted.set(Basis.LABEL_ARRIVED, T0 + 30 * MINUTE, women, labels)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    evaluator = Evaluator(db, parse(LABELS_CONFIG))
    run(evaluator)
    rates = """
    select time_basis, value, n, label_coverage, revision from fairness_group
    where metric = 'true_positive_rate' and group_values ->> 'sex' = 'F' and version = '*'
        and window_end = to_timestamp(:end / 1000.0) order by 1
    """
    assert query(db, rates, end=T0 + HOUR) == [
        ("decision", pytest.approx(2 / 3), 3, 0.5, 0),
        ("outcome", pytest.approx(2 / 3), 3, None, 0),
    ]
    # A day later all eight are labelled, seven of them positive, six of those found.
    more = {"labelled": 8, "positive": 7, "negative": 1, "tp": 6, "fn": 1, "fp": 1}
    counted.set(Basis.LABEL_DECIDED, T0, women, more)
    counted.commit(T0 + DAY + 2 * HOUR, T0 + DAY + 2 * HOUR)
    run(evaluator)
    assert query(db, rates, end=T0 + HOUR)[0] == ("decision", pytest.approx(6 / 7), 7, 1.0, 1)


def test_silence_is_skipped_and_the_windows_run_empty(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)])
    minutes(counted, [(10, 4, 10, 8)], first=30 * 24 * 60)
    counted.commit(T0 + 30 * DAY + 2 * MINUTE, idle=(False, True))
    progress = run(Evaluator(db, settings))
    assert progress.models[0].ends["decision"] == T0 + 30 * DAY + MINUTE
    assert query(db, GROUPS, end=T0 + 7 * MINUTE)[0] == ("F", None, 0, 0, 0, "undefined", 0)
    assert query(db, "select count(distinct window_end) from fairness_group where window_seconds = 300") == [(62,)]


LONG_CONFIG = """
models:
  - name: credit
    pane: 30m
    windows: [2h, 3d]
    attributes: {sex: {values: [F, M]}}
    metrics: [selection_rate]
    display_min: 1
    watermark_delay: 1m
"""


def test_a_roll_up_between_rounds_shows_nowhere(db: sa.Engine, databases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six days, evaluated day by day; in one database panes are rolled up in between, and workers change."""
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    settings, pane = parse(LONG_CONFIG), 30 * MINUTE
    with databases.fresh() as url:
        other = engine(url)
        for target, rolls in ((db, False), (other, True)):
            counted, evaluator = Counted(target, pane=pane), Evaluator(target, settings)
            women, men = counted.cell("credit", F), counted.cell("credit", M)
            for day in range(6):
                for at in range(T0 + day * DAY, T0 + (day + 1) * DAY, pane):
                    counted.decisions(at, women, 10, at // pane % 10)
                    counted.decisions(at, men, 10, at // pane % 7)
                counted.commit(T0 + (day + 1) * DAY + MINUTE, idle=(False, True))
                run(evaluator)
                if rolls:
                    with target.begin() as connection:
                        number = counted.numbers[0] = counted.numbers[0] + 1
                        bound = roll_up(connection, counted.stream, 0, T0 + 6 * DAY, number)
                        connection.execute(
                            sa.text("update fairdrift.positions set rolled_up_to = :bound, commit_no = :number"),
                            {"bound": bound, "number": number},
                        )
                    run(evaluator)
                    evaluator = Evaluator(target, settings) if day % 2 else evaluator
        rolled = query(other, "select count(*) from fairdrift.panes where pane_ms = :hour", hour=HOUR)
        assert rolled == [(3 * 24 * 2,)]
        assert everything(other) == everything(db)
        other.dispose()


def test_other_models_of_the_stream_are_left_alone(db: sa.Engine, settings: Settings) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)])
    minutes(counted, [(10, 0, 10, 0)], model="other")
    counted.commit(T0 + 2 * MINUTE, idle=(False, True))
    run(Evaluator(db, settings))
    assert query(db, GROUPS, end=T0 + MINUTE)[0][1:3] == (0.4, 10)
    assert query(db, "select distinct model from fairness_group") == [("credit",)]


def test_nothing_committed_is_nothing_done(db: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)])
    counted.commit(T0 + 2 * MINUTE, drained=True)
    evaluator = Evaluator(db, settings)
    run(evaluator)
    rounds: list[ModelEvaluator] = []
    monkeypatch.setattr(ModelEvaluator, "round", rounds.append)
    evaluator.run_once()
    assert rounds == []


def test_the_configuration_in_force_is_stored_under_its_version(db: sa.Engine, settings: Settings) -> None:
    Evaluator(db, settings).run_once()
    ((version, body),) = query(db, "select version, body from fairdrift.config_versions")
    assert version == settings.version
    assert body["models"][0]["name"] == "credit"
    assert "whsec" not in str(body)


def test_the_loop_evaluates_what_comes_and_stops(db: sa.Engine, settings: Settings) -> None:
    async def scenario() -> None:
        stop, wake = asyncio.Event(), asyncio.Event()
        loop = asyncio.create_task(Evaluator(db, settings).run(stop, wake, pause=30.0))
        counted = Counted(db)
        minutes(counted, [(10, 4, 10, 8)])
        await asyncio.to_thread(counted.commit, T0 + 2 * MINUTE)
        async with asyncio.timeout(20):
            while not query(db, "select 1 from fairdrift.evaluations"):
                wake.set()
                await asyncio.sleep(0.01)
        stop.set()
        async with asyncio.timeout(20):
            await loop

    asyncio.run(scenario())


def test_a_model_evaluator_that_lost_the_lock_says_so(db: sa.Engine, settings: Settings) -> None:
    from streams.watching import watched

    counted = Counted(db)
    minutes(counted, [(10, 4, 10, 8)])
    counted.commit(T0 + 2 * MINUTE)
    (of,) = watched(settings)
    with db.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('fairdrift evaluation credit', 0))"))
        progress = ModelEvaluator(db, of, Points(db)).round()
    assert progress.pending
    assert query(db, "select count(*) from fairdrift.points") == [(0,)]
