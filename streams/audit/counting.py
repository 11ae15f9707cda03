"""Rows of a file to cells and sums: the same slots, by the same functions, as a worker's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.bins import score_bin, value_slot
from monitor.cells import Grouper, cell_id, cell_schema, grouper
from monitor.config import OTHER, UNKNOWN, GroupingConfig, LabelsConfig, ModelConfig
from monitor.deltas import (
    Columns,
    Deltas,
    Histogram,
    decision_columns,
    error_columns,
    label_columns,
    label_score_columns,
    power_columns,
    score_histogram,
)
from monitor.deltas import Rows as CountedRows
from monitor.grouping import CellInfo
from monitor.metric import Needs
from monitor.quantities import ABSENT, UNDECLARED, Flags, Floats, Labels, quantised
from monitor.sections import text_of
from monitor.sums import LARGEST, LAYOUTS, SCORE_UNIT, Basis, Book, Ints
from streams.audit.reading import AuditError, Codes, Column

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
    outcome: Floats
    """The value that came true."""
    classes: tuple[Codes, ...] = ()
    """Of models that have classes: the class decided and the one that came true, by number; 0: none of them."""
    weight: Ints | None = None
    """In the model's unit of weight; None: rows count as one each."""

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
            self.outcome[rows],
            tuple(codes[rows] for codes in self.classes),
            None if self.weight is None else self.weight[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The sums of C cells by what metrics need (only kinds of which anything is there), and the cell of each row."""

    cells: tuple[CellInfo, ...]
    cell: Ints
    sums: Mapping[Needs, Ints]


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
    """The sums of every cell that any row is in, whatever its time."""
    cells, cell = cells_of(rows, model)
    taken = in_panes(rows, (model, cell), np.zeros(len(rows), dtype=np.int64), Basis.LABEL_DECIDED)
    found: dict[Needs, Ints] = {}
    for needs, basis in KINDS.items():
        if Book(basis) in taken:
            found[needs] = LAYOUTS[basis].zeros(len(cells))
            found[needs][taken[Book(basis)].cell] = taken[Book(basis)].sums
    return Counted(cells, cell, found)


def in_panes(rows: Rows, of: tuple[ModelConfig, Ints], time: Ints, labels: Basis) -> dict[Book, CountedRows]:
    """The sums of each pane of the model's length and each cell: decisions, and labels under the given basis.

    `of` is the model and each row's cell, `time` each row's in ms. Scores, values and errors are by the hour of the decision.
    """
    model, cell = of
    resolution, everyone = model.value.resolution, np.ones(len(rows), dtype=np.bool_)
    score, valued, value = _scores(rows.score), ~np.isnan(rows.value), _units(rows.value, resolution)
    deltas, scored, clipped = Deltas(model.pane), score >= 0, value

    def add(basis: Basis, which: Flags, columns: Columns, histograms: Sequence[Histogram] = ()) -> None:
        deltas.add(basis, time[which], cell[which], columns, histograms)

    if model.value.range is not None:
        low, high = quantised(np.array(model.value.range), resolution).astype(np.int64).tolist()
        clipped = np.where(valued, value.clip(low, high), 0)
        add(Basis.VALUES, valued, {}, ((value_slot(value[valued], low, high), None),))
    known, decided, labelled = columns(rows, (resolution, clipped))
    add(Basis.DECISION, everyone, decided)
    add(Basis.SCORES, scored, {}, score_histogram(score[scored]))
    add(labels, known, labelled)
    (both, points), (compared, guess, truth) = labelled_scores(rows), compared_values(rows, resolution)
    add(Basis.LABEL_SCORES_DECIDED, both, *label_score_columns(rows.label[both] == 1, points))
    add(Basis.ERRORS_DECIDED, compared, error_columns(guess, truth))
    add(Basis.ERROR_POWERS_DECIDED, compared, power_columns(guess, truth))
    return deltas.take()


def bins(rows: Rows, model: ModelConfig) -> dict[Needs, tuple[Flags, Ints]]:
    """Which rows have a score, and which a value of a declared range; and their slots of `SCORES` and `VALUES`."""
    score, valued = _scores(rows.score), ~np.isnan(rows.value)
    found: dict[Needs, tuple[Flags, Ints]] = {"score": (score >= 0, score_bin(score[score >= 0]))}
    if model.value.range is not None:
        resolution = model.value.resolution
        low, high = quantised(np.array(model.value.range), resolution).astype(np.int64).tolist()
        found["value"] = valued, value_slot(_units(rows.value, resolution)[valued], low, high)
    return found


def labelled_scores(rows: Rows) -> tuple[Flags, Ints]:
    """Which rows have a label and a score, and these scores, in `SCORE_UNIT`."""
    score = _scores(rows.score)
    both = (score >= 0) & (rows.label >= 0)
    return both, score[both]


def compared_values(rows: Rows, resolution: float) -> tuple[Flags, Ints, Ints]:
    """Which rows have a value on both sides, and these values, predicted and true, in units."""
    both = ~np.isnan(rows.value) & ~np.isnan(rows.outcome)
    return both, _units(rows.value, resolution)[both], _units(rows.outcome, resolution)[both]


def columns(rows: Rows, of: tuple[float, Ints | None]) -> tuple[Flags, Columns, Columns]:
    """Which rows are labelled, the slots of `DECISIONS` that all raise, and those of `LABELS` that these raise.

    `of` is the unit of values, and the values clipped to the model's range (None: as they are).
    """
    resolution, clipped = of
    score, valued, value = _scores(rows.score), ~np.isnan(rows.value), _units(rows.value, resolution)
    true, trued = _units(rows.outcome, resolution), ~np.isnan(rows.outcome)
    decision, known = rows.decision.astype(np.int64), (rows.label >= 0) | trued
    predicted = {"decision": decision, "score": score, "value": value, "valued": valued.astype(np.int64)}
    outcome = {"label": rows.label.astype(np.int64), "value": true, "valued": trued.astype(np.int64)}
    those = [{name: each[known] for name, each in side.items()} for side in (predicted, outcome)]
    decided = decision_columns(decision, score, value, valued, value if clipped is None else clipped)
    return known, decided, label_columns(those[0], those[1])


KINDS: Mapping[Needs, Basis] = {
    "decision": Basis.DECISION,
    "label": Basis.LABEL_DECIDED,
    "score": Basis.SCORES,
    "value": Basis.VALUES,
    "label_score": Basis.LABEL_SCORES_DECIDED,
    "error": Basis.ERRORS_DECIDED,
    "power": Basis.ERROR_POWERS_DECIDED,
}
"""Where the sums that metrics need are counted."""


def cells_of(rows: Rows, model: ModelConfig) -> tuple[tuple[CellInfo, ...], Ints]:
    """The cells that occur, and of each row which it is in."""
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
