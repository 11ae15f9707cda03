"""What one worker remembers of one partition: a cache of the log on local disk, never ahead of Postgres.

`Store` is `monitor.join.Sides` for the fold: changes go to an overlay in memory, a commit freezes the overlay, and after the
Postgres transaction it is written as one atomic batch that carries the cursors it brings the disk to. So whatever dies when,
the disk holds what a prefix of each topic leaves, and says which prefix. It may be lost at any time: it is rebuilt from the
log (`session.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.bloom import Bloom
from monitor.entries import FORMAT, READABLE, spent
from monitor.sums import Ints
from monitor.terms import TOPICS, Cursor, Cursors, Terms

HOUR = 3_600_000

Key = bytes
"""A topic's digit and the 16-byte keyed hash of (model, id)."""
KEY_SIZE = 17

PREFIXES = (b"0", b"1")


class Meta(NamedTuple):
    """What the disk says of itself: which database it belongs to and which prefixes it holds."""

    lineage: str
    cursors: Cursors


class Due(NamedTuple):
    """Keys that may be forgotten once both clocks have passed the end of an hour."""

    hour: int
    keys: bytes


class Puts(NamedTuple):
    """Sides to write, and their keys."""

    keys: Sequence[Key]
    sides: Sequence[bytes]


class Disk(Protocol):
    """A local store of one partition. Each write is atomic."""

    def meta(self) -> Meta | None:
        """None: empty."""

    def get(self, keys: Sequence[Key]) -> list[bytes | None]:
        """The sides of the keys."""

    def all_keys(self) -> Iterator[Key]:
        """All keys of sides."""

    def write(self, put: Puts, gone: Sequence[Key], due: Sequence[Due], meta: Meta) -> None:
        """Write sides, delete those of `gone`, note what to forget when, and where this brings the disk to."""

    def forget(self, clocks: tuple[int, int], terms: Terms, most: int) -> int:
        """Delete up to `most` keys that are due and dead by these clocks; returns how many were looked at."""

    def wipe(self) -> None:
        """Forget everything."""


