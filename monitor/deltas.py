"""What counting adds to the panes, gathered as columns until a commit takes it.

Each call adds one block of rows, already summed per (pane, cell): `take` merges the blocks. Sums are int64 and additive,
so neither the chunking nor the order of the calls shows in the result.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.bins import calibration_slot, label_slot, relative_error, score_bin, split_product, surprise
from monitor.sums import (
    LABEL_SCORES,
    LARGEST,
    LAYOUTS,
    SCORE_UNIT,
    WEIGHT_PARTS,
    WEIGHTED_ERRORS,
    WEIGHTED_LABEL_SCORES,
    Basis,
    Book,
    Ints,
    Layout,
    pane_of,
    split_square,
    times,
)

Columns = dict[str, NDArray[Any] | int]
"""Slot -> what each event adds to it; a bare number is the same for all."""

Histogram = tuple[Ints, Ints | None]
"""The number of the slot that each event raises, and by how much (None: by one)."""


class Rows(NamedTuple):
    """Changed rows of one book: R pane starts (ms), R cells, and the R x slots sums to add."""

    start: Ints
    cell: Ints
    sums: Ints


class Deltas:
    """Gathers what is counted between two commits."""

    def __init__(self, pane: int) -> None:
        self._pane = pane
        self._blocks: dict[Book, list[Rows]] = {}
        self._numbered: tuple[Ints, Ints, NDArray[np.intp]] | None = None

    def add(
        self,
        book: Basis | Book,
        time: Ints,
        cell: Ints,
        columns: Columns,
        histograms: Sequence[Histogram] = (),
    ) -> None:
        """Add events at `time` (ms) in `cell`, one per row, with the slots they raise (absent ones by nothing)."""
        if not len(time):
            return
        book = book if isinstance(book, Book) else Book(book)
        step, layout = pane_of(book, self._pane), LAYOUTS[book.basis]
        index, start, cells = _grouped(time // step, *self._numbers(cell))
        sums = _summed(layout, index, len(start), columns)
        for histogram in histograms:
            _raise(sums, index, *histogram)
        self._blocks.setdefault(book, []).append(Rows(start * step, cells, sums))

    def take(self) -> dict[Book, Rows]:
        """All that was added since the last call, one row per (pane, cell)."""
        taken = {
            book: blocks[0] if len(blocks) == 1 else merged(blocks) for book, blocks in sorted(self._blocks.items())
        }
        self._blocks, self._numbered = {}, None
        return taken

    def _numbers(self, cell: Ints) -> tuple[Ints, NDArray[np.intp]]:
        """The distinct cells, and each event's number among them; what is added to several books is numbered once."""
        if self._numbered is None or self._numbered[0] is not cell:
            cells, numbers = np.unique(cell, return_inverse=True)
            self._numbered = cell, cells, numbers
        return self._numbered[1], self._numbered[2]


Whole = NDArray[np.signedinteger]


def decision_columns(decision: Whole, score: Whole, value: Whole, valued: NDArray[np.bool_], clipped: Whole) -> Columns:
    """The slots of `DECISIONS` that predictions raise. -1: no decision, no score."""
    scored = score >= 0
    points = np.where(scored, score, 0).astype(np.int64)
    columns: Columns = {"events": 1, "decided": decision >= 0, "favourable": decision == 1}
    if scored.any():
        columns |= {"scored": scored, "score": points} | _squared("score", points)
    if valued.any():
        amount, within = (np.where(valued, v, 0).astype(np.int64) for v in (value, clipped))
        columns |= {"valued": valued, "value": amount, "clipped": within}
        columns |= _squared("value", amount) | _squared("clipped", within)
    return columns


def label_columns(predicted: Mapping[str, Ints], outcome: Mapping[str, Ints]) -> Columns:
    """The slots of `LABELS` that pairs raise. Keys: decision, score, value, valued; label, value, valued."""
    decision, score, label = predicted["decision"], predicted["score"], outcome["label"]
    true, false, yes, no = label == 1, label == 0, decision == 1, decision == 0
    columns: Columns = {
        "labelled": 1, "positive": true, "negative": false,
        "tp": yes & true, "fp": yes & false, "fn": no & true, "tn": no & false,
    }  # fmt: skip
    if (scored := score >= 0).any():
        for name, of in (("positive", scored & true), ("negative", scored & false)):
            columns |= {f"scored_{name}": of, f"score_{name}": np.where(of, score, 0)}
    if (both := predicted["valued"].astype(bool) & outcome["valued"].astype(bool)).any():
        error = np.clip(np.where(both, predicted["value"] - outcome["value"], 0), -LARGEST, LARGEST)
        columns |= {"compared": both, "error": error, "error_abs": np.abs(error)} | _squared("error", error)
        columns |= {"outcome_value": np.where(both, outcome["value"], 0)}
    return columns


def class_columns(decision: Whole, chosen: NDArray[np.bool_]) -> Columns:
    """The slots of `DECISIONS` of one class against the rest, `chosen` where that class was decided."""
    return {"events": 1, "decided": decision >= 0, "favourable": (decision >= 0) & chosen}


