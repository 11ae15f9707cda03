"""The evaluator's clock: how far event time is complete, from the positions of all partitions. Pure.

The *watermark* of a topic's partition is its clock minus the watermark delay. The evaluator's clock is the least
watermark over the partitions: of predictions for decisions, of both topics for outcomes. One that is unowned or behind
holds the clock back. An idle one does not: its owner reads the others' clocks, sees that its own log still ends where it
stands, and records those clocks as its *idle clock*, which counts as its own. If all are idle the clock stands still; only
a drain closes the last pane.

Why not simply leave idle partitions out (2026-11): when a burst reaches several idle partitions, the first to commit would
move the clock over what the others have yet to read.

Source: Beam's and Flink's watermarks (minimum over inputs).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.terms import NEVER

TOPIC_NAMES = ("predictions", "outcomes")


@dataclass(frozen=True, slots=True)
class PartClock:
    """One partition's row: per topic (predictions, outcomes) the clock and the idle clock in ms.

    `updated_ms` is wall-clock time of the last commit; `parts` the number of partitions that the topics have.
    """

    part: int
    clocks: tuple[int, int]
    idle_clocks: tuple[int, int] = (NEVER, NEVER)
    drained: bool = False
    updated_ms: int = 0
    parts: int = 0

    def clock(self, topic: int) -> int:
        """Up to where the partition is known to be complete."""
        return max(self.clocks[topic], self.idle_clocks[topic])


@dataclass(frozen=True, slots=True)
class Holder:
    """A partition of a topic that keeps the clock where it is. `watermark` is None where nothing was ever read."""

    part: int
    topic: str
    watermark: int | None

    def __str__(self) -> str:
        return f"{self.topic} partition {self.part}"


@dataclass(frozen=True, slots=True)
class Clock:
    """Panes that end at `time` or before are complete; None: nothing is. `held_by`: who would have to move for it to move."""

    time: int | None
    held_by: tuple[Holder, ...] = ()
    drained: bool = False

    def closed(self, pane: int) -> int | None:
        """The end of the newest complete pane."""
        return None if self.time is None else self.time // pane * pane


def clock_of(parts: Sequence[PartClock], delay: int, pane: int, topics: tuple[int, ...] = (0,)) -> Clock:
    """The clock over the given topics (0 predictions, 1 outcomes)."""
    marks = [(part.clock(topic) - delay, part, topic) for part in parts for topic in topics if not part.drained]
    marks += [(NEVER, PartClock(missing, (NEVER, NEVER)), topics[0]) for missing in _missing(parts)]
    if not marks:
        return _drained(parts, pane, topics)
    least = min(mark for mark, _, _ in marks)
    begun = least > NEVER // 2
    held_by = [(part, topic) for mark, part, topic in marks if mark == least or (not begun and mark < NEVER // 2)]
    holders = tuple(Holder(part.part, TOPIC_NAMES[topic], least if begun else None) for part, topic in held_by)
    return Clock(least if begun else None, holders)


def stalled(clock: Clock, parts: Sequence[PartClock], now: int, after: int) -> tuple[Holder, ...]:
    """The holders that have not committed for `after` ms (or never) while another partition has: unowned or stuck.

    `now` is wall-clock time in ms. Empty if all partitions are silent alike: then nothing is held *back*.
    """
    quiet = {part.part for part in parts if now - part.updated_ms > after}
    if len(quiet) == len(parts):
        return ()
    known = {part.part for part in parts}
    return tuple(holder for holder in clock.held_by if holder.part in quiet or holder.part not in known)


def _missing(parts: Sequence[PartClock]) -> list[int]:
    """The partitions that no worker has claimed yet."""
    known = {part.part for part in parts}
    return sorted(set(range(max((part.parts for part in parts), default=0))) - known)


def _drained(parts: Sequence[PartClock], pane: int, topics: tuple[int, ...]) -> Clock:
    """Everything is read and nothing will come: the end of the last pane."""
    last = max((part.clock(topic) for part in parts for topic in topics), default=NEVER)
    return Clock((last // pane + 1) * pane if last > NEVER // 2 else None, drained=bool(parts))
