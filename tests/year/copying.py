"""Rows into Postgres as fast as it takes them: COPY in its binary format, made from numpy arrays.

All rows of one batch have the same shape (the same nulls, texts of the same length), so that a batch is one structured array
whose bytes are the wire format. JSON may be padded with spaces. Source: PostgreSQL documentation, COPY, "Binary Format".
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_MS = 946_684_800_000
"""2000-01-01: binary timestamps are microseconds since then."""
INT8_OID, TEXT_OID = 20, 25
FORMATS = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "?"}

Value = Any
"""A scalar for all rows, an array with one for each, or None: null."""
Batch = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that are written: name -> text, jsonb, texts (text[]), time (ms), int8[] or one of `FORMATS`."""

    table: str
    kinds: Mapping[str, str]

    def encode(self, batch: Batch, rows: int) -> bytes:
        """The rows of one batch. Columns that are not named are null."""
        values = {name: _wire(kind, batch[name]) for name, kind in self.kinds.items() if batch.get(name) is not None}
        fields: list[Any] = [("fields", ">i2")]
        for name in self.kinds:
            fields.append((f"{name} length", ">i4"))
            if name in values:
                fields.append((name, values[name].dtype, values[name].shape[1:]))
        made = np.zeros(rows, dtype=np.dtype(fields))
        made["fields"] = len(self.kinds)
        for name in self.kinds:
            made[f"{name} length"] = values[name][:1].nbytes if name in values else -1
            if name in values:
                made[name] = values[name]
        return made.tobytes()


def _wire(kind: str, given: Value) -> NDArray[Any]:
    """The value or values as they go over the wire; one row if it is the same for all."""
    if kind == "time":
        return np.atleast_1d((np.asarray(given, dtype=np.int64) - EPOCH_MS) * 1000).astype(">i8")
    if kind in FORMATS:
        return np.atleast_1d(np.asarray(given)).astype(FORMATS[kind])
    if kind == "int8[]":
        return _arrays(np.atleast_2d(given))
    if kind == "texts":
        return _text_array(given)
    texts = [given] if isinstance(given, str) else list(given)
    raw = [text.encode() for text in texts]
    if kind == "jsonb":
        widest = max(map(len, raw))
        raw = [b"\x01" + text.ljust(widest) for text in raw]
    widths = {len(text) for text in raw}
    assert len(widths) == 1, "texts of one batch have one length"
    return np.array([np.frombuffer(text, dtype=np.uint8) for text in raw])


def _arrays(given: NDArray[np.int64]) -> NDArray[Any]:
    """Rows of int8[] as bytes: dimensions, flags, type, length, lower bound; then each with its length."""
    rows, width = given.shape
    made = np.zeros(
        rows, dtype=np.dtype([("head", ">i4", (5,)), ("items", [("size", ">i4"), ("item", ">i8")], (width,))])
    )
    made["head"] = [1, 0, INT8_OID, width, 1]
    made["items"]["size"] = 8
    made["items"]["item"] = given
    return made


def _text_array(given: Sequence[str]) -> NDArray[Any]:
    """One text[] for all rows."""
    made = struct.pack(">5i", 1, 0, TEXT_OID, len(given), 1) if given else struct.pack(">3i", 0, 0, TEXT_OID)
    made += b"".join(struct.pack(">i", len(text.encode())) + text.encode() for text in given)
    return np.frombuffer(made, dtype=np.uint8)[None, :]


class _Stream:
    """What psycopg2 reads from: batches, one after the other."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or what is left of a batch."""
        if not self._left:
            self._left = next(self._chunks, b"")
        part, self._left = self._left[:size], self._left[size:]
        return part


def copy(connection: sa.Connection, columns: Columns, batches: Iterable[tuple[Batch, int]]) -> int:
    """Write the batches (values, number of rows) in the connection's transaction; returns how many rows."""
    written = 0

    def chunks() -> Iterator[bytes]:
        nonlocal written
        yield HEADER
        for batch, rows in batches:
            if rows:
                written += rows
                yield columns.encode(batch, rows)
        yield TRAILER

    names = ", ".join(f'"{name}"' for name in columns.kinds)
    cursor: Any = connection.connection.cursor()
    cursor.copy_expert(f"copy {columns.table} ({names}) from stdin (format binary)", _Stream(chunks()), size=1 << 20)
    cursor.close()
    return written


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a few rows of different shapes; keys that a row lacks are left to the table's defaults."""
    shapes: dict[frozenset[str], list[Mapping[str, object]]] = {}
    for row in rows:
        shapes.setdefault(frozenset(row), []).append(row)
    for alike in shapes.values():
        connection.execute(table.insert(), alike)
