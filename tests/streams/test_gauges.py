"""Parity as Prometheus gauges, from the seeded history."""

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest

from streams.gauges import ParityCollector

LABELS = {
    "model": "credit-limit", "metric": "mean_value", "aggregate": "ratio", "method": "to_reference", "attributes": "sex",
    "window": "1h",
}  # fmt: skip


def registry(engine: sa.Engine, *models: str) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(ParityCollector(engine, models, [3_600_000, 86_400_000, 300_000]))
    return made


def stored(engine: sa.Engine) -> sa.Row[tuple[float, float, float, int]]:
    query = sa.text(
        "select value, ci_low, ci_high, n from fairness_disparity where metric = :metric and aggregate = :aggregate"
        " and method = :method and attribute_set = '{sex}' and window_seconds = 3600 order by window_end desc limit 1"
    )
    with engine.connect() as connection:
        return connection.execute(query, LABELS).one()


@pytest.mark.services
def test_the_newest_disparities_are_gauges(engine: sa.Engine) -> None:
    row, value = stored(engine), registry(engine, "credit-limit").get_sample_value
    assert value("fairdrift_disparity", LABELS) == row.value == pytest.approx(0.95)
    assert value("fairdrift_disparity_low", LABELS) == row.ci_low
    assert value("fairdrift_disparity_high", LABELS) == row.ci_high
    assert value("fairdrift_disparity_events", LABELS) == row.n
    assert value("fairdrift_disparity_measured", LABELS) == 1


@pytest.mark.services
def test_what_cannot_be_said_is_no_number(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("update fairdrift.points set state = 'undefined', value = null where window_seconds = 3600")
        )
    value = registry(engine, "credit-limit").get_sample_value
    assert value("fairdrift_disparity", LABELS) is None
    assert value("fairdrift_disparity_measured", LABELS) == 0


@pytest.mark.services
def test_no_group_and_no_model_that_is_not_configured_is_told(engine: sa.Engine) -> None:
    told = generate_latest(registry(engine, "credit-limit")).decode()
    assert "female" not in told
    assert "credit-limit" in told
    assert "credit-limit" not in generate_latest(registry(engine, "another")).decode()


def test_nothing_is_told_while_the_database_is_away() -> None:
    away = sa.create_engine("postgresql+psycopg2://127.0.0.1:1/nowhere", connect_args={"connect_timeout": 1})
    assert generate_latest(registry(away, "credit-limit")) == b""
