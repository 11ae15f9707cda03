"""A file as columns of codes: every distinct value of a column once, and for each row which it is.

What a cell becomes is the same as in `fairdrift replay`: in a CSV `34` is a number, `007` a text, an empty cell null.
Working on distinct values makes a million rows cost what their few hundred different values cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv, parquet

from monitor.quantities import Floats
from monitor.times import EARLIEST, LATEST
from streams.errors import StreamsError
from streams.replay import Scalar, from_text, scalar

Codes = NDArray[np.int32]
Longs = NDArray[np.int64]

DELIMITERS = (",", ";", "\t", "|")
NUMBER = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
WHOLE = r"^-?(0|[1-9][0-9]{0,14})$"
"""What `streams.replay.from_text` makes a number and a whole number of, in a form for whole columns."""
BLOCK = 1 << 24
"""Bytes of a CSV that are read at a time."""


class AuditError(StreamsError):
    """The file, or the way it is to be read, is wrong."""


NONES = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "nil", "-", "?", "."})
"""What is often written where there is nothing."""


@dataclass(frozen=True, eq=False)
class Column:
    """N rows: `codes` are places in `values`, -1 for null."""

    name: str
    codes: Codes
    values: tuple[Scalar, ...]

    def gather(self, mapped: NDArray[np.generic], null: object) -> NDArray[np.generic]:
        """One value for each row, from one for each distinct value."""
        table = np.append(mapped, np.array([null], dtype=mapped.dtype))
        return table[self.codes]

    @cached_property
    def counts(self) -> Longs:
        """How many rows have each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values)).astype(np.int64)

    @cached_property
    def nulls(self) -> int:
        """How many rows have none."""
        return int((self.codes < 0).sum())

    @cached_property
    def numeric(self) -> bool:
        """Whether every value is a number, and there is one."""
        return bool(self.values) and set(map(type, self.values)) <= {int, float}

    @cached_property
    def numbers(self) -> Floats:
        """The values as numbers, NaN for null; AuditError with the first that is none."""
        if self.values and not self.numeric:
            at = next(at for at, value in enumerate(self.values) if type(value) not in (int, float))
            row, given = int(np.flatnonzero(self.codes == at)[0]) + 1, str(self.values[at])[:40]
            none = f"; if it stands for none, say so with --null {given}" if given.casefold() in NONES else ""
            raise AuditError(f"column {self.name!r} has {given!r} in row {row}, where a number is needed{none}")
        found = np.array(self.values, dtype=np.float64)
        return self.gather(found, np.nan).astype(np.float64)

    def mapped(self, function: Callable[[Scalar], int]) -> Codes:
        """The codes that a function gives to the values; `function(None)` is that of null."""
        return self.gather(np.array([function(value) for value in self.values], np.int32), function(None)).astype(
            np.int32
        )


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a file."""

    path: Path
    arrow: pa.Table
    nulls: frozenset[str]
    texts: bool
    """Whether all is text (a CSV)."""
    met: dict[str, Column] = field(default_factory=dict)
    """Columns that were asked for before."""

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    @property
    def names(self) -> list[str]:
        """The columns, in the file's order."""
        return [str(name) for name in self.arrow.column_names]

    def require(self, name: str) -> None:
        """AuditError, with what there is, unless there is a column of this name."""
        if name not in self.names:
            raise AuditError(f"{self.path.name} has no column {name!r}; it has {', '.join(self.names)}")

    def column(self, name: str) -> Column:
        """A column by its name; AuditError if it is not there or holds lists."""
        self.require(name)
        if name in self.met:
            return self.met[name]
        whole = self.arrow.column(name)
        if pa.types.is_nested(whole.type):
            raise AuditError(f"column {name!r} holds lists or structures; take the field that is needed out of it")
        encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
        found = encoded.unify_dictionaries().combine_chunks()
        return self.met.setdefault(name, self._column(name, found))

    def _column(self, name: str, found: pa.DictionaryArray) -> Column:
        null = np.asarray(compute.fill_null(compute.is_in(found.dictionary, self._null_values(found)), False))
        values = self._values(found.dictionary)
        known = [at for at, value in enumerate(values) if value is not None and not null[at]]
        place = np.full(len(values) + 1, -1, np.int32)  # the last is for null
        place[known] = np.arange(len(known), dtype=np.int32)
        codes = np.asarray(found.indices.fill_null(len(values)), dtype=np.int64)
        whole = len(known) == len(values)
        return Column(name, place[codes], tuple(values if whole else [values[at] for at in known]))

    def _null_values(self, found: pa.DictionaryArray) -> pa.Array:
        """The texts that are null; none for a column of other values."""
        texts = pa.types.is_string(found.dictionary.type) or pa.types.is_large_string(found.dictionary.type)
        return pa.array(sorted(self.nulls) if texts else [], type=found.dictionary.type)

    def _values(self, distinct: pa.Array) -> list[Scalar]:
        """What the distinct values are; as one column where all are numbers, or none looks like one."""
        if not self.texts:
            return [scalar(value) if value is not None else None for value in distinct.to_pylist()]
        filled = distinct.filter(compute.not_equal(distinct, ""))
        if len(filled) == len(distinct) and compute.all(compute.match_substring_regex(distinct, NUMBER)).as_py():
            numbers = compute.cast(distinct, pa.float64())
            if compute.all(compute.is_finite(numbers)).as_py():
                whole = compute.all(compute.match_substring_regex(distinct, WHOLE)).as_py()
                found: list[Scalar] = (compute.cast(distinct, pa.int64()) if whole else numbers).to_pylist()
                return found
        if compute.all(compute.match_substring(distinct, ":")).as_py():  # times, of which there may be a million
            return [str(value) for value in distinct.to_pylist()]
        return [from_text(value) if value is not None else None for value in distinct.to_pylist()]


