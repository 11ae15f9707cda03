"""The sums of a policy's own period: from where it began up to the end that is judged, whatever windows are kept.

Summed by Postgres per cell, since a period may be a year; read once in `every`, a day by default.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from alerts.rules import Periodic, Rule, due
from monitor.estimates import State
from monitor.metrics import metric
from monitor.sums import LAYOUTS, Basis
from monitor.windows import DAY
from streams.folding import LOST, SPANS_SCHEMAS, Lost
from streams.measuring import Comparing, Filled, Frame, Place, TimeBasis
from streams.snapshots import Snapshot, Source

BASES: Mapping[TimeBasis, Basis] = {"decision": Basis.DECISION, "outcome": Basis.LABEL_ARRIVED}

SUMS = """
select p.cell, {sums} from fairdrift.panes p join fairdrift.cells c on c.id = p.cell and c.model = %(model)s
where p.basis = %(basis)s and p.stream = %(stream)s and p.class = 0 and p.start_ms >= %(low)s and p.start_ms < %(high)s
group by 1 order by 1
"""

Periods = Mapping[int, Sequence[tuple[Comparing, Frame]]]
"""End (ms) -> the rules that judge a period which ends there, each with its sums."""


def periodic(rules: Iterable[Rule], time_basis: TimeBasis) -> tuple[Rule, ...]:
    """The rules that are judged over a period of their own, by the clock of these topics."""
    return tuple(rule for rule in rules if of_period(rule) and _basis_of(rule) == time_basis)


def read_periods(
    connection: sa.Connection, source: Source, rules: Sequence[Rule], time_basis: TimeBasis,
    span: tuple[tuple[int, int], Lost],
) -> Periods:  # fmt: skip
    """The periods that end in (low, high]; `span` is ((low, high), what was lost of the log)."""
    (low, high), lost = span
    found: dict[int, list[tuple[Comparing, Frame]]] = {}
    for end in range((low // source.pane + 1) * source.pane, high + 1, source.pane) if rules else ():
        for rule in due(rules, end):
            assert isinstance(rule, Periodic)
            assert isinstance(rule, Comparing)
            since = rule.since(end)
            if since is not None and since < end:
                place = Place(end - since, end, time_basis)
                found.setdefault(end, []).append((rule, _frame(connection, source, place, lost)))
    return found


def of_period(rule: Rule) -> bool:
    """Whether a rule is judged over a period of its own, not over a window that moves with the panes."""
    return isinstance(rule, Periodic) and rule.of_period


def _basis_of(rule: Rule) -> TimeBasis:
    assert isinstance(rule, Comparing)
    return "decision" if metric(rule.metric).needs == "decision" else "outcome"


def _frame(connection: sa.Connection, source: Source, place: Place, lost: Lost) -> Frame:
    basis, low = BASES[place.basis], (place.end - place.length) // DAY * DAY
    width = len(LAYOUTS[basis])
    sums = ", ".join(f"sum(coalesce(p.sums[{slot}], 0))::bigint" for slot in range(1, width + 1))
    cursor: Any = connection.connection.cursor()
    cursor.execute(
        SUMS.format(sums=sums),
        {"model": source.model, "basis": int(basis), "stream": source.stream, "low": low, "high": place.end},
    )
    rows = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, width + 1)
    cursor.close()
    known = Snapshot(connection, source).cells(rows[:, 0].tolist())
    cells = [known[cell] for cell in rows[:, 0].tolist()]
    filled = Filled(tuple(info for info, _ in cells), frozenset(schema for _, schema in cells))
    condition = None
    if len(filled.schemas) > 1:
        condition = State.UNDEFINED, SPANS_SCHEMAS
    elif any(first < place.end and low < last for first, last in lost):
        condition = State.STALE, LOST
    decided = place.basis == "decision"
    return Frame(place, filled, rows[:, 1:] if decided else None, None if decided else rows[:, 1:], condition)
