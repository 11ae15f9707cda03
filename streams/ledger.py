"""Postgres' side of the counting protocol: claiming a partition, and a commit that happens once or not at all.

A commit is one transaction: compare the position (owner token and both cursors), overwrite the changed pane rows whole, move
the position. Rows are read inside the same transaction, under the same lock, so that a zombie can neither write nor read rows
of a position that it does not hold. Rows that this owner wrote before are remembered, within a bound.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, NoReturn

import numpy as np
import sqlalchemy as sa
from psycopg2.extras import Json, execute_values

from monitor.cells import Cell, Cells
from monitor.deltas import Rows, merged
from monitor.sums import Book, pane_of
from monitor.terms import NEVER, Cursor, Mark, Marks, Position, Seal, Seals
from streams.errors import StreamsError
from streams.failpoints import passing
from streams.retention import awaits_evaluation, due_roll_up, ensure_partitions, panes_for, roll_up
from streams.rows import Block, Owner, RowCache, add_stored, upsert
from streams.session import Commit

CLAIM = """
insert into fairdrift.positions as p (stream, part, parts, token, generation, commit_no, prediction_offset, prediction_clock,
    outcome_offset, outcome_clock, marks, seals, prediction_idle, outcome_idle, rolled_up_to)
values (:stream, :part, :parts, :token, :generation, 0, 0, :never, 0, :never, :marks, '[[], []]', false, false, 0)
on conflict (stream, part) do update set token = excluded.token, generation = excluded.generation, updated_at = now()
where p.parts = excluded.parts and (p.generation <= excluded.generation or p.updated_at < now() - interval '60 seconds')
returning prediction_offset, prediction_clock, outcome_offset, outcome_clock, marks, seals, commit_no, rolled_up_to,
    prediction_idle, outcome_idle, prediction_idle_clock, outcome_idle_clock, drained
"""

HOLD = """
select 1 from fairdrift.positions
where stream = :stream and part = :part and token = :token and prediction_offset = :prediction and outcome_offset = :outcome
for update
"""

MOVE = """
update fairdrift.positions set commit_no = :commit_no, prediction_offset = :p_offset, prediction_clock = :p_clock,
    outcome_offset = :o_offset, outcome_clock = :o_clock, marks = :marks, seals = :seals, prediction_idle = :p_idle, outcome_idle = :o_idle,
    drained = :drained, rolled_up_to = :rolled_up_to, updated_at = now()
where stream = :stream and part = :part
"""

IDLE = """
update fairdrift.positions set
    prediction_idle_clock = greatest(prediction_idle_clock, :predictions),
    outcome_idle_clock = greatest(outcome_idle_clock, :outcomes)
where stream = :stream and part = :part and token = :token
    and (prediction_idle or :predictions = :never) and (outcome_idle or :outcomes = :never)
    and (prediction_offset = :p_offset or :predictions = :never) and (outcome_offset = :o_offset or :outcomes = :never)
"""
"""Only while the position is where the owner has sealed it: what is read later is booked behind these clocks."""

DRAINED = "select coalesce(bool_or(drained), false) from fairdrift.positions where stream = :stream"

ALL_STOPPED = "select part from fairdrift.positions where stream = :stream order by part for update"

RESUME = "update fairdrift.positions set drained = false, seals = :seals where stream = :stream and part = :part"
"""The seals are written at once: an owner that dies before its first commit leaves no other trace of what a drain closed."""

CLOCKS = """
select max(prediction_clock) as predictions, max(greatest(prediction_clock, outcome_clock)) as outcomes
from fairdrift.positions where stream = :stream
"""

LINEAGE = """
select s.system_identifier || '-' || c.timeline_id || '-' || d.oid
from pg_control_system() s, pg_control_checkpoint() c, pg_database d where d.datname = current_database()
"""


class Lost(StreamsError):
    """Another worker owns the partition: drop the session, write nothing more, claim again if it is still assigned."""


class Refused(StreamsError):
    """The claim is older than the owner's: the group has moved on without this worker."""


class PartitionsChanged(StreamsError):
    """The topics have another number of partitions than before."""


class Claim(NamedTuple):
    """Ownership of one partition, and what is counted of it."""

    token: uuid.UUID
    position: Position


