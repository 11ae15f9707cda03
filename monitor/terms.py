"""The words of the counting protocol: durations, cursors, marks and positions of one partition of a stream.

The *clock* of a topic's partition is the greatest event time in the prefix read, the record at hand included. Everything
that is counted is a function of the two prefixes read, never of how they were interleaved, chunked or replayed.
All times are milliseconds.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

PREDICTIONS, OUTCOMES = TOPICS = (0, 1)
NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class Terms:
    """The durations of one stream. `lateness <= memory`, or a redelivered record could count again; ValueError if not."""

    horizon: int
    """A prediction waits so long for its outcome (`join_horizon`)."""
    memory: int
    """A repeated identity is recognised for so long (`dedup_horizon`)."""
    lateness: int
    """A record so far behind its topic's clock still counts (`max_lateness`)."""
    delay: int
    """Panes close for rules so long behind the clock (`watermark_delay`)."""
    pane: int
    """Length of a pane."""

    def __post_init__(self) -> None:
        if self.lateness > self.memory:
            raise ValueError(
                f"lateness ({self.lateness} ms) must not exceed the de-duplication memory ({self.memory} ms)"
            )

    @property
    def reach(self) -> int:
        """How far behind the slower clock a rebuild starts: a kept outcome, what it may have labelled, whose that may be,
        of what that may be a duplicate: two latenesses, a horizon, a lateness, a memory."""
        return self.horizon + self.memory + 3 * self.lateness

    @property
    def stride(self) -> int:
        """The event time between two marks: about 64 of them cover the reach."""
        return max(self.reach // 64, self.pane)


class Cursor(NamedTuple):
    """The next offset to read of a topic, and its clock before it."""

    offset: int = 0
    clock: int = NEVER


class Mark(NamedTuple):
    """A cursor that was passed, so that a rebuild can start there. `idle`: wall-clock time moved the clock, not an event."""

    offset: int = 0
    clock: int = NEVER
    idle: bool = False


class Seal(NamedTuple):
    """The evaluator was told that a topic which ended at `offset` is complete up to `clock` (its idle clock).

    It moves no clock and so decides nothing about lateness or duplicates: only what is read from `offset` on is
    evidence of a pane that was still open then.
    """

    offset: int
    clock: int


Cursors = tuple[Cursor, Cursor]
Marks = tuple[tuple[Mark, ...], tuple[Mark, ...]]
Seals = tuple[tuple[Seal, ...], tuple[Seal, ...]]


@dataclass(frozen=True, slots=True)
class Position:
    """What the database says of one partition: how far it is counted, and the marks that a rebuild needs."""

    cursors: Cursors = (Cursor(), Cursor())
    marks: Marks = ((Mark(),), (Mark(),))
    seals: Seals = ((), ())
    commit_no: int = 0
    rolled_up_to: int = 0
    idle: tuple[bool, bool] = (False, False)
    drained: bool = False

    def sealed(self, clocks: tuple[int, int]) -> "Position":
        """With what the evaluator was told of this position: per topic up to which clock it is complete."""
        seals = [
            sealed(of_topic, Seal(cursor.offset, clock)) if clock > cursor.clock else of_topic
            for of_topic, cursor, clock in zip(self.seals, self.cursors, clocks, strict=True)
        ]
        return replace(self, seals=(seals[0], seals[1]))

    def floor(self, terms: Terms) -> Cursors:
        """Per topic the last mark below everything that the join state at this position can depend on."""
        needed = min(cursor.clock for cursor in self.cursors) - terms.reach
        low, high = (_below(marks, needed)[0] for marks in self.marks)
        return Cursor(low.offset, low.clock), Cursor(high.offset, high.clock)


def _below(marks: tuple[Mark, ...], needed: int) -> list[Mark]:
    """The marks from the last one below `needed` on (the first, if none is)."""
    last = max((n for n, mark in enumerate(marks) if mark.clock < needed), default=0)
    return list(marks[last:])


def pruned(marks: Marks, cursors: Cursors, terms: Terms) -> Marks:
    """The marks without those that no rebuild can start from any more.

    An idle mark below the new first mark is covered by that mark's clock.
    """
    needed = min(cursor.clock for cursor in cursors) - terms.reach
    low, high = (tuple(_below(of_topic, needed)) for of_topic in marks)
    return low, high


def added(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """The marks with one more; at one offset the greatest clock is all that matters."""
    if marks and marks[-1].offset == mark.offset:
        old = marks[-1]
        return (*marks[:-1], Mark(mark.offset, max(old.clock, mark.clock), old.idle or mark.idle))
    return (*marks, mark)


def sealed(seals: tuple[Seal, ...], seal: Seal) -> tuple[Seal, ...]:
    """The seals with one more, unless an earlier one closes as much; at one offset the last holds."""
    if seals and seals[-1].clock >= seal.clock:
        return seals
    return (*(seals[:-1] if seals and seals[-1].offset == seal.offset else seals), seal)


def needed(seals: Seals, floor: Cursors) -> Seals:
    """The seals without those that a rebuild from `floor` can do without: of those below it the last holds."""
    low, high = (
        of_topic[max(0, sum(seal.offset <= cursor.offset for seal in of_topic) - 1) :]
        for of_topic, cursor in zip(seals, floor, strict=True)
    )
    return low, high
