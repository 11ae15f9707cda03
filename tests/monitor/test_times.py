"""Durations and instants, against Python's own calendar and by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import DurationError
from monitor.times import EARLIEST, LATEST, format_duration, format_time, parse_duration, parse_time, parse_times

NOON = 1_795_262_400_000
"""2026-11-21T12:00:00Z"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90000),
        ("5m", 300000),
        ("24h", 86400000),
        ("30d", 2592000000),
        ("1w", 604800000),
        ("1h30m", 5400000),
        ("250ms", 250),
        ("0s", 0),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1.5h", "5y", "5m!", "٥m5", "5M"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(DurationError, match="is not a duration: write a number and a unit"):
        parse_duration(text)


@given(st.integers(0, 10**13))
def test_a_formatted_duration_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


def test_formats() -> None:
    assert [format_duration(ms) for ms in (0, 90_000, 86_400_000, 5_400_001)] == ["0s", "1m30s", "1d", "1h30m1ms"]
    assert format_time(NOON + 7) == "2026-11-21T12:00:00.007Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T12:00:00Z", NOON),
        ("2026-11-21t12:00:00z", NOON),
        ("2026-11-21T12:00:00.5Z", NOON + 500),
        ("2026-11-21T12:00:00.123Z", NOON + 123),
        ("2026-11-21T12:00:00.123999999Z", NOON + 123),
        ("2026-11-21T13:30:00+01:30", NOON),
        ("2026-11-21T04:00:00.001-08:00", NOON + 1),
        ("2026-11-21T12:00:00.123456+00:00", NOON + 123),
        ("2026-11-21T11:59:60Z", NOON),  # a leap second
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00Z", EARLIEST),
        ("9999-12-31T23:59:59.999Z", LATEST),
    ],
)
def test_instants(text: str, expected: int) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "NaT",
        "today",
        "2026",
        "2026-11-21",
        "2026-11-21T12:00:00",
        "2026-11-21T12:00Z",
        "20261121T120000Z",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00.1234567890Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:61Z",
        "2026-00-21T12:00:00Z",
        "2026-13-21T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-21T12:00:00+24:00",
        "2026-11-21T12:00:00+01:60",
        "2026-11-21T12:00:00+0100",
        "2026-11-21T12:00:00,5Z",
        "2026/11/21T12:00:00Z",
        "2026-11-21X12:00:00Z",
        "2026-11-21 12:00:00Z",
        "2026-11-21T12:00:00ZZ",
        "２026-11-21T12:00:00Z",
        "-026-11-21T12:00:00Z",
        "x" * 5000,
    ],
)
def test_what_is_no_instant(text: str) -> None:
    assert parse_time(text) is None


def test_numbers_are_epoch_milliseconds_of_the_years_1_to_9999() -> None:
    assert parse_time(NOON) == NOON
    assert parse_time(-1) == -1
    assert parse_time(LATEST + 1) is None
    assert parse_time(EARLIEST - 1) is None
    assert parse_time(10**40) is None


INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
FORMS = st.sampled_from(["seconds", "milliseconds", "microseconds"])
OFFSETS = st.integers(-23 * 60, 23 * 60)


@given(st.lists(st.tuples(INSTANTS, FORMS, OFFSETS, st.booleans()), max_size=30))
def test_a_column_of_mixed_forms_equals_pythons_calendar(rows: list[tuple[datetime, str, int, bool]]) -> None:
    texts, expected = [], []
    for instant, form, offset, zulu in rows:
        text = instant.isoformat(timespec=form)
        sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
        texts.append(f"{text}Z" if zulu else f"{text}{sign}{hours:02}:{minutes:02}")
        exact = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        ahead = timedelta() if zulu else timedelta(minutes=offset)
        expected.append((exact - ahead) // timedelta(milliseconds=1))
    times, valid = parse_times(texts)
    assert valid.all()
    assert times.tolist() == expected


def test_an_invalid_text_spoils_only_its_own_row() -> None:
    times, valid = parse_times(["2026-11-21T12:00:00.000Z", "2026-11-31T12:00:00.000Z", "é", "2026-11-21T12:00:00Z"])
    assert valid.tolist() == [True, False, False, True]
    assert times.tolist() == [NOON, 0, 0, NOON]


def test_no_texts() -> None:
    assert [part.tolist() for part in parse_times([])] == [[], []]
