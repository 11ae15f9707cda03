"""The local store on RocksDB: sides under their keys, what is due under its hour, and one row about itself.

    0 + hash            the side of an id in the predictions topic
    1 + hash            the side of an id in the outcomes topic
    d + hour + number   keys that may be forgotten when both clocks have passed the hour
    m                   the lineage and the cursors

The write-ahead log is not synced at each write: after a crash of the machine the store is an earlier, whole state of itself,
which is as good as any (it is a cache of the log). Memory is bounded by the options here, not by what is stored.
"""

import functools
import secrets
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np
from rocksdict import (
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from monitor.entries import spent
from monitor.terms import OUTCOMES, PREDICTIONS, Terms
from streams.changed import KEY_SIZE, PREFIXES, Key, Writes, due_hour, in_order
from streams.store import Meta, pack_meta, unpack_meta

_META, _DUE = b"m", b"d"
MEMTABLE = 16 << 20
CACHE = 8 << 20
"""Lookups go to ids in no order, and what came lately is in the memtables: blocks are not kept, the system's page cache has
them. Indexes and filters stay in memory with their tables, some 2 MB for a million ids: in the block cache they would push
each other out, and a lookup would cost twice as much."""
MEMTABLES = 64 << 20
"""Bytes that all stores of the process share, however many partitions it owns."""


class RocksDisk:
    """`streams.store.Disk` in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _open(path)
        self._number = 0

    def meta(self) -> Meta | None:
        stored: bytes | None = self._db.get(_META)
        return None if stored is None else unpack_meta(stored)

    def get(self, keys: Sequence[Key]) -> list[bytes | None]:
        order = in_order(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_SIZE)).tolist()
        found: list[bytes | None] = [None] * len(keys)
        for n, side in zip(order, cast(list[bytes | None], self._db.get([keys[n] for n in order])), strict=True):
            found[n] = side
        return found

    def all_keys(self) -> Iterator[Key]:
        for key in cast(Iterator[Key], self._db.keys(from_key=PREFIXES[0])):
            if key[:1] > PREFIXES[-1]:
                return
            yield key

    def write(self, writes: Writes, meta: Meta) -> None:
        batch = WriteBatch(raw_mode=True)
        deque(map(batch.__setitem__, *writes.put), maxlen=0)
        deque(map(batch.__delitem__, writes.gone), maxlen=0)
        for hour, of_hour in writes.due:
            self._number += 1
            batch[_due_key(hour, meta, self._number)] = of_hour
        batch[_META] = pack_meta(meta)
        self._db.write(batch)

    def forget(self, clocks: tuple[int, int], terms: Terms, most: int) -> int:
        hour, due = due_hour(clocks), bytearray()
        batch = WriteBatch(raw_mode=True)
        for row, keys in cast(Iterator[tuple[bytes, bytes]], self._db.items(from_key=_DUE)):
            if row[:1] != _DUE or int.from_bytes(row[1:9], "big") > hour or len(due) >= most * KEY_SIZE:
                break
            due += keys
            del batch[row]
        self._forget(batch, {bytes(due[n : n + KEY_SIZE]) for n in range(0, len(due), KEY_SIZE)}, clocks, terms)
        if len(batch):
            self._db.write(batch)
        return len(due) // KEY_SIZE

    def _forget(self, batch: WriteBatch, keys: set[Key], clocks: tuple[int, int], terms: Terms) -> None:
        for topic in (PREDICTIONS, OUTCOMES):
            of_topic = sorted(key for key in keys if key[:1] == PREFIXES[topic])
            held = [(key, side) for key, side in zip(of_topic, self.get(of_topic), strict=True) if side is not None]
            gone = spent(topic, [side for _, side in held], clocks, terms)
            for n in np.flatnonzero(gone).tolist():
                del batch[held[n][0]]

    def wipe(self) -> None:
        self.close()
        discard(self._path)
        self._db = _open(self._path)

    def checkpoint(self, path: Path) -> None:
        """A consistent copy in a new folder: hard links where the file system allows, so it costs little."""
        Checkpoint(self._db).create_checkpoint(str(path))

    def size(self) -> int:
        """About how many rows it holds."""
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def close(self) -> None:
        self._db.close()


def discard(folder: Path) -> None:
    """Take a store away in one step, before its files: a worker that is killed meanwhile leaves no part of one, which could
    not be opened, or would lack what its log held. What begins with a dot is such a rest."""
    with suppress(FileNotFoundError):
        gone = folder.rename(folder.with_name(f".{folder.name}-{secrets.token_hex(4)}"))
        shutil.rmtree(gone, ignore_errors=True)


def _due_key(hour: int, meta: Meta, number: int) -> bytes:
    """Unique within an hour: later commits have later cursors."""
    place = meta.cursors[0].offset + meta.cursors[1].offset
    return _DUE + max(hour, 0).to_bytes(8, "big") + place.to_bytes(8, "big") + number.to_bytes(8, "big")


@functools.cache
def _shared() -> tuple[Cache, WriteBufferManager]:
    return Cache(CACHE), WriteBufferManager(MEMTABLES, allow_stall=False)


def _open(path: Path) -> Rdict:
    path.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(MEMTABLE)
    options.set_max_write_buffer_number(3)
    # most ids that are looked up are in no memtable: without a filter each of them is searched
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_compression_type(DBCompressionType.none())  # hashes and small integers: nothing to gain, a core to lose
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    cache, memtables = _shared()
    blocks.set_block_cache(cache)
    options.set_write_buffer_manager(memtables)
    options.set_block_based_table_factory(blocks)
    reading = ReadOptions()
    reading.fill_cache(False)  # type: ignore[call-arg]  # the stub forgets the argument
    db = Rdict(str(path), options)
    db.set_read_options(reading)
    return db
