"""What the records of a chunk add to the panes once the join has judged them: which slots of which books, at which time.

The time of a decision, of a label's decision or of its arrival, or the evidence pane in which it was booked; the slots are
in `deltas.py`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.bins import score_bin
from monitor.columns import Outcomes, Predictions
from monitor.deltas import (
    Columns,
    Deltas,
    Whole,
    class_columns,
    class_label_columns,
    decision_columns,
    error_columns,
    label_columns,
    label_score_columns,
    power_columns,
    score_histogram,
    weighted_bins,
    weighted_columns,
    weighted_error_columns,
    weighted_label_score_columns,
)
from monitor.entries import PLAIN, VALUED, Entries
from monitor.sums import LAYOUTS, Basis, Book, Ints

Bools = NDArray[np.bool_]


class Counting:
    """Counts into `deltas`; `quality` is the quality cell of each model."""

    def __init__(self, deltas: Deltas, quality: Sequence[int]) -> None:
        self._deltas = deltas
        self._quality = np.asarray(quality, dtype=np.int64)

    def decisions(self, batch: Predictions, booked: Ints, fresh: Bools) -> None:
        """Fresh predictions, each with its evidence pane."""
        columns = decision_columns(batch.decision, batch.score, batch.value, batch.valued, batch.clipped)
        time, cell = batch.time, batch.cell
        if not fresh.all():
            columns = {slot: c if isinstance(c, int) else c[fresh] for slot, c in columns.items()}
            time, cell, booked = time[fresh], cell[fresh], booked[fresh]
        self._deltas.add(Basis.DECISION, time, cell, columns)
        self._deltas.add(Basis.EVIDENCE_DECISION, booked, cell, columns)
        self._histograms(batch, fresh)
        if batch.weight is not None:
            weight = batch.weight if fresh.all() else batch.weight[fresh]
            self._weights(((Book(Basis.WEIGHTS_DECISION), time),), cell, weight, columns)

    def _histograms(self, batch: Predictions, fresh: Bools) -> None:
        """Scores and values of the fresh predictions that have them."""
        scored = fresh & (batch.score >= 0)
        if batch.plain is not None:
            scored &= ~batch.plain
        if scored.any():
            time, cell, score = _those(scored, batch.time, batch.cell, batch.score)
            self._deltas.add(Basis.SCORES, time, cell, {}, score_histogram(score))
            self._weighted_bins(Basis.WEIGHTS_SCORES, scored, batch, score_bin(batch.score))
        if batch.label_class is not None:
            self._classes(batch, batch.label_class, fresh)
        if batch.value_slot is not None and (ranged := fresh & (batch.value_slot >= 0)).any():
            time, cell, slot = _those(ranged, batch.time, batch.cell, batch.value_slot)
            self._deltas.add(Basis.VALUES, time, cell, {}, ((slot, None),))
            self._weighted_bins(Basis.WEIGHTS_VALUES, ranged, batch, batch.value_slot)

    def _weighted_bins(self, basis: Basis, which: Bools, batch: Predictions, slot: Whole) -> None:
        """The histogram of these predictions once more, by weight, of models that weigh."""
        if batch.weight is not None and (some := which & (batch.weight > 0)).any():
            time, cell, weight, place = _those(some, batch.time, batch.cell, batch.weight, slot)
            self._deltas.add(basis, time, cell, *weighted_bins(LAYOUTS[basis], place, weight))

    def _classes(self, batch: Predictions, code: NDArray[np.int16], fresh: Bools) -> None:
        """Each class against the rest, of the fresh predictions of models that have so many."""
        for number in range(1, int(code.max(initial=0) >> 8) + 1):
            those = fresh & (code >> 8 >= number)
            time, cell, decision, which = _those(those, batch.time, batch.cell, batch.decision, code)
            columns = class_columns(decision, which & 255 == number)
            self._deltas.add(Book(Basis.DECISION, number), time, cell, columns)
            if batch.weight is not None:
                book = Book(Basis.WEIGHTS_DECISION, number)
                self._weights(((book, time),), cell, batch.weight[those], columns)

    def _weights(self, books: Sequence[tuple[Book, Ints]], cell: Ints, weight: Whole, columns: Columns) -> None:
        """What the columns count and sum once more with the weights, of the events of models that weigh: in each book at its times."""
        some = weight > 0
        if not some.any():
            return
        chosen = {slot: column if isinstance(column, int) else column[some] for slot, column in columns.items()}
        of, amounts, *times = _those(some, cell, weight, *(time for _, time in books))
        raised = weighted_columns(LAYOUTS[books[0][0].basis], chosen, amounts)
        for (book, _), time in zip(books, times, strict=True):
            self._deltas.add(book, time, of, raised)

    def labels(self, prediction: Entries, outcome: Entries) -> None:
        """Pairs of a prediction and its label."""

        def column(entries: Entries, name: str) -> Ints:
            return entries[name].astype(np.int64)

        predicted = {name: column(prediction, name) for name in ("decision", "score", "value")}
        labelled = {name: column(outcome, name) for name in ("label", "value")}
        columns = label_columns(
            predicted | {"valued": prediction["flags"] & VALUED}, labelled | {"valued": outcome["flags"] & VALUED}
        )
        cell = column(prediction, "cell")
        self._deltas.add(Basis.LABEL_DECIDED, column(prediction, "time"), cell, columns)
        self._deltas.add(Basis.LABEL_ARRIVED, column(outcome, "time"), cell, columns)
        booked = np.maximum(prediction["booked"], outcome["booked"]).astype(np.int64)
        self._deltas.add(Basis.EVIDENCE_LABEL, booked, cell, columns)
        times = (column(prediction, "time"), column(outcome, "time"))
        books = Book(Basis.WEIGHTS_LABEL_DECIDED), Book(Basis.WEIGHTS_LABEL_ARRIVED)
        self._weights(tuple(zip(books, times, strict=True)), cell, prediction["weight"], columns)
        self._label_classes(times[0], cell, prediction, outcome)
        detailed = prediction["flags"] & PLAIN == 0
        truth = np.where(detailed, labelled["label"], -1)
        self._label_scores(times, cell, truth, predicted["score"])
        self._weighted_label_scores(times, cell, truth, prediction)
        both = detailed & ((prediction["flags"] & outcome["flags"] & VALUED) != 0)
        if both.any():
            decided, arrived, of, guess, truth = _those(both, *times, cell, predicted["value"], labelled["value"])
            errors, powers = error_columns(guess, truth), power_columns(guess, truth)
            self._deltas.add(Basis.ERRORS_DECIDED, decided, of, errors)
            self._deltas.add(Basis.ERRORS_ARRIVED, arrived, of, errors)
            self._deltas.add(Basis.ERROR_POWERS_DECIDED, decided, of, powers)
            self._deltas.add(Basis.ERROR_POWERS_ARRIVED, arrived, of, powers)
        if (both := both & (prediction["weight"] > 0)).any():
            columns_of = (*times, cell, predicted["value"], labelled["value"], prediction["weight"])
            decided, arrived, of, guess, truth, weight = _those(both, *columns_of)
            weighed = weighted_error_columns(guess, truth, weight)
            self._deltas.add(Basis.WEIGHTS_ERRORS_DECIDED, decided, of, weighed)
            self._deltas.add(Basis.WEIGHTS_ERRORS_ARRIVED, arrived, of, weighed)

    def _label_classes(self, time: Ints, cell: Ints, prediction: Entries, outcome: Entries) -> None:
        """Each class against the rest, of labelled predictions of models that have so many."""
        code, came = prediction["label_class"], outcome["label_class"]
        for number in range(1, int(code.max(initial=0) >> 8) + 1):
            those = code >> 8 >= number
            at, of, decision, which, label, true = _those(
                those, time, cell, prediction["decision"], code, outcome["label"], came
            )
            columns = class_label_columns(decision, which & 255 == number, label, true & 255 == number)
            self._deltas.add(Book(Basis.LABEL_DECIDED, number), at, of, columns)
            self._weights(((Book(Basis.WEIGHTS_LABEL_DECIDED, number), at),), of, prediction["weight"][those], columns)

    def _label_scores(self, times: tuple[Ints, Ints], cell: Ints, label: Ints, score: Ints) -> None:
        known = (label >= 0) & (score >= 0)
        if known.any():
            decided, arrived, of, truth, points = _those(known, *times, cell, label, score)
            columns, histograms = label_score_columns(truth == 1, points)
            self._deltas.add(Basis.LABEL_SCORES_DECIDED, decided, of, columns, histograms)
            self._deltas.add(Basis.LABEL_SCORES_ARRIVED, arrived, of, columns, histograms)

    def _weighted_label_scores(self, times: tuple[Ints, Ints], cell: Ints, label: Ints, prediction: Entries) -> None:
        known = (label >= 0) & (prediction["score"] >= 0) & (prediction["weight"] > 0)
        if known.any():
            columns_of = (*times, cell, label, prediction["score"], prediction["weight"])
            decided, arrived, of, truth, points, weight = _those(known, *columns_of)
            columns, histograms = weighted_label_score_columns(truth == 1, points, weight)
            self._deltas.add(Basis.WEIGHTS_SCORES_DECIDED, decided, of, columns, histograms)
            self._deltas.add(Basis.WEIGHTS_SCORES_ARRIVED, arrived, of, columns, histograms)

    def records(self, topic: str, model: Whole, clock: Ints, late: Bools, duplicate: Bools) -> None:
        """What became of the records of a topic, at their clocks."""
        columns: Columns = {topic: 1}
        columns |= {f"{topic}_late": late} if late.any() else {}
        columns |= {f"{topic}_duplicate": duplicate} if duplicate.any() else {}
        self._deltas.add(Basis.QUALITY, clock, self._quality[model], columns)

    def received(self, batch: Outcomes, fresh: Bools, matched: Bools) -> None:
        """Fresh outcomes at their own times, and how many have found their prediction."""
        columns: Columns = {"received": 1, "matched": matched[fresh]}
        self._deltas.add(Basis.QUALITY, batch.time[fresh], self._quality[batch.model[fresh]], columns)

    def matched(self, model: Whole, time: Ints) -> None:
        """Early outcomes that have found their prediction now, at their own times."""
        self._deltas.add(Basis.QUALITY, time, self._quality[model], {"matched": 1})

    def dead_letters(self, cell: Ints, time: Ints) -> None:
        """Unreadable records: quality cells and record timestamps."""
        self._deltas.add(Basis.QUALITY, time, cell, {"dead_letters": 1})


def _those(which: Bools, *columns: NDArray[np.signedinteger]) -> list[Ints]:
    """These rows of the columns; the very columns where all rows are meant."""
    if which.all():
        return [column if column.dtype == np.int64 else column.astype(np.int64) for column in columns]
    return [column[which].astype(np.int64) for column in columns]
