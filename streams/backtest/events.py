"""A history from a file: the rows of a CSV or Parquet file, each in the pane of its own time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monitor.config import ModelConfig
from monitor.deltas import Rows
from monitor.sums import LAYOUTS, Basis, Book
from monitor.times import format_time
from streams.audit.asking import Wishes, prepare
from streams.audit.counting import cells_of, in_panes
from streams.audit.reading import read
from streams.backtest.history import BacktestError, History, Sparse
from streams.backtest.stored import Stretch


@dataclass(frozen=True, slots=True)
class File:
    """A file of events, and which of its columns are what; those that are not named are found by their names."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    time_format: str = ""


def read_events(file: File, model: ModelConfig, stretch: Stretch) -> History:
    """The file as a history of the model. A label counts in the pane of its row's time. BacktestError without times."""
    wishes = Wishes(columns=file.columns, attributes=file.attributes, time_format=file.time_format)
    found = prepare(read(file.path), wishes, model)
    if found.time is None:
        raise BacktestError(f"{file.path.name}: say which column is the time: --column time=COLUMN")
    low, high = stretch.low or 0, stretch.high or 2**62
    inside = (found.time >= low) & (found.time < high)
    if not inside.any():
        raise BacktestError(f"{file.path.name} has no row between these times")
    time = found.time[inside]
    rows = found.rows.take(inside)
    cells, cell = cells_of(rows, model)
    taken = in_panes(rows, (model, cell), time, Basis.LABEL_ARRIVED)
    first = int(time.min()) // model.pane * model.pane
    panes = (int(time.max()) - first) // model.pane + 1
    decisions = _sparse(taken[Book(Basis.DECISION)], Basis.DECISION, (first, model.pane))
    labels = None
    if Book(Basis.LABEL_ARRIVED) in taken:
        labels = _sparse(taken[Book(Basis.LABEL_ARRIVED)], Basis.LABEL_ARRIVED, (first, model.pane))
    source = f"{file.path.name}, {format_time(int(time.min()))} to {format_time(int(time.max()))}"
    return History(model.name, model.pane, first, panes, cells, decisions, labels, source)


def _sparse(rows: Rows, basis: Basis, begin: tuple[int, int]) -> Sparse:
    first, pane = begin
    return Sparse(LAYOUTS[basis], ((rows.start - first) // pane).astype(np.intp), rows.cell.astype(np.intp), rows.sums)
