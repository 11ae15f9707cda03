"""Weights and classes of the rows of a file: sums of one class against the rest, and of weights, as a worker counts them."""

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.config import ModelConfig
from monitor.deltas import (
    Columns,
    Deltas,
    Histogram,
    class_columns,
    class_label_columns,
    weighted_bins,
    weighted_columns,
    weighted_error_columns,
    weighted_label_score_columns,
)
from monitor.metric import Needs
from monitor.quantities import Flags, Floats, quantised
from monitor.sums import LARGEST, LAYOUTS, Basis, Book, Ints
from monitor.windows import HOUR
from streams.audit.counting import Rows, bins, columns, compared_values, labelled_scores
from streams.audit.reading import AuditError, Codes, Column

FINEST = 1e-6
"""The unit of weights, unless the largest need a coarser one."""

BASES: Mapping[bool, Mapping[Needs, Basis]] = {
    False: {"decision": Basis.DECISION, "label": Basis.LABEL_DECIDED},
    True: {
        "decision": Basis.WEIGHTS_DECISION,
        "label": Basis.WEIGHTS_LABEL_DECIDED,
        "error": Basis.WEIGHTS_ERRORS_DECIDED,
        "label_score": Basis.WEIGHTS_SCORES_DECIDED,
        "score": Basis.WEIGHTS_SCORES,
        "value": Basis.WEIGHTS_VALUES,
    },
}
"""Where all this is counted, by whether it is weighed."""


def weighed(rows: Rows, model: ModelConfig, cell: Ints, cells: int) -> dict[Needs, Ints]:
    """The weighted sums of each cell, of rows that have weights; `cell` is each row's, of so many `cells`."""
    known, decided, labelled = columns(rows, (model.value.resolution, None))
    every = np.ones(len(rows), dtype=np.bool_)
    both, guess, truth = compared_values(rows, model.value.resolution)
    assert rows.weight is not None
    made = _raised(rows, {"decision": (every, decided, ()), "label": (known, labelled, ())})
    made["error"] = both, weighted_error_columns(guess, truth, rows.weight[both]), ()
    which, score = labelled_scores(rows)
    made["label_score"] = which, *weighted_label_score_columns(rows.label[which] == 1, score, rows.weight[which])
    for needs, (some, slot) in bins(rows, model).items():
        made[needs] = some, *weighted_bins(LAYOUTS[BASES[True][needs]], slot, rows.weight[some])
    return _summed(made, cell, cells, True)


def versus(rows: Rows, cell: Ints, cells: int, number: int) -> dict[Needs, Ints]:
    """The sums of each cell of a class, by its number, against the rest; with weights if rows have them."""
    chosen, true = [column == number for column in rows.classes]
    known = (rows.label >= 0) | ~np.isnan(rows.outcome)
    every = np.ones(len(rows), dtype=np.bool_)
    made: _Made = {
        "decision": (every, class_columns(rows.decision, chosen), ()),
        "label": (known, class_label_columns(rows.decision[known], chosen[known], rows.label[known], true[known]), ()),
    }
    return _summed(_raised(rows, made), cell, cells, rows.weight is not None)


_Made = dict[Needs, tuple[Flags, Columns, Sequence[Histogram]]]
"""Which rows raise something, and which slots."""


def _raised(rows: Rows, made: _Made) -> _Made:
    """The same slots with weights, if rows have them."""
    if rows.weight is None:
        return made
    layouts = {needs: LAYOUTS[basis] for needs, basis in BASES[True].items()}
    return {
        needs: (which, weighted_columns(layouts[needs], counted, rows.weight[which]), ())
        for needs, (which, counted, _) in made.items()
    }


def _summed(made: _Made, cell: Ints, cells: int, weighted: bool) -> dict[Needs, Ints]:
    deltas, bases = Deltas(HOUR), BASES[weighted]
    for needs, (which, raised, histograms) in made.items():
        deltas.add(bases[needs], np.zeros(int(which.sum()), dtype=np.int64), cell[which], raised, histograms)
    taken = deltas.take()
    found: dict[Needs, Ints] = {}
    for needs, basis in bases.items():
        if Book(basis) in taken:
            found[needs] = LAYOUTS[basis].zeros(cells)
            found[needs][taken[Book(basis)].cell] = taken[Book(basis)].sums
    return found


def unit_of(weight: Floats) -> float:
    """The finest power of ten, from a millionth on, in which every weight is below 2**31 units; AuditError if none up to 1 is."""
    largest = float(np.nanmax(weight, initial=0.0))
    found = FINEST
    while found < 1.0 and largest / found > LARGEST:
        found *= 10
    if largest / found > LARGEST:
        raise AuditError(f"a weight of {largest:,.0f} is too large: {LARGEST:,} is the most")
    return min(found, 1.0)


def weights(column: Column | None, rows: int, unit: float) -> Ints:
    """The weight of each row in units, 1 where it has none; AuditError for one that cannot be counted."""
    given = np.full(rows, np.nan) if column is None else column.numbers
    counted = quantised(np.where(np.isnan(given), 1.0, given), unit)
    bad = np.flatnonzero(~((counted > 0) & (counted <= LARGEST)))
    if len(bad):
        name, row = "weight" if column is None else column.name, int(bad[0])
        least, most = f"{unit:g}", f"{unit * LARGEST:g}"
        raise AuditError(
            f"column {name!r} has {given[row]:g} in row {row + 1}: a weight is a number from {least} to {most}"
        )
    return counted.astype(np.int64)


def class_codes(column: Column | None, model: ModelConfig, rows: int) -> Codes:
    """The number of each row's class, in the order of the model's; 0 for any other label, or none."""
    place: dict[object, int] = {name: number for number, name in enumerate(model.classes, 1)}
    return np.zeros(rows, dtype=np.int32) if column is None else column.mapped(lambda value: place.get(value, 0))
