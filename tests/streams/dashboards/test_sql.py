"""Every statement of every board, run on a year as Grafana would send it, as the role that Grafana has."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from monitor.windows import DAY, HOUR, MINUTE
from streams.dashboards import BOARDS
from tests.streams.dashboards.asking import ALERT, CHOSEN, END, MODEL, Grafana, Statement, statements
from tests.streams.dashboards.grafana_sql import UnknownMacro, expand
from tests.year import world
from tests.year.records import NEEDED, instant

HOSTILE = CHOSEN | {"model": "'; drop table x; --", "attribute_set": ["a'b", "$1"], "metric": "100%", "alert": "'"}
DAYS = (1.5, 14, 365)
"""Shown times that are drawn from points a minute, an hour and a day."""
MOST_BLOCKS = 6_000
"""Of 8 kB. A panel of this many, all in the cache, takes well under 200 ms; reading a year's points would be tens of thousands."""
SMALL = 2_000
"""Rows of a table that may be read from end to end."""

EVERY = [(name, statement) for name in sorted(BOARDS) for statement in statements(name)]
INCIDENT = MODEL.incidents[-1]

each = pytest.mark.parametrize(("name", "statement"), EVERY, ids=lambda v: v if isinstance(v, str) else v.where)


@pytest.fixture
def reader(year: sa.Engine) -> Iterator[sa.Connection]:
    """A connection as the reader."""
    with year.connect() as connection:
        connection.execute(sa.text("set role fairdrift_reader"))
        yield connection
        connection.invalidate()


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("name", sorted(BOARDS))
def test_no_panel_is_empty_and_every_column_has_its_type(reader: sa.Connection, name: str, days: float) -> None:
    grafana = Grafana.days(reader, days)
    for statement in statements(name):
        rows = grafana.rows(statement.sql)
        assert rows, statement.where
        assert list(mistyped(statement, rows)) == [], statement.where


def mistyped(statement: Statement, rows: list[sa.RowMapping]) -> Iterator[str]:
    """What Grafana would not read as it is meant."""
    kinds = {column: {type(row[column]) for row in rows} - {type(None)} for column in rows[0]}
    times = [row["time"] for row in rows if "time" in row]
    match statement.kind:
        case "time_series":
            if not times or kinds["time"] != {datetime} or times != sorted(times):
                yield "time must be a rising timestamp"
            if {column for column, found in kinds.items() if str in found} - {"metric"}:
                yield "a text that is no label"
            if not any(found & {float, int, Decimal} for column, found in kinds.items() if column != "time"):
                yield "no number"
        case "annotation":
            if (
                list(kinds) != ["time", "timeend", "text", "tags"]
                or kinds["time"] != {datetime}
                or kinds["text"] != {str}
            ):
                yield "an annotation has time, timeend, text and tags"
        case "variable":
            if set(kinds) not in ({"__text", "__value"}, {next(iter(kinds))}) or any(
                found != {str} for found in kinds.values()
            ):
                yield "a variable is a text, or a text and a value"
        case _:
            if any(found - {str, int, float, Decimal, bool, datetime} for found in kinds.values()):
                yield "a column that Grafana's table cannot show"


@each
def test_no_value_of_a_variable_can_leave_its_quotes(reader: sa.Connection, name: str, statement: Statement) -> None:
    Grafana(reader, HOSTILE, END - timedelta(days=1)).rows(statement.sql)


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("name", sorted(BOARDS))
def test_what_is_shown_is_found_by_indexes(reader: sa.Connection, name: str, days: float) -> None:
    grafana = Grafana.days(reader, days)
    for statement in statements(name):
        plan = grafana.plan(statement.sql)
        large = {table: rows for table, rows in plan.read_through().items() if rows > SMALL}
        assert not large, statement.where
        assert plan.blocks < MOST_BLOCKS, statement.where


def test_a_year_is_drawn_from_a_point_a_day_and_other_tiers_are_not_touched(reader: sa.Connection) -> None:
    tables = {
        where.sql: Grafana.days(reader, 365).plan(where.sql).tables() for name in BOARDS for where in statements(name)
    }
    touched = set().union(*tables.values())
    assert {name for name in touched if name.startswith(("points_hour", "points_minute"))} == set()
    assert "points_day_20251023" in touched


# --- variables


