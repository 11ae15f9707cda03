"""What Postgres holds, and whether it equals the definition: per partition number, cell and pane, to the last unit.

Roll-up merges minute panes into hours and days and changes no sum. So both sides are compared at the granularity that is
stored: within a day, and per basis, at the longest pane that any row of the partition number has there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from monitor.sums import LAYOUTS, Basis
from tests.acceptance.definition import Cell, Mark, Row, Rows

DAY_MS = 86_400_000
SHOWN = 20

SELECT = """
select p.part, p.basis, p.pane_ms, p.start_ms, p.class, p.sums, c.model, c.version, c.arm, c.groups, c.stratum
from fairdrift.panes p left join fairdrift.cells c on c.id = p.cell where p.stream = :stream
"""


class StoredPosition(NamedTuple):
    """How far a partition number is counted, and the idle marks and seals that its position row still holds."""

    offsets: tuple[int, int]
    marks: tuple[tuple[Mark, ...], tuple[Mark, ...]]
    seals: tuple[tuple[Mark, ...], tuple[Mark, ...]]
    commit_no: int


class Length(NamedTuple):
    """A stored row and the length of its pane in milliseconds."""

    row: Row
    pane: int


Stored = dict[Length, Counter[str]]


def stored_positions(connection: sa.Connection, stream: str) -> dict[int, StoredPosition]:
    """Partition number -> position."""
    query = sa.text(
        "select part, prediction_offset, outcome_offset, marks, seals, commit_no from fairdrift.positions"
        " where stream = :stream"
    )
    found = {}
    for part, predictions, outcomes, marks, seals, commit_no in connection.execute(query, {"stream": stream}):
        idle = tuple(tuple((m[0], m[1]) for m in of_topic if m[2]) for of_topic in marks)
        told = tuple(tuple((seal[0], seal[1]) for seal in of_topic) for of_topic in seals)
        found[part] = StoredPosition((predictions, outcomes), (idle[0], idle[1]), (told[0], told[1]), commit_no)
    return found


def stored_rows(connection: sa.Connection, stream: str) -> dict[int, Stored]:
    """Partition number -> its rows. AssertionError for a row without its cell."""
    found: dict[int, Stored] = defaultdict(dict)
    for part, number, pane, start, label_class, sums, model, *cell in connection.execute(
        sa.text(SELECT), {"stream": stream}
    ):
        assert model is not None, f"a pane at {start} of partition {part} has a cell that is not in fairdrift.cells"
        version, arm, groups, stratum = cell
        basis = Basis(number)
        row = Row(
            basis,
            start,
            Cell(model, version, arm, tuple(sorted(groups.items())), tuple(sorted(stratum.items()))),
            label_class,
        )
        slots = LAYOUTS[basis].slots
        found[part][Length(row, pane)] = Counter({slot: n for slot, n in zip(slots, sums, strict=False) if n})
    return found


def differences(stored: Stored, defined: Rows, pane: int) -> Iterator[str]:
    """What is stored and should not be, or not stored and should be, in words; nothing if all is equal."""
    longest: dict[tuple[Basis, int], int] = defaultdict(lambda: pane)
    for row, length in stored:
        day = row.basis, row.start // DAY_MS
        longest[day] = max(longest[day], length)
    found = _coarse(_flat(stored), longest)
    right = _coarse(defined, longest)
    for row in sorted(found.keys() | right.keys()):
        have, want = found.get(row, Counter()), right.get(row, Counter())
        wrong = {slot: (have[slot], want[slot]) for slot in have.keys() | want.keys() if have[slot] != want[slot]}
        if wrong:
            yield f"{row.basis.name} at {row.start} of {row.cell}: (stored, right) {wrong}"


def _flat(stored: Stored) -> Rows:
    rows: Rows = defaultdict(Counter)
    for length, sums in stored.items():
        rows[length.row].update(sums)
    return rows


def _coarse(rows: Rows, longest: Mapping[tuple[Basis, int], int]) -> Rows:
    """The same sums at the stored granularity of their day; rows of nothing but zeros left out."""
    merged: Rows = defaultdict(Counter)
    for row, sums in rows.items():
        length = longest[row.basis, row.start // DAY_MS]
        merged[row._replace(start=row.start // length * length)].update(sums)
    return {row: sums for row, sums in merged.items() if any(sums.values())}