def class_label_columns(decision: Whole, chosen: NDArray[np.bool_], label: Whole, true: NDArray[np.bool_]) -> Columns:
    """The slots of `LABELS` of one class against the rest, `true` where that class came true."""
    yes, no = (decision >= 0) & chosen, (decision >= 0) & ~chosen
    positive, negative = (label >= 0) & true, (label >= 0) & ~true
    return {
        "labelled": 1, "positive": positive, "negative": negative,
        "tp": yes & positive, "fp": yes & negative, "fn": no & positive, "tn": no & negative,
    }  # fmt: skip


def weighted_columns(layout: Layout, columns: Mapping[str, NDArray[Any] | int], weight: Ints) -> Columns:
    """The slots of `WEIGHTED_DECISIONS` or `WEIGHTED_LABELS` that events of these weights raise.

    Of each count that is kept with weights also the weights and their squares, of each quantity its products with them.
    """
    found: Columns = {}
    hi, lo = split_square(weight)
    for slot, raised in columns.items():
        if f"{slot}{WEIGHT_PARTS[1]}" in layout.slots:
            parts = (weight, hi, lo)
            amounts = parts if isinstance(raised, int) else [np.where(raised, part, 0) for part in parts]
            found |= {f"{slot}{part}": amount for part, amount in zip(WEIGHT_PARTS, (raised, *amounts), strict=True)}
        elif f"{slot}_w_0" in layout.slots and not isinstance(raised, int):
            found |= _products(layout, slot, raised.astype(np.int64), weight)
    return found


def _products(layout: Layout, name: str, quantity: Ints, weight: Ints) -> Columns:
    """The limbs of a quantity's products with the weights, of the kinds that the layout keeps."""
    size, sign = np.abs(quantity), np.sign(quantity)
    once = times((size,), weight)
    twice = times(once, weight)
    made: dict[str, tuple[tuple[Ints, ...], Ints]] = {
        "w": (once, sign),
        "ww": (twice, sign),
        "w_sq": (times(once, size), np.ones_like(size)),
        "ww_sq": (times(twice, size), np.ones_like(size)),
    }
    return {
        f"{name}_{kind}_{at}": limb * of
        for kind, (limbs, of) in made.items()
        if f"{name}_{kind}_0" in layout.slots
        for at, limb in enumerate(limbs)
    }


def label_score_columns(positive: NDArray[np.bool_], score: Ints) -> tuple[Columns, tuple[Histogram, ...]]:
    """The slots of `LABEL_SCORES` that labelled scores raise."""
    columns: Columns = {}
    for name, of in (("positive", positive), ("negative", ~positive)):
        points = np.where(of, score, 0)
        columns |= {f"score_{name}": points} | _squared(f"score_{name}", points)
    whole = round(1 / SCORE_UNIT)
    columns["surprise_positive"] = np.where(positive, surprise(score), 0)
    columns["surprise_negative"] = np.where(positive, 0, surprise(whole - score))
    return columns, ((label_slot(positive, score), None), (calibration_slot(score), score))


def weighted_label_score_columns(
    positive: NDArray[np.bool_], score: Ints, weight: Ints
) -> tuple[Columns, tuple[Histogram, ...]]:
    """The slots of `WEIGHTED_LABEL_SCORES` that labelled scores of these weights raise."""
    layout, plain = WEIGHTED_LABEL_SCORES, label_score_columns(positive, score)[0]
    found = weighted_columns(layout, plain, weight)
    hi, lo = split_square(weight)
    found |= {"scored_positive": positive, "scored_negative": ~positive, "weight_sq_hi": hi, "weight_sq_lo": lo}
    tenth = calibration_slot(score) - LABEL_SCORES.index("score_in_0")
    low, high = times((score,), weight)
    return found, (
        (layout.index("positive_bin_0") + label_slot(positive, score), weight),
        (layout.index("score_in_lo_0") + tenth, low),
        (layout.index("score_in_hi_0") + tenth, high),
    )


def score_histogram(score: Ints) -> tuple[Histogram, ...]:
    """The slots of `SCORES` that scores raise."""
    return ((score_bin(score), None),)


def weighted_bins(layout: Layout, slot: Ints, weight: Ints) -> tuple[Columns, tuple[Histogram, ...]]:
    """The slots of `WEIGHTED_SCORES` or `WEIGHTED_VALUES` that events of these weights raise, each in its slot of the plain layout."""
    hi, lo = split_square(weight)
    columns: Columns = {layout.slots[0]: 1, "weight_sq_hi": hi, "weight_sq_lo": lo}
    return columns, ((slot + len(columns), weight),)


