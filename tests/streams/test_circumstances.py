"""Rules about records, groups, labels and silence, in the evaluator on a real Postgres."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.rules.absence import AbsenceConfig, AbsenceRule
from monitor.sums import Basis
from streams.arrivals import Arrivals
from streams.config import parse
from streams.database import engine
from streams.evaluator import Evaluator
from streams.silence import still
from tests.streams.counted import Counted

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
F, M, NOBODY = {"sex": "F"}, {"sex": "M"}, {"sex": "unknown"}

CONFIG = """
models:
  - {{name: credit, windows: [5m, 1h], attributes: {{sex: [F, M]}}, display_min: 1}}
  - {{name: other, windows: [5m, 1h], attributes: {{sex: [F, M]}}, display_min: 1}}
rules: [{{model: credit, receivers: [], {rule}}}]
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


def evaluator(db: sa.Engine, rule: str) -> Evaluator:
    return Evaluator(db, parse(CONFIG.format(rule=rule)))


def run(evaluator: Evaluator) -> None:
    while evaluator.run_once().behind:
        pass


def transitions(db: sa.Engine) -> list[tuple[Any, ...]]:
    """Metric, state after it, and the minute (since T0) of every change of state."""
    query = "select labels ->> 'metric', to_state, (extract(epoch from pane_end) * 1000)::bigint from fairdrift.alert_transitions order by 3, 1"
    with db.connect() as connection:
        return [(metric, to, (end - T0) / MINUTE) for metric, to, end in connection.execute(sa.text(query))]


def records(counted: Counted, model: str, minutes: range, **sums: int) -> None:
    cell = counted.cell(model, {}, version="*", arm="*", schema="quality")
    for minute in minutes:
        counted.set(Basis.QUALITY, T0 + minute * MINUTE, cell, sums)


