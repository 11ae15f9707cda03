from datetime import UTC, datetime

import pytest

from alerts.errors import UnreadableInterval
from alerts.intervals import (
    TimeInterval,
    any_holds,
    day_of_month_range,
    month_range,
    time_range,
    weekday_range,
    year_range,
    zone,
)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_times_hold_from_the_first_minute_to_before_the_last() -> None:
    office = TimeInterval(times=(time_range("09:00", "17:00"),))
    held = [office.holds(at(f"2026-11-20T{clock}")) for clock in ("08:59:59", "09:00:00", "16:59:59", "17:00:00")]
    assert held == [False, True, True, False]
    assert TimeInterval(times=(time_range("00:00", "24:00"),)).holds(at("2026-11-20T23:59:59"))


def test_every_field_must_hold_and_one_of_its_ranges() -> None:
    # 2026-11-20 is a Friday
    friday = TimeInterval(weekdays=(weekday_range("friday"),), months=(month_range("november"), month_range("1:2")))
    assert friday.holds(at("2026-11-20T12:00")) and not friday.holds(at("2026-11-21T12:00"))
    assert friday.holds(at("2026-01-02T12:00")) and not friday.holds(at("2026-10-02T12:00"))
    assert TimeInterval(years=(year_range("2026"),)).holds(at("2026-12-31T23:59"))
    assert not TimeInterval(years=(year_range("2027:2030"),)).holds(at("2026-12-31T23:59"))
    assert TimeInterval().holds(0)


@pytest.mark.parametrize(
    ("days", "day", "holds"),
    [
        ("-1", "2024-02-29", True),  # a leap year
        ("-1", "2024-02-28", False),
        ("-1", "2026-02-28", True),
        ("-3:-1", "2026-04-28", True),
        ("-3:-1", "2026-04-27", False),
        ("1:5", "2026-04-05", True),
        ("28:31", "2026-02-28", True),
        ("30:31", "2026-02-28", False),
        ("15:-1", "2026-02-15", True),
        ("-31:-30", "2026-02-01", False),  # it has no such days
    ],
)
def test_days_of_the_month_from_either_end(days: str, day: str, holds: bool) -> None:
    assert TimeInterval(days_of_month=(day_of_month_range(days),)).holds(at(f"{day}T12:00")) is holds


def test_the_wall_s_clock_counts_across_a_change_of_clocks() -> None:
    """Berlin, 2026: on March 29 at 02:00 it becomes 03:00, on October 25 at 03:00 it becomes 02:00."""
    office = TimeInterval(times=(time_range("09:00", "17:00"),), zone=zone("Europe/Berlin"))
    assert office.holds(at("2026-03-28T08:00")) and not office.holds(at("2026-03-28T07:59"))  # winter: UTC+1
    assert office.holds(at("2026-03-29T07:00")) and not office.holds(at("2026-03-29T06:59"))  # summer: UTC+2
    night = TimeInterval(times=(time_range("02:30", "02:45"),), zone=zone("Europe/Berlin"))
    assert not any(night.holds(at("2026-03-29T00:00") + minute * 60_000) for minute in range(120))
    assert sum(night.holds(at("2026-10-25T00:00") + minute * 60_000) for minute in range(120)) == 30


def test_a_day_begins_where_the_zone_is() -> None:
    saturday = TimeInterval(weekdays=(weekday_range("saturday"),), zone=zone("Pacific/Auckland"))
    assert saturday.holds(at("2026-11-20T11:00")) and not saturday.holds(at("2026-11-20T10:59"))


def test_one_of_a_named_set_is_enough() -> None:
    ends = (TimeInterval(weekdays=((5, 6),)), TimeInterval(times=(time_range("22:00", "24:00"),)))
    assert any_holds(ends, at("2026-11-21T12:00")) and any_holds(ends, at("2026-11-20T22:30"))
    assert not any_holds(ends, at("2026-11-20T12:00")) and not any_holds((), 0)


@pytest.mark.parametrize(
    "given", [("9:00", "17:00"), ("09:00", "09:00"), ("22:00", "06:00"), ("09:60", "10:00"), ("00:00", "25:00")]
)
def test_times_that_cannot_be_meant(given: tuple[str, str]) -> None:
    with pytest.raises(UnreadableInterval):
        time_range(*given)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (weekday_range, "fri"), (weekday_range, "friday:monday"), (weekday_range, "1"), (month_range, "13"),
        (month_range, "may:march"), (day_of_month_range, "0"), (day_of_month_range, "32"), (day_of_month_range, "-1:5"),
        (day_of_month_range, "5:1"), (day_of_month_range, "x"), (year_range, "2027:2026"), (zone, "Europe/Atlantis"),
        (zone, "../etc/passwd"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(UnreadableInterval):
        read(text)
