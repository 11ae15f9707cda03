"""Claims and commits on a real Postgres: once, or not at all, and by the owner only."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.cells import Cells
from monitor.deltas import Rows
from monitor.sums import DECISIONS, SCORES, Basis, Book
from monitor.terms import NEVER, Cursor, Mark, Position, Seal
from streams.changed import Batch
from streams.database import engine
from streams.ledger import Ledger, Lost, LostRange, Owned, PartitionsChanged, Refused, StreamOfParts
from streams.session import Commit

MINUTE = 60_000
DAYS = 1440
"""In minutes: a clock is as many minutes as its offset."""
STREAM = StreamOfParts("p/o", 2, MINUTE)


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database)
    yield made
    made.dispose()


@pytest.fixture
def cells() -> Cells:
    return Cells()


@pytest.fixture
def ledger(db: sa.Engine, cells: Cells) -> Ledger:
    return Ledger(db, STREAM, cells)


def changes(cell: int, start: int, events: int) -> dict[Book, Rows]:
    sums = DECISIONS.zeros(1)
    sums[0, DECISIONS.index("events")] = events
    return {Book(Basis.DECISION): Rows(np.array([start]), np.array([cell]), sums)}


def next_commit(old: Position, offset: int, rows: dict[Book, Rows]) -> Commit:
    cursors = Cursor(offset, offset * MINUTE), old.cursors[1]
    position = replace(old, cursors=cursors, commit_no=old.commit_no + 1)
    return Commit(old.cursors, position, rows, Batch())


def stored(db: sa.Engine) -> list[tuple[int, int, int, int]]:
    query = sa.text("select start_ms, part, sums[1], commit_no from fairdrift.panes order by 1, 2")
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_first_claim_begins_at_nothing(ledger: Ledger) -> None:
    claim = ledger.claim(0, generation=1)
    assert claim.position == Position()
    assert claim.position.cursors == (Cursor(0, NEVER), Cursor(0, NEVER))


def test_a_claim_reads_what_the_last_owner_committed(ledger: Ledger, cells: Cells) -> None:
    first = ledger.claim(0, 1)
    cell = cells.id("m", "v", "live", "s", ())
    commit = next_commit(first.position, 5, changes(cell, 0, 3))
    marked = replace(commit.position, marks=((Mark(0, NEVER), Mark(4, 9, True)), (Mark(),)), idle=(True, False))
    ledger.commit(Owned(0, first.token), replace(commit, position=marked))
    assert ledger.claim(0, 2).position == marked


def test_commits_add_to_rows_and_overwrite_them_whole(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    claim = ledger.claim(0, 1)
    cell = cells.id("m", "v", "live", "s", (("sex", "F"),))
    one = next_commit(claim.position, 5, changes(cell, MINUTE, 3))
    two = next_commit(one.position, 9, changes(cell, MINUTE, 4))
    for commit in (one, two):
        ledger.commit(Owned(0, claim.token), commit)
    assert stored(db) == [(MINUTE, 0, 7, 2)]
    with db.connect() as connection:
        found = connection.execute(sa.text("select id, model, version, arm, groups from fairdrift.cells")).all()
    assert [tuple(row) for row in found] == [(cell, "m", "v", "live", {"sex": "F"})]


def test_the_next_owner_reads_rows_back_and_goes_on(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    claim = ledger.claim(0, 1)
    cell = cells.id("m", "v", "live", "s", ())
    ledger.commit(Owned(0, claim.token), one := next_commit(claim.position, 5, changes(cell, 0, 3)))
    other = Ledger(db, STREAM, Cells())
    taken = other.claim(0, 2)
    other.commit(Owned(0, taken.token), next_commit(one.position, 6, changes(cell, 0, 10)))
    assert stored(db) == [(0, 0, 13, 2)]


def test_many_rows_go_by_copy_and_give_the_same(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    claim = ledger.claim(1, 1)
    cell = cells.id("m", "v", "live", "s", ())
    starts = np.arange(1000) * MINUTE
    sums = np.tile(np.arange(len(DECISIONS)), (1000, 1))
    rows = {Book(Basis.DECISION): Rows(starts, np.full(1000, cell), sums)}
    position = claim.position
    for offset in (5, 6):
        commit = next_commit(position, offset, rows)
        ledger.commit(Owned(1, claim.token), commit)
        position = commit.position
    with db.connect() as connection:
        found = connection.execute(sa.text("select start_ms, sums from fairdrift.panes order by 1")).all()
    assert [row.start_ms for row in found] == starts.tolist()
    assert all(row.sums == (2 * np.arange(len(DECISIONS))).tolist() for row in found)


@pytest.mark.parametrize("hours", [2, 500], ids=["by insert", "by copy"])
def test_empty_bins_are_stored_as_nulls_and_read_as_zeros(
    ledger: Ledger, db: sa.Engine, cells: Cells, hours: int
) -> None:
    cell = cells.id("m", "v", "live", "s", ())
    sums = SCORES.zeros(hours)
    sums[:, 10], sums[:, 99] = 100, 7
    rows = {Book(Basis.SCORES): Rows(np.arange(hours) * 3_600_000, np.full(hours, cell), sums)}
    for generation, offset in ((1, 5), (2, 6)):  # the second owner reads what the first has stored
        claim = ledger.claim(1, generation)
        ledger.commit(Owned(1, claim.token), next_commit(claim.position, offset, rows))
    with db.connect() as connection:
        found = connection.execute(sa.text("select sums from fairdrift.panes")).scalars().all()
    wanted: list[int | None] = [None] * len(SCORES)
    wanted[10], wanted[99] = 200, 14
    assert found == [wanted] * hours


def test_classes_have_rows_of_their_own(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    claim = ledger.claim(0, 1)
    (rows,) = changes(cells.id("m", "v", "live", "s", ()), 0, 3).values()
    both = {Book(Basis.DECISION): rows, Book(Basis.DECISION, 2): rows._replace(sums=rows.sums * 5)}
    ledger.commit(Owned(0, claim.token), next_commit(claim.position, 5, both))
    with db.connect() as connection:
        found = connection.execute(sa.text("select class, sums[1] from fairdrift.panes order by 1")).all()
    assert [tuple(row) for row in found] == [(0, 3), (2, 15)]


def test_a_zombie_writes_nothing(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    zombie = ledger.claim(0, 1)
    ledger.claim(0, 2)
    commit = next_commit(zombie.position, 5, changes(cells.id("m", "v", "live", "s", ()), 0, 3))
    with pytest.raises(Lost):
        ledger.commit(Owned(0, zombie.token), commit)
    with pytest.raises(Lost):
        ledger.settled(Owned(0, zombie.token), commit)
    with pytest.raises(Lost):
        ledger.touch(Owned(0, zombie.token), 1)
    assert stored(db) == []


def test_a_commit_from_another_position_writes_nothing(ledger: Ledger, db: sa.Engine, cells: Cells) -> None:
    claim = ledger.claim(0, 1)
    commit = next_commit(claim.position, 5, changes(cells.id("m", "v", "live", "s", ()), 0, 3))
    ledger.commit(Owned(0, claim.token), commit)
    with pytest.raises(Lost):
        ledger.commit(Owned(0, claim.token), commit)
    assert stored(db) == [(0, 0, 3, 1)]


def test_after_a_lost_answer_the_position_tells_whether_it_went_through(ledger: Ledger, cells: Cells) -> None:
    claim = ledger.claim(0, 1)
    commit = next_commit(claim.position, 5, changes(cells.id("m", "v", "live", "s", ()), 0, 3))
    assert ledger.settled(Owned(0, claim.token), commit) is None
    ledger.commit(Owned(0, claim.token), commit)
    assert ledger.settled(Owned(0, claim.token), commit) == 0


def test_an_older_generation_is_refused_while_the_owner_lives(ledger: Ledger, db: sa.Engine) -> None:
    owner = ledger.claim(0, generation=7)
    with pytest.raises(Refused, match="newer group generation"):
        ledger.claim(0, generation=6)
    ledger.touch(Owned(0, owner.token), 7)
    with db.begin() as connection:
        connection.execute(sa.text("update fairdrift.positions set updated_at = now() - interval '2 minutes'"))
    assert ledger.claim(0, generation=1).position == Position(), "the group was made anew: its generations begin again"


def test_changed_partitions_are_refused_with_an_explanation(ledger: Ledger, db: sa.Engine) -> None:
    ledger.claim(0, 1)
    with pytest.raises(PartitionsChanged, match="had 2 partitions and now have 3"):
        Ledger(db, replace(STREAM, parts=3), Cells()).claim(0, 2)


def test_lost_ranges_are_kept_with_the_position(ledger: Ledger, db: sa.Engine) -> None:
    claim = ledger.claim(0, 1)
    ledger.lose(Owned(0, claim.token), LostRange(1, 10, 20, from_ms=5, to_ms=9))
    ledger.lose(Owned(0, claim.token), LostRange(1, 10, 20, from_ms=5, to_ms=11))  # told once more after a crash
    ledger.lose(Owned(0, uuid.uuid4()), LostRange(1, 30, 40, from_ms=9, to_ms=10))
    with db.connect() as connection:
        lost = connection.execute(sa.text("select lost from fairdrift.positions")).scalar_one()
    assert lost == [{"topic": 1, "first": 10, "last": 20, "from_ms": 5, "to_ms": 9}]


def test_the_lineage_names_the_database(ledger: Ledger, database: str, databases: object) -> None:
    assert ledger.lineage() == ledger.lineage()
    with databases.fresh() as url:  # type: ignore[attr-defined]
        other = engine(url)
        assert Ledger(other, STREAM, Cells()).lineage() != ledger.lineage()
        other.dispose()


def test_the_next_owner_books_behind_what_the_evaluator_was_told(ledger: Ledger) -> None:
    claim = ledger.claim(0, 1)
    first = next_commit(claim.position, 5, {})
    idle = replace(first, position=replace(first.position, idle=(True, False)))
    ledger.commit(Owned(0, claim.token), idle)
    ledger.idle(Owned(0, claim.token), (4, 0), (90 * MINUTE, NEVER))
    assert ledger.claim(0, 2).position.seals == ((), ()), "the position had moved on from offset 4: nothing was told"
    claim = ledger.claim(0, 3)
    ledger.idle(Owned(0, claim.token), (5, 0), (90 * MINUTE, NEVER))
    assert ledger.claim(0, 4).position.seals == ((Seal(5, 90 * MINUTE),), ())


def test_after_a_drain_what_comes_is_booked_behind_the_last_pane(ledger: Ledger, db: sa.Engine) -> None:
    """The greatest clock of all partitions is 7 minutes: a drain closes the pane that ends at 8, the delay is 0."""
    for part, offset in ((0, 5), (1, 7)):
        claim = ledger.claim(part, 1)
        last = next_commit(claim.position, offset, {})
        ledger.commit(Owned(part, claim.token), replace(last, position=replace(last.position, drained=True)))
    for generation in (2, 3):  # the first of these owners dies before it has committed
        position = ledger.claim(0, generation).position
        assert position.seals[0] == (Seal(5, 8 * MINUTE),)
        assert not position.drained
    with db.connect() as connection:
        drained = connection.execute(sa.text("select part, drained from fairdrift.positions order by part")).all()
    assert [tuple(row) for row in drained] == [(0, False), (1, True)]


def test_no_minutes_are_rolled_up_that_their_model_was_never_evaluated_over(db: sa.Engine, cells: Cells) -> None:
    """A model's history is replayed beside another that is evaluated up to the present."""
    ledger = Ledger(db, replace(STREAM, models=("new",)), cells)
    cell = cells.id("new", "v", "live", "s", ())

    def evaluated(model: str) -> None:
        query = (
            "insert into fairdrift.evaluations (model, time_basis, first_end_ms, last_end_ms, config_version)"
            " values (:model, 'decision', 0, :end, 'v')"
        )
        with db.begin() as connection:
            connection.execute(sa.text(query), {"model": model, "end": 100 * DAYS * MINUTE})

    evaluated("old")
    claim = ledger.claim(0, 1)
    first = next_commit(claim.position, 10 * DAYS, changes(cell, 0, 3))
    assert ledger.commit(Owned(0, claim.token), first) == 0
    evaluated("new")
    assert ledger.commit(Owned(0, claim.token), next_commit(first.position, 10 * DAYS + 1, {})) == 7 * DAYS * MINUTE