def decisions(counted: Counted, model: str, groups: dict[str, str], minutes: range, n: int) -> None:
    cell = counted.cell(model, groups)
    for minute in minutes:
        counted.decisions(T0 + minute * MINUTE, cell, n, n // 2)


def test_a_model_falls_silent_while_another_goes_on(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(5), 10)
    records(counted, "credit", range(5), predictions=10)
    records(counted, "other", range(30), predictions=10)
    counted.commit(T0 + 31 * MINUTE)
    run(evaluator(db, "name: silent, type: absence, of: predictions, after: 10m"))
    # the newest of its panes starts at 4, of the other at m: silent for more than 10 once m = 15, in the pane that ends at 16
    assert transitions(db) == [("prediction_silence", "firing", 16.0)]

    decisions(counted, "credit", F, range(30, 31), 10)
    records(counted, "credit", range(30, 31), predictions=10)
    counted.commit(T0 + 33 * MINUTE)
    run(evaluator(db, "name: silent, type: absence, of: predictions, after: 10m"))
    assert transitions(db)[1:] == [("prediction_silence", "resolved", 31.0)]


def test_what_begins_after_all_windows_have_run_empty(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(5), 10)
    records(counted, "credit", range(5), predictions=10)
    records(counted, "other", range(240), predictions=10)
    records(counted, "credit", range(180, 185), dead_letters=200)
    counted.commit(T0 + 242 * MINUTE)
    both = "name: silent, type: absence, of: predictions, after: 2h}, {model: credit, receivers: [], "
    both += "name: broken, type: quality, share: dead_letter, max: 0.1, window: 10m"
    run(evaluator(db, both))
    # the longest window is of an hour; silent for more than 120 once the other's newest starts at 125
    fired = [change for change in transitions(db) if change[1] == "firing"]
    assert fired == [("prediction_silence", "firing", 126.0), ("dead_letter_share", "firing", 181.0)]

    decisions(counted, "credit", F, range(241, 242), 10)
    records(counted, "credit", range(241, 242), predictions=1000)
    counted.commit(T0 + 244 * MINUTE)
    run(evaluator(db, both))
    over = [change for change in transitions(db) if change[1] == "resolved"]
    assert over == [("dead_letter_share", "resolved", 242.0), ("prediction_silence", "resolved", 242.0)]


def test_a_breach_lasts_on_where_nobody_sends_any_more(db: sa.Engine) -> None:
    counted = Counted(db)
    for begin in (0, 1440):
        decisions(counted, "credit", F, range(begin, begin + 5), 10)
        records(counted, "credit", range(begin, begin + 5), predictions=10)
    records(counted, "other", range(130), predictions=10)
    counted.commit(T0 + 1446 * MINUTE)
    run(evaluator(db, "name: silent, type: absence, of: predictions, after: 2h, for: 30m"))
    # too long since 126, as above; the other's last pane is the one before 130; both are there again in the pane that ends at 1,441
    assert transitions(db) == [
        ("prediction_silence", "pending", 126.0),
        ("prediction_silence", "firing", 156.0),
        ("prediction_silence", "resolved", 1441.0),
    ]


def test_a_gap_of_everybody_is_no_model_s_silence(db: sa.Engine) -> None:
    counted = Counted(db)
    for model in ("credit", "other"):
        records(counted, model, range(5), predictions=10)
        records(counted, model, range(60, 65), predictions=10)
    decisions(counted, "credit", F, range(5), 10)
    counted.commit(T0 + 66 * MINUTE)
    run(evaluator(db, "name: silent, type: absence, of: predictions, after: 10m"))
    assert transitions(db) == []


def test_when_nothing_at_all_comes_wall_clock_time_decides(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(5), 10)
    records(counted, "credit", range(5), predictions=10)
    counted.commit(T0 + 6 * MINUTE)
    looking = evaluator(db, "name: silent, type: absence, of: predictions, after: 10m")
    run(looking)
    assert transitions(db) == []
    with db.begin() as connection:  # nothing has come for twenty minutes, and this process has looked as long
        connection.execute(sa.text("alter table fairdrift.positions disable trigger all"))
        connection.execute(
            sa.text("update fairdrift.positions set prediction_moved_at = now() - interval '20 minutes'")
        )
    watch = looking._models[0]._watch
    watch._began, watch._looked = int(time.time() * 1000) - HOUR, 0
    run(looking)
    assert transitions(db) == [("prediction_silence", "firing", 25.0)]

    decisions(counted, "credit", F, range(40, 41), 10)
    records(counted, "credit", range(40, 41), predictions=10)
    counted.commit(T0 + 43 * MINUTE)
    watch._began = int(time.time() * 1000)
    run(looking)
    assert transitions(db)[1:] == [("prediction_silence", "resolved", 26.0)]


def test_a_restart_does_not_count_as_silence() -> None:
    config = AbsenceConfig.model_validate({"name": "silent", "type": "absence", "after": "10m"})
    rule = AbsenceRule.from_config(config, "credit")
    at, seen = still(rule, Arrivals("credit", MINUTE), T0, (T0 + DAY, T0 + DAY + 11 * MINUTE))
    assert (at, seen.value) == (T0 + 11 * MINUTE, 660.0)


def test_the_share_of_late_records(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(1), 10)
    records(counted, "credit", range(10), predictions=100, predictions_late=0)
    records(counted, "credit", range(10, 15), predictions=100, predictions_late=50)
    counted.commit(T0 + 16 * MINUTE)
    run(evaluator(db, "name: late, type: quality, share: late, max: 0.1, window: 5m"))
    # of the last 500 records 50 are late after one such minute, 100 after two: Wilson's low at 1 - 1e-6 is 0.127
    assert transitions(db) == [("late_share", "firing", 12.0)]


def test_the_share_of_unknown_groups(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(10), 100)
    decisions(counted, "credit", NOBODY, range(5, 10), 20)
    counted.commit(T0 + 11 * MINUTE)
    run(evaluator(db, "name: unknown, type: quality, share: unknown, max: 0.05, window: 5m"))
    # 40 of 540 after two minutes: Wilson's low is 0.0346; 80 of 580 after four: 0.0808; 60 of 560 after three: 0.0575
    assert transitions(db) == [("unknown_share", "firing", 8.0)]


def test_a_group_vanishes(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", M, range(30), 80)
    decisions(counted, "credit", F, range(20), 20)
    counted.commit(T0 + 31 * MINUTE)
    run(evaluator(db, "name: gone, type: absence, of: groups, attributes: [sex], window: 5m, before: 1h"))
    # none of F in five minutes from 25 on: 400 decisions, of which a fifth were F before
    assert ("group_presence", "firing", 25.0) in transitions(db)


def test_labels_of_one_group_are_missing(db: sa.Engine) -> None:
    counted = Counted(db)
    women, men = counted.cell("credit", F), counted.cell("credit", M)
    for minute in range(60):
        counted.decisions(T0 + minute * MINUTE, women, 10, 5)
        counted.decisions(T0 + minute * MINUTE, men, 10, 5)
    counted.set(Basis.LABEL_DECIDED, T0, women, {"labelled": 300})
    counted.set(Basis.LABEL_DECIDED, T0, men, {"labelled": 570})
    counted.set(
        Basis.LABEL_ARRIVED, T0 + 3 * HOUR - MINUTE, men, {"labelled": 570, "positive": 570, "tp": 285, "fn": 285}
    )
    counted.commit(T0 + 3 * HOUR + 2 * MINUTE, T0 + 3 * HOUR + 2 * MINUTE)
    run(evaluator(db, "name: labels, type: absence, of: labels, attributes: [sex], window: 1h, age: 2h, max_gap: 0.05"))
    assert transitions(db) == [("label_coverage", "firing", 180.0)]


def test_outcomes_of_which_none_is_ever_joined(db: sa.Engine) -> None:
    """Nothing of the outcome's clock is counted then, and so there is no window that would look."""
    counted = Counted(db)
    decisions(counted, "credit", F, range(60), 10)
    decisions(counted, "credit", M, range(60), 10)
    records(counted, "credit", range(60), predictions=20)
    records(counted, "credit", range(60, 240), outcomes=20, received=20)
    counted.commit(T0 + 242 * MINUTE, T0 + 242 * MINUTE)
    rule = "name: labels, type: absence, of: labels, attributes: [sex], window: 1h, age: 2h, min_coverage: 0.5"
    looking = evaluator(db, rule)
    run(looking)
    # the decisions of the first hour were two hours old at three; those of the second are none
    assert transitions(db) == [("label_coverage", "firing", 180.0)]
    run(looking)
    run(evaluator(db, rule))
    assert len(transitions(db)) == 1


def test_outcomes_that_are_late_from_the_first_on(db: sa.Engine) -> None:
    counted = Counted(db)
    decisions(counted, "credit", F, range(5), 10)
    records(counted, "credit", range(5), predictions=10)
    records(counted, "credit", range(5, 10), outcomes=50, outcomes_late=50)
    counted.commit(T0 + 11 * MINUTE, T0 + 11 * MINUTE)
    rule = "name: late, type: quality, share: late, of: outcomes, max: 0.1, window: 5m"
    run(evaluator(db, rule))
    # 50 are fewer than min_n, 100 of 100 are not
    began = [("outcomes_late_share", "insufficient_data", 6.0), ("outcomes_late_share", "firing", 7.0)]
    assert transitions(db) == began

    cell = counted.cell("credit", F)
    counted.set(Basis.LABEL_ARRIVED, T0 + 10 * MINUTE, cell, {"labelled": 500, "positive": 250, "tp": 125, "fn": 125})
    records(counted, "credit", range(10, 15), outcomes=1000)
    counted.commit(T0 + 16 * MINUTE, T0 + 16 * MINUTE)
    run(evaluator(db, rule))
    # 150 of 2,150 once the window is from 7 to 12, 200 of 1,200 the minute before
    assert transitions(db) == [*began, ("outcomes_late_share", "resolved", 12.0)]


def test_a_regulation_is_judged_once_a_day(db: sa.Engine) -> None:
    counted = Counted(db)
    women, men = counted.cell("credit", F), counted.cell("credit", M)
    for hour in range(30):
        counted.decisions(T0 + hour * HOUR, women, 50, 20)
        counted.decisions(T0 + hour * HOUR, men, 50, 30)
    counted.commit(T0 + 30 * HOUR)
    text = CONFIG.replace("windows: [5m, 1h]", "windows: [1d]")
    looking = Evaluator(db, parse(text.format(rule="name: law, type: four_fifths, window: 1d")))
    run(looking)
    assert transitions(db) == [("selection_rate", "firing", 1440.0)]


def test_a_regulation_is_judged_over_its_own_period(db: sa.Engine) -> None:
    """Two days of 300 of 600 women and 300 of 500 men are 0.83; with the first day's 0 of 600 it would be less. Then a day of none:
    600 of 1,800 beside 900 of 1,500."""
    counted = Counted(db)
    women, men = counted.cell("credit", F), counted.cell("credit", M)
    for day, k in enumerate((0, 300, 300, 0)):
        counted.decisions(T0 + day * DAY, women, 600, k)
        counted.decisions(T0 + day * DAY, men, 500, 300)
    counted.commit(T0 + 4 * DAY + 2 * MINUTE)
    text = CONFIG.format(rule="name: law, type: four_fifths, period: {since: 2023-11-16}")
    run(Evaluator(db, parse(text)))
    found = transitions(db)
    assert found[-1] == ("selection_rate", "firing", 4 * 1440.0)
    assert all(to != "firing" for _, to, _ in found[:-1])
    query = "select payload from fairdrift.alert_transitions where to_state = 'firing'"
    with db.connect() as connection:
        (told,) = connection.execute(sa.text(query)).scalars()
    assert told["window"]["start"] == "2023-11-16T00:00:00.000Z"
    assert (told["lower"]["numerator"], told["lower"]["denominator"]) == (600, 1800)
