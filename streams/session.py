"""One worker's ownership of one partition of both topics, from claim to loss: the counting protocol without its I/O.

The order of things, and why it may stop anywhere:

1. *Claim* reads the position; the local store is used only if it lies between the floor and the position in both topics.
2. *Catch up without counting* until BOTH topics have reached the position; the one that is there first waits. It is the same
   code as counting, with the contributions left out.
3. *Freeze* takes cursors, changed sums and changed sides at one instant between two chunks. Chunks may be taken while the
   commit is written; they belong to the next one.
4. The commit goes to Postgres first (compare-and-set of token and cursors), then to the local store, which so is never
   ahead. If the compare fails another worker owns the partition: the session is dropped and writes nothing more.

The caller does the I/O (`worker.py`); the random checker of the tests drives this same class over stores in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from monitor.chunk import LogRecord
from monitor.columns import Outcomes, Predictions
from monitor.deltas import Rows
from monitor.events import DeadLetter
from monitor.join import Join
from monitor.reader import Read
from monitor.sums import Book
from monitor.terms import PREDICTIONS, TOPICS, Cursor, Cursors, Mark, Marks, Position, Terms, added, needed, pruned
from streams.batches import span
from streams.changed import Batch
from streams.errors import StreamsError
from streams.store import Store

CATCH_UP_PENDING = 50_000
"""While catching up the store is written when so many sides have changed, so that memory stays bounded."""


class Reader(Protocol):
    """Turns records into columns (`monitor.reader.Reader`)."""

    def predictions(self, records: Sequence[LogRecord]) -> tuple[Predictions, list[DeadLetter]]: ...
    def outcomes(self, records: Sequence[LogRecord]) -> tuple[Outcomes, list[DeadLetter]]: ...


class Gap(StreamsError):
    """A chunk does not begin where the last one ended: the transport skipped records. Claim and seek again."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition of one topic: all that the log holds from offset `start` to before `end`."""

    topic: int
    start: int
    end: int
    records: Sequence[LogRecord]
    read: Read | None = None
    """What the records hold, where that was read ahead."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit writes, frozen at one instant between two chunks."""

    expected: Cursors
    position: Position
    rows: dict[Book, Rows]
    batch: Batch
    dead_letters: tuple[tuple[int, DeadLetter], ...] = ()
    """With the topic that each came from."""
    events: int = 0
    counted: bool = True
    """False while catching up: only the local store is written."""


@dataclass(frozen=True, slots=True)
class QualityCells:
    """The quality cell of each model of the stream by number, and of a model that nobody knows."""

    of_model: tuple[int, ...]
    unknown: int
    by_name: dict[str, int] = field(default_factory=dict)


