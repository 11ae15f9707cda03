"""Pane rows in the binary format of Postgres' COPY: packed and unpacked as columns.

A row is the number of its fields, and per field its length and its bytes, the greatest first; an array is its dimensions, flags, type,
length and lower bound, then its elements likewise.

Source: PostgreSQL's documentation, COPY, "Binary Format"; array_send in src/backend/utils/adt/arrayfuncs.c.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from monitor.sums import Ints

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_INT8_OID = 20
_LENGTH = 30
"""Bytes of a row of a number and an array before the array's length."""
_ELEMENT = np.dtype([("size", ">i4"), ("value", ">i8")])


class Columns(NamedTuple):
    """What tells R rows of `panes` apart, their R x slots sums, and what they have in common."""

    start: Ints
    cell: Ints
    sums: Ints
    basis: int
    pane_ms: int
    stream: str
    part: int
    label_class: int
    commit_no: int


def packed(rows: Columns) -> bytes:
    """The rows with all nine fields, without header and trailer."""
    slots, stream = rows.sums.shape[1], rows.stream.encode()
    row = np.dtype([
        ("fields", ">i2"),
        ("basis_size", ">i4"), ("basis", ">i2"),
        ("pane_size", ">i4"), ("pane", ">i4"),
        ("start_size", ">i4"), ("start", ">i8"),
        ("stream_size", ">i4"), ("stream", f"S{len(stream)}"),
        ("part_size", ">i4"), ("part", ">i4"),
        ("cell_size", ">i4"), ("cell", ">i8"),
        ("class_size", ">i4"), ("class", ">i2"),
        ("sums_size", ">i4"), ("array", ">i4", 5), ("sums", _ELEMENT, slots),
        ("commit_size", ">i4"), ("commit", ">i8"),
    ])  # fmt: skip
    table = np.zeros(len(rows.start), row)
    table["fields"] = 9
    for name in ("basis", "pane", "start", "stream", "part", "cell", "class", "commit"):
        table[f"{name}_size"] = row[name].itemsize
    table["sums_size"] = 5 * 4 + slots * _ELEMENT.itemsize
    table["array"] = (1, 0, _INT8_OID, slots, 1)
    table["sums"]["size"], table["sums"]["value"] = 8, rows.sums
    table["basis"], table["pane"], table["stream"] = rows.basis, rows.pane_ms, stream
    table["start"], table["cell"], table["class"] = rows.start, rows.cell, rows.label_class
    table["part"], table["commit"] = rows.part, rows.commit_no
    return table.tobytes()


def unpacked(copied: bytes) -> Iterator[tuple[Ints, Ints]]:
    """Rows of a number and an array of integers without nulls, as COPY gives them out: runs of rows with equally long arrays, each as
    R numbers and R x length integers.
    """
    at, end = len(HEADER), len(copied) - len(TRAILER)
    while at < end:
        length = int.from_bytes(copied[at + _LENGTH : at + _LENGTH + 4])
        row = _numbered(length)
        table = np.frombuffer(copied, row, (end - at) // row.itemsize, at)
        # the first row of another length stands where it should, so up to it all are alike; what follows it is misread, and cut off
        others = np.flatnonzero(table["array"][:, 3] != length)
        run = table[: others[0]] if len(others) else table
        yield run["number"].astype(np.int64), run["elements"]["value"].astype(np.int64)
        at += len(run) * row.itemsize


def _numbered(length: int) -> "np.dtype[np.void]":
    """A row of a number and an array of this length."""
    return np.dtype([
        ("fields", ">i2"),
        ("number_size", ">i4"), ("number", ">i8"),
        ("array_size", ">i4"), ("array", ">i4", 5), ("elements", _ELEMENT, length),
    ])  # fmt: skip
