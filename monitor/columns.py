"""A chunk of events as columns: what the join and the panes work on. Rows are in log order: by (offset, index)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Integers = NDArray[np.int32]
Bytes = NDArray[np.int8]
Shorts = NDArray[np.int16]
Flags = NDArray[np.bool_]

ABSENT = {np.dtype(np.int8): -1, np.dtype(np.int16): 0, np.dtype(np.int32): 0, np.dtype(np.bool_): 0}
"""What stands for nothing in the columns that only some models have."""


@dataclass(slots=True)
class Predictions:
    """N predictions. -1 stands for no decision and no score; where `valued` is False, value and clipped are 0."""

    offset: Longs
    index: Integers
    """Place in the message, 0 unless it is a batch."""
    key: list[bytes]
    """16-byte keyed hash of (model, id)."""
    model: Integers
    """Place in the stream's list of models."""
    cell: Longs
    variant: Longs
    """Hash of (version, arm)."""
    time: Longs
    """Milliseconds."""
    decision: Bytes
    """1 favourable, 0 not."""
    score: Integers
    """In `monitor.sums.SCORE_UNIT`."""
    value: Longs
    """In the model's unit of value."""
    valued: Flags
    clipped: Longs
    """The value clipped to the declared range."""
    value_slot: Bytes | None = None
    """The slot of `monitor.sums.VALUES`, -1 for none; None: no model of these has a declared range."""
    label_class: Shorts | None = None
    """The class that was decided, as a code of `monitor.quantities.Classes`. None: no model of these has classes."""
    plain: Flags | None = None
    """Whether the model goes without histograms. None: no model of these does."""
    weight: Integers | None = None
    """In the model's unit of weight, 0 where the model does not weigh. None: no model of these does."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(slots=True)
class Outcomes:
    """N outcomes. -1 stands for no label; where `valued` is False, value is 0."""

    offset: Longs
    index: Integers
    key: list[bytes]
    model: Integers
    time: Longs
    label: Bytes
    """1 positive, 0 not."""
    value: Longs
    valued: Flags
    label_class: Shorts | None = None
    """The class that came true, likewise."""

    def __len__(self) -> int:
        return len(self.key)


C = TypeVar("C", Predictions, Outcomes)


def take(columns: C, rows: Longs) -> C:
    """These rows, in the order given."""
    return _built(type(columns), [_taken(column, rows) for column in _columns(columns)])


def merge(parts: Sequence[C], rows: Sequence[Longs]) -> C:
    """One batch of several; `rows` says for each part which rows of the whole are its. Every row must be there once."""
    lengths = [len(part) for part in parts]
    joined = [_joined(columns, lengths) for columns in zip(*map(_columns, parts), strict=True)]
    return take(_built(type(parts[0]), joined), np.argsort(np.concatenate(rows), kind="stable"))


def _columns(columns: Predictions | Outcomes) -> list[Any]:
    return [getattr(columns, field.name) for field in fields(columns)]


def _built(kind: type[C], columns: list[Any]) -> C:
    return kind(*columns)


def _taken(column: Any, rows: Longs) -> Any:
    if column is None:
        return None
    return [column[row] for row in rows.tolist()] if isinstance(column, list) else column[rows]


def _joined(columns: Sequence[Any], lengths: Sequence[int]) -> Any:
    if any(column is None for column in columns):
        some = next((column for column in columns if column is not None), None)
        if some is None:
            return None
        columns = [
            np.full(n, ABSENT[some.dtype], some.dtype) if column is None else column
            for column, n in zip(columns, lengths, strict=True)
        ]
    return [key for column in columns for key in column] if isinstance(columns[0], list) else np.concatenate(columns)
