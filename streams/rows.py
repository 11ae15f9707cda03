"""Pane rows in and out of Postgres in bulk: read by key, overwritten whole.

Few rows go by one `insert ... on conflict`. Of many, those that the table does not have yet go straight into it by a binary
COPY; the others by COPY into a temporary table and a merge. Rows stay columns all
the way: labels of decisions of the last thirty days touch nearly as many rows as there are labels, and an object per row
would cost more than everything else that is done for the event.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg2.extras import execute_values

from monitor.sums import FOLLOWED, SPARSE, Basis, Book, Ints
from streams.copying import HEADER, TRAILER, Columns, packed, unpacked

MANY = 400
"""From so many rows on COPY pays."""

LARGE = 12_000
"""Rows of one book in one commit: as many as come when a backlog is read."""

READ = """
copy (
    select k.n, {sums} from unnest(%s::bigint[], %s::bigint[]) with ordinality as k(start_ms, cell, n)
    join fairdrift.panes p using (start_ms, cell)
    where p.basis = %s and p.pane_ms = %s and p.stream = %s and p.part = %s and p.class = %s and p.start_ms between %s and %s
) to stdout (format binary)
"""
"""The keys are two literals: as lists of numbers they would take Postgres' parser longer than the rows."""

COLUMNS = "(basis, pane_ms, start_ms, stream, part, cell, class, sums, commit_no)"
CONFLICT = """ on conflict (basis, pane_ms, start_ms, stream, part, cell, class)
do update set sums = excluded.sums, commit_no = excluded.commit_no"""
INSERT = f"insert into fairdrift.panes {COLUMNS} values %s{CONFLICT}"
SHOWN = f"""case when basis in ({", ".join(str(int(basis)) for basis in sorted(SPARSE))}) then array_replace(sums, 0::bigint, null)
    else sums end"""
"""The sums as they are stored: an empty bin of a histogram is null, which takes a bit where a zero takes eight bytes."""
STAGE = (
    "create temporary table if not exists pane_stage (like fairdrift.panes including defaults) on commit delete rows"
)
COPY = "copy {table} {columns} from stdin (format binary)"
MERGE = f"""insert into fairdrift.panes {COLUMNS}
select basis, pane_ms, start_ms, stream, part, cell, class, {SHOWN}, commit_no from pane_stage{CONFLICT}"""

Key = tuple[int, int]
"""Start (ms) and cell of a row."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of one book and one pane length: R starts (ms), R cells, each pair once, and their R x slots sums."""

    book: Book
    pane_ms: int
    start: Ints
    cell: Ints
    sums: Ints

    @cached_property
    def keys(self) -> list[Key]:
        """What tells its rows apart."""
        return list(zip(self.start.tolist(), self.cell.tolist(), strict=True))

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """The rows that the table is known not to have: `add_stored` did not find them."""
        return np.zeros(len(self.start), np.bool_)

    def rows(self, which: NDArray[np.bool_]) -> "Block":
        """Some of the rows, in the order in which the table's index has them."""
        at = np.flatnonzero(which)
        at = at[np.lexsort((self.cell[at], self.start[at]))]
        return Block(self.book, self.pane_ms, self.start[at], self.cell[at], self.sums[at])


class Owner(NamedTuple):
    """Whose rows they are, and the commit that writes them."""

    stream: str
    part: int
    commit_no: int

    def told(self, basis: Basis) -> int:
        """What its rows of this basis tell of the commit.

        Nothing where nobody asks: the column is in an index, and a row whose indexed columns stay as they are can be
        overwritten within its page. Labels of old decisions overwrite by far the most rows.
        """
        return self.commit_no if basis in FOLLOWED else 0


