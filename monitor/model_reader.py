"""Events of one model to columns: times, cells, labels, units; and which of them cannot be read.

No step of it is a loop over events in Python, but for what is new or wrong. Every check is a mask over the column, and
the first fault of an event is the one that is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from monitor.bins import value_slot
from monitor.cells import Cells
from monitor.columns import Flags, Integers, Longs, Outcomes, Predictions, Shorts
from monitor.config import ModelConfig
from monitor.events import AHEAD_MS, ID_BYTES, Reason, WireOutcome, WirePrediction
from monitor.lookup import CellLookup, Fault
from monitor.quantities import ABSENT, UNDECLARED, Classes, Labels, Weights, column, quantised, units
from monitor.sums import LARGEST, SCORE_UNIT
from monitor.times import format_duration, parse_time, parse_times

HashIds = Callable[[str, Sequence[str]], list[bytes]]
"""(model, ids) -> 16-byte keyed hashes."""


@dataclass(slots=True)
class Places:
    """Where events are in the log, and when their records were written (ms; -1 if unknown)."""

    offset: Longs
    index: Integers
    stamp: Longs


class Faults(dict[int, Fault]):
    """Row -> why it cannot be read."""

    def mark(self, rows: Flags, reason: Reason, detail: str) -> None:
        """The rows of a mask, but for those that have a fault already."""
        if rows.any():
            for row in np.flatnonzero(rows).tolist():
                self.setdefault(row, (reason, detail))


class ModelReader:
    """Reads the events of one model. `position` is its place in the stream's list; `retention` is in ms."""

    def __init__(self, position: int, model: ModelConfig, hash_ids: HashIds, cells: Cells, retention: int) -> None:
        self._position, self._name, self._hash_ids, self._retention = position, model.name, hash_ids, retention
        self._lookup = CellLookup(model, cells)
        self._decision, self._label = Labels(model.decision), Labels(model.outcome)
        self._classes = Classes(model.classes) if model.classes else None
        self._resolution = model.value.resolution
        self._clip = (
            quantised(np.array(model.value.range), self._resolution).astype(np.int64) if model.value.range else None
        )
        self._histograms = model.histograms
        self._weights = None if model.weight_unit is None else Weights(model.weight_unit)
        cut = model.decision.cut
        self._cut = None if cut is None else int(quantised(np.array([cut]), SCORE_UNIT)[0])
        self._below = model.decision.favourable_side == "below"

    def predictions(self, events: Sequence[WirePrediction], places: Places) -> tuple[Predictions, Faults]:
        """All of the events as columns, whatever stands in the rows that have a fault."""
        faults = Faults()
        ids = [event.id for event in events]
        self._check_ids(ids, faults)
        times = self._times([event.time for event in events], places.stamp, faults)
        cell, variant = self._cells(events, faults)
        decision = self._decision.column([event.decision for event in events])
        self._check_labels(decision, "decision", Reason.BAD_DECISION, faults)
        score = self._scores([event.score for event in events], faults)
        value, valued = self._values([event.value for event in events], faults)
        if self._cut is not None:
            favourable = score < self._cut if self._below else score >= self._cut
            decision = np.where((decision == ABSENT) & (score >= 0), favourable, decision).astype(np.int8)
        faults.mark(
            (decision == ABSENT) & (score == ABSENT) & ~valued,
            Reason.NOTHING_TO_COUNT,
            "none of `decision`, `score` and `value` is there",
        )
        clipped, slot = value, None
        if self._clip is not None and valued.any():
            low, high = self._clip.tolist()
            clipped = np.where(valued, value.clip(low, high), 0)
            if low < high and self._histograms:
                slot = np.where(valued, value_slot(value, low, high), -1).astype(np.int8)
        model = np.full(len(ids), self._position, np.int32)
        key = self._hash_ids(self._name, ids)
        return (
            Predictions(
                places.offset,
                places.index,
                key,
                model,
                cell,
                variant,
                times,
                decision,
                score,
                value,
                valued,
                clipped,
                slot,
                self._class_of([event.decision for event in events]),
                None if self._histograms else np.ones(len(ids), np.bool_),
                None if self._weights is None else self._weighed(events, self._weights, faults),
            ),
            faults,
        )

    def outcomes(self, events: Sequence[WireOutcome], places: Places) -> tuple[Outcomes, Faults]:
        """All of the events as columns, whatever stands in the rows that have a fault."""
        faults = Faults()
        ids = [event.id for event in events]
        self._check_ids(ids, faults)
        times = self._times([event.time for event in events], places.stamp, faults)
        label = self._label.column([event.label for event in events])
        self._check_labels(label, "label", Reason.BAD_LABEL, faults)
        value, valued = self._values([event.value for event in events], faults)
        nothing = (label == ABSENT) & ~valued
        faults.mark(nothing, Reason.NOTHING_TO_COUNT, "neither `label` nor `value` is there")
        model = np.full(len(ids), self._position, np.int32)
        key = self._hash_ids(self._name, ids)
        of = self._class_of([event.label for event in events])
        return Outcomes(places.offset, places.index, key, model, times, label, value, valued, of), faults

    def _class_of(self, labels: Sequence[Any]) -> Shorts | None:
        return None if self._classes is None else self._classes.column(labels)

    def _check_ids(self, ids: list[str], faults: Faults) -> None:
        if max(map(len, ids), default=0) * 4 <= ID_BYTES:  # a character has at most four bytes
            return
        long = np.fromiter((len(id.encode()) > ID_BYTES for id in ids), np.bool_, len(ids))
        faults.mark(long, Reason.BAD_ID, f"`id` is longer than {ID_BYTES} bytes")

    def _times(self, given: list[Any], stamp: Longs, faults: Faults) -> Longs:
        try:
            times, valid = parse_times(given)
        except TypeError:  # numbers among them
            parsed = [parse_time(time) for time in given]
            valid = np.array([time is not None for time in parsed])
            times = np.array([time or 0 for time in parsed], np.int64)
        if not valid.all():
            faults.mark(
                ~valid, Reason.BAD_TIME, "`time` is neither RFC 3339 nor epoch milliseconds of the years 1 to 9999"
            )
        ahead = times > stamp + AHEAD_MS
        faults.mark(
            ahead, Reason.TIME_AHEAD, f"`time` is more than {format_duration(AHEAD_MS)} ahead of the record's own"
        )
        old = times < stamp - self._retention
        kept = format_duration(self._retention)
        faults.mark(
            old, Reason.TIME_TOO_OLD, f"`time` is more than {kept} (the retention of panes) before the record's own"
        )
        return times

    def _cells(self, events: Sequence[WirePrediction], faults: Faults) -> tuple[Longs, Longs]:
        attributes = map(bytes, [event.attributes for event in events])
        raw_factors = [event.factors for event in events]
        factors = map(bytes, raw_factors) if any(map(len, raw_factors)) else repeat(b"", len(events))
        versions, arms = [event.version for event in events], [event.arm for event in events]
        cell, variant, rows = self._lookup.columns(zip(versions, arms, attributes, factors, strict=True), len(events))
        if rows.min(initial=0) < 0:
            for row in np.flatnonzero(rows < 0).tolist():
                faults.setdefault(row, self._lookup.faults[-1 - rows[row]])
        return cell, variant

    def _check_labels(self, labels: Any, field: str, reason: Reason, faults: Faults) -> None:
        undeclared = labels == UNDECLARED
        faults.mark(undeclared, reason, f"`{field}` is a class label that the model's configuration does not name")

    def _scores(self, given: list[float | None], faults: Faults) -> Integers:
        amounts, there = column(given)
        outside = (amounts < 0) | (amounts > 1)
        if outside.any():
            faults.mark(outside, Reason.BAD_SCORE, "`score` is not between 0 and 1")
            amounts[outside] = 0
        return np.where(there, quantised(amounts, SCORE_UNIT), ABSENT).astype(np.int32)

    def _weighed(self, events: Sequence[Any], weights: Weights, faults: Faults) -> Integers:
        found = weights.column([event.weight for event in events])
        least, most = weights.unit, weights.unit * LARGEST
        faults.mark(found == 0, Reason.BAD_WEIGHT, f"`weight` is not a number from {least:g} to {most:g}")
        return found

    def _values(self, given: list[float | None], faults: Faults) -> tuple[Longs, Flags]:
        amounts, there = column(given)
        if not there.any():
            return np.zeros(len(given), np.int64), there
        counted, large = units(amounts, self._resolution)
        faults.mark(large, Reason.BAD_VALUE, f"`value` is 2**31 units of {self._resolution:g} or more")
        return counted, there
