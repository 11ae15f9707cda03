"""The local store: one suite over the disk in memory (of the random schedules) and the real RocksDB."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from monitor.entries import FORMAT, KEPT, MATCHED, PREDICTION
from monitor.terms import PREDICTIONS, Cursor, Terms
from streams.changed import Due, Puts, Writes
from streams.rocks import RocksDisk
from streams.store import Disk, Meta, Store
from tests.streams.schedules import MemoryDisk

HOUR = 3_600_000
TERMS = Terms(horizon=10 * HOUR, memory=2 * HOUR, lateness=HOUR, delay=0, pane=60_000)
CURSORS = Cursor(7, 5 * HOUR), Cursor(3, 6 * HOUR)


@pytest.fixture(params=["memory", "rocksdb"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "memory":
        yield MemoryDisk()
        return
    rocks = RocksDisk(tmp_path / "store")
    yield rocks
    rocks.close()


def side(seen: int, time: int, flags: int = KEPT) -> bytes:
    entry = np.zeros(1, PREDICTION)
    entry["seen"], entry["time"], entry["flags"] = seen, time, flags
    return entry.tobytes()


def entries(*sides: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(sides), PREDICTION)


def key(number: int) -> bytes:
    return hashlib.blake2b(bytes([number]), digest_size=16).digest()


def test_an_empty_disk_says_nothing_of_itself(disk: Disk) -> None:
    assert disk.meta() is None
    assert disk.get([b"0" + key(1)]) == [None]
    assert list(disk.all_keys()) == []


def test_a_write_is_read_back_with_where_it_brings_the_disk_to(disk: Disk) -> None:
    keys = [b"0" + key(1), b"1" + key(1)]
    disk.write(Writes(Puts(keys, [side(1, 1), b"x"]), [], [Due(9, keys[0])]), Meta("db", CURSORS))
    assert disk.meta() == Meta("db", CURSORS)
    assert disk.get([b"0" + key(2), *keys]) == [None, side(1, 1), b"x"]
    assert sorted(disk.all_keys()) == sorted(keys)


def test_a_wiped_disk_is_empty(disk: Disk) -> None:
    disk.write(Writes(Puts([b"0" + key(1)], [side(1, 1)]), [], []), Meta("db", CURSORS))
    disk.wipe()
    assert disk.meta() is None
    assert list(disk.all_keys()) == []


def test_what_is_due_and_dead_is_forgotten_what_lives_stays(disk: Disk) -> None:
    """At clocks of 20 h: waiting since 5 h (until 5 + 1 + 10 = 16 h) is dead, since 12 h waits until 23 h; of the matched ones
    the one seen at 17 h is out of memory (2 h) and the one seen at 19 h is not."""
    sides = {
        key(1): side(5 * HOUR, 5 * HOUR),
        key(2): side(12 * HOUR, 12 * HOUR),
        key(3): side(17 * HOUR, 17 * HOUR, KEPT | MATCHED),
        key(4): side(19 * HOUR, 19 * HOUR, KEPT | MATCHED),
    }
    keys = [b"0" + one for one in sides]
    due = [Due(20, b"".join(keys))]
    disk.write(Writes(Puts(keys, list(sides.values())), [], due), Meta("db", CURSORS))
    assert disk.forget((19 * HOUR, 20 * HOUR), TERMS, 100) == 0, "due only when both clocks have passed the hour"
    assert disk.forget((20 * HOUR, 20 * HOUR), TERMS, 100) == 4
    assert set(disk.all_keys()) == {b"0" + key(2), b"0" + key(4)}


def test_the_store_shows_the_newest_side_wherever_it_is(disk: Disk) -> None:
    store = Store(disk, TERMS, "db")
    due = np.array([HOUR])
    several = side(1, 1) + side(2, 1)
    store.put(PREDICTIONS, [key(1)], entries(side(1, 1)), due)
    store.put_sides(PREDICTIONS, [key(2)], [several], due)
    first = store.freeze()
    store.put(PREDICTIONS, [key(1)], entries(side(2, 2)), due)
    assert store.get(PREDICTIONS, [key(2), key(1), key(3)]) == [several, side(2, 2), None]
    store.write(first, CURSORS)
    assert disk.get([b"0" + key(1)]) == [side(1, 1)]
    store.written(CURSORS)
    assert store.get(PREDICTIONS, [key(1)]) == [side(2, 2)]
    store.write(store.freeze(), CURSORS)
    store.written(CURSORS)
    assert store.get(PREDICTIONS, [key(1)]) == [side(2, 2)]
    assert store.pending == 0


def test_what_is_due_and_dead_when_it_is_written_is_not_written(disk: Disk) -> None:
    """Clocks of 20 h, as above: of a decision of 5 h the label has come, so that it was only remembered for two hours."""
    store, clocks = Store(disk, TERMS, "db"), (Cursor(7, 20 * HOUR), Cursor(3, 20 * HOUR))
    numbers = [key(n) for n in range(4)]
    waiting = [side(time * HOUR, time * HOUR) for time in (5, 12, 17, 19)]
    store.put(PREDICTIONS, numbers, entries(*waiting), np.array([16, 23, 28, 30]) * HOUR)
    store.write(store.freeze(), (Cursor(4, 19 * HOUR), Cursor(3, 15 * HOUR)))
    store.written(clocks)
    assert set(disk.all_keys()) == {b"0" + one for one in numbers}

    matched = [side(time * HOUR, time * HOUR, KEPT | MATCHED) for time in (12, 17, 19)]
    store.put(PREDICTIONS, numbers[1:], entries(*matched), np.array([14, 19, 21]) * HOUR)
    store.put(PREDICTIONS, [key(9)], entries(side(6 * HOUR, 6 * HOUR)), np.array([17]) * HOUR)
    batch = store.freeze()
    writes = batch.writes((20 * HOUR, 20 * HOUR), TERMS)
    assert set(writes.gone) == {b"0" + key(1), b"0" + key(2), b"0" + key(9)}
    assert (writes.put, writes.due) == (([b"0" + numbers[3]], [matched[2]]), [Due(22, b"0" + numbers[3])])
    assert store.get(PREDICTIONS, [numbers[1]]) == [matched[0]]
    store.write(batch, clocks)
    assert set(disk.all_keys()) == {b"0" + numbers[3]}, "of the first, forgotten as before, too"
    store.written(clocks)
    assert store.get(PREDICTIONS, numbers) == [None, None, None, matched[2]]


def test_two_batches_are_never_in_flight(disk: Disk) -> None:
    store = Store(disk, TERMS, "db")
    store.put(PREDICTIONS, [key(1)], entries(side(1, 1)), np.array([HOUR]))
    store.freeze()
    store.put(PREDICTIONS, [key(2)], entries(side(1, 1)), np.array([HOUR]))
    with pytest.raises(RuntimeError, match="in flight"):
        store.freeze()


@pytest.mark.parametrize(
    ("lineage", "floor", "position", "usable"),
    [
        ("db", (0, 0), (7, 3), True),
        ("db", (7, 3), (7, 3), True),
        ("db", (0, 0), (6, 9), False),
        ("db", (8, 0), (9, 9), False),
        ("restored", (0, 0), (7, 3), False),
    ],
)
def test_a_store_is_usable_between_floor_and_position_of_its_own_database(
    disk: Disk, lineage: str, floor: tuple[int, int], position: tuple[int, int], usable: bool
) -> None:
    disk.write(Writes(Puts([], []), [], []), Meta(f"db/{FORMAT}", CURSORS))
    store = Store(disk, TERMS, lineage)
    bounds = [(Cursor(a), Cursor(b)) for a, b in (floor, position)]
    assert store.usable(*bounds) == (CURSORS if usable else None)


def test_a_store_of_the_format_before_is_read_and_written_anew(disk: Disk) -> None:
    disk.write(Writes(Puts([], []), [], []), Meta("db/2", CURSORS))
    store = Store(disk, TERMS, "db")
    assert store.usable((Cursor(), Cursor()), CURSORS) == CURSORS
    store.write(store.freeze(), CURSORS)
    assert disk.meta() == Meta(f"db/{FORMAT}", CURSORS)


def test_a_store_of_another_format_is_not_read(disk: Disk) -> None:
    disk.write(Writes(Puts([], []), [], []), Meta("db", CURSORS))
    assert Store(disk, TERMS, "db").usable((Cursor(), Cursor()), CURSORS) is None


def test_filters_are_filled_from_what_is_on_disk(disk: Disk) -> None:
    disk.write(Writes(Puts([b"0" + key(1), b"1" + key(2)], [side(1, 1), b"x"]), [], []), Meta("db", CURSORS))
    store = Store(disk, TERMS, "db")
    store.load()
    words = [np.frombuffer(key(n), "<u8").reshape(1, 2) for n in (1, 2)]
    assert store.maybe(PREDICTIONS, words[0]).all()
    assert store.maybe(1, words[1]).all()
    assert not store.maybe(1, words[0]).any()


def test_a_reopened_rocksdb_holds_what_was_written(tmp_path: Path) -> None:
    disk = RocksDisk(tmp_path)
    disk.write(Writes(Puts([b"0" + key(1)], [side(1, 1)]), [], []), Meta("db", CURSORS))
    disk.close()
    again = RocksDisk(tmp_path)
    assert (again.meta(), again.get([b"0" + key(1)])) == (Meta("db", CURSORS), [side(1, 1)])
    again.close()
