"""What is stored and judged beside a raw disparity: the stratified one, whether it turns the raw one round, what could be seen."""

import sqlalchemy as sa

from alerts.config import ThresholdConfig
from alerts.rules.threshold import ThresholdRule
from monitor.config import ModelConfig
from monitor.windows import HOUR
from streams.database import engine
from streams.measuring import Filled, Frame, Measured, Measuring, Place
from streams.points import Points
from tests.monitor.population import count
from tests.monitor.test_strata import BERKELEY, people

MODEL = ModelConfig.model_validate(
    {
        "name": "admissions",
        "attributes": {"sex": {"values": ["F", "M"], "reference": "M"}},
        "factors": {"department": list(BERKELEY)},
        "metrics": ["selection_rate"],
    }
)
RULE = ThresholdConfig.model_validate(
    {
        "name": "parity",
        "model": "admissions",
        "type": "threshold",
        "metric": "selection_rate",
        "aggregate": "difference",
        "method": "to_reference",
        "bound": {"min": -0.05},
    }
)
END = 1_700_006_400_000


def measured() -> tuple[Measured, ThresholdRule]:
    rule = ThresholdRule.from_config(RULE, "admissions")
    measuring = Measuring.of(MODEL, [rule]).of_basis("decision")
    assert measuring is not None
    cells, decision, _ = count(people(BERKELEY))
    filled = Filled(tuple(cells), frozenset({"one"}))
    (found,) = measuring.measure([Frame(Place(HOUR, END, "decision"), filled, decision, None)])
    return found, rule


def test_an_observation_carries_both() -> None:
    found, rule = measured()
    (observation,) = found.observations(rule)
    assert observation.value is not None
    assert observation.value < -0.14
    beside = observation.stratified
    assert beside is not None
    assert beside.value is not None
    assert beside.value > 0
    assert (beside.factors, beside.strata) == (("department",), 6)


def test_both_are_stored_and_shown_side_by_side(database: str) -> None:
    found, _ = measured()
    made = engine(database)
    with made.begin() as connection:
        Points(made).insert(connection, list(found.points()), "v1")
    query = """
    select stratum, value, reversed, detectable, lower_group from fairness_disparity
    where method = 'to_reference' and aggregate = 'difference' and version = '*' order by stratum::text desc
    """
    with made.connect() as connection:
        rows = connection.execute(sa.text(query)).all()
    made.dispose()
    raw, stratified = sorted(rows, key=lambda row: len(row.stratum))
    assert (raw.stratum, stratified.stratum) == ({}, {"department": "*"})
    assert (raw.reversed, stratified.reversed) == (None, True)
    assert raw.value < 0 < stratified.value
    assert (raw.lower_group, stratified.lower_group) == ({"sex": "F"}, {"sex": "M"})
    # (1.95996 + .84162) sqrt(p q (1/1835 + 1/2691)), p = 1755.5 / 4527
    assert abs(raw.detectable - 2.80158 * (0.38778 * 0.61222 * (1 / 1835 + 1 / 2691)) ** 0.5) < 1e-5
    assert stratified.detectable is None
