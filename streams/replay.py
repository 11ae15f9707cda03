"""A CSV or Parquet file as events of the contract: which column becomes which field, row by row, in chunks of bounded size.

A file is read twice: once to survey it (rows, times, order, ids), so that nothing is published of a file that has a
mistake anywhere; then to publish it. Texts in a CSV are read cell by cell, not column by column as pandas would, so that
what a cell becomes does not depend on its neighbours: `34` is a number, `007` and `1e5x` are texts, an empty cell is null.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet
from numpy.typing import NDArray

from alerts.words import several
from monitor.times import EARLIEST, LATEST, format_time
from streams.errors import StreamsError

CHUNK = 20_000
"""Rows read at a time: some megabytes."""

Kind = Literal["predictions", "outcomes"]
FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "predictions": ("id", "model", "time", "version", "decision", "score", "value", "arm", "weight"),
    "outcomes": ("id", "model", "time", "label", "value"),
}
SAYING: Mapping[Kind, tuple[str, ...]] = {"predictions": ("decision", "score", "value"), "outcomes": ("label", "value")}
"""An event needs at least one of these."""
AS_TEXT = ("id", "model", "version", "arm")

Scalar = str | int | float | bool | None


class ReplayError(StreamsError):
    """The file, or the way it is to be read, is wrong."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which columns (`fields`, `attributes`, `factors`: name -> column) and constants make an event."""

    kind: Kind
    fields: Mapping[str, str]
    constants: Mapping[str, Scalar] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, str] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset({""})
    time_format: str | None = None

    def problems(self) -> list[str]:
        """What is missing or unknown, in words; empty if it can be used."""
        known, given = FIELDS[self.kind], {*self.fields, *self.constants}
        found = [
            f"{name} is no field of {self.kind}; there are {', '.join(known)}" for name in sorted(given - set(known))
        ]
        found += [f"{name} is given twice" for name in sorted(set(self.fields) & set(self.constants))]
        for name in ("id", "time"):
            if name not in self.fields:
                found.append(f"say which column is the {name}: --map {name}=COLUMN")
        if "model" not in given:
            found.append("say which model: --set model=NAME, or --map model=COLUMN")
        if not given & set(SAYING[self.kind]):
            found.append(
                f"{self.kind} need at least one of {', '.join(SAYING[self.kind])}: --map {SAYING[self.kind][0]}=COLUMN"
            )
        if self.kind == "outcomes" and (self.attributes or self.factors):
            found.append("outcomes have no attributes and no factors: they are those of the prediction")
        return found

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return list(dict.fromkeys([*self.fields.values(), *self.attributes.values(), *self.factors.values()]))


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish: the id as key, the event's time in ms as the record's."""

    key: bytes
    value: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds; `disorder` is how far the time goes back at most, in ms, and `disorder_row` where."""

    rows: int
    earliest: int
    latest: int
    disorder: int
    disorder_row: int


def survey(path: Path, mapped: Mapped) -> Survey:
    """Read ids and times of the whole file. Raises ReplayError with the first row that has none."""
    rows, clock, earliest, disorder, disorder_row = 0, EARLIEST, LATEST, 0, 0
    needed = [mapped.fields["id"], mapped.fields["time"]]
    for frame in frames(path, needed, mapped):
        ids = _texts(frame[needed[0]], mapped)
        if None in ids:
            raise ReplayError(f"{path.name}: row {rows + ids.index(None) + 1} has no id in column {needed[0]!r}")
        times = _times(frame[needed[1]], mapped, path, rows)
        clocks = np.maximum.accumulate(np.concatenate([[clock], times]))
        behind = clocks[1:] - times
        if len(behind) and behind.max() > disorder:
            disorder, disorder_row = int(behind.max()), rows + int(behind.argmax()) + 1
        rows, clock, earliest = rows + len(times), int(clocks[-1]), min(earliest, int(times.min(initial=earliest)))
    if not rows:
        raise ReplayError(f"{path.name} has no rows")
    return Survey(rows, earliest, clock, disorder, disorder_row)


def messages(path: Path, mapped: Mapped, skip: int = 0) -> Iterator[Message]:
    """The events in the file's order, without the first `skip`."""
    row = 0
    for frame in frames(path, mapped.columns, mapped):
        made = _messages(frame, mapped, path, row)
        yield from made[max(0, skip - row) :] if row < skip else made
        row += len(frame)


