"""What the boards say of an alert whose figures may not be told: whom it is about, and why there is no number."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from alerts.messages import Estimate, Group
from alerts.tables import alert_transitions
from tests.streams import seeded
from tests.streams.dashboards.asking import CHOSEN, Grafana

FEW = Group(groups={"sex": "female"}, n=0, reason="fewer than 10")
MANY = Group(groups={"sex": "male"}, n=600, value=100_000.25, low=9e4, high=1.1e5)


@pytest.fixture
def connection(seeded_engine: sa.Engine) -> Iterator[sa.Connection]:
    """In a transaction that is rolled back."""
    with seeded_engine.connect() as made:
        yield made
        made.rollback()


def told(connection: sa.Connection, **figures: object) -> Grafana:
    """The boards, after one more change of the seeded alert with these figures."""
    at = seeded.RESOLVED + timedelta(minutes=10)
    row = {
        "alert": seeded.ALERT, "transition_no": 4, "rule": "limit-parity", "model": seeded.MODEL, "labels": seeded.LABELS,
        "from_state": "resolved", "to_state": "firing", "pane_end": at, "config_version": "c1",
        "payload": seeded.PAYLOAD | msgspec.to_builtins(figures),
    }  # fmt: skip
    connection.execute(alert_transitions.insert(), row)
    connection.execute(sa.text("set local role fairdrift_reader"))
    chosen = CHOSEN | {"alert": seeded.ALERT, "model": seeded.MODEL, "metric": "mean_value"}
    return Grafana(connection, chosen, seeded.START, seeded.END)


def groups(grafana: Grafana) -> list[Any]:
    """As the boards of the alert, of the model and of the fleet name them."""
    (alert,), (model,) = grafana.panel("alert", "Who is affected?"), grafana.panel("model", "Who is affected?")
    return [alert["groups"], model["groups"], grafana.panel("fleet", "Alerts")[0]["affected"]]


def test_withheld_figures_are_told_as_that(connection: sa.Connection) -> None:
    grafana = told(connection, lower=FEW, higher=MANY, estimate=Estimate(reason="fewer than 10"))
    assert groups(grafana) == ["female: withheld, fewer than 10 against male 100000.250 (n 600)"] * 3
    assert grafana.panel("alert", "Who is affected?")[0]["gap"] == "no estimate: fewer than 10"


def test_the_other_side_may_be_withheld_too(connection: sa.Connection) -> None:
    few = Group(groups={"sex": "male"}, n=0, reason="fewer than 10")
    grafana = told(connection, lower=Group(groups={"age": "<30", "sex": "female"}, n=12, value=0.5), higher=few)
    assert groups(grafana) == ["<30 + female 0.500 (n 12) against male: withheld, fewer than 10"] * 3


def test_an_empty_group_has_no_value_and_is_no_secret(connection: sa.Connection) -> None:
    grafana = told(connection, lower=Group(groups={"sex": "female"}, n=0), higher=None)
    assert groups(grafana) == ["female: no value"] * 3


def test_where_there_are_no_groups_it_says_so(connection: sa.Connection) -> None:
    grafana = told(connection, lower=None, estimate=Estimate())
    assert groups(grafana) == ["no group is named"] * 3
    assert grafana.panel("alert", "Who is affected?")[0]["gap"] == "no estimate"