def test_variables_offer_what_there_is(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 7)

    def values(name: str) -> list[str]:
        rows = grafana.panel("model", f"variable {name}")
        return [row["__value"] if "__value" in row else next(iter(row.values())) for row in rows]

    assert values("model") == sorted(world.NAMES)
    assert values("metric") == ["selection_rate", "true_positive_rate"]
    assert values("attribute_set") == ["age", "ethnicity", "sex", "age,ethnicity", "age,sex", "ethnicity,sex"]
    assert values("comparison") == ["ratio between_groups", "difference between_groups"]
    assert values("window") == ["86400", "3600"]
    assert values("version") == ["*", *sorted((version for version, _ in MODEL.versions), reverse=True)]
    assert values("arm") == ["*"]
    newest = Grafana.days(reader, 7, version=MODEL.versions[-1][0])
    assert [row["__value"] for row in newest.panel("model", "variable arm")] == ["live"]


# --- the person who was just woken


def test_the_first_screen_answers_the_four_questions(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2)
    (real,), (who,) = grafana.panel("model", "Is it real?"), grafana.panel("model", "Who is affected?")
    (since,), (done,) = grafana.panel("model", "Since when?"), grafana.panel("model", "What has been done?")
    assert real["alerts"] == f"1 firing: {world.RULE}"
    assert real["evidence (nats)"] == f"{1.6 * NEEDED:.1f} of the {NEEDED:.1f} that a page needs"
    assert who["groups"].startswith("female 0.")
    assert " against male 0." in who["groups"]
    assert since["fires since (UTC)"] == f"{instant(INCIDENT.fired):%Y-%m-%d %H:%M}"
    assert since["most likely began"] == f"{instant(INCIDENT.began):%Y-%m-%d %H:%M}"
    assert done["route"] == f"fallback since {instant(INCIDENT.fired):%Y-%m-%d %H:%M} by rule:{world.RULE}"
    assert done["acknowledged"] == "by ada: looking at the release"


def test_where_nothing_fires_the_first_screen_says_so(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2, model=world.NAMES[5])
    assert grafana.panel("model", "Is it real?")[0]["alerts"] == "nothing fires"
    assert grafana.panel("model", "Who is affected?")[0]["groups"].startswith("nobody beyond a bound")
    assert grafana.panel("model", "Since when?")[0]["fires since (UTC)"] == "it does not fire"
    nobody = Grafana.days(reader, 2, model="a model that there is not")
    assert nobody.panel("model", "What has been done?")[0]["route"] == "live; it was never changed"
    assert nobody.panel("model", "Who is affected?")[0]["groups"] == "no comparison in the chosen time"


def test_the_board_of_an_alert_tells_the_same(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2)
    assert grafana.panel("alert", "variable alert")[0]["__value"] == ALERT
    assert grafana.panel("alert", "Is it real?")[0]["alert"] == "firing: breach"
    assert grafana.panel("alert", "Who is affected?")[0]["gap"].startswith("selection_rate ratio 0.7")
    evidence = {row["time"]: row["evidence"] for row in grafana.panel("alert", "Evidence")}
    assert evidence[instant(INCIDENT.fired)] == pytest.approx(NEEDED)
    before = Grafana(reader, CHOSEN, END - timedelta(days=2), instant(INCIDENT.fired - MINUTE))
    assert before.panel("alert", "Is it real?")[0]["alert"].startswith("pending")
    assert [row["what"] for row in grafana.panel("alert", "What was done, and by whom")][:2] == [
        "acknowledged episode 4: looking at the release",
        f"live to fallback: {world.RULE} fires",
    ]


# --- the numbers


def test_parity_over_time_has_its_interval_and_the_bound_in_force(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 14, attribute_set=["sex"])
    rows = grafana.panel("model", "$metric, $comparison: $attribute_set")
    assert {row["bound"] for row in rows} == {world.BOUND}
    assert {row["upper bound"] for row in rows} == {None}
    assert all(row["low"] < row["value"] < row["high"] for row in rows)
    hit = [row["value"] for row in rows if row["time"] > instant(INCIDENT.began)]
    assert max(hit) < 0.8 < min(row["value"] for row in rows if row["time"] < instant(INCIDENT.began))


def test_no_rule_means_no_bound(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 14, attribute_set=["sex"], comparison="difference between_groups")
    rows = grafana.panel("model", "$metric, $comparison: $attribute_set")
    assert rows
    assert {row["bound"] for row in rows} == {None}


