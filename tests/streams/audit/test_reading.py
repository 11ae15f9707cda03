"""Files as columns: what a cell becomes, nulls, delimiters, times, and every mistake in words."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from monitor.sections import text_of
from streams.audit.reading import AuditError, Column, Table, read, times
from streams.replay import from_text


def written(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def listed(column: Column) -> list[object]:
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def table(tmp_path: Path, text: str, **options: object) -> Table:
    return read(written(tmp_path, text), **options)  # type: ignore[arg-type]


def test_a_cell_of_a_csv_is_what_replay_makes_of_it(tmp_path: Path) -> None:
    found = table(tmp_path, 'a,b\n34,x\n007,"y, z"\n1e5,\n,true\nNA,1.50\n', nulls=frozenset({"NA"}))
    assert listed(found.column("a")) == [34, "007", 100000.0, None, None]
    assert listed(found.column("b")) == ["x", "y, z", None, True, 1.5]


TEXTS = ("0", "-0", "7", "-7", "007", "1.50", "-0.5", "1e5", "1E-3", "1e999", ".5", "5.", "1_000", "999999999999999", "9999999999999999",
         "true", "False", "nan", "inf", "x", "1 ", "2026-01-01")  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6))
def test_a_column_as_a_whole_is_read_as_its_cells_are(tmp_path: Path, texts: list[str]) -> None:
    """Whole columns of numbers take another way."""
    found = listed(table(tmp_path, "\n".join(["a,b", *(f"{text},1" for text in texts)]) + "\n").column("a"))
    assert found == [from_text(text) for text in texts]
    assert [text_of(value) for value in found] == [text_of(from_text(text)) for text in texts]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    found = table(tmp_path, f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}3\n")
    assert found.names == ["a", "b", "c"]


def test_compressed_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress("\ufeffa,b\n1,2\n".encode()))
    assert read(path).names == ["a", "b"]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    when = datetime(2026, 1, 2, 3, tzinfo=UTC)
    parquet.write_table(
        pa.table(
            {
                "n": pa.array([1, None, 3]),
                "f": pa.array([0.5, float("nan"), 2.0]),
                "b": pa.array([True, False, None]),
                "d": pa.array(["x", "x", None]).dictionary_encode(),
                "t": pa.array([when] * 3),
            }
        ),
        path,
    )
    found = read(path)
    assert listed(found.column("n")) == [1, None, 3]
    assert listed(found.column("f")) == [0.5, None, 2.0]
    assert listed(found.column("b")) == [True, False, None]
    assert listed(found.column("d")) == ["x", "x", None]
    assert times(found.column("t")).tolist() == [int(when.timestamp() * 1000)] * 3


def test_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, "a,b\n1,2\n,x\n2.5,3\n")
    np.testing.assert_array_equal(found.column("a").numbers, [1.0, np.nan, 2.5])
    with pytest.raises(AuditError, match="column 'b' has 'x' in row 2, where a number is needed"):
        _ = found.column("b").numbers


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026-01-01T00:00:00Z", "", 1767225600000),
        ("2026-01-01", "", 1767225600000),
        ("2026-01-01T01:00:00+01:00", "", 1767225600000),
        ("1767225600000", "", 1767225600000),
        ("01.01.2026", "%d.%m.%Y", 1767225600000),
    ],
)
def test_times(tmp_path: Path, text: str, form: str, expected: int) -> None:
    assert times(table(tmp_path, f"t\n{text}\n").column("t"), form).tolist() == [expected]


def test_a_row_without_a_time_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="no time in row 2 \\('soon'\\)"):
        times(table(tmp_path, "t\n2026-01-01\nsoon\n").column("t"))
    with pytest.raises(AuditError, match="no time in row 2"):
        times(table(tmp_path, "t,u\n2026-01-01,1\n,2\n").column("t"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n", "has no rows"),
        ("\n1,2\n", "has no header"),
        ("a,a\n1,2\n", "more than one column named a"),
        ("a,b\n1,2,3\n", "cannot be read as CSV"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(AuditError, match=told):
        table(tmp_path, text)


def test_no_file_and_no_column(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="there is no file"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(AuditError, match="has no column 'c'; it has a, b"):
        table(tmp_path, "a,b\n1,2\n").column("c")


def test_lists_are_no_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"a": pa.array([[1], [2]])}), path)
    with pytest.raises(AuditError, match="lists or structures"):
        read(path).column("a")