@dataclass(slots=True)
class Batch:
    """The changes of one commit."""

    sides: dict[Key, bytes] = field(default_factory=dict)
    due: list[tuple[list[Key], Ints]] = field(default_factory=list)

    def puts(self, gone: set[Key]) -> Puts:
        """All but `gone`, in order."""
        keys, sides = list(self.sides), list(self.sides.values())
        if gone:
            kept = [key not in gone for key in keys]
            keys, sides = list(compress(keys, kept)), list(compress(sides, kept))
        order = in_order(keys)
        return Puts(list(map(keys.__getitem__, order)), list(map(sides.__getitem__, order)))

    def gone(self, clocks: tuple[int, int], terms: Terms) -> set[Key]:
        """The keys whose sides need not be written: what is left of a decision as soon as its label has come, mostly.

        They are due by these clocks, and spent: the very ones that would be forgotten next.
        """
        now = due_hour(clocks)
        due = {key for keys, times in self.due for key in compress(keys, (times // HOUR < now).tolist())}
        found: set[Key] = set()
        for topic, prefix in enumerate(PREFIXES):
            keys = [key for key in due if key[:1] == prefix]
            dead = spent(topic, [self.sides[key] for key in keys], clocks, terms)
            found.update(compress(keys, dead.tolist()))
        return found

    def rows(self, now: int) -> list[Due]:
        """Per hour after `now` in which some of the keys are due, those keys. Of those due before, a side that is not gone is due once
        more, with what came to it last."""
        if not self.due:
            return []
        keys = np.frombuffer(b"".join([key for keys, _ in self.due for key in keys]), dtype=f"V{KEY_SIZE}")
        hours = np.concatenate([due for _, due in self.due]) // HOUR + 1
        if not len(later := np.flatnonzero(hours > now)):
            return []
        order = later[np.argsort(hours[later], kind="stable")]
        keys, hours = keys[order], hours[order]
        first = np.flatnonzero(np.diff(hours, prepend=-1)).tolist()
        ends = [*first[1:], len(hours)]
        return [Due(int(hours[at]), keys[at:end].tobytes()) for at, end in zip(first, ends, strict=True)]


class Store:
    """The overlay, the batch in flight and the disk beneath, as one set of sides."""

    def __init__(self, disk: Disk, terms: Terms, lineage: str) -> None:
        self.disk, self._terms, self._lineage = disk, terms, f"{lineage}/{FORMAT}"
        self._known = {f"{lineage}/{read}" for read in READABLE}
        self._overlay, self._flying = Batch(), Batch()
        self._bloom = (Bloom(), Bloom())

    # --- monitor.join.Sides

    def maybe(self, topic: int, words: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether a side may be held of each key; False is certain."""
        return self._bloom[topic].maybe(words)

    def get(self, topic: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest sides: overlay, then batch in flight, then disk."""
        full = [PREFIXES[topic] + key for key in keys]
        overlay, flying = self._overlay.sides, self._flying.sides
        found = [overlay.get(key) or flying.get(key) for key in full]
        if missing := [n for n, side in enumerate(found) if side is None]:
            for n, side in zip(missing, self.disk.get([full[n] for n in missing]), strict=True):
                found[n] = side
        return found

    def put(self, topic: int, keys: Sequence[bytes], sides: Sequence[bytes], due: Ints) -> None:
        """Replace the sides of the keys, each to be forgotten after `due` (ms)."""
        if not keys:
            return
        prefix = PREFIXES[topic]
        full = [prefix + key for key in keys]
        self._overlay.sides.update(zip(full, sides, strict=True))
        self._overlay.due.append((full, due))
        self._bloom[topic].add(np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2), int(due.max()))

    # --- life

    def usable(self, floor: Cursors, position: Cursors) -> Cursors | None:
        """The disk's cursors, if it belongs to this database and lies between floor and position; None if it must go."""
        meta = self.disk.meta()
        if meta is None or meta.lineage not in self._known:
            return None
        between = all(f.offset <= s.offset <= p.offset for f, s, p in zip(floor, meta.cursors, position, strict=True))
        return meta.cursors if between else None

    def load(self) -> None:
        """Fill the filters from what is on disk. Nothing of it is forgotten before it is due, so the filters keep it all."""
        for topic in TOPICS:
            for keys in _chunks((key[1:] for key in self.disk.all_keys() if key[:1] == PREFIXES[topic]), 50_000):
                self._bloom[topic].add(np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2), 2**62)

    def wipe(self) -> None:
        """Start empty."""
        self.disk.wipe()
        self._overlay, self._flying = Batch(), Batch()
        self._bloom = (Bloom(), Bloom())

    @property
    def pending(self) -> int:
        """Changed sides that are not on disk yet."""
        return len(self._overlay.sides) + len(self._flying.sides)

    def freeze(self) -> Batch:
        """Take what has changed; it stays visible until `written`. One batch may be in flight at a time."""
        if self._flying.sides:
            raise RuntimeError("a batch is in flight already")
        self._flying, self._overlay = self._overlay, Batch()
        return self._flying

    def write(self, batch: Batch, cursors: Cursors) -> None:
        """Write a frozen batch and forget some of what is due. Blocks; may run beside the fold in another thread.

        Forgetting goes by the cursors written here, so that it decides by what every rebuild would see.
        """
        clocks = (cursors[0].clock, cursors[1].clock)
        gone = batch.gone(clocks, self._terms)
        keys = list(gone)
        deletes = [keys[n] for n in in_order(keys)]
        self.disk.write(batch.puts(gone), deletes, batch.rows(due_hour(clocks)), Meta(self._lineage, cursors))
        self.disk.forget(clocks, self._terms, 2 * len(batch.sides) + 1_000)

    def written(self, cursors: Cursors) -> None:
        """The batch in flight is on disk."""
        self._flying = Batch()
        for bloom in self._bloom:
            bloom.forget(min(cursor.clock for cursor in cursors) - 2 * HOUR)


def in_order(keys: Sequence[Key]) -> list[int]:
    """The numbers of the keys nearly in their order, by topic and half of the hash: what is sorted is written at half the cost, and
    read for less too.
    """
    table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_SIZE)
    first = np.ascontiguousarray(table[:, 1:9]).view(">u8").ravel().astype(np.uint64) >> np.uint64(1)
    order: list[int] = np.argsort(first | (table[:, 0].astype(np.uint64) & np.uint64(1)) << np.uint64(63)).tolist()
    return order


def due_hour(clocks: tuple[int, int]) -> int:
    """What is due up to this hour may be forgotten."""
    return max(min(clocks), 0) // HOUR


def _chunks(keys: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def pack_meta(meta: Meta) -> bytes:
    """As stored on disk."""
    return np.array([*meta.cursors[0], *meta.cursors[1]], dtype="<i8").tobytes() + meta.lineage.encode()


def unpack_meta(stored: bytes) -> Meta:
    """What `pack_meta` wrote."""
    a, b, c, d = (int(n) for n in np.frombuffer(stored[:32], dtype="<i8"))
    return Meta(stored[32:].decode(), (Cursor(a, b), Cursor(c, d)))
