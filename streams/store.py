"""What one worker remembers of one partition: a cache of the log on local disk, never ahead of Postgres.

`Store` is `monitor.join.Sides` for the fold: changes go to an overlay in memory, a commit freezes the overlay, and after the
Postgres transaction it is written as one atomic batch that carries the cursors it brings the disk to. So whatever dies when,
the disk holds what a prefix of each topic leaves, and says which prefix. It may be lost at any time: it is rebuilt from the
log (`session.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.bloom import Bloom
from monitor.entries import FORMAT, READABLE, Entries
from monitor.sums import Ints
from monitor.terms import TOPICS, Cursor, Cursors, Terms
from monitor.windows import HOUR
from streams.changed import PREFIXES, Batch, Key, Writes


class Meta(NamedTuple):
    """What the disk says of itself: which database it belongs to and which prefixes it holds."""

    lineage: str
    cursors: Cursors


class Disk(Protocol):
    """A local store of one partition. Each write is atomic."""

    def meta(self) -> Meta | None:
        """None: empty."""

    def get(self, keys: Sequence[Key]) -> list[bytes | None]:
        """The sides of the keys."""

    def all_keys(self) -> Iterator[Key]:
        """All keys of sides."""

    def write(self, writes: Writes, meta: Meta) -> None:
        """Do this, and say where it brings the disk to."""

    def forget(self, clocks: tuple[int, int], terms: Terms, most: int) -> int:
        """Delete up to `most` keys that are due and dead by these clocks; returns how many were looked at."""

    def wipe(self) -> None:
        """Forget everything."""


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
        found = self._overlay.of[topic].get(keys)
        _fill(found, keys, self._flying.of[topic].get)
        _fill(found, keys, lambda missing: self.disk.get([PREFIXES[topic] + key for key in missing]))
        return found

    def put(self, topic: int, keys: Sequence[bytes], entries: Entries, due: Ints) -> None:
        """Each of the keys has this one entry now, to be forgotten after `due` (ms)."""
        if keys:
            self._overlay.of[topic].put(keys, entries, due)
            self._remind(topic, keys, due)

    def put_sides(self, topic: int, keys: Sequence[bytes], sides: Sequence[bytes], due: Ints) -> None:
        """Each of the keys has this side now, to be forgotten after `due` (ms)."""
        if keys:
            self._overlay.of[topic].put_sides(keys, sides, due)
            self._remind(topic, keys, due)

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
        return len(self._overlay) + len(self._flying)

    def freeze(self) -> Batch:
        """Take what has changed; it stays visible until `written`. One batch may be in flight at a time."""
        if len(self._flying):
            raise RuntimeError("a batch is in flight already")
        self._flying, self._overlay = self._overlay, Batch()
        return self._flying

    def write(self, batch: Batch, cursors: Cursors) -> None:
        """Write a frozen batch and forget some of what is due. Blocks; may run beside the fold in another thread.

        Forgetting goes by the cursors written here, so that it decides by what every rebuild would see.
        """
        clocks = (cursors[0].clock, cursors[1].clock)
        self.disk.write(batch.writes(clocks, self._terms), Meta(self._lineage, cursors))
        self.disk.forget(clocks, self._terms, 2 * len(batch) + 1_000)

    def written(self, cursors: Cursors) -> None:
        """The batch in flight is on disk."""
        self._flying = Batch()
        for bloom in self._bloom:
            bloom.forget(min(cursor.clock for cursor in cursors) - 2 * HOUR)

    def _remind(self, topic: int, keys: Sequence[bytes], due: Ints) -> None:
        self._bloom[topic].add(np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2), int(due.max()))


def _fill(found: list[bytes | None], keys: Sequence[bytes], below: Callable[[list[bytes]], list[bytes | None]]) -> None:
    """Ask for the sides that were not found yet."""
    if missing := [n for n, side in enumerate(found) if side is None]:
        for n, side in zip(missing, below([keys[n] for n in missing]), strict=True):
            found[n] = side


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
