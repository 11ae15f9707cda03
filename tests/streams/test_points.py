"""Points and their revisions on a real Postgres."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.estimates import State
from monitor.windows import DAY, HOUR, MINUTE
from streams.database import engine
from streams.points import Point, Points, SeriesBook, SeriesKey, tier_of

T0 = 1_700_006_400_000
NAN = float("nan")


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database)
    yield made
    made.dispose()


def key(sex: str, metric: str = "selection_rate") -> SeriesKey:
    return SeriesKey("group", "m", "*", "*", "decision", ("sex",), (("sex", sex),), metric)


def point(sex: str, value: float, end: int = T0, state: State = State.MEASURED, reason: str = "") -> Point:
    return Point(key(sex), 3600, end, tier_of(end), state, reason, value, value - 0.1, NAN, 10, 10 * value, 10.0)


def stored(db: sa.Engine) -> list[Any]:
    query = """
    select s.group_values ->> 'sex', p.tier, p.revision, p.state, p.value, p.ci_high, p.n, p.superseded_at is null, p.reason
    from fairdrift.points p join fairdrift.series s on s.id = p.series order by 1, 2, 3
    """
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_tiers_follow_from_the_windows_end() -> None:
    assert [tier_of(at) for at in (T0, T0 + HOUR, T0 + MINUTE, T0 + DAY)] == ["day", "hour", "minute", "day"]


def test_what_is_no_number_is_null(db: sa.Engine) -> None:
    with db.begin() as connection:
        Points(db).insert(
            connection,
            [
                point("F", 0.5),
                point("M", 0.3, state=State.UNDEFINED, reason="no decisions"),
                point('odd "\\\t\n\u00e9', 0.7, state=State.SUPPRESSED, reason="fewer than 10"),
            ],
            "v1",
        )
    assert stored(db) == [
        ("F", "day", 0, "measured", 0.5, None, 10, True, None),
        ("M", "day", 0, "undefined", None, None, 10, True, "no decisions"),
        ('odd "\\\t\n\u00e9', "day", 0, "suppressed", None, None, 0, True, "fewer than 10"),
    ]


def test_a_revision_supersedes_what_differs_and_only_that(db: sa.Engine) -> None:
    points = Points(db)
    with db.begin() as connection:
        points.insert(connection, [point("F", 0.5), point("M", 0.8)], "v1")
    with db.begin() as connection:
        assert points.revise(connection, [point("F", 0.6), point("M", 0.8)], "v2") == 1
    with db.begin() as connection:
        assert points.revise(connection, [point("F", 0.6), point("M", 0.8), point("X", 0.1)], "v2") == 1
    assert [row[:5] + row[7:8] for row in stored(db)] == [
        ("F", "day", 0, "measured", 0.5, False),
        ("F", "day", 1, "measured", 0.6, True),
        ("M", "day", 0, "measured", 0.8, True),
        ("X", "day", 0, "measured", 0.1, True),
    ]


def test_one_transaction_may_revise_twice(db: sa.Engine) -> None:
    points = Points(db)
    with db.begin() as connection:
        assert points.revise(connection, [point("F", 0.5, T0 - DAY)], "v1") == 1
        assert points.revise(connection, [point("F", 0.6)], "v1") == 1
    assert [row[2:5] for row in stored(db)] == [(0, "measured", 0.5), (0, "measured", 0.6)]


def test_a_kept_point_is_revised_where_it_is_kept(db: sa.Engine) -> None:
    points = Points(db)
    with db.begin() as connection:
        points.insert(connection, [point("F", 0.5)._replace(tier="kept")], "v1")
        points.revise(connection, [point("F", 0.6)], "v1")
    assert [row[1:5] for row in stored(db)] == [("kept", 0, "measured", 0.5), ("kept", 1, "measured", 0.6)]


def test_a_second_first_revision_is_an_error(db: sa.Engine) -> None:
    points = Points(db)
    with db.begin() as connection:
        points.insert(connection, [point("F", 0.5)], "v1")
    with pytest.raises(Exception, match="duplicate key"), db.begin() as connection:
        points.insert(connection, [point("F", 0.5)], "v1")


def test_nothing_is_written_if_the_caller_rolls_back(db: sa.Engine) -> None:
    with db.connect() as connection:
        Points(db).insert(connection, [point("F", 0.5)], "v1")
        connection.rollback()
    assert stored(db) == []


def test_series_are_the_same_for_every_writer(db: sa.Engine) -> None:
    keys = [key("F"), key("M"), key("F", "mean_value"), key("F")._replace(kind="disparity", group_values=())]
    one, other = SeriesBook(db), SeriesBook(db)
    assert {k: one.ids(keys)[k] for k in keys} == {k: other.ids(keys[::-1])[k] for k in keys}
    assert len(set(one.ids(keys).values())) == 4
