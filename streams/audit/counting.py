"""Rows of a file to cells and sums: the same slots, by the same functions, as a worker's."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.cells import Grouper, cell_id, cell_schema, grouper
from monitor.config import OTHER, UNKNOWN, GroupingConfig, LabelsConfig, ModelConfig
from monitor.deltas import Deltas, decision_columns, label_columns
from monitor.deltas import Rows as CountedRows
from monitor.grouping import CellInfo
from monitor.quantities import ABSENT, UNDECLARED, Flags, Floats, Labels, quantised
from monitor.sections import text_of
from monitor.sums import LARGEST, LAYOUTS, SCORE_UNIT, Basis, Book, Ints
from streams.audit.reading import AuditError, Codes, Column

ONE_PANE = 60_000
"""Everything is counted into one pane; its length does not matter."""
AUDIT, LIVE = "audit", "live"
"""Version and arm of what is counted from a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N rows, ready to be counted. -1: no decision, no label; NaN: no score, no value."""

    groups: Mapping[str, Codes]
    """Attribute -> place in `names` of each row's group."""
    factors: Mapping[str, Codes]
    names: Mapping[str, tuple[str, ...]]
    decision: Codes
    label: Codes
    score: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.decision)

    def take(self, rows: Flags) -> "Rows":
        """Some of the rows."""
        return Rows(
            {name: codes[rows] for name, codes in self.groups.items()},
            {name: codes[rows] for name, codes in self.factors.items()},
            self.names,
            self.decision[rows],
            self.label[rows],
            self.score[rows],
            self.value[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The sums of C cells, and of each row the cell it is in. `labels` None where no row has a label."""

    cells: tuple[CellInfo, ...]
    cell: Ints
    decision: Ints
    labels: Ints | None


def grouped(column: Column, config: GroupingConfig) -> tuple[Codes, tuple[str, ...]]:
    """The group of each row, as places in the names: the declared ones, then `other` and `unknown`."""
    names = (*config.groups, OTHER, UNKNOWN)
    place = {name: at for at, name in enumerate(names)}
    group: Grouper = grouper(config)
    return column.mapped(lambda value: place[group(value)]), names


def labelled(column: Column, config: LabelsConfig, option: str) -> Codes:
    """1 favourable or positive, 0 not, -1 none, of each row; AuditError if a value's meaning is not known."""
    known = Labels(config)
    found = column.mapped(lambda value: known[value])
    unclear = any(known[value] == UNDECLARED for value in column.values)
    if unclear:
        shown = ", ".join(sorted(text_of(value) for value in column.values)[:8])
        raise AuditError(
            f"column {column.name!r} has the values {shown}: say which of them are good for the person, with {option} VALUE"
        )
    return found


def count(rows: Rows, model: ModelConfig) -> Counted:
    """The sums of every cell that any row is in."""
    cells, cell = _cells(rows, model)
    taken = in_panes(rows, (model, cell), np.zeros(len(rows), dtype=np.int64), Basis.LABEL_DECIDED)
    labels = _matrix(taken, Basis.LABEL_DECIDED, len(cells)) if Book(Basis.LABEL_DECIDED) in taken else None
    return Counted(cells, cell, _matrix(taken, Basis.DECISION, len(cells)), labels)


def cells_of(rows: Rows, model: ModelConfig) -> tuple[tuple[CellInfo, ...], Ints]:
    """The cells that occur, and of each row which it is in."""
    return _cells(rows, model)


def in_panes(rows: Rows, of: tuple[ModelConfig, Ints], time: Ints, labels: Basis) -> dict[Book, CountedRows]:
    """The sums of each pane of the model's length and each cell: decisions, and labels under the given basis.

    `of` is the model and each row's cell, `time` each row's in ms.
    """
    model, cell = of
    score = _scores(rows.score)
    valued = ~np.isnan(rows.value)
    value = _units(rows.value, model.value.resolution)
    clipped = value
    if model.value.range is not None:
        low, high = quantised(np.array(model.value.range), model.value.resolution).astype(np.int64).tolist()
        clipped = np.where(valued, value.clip(low, high), 0)
    decision = rows.decision.astype(np.int64)
    deltas = Deltas(model.pane)
    deltas.add(Basis.DECISION, time, cell, decision_columns(decision, score, value, valued, clipped))
    has = rows.label >= 0
    if has.any():
        predicted = {"decision": decision, "score": score, "value": value, "valued": valued.astype(np.int64)}
        absent = np.zeros(len(rows), dtype=np.int64)
        outcome = {"label": rows.label.astype(np.int64), "value": absent, "valued": absent}
        columns = label_columns(
            {name: each[has] for name, each in predicted.items()}, {name: each[has] for name, each in outcome.items()}
        )
        deltas.add(labels, time[has], cell[has], columns)
    return deltas.take()


def _matrix(taken: Mapping[Book, CountedRows], basis: Basis, cells: int) -> Ints:
    sums = LAYOUTS[basis].zeros(cells)
    found = taken[Book(basis)]
    sums[found.cell] = found.sums
    return sums


def _cells(rows: Rows, model: ModelConfig) -> tuple[tuple[CellInfo, ...], Ints]:
    """The cells that occur, and the cell of each row."""
    parts = [*sorted(rows.groups.items()), *sorted(rows.factors.items())]
    code = np.zeros(len(rows), dtype=np.int64)
    for name, codes in parts:
        code = code * len(rows.names[name]) + codes
        # numbers anew, so that many attributes cannot overflow
        code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    _, first = np.unique(code, return_index=True)
    schema = cell_schema(model)
    return tuple(_info(rows, row, (model.name, schema)) for row in first.tolist()), code


def _info(rows: Rows, row: int, model: tuple[str, str]) -> CellInfo:
    """The cell of a row. Its id stands for all of it, as everywhere: groupings are remembered by it."""
    groups = {name: rows.names[name][codes[row]] for name, codes in sorted(rows.groups.items())}
    stratum = {name: rows.names[name][codes[row]] for name, codes in sorted(rows.factors.items())}
    id = cell_id(model[0], AUDIT, LIVE, model[1], groups, stratum)
    return CellInfo(id, AUDIT, LIVE, groups, stratum)


def _scores(score: Floats) -> Ints:
    """In `SCORE_UNIT`; -1 for none. Scores outside 0 to 1 count for the scoring rate only."""
    inside = (score >= 0.0) & (score <= 1.0)
    return np.where(inside, quantised(np.where(inside, score, 0.0), SCORE_UNIT), ABSENT).astype(np.int64)


def _units(value: Floats, resolution: float) -> Ints:
    whole = quantised(np.nan_to_num(value), resolution)
    if np.abs(whole).max(initial=0.0) > LARGEST:
        raise AuditError(
            f"a value of {np.nanmax(np.abs(value)):,.0f} is too large for units of {resolution:g}: choose a coarser resolution"
        )
    return whole.astype(np.int64)


def resolution_of(value: Floats) -> float:
    """The finest power of ten in which every value is below 2**31 units, at most a cent; where none is configured."""
    largest = float(np.nanmax(np.abs(value), initial=0.0)) if len(value) else 0.0
    found = 0.01
    while largest / found > LARGEST:
        found *= 10
    return found