def frames(path: Path, columns: Sequence[str], mapped: Mapped) -> Iterator[pd.DataFrame]:
    """The file in chunks, the named columns only. Raises ReplayError if it has not all of them."""
    if not path.is_file():
        raise ReplayError(f"there is no file {path}")
    if path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet(path, columns)
        return
    try:
        with pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[], chunksize=CHUNK) as chunks:
            for chunk in chunks:
                _require(columns, [str(name) for name in chunk.columns], path)
                yield chunk[list(columns)]
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise ReplayError(f"{path.name} cannot be read as CSV: {error}") from error


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _require(columns, file.schema_arrow.names, path)
            for batch in file.iter_batches(batch_size=CHUNK, columns=list(columns)):
                yield batch.to_pandas(types_mapper=pd.ArrowDtype)
    except (pyarrow.ArrowException, OSError) as error:
        raise ReplayError(f"{path.name} cannot be read as Parquet: {error}") from error


def _require(columns: Sequence[str], there: Sequence[str], path: Path) -> None:
    missing = [name for name in columns if name not in there]
    if missing:
        raise ReplayError(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(there)}")


def _messages(frame: pd.DataFrame, mapped: Mapped, path: Path, before: int) -> list[Message]:
    times = _times(frame[mapped.fields["time"]], mapped, path, before)
    plain: dict[str, list[Scalar]] = {}
    for name, column in mapped.fields.items():
        if name != "time":
            plain[name] = list(_texts(frame[column], mapped)) if name in AS_TEXT else _scalars(frame[column], mapped)
    nested = {
        kind: {name: _scalars(frame[column], mapped) for name, column in chosen.items()}
        for kind, chosen in (("attributes", mapped.attributes), ("factors", mapped.factors))
        if chosen
    }
    encoder, made = msgspec.json.Encoder(), []
    for row, time in enumerate(times.tolist()):
        event: dict[str, object] = {name: values[row] for name, values in plain.items() if values[row] is not None}
        event |= {name: value for name, value in mapped.constants.items() if value is not None}
        event["time"] = time
        for kind, columns in nested.items():
            event[kind] = {name: values[row] for name, values in columns.items()}
        made.append(Message(str(event["id"]).encode(), encoder.encode(event), time))
    return made


def _times(
    column: pd.Series, mapped: Mapped, path: Path, before: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Milliseconds. Whole numbers are epoch milliseconds; texts without an offset are UTC."""
    numbers = pd.to_numeric(column, errors="coerce") if mapped.time_format is None else pd.Series(np.nan, column.index)
    if numbers.notna().all() and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = numbers.to_numpy(dtype=float)
    else:
        read = pd.to_datetime(column, utc=True, errors="coerce", format=mapped.time_format or "ISO8601")
        stamps = read.dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
        values = np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(float))
    good = np.isfinite(values) & (values >= EARLIEST) & (values <= LATEST)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ReplayError(
            f"{path.name}: row {before + row + 1} has no time in column {column.name!r} ({str(column.iloc[row])[:40]!r}):"
            " give RFC 3339 or epoch milliseconds, or say how to read it with --time-format"
        )
    times: NDArray[np.int64] = values.astype(np.int64)
    return times


def _texts(column: pd.Series, mapped: Mapped) -> list[str | None]:
    """Ids and names as they are written: an id 7.0 that pandas made of 7 is `7`."""
    values = _plain(column)
    return [None if _null(value, mapped) else _as_text(value) for value in values]


def _scalars(column: pd.Series, mapped: Mapped) -> list[Scalar]:
    """The values as JSON has them; texts of a CSV that are numbers or booleans become those."""
    return [None if _null(value, mapped) else scalar(value) for value in _plain(column)]


def _plain(column: pd.Series) -> list[object]:
    return list(column.astype(object).where(column.notna(), None))


def _null(value: object, mapped: Mapped) -> bool:
    return (
        value is None
        or (isinstance(value, str) and value in mapped.nulls)
        or (isinstance(value, float) and math.isnan(value))
    )


def _as_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def scalar(value: object) -> Scalar:
    """One value; a text only becomes a number if the number is written back as the same text."""
    if isinstance(value, str):
        return from_text(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    try:
        number = float(value)  # type: ignore[arg-type]  # Decimal, NumPy's floats
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None


def from_text(text: str) -> Scalar:
    """A text as JSON would have it: only what is written back the same way is a number."""
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    digits = text.removeprefix("-")
    if not digits[:1].isdigit() or not digits.isascii():
        return text
    if digits.isdecimal():
        return int(text) if (digits == "0" or digits[0] != "0") and len(digits) <= 15 else text
    try:
        number = float(text)
    except ValueError:
        return text
    whole = digits.partition(".")[0]
    return number if math.isfinite(number) and (whole == "0" or whole[0] != "0") else text


def described(found: Survey) -> str:
    """The survey in words."""
    return f"{several(found.rows, 'row')} from {format_time(found.earliest)} to {format_time(found.latest)}"
