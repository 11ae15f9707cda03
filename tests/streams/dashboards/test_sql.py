"""Every statement of every board, run as Grafana would send it, as the role that Grafana has."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from streams.dashboards import BOARDS
from streams.dashboards.files import board
from streams.database import engine as make_engine
from tests.services.databases import Databases
from tests.streams import seeded
from tests.streams.dashboards.grafana_sql import UnknownMacro, Value, expand

CHOSEN: dict[str, Value] = {
    "model": seeded.MODEL,
    "metric": "mean_value",
    "attribute_set": ["sex", "age,sex"],
    "comparison": "ratio to_reference",
    "basis": "decision",
    "window": "3600",
    "bound": "0.8",
}
HOSTILE: dict[str, Value] = CHOSEN | {"model": "'; drop table x; --", "attribute_set": ["a'b", "$1"], "metric": "100%"}

Rows = list[sa.RowMapping]


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[sa.Engine]:
    with databases.fresh() as url:
        made = make_engine(url)
        seeded.seed(made)
        yield made
        made.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """As the reader; what a test changes is rolled back."""
    with engine.connect() as open_connection:
        open_connection.execute(sa.text("set role fairdrift_reader"))
        yield open_connection


def statements(name: str) -> list[tuple[str, str]]:
    """(where, SQL) of every panel, variable and annotation."""
    data: dict[str, Any] = board(name)
    found = [
        (f"{panel['title']}/{target['refId']}", target["rawSql"])
        for panel in data["panels"]
        for target in panel.get("targets", [])
    ]
    found += [(f"variable {v['name']}", v["query"]) for v in data["templating"]["list"] if v["type"] == "query"]
    return found + [(f"annotation {a['name']}", a["target"]["rawSql"]) for a in data["annotations"]["list"]]


def run(connection: sa.Connection, sql: str, chosen: dict[str, Value] = CHOSEN) -> Rows:
    expanded = expand(sql, chosen, seeded.START, seeded.END)
    return list(connection.exec_driver_sql(expanded.replace("%", "%%")).mappings())


def parity(connection: sa.Connection, where: str, chosen: dict[str, Value] = CHOSEN) -> Rows:
    return run(connection, dict(statements("parity"))[where], chosen)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_every_statement_runs_as_the_reader_and_returns_rows(connection: sa.Connection, name: str) -> None:
    for where, sql in statements(name):
        assert run(connection, sql), where


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_no_value_of_a_variable_can_leave_its_quotes(connection: sa.Connection, name: str) -> None:
    for _where, sql in statements(name):
        run(connection, sql, HOSTILE)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_time_series_have_a_sorted_time_and_numbers(connection: sa.Connection, name: str) -> None:
    data: dict[str, Any] = board(name)
    for panel in data["panels"]:
        for target in panel.get("targets", []):
            if target["format"] != "time_series":
                continue
            rows = run(connection, target["rawSql"])
            times = [row["time"] for row in rows]
            assert times == sorted(times), panel["title"]
            labels = {column for row in rows for column, value in row.items() if isinstance(value, str)}
            assert labels <= {"metric"}, panel["title"]


def test_variables_offer_what_there_is(connection: sa.Connection) -> None:
    assert parity(connection, "variable model") == [{"model": seeded.MODEL}]
    assert parity(connection, "variable metric") == [{"metric": "mean_value"}]
    sets = [row["__value"] for row in parity(connection, "variable attribute_set")]
    assert sets == ["sex", "age,sex"]
    assert parity(connection, "variable comparison") == [{"comparison": "ratio to_reference"}]
    windows = [(row["__text"], row["__value"]) for row in parity(connection, "variable window")]
    assert windows == [("1 d", "86400"), ("1 h", "3600")]


def test_parity_over_time_has_its_interval_and_the_bound_that_the_alert_told(connection: sa.Connection) -> None:
    title = "$metric, $comparison: $attribute_set/A"
    rows = parity(connection, title, CHOSEN | {"attribute_set": ["sex"]})
    assert len(rows) == 25
    at_the_fall = next(row for row in rows if row["time"] == seeded.FALL)
    assert at_the_fall["value"] == 0.7
    assert (round(at_the_fall["low"], 6), round(at_the_fall["high"], 6)) == (0.65, 0.75)
    assert at_the_fall["bound"] == 0.85 and at_the_fall["upper bound"] is None


def test_without_an_alert_the_typed_bound_is_drawn_and_an_empty_one_is_not(connection: sa.Connection) -> None:
    connection.execute(sa.text("reset role"))
    connection.execute(sa.text("delete from fairdrift.alert_transitions"))
    title = "$metric, $comparison: $attribute_set/A"
    chosen = CHOSEN | {"attribute_set": ["sex"]}
    assert parity(connection, title, chosen)[0]["bound"] == 0.8
    assert parity(connection, title, chosen | {"bound": ""})[0]["bound"] is None


def test_the_table_of_groups_says_why_a_number_is_missing(connection: sa.Connection) -> None:
    rows = parity(connection, "Groups in the newest window/A")
    by_group = {row["group"]: row for row in rows}
    assert by_group["male"]["value"] == 100_000 and by_group["male"]["n"] == 600
    hidden = by_group["<30 + female"]
    assert hidden["state"] == "suppressed" and hidden["value"] is None and hidden["n"] is None
    assert all(row["window end"] == seeded.END for row in rows)


def test_an_alert_is_a_region_from_firing_to_resolved(connection: sa.Connection) -> None:
    (region,) = parity(connection, "annotation Alerts")
    assert (region["time"], region["timeend"]) == (seeded.FIRED, seeded.RESOLVED)
    assert region["tags"] == "limit-parity,sex,page"


def test_alerts_and_route_are_those_of_the_end_of_the_range(connection: sa.Connection) -> None:
    sql = dict(statements("parity"))
    during = seeded.FIRED + timedelta(minutes=1)
    expanded = expand(sql["Alerts firing/A"], CHOSEN, seeded.START, during)
    assert connection.exec_driver_sql(expanded).scalar() == 1
    assert parity(connection, "Alerts firing/A")[0]["firing"] == 0
    route = expand(sql["Route/A"], CHOSEN, seeded.START, during).replace("%", "%%")
    assert connection.exec_driver_sql(route).scalar() == "fallback"
    assert parity(connection, "Route/A")[0]["route"] == "live"


def test_the_reader_sees_no_table(connection: sa.Connection) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        connection.execute(sa.text("select * from fairdrift.points"))


def test_the_port_refuses_macros_that_grafana_does_not_know() -> None:
    with pytest.raises(UnknownMacro, match="__nope"):
        expand("select $__nope(x)", {}, seeded.START, seeded.END)
