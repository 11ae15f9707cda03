"""The fold of one partition's two topics: lateness, duplicates, labels. Pure: no I/O, a function of the prefixes alone.

Of each topic in log order: a record more than `lateness` behind its topic's clock is *late*; otherwise it is a *duplicate*
if an earlier record of its identity, itself not late, was seen at most `memory` behind that clock, whatever its content;
otherwise it is *fresh*. Identity is (model, version, arm, id) for a prediction, (model, id) for an outcome. The label of a
fresh prediction is the fresh outcome of least place with its (model, id) and a time in [time - lateness, time + horizon]: a
property of the pair, so it does not matter which was read first. What each adds to which pane is in `counting.py`.

Nearly all records meet nothing that is remembered, or one waiting partner. Those are handled as columns; the rest, one by
one in log order, by `slow.py` (same rules, spelled out). Records of different ids do not touch each other, and the clock of
each record is known beforehand, so splitting a chunk this way changes nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.columns import Outcomes, Predictions
from monitor.counting import Bools, Counting
from monitor.deltas import Deltas
from monitor.entries import (
    DTYPES,
    KEPT,
    MATCHED,
    OUTCOME,
    PLAIN,
    PREDICTION,
    UNWEIGHED,
    VALUED,
    Entries,
    forget_at,
)
from monitor.slow import Slow
from monitor.sums import Ints
from monitor.terms import OUTCOMES, PREDICTIONS, Cursor, Cursors, Position, Seal, Seals, Terms, sealed

Words = NDArray[np.uint64]


class Sides(Protocol):
    """What is remembered of the ids of one partition; written to disk by the owner's commits."""

    def maybe(self, topic: int, words: Words) -> Bools:
        """Per key (N x 2 words) whether the topic may hold a side of it; False is certain."""

    def get(self, topic: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The sides of the keys, None where there is none."""

    def put(self, topic: int, keys: Sequence[bytes], entries: Entries, due: Ints) -> None:
        """Each of the keys has this one entry now, which may be forgotten when both topics' clocks have passed `due`."""

    def put_sides(self, topic: int, keys: Sequence[bytes], sides: Sequence[bytes], due: Ints) -> None:
        """Likewise, of keys that may have several entries: whole sides."""


class Pairs(NamedTuple):
    """Outcomes, by their number in the chunk, and the prediction that each labels."""

    outcome: NDArray[np.intp]
    prediction: Entries


class Which(NamedTuple):
    """Records of a chunk, by number, and the clock of each record of the chunk."""

    numbers: NDArray[np.intp]
    clock: Ints


class Join:
    """One partition's fold. `counting` is False while it catches up: then it only remembers."""

    def __init__(self, terms: Terms, cursors: Cursors, known: Position, sides: Sides, quality: Sequence[int]) -> None:
        self.terms, self.marks, self.sides = terms, known.marks, sides
        self._seals = list(known.seals)
        self.counting = False
        self.deltas = Deltas(terms.pane)
        self._cursors = list(cursors)
        self._count = Counting(self.deltas, quality)
        self._slow = Slow(terms)

    @property
    def offsets(self) -> tuple[int, int]:
        """The next offset to read of each topic."""
        return self._cursors[0].offset, self._cursors[1].offset

    def position(self) -> Cursors:
        """The cursors, idle marks included."""
        low, high = (Cursor(self._cursors[t].offset, self._clock(t)) for t in (PREDICTIONS, OUTCOMES))
        return low, high

    @property
    def seals(self) -> Seals:
        """What the evaluator was told of idle topics, as far as it has made or may make a difference."""
        return self._seals[0], self._seals[1]

    def seal(self, topic: int, clock: int) -> None:
        """The evaluator is about to be told that this topic, read to here, is complete up to `clock`."""
        cursor, pane = self.position()[topic], self.terms.pane
        if (clock - self.terms.delay) // pane > (cursor.clock - self.terms.delay) // pane:
            self._seals[topic] = sealed(self._seals[topic], Seal(cursor.offset, clock))

    def reach(self, topic: int, cursor: Cursor) -> None:
        """Stand at a committed cursor, whatever of the log before it is gone."""
        self._cursors[topic] = Cursor(cursor.offset, max(cursor.clock, self._clock(topic)))

    def advance(self, topic: int, offset: int) -> None:
        """Pass over offsets that hold no events: holes of the log, tombstones and dead letters at a chunk's end."""
        self._cursors[topic] = Cursor(max(offset, self._cursors[topic].offset), self._clock(topic))

    def predictions(self, batch: Predictions) -> None:
        """Take the next predictions, in log order."""
        clock, booked = self._passed(PREDICTIONS, batch.offset, batch.time)
        late = batch.time < clock - self.terms.lateness
        words = _words(batch.key)
        met = self.sides.maybe(PREDICTIONS, words) | self.sides.maybe(OUTCOMES, words) | _repeated(words)
        fresh = ~(met | late)
        entries = _prediction_entries(batch, booked)
        self._remember(PREDICTIONS, batch.key, entries, fresh)
        duplicate = np.zeros(len(late), dtype=bool)
        if (slow := np.flatnonzero(met & ~late)).size:
            duplicate[slow], _ = self._one_by_one(PREDICTIONS, batch, entries, Which(slow, clock))
        if self.counting:
            self._count.decisions(batch, booked, ~(late | duplicate))
            self._count.records("predictions", batch.model, clock, late, duplicate)

    def outcomes(self, batch: Outcomes) -> None:
        """Take the next outcomes, in log order."""
        clock, booked = self._passed(OUTCOMES, batch.offset, batch.time)
        late = batch.time < clock - self.terms.lateness
        words = _words(batch.key)
        met = self.sides.maybe(OUTCOMES, words) | _repeated(words)
        entries = _outcome_entries(batch, booked)
        candidates = np.flatnonzero(~(met | late) & self.sides.maybe(PREDICTIONS, words))
        waiting, met[candidates] = self._waiting(batch.key, candidates)
        joins = self._joined(entries, waiting)
        fresh = ~(met | late)
        entries["flags"][joins.outcome] |= MATCHED
        self._remember(OUTCOMES, batch.key, entries, fresh)
        self._pair(batch.key, entries, joins)
        matched = np.zeros(len(late), dtype=bool)
        matched[joins.outcome] = True
        duplicate = np.zeros(len(late), dtype=bool)
        if (slow := np.flatnonzero(met & ~late)).size:
            duplicate[slow], matched[slow] = self._one_by_one(OUTCOMES, batch, entries, Which(slow, clock))
        if self.counting:
            self._count.records("outcomes", batch.model, clock, late, duplicate)
            self._count.received(batch, ~(late | duplicate), matched)

    def count_dead_letters(self, cell: Ints, time: Ints) -> None:
        """Count unreadable records: quality cells and record timestamps."""
        if self.counting:
            self._count.dead_letters(cell, time)

    # --- clocks

    def _clock(self, topic: int) -> int:
        """The clock before the next offset to read."""
        offset, clock = self._cursors[topic]
        return max([clock, *(mark.clock for mark in self.marks[topic] if mark.offset <= offset)])

    def _passed(self, topic: int, offset: Ints, time: Ints) -> tuple[Ints, Ints]:
        """Each record's clock, itself and idle marks included, and its evidence pane; moves the cursor past them."""
        if not len(time):
            return time, time
        before = self._cursors[topic].offset
        clock = np.maximum.accumulate(np.maximum(time, self._clock(topic)))
        for mark in self.marks[topic]:
            if mark.idle and before < mark.offset <= offset[-1]:
                np.maximum(clock, np.where(offset >= mark.offset, mark.clock, clock), out=clock)
        booked = self._booked(topic, offset, time, clock)
        self._cursors[topic] = Cursor(int(offset[-1]) + 1, int(clock[-1]))
        return clock, booked

    def _booked(self, topic: int, offset: Ints, time: Ints, clock: Ints) -> Ints:
        """The start of each record's evidence pane: its own, or if that is closed the oldest open one at its offset."""
        pane = self.terms.pane
        complete = clock
        for seal in self._seals[topic]:
            first = int(np.searchsorted(offset, seal.offset))
            if first == len(offset):
                continue
            if self._cursors[topic].offset <= seal.offset and clock[first] >= seal.clock:
                self._seals[topic] = tuple(kept for kept in self._seals[topic] if kept is not seal)  # never mattered
            else:
                complete = complete.copy() if complete is clock else complete
                np.maximum(complete[first:], seal.clock, out=complete[first:])
        oldest: Ints = (complete - self.terms.delay) // pane * pane
        return np.maximum(time // pane * pane, oldest)

    # --- the quick path

    def _remember(self, topic: int, keys: list[bytes], entries: Entries, which: Bools) -> None:
        if not which.all():
            keys, entries = [keys[n] for n in np.flatnonzero(which)], entries[which]
        if keys:
            self.sides.put(topic, keys, entries, forget_at(topic, entries, self.terms))

    def _waiting(self, keys: Sequence[bytes], candidates: NDArray[np.intp]) -> tuple[Pairs, Bools]:
        """The lone waiting prediction of each candidate outcome, and which candidates need the slow path."""
        sides = self.sides.get(PREDICTIONS, [keys[n] for n in candidates])
        size = PREDICTION.itemsize
        found = [n for n, side in enumerate(sides) if side is not None and len(side) == size]
        entries = np.frombuffer(b"".join(sides[n] or b"" for n in found), PREDICTION).copy()
        waits = entries["flags"] & (KEPT | MATCHED) == KEPT
        slow = np.array([side is not None for side in sides], dtype=bool)
        alone = np.array(found, dtype=np.intp)[waits]
        slow[alone] = False
        return Pairs(candidates[alone], entries[waits]), slow

    def _joined(self, outcomes: Entries, waiting: Pairs) -> Pairs:
        """Those of the waiting pairs whose times allow the label."""
        lag = outcomes["time"][waiting.outcome] - waiting.prediction["time"]
        joins = (lag >= -self.terms.lateness) & (lag <= self.terms.horizon)
        return Pairs(waiting.outcome[joins], waiting.prediction[joins])

    def _pair(self, keys: Sequence[bytes], outcomes: Entries, pairs: Pairs) -> None:
        if not len(pairs.outcome):
            return
        pairs.prediction["flags"] |= MATCHED
        due = forget_at(PREDICTIONS, pairs.prediction, self.terms)
        self.sides.put(PREDICTIONS, [keys[n] for n in pairs.outcome], pairs.prediction, due)
        if self.counting:
            self._count.labels(pairs.prediction, outcomes[pairs.outcome])

    # --- the slow path

    def _one_by_one(
        self, topic: int, batch: Predictions | Outcomes, entries: Entries, which: Which
    ) -> tuple[Bools, Bools]:
        """Feed the chosen records in log order; whether each is a duplicate, and whether it has found a partner."""
        keys = list(dict.fromkeys(batch.key[n] for n in which.numbers))
        self._slow.load(keys, self.sides.get(PREDICTIONS, keys), self.sides.get(OUTCOMES, keys))
        fed = [
            self._slow.feed(topic, batch.key[n], int(n), entries[n].tobytes(), int(which.clock[n]))
            for n in which.numbers
        ]
        for of in (PREDICTIONS, OUTCOMES):
            changed, sides = self._slow.changed(of)
            if changed:
                self.sides.put_sides(of, changed, sides, self._due(of, sides))
        if self.counting and self._slow.pairs:
            self._count.labels(*self._slow.paired())
        if self.counting and self._slow.matched_now:
            numbers, times = (np.array(column, dtype=np.int64) for column in zip(*self._slow.matched_now, strict=True))
            self._count.matched(batch.model[numbers], times)
        return np.array([not v.fresh for v in fed]), np.array([v.matched for v in fed])

    def _due(self, topic: int, sides: Sequence[bytes]) -> Ints:
        """When the last entry of each side can be forgotten."""
        size = DTYPES[topic].itemsize
        firsts = np.cumsum([0, *(len(side) // size for side in sides[:-1])])
        entries = np.frombuffer(b"".join(sides), DTYPES[topic])
        due: Ints = np.maximum.reduceat(forget_at(topic, entries, self.terms), firsts)
        return due


def _words(keys: Sequence[bytes]) -> Words:
    """The 16-byte keys as N x 2 words."""
    return np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)


def _repeated(words: Words) -> Bools:
    """Which keys share their first word with another of the chunk."""
    order = np.argsort(words[:, 0])
    ordered = words[order, 0]
    same = np.zeros(len(order), dtype=bool)
    equal = ordered[1:] == ordered[:-1]
    same[order[1:]] |= equal
    same[order[:-1]] |= equal
    return same


def _prediction_entries(batch: Predictions, booked: Ints) -> Entries:
    entries = _entries(PREDICTION, batch, booked)
    for name in ("score", "variant", "cell", "decision"):
        entries[name] = getattr(batch, name)
    if batch.weight is None:
        entries.view(UNWEIGHED)["value"] = batch.value
    else:
        entries["value"], entries["weight"] = batch.value, batch.weight
    if batch.plain is not None:
        entries["flags"][batch.plain] |= PLAIN
    return entries


def _outcome_entries(batch: Outcomes, booked: Ints) -> Entries:
    entries = _entries(OUTCOME, batch, booked)
    entries["label"], entries["value"] = batch.label, batch.value
    return entries


def _entries(dtype: "np.dtype[np.void]", batch: Predictions | Outcomes, booked: Ints) -> Entries:
    entries = np.empty(len(batch.key), dtype)
    entries["seen"] = entries["time"] = batch.time
    entries["booked"] = booked
    for name in ("offset", "index"):
        entries[name] = getattr(batch, name)
    entries["label_class"] = 0 if batch.label_class is None else batch.label_class
    entries["flags"] = np.where(batch.valued, KEPT | VALUED, KEPT)
    return entries