class RowCache:
    """The newest contents of rows that this owner has written, so that they need not be read back.

    Bounded: rows live in two generations; what is used moves to the young one, and when that holds half of `most` rows the
    old one is dropped. A block of more than `LARGE` would only push out the others: it is not remembered. Commits of several
    partitions may use it at once.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._lock = Lock()
        self._known: dict[tuple[int, Book, int], _Known] = {}

    def add_known(self, part: int, block: Block) -> NDArray[np.intp]:
        """Add what is known to the sums of the block; returns the numbers of the rows of which nothing is known."""
        with self._lock:
            known = self._known.get((part, block.book, block.pane_ms))
            return np.arange(len(block.start)) if known is None else known.add_to(block.keys, block.sums)

    def keep(self, part: int, block: Block) -> None:
        """Remember rows as they are stored now."""
        place = part, block.book, block.pane_ms
        with self._lock:
            if len(block.start) > LARGE:
                self._known.pop(place, None)  # what it had of these rows is no longer so
                return
            if place not in self._known:
                self._known[place] = _Known(block.sums.shape[1])
            self._known[place].keep(block.keys, block.sums)
            if sum(len(known) for known in self._known.values()) > self._most // 2:
                for known in self._known.values():
                    known.age()

    def drop(self, part: int) -> None:
        """Forget a partition: somebody else may have written its rows."""
        with self._lock:
            for place in [place for place in self._known if place[0] == part]:
                del self._known[place]


class _Generation:
    """Sums of rows by key, in one growing matrix."""

    def __init__(self, slots: int) -> None:
        self.rows: dict[Key, int] = {}
        self._sums = np.zeros((64, slots), dtype=np.int64)

    def find(self, keys: Sequence[Key]) -> NDArray[np.intp]:
        """The row of each key, -1 where there is none."""
        return np.fromiter(map(self.rows.get, keys, repeat(-1)), np.intp, len(keys))

    def sums(self, at: NDArray[np.intp]) -> Ints:
        return self._sums[at]

    def put(self, keys: Sequence[Key], sums: Ints) -> None:
        rows = self.rows
        at = np.fromiter((rows.setdefault(key, len(rows)) for key in keys), np.intp, len(keys))
        if len(rows) > len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros((len(rows), sums.shape[1]), dtype=np.int64)])
        self._sums[at] = sums


class _Known:
    """The two generations of one kind of rows of one partition."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._young, self._old = _Generation(slots), _Generation(slots)

    def __len__(self) -> int:
        """The rows of the young generation."""
        return len(self._young.rows)

    def add_to(self, keys: Sequence[Key], sums: Ints) -> NDArray[np.intp]:
        young = self._young.find(keys)
        here = young >= 0
        sums[here] += self._young.sums(young[here])
        others = np.flatnonzero(~here)
        old = self._old.find([keys[n] for n in others.tolist()])
        found = old >= 0
        sums[others[found]] += self._old.sums(old[found])
        return others[~found]

    def keep(self, keys: Sequence[Key], sums: Ints) -> None:
        self._young.put(keys, sums)

    def age(self) -> None:
        self._old, self._young = self._young, _Generation(self._slots)


def add_stored(cursor: Any, owner: Owner, block: Block, which: NDArray[np.intp]) -> None:
    """Add what is stored of the chosen rows to the block's sums, and mark those that are absent.

    Rows of an earlier layout are shorter: zeros follow.
    """
    if not len(which):
        return
    starts, cells = block.start[which], block.cell[which]
    span = int(starts.min()), int(starts.max())
    of = (int(block.book.basis), block.pane_ms, owner.stream, owner.part, block.book.label_class)
    sums = "array_replace(p.sums, null, 0::bigint)" if block.book.basis in SPARSE else "p.sums"
    query = cursor.mogrify(READ.format(sums=sums), (_literal(starts), _literal(cells), *of, *span))
    copied = io.BytesIO()
    cursor.copy_expert(query.decode(), copied)
    block.absent[which] = True
    for numbers, found in unpacked(copied.getvalue()):
        at = which[numbers - 1]
        block.sums[at, : found.shape[1]] += found
        block.absent[at] = False


def _literal(numbers: Ints) -> str:
    """As Postgres writes an array."""
    return f"{{{','.join(map(str, numbers.tolist()))}}}"


def upsert(cursor: Any, owner: Owner, blocks: Sequence[Block]) -> None:
    """Write the rows whole; once in a transaction, whose end empties the temporary table. None but their owner writes them."""
    if sum(len(block.start) for block in blocks) < MANY:
        values = [
            (
                int(block.book.basis),
                block.pane_ms,
                start,
                *owner[:2],
                cell,
                block.book.label_class,
                sums,
                owner.told(block.book.basis),
            )
            for block in blocks
            for (start, cell), sums in zip(block.keys, _shown(block), strict=True)
        ]
        if values:
            execute_values(cursor, INSERT, values, page_size=MANY)
        return
    plain = [block.rows(block.absent) for block in blocks if block.book.basis not in SPARSE]
    _copy(cursor, "fairdrift.panes", plain, owner)
    others = [block.rows(~block.absent) if block.book.basis not in SPARSE else block for block in blocks]
    if any(len(block.start) for block in others):
        cursor.execute(STAGE)
        _copy(cursor, "pane_stage", others, owner)
        cursor.execute(MERGE)


def _copy(cursor: Any, table: str, blocks: Sequence[Block], owner: Owner) -> None:
    if any(len(block.start) for block in blocks):
        rows = b"".join([HEADER, *(packed(_columns(block, owner)) for block in blocks), TRAILER])
        cursor.copy_expert(COPY.format(table=table, columns=COLUMNS), io.BytesIO(rows))


def _columns(block: Block, owner: Owner) -> Columns:
    book = block.book
    return Columns(
        block.start, block.cell, block.sums, int(book.basis), block.pane_ms, owner.stream, owner.part, book.label_class, owner.told(book.basis),
    )  # fmt: skip


def _shown(block: Block) -> list[list[int | None]]:
    """The sums as `SHOWN` has them."""
    found: list[list[int | None]] = block.sums.tolist()
    return [[n or None for n in row] for row in found] if block.book.basis in SPARSE else found
