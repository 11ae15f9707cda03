"""Pane rows in and out of Postgres in bulk: read by key, overwritten whole.

Few rows go by one `insert ... on conflict`; many by COPY into a temporary table and a merge, which here is about twice as
fast as the best multi-row insert.
"""

import io
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from psycopg2.extras import execute_values

from monitor.sums import LAYOUTS, Basis, Ints

MANY = 400
"""From so many rows on COPY pays."""

READ = """
select p.basis, p.pane_ms, p.start_ms, p.cell, p.sums
from unnest(%s::smallint[], %s::int[], %s::bigint[], %s::bigint[]) as k(basis, pane_ms, start_ms, cell)
join fairdrift.panes p using (basis, pane_ms, start_ms, cell)
where p.stream = %s and p.part = %s and p.class = 0 and p.start_ms between %s and %s
"""

COLUMNS = "(basis, pane_ms, start_ms, stream, part, cell, sums, commit_no)"
CONFLICT = """ on conflict (basis, pane_ms, start_ms, stream, part, cell, class)
do update set sums = excluded.sums, commit_no = excluded.commit_no"""
INSERT = f"insert into fairdrift.panes {COLUMNS} values %s{CONFLICT}"
STAGE = (
    "create temporary table if not exists pane_stage (like fairdrift.panes including defaults) on commit delete rows"
)
MERGE = f"insert into fairdrift.panes {COLUMNS} select basis, pane_ms, start_ms, stream, part, cell, sums, commit_no from pane_stage{CONFLICT}"


class RowKey(NamedTuple):
    """A pane row of one partition; sorted like this, so that workers lock in one order."""

    basis: int
    pane_ms: int
    start: int
    cell: int


class RowCache:
    """The newest contents of rows that this owner has written, so that they need not be read back. Bounded."""

    def __init__(self, most: int = 60_000) -> None:
        self._most = most
        self._rows: OrderedDict[tuple[int, RowKey], Ints] = OrderedDict()

    def get(self, part: int, keys: Iterable[RowKey]) -> dict[RowKey, Ints]:
        """Those of the rows that are known."""
        rows = self._rows
        return {key: rows[part, key] for key in keys if (part, key) in rows}

    def keep(self, part: int, rows: Mapping[RowKey, Ints]) -> None:
        """Remember rows as they are stored now."""
        for key, sums in rows.items():
            self._rows[part, key] = sums
            self._rows.move_to_end((part, key))
        while len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def drop(self, part: int) -> None:
        """Forget a partition: somebody else may have written its rows."""
        for key in [key for key in self._rows if key[0] == part]:
            del self._rows[key]


def read(cursor: Any, stream: str, part: int, keys: Sequence[RowKey]) -> dict[RowKey, Ints]:
    """The stored rows among these keys, padded to today's layouts."""
    if not keys:
        return {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    starts = columns[2]
    cursor.execute(READ, (columns[0], columns[1], starts, columns[3], stream, part, min(starts), max(starts)))
    return {RowKey(*row[:4]): _padded(row[0], row[4]) for row in cursor.fetchall()}


def _padded(basis: int, stored: Sequence[int]) -> Ints:
    sums = np.zeros(len(LAYOUTS[Basis(basis)]), dtype=np.int64)
    sums[: len(stored)] = stored
    return sums


def upsert(cursor: Any, owner: tuple[str, int, int], rows: Mapping[RowKey, Ints]) -> None:
    """Overwrite the rows of (stream, part) whole, as commit number `owner[2]`."""
    stream, part, commit_no = owner
    ordered = sorted(rows)
    if len(ordered) < MANY:
        values = [(k.basis, k.pane_ms, k.start, stream, part, k.cell, rows[k].tolist(), commit_no) for k in ordered]
        execute_values(cursor, INSERT, values, page_size=MANY)
        return
    lines = [
        f"{k.basis}\t{k.pane_ms}\t{k.start}\t{stream}\t{part}\t{k.cell}\t{{{str(rows[k].tolist())[1:-1]}}}\t{commit_no}\n"
        for k in ordered
    ]
    cursor.execute(STAGE)
    cursor.copy_expert(f"copy pane_stage {COLUMNS} from stdin", io.StringIO("".join(lines)))
    cursor.execute(MERGE)
