"""Checkpoints and what killed workers leave of them, on real RocksDB stores."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.terms import Cursor, Position, Terms
from streams.rocks import RocksDisk, discard
from streams.shelf import LEFT_SECONDS, Shelf
from streams.store import Store

HOUR = 3_600_000
TERMS = Terms(horizon=6 * HOUR, memory=2 * HOUR, lateness=HOUR, delay=60_000, pane=300_000)
STREAM, LINEAGE = "predictions/outcomes", "here"
KEY, SIDE = bytes(range(16)), b"what is remembered"


def standing_at(offset: int) -> Position:
    return Position(cursors=(Cursor(offset, HOUR), Cursor(offset, HOUR)))


def write(disk: RocksDisk, store: Store, offset: int) -> None:
    store.put_sides(0, [KEY], [SIDE], np.array([2**40]))
    store.write(store.freeze(), standing_at(offset).cursors)
    store.written(standing_at(offset).cursors)


def held(shelf: Shelf, offset: int) -> tuple[int | None, list[bytes | None]]:
    """The offset that the store of partition 3 stands at, and what it holds of the key."""
    disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(offset), TERMS)
    meta = disk.meta()
    found = store.get(0, [KEY])
    disk.close()
    shelf.close()
    return None if meta is None else meta.cursors[0].offset, found


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """With two checkpoints of partition 3, at the offsets 10 and 20 of each topic; the worker's own store is gone."""
    shelf = Shelf(tmp_path / "first", tmp_path / "checkpoints")
    disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(0), TERMS)
    for offset in (5, 10, 20):
        write(disk, store, offset)
        shelf.checkpoint(STREAM, 3, disk)
    disk.close()
    shelf.close()
    return tmp_path / "checkpoints"


def copies(checkpoints: Path) -> list[Path]:
    return sorted(path for path in checkpoints.glob("*/3/*") if path.name.isdigit())


def test_a_worker_without_a_store_starts_from_the_newest_checkpoint(checkpoints: Path, tmp_path: Path) -> None:
    assert [int(path.name) for path in copies(checkpoints)] == [20, 40]
    assert held(Shelf(tmp_path / "second", checkpoints), 25) == (20, [SIDE])
    assert held(Shelf(tmp_path / "third", checkpoints), 15) == (10, [SIDE])  # never ahead of Postgres


def test_a_checkpoint_that_is_removed_while_it_is_copied_is_passed_over(checkpoints: Path, tmp_path: Path) -> None:
    (copies(checkpoints)[-1] / "000099.sst").symlink_to(tmp_path / "gone")
    assert held(Shelf(tmp_path / "second", checkpoints), 25) == (10, [SIDE])


def test_half_a_copy_of_a_killed_worker_is_nobodys_store(checkpoints: Path, tmp_path: Path) -> None:
    stream = copies(checkpoints)[-1].parent.parent.name
    half = tmp_path / "second" / "worker-0" / stream / "copy-3"
    half.mkdir(parents=True)
    (half / "CURRENT").write_bytes((copies(checkpoints)[-1] / "CURRENT").read_bytes())
    assert held(Shelf(tmp_path / "second", checkpoints), 25) == (20, [SIDE])


def test_streams_whose_partitions_are_claimed_at_once_do_not_take_each_others_copies(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other stream's partition of the same number is claimed in another thread, between the copy and its use."""
    first = Shelf(tmp_path / "first", checkpoints)
    disk, store = first.open("others", 3, LINEAGE, standing_at(0), TERMS)
    store.put_sides(0, [KEY], [b"of the other stream"], np.array([2**40]))
    store.write(store.freeze(), standing_at(15).cursors)
    first.checkpoint("others", 3, disk)
    disk.close()
    first.close()
    second = Shelf(tmp_path / "second", checkpoints)
    whole, others = shutil.copytree, list[list[bytes | None]]()

    def copied(*args: Any) -> Any:
        monkeypatch.setattr(shutil, "copytree", whole)
        copy = whole(*args)
        disk, store = second.open("others", 3, LINEAGE, standing_at(25), TERMS)
        others.append(store.get(0, [KEY]))
        disk.close()
        return copy

    monkeypatch.setattr(shutil, "copytree", copied)
    assert held(second, 25) == (20, [SIDE])
    assert others == [[b"of the other stream"]]


@pytest.mark.parametrize("file", ["MANIFEST-*", "CURRENT", "*.sst"])
def test_what_a_killed_worker_has_left_of_a_store_that_it_removed_begins_anew(tmp_path: Path, file: str) -> None:
    shelf = Shelf(tmp_path, None)
    for offset in (5, 10):  # opened again, it is in tables
        disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(offset), TERMS)
        write(disk, store, offset)
        disk.close()
    disk, _ = shelf.open(STREAM, 3, LINEAGE, standing_at(10), TERMS)
    disk.close()
    for gone in list(tmp_path.glob(f"worker-0/*/3/{file}")):
        gone.unlink()
    assert held(shelf, 25) == (None, [None])


def test_a_store_is_removed_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path, None)
    disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(0), TERMS)
    write(disk, store, 10)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed before a file is gone
    disk.close()
    discard(next(tmp_path.glob("worker-0/*/3")))
    monkeypatch.undo()
    assert held(shelf, 25) == (None, [None])


def test_a_store_that_cannot_be_read_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(tmp_path, None)
    disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(0), TERMS)
    write(disk, store, 10)
    disk.close()
    (manifest,) = tmp_path.glob("worker-0/*/3/MANIFEST-*")
    manifest.write_bytes(manifest.read_bytes()[:-10] + bytes(10))
    assert held(shelf, 25) == (None, [None])
    assert "the local store 3 cannot be read and begins anew" in caplog.text


def test_the_same_checkpoint_again_takes_the_place_of_the_first(checkpoints: Path, tmp_path: Path) -> None:
    """And what killed workers have left is removed once nobody can be writing it."""
    folder = copies(checkpoints)[0].parent
    old, new = folder / ".0-of-a-killed-worker", folder / ".0-of-a-busy-one"
    old.mkdir()
    new.mkdir()
    long_ago = time.time() - LEFT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    shelf = Shelf(tmp_path / "second", checkpoints)
    disk, _ = shelf.open(STREAM, 3, LINEAGE, standing_at(25), TERMS)
    shelf.checkpoint(STREAM, 3, disk)
    disk.close()
    shelf.close()
    assert [int(path.name) for path in copies(checkpoints)] == [20, 40]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [new.name]
    assert held(Shelf(tmp_path / "third", checkpoints), 25) == (20, [SIDE])


def test_what_a_killed_worker_has_left_of_a_store_goes_with_the_next_start(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, None)
    disk, store = shelf.open(STREAM, 3, LINEAGE, standing_at(0), TERMS)
    write(disk, store, 10)
    disk.close()
    shelf.close()
    (path,) = tmp_path.glob("worker-0/*/3")
    path.rename(path.with_name(".3-0a1b2c3d"))
    shelf = Shelf(tmp_path, None)
    assert list(tmp_path.glob("worker-0/*/*")) == []
    shelf.close()