@dataclass(frozen=True, slots=True)
class LostRange:
    """Offsets `first` to before `last` of a topic, and the event times between which they lay."""

    topic: int
    first: int
    last: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Owned:
    """The partition that a commit is for, and the token that owns it."""

    part: int
    token: uuid.UUID


@dataclass(frozen=True, slots=True)
class StreamOfParts:
    """A stream as its topics are now: its name, the partitions of each topic, its panes' length and delay in ms, its models."""

    name: str
    parts: int
    pane: int
    delay: int = 0
    models: tuple[str, ...] = ()


class Ledger:
    """The positions and pane rows of one stream. Blocking; each method is one transaction."""

    def __init__(self, engine: sa.Engine, stream: StreamOfParts, cells: Cells) -> None:
        self._engine, self._of, self._cells = engine, stream, cells
        self._stream = stream.name
        self._rows = RowCache()

    def lineage(self) -> str:
        """Names this database and its history: another one, or one restored to an earlier state, has another name."""
        with self._engine.connect() as connection:
            return str(connection.execute(sa.text(LINEAGE)).scalar_one())

    def claim(self, part: int, generation: int) -> Claim:
        """Take ownership of a partition and read its position, in one statement.

        Raises:
            Refused: an owner with a newer group generation is alive.
            PartitionsChanged: the topics have another number of partitions than when counting began.
        """
        token = uuid.uuid4()
        values = {
            "stream": self._stream, "part": part, "parts": self._of.parts, "token": token, "generation": generation,
            "never": NEVER, "marks": _dump(Position().marks),
        }  # fmt: skip
        while True:
            with self._engine.begin() as connection:
                closed = self._closed_by_drain(connection)
                row = connection.execute(sa.text(CLAIM), values).one_or_none()
                if row is None:
                    self._refuse(connection, part)
                if row.drained and closed is None:  # since it was looked at: look again
                    connection.rollback()
                    continue
                position = _position(row)
                if closed and row.drained:
                    position = position.sealed(closed)
                    seals = json.dumps(position.seals)
                    connection.execute(sa.text(RESUME), {"stream": self._stream, "part": part, "seals": seals})
            self._rows.drop(part)
            return Claim(token, position)

    def _closed_by_drain(self, connection: sa.Connection) -> tuple[int, int] | None:
        """Clocks (predictions, outcomes) at which every pane is closed that a drain may have closed; None: there is none.

        When all partitions are drained the evaluator closes the last pane, of whichever partition. So nothing moves
        while this looks.
        """
        values = {"stream": self._stream}
        if not connection.execute(sa.text(DRAINED), values).scalar():
            return None
        connection.execute(sa.text(ALL_STOPPED), values)
        row = connection.execute(sa.text(CLOCKS), values).one()
        end = ((row.outcomes or 0) // self._of.pane + 1) * self._of.pane + self._of.delay
        return end, end

    def commit(self, owned: Owned, commit: Commit) -> int:
        """Write a commit; returns up to where minute panes are rolled up (ms). A transient error leaves it open
        whether it was written: ask `settled`.

        Raises:
            Lost: the position is not what this owner last saw.
        """
        self._partitions(commit)
        with self._engine.begin() as connection:
            self._hold(connection, owned, commit)
            owner = Owner(self._stream, owned.part, commit.position.commit_no)
            changed = self._merged(connection, owner, commit)
            cells = self._store_cells(connection, changed)
            upsert(_cursor(connection), owner, changed)
            rolled_up_to = self._roll_up(connection, owned.part, commit.position)
            connection.execute(
                sa.text(MOVE), self._moved(owned.part, replace(commit.position, rolled_up_to=rolled_up_to))
            )
            passing("in-postgres")
        if rolled_up_to != commit.position.rolled_up_to:
            self._rows.drop(owned.part)
        else:
            for block in changed:
                self._rows.keep(owned.part, block)
        self._cells.saved(cells)
        return rolled_up_to

    def settled(self, owned: Owned, commit: Commit) -> int | None:
        """After a commit whose answer was lost: if it went through what `commit` would have returned, None if it is to
        be tried again.

        Raises:
            Lost: somebody else owns the partition now.
        """
        query = sa.text(
            "select token, commit_no, prediction_offset, outcome_offset, rolled_up_to from fairdrift.positions"
            " where stream = :stream and part = :part"
        )
        with self._engine.connect() as connection:
            row = connection.execute(query, {"stream": self._stream, "part": owned.part}).one_or_none()
        if row is None or row.token != owned.token:
            raise Lost(f"partition {owned.part} of {self._stream} was taken over")
        found = (row.commit_no, row.prediction_offset, row.outcome_offset)
        new, old = commit.position, commit.expected
        if found == (new.commit_no, new.cursors[0].offset, new.cursors[1].offset):
            self._rows.drop(owned.part)
            return int(row.rolled_up_to)
        if found == (new.commit_no - 1, old[0].offset, old[1].offset):
            return None
        raise Lost(f"partition {owned.part} of {self._stream} is at an unexpected position")

    def touch(self, owned: Owned, generation: int) -> None:
        """Say that the owner is alive and of this group generation; an owner without events commits nothing.

        Raises:
            Lost: somebody else owns the partition now.
        """
        query = sa.text(
            "update fairdrift.positions set generation = greatest(generation, :generation), updated_at = now()"
            " where stream = :stream and part = :part and token = :token"
        )
        values = {"generation": generation, "stream": self._stream, "part": owned.part, "token": owned.token}
        with self._engine.begin() as connection:
            if connection.execute(query, values).rowcount != 1:
                raise Lost(f"partition {owned.part} of {self._stream} was taken over")

    def clocks(self) -> tuple[int, int]:
        """What an idle partition may take as its clock: for predictions the greatest clock of theirs that is committed in
        any partition, for outcomes the greatest of both topics."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.text(CLOCKS), {"stream": self._stream}).one()
        return row.predictions or NEVER, row.outcomes or NEVER

    def idle(self, owned: Owned, at: tuple[int, int], clocks: tuple[int, int]) -> bool:
        """Record that the partition was read to its end and silent after the others had these clocks (NEVER: it was not).

        `at`: the offsets at which its session was sealed with these clocks. False: the stored position is not the one that
        was sealed, or does not call itself idle yet; nothing was recorded.
        """
        values = {
            "predictions": clocks[0], "outcomes": clocks[1], "never": NEVER,
            "p_offset": at[0], "o_offset": at[1],
            "stream": self._stream, "part": owned.part, "token": owned.token,
        }  # fmt: skip
        with self._engine.begin() as connection:
            return connection.execute(sa.text(IDLE), values).rowcount == 1

    def lose(self, owned: Owned, lost: LostRange) -> None:
        """Record that a range of the log was gone before it was counted: the windows over its time are stale.

        Once only, however often it is told.
        """
        query = sa.text(
            "update fairdrift.positions set lost = lost || cast(:range as jsonb)"
            " where stream = :stream and part = :part and token = :token and not lost @> cast(:same as jsonb)"
        )
        same = json.dumps([{"topic": lost.topic, "first": lost.first, "last": lost.last}])
        told = json.dumps([asdict(lost)])
        with self._engine.begin() as connection:
            values = {"range": told, "same": same, "stream": self._stream, "part": owned.part, "token": owned.token}
            connection.execute(query, values)

    # --- parts of a commit

    def _hold(self, connection: sa.Connection, owned: Owned, commit: Commit) -> None:
        values = {
            "stream": self._stream, "part": owned.part, "token": owned.token,
            "prediction": commit.expected[0].offset, "outcome": commit.expected[1].offset,
        }  # fmt: skip
        if connection.execute(sa.text(HOLD), values).one_or_none() is None:
            raise Lost(f"partition {owned.part} of {self._stream} is not at the position that this worker left it at")

    def _partitions(self, commit: Commit) -> None:
        starts = [rows.start for rows in commit.rows.values() if len(rows.start)]
        if starts:
            ensure_partitions(self._engine, np.unique(np.concatenate(starts)))

    def _merged(self, connection: sa.Connection, owner: Owner, commit: Commit) -> list[Block]:
        """The changed rows in full: what is stored plus what this commit adds."""
        changed = [block for book, rows in commit.rows.items() for block in self._blocks(book, rows, commit)]
        for block in changed:
            missing = self._rows.add_known(owner.part, block)
            add_stored(_cursor(connection), owner, block, missing)
        return changed

    def _blocks(self, book: Book, rows: Rows, commit: Commit) -> Iterator[Block]:
        """The rows by the length of the pane that holds them now: what is rolled up is in longer ones."""
        pane_ms = pane_of(book, self._of.pane)
        lengths = panes_for(book.basis, pane_ms, rows.start, commit.position.rolled_up_to)
        for length in np.unique(lengths).tolist():
            of = Rows(*(column[lengths == length] for column in rows))  # a copy: a commit may have to be tried again
            if length != pane_ms:
                of = merged([of._replace(start=of.start // length * length)])
            yield Block(book, length, *of)

    def _store_cells(self, connection: sa.Connection, changed: Sequence[Block]) -> list[int]:
        """Store those cells of the rows that may be new; returns all of them. Cells of rows that an earlier owner began are
        stored already, and unknown to this process."""
        cells: list[int] = np.unique(np.concatenate([block.cell for block in changed])).tolist() if changed else []
        new = self._cells.unsaved(cell for cell in cells if cell in self._cells)
        if new:
            execute_values(
                _cursor(connection),
                "insert into fairdrift.cells (id, model, version, arm, cell_schema, groups, stratum) values %s"
                " on conflict (id) do nothing",
                [_cell_row(cell) for cell in sorted(new, key=lambda cell: cell.id)],
            )
        return cells

    def _refuse(self, connection: sa.Connection, part: int) -> NoReturn:
        query = sa.text("select parts, generation from fairdrift.positions where stream = :stream and part = :part")
        row = connection.execute(query, {"stream": self._stream, "part": part}).one()
        if row.parts != self._of.parts:
            raise PartitionsChanged(
                f"the topics of {self._stream} had {row.parts} partitions and now have {self._of.parts}: ids would be counted "
                "in other partitions than before. Give the model new topics, or put the partitions back"
            )
        raise Refused(
            f"partition {part} of {self._stream} belongs to a worker of a newer group generation ({row.generation})"
        )

    def _roll_up(self, connection: sa.Connection, part: int, position: Position) -> int:
        upto = due_roll_up(position.cursors[0].clock, position.cursors[1].clock, position.rolled_up_to)
        if upto is None or awaits_evaluation(connection, self._of.models):
            return position.rolled_up_to
        return roll_up(connection, self._stream, part, upto, position.commit_no)

    def _moved(self, part: int, position: Position) -> dict[str, Any]:
        (p_offset, p_clock), (o_offset, o_clock) = position.cursors
        return {
            "stream": self._stream, "part": part, "commit_no": position.commit_no,
            "p_offset": p_offset, "p_clock": p_clock, "o_offset": o_offset, "o_clock": o_clock,
            "marks": _dump(position.marks), "seals": json.dumps(position.seals), "p_idle": position.idle[0], "o_idle": position.idle[1],
            "drained": position.drained, "rolled_up_to": position.rolled_up_to,
        }  # fmt: skip


def _cursor(connection: sa.Connection) -> Any:
    """The driver's cursor, in the same transaction."""
    return connection.connection.cursor()


def _cell_row(cell: Cell) -> tuple[Any, ...]:
    groups, stratum = Json(dict(cell.groups)), Json(dict(cell.stratum))
    return cell.id, cell.model, cell.version, cell.arm, cell.cell_schema, groups, stratum


def _dump(marks: Marks) -> str:
    return json.dumps([[[m.offset, m.clock, int(m.idle)] for m in of_topic] for of_topic in marks])


def _load(stored: list[list[list[int]]]) -> Marks:
    low, high = (tuple(Mark(offset, clock, bool(idle)) for offset, clock, idle in of_topic) for of_topic in stored)
    return low, high


def _seals(stored: list[list[list[int]]]) -> Seals:
    low, high = (tuple(Seal(*seal) for seal in of_topic) for of_topic in stored)
    return low, high


def _position(row: Any) -> Position:
    return Position(
        cursors=(Cursor(row.prediction_offset, row.prediction_clock), Cursor(row.outcome_offset, row.outcome_clock)),
        marks=_load(row.marks),
        seals=_seals(row.seals),
        commit_no=row.commit_no,
        rolled_up_to=row.rolled_up_to,
        idle=(row.prediction_idle, row.outcome_idle),
    ).sealed((row.prediction_idle_clock, row.outcome_idle_clock))