class Session:
    """The state of one owned partition. All of it dies with the process."""

    def __init__(self, terms: Terms, position: Position, store: Store, reader: Reader, cells: QualityCells) -> None:
        self._terms, self._store, self._reader, self._cells = terms, store, reader, cells
        self.base = self._committed = position
        self._idle, self._drained = position.idle, False
        self._dead: list[tuple[int, DeadLetter]] = []
        self._stash: tuple[list[Chunk], list[Chunk]] = ([], [])
        self._events, self._stored = 0, position.cursors
        floor = position.floor(terms)
        start = store.usable(floor, position.cursors)
        if start is None:
            store.wipe()
        else:
            store.load()
        self.rebuilt = start is None
        self.join = Join(terms, start or floor, position, store, cells.of_model)
        self._next = list(self.join.offsets)
        self.join.counting = not self.behind()

    @property
    def offsets(self) -> tuple[int, int]:
        """Where the transport has to go on reading, per topic."""
        return self._next[0], self._next[1]

    def behind(self) -> bool:
        """Whether one of the topics has not reached the claimed position."""
        return any(here < base.offset for here, base in zip(self.join.offsets, self.base.cursors, strict=True))

    @property
    def position(self) -> Position:
        """What is committed."""
        return self._committed

    @property
    def uncommitted(self) -> int:
        """Events taken since the last freeze, those that wait for the other topic included."""
        return self._events + sum(len(chunk.records) for stash in self._stash for chunk in stash)

    def waiting(self, topic: int) -> bool:
        """Whether this topic has reached the position and waits for the other one."""
        return bool(self._stash[topic])

    @property
    def drained(self) -> bool:
        """Whether no more is to come: what comes yet is the next owner's."""
        return self._drained

    # --- taking records

    def deliver(self, chunk: Chunk) -> None:
        """Take the next chunk. Records below the cursor are passed over, and everything after a drain.

        Raises:
            Gap: records between the last chunk and this one are missing; nothing was taken.
        """
        topic = chunk.topic
        if self._drained:
            return
        if chunk.start > self._next[topic]:
            raise Gap(f"chunk begins at offset {chunk.start}, {self._next[topic]} was to come: seek there again")
        if chunk.end <= self._next[topic]:
            return
        self._next[topic] = chunk.end
        if self.behind() and self.join.offsets[topic] >= self.base.cursors[topic].offset:
            self._stash[topic].append(chunk)
            return
        self._take(chunk)

    def at_end(self, topic: int, end: int) -> None:
        """The log ends at `end` and all before it was delivered: passes over a hole at the end of a catch-up."""
        base = self.base.cursors[topic]
        if self.join.offsets[topic] < base.offset <= end <= self._next[topic]:
            self._reach(topic, base)

    def _take(self, chunk: Chunk) -> None:
        topic, base = chunk.topic, self.base.cursors[chunk.topic]
        here = self.join.offsets[topic]
        old = bool(chunk.records) and span(chunk.records)[0] < here
        records = [r for r in chunk.records if r.offset >= here] if old else chunk.records
        read = None if old else chunk.read
        if not self.behind():
            self._feed(topic, records, read)
            self.join.advance(topic, chunk.end)
            return
        if chunk.end < base.offset:
            self._feed(topic, records, read)
            self.join.advance(topic, chunk.end)
            return
        self._feed(topic, [r for r in records if r.offset < base.offset])
        self._reach(topic, base)
        rest = Chunk(topic, base.offset, chunk.end, [r for r in records if r.offset >= base.offset])
        if self.behind():
            self._stash[topic].insert(0, rest)
        else:
            self._take(rest)

    def _reach(self, topic: int, base: Cursor) -> None:
        """This topic is at the claimed position; once both are, counting begins with what has waited."""
        self.join.reach(topic, base)
        if self.behind():
            return
        self.join.counting = True
        waited = [chunk for stash in self._stash for chunk in stash]
        for stash in self._stash:
            stash.clear()
        for chunk in waited:
            self._take(chunk)

    def _feed(self, topic: int, records: Sequence[LogRecord], read: Read | None = None) -> None:
        if not records:
            return
        if read is None:
            read = self._reader.predictions(records) if topic == PREDICTIONS else self._reader.outcomes(records)
        columns, dead = read
        if isinstance(columns, Predictions):
            self.join.predictions(columns)
        else:
            self.join.outcomes(columns)
        if self.join.counting:
            self._events += len(records)
            self._bury(topic, dead)

    def _bury(self, topic: int, dead: list[DeadLetter]) -> None:
        if dead:
            of = [self._cells.by_name.get(letter.model, self._cells.unknown) for letter in dead]
            times = np.array([letter.time_ms for letter in dead], dtype=np.int64)
            self.join.count_dead_letters(np.array(of, dtype=np.int64), times)
            self._dead += [(topic, letter) for letter in dead]

    # --- idleness

    def declare_idle(self, topic: int, idle: bool) -> None:
        """The owner says that a topic was read to its end and is silent (or is no longer).

        An idle topic does not hold back the clock of the rules. If its own clock is far behind the other's, it takes that
        one, so that join entries can be forgotten: a mark records it, so that a replay sees the same.
        """
        self._idle = (idle, self._idle[1]) if topic == PREDICTIONS else (self._idle[0], idle)
        if not idle or self.behind():
            return
        here, other = self.join.position()[topic], self.join.position()[1 - topic]
        if other.clock - here.clock >= self._terms.stride:
            self._mark(topic, Mark(here.offset, other.clock, idle=True))

    def seal(self, topic: int, clock: int) -> int | None:
        """The evaluator may be told that this idle topic is complete up to `clock`, if the database still stands at the
        offset that is returned; None: not now. What comes later is evidence of a pane that is open then.
        """
        offset = self.join.offsets[topic]
        if self.behind() or offset != self._stored[topic].offset:
            return None
        self.join.seal(topic, clock)
        return offset

    def drain(self) -> None:
        """Everything up to the topics' ends is counted and no more will come: the last pane may close.

        Nothing is taken any more: its evidence would be of a pane that the evaluator has closed. The next owner's session is
        sealed behind that pane.
        """
        self._drained = True

    def _mark(self, topic: int, mark: Mark) -> None:
        marks = self.join.marks
        ours = added(marks[topic], mark)
        self.join.marks = (ours, marks[1]) if topic == PREDICTIONS else (marks[0], ours)

    # --- committing

    def freeze(self) -> Commit | None:
        """What is to be written now; None if there is nothing. The caller writes it and then calls `written`."""
        if self.behind():
            return self._freeze_store() if self._store.pending >= CATCH_UP_PENDING else None
        cursors, old = self.join.position(), self._committed
        if (cursors, self._idle, self._drained) == (old.cursors, old.idle, old.drained) and not self._dead:
            return None
        position = replace(
            old, cursors=cursors, marks=self._marked(cursors), commit_no=old.commit_no + 1, idle=self._idle,
            drained=self._drained,
        )  # fmt: skip
        position = replace(position, seals=needed(self.join.seals, position.floor(self._terms)))
        dead, self._dead = tuple(self._dead), []
        events, self._events = self._events, 0
        self._committed = position
        return Commit(old.cursors, position, self.join.deltas.take(), self._store.freeze(), dead, events)

    def _freeze_store(self) -> Commit:
        cursors = self.join.position()
        position = replace(self.base, cursors=cursors)
        return Commit(cursors, position, {}, self._store.freeze(), counted=False)

    def _marked(self, cursors: Cursors) -> Marks:
        for topic in TOPICS:
            if cursors[topic].clock - self.join.marks[topic][-1].clock >= self._terms.stride:
                self._mark(topic, Mark(*cursors[topic]))
        self.join.marks = pruned(self.join.marks, cursors, self._terms)
        return self.join.marks

    def written(self, commit: Commit, rolled_up_to: int | None = None) -> None:
        """The commit is in Postgres and in the store."""
        if commit.counted:
            self._stored = commit.position.cursors
        self._store.written(commit.position.cursors)
        if rolled_up_to is not None:
            self._committed = replace(self._committed, rolled_up_to=rolled_up_to)
