"""Where a worker keeps its local stores, and the checkpoints that it copies elsewhere now and then.

Workers on one machine may share a data folder: each takes the first free slot below it and holds it by a file lock. A
checkpoint is a consistent copy of one partition's store; a worker that has none of its own starts from the newest that is
usable, and else rebuilds from the log.
"""

import fcntl
import hashlib
import logging
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from monitor.terms import Position, Terms
from streams.errors import StreamsError
from streams.failpoints import passing
from streams.rocks import RocksDisk, discard
from streams.store import Store

log = logging.getLogger(__name__)

SLOTS = 64
KEPT = 2
"""Checkpoints kept of a partition."""
UNREADABLE = ("Corruption", "IO error: No such file")
"""How RocksDB begins to say that a store is damaged, or that part of it is gone: its errors have no classes of their own."""
LEFT_SECONDS = 3600
"""An unfinished copy to which nothing was added for so long is nobody's any more."""


class NoSlot(StreamsError):
    """All slots of the data folder are taken."""


class Shelf:
    """The folders of one worker."""

    def __init__(self, data: Path, checkpoints: Path | None) -> None:
        self._lock, self._root = _slot(data)
        for rest in self._root.glob("*/.*"):  # of a worker that was killed: the lock says that it is gone
            shutil.rmtree(rest, ignore_errors=True)
        self._checkpoints = checkpoints

    def close(self) -> None:
        """Give the slot back."""
        self._lock.close()

    def open(self, stream: str, part: int, lineage: str, position: Position, terms: Terms) -> tuple[RocksDisk, Store]:
        """The local store of a partition: its own if usable, else from a checkpoint, else as it is (it will be wiped)."""
        floor = position.floor(terms)
        path = self._root / _folder(stream) / str(part)
        disk = _opened(path)
        store = Store(disk, terms, lineage)
        if store.usable(floor, position.cursors) is not None:
            return disk, store
        for checkpoint in self._newest(stream, part):
            if not (copy := _copied(checkpoint, path.with_name(f"copy-{part}"))):
                continue
            disk.close()
            discard(path)
            copy.rename(path)
            disk = _opened(path)
            store = Store(disk, terms, lineage)
            if store.usable(floor, position.cursors) is not None:
                log.info("partition %s of %s starts from a checkpoint", part, stream)
                return disk, store
        return disk, store

    def checkpoint(self, stream: str, part: int, disk: RocksDisk) -> None:
        """Copy a store to the checkpoint folder, in full or not at all; older copies go."""
        meta = disk.meta()
        if self._checkpoints is None or meta is None:
            return
        folder = self._checkpoints / _folder(stream) / str(part)
        folder.mkdir(parents=True, exist_ok=True)
        local = self._root / f"checkpoint-{part}"
        shutil.rmtree(local, ignore_errors=True)
        disk.checkpoint(local)
        name = f"{meta.cursors[0].offset + meta.cursors[1].offset:020d}"
        unfinished = folder / f".{name}-{secrets.token_hex(4)}"
        shutil.copytree(local, unfinished)
        shutil.rmtree(local, ignore_errors=True)
        passing("checkpoint")
        discard(folder / name)
        try:
            unfinished.rename(folder / name)
        except OSError:  # another worker, one of us a zombie, was faster
            shutil.rmtree(unfinished, ignore_errors=True)
        for old in sorted(self._newest(stream, part), reverse=True)[KEPT:]:
            discard(old)
        _sweep(folder)

    def _newest(self, stream: str, part: int) -> Iterator[Path]:
        if self._checkpoints is not None:
            folder = self._checkpoints / _folder(stream) / str(part)
            found = folder.iterdir() if folder.is_dir() else ()
            yield from sorted((path for path in found if path.name.isdigit()), reverse=True)


def _copied(checkpoint: Path, copy: Path) -> Path | None:
    """A whole copy beside the stores of the same stream, so that a worker that is killed meanwhile leaves no half of one; None
    if another worker removed the checkpoint meanwhile."""
    shutil.rmtree(copy, ignore_errors=True)
    try:
        return Path(shutil.copytree(checkpoint, copy))
    except (FileNotFoundError, shutil.Error):
        return None


def _opened(path: Path) -> RocksDisk:
    """The store in a folder. One that cannot be read is a lost cache: it begins empty, and is rebuilt."""
    try:
        return RocksDisk(path)
    except Exception as error:
        if not str(error).startswith(UNREADABLE):
            raise
        log.warning("the local store %s cannot be read and begins anew: %s", path.name, error)
        discard(path)
        return RocksDisk(path)


def _sweep(folder: Path) -> None:
    """Remove what workers that were killed have left."""
    for left in folder.glob(".*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _slot(data: Path) -> tuple[IO[str], Path]:
    for number in range(SLOTS):
        slot = data / f"worker-{number}"
        slot.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (slot / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return lock, slot
    raise NoSlot(f"{SLOTS} workers use {data.name}/ already: give this one a data_dir of its own")


def _folder(stream: str) -> str:
    """A stream's name holds a slash and may be long."""
    return hashlib.blake2b(stream.encode(), digest_size=6).hexdigest()
