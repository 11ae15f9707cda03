"""The join's rules one record at a time, for ids that meet something remembered: duplicates, early outcomes, several arms.

The same rules as in `join.py`, spelled out. It works on the sides of one chunk's ids, unpacked into objects.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from monitor.entries import DTYPES, KEPT, MATCHED, Entries
from monitor.terms import NEVER, OUTCOMES, PREDICTIONS, TOPICS, Terms

FORMATS = (struct.Struct("<qqqqiiiiqqhBb"), struct.Struct("<qqqqqihBb"))
"""The same bytes as `monitor.entries.DTYPES`; a test holds them together."""


@dataclass(slots=True)
class KeptPrediction:
    """`monitor.entries.PREDICTION` as an object."""

    seen: int
    time: int
    offset: int
    booked: int
    value: int
    weight: int
    index: int
    score: int
    variant: int
    cell: int
    label_class: int
    flags: int
    decision: int


@dataclass(slots=True)
class KeptOutcome:
    """`monitor.entries.OUTCOME` as an object. Outcomes of one id have no variants."""

    seen: int
    time: int
    offset: int
    booked: int
    value: int
    index: int
    label_class: int
    flags: int
    label: int

    @property
    def variant(self) -> int:
        return 0


Kept = KeptPrediction | KeptOutcome
KINDS: tuple[type[KeptPrediction], type[KeptOutcome]] = (KeptPrediction, KeptOutcome)


class Verdict(NamedTuple):
    """What became of a record."""

    fresh: bool
    matched: bool = False


class Slow:
    """Feeds records of one chunk, in log order, to the sides that were loaded for them."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._sides: tuple[dict[bytes, list[Kept]], dict[bytes, list[Kept]]] = ({}, {})
        self._changed: tuple[set[bytes], set[bytes]] = (set(), set())
        self.pairs: list[tuple[KeptPrediction, KeptOutcome]] = []
        self.matched_now: list[tuple[int, int]] = []
        """Per early outcome that now found its first prediction: the number of that prediction in the chunk, its own time."""

    def load(self, keys: Sequence[bytes], *sides: Sequence[bytes | None]) -> None:
        """Begin a chunk with what is remembered of these keys, per topic."""
        self.pairs, self.matched_now = [], []
        for topic in TOPICS:
            unpack, kind = FORMATS[topic].iter_unpack, KINDS[topic]
            self._changed[topic].clear()
            self._sides[topic].clear()
            for key, side in zip(keys, sides[topic], strict=True):
                self._sides[topic][key] = [kind(*fields) for fields in unpack(side or b"")]

    def feed(self, topic: int, key: bytes, number: int, packed: bytes, clock: int) -> Verdict:
        """Take the next timely record of a topic, the `number`th of the chunk, packed as a fresh entry."""
        mine = self._sides[topic][key]
        record = KINDS[topic](*FORMATS[topic].unpack(packed))
        same = [kept for kept in mine if kept.variant == record.variant]
        seen = max((kept.seen for kept in same), default=NEVER)
        self._changed[topic].add(key)
        if seen >= clock - self._terms.memory:
            for kept in same:
                kept.seen = max(seen, record.time)
            return Verdict(fresh=False)
        record.seen = max(seen, record.time)
        mine.append(record)
        for other in self._sides[1 - topic][key]:
            pair = (record, other) if topic == PREDICTIONS else (other, record)
            self._match(topic, key, number, pair)  # type: ignore[arg-type]
        return Verdict(fresh=True, matched=bool(record.flags & MATCHED))

    def _match(self, topic: int, key: bytes, number: int, pair: tuple[KeptPrediction, KeptOutcome]) -> None:
        """A prediction takes one label at most; the others of the topic come in log order."""
        prediction, outcome = pair
        kept = prediction.flags & outcome.flags & KEPT
        if not kept or prediction.flags & MATCHED:
            return
        if not -self._terms.lateness <= outcome.time - prediction.time <= self._terms.horizon:
            return
        if topic == PREDICTIONS and not outcome.flags & MATCHED:
            self.matched_now.append((number, outcome.time))
        prediction.flags |= MATCHED
        outcome.flags |= MATCHED
        self._changed[1 - topic].add(key)
        self.pairs.append((prediction, outcome))

    def changed(self, topic: int) -> tuple[list[bytes], list[bytes]]:
        """The keys of a topic whose sides changed, and their sides."""
        keys = sorted(self._changed[topic])
        return keys, [b"".join(_pack(topic, self._sides[topic][key])) for key in keys]

    def paired(self) -> tuple[Entries, Entries]:
        """The pairs made in this chunk, as entries."""
        predictions = _pack(PREDICTIONS, (prediction for prediction, _ in self.pairs))
        outcomes = _pack(OUTCOMES, (outcome for _, outcome in self.pairs))
        first, second = (np.frombuffer(b"".join(of), DTYPES[t]) for t, of in ((0, predictions), (1, outcomes)))
        return first, second


def _pack(topic: int, side: Iterable[Kept]) -> Iterable[bytes]:
    return (FORMATS[topic].pack(*astuple(kept)) for kept in side)