def error_columns(predicted: Ints, outcome: Ints) -> Columns:
    """The slots of `ERRORS` that values with an outcome raise."""
    hi, lo = split_product(predicted, outcome)
    size = np.minimum(np.abs(predicted - outcome), LARGEST)
    relative = relative_error(predicted - outcome, outcome)
    both_hi, both_lo = split_product(size, np.abs(outcome))
    columns: Columns = {"compared": 1, "predicted": predicted, "outcome": outcome, "outcome_abs": np.abs(outcome)}
    columns |= {"product_hi": hi, "product_lo": lo, "relative": outcome != 0, "relative_error": relative}
    columns |= {"error_abs": size, "error_outcome_hi": both_hi, "error_outcome_lo": both_lo}
    for name, of in (("predicted", predicted), ("outcome", outcome), ("relative_error", relative)):
        columns |= _squared(name, of)
    return columns


def power_columns(predicted: Ints, outcome: Ints) -> Columns:
    """The slots of `ERROR_POWERS` that values with an outcome raise; an error above `LARGEST` raises none."""
    size = np.abs(predicted - outcome)
    kept = size <= LARGEST
    size, amount, sign = np.where(kept, size, 0), np.where(kept, np.abs(outcome), 0), np.sign(outcome)
    square, outcome_square = times((size,), size), times((amount,), amount)
    cube, crossed, outcome_cube = times(square, size), times(square, amount), times(outcome_square, amount)
    made: dict[str, Sequence[Ints]] = {
        "cube": cube,
        "fourth": times(cube, size),
        "crossed": [limb * sign for limb in crossed],
        "crossed_sq": times(crossed, amount),
        "outcome_cube": [limb * sign for limb in outcome_cube],
        "outcome_fourth": times(outcome_cube, amount),
    }
    found: Columns = {"powered": kept}
    return found | {f"{name}_{at}": limb for name, limbs in made.items() for at, limb in enumerate(limbs)}


def weighted_error_columns(predicted: Ints, outcome: Ints, weight: Ints) -> Columns:
    """The slots of `WEIGHTED_ERRORS` that values with an outcome raise, of events of these weights."""
    columns = error_columns(predicted, outcome)
    found = weighted_columns(WEIGHTED_ERRORS, columns, weight)
    size, amount = np.minimum(np.abs(predicted - outcome), LARGEST), np.abs(outcome)
    crossed = times(times(times((size,), amount), weight), weight)
    sign = np.sign(predicted) * np.sign(outcome)
    product = [limb * sign for limb in times(times((np.abs(predicted),), amount), weight)]
    made: dict[str, Sequence[Ints]] = {"error_outcome_ww": crossed, "product_w": product}
    return found | {f"{name}_{at}": limb for name, limbs in made.items() for at, limb in enumerate(limbs)}


def _squared(name: str, quantity: Ints) -> Columns:
    hi, lo = split_square(quantity)
    return {f"{name}_sq_hi": hi, f"{name}_sq_lo": lo}


def _grouped(pane: Ints, cells: Ints, cell_no: NDArray[np.intp]) -> tuple[NDArray[np.intp], Ints, Ints]:
    """Number the distinct (pane, cell): the number of each event, and the pane and cell of each number."""
    first = int(pane.min())
    width = int(pane.max()) - first + 1
    if width * len(cells) <= 1 << 20:
        code = cell_no * width + (pane - first)
        counted = np.flatnonzero(np.bincount(code))
        numbers = np.empty(width * len(cells), dtype=np.intp)
        numbers[counted] = np.arange(len(counted))
        return numbers[code], counted % width + first, cells[counted // width]
    panes, pane_no = np.unique(pane, return_inverse=True)
    codes, index = np.unique(cell_no * len(panes) + pane_no, return_inverse=True)
    return index, panes[codes % len(panes)], cells[codes // len(panes)]


EXACT = 1 << 20
"""Rows summed at once as floats: `bincount` is exact while sums of values below 2**31 stay below 2**53."""


def _summed(layout: Layout, index: NDArray[np.intp], rows: int, columns: Columns) -> Ints:
    sums = layout.zeros(rows)
    for begin in range(0, len(index), EXACT):
        part = index[begin : begin + EXACT]
        for slot, column in columns.items():
            weights = None if isinstance(column, int) else column[begin : begin + EXACT]
            sums[:, layout.index(slot)] += np.bincount(part, weights, rows).astype(np.int64)
    return sums


def _raise(sums: Ints, index: NDArray[np.intp], slot: Ints, amount: Ints | None) -> None:
    """Add each event to the slot of its row that its histogram names."""
    rows, width = sums.shape
    flat = sums.reshape(-1)
    for begin in range(0, len(index), EXACT):
        part = slice(begin, begin + EXACT)
        weights = None if amount is None else amount[part]
        flat += np.bincount(index[part] * width + slot[part], weights, rows * width).astype(np.int64)


def merged(blocks: Sequence[Rows]) -> Rows:
    """The rows of all blocks, one per (pane, cell)."""
    start, cell, sums = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    index, starts, cells = _grouped(start // (step := _step(start)), *np.unique(cell, return_inverse=True))
    order = np.argsort(index, kind="stable")
    whole = np.add.reduceat(sums[order], np.searchsorted(index[order], np.arange(len(starts))), axis=0)
    return Rows(starts * step, cells, whole)


def _step(start: Ints) -> int:
    """The greatest common divisor of the pane starts, so that they number densely."""
    return int(np.gcd.reduce(start)) or 1