def read(path: Path, nulls: frozenset[str] = frozenset(), delimiter: str = "") -> Table:
    """The whole file; AuditError if it cannot be read or has no rows."""
    if not path.is_file():
        raise AuditError(f"there is no file {path}")
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        arrow = parquet.read_table(path) if is_parquet else _csv(path, delimiter)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = "Parquet" if is_parquet else "CSV"
        raise AuditError(f"{path.name} cannot be read as {kind}: {str(error).splitlines()[0]}") from error
    twice = sorted({name for name in arrow.column_names if arrow.column_names.count(name) > 1})
    if twice:
        raise AuditError(f"{path.name} has more than one column named {', '.join(twice)}")
    if not arrow.num_rows:
        raise AuditError(f"{path.name} has no rows")
    return Table(path, arrow, nulls | {""}, texts=not is_parquet)


def _csv(path: Path, delimiter: str) -> pa.Table:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(1 << 16).decode("utf-8", "replace").lstrip("\ufeff").split("\n")[0].rstrip("\r")
    if not head.strip():
        raise AuditError(f"{path.name} has no header: its first line is empty")
    parsing = csv.ParseOptions(
        delimiter=delimiter or max(DELIMITERS, key=lambda one: (head.count(one), one == ",")), newlines_in_values=True
    )
    with csv.open_csv(str(path), parse_options=parsing, read_options=csv.ReadOptions(block_size=BLOCK)) as opened:
        names = opened.schema.names
    converting = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    reading = csv.ReadOptions(block_size=BLOCK)
    return csv.read_csv(str(path), read_options=reading, parse_options=parsing, convert_options=converting)


def times(column: Column, form: str = "") -> Longs:
    """Milliseconds of each row. Whole numbers are epoch milliseconds; texts without an offset are UTC."""
    if column.nulls:
        row = int(np.flatnonzero(column.codes < 0)[0]) + 1
        raise AuditError(f"column {column.name!r} has no time in row {row}")
    if column.numeric and not form:
        values = np.array(column.values, dtype=np.float64)
    else:
        read_as = pd.to_datetime(
            pd.Series([str(value) for value in column.values], dtype=object),
            utc=True,
            errors="coerce",
            format=form or "ISO8601",
        )
        stamps = read_as.dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
        values = np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(np.float64))
    good = np.isfinite(values) & (values >= EARLIEST) & (values <= LATEST)
    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        row = int(np.flatnonzero(column.codes == first)[0]) + 1
        raise AuditError(
            f"column {column.name!r} has no time in row {row} ({str(column.values[first])[:40]!r}):"
            " give RFC 3339 or epoch milliseconds, or say how to read it with --time-format"
        )
    return column.gather(values.astype(np.int64), 0).astype(np.int64)