def test_worst_disparities_are_told_from_those_that_chance_would_do(reader: sa.Connection) -> None:
    rows = Grafana.days(reader, 14).panel("fleet", "Worst disparity against its bound")
    of_model = {row["time"]: row["value"] for row in rows if row["metric"] == MODEL.name}
    assert of_model[END] == 3
    calm = [v for t, v in of_model.items() if t <= instant(INCIDENT.began)]
    assert set(calm) <= {1, 2}
    assert {row["metric"] for row in rows} == set(world.NAMES)


def test_the_fleet_counts_what_is_wrong_now(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2)
    assert grafana.panel("fleet", "Alerts firing") == [{"firing": 1}]
    assert grafana.panel("fleet", "Models not live") == [{"away": 1}]
    assert grafana.panel("fleet", "Models that cannot say") == [{"silent": 0}]
    first = grafana.panel("fleet", "Alerts")[0]
    assert (first["state"], first["model"], first["route"], first["acknowledged"]) == (
        "firing",
        MODEL.name,
        "fallback",
        "by ada",
    )
    assert (first["bound"], first["alert"]) == ("at least 0.8", ALERT)
    empty = Grafana(reader, CHOSEN, END + timedelta(days=10), END + timedelta(days=11))
    assert empty.panel("fleet", "Models that cannot say") == [{"silent": len(world.NAMES)}], "no data is not parity"


def test_routes_begin_with_what_was_in_force(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 0.5)
    rows = [row["value"] for row in grafana.panel("fleet", "Routes") if row["metric"] == MODEL.name]
    assert rows == [4], "fallback since before the shown time"
    before = Grafana(reader, CHOSEN, instant(INCIDENT.fired - HOUR), END)
    assert [row["value"] for row in before.panel("fleet", "Routes") if row["metric"] == MODEL.name] == [1, 4]


def test_the_table_of_groups_says_why_a_number_is_missing(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2, attribute_set=["age,ethnicity"], window="3600")
    rows = {row["group"]: row for row in grafana.panel("model", "Groups in the newest window")}
    assert len(rows) == 25
    hidden = rows["75 and over + e"]
    assert (hidden["state"], hidden["value"], hidden["n"]) == ("suppressed", None, None)
    assert rows["30 to 44 + a"]["value"] == pytest.approx(
        float(rows["30 to 44 + a"]["numerator"]) / float(rows["30 to 44 + a"]["denominator"])
    )
    pairs = grafana.panel("model", "Intersections")
    assert {(row["first"], row["second"]) for row in pairs} == {tuple(group.split(" + ")) for group in rows}


def test_raw_stands_beside_stratified(reader: sa.Connection) -> None:
    grafana = Grafana.days(reader, 2, attribute_set=["sex"])
    rows = grafana.panel("model", "Raw beside stratified")
    newest = {row["metric"]: row["value"] for row in rows if row["time"] == END}
    assert set(newest) == {"raw", "within region"}
    assert newest["raw"] < newest["within region"] < 1


def test_restated_windows_show_what_was_read_first(reader: sa.Connection) -> None:
    row = Grafana.days(reader, 14).panel("model", "Restatements")[0]
    assert (row["metric"], row["revision"]) == ("true_positive_rate", 1)
    assert row["first read"] == pytest.approx(0.98 * row["reads now"])
    assert row["more events"] > 0


def test_an_alert_is_a_region_from_firing_to_resolved(reader: sa.Connection) -> None:
    regions = Grafana.days(reader, 365).panel("model", "annotation Alerts")
    expected = [(instant(one.fired), END if one.resolved is None else instant(one.resolved)) for one in MODEL.incidents]
    assert [(row["time"], row["timeend"]) for row in regions] == expected
    assert regions[0]["tags"] == f"{world.RULE},sex,page"


def test_deployments_are_marked(reader: sa.Connection) -> None:
    marks = Grafana.days(reader, 360).panel("model", "annotation Deployments")
    released = [(version, since) for version, since in MODEL.versions if since > world.END - 360 * DAY]
    assert [row["time"] for row in marks] == [instant(since) for _, since in released]
    assert marks[-1]["text"] == f"version {MODEL.versions[-1][0]} is first counted"


def test_the_reader_sees_no_table(reader: sa.Connection) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        reader.execute(sa.text("select * from fairdrift.points"))


def test_the_port_refuses_macros_that_grafana_does_not_know() -> None:
    with pytest.raises(UnknownMacro, match="__nope"):
        expand("select $__nope(x)", {}, datetime(2026, 1, 1, tzinfo=UTC), END)
