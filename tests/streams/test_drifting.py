"""Baselines of drift rules on a real Postgres: a stored audit, a period, the version before."""

from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from alerts.rules.drift import DriftRule
from monitor.baselines import Baseline
from monitor.grouping import CellInfo
from monitor.sums import DECISIONS
from streams.baselines import store_baseline
from streams.config import parse
from streams.database import engine
from streams.drifting import with_baselines
from streams.evaluator import Evaluator
from streams.watching import Watched, watched
from tests.streams.counted import Counted

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
F, M = {"sex": "F"}, {"sex": "M"}

CONFIG = """
models: [{{name: credit, windows: [1d], attributes: {{sex: {{values: [F, M], reference: M}}}}}}]
rules:
  - {{name: drift, type: drift, model: credit, metric: selection_rate, attributes: [sex], method: to_reference,
     {baseline}}}
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


def of(baseline: str) -> Watched:
    (found,) = watched(parse(CONFIG.format(baseline=baseline)))
    return found


def resolved(db: sa.Engine, baseline: str) -> tuple[DriftRule, Watched]:
    found = with_baselines(db, of(baseline))
    (rule,) = (rule for rule in found.rules if isinstance(rule, DriftRule))
    return rule, found


def test_without_anything_stored_the_bound_is_one_that_nothing_breaks(db: sa.Engine) -> None:
    rule, found = resolved(db, "baseline: audit")
    assert rule.baseline is None
    assert found.plans[0].spec.lower == 1e-6


def test_a_stored_audit(db: sa.Engine) -> None:
    sums = DECISIONS.zeros(2)
    for row, k in ((0, 270), (1, 300)):
        sums[row, [DECISIONS.index(slot) for slot in ("events", "decided", "favourable")]] = (1000, 1000, k)
    cells = (CellInfo(1, "audit", "live", F), CellInfo(2, "audit", "live", M))
    with db.begin() as connection:
        store_baseline(connection, Baseline("credit", "loans.csv", 2000, "s", 0.01, cells, {"decision": sums}))
    rule, found = resolved(db, "baseline: audit")
    assert rule.baseline is not None
    assert rule.baseline.source == "loans.csv"
    assert rule.baseline.value == pytest.approx(0.9)
    # Koopman's interval of 270/1000 to 300/1000 at 95%: 0.784 to 1.033
    assert rule.baseline.low == pytest.approx(0.784, abs=0.002)
    assert rule.bounds()[0] == pytest.approx(0.95 * (rule.baseline.low or 0.0))
    assert found.plans[0].spec.lower == rule.bounds()[0]


def test_a_reference_period(db: sa.Engine) -> None:
    counted = Counted(db)
    women, men = counted.cell("credit", F), counted.cell("credit", M)
    for day, k in ((0, 240), (1, 100)):
        counted.decisions(T0 + day * DAY, women, 1000, k)
        counted.decisions(T0 + day * DAY, men, 1000, 300)
    counted.commit(T0 + 3 * DAY)
    period = 'baseline: {starts: "2023-11-15T00:00:00Z", ends: "2023-11-16T00:00:00Z"}'
    rule, _ = resolved(db, period)
    assert rule.baseline is not None
    assert rule.baseline.source == "2023-11-15 to 2023-11-16"
    assert rule.baseline.value == pytest.approx(0.8)


def test_the_version_before(db: sa.Engine) -> None:
    counted = Counted(db)
    for version, day, k in (("1", 0, 100), ("2", 1, 270), ("3", 2, 150)):
        women, men = counted.cell("credit", F, version=version), counted.cell("credit", M, version=version)
        counted.decisions(T0 + day * DAY, women, 1000, k)
        counted.decisions(T0 + day * DAY, men, 1000, 300)
    counted.commit(T0 + 4 * DAY)
    rule, _ = resolved(db, "baseline: previous_version")
    assert rule.baseline is not None
    assert rule.baseline.source == "version 2"
    assert rule.baseline.value == pytest.approx(0.9)


def test_rules_that_need_no_baseline_are_left_alone(db: sa.Engine) -> None:
    plain = of("baseline: {low: 0.9, high: 1.0}")
    assert with_baselines(db, plain) is plain
    assert plain.plans[0].spec.lower == pytest.approx(0.855)
    assert np.isfinite(plain.plans[0].spec.needed)


def test_an_alert_tells_the_baseline_and_where_the_series_changed(db: sa.Engine) -> None:
    settings = parse(CONFIG.format(baseline='baseline: {low: 0.9, high: 1.0, source: "March"}, window: 1d').replace(
        "windows: [1d]", "pane: 1h, windows: [1d], metrics: [selection_rate]"
    ))  # fmt: skip
    counted = Counted(db, pane=HOUR)
    women, men = counted.cell("credit", F), counted.cell("credit", M)
    for hour in range(24 * 12):
        counted.decisions(T0 + hour * HOUR, women, 500, 150 if hour < 24 * 6 else 90)
        counted.decisions(T0 + hour * HOUR, men, 500, 150)
    counted.commit(T0 + 24 * 12 * HOUR + 2 * MINUTE)
    evaluator = Evaluator(db, settings)
    while evaluator.run_once().behind:
        pass
    with db.connect() as connection:
        payloads = connection.execute(
            sa.text("select payload from fairdrift.alert_transitions where to_state = 'firing'")
        ).scalars()
        (told,) = payloads
    assert told["rule"] == "drift"
    assert told["baseline"] == {"source": "March", "value": None, "low": 0.9, "high": 1.0}
    assert told["evidence"]["log_evidence"] >= told["evidence"]["needed"]
    assert told["annotations"].keys() <= {"changed_by_adwin", "changed_by_page_hinkley"}
    assert "The bound comes from the baseline (March), where it was between 0.9 and 1." in told["description"]


def test_the_reference_population_of_a_stored_audit(db: sa.Engine) -> None:
    """Until there is an audit there is no population; a population in numbers stays."""
    text = """
models: [{name: credit, attributes: {sex: {values: [F, M], population: baseline},
                                     age: {values: [old, young], population: {old: 0.4, young: 0.6}}}}]
"""
    (model,) = watched(parse(text))
    assert with_baselines(db, model).model.populations == {"age": {"old": 0.4, "young": 0.6}}
    sums = DECISIONS.zeros(2)
    sums[:, DECISIONS.index("events")] = 250, 750
    cells = (CellInfo(1, "audit", "live", F), CellInfo(2, "audit", "live", M))
    with db.begin() as connection:
        store_baseline(connection, Baseline("credit", "loans.csv", 1000, "s", 0.01, cells, {"decision": sums}))
    assert with_baselines(db, model).model.populations["sex"] == {"F": 0.25, "M": 0.75}
