"""Precision is judged over cohorts whose labels are all in, and not before."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from monitor.sums import Basis
from streams.config import parse
from streams.database import engine
from streams.evaluator import Evaluator
from streams.evidence_rows import thin_out
from tests.streams.counted import Counted

HOUR = 3_600_000
T0 = 1_700_006_400_000

CONFIG = """
models:
  - name: credit
    pane: 1m
    windows: [1h]
    attributes: {sex: {values: [F, M], reference: M}}
    metrics: [precision]
    join_horizon: 5h
    max_lateness: 1h
    dedup_horizon: 1h
rules:
  - {name: worth, type: threshold, model: credit, metric: precision, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 1h}
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


def test_an_hour_is_folded_when_nothing_of_it_can_change(db: sa.Engine) -> None:
    counted = Counted(db)
    women, men = counted.cell("credit", {"sex": "F"}), counted.cell("credit", {"sex": "M"})
    for hour in range(40):
        for basis in (Basis.LABEL_DECIDED, Basis.LABEL_ARRIVED):
            for cell, right in ((women, 30), (men, 90)):
                sums = {"labelled": 100, "positive": right, "negative": 100 - right, "tp": right, "fp": 100 - right}
                counted.set(basis, T0 + hour * HOUR, cell, sums)
    counted.commit(T0 + 40 * HOUR, T0 + 40 * HOUR)
    evaluator = Evaluator(db, parse(CONFIG))
    while evaluator.run_once().behind:
        pass
    query = "select time_basis, (pane_end_ms - :t0) / :hour, (reading ->> 'stands')::boolean from fairdrift.evidence_states where version = '*'"
    with db.connect() as connection:
        found = connection.execute(sa.text(query), {"t0": T0, "hour": HOUR}).all()
        fired = connection.execute(
            sa.text("select pane_end from alert_history where rule = 'worth' and to_state = 'firing'")
        ).scalar_one()
    # the clock of outcomes is at 39:59; six hours before that the hour from 32 to 33 is over for good
    assert [tuple(row) for row in found] == [("matured", 33, True)]
    assert fired.timestamp() * 1000 >= T0 + 7 * HOUR


def test_old_series_of_evidence_thin_out_to_a_row_a_day(db: sa.Engine) -> None:
    """Evaluated to T0, a midnight: of rows 36 days before only that at midnight stays."""
    with db.begin() as connection:
        connection.execute(
            sa.text(
                "insert into fairdrift.evaluations (model, time_basis, first_end_ms, last_end_ms, config_version)"
                " values ('credit', 'decision', 0, :end, 'v')"
            ),
            {"end": T0},
        )
        for hours in (0, 1, 36 * 24, 36 * 24 + 1):
            connection.execute(
                sa.text(
                    "insert into fairdrift.evidence (family, pane_end, rule, model, attribute_set, metric, state)"
                    " values ('f', to_timestamp(:at), 'r', 'credit', '{sex}', 'm', 'measured')"
                ),
                {"at": (T0 - hours * HOUR) / 1000},
            )
    assert thin_out(db) == 1


def test_labels_that_come_unevenly_withhold_the_evidence(db: sa.Engine) -> None:
    """1,000 favourable decisions an hour of each group: of women 70% have their label, of men 90%. From hour 20 on both have 90%."""
    counted = Counted(db, pane=HOUR)
    women, men = counted.cell("credit", {"sex": "F"}), counted.cell("credit", {"sex": "M"})
    for hour in range(130):
        at = T0 + hour * HOUR
        for cell, found in ((women, 700 if hour < 20 else 900), (men, 900)):
            tp = found * (1 if cell == women else 3) // (10 if cell == women else 5)
            sums = {"labelled": found, "positive": tp, "negative": found - tp, "tp": tp, "fp": found - tp}
            counted.set(Basis.DECISION, at, cell, {"events": 1000, "decided": 1000, "favourable": 1000})
            for basis in (Basis.LABEL_DECIDED, Basis.LABEL_ARRIVED):
                counted.set(basis, at, cell, sums)
    counted.commit(T0 + 30 * HOUR, T0 + 30 * HOUR)
    evaluator = Evaluator(db, parse(CONFIG.replace("pane: 1m", "pane: 1h")))
    run(evaluator)
    # the cohorts up to hour 23: 20 x 700 + 3 x 900 of 23,000 are 72.6%
    reason = "labels come unevenly: 73% of the favourable decisions of sex=F have one, 90% of the others"
    with db.connect() as connection:
        state, reading, finding = connection.execute(sa.text(STATE)).one()
        assert (reading["withheld"], reading["stands"], finding) == (reason, False, "insufficient_data")
        assert reading["log_evidence"] <= 0, "what cannot be trusted counts for nothing"
        assert state == "insufficient_data"
        assert not connection.execute(sa.text(FIRED)).all()
    counted.commit(T0 + 130 * HOUR, T0 + 130 * HOUR)
    run(evaluator)
    with db.connect() as connection:
        state, reading, finding = connection.execute(sa.text(STATE)).one()
        assert (reading["withheld"], state, finding) == ("", "firing", "breach")
        (fired,) = connection.execute(sa.text(FIRED)).scalars()
    # women's coverage so far is 0.9 - 4 / h after h hours: within five points of men's for sure from hour 80 on
    assert T0 + 26 * HOUR < fired.timestamp() * 1000 < T0 + 100 * HOUR


def run(evaluator: Evaluator) -> None:
    while evaluator.run_once().behind:
        pass


STATE = """
select a.state, e.reading, e.finding from fairdrift.alert_states a, fairdrift.evidence_states e
where a.rule = 'worth' and e.rule = 'worth' and e.version = '*'
"""
FIRED = "select pane_end from alert_history where rule = 'worth' and to_state = 'firing'"
