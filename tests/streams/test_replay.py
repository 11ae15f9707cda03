"""From a file's rows to messages of the contract."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from monitor.events import WireOutcome, WirePrediction
from streams import replay
from streams.replay import Mapped, ReplayError, messages, survey

FIELDS = {"id": "client", "time": "at", "decision": "granted", "value": "limit"}
MAPPED = Mapped("predictions", FIELDS, {"model": "credit"}, {"sex": "sex", "age": "age"}, {"income": "band"})
CSV = """client,at,granted,limit,sex,age,band,unused
007,2026-01-01T00:00:00Z,1,120000.50,F,34,3,x
8,2026-01-01T01:00:00.250+01:00,true,,,,007,x
9,2026-01-01 00:00:01,FALSE,-5,M,1e3,"a,b",x
"""


def written(tmp_path: Path, text: str = CSV) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(text, encoding="utf-8")
    return path


def events(path: Path, mapped: Mapped = MAPPED, skip: int = 0) -> list[dict[str, Any]]:
    return [json.loads(message.value) for message in messages(path, mapped, skip)]


def test_rows_become_events_cell_by_cell(tmp_path: Path) -> None:
    first, second, third = events(written(tmp_path))
    assert first == {
        "id": "007", "model": "credit", "time": 1767225600000, "decision": 1, "value": 120000.5,
        "attributes": {"sex": "F", "age": 34}, "factors": {"income": 3},
    }  # fmt: skip
    assert second == {
        "id": "8", "model": "credit", "time": 1767225600250, "decision": True,
        "attributes": {"sex": None, "age": None}, "factors": {"income": "007"},
    }  # fmt: skip
    assert third["decision"] is False and third["value"] == -5 and third["factors"] == {"income": "a,b"}
    assert third["time"] == 1767225601000 and third["attributes"]["age"] == 1000.0


def test_key_and_time_of_the_record(tmp_path: Path) -> None:
    message = next(iter(messages(written(tmp_path), MAPPED)))
    assert (message.key, message.time) == (b"007", 1767225600000)


def test_events_are_those_of_the_contract(tmp_path: Path) -> None:
    for message in messages(written(tmp_path), MAPPED):
        msgspec.json.decode(message.value, type=WirePrediction)
    outcomes = Mapped("outcomes", {"id": "client", "time": "at", "label": "granted"}, {"model": "credit"})
    for message in messages(written(tmp_path), outcomes):
        assert msgspec.json.decode(message.value, type=WireOutcome).label in (0, 1)


def test_parquet_gives_the_same_events(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "client": ["007", "8"],
            "at": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)],
            "granted": [True, None],
            "limit": [120000.5, float("nan")],
            "sex": ["F", None],
            "age": pd.array([34, None], dtype="Int64"),
            "band": [3, 4],
        }
    )
    path = tmp_path / "clients.parquet"
    frame.to_parquet(path)
    first, second = events(path)
    assert first == {
        "id": "007", "model": "credit", "time": 1767225600000, "decision": True, "value": 120000.5,
        "attributes": {"sex": "F", "age": 34}, "factors": {"income": 3},
    }  # fmt: skip
    assert second == {
        "id": "8", "model": "credit", "time": 1767225600250, "attributes": {"sex": None, "age": None}, "factors": {"income": 4},
    }  # fmt: skip


def test_numeric_ids_are_written_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "ids.parquet"
    pd.DataFrame(
        {"client": [7.0, 8.0], "at": [0, 1], "granted": [1, 0], "limit": [1, 2], "sex": "F", "age": 1, "band": 1}
    ).to_parquet(path)
    assert [event["id"] for event in events(path)] == ["7", "8"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_and_skipping_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    rows = "".join(f"{n},{1767225600000 + n},1,{n},F,30,1\n" for n in range(13))
    path = written(tmp_path, "client,at,granted,limit,sex,age,band\n" + rows)
    whole = events(path)
    monkeypatch.setattr(replay, "CHUNK", chunk)
    assert events(path) == whole and len(whole) == 13
    for skip in (0, 1, 5, 12, 13, 99):
        assert events(path, MAPPED, skip) == whole[skip:]


def test_the_survey_sees_rows_times_and_disorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{n},{time}\n" for n, time in enumerate([1000, 5000, 2000, 6000, 500, 7000]))
    mapped = Mapped("outcomes", {"id": "id", "time": "t", "label": "t"}, {"model": "m"})
    path = written(tmp_path, "id,t\n" + rows)
    for chunk in (1, 2, 100):
        monkeypatch.setattr(replay, "CHUNK", chunk)
        found = survey(path, mapped)
        assert (found.rows, found.earliest, found.latest) == (6, 500, 7000)
        assert (found.disorder, found.disorder_row) == (5500, 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("client,at\n,2026-01-01T00:00:00Z\n", "row 1 has no id in column 'client'"),
        ("client,at\n1,2026-01-01T00:00:00Z\n2,soon\n", r"row 2 has no time in column 'at' \('soon'\)"),
        ("client,at\n1,\n", "row 1 has no time"),
        ("client,at\n1,99999999999999999\n", "row 1 has no time"),
        ("client,when\n1,2\n", "has no column at; it has client, when"),
        ("client,at\n", "has no rows"),
        ("", "cannot be read as CSV"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_row(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ReplayError, match=told):
        survey(written(tmp_path, text), MAPPED)


def test_a_file_that_is_not_there_or_not_parquet(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="there is no file"):
        survey(tmp_path / "none.csv", MAPPED)
    path = tmp_path / "text.parquet"
    path.write_text("no parquet")
    with pytest.raises(ReplayError, match="cannot be read as Parquet"):
        survey(path, MAPPED)


def test_a_time_in_a_format_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "client,at\n1,31.12.2025 23:00\n")
    mapped = Mapped("predictions", FIELDS, {"model": "m"}, time_format="%d.%m.%Y %H:%M")
    assert survey(path, mapped).earliest == int(datetime(2025, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)


def test_nulls_are_what_one_says(tmp_path: Path) -> None:
    path = written(tmp_path, "client,at,granted,limit,sex,age,band\n1,5,1,NA,NA,x,1\n")
    assert events(path)[0]["attributes"]["sex"] == "NA"
    told = Mapped("predictions", FIELDS, {"model": "m"}, {"sex": "sex"}, nulls=frozenset({"", "NA"}))
    assert events(path, told)[0] == {"id": "1", "model": "m", "time": 5, "decision": 1, "attributes": {"sex": None}}


def test_a_mapping_says_everything_that_it_lacks() -> None:
    told = Mapped("predictions", {"label": "x"}, {}).problems()
    assert len(told) == 5
    assert any("label is no field of predictions" in line for line in told)
    assert Mapped("outcomes", {"id": "i", "time": "t", "label": "l"}, {"model": "m"}, {"sex": "s"}).problems() == [
        "outcomes have no attributes and no factors: they are those of the prediction"
    ]
    assert MAPPED.problems() == []
