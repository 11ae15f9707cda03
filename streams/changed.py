"""What has changed of the sides since the last commit: per topic the newest side of each key, and what a commit writes of it.

Nearly every side is one entry that came as a row of a chunk's columns, and nobody looks at it again before it is written. So
entries stay rows of an array, and all that is done for each key by itself is to note its row in a dictionary. Sides of several
entries (`monitor/slow.py`) are bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.counting import Bools
from monitor.entries import DTYPES, Entries, live, spent
from monitor.sums import Ints
from monitor.terms import OUTCOMES, PREDICTIONS, TOPICS, Terms
from monitor.windows import HOUR

Key = bytes
"""A topic's digit and the 16-byte keyed hash of (model, id)."""
KEY_SIZE = 17

PREFIXES = (b"0", b"1")

Table = NDArray[np.uint8]
"""N keys as N x `KEY_SIZE` bytes."""


class Due(NamedTuple):
    """Keys that may be forgotten once both clocks have passed the end of an hour."""

    hour: int
    keys: bytes


class Puts(NamedTuple):
    """Sides to write, and their keys."""

    keys: Sequence[Key]
    sides: Sequence[bytes]


class Writes(NamedTuple):
    """What a commit does to the disk, each kind with its keys in order."""

    put: Puts
    gone: Sequence[Key]
    due: Sequence[Due]


class Changed:
    """The newest sides of keys of one topic, each with the time (ms) after which it may be forgotten."""

    def __init__(self, topic: int) -> None:
        self._topic = topic
        self._place: dict[bytes, int] = {}
        """Per key, without the digit, the row of its entry; or ~n: the n-th of `_sides`."""
        self._entries = np.zeros(64, f"V{DTYPES[topic].itemsize}")
        self._due = np.zeros(64, np.int64)
        self._rows = 0
        self._sides: list[tuple[bytes, int]] = []
        """Sides of several entries, and when they are due."""

    def __len__(self) -> int:
        return len(self._place)

    def put(self, keys: Sequence[bytes], entries: Entries, due: Ints) -> None:
        """Each key has this one entry now. They are copied."""
        if not len(keys) == len(entries) == len(due):
            raise ValueError("not one entry and one time for each key")
        first, last = self._rows, self._rows + len(keys)
        if last > len(self._due):
            more = max(last, 2 * len(self._due)) - len(self._due)
            self._entries = np.concatenate([self._entries, np.zeros(more, self._entries.dtype)])
            self._due = np.concatenate([self._due, np.zeros(more, np.int64)])
        self._entries[first:last] = np.ascontiguousarray(entries).view(self._entries.dtype)
        self._due[first:last] = due
        self._place.update(zip(keys, range(first, last), strict=True))
        self._rows = last

    def put_sides(self, keys: Sequence[bytes], sides: Sequence[bytes], due: Ints) -> None:
        """Each key has this side now."""
        if not len(keys) == len(sides) == len(due):
            raise ValueError("not one side and one time for each key")
        self._place.update(zip(keys, range(~len(self._sides), ~len(self._sides) - len(keys), -1), strict=True))
        self._sides += zip(sides, due.tolist(), strict=True)

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The sides of the keys, None where nothing has changed."""
        found: list[bytes | None] = [None] * len(keys)
        places = list(map(self._place.get, keys))
        hits = [n for n, place in enumerate(places) if place is not None]
        if hits:
            for n, side in zip(hits, self.sides(np.array([places[n] for n in hits])), strict=True):
                found[n] = side
        return found

    def keys(self) -> Table:
        """All keys, in the order of `places`."""
        table = np.empty((len(self._place), KEY_SIZE), np.uint8)
        table[:, 0] = PREFIXES[self._topic][0]
        table[:, 1:] = np.frombuffer(b"".join(self._place), np.uint8).reshape(-1, KEY_SIZE - 1)
        return table

    def places(self) -> NDArray[np.intp]:
        """Where the side of each key is, for `sides`, `due` and `dead`."""
        return np.fromiter(self._place.values(), np.intp, len(self._place))

    def sides(self, places: NDArray[np.intp]) -> list[bytes]:
        """The sides in these places."""
        sides: list[bytes] = self._entries[np.maximum(places, 0)].tolist()
        for n in np.flatnonzero(places < 0).tolist():
            sides[n] = self._sides[~places[n]][0]
        return sides

    def due(self, places: NDArray[np.intp]) -> Ints:
        """When the sides in these places may be forgotten."""
        due = self._due[np.maximum(places, 0)]
        for n in np.flatnonzero(places < 0).tolist():
            due[n] = self._sides[~places[n]][1]
        return due

    def dead(self, places: NDArray[np.intp], clocks: tuple[int, int], terms: Terms) -> Bools:
        """Which of the sides in these places hold no live entry any more."""
        entries = self._entries[np.maximum(places, 0)].view(DTYPES[self._topic])
        dead = ~live(self._topic, entries, clocks, terms)
        several = np.flatnonzero(places < 0)
        dead[several] = spent(self._topic, self.sides(places[several]), clocks, terms)
        return dead


@dataclass(frozen=True, slots=True)
class Batch:
    """The changes of one commit, by topic."""

    of: tuple[Changed, Changed] = field(default_factory=lambda: (Changed(PREDICTIONS), Changed(OUTCOMES)))

    def __len__(self) -> int:
        return sum(map(len, self.of))

    def writes(self, clocks: tuple[int, int], terms: Terms) -> Writes:
        """What brings the disk to these clocks.

        Sides that are due by then and dead, as all that are due should be, are not written but deleted: what is left of a
        decision as soon as its label has come, mostly. They are the very ones that would be forgotten next. Of the others each is
        noted under the hour after which it may be forgotten.
        """
        now = due_hour(clocks)
        put, sides, gone = list[Key](), list[bytes](), list[Key]()
        hours, tables = list[Ints](), list[Table]()
        for topic in TOPICS:
            keys, places = self.of[topic].keys(), self.of[topic].places()
            order = in_order(keys)
            keys, places = keys[order], places[order]
            hour = self.of[topic].due(places) // HOUR
            dead, over = np.zeros(len(keys), bool), np.flatnonzero(hour < now)
            dead[over] = self.of[topic].dead(places[over], clocks, terms)
            put += as_bytes(keys[~dead])
            sides += self.of[topic].sides(places[~dead])
            gone += as_bytes(keys[dead])
            later = hour >= now
            hours.append(hour[later] + 1)
            tables.append(keys[later])
        return Writes(Puts(put, sides), gone, _by_hour(np.concatenate(hours), np.concatenate(tables)))


def _by_hour(hours: Ints, keys: Table) -> list[Due]:
    if not len(hours):
        return []
    order = np.argsort(hours, kind="stable")
    hours, keys = hours[order], keys[order]
    first = np.flatnonzero(np.diff(hours, prepend=-1)).tolist()
    ends = [*first[1:], len(hours)]
    return [Due(int(hours[at]), keys[at:end].tobytes()) for at, end in zip(first, ends, strict=True)]


def due_hour(clocks: tuple[int, int]) -> int:
    """What is due up to this hour may be forgotten."""
    return max(min(clocks), 0) // HOUR


def in_order(keys: Table) -> NDArray[np.intp]:
    """The numbers of the keys in the order of the first half of the hash."""
    return np.argsort(np.ascontiguousarray(keys[:, 1:9]).view(">u8").ravel().astype(np.uint64))


def as_bytes(keys: Table) -> list[Key]:
    """The keys one by one."""
    found: list[Key] = np.ascontiguousarray(keys).view(f"V{KEY_SIZE}").ravel().tolist()
    return found
