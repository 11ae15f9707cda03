"""Pane rows in and out of a real Postgres."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from psycopg2.errors import UniqueViolation

from monitor.sums import LABELS, Basis, Book
from streams.database import engine
from streams.retention import ensure_partitions
from streams.rows import LARGE, MANY, Block, Owner, RowCache, add_stored, upsert

HOUR = 3_600_000
T0 = 1_790_000_000_000 // HOUR * HOUR
OWNER = Owner("préd/o", 3, 17)


@pytest.fixture
def cursor(database: str) -> Iterator[Any]:
    made = engine(database)
    ensure_partitions(made, np.arange(T0, T0 + 2000 * HOUR, HOUR))
    with made.connect() as connection:
        yield connection.connection.cursor()
    made.dispose()


def block(count: int, seed: int = 1, basis: Basis = Basis.LABEL_DECIDED) -> Block:
    """Rows of two cells at each of many hours, with sums of every size."""
    draw = np.random.default_rng(seed)
    start = T0 + np.arange(count) // 2 * HOUR
    cell = np.where(np.arange(count) % 2, 2**62 + 5, 7)
    return Block(Book(basis), HOUR, start, cell, draw.integers(-(2**62), 2**62, (count, len(LABELS))))


def stored(cursor: Any) -> dict[tuple[int, int, int], tuple[Any, ...]]:
    cursor.execute("select basis, start_ms, cell, pane_ms, stream, part, class, sums, commit_no from fairdrift.panes")
    return {row[:3]: row[3:] for row in cursor.fetchall()}


@pytest.mark.services
@pytest.mark.parametrize("count", [1, 2, MANY - 1, MANY, MANY + 1001])
@pytest.mark.parametrize(("basis", "told"), [(Basis.LABEL_DECIDED, 0), (Basis.LABEL_ARRIVED, 17)])
def test_few_and_many_rows_are_stored_alike_and_overwritten_whole(
    cursor: Any, count: int, basis: Basis, told: int
) -> None:
    """Of the commit they tell where evaluations ask for it."""
    upsert(cursor, OWNER._replace(commit_no=1), [block(count, 5, basis)])
    cursor.connection.commit()
    written = block(count, basis=basis)
    upsert(cursor, OWNER, [written])
    found = stored(cursor)
    assert len(found) == count
    for (start, cell), sums in zip(written.keys, written.sums.tolist(), strict=True):
        assert found[int(basis), start, cell] == (HOUR, "préd/o", 3, 0, sums, told)


@pytest.mark.services
def test_several_blocks_go_together(cursor: Any) -> None:
    upsert(cursor, OWNER, [block(MANY), block(3, 2, Basis.LABEL_ARRIVED)])
    assert len(stored(cursor)) == MANY + 3
    cursor.connection.commit()
    upsert(cursor, OWNER, [])


@pytest.mark.services
def test_what_is_stored_is_added_and_a_shorter_row_of_an_earlier_layout_too(cursor: Any) -> None:
    upsert(cursor, OWNER, [block(4)])
    cursor.execute("update fairdrift.panes set sums = sums[1:2] where start_ms = %s", (T0,))
    new = block(6)
    new.sums[:] = 1
    add_stored(cursor, OWNER, new, np.array([0, 2, 4]))
    old = block(4).sums
    expected = np.ones_like(new.sums)
    expected[0, :2] += old[0, :2]
    expected[2] += old[2]
    assert new.sums.tolist() == expected.tolist()
    other = block(6)
    add_stored(cursor, OWNER._replace(part=4), other, np.arange(6))
    assert other.sums.tolist() == block(6).sums.tolist()


@pytest.mark.services
def test_rows_that_are_there_are_overwritten_and_those_that_are_not_are_added(cursor: Any) -> None:
    upsert(cursor, OWNER._replace(commit_no=1), [block(MANY)])
    cursor.connection.commit()
    shuffled = np.random.default_rng(3).permutation(2 * MANY)
    whole = block(2 * MANY, seed=5)
    again = replace(whole, start=whole.start[shuffled], cell=whole.cell[shuffled], sums=np.ones_like(whole.sums))
    add_stored(cursor, OWNER, again, np.arange(2 * MANY))
    assert int(again.absent.sum()) == MANY
    upsert(cursor, OWNER, [again])
    expected = {key: [1] * len(LABELS) for key in block(2 * MANY).keys}
    expected |= {key: (sums + 1).tolist() for key, sums in zip(block(MANY).keys, block(MANY).sums, strict=True)}
    assert {key[1:]: row[4] for key, row in stored(cursor).items()} == expected


@pytest.mark.services
def test_a_row_that_somebody_else_has_written_meanwhile_is_not_overwritten(cursor: Any) -> None:
    """Nobody can, while the position is held; if somebody does, the commit fails instead of losing what they counted."""
    new = block(MANY)
    add_stored(cursor, OWNER, new, np.arange(MANY))
    upsert(cursor, OWNER, [block(1, seed=5)])
    with pytest.raises(UniqueViolation):
        upsert(cursor, OWNER, [new])


def test_the_cache_adds_what_it_knows_and_tells_what_it_does_not() -> None:
    cache, kept, new = RowCache(), block(4), block(6)
    cache.keep(3, kept)
    new.sums[:] = 1
    assert cache.add_known(3, new).tolist() == [4, 5]
    assert new.sums[:4].tolist() == (kept.sums + 1).tolist()
    assert new.sums[4:].tolist() == np.ones_like(new.sums[4:]).tolist()
    assert len(cache.add_known(2, new)) == 6
    assert len(cache.add_known(3, block(2, 1, Basis.LABEL_ARRIVED))) == 2
    cache.drop(3)
    assert len(cache.add_known(3, new)) == 6


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache, used = RowCache(most=20), block(2)
    for seed in range(30):
        other = replace(block(4, seed), start=T0 + (10 + 4 * seed + np.arange(4)) * HOUR)
        cache.keep(0, other)
        cache.keep(0, used)
    assert len(cache.add_known(0, block(2))) == 0
    first = replace(block(4, 0), start=T0 + (10 + np.arange(4)) * HOUR)
    assert len(cache.add_known(0, first)) == 4
    remembered = sum(len(g.rows) for known in cache._known.values() for g in (known._young, known._old))
    assert remembered <= 20 + 4


def test_a_large_block_is_not_remembered_and_makes_what_was_forgotten() -> None:
    cache = RowCache()
    cache.keep(0, block(2, seed=5))
    assert len(cache.add_known(0, block(2))) == 0
    cache.keep(0, block(LARGE + 1))  # the same two rows have other sums now
    assert len(cache.add_known(0, block(2))) == 2


def test_a_newer_generation_wins() -> None:
    cache = RowCache(most=4)
    old, new = block(2, 1), block(2, 2)
    cache.keep(0, old)
    filler = replace(block(4, 3), start=T0 + (100 + np.arange(4)) * HOUR)
    cache.keep(0, filler)
    cache.keep(0, new)
    asked = block(2)
    asked.sums[:] = 0
    assert len(cache.add_known(0, asked)) == 0
    assert asked.sums.tolist() == new.sums.tolist()
