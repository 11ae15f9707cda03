"""How long what is kept: partitions on demand, panes rolled up to hours and days, old partitions dropped.

Panes are kept by the minute for three days (two, and the day that a late event may come after), by the hour for ninety,
by the day for 400. A roll-up adds integers and changes no sum; it runs in the owner's own commit, so that an event that
comes later still finds the row that holds its time: `panes_for`. It never overtakes the evaluator, whose short windows
need the minutes. Time is event time everywhere: history that is replayed is kept like the present.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.cells import QUALITY_SCHEMA
from monitor.sums import FOLLOWED, Basis, Ints
from monitor.windows import DAY, HOUR
from streams.settings import HOURS_KEPT

WEEK = 7 * DAY
"""Width of a partition of panes; the database's function has the same."""

KEEP_MINUTES = 3 * DAY
KEEP_HOURS = HOURS_KEPT
KEEP_EVIDENCE = 35 * DAY
KEEP_PANES = 400 * DAY

ROLL_UP_EVERY = 6 * HOUR
"""Event time between two roll-ups of a partition: few enough not to be felt, often enough to keep tables small."""

POINTS_KEPT = {"minute": 7 * DAY, "hour": 90 * DAY, "day": 5 * 365 * DAY}
"""How long points of each tier live; what an alert cites (`kept`) is never dropped."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long is kept what, in ms of event time."""

    panes: int = KEEP_PANES
    minute_points: int = POINTS_KEPT["minute"]
    hour_points: int = POINTS_KEPT["hour"]
    day_points: int = POINTS_KEPT["day"]

    def of(self, tier: str) -> int:
        """Of panes (no tier) or of points of a tier."""
        return {"minute": self.minute_points, "hour": self.hour_points, "day": self.day_points}.get(tier, self.panes)


ROLLED = tuple(basis for basis in Basis if basis not in (Basis.EVIDENCE_DECISION, Basis.EVIDENCE_LABEL))
"""Evidence panes are not rolled up: nothing is booked in them late, and backtests need their minutes."""

_known: "WeakKeyDictionary[sa.Engine, set[tuple[str, int]]]" = WeakKeyDictionary()
"""Partitions that exist for sure, per engine, so that most commits ask nothing."""


# --- panes: which row holds a time


def day_bound(rolled_up_to: int) -> int:
    """Panes that start before this are kept by the day, given up to where minutes are rolled up."""
    return (rolled_up_to - (KEEP_HOURS - KEEP_MINUTES)) // DAY * DAY


def panes_for(basis: Basis, pane_ms: int, times: Ints, rolled_up_to: int) -> Ints:
    """The length in ms of the pane row that holds each time (ms) now; it starts at a multiple of that. Pure."""
    lengths = np.full(len(times), pane_ms, dtype=np.int64)
    if basis in ROLLED:
        lengths[times < rolled_up_to] = max(pane_ms, HOUR)
        lengths[times < day_bound(rolled_up_to)] = max(pane_ms, DAY)
    return lengths


def due_roll_up(prediction_clock: int, outcome_clock: int, rolled_up_to: int) -> int | None:
    """Up to where minutes should be rolled up at these clocks of the two topics; None if it is not worth doing yet.

    A topic that has never had an event (a clock far below 1970) does not count.
    """
    clocks = [clock for clock in (prediction_clock, outcome_clock) if clock > 0]
    if not clocks:
        return None
    upto = (min(clocks) - KEEP_MINUTES) // HOUR * HOUR
    return upto if upto - rolled_up_to >= ROLL_UP_EVERY and upto > 0 else None


REACHED = """
select max(last_end_ms) from fairdrift.evaluations
where time_basis in ('decision', 'outcome') and updated_at > now() - interval '1 day'
"""

EVALUATED = """
select min(last_end_ms) from fairdrift.evaluations
where time_basis in ('decision', 'outcome') and updated_at > now() - interval '1 day'
"""

AWAITED = """
select exists (
    select from fairdrift.cells c where c.model = any(:models) and c.cell_schema <> :quality
        and not exists (select from fairdrift.evaluations e where e.model = c.model)
)
"""

ROLL = """
with gone as (
    delete from fairdrift.panes
    where stream = :stream and part = :part and basis = any(:bases) and pane_ms < :size
        and start_ms >= :low and start_ms < :upto
    returning basis, start_ms / :size * :size as start_ms, cell, class, sums
), added as (
    select basis, start_ms, cell, class, place, sum(amount)::bigint as total
    from gone, unnest(sums) with ordinality as u(amount, place)
    group by basis, start_ms, cell, class, place
), merged as (
    select basis, start_ms, cell, class, array_agg(total order by place) as sums
    from added group by basis, start_ms, cell, class
)
insert into fairdrift.panes as p (basis, pane_ms, start_ms, stream, part, cell, class, sums, commit_no)
select basis, :size, start_ms, :stream, :part, cell, class, sums, case when basis = any(:followed) then :commit_no else 0 end
from merged
order by basis, start_ms, cell, class
on conflict (basis, pane_ms, start_ms, stream, part, cell, class) do update set
    sums = (select array_agg(case when a is null then b when b is null then a else a + b end order by place)
            from unnest(p.sums, excluded.sums) with ordinality as u(a, b, place)),
    commit_no = excluded.commit_no
"""

FORGET_EVIDENCE = """
delete from fairdrift.panes
where stream = :stream and part = :part and basis = any(:bases) and start_ms >= :low and start_ms < :before
"""


def awaits_evaluation(connection: sa.Connection, models: Sequence[str]) -> bool:
    """Whether one of the models has been counted and never been evaluated yet: how far the others are says nothing of it.

    So it is with a model whose history is replayed beside others that are at the present.
    """
    return bool(connection.execute(sa.text(AWAITED), {"models": list(models), "quality": QUALITY_SCHEMA}).scalar())


def roll_up(connection: sa.Connection, stream: str, part: int, upto_ms: int, commit_no: int) -> int:
    """Roll one partition's panes up to hours before `upto_ms`, and to days further back; returns the bound reached.

    To be called in the owner's commit, under its lock; `commit_no` is that commit's. Where the evaluator has not come far
    enough yet, the bound is lower than asked for, possibly the old one: what is returned belongs into the position.
    """
    old = _rolled_up_to(connection, stream, part)
    evaluated = connection.execute(sa.text(EVALUATED)).scalar()
    bound = min(upto_ms, (evaluated - KEEP_MINUTES) // HOUR * HOUR) if evaluated is not None else old
    if bound <= old:
        return old
    values: dict[str, Any] = {
        "stream": stream,
        "part": part,
        "commit_no": commit_no,
        "followed": [int(basis) for basis in FOLLOWED],
    }
    bases = [int(basis) for basis in ROLLED]
    low, floor = max(0, old - WEEK), day_bound(bound)
    connection.execute(sa.text(ROLL), values | {"bases": bases, "size": HOUR, "low": low, "upto": bound})
    if floor > max(0, day_bound(old)):
        low = max(0, day_bound(old) - WEEK)
        connection.execute(sa.text(ROLL), values | {"bases": bases, "size": DAY, "low": low, "upto": floor})
    before = bound + KEEP_MINUTES - KEEP_EVIDENCE
    if before > 0:
        gone = [int(Basis.EVIDENCE_DECISION), int(Basis.EVIDENCE_LABEL)]
        low = max(0, before - (bound - old) - WEEK)
        connection.execute(sa.text(FORGET_EVIDENCE), values | {"bases": gone, "low": low, "before": before})
    return bound


def _rolled_up_to(connection: sa.Connection, stream: str, part: int) -> int:
    query = sa.text("select rolled_up_to from fairdrift.positions where stream = :stream and part = :part")
    return int(connection.execute(query, {"stream": stream, "part": part}).scalar() or 0)


# --- partitions


def ensure_partitions(engine: sa.Engine, starts: Iterable[int] | NDArray[np.int64]) -> None:
    """Make the partitions of panes that these pane starts (ms) need, in a short transaction of its own.

    Called before the transaction that writes them: making one waits for nobody, but is seen by others once committed.
    """
    weeks = {("panes", int(start) // WEEK * WEEK) for start in starts}
    _ensure(engine, weeks, "select fairdrift.add_panes_partition(:at)", lambda at: {"at": at})


def ensure_point_partitions(engine: sa.Engine, ends: Iterable[tuple[str, int]]) -> None:
    """Make the partitions that points of these (tier, window end in ms) need, likewise."""
    days = {(tier, end // DAY * DAY) for tier, end in ends if tier in POINTS_KEPT}
    for tier in sorted({tier for tier, _ in days}):
        query = "select fairdrift.add_points_partition(:tier, to_timestamp(:at / 1000.0))"
        _ensure(engine, {day for day in days if day[0] == tier}, query, lambda at, tier=tier: {"tier": tier, "at": at})


def make_ahead(engine: sa.Engine) -> None:
    """Make the partitions of the week and the day to come, so that no commit has to wait for one at midnight.

    From the greatest event time that a model evaluated within the last day has reached; nothing where none was.
    """
    with engine.connect() as connection:
        reached = connection.execute(sa.text(REACHED)).scalar()
    if reached is not None:
        ensure_partitions(engine, [reached, reached + WEEK])
        ensure_point_partitions(engine, [(tier, at) for tier in POINTS_KEPT for at in (reached, reached + DAY)])


def _ensure(engine: sa.Engine, wanted: set[tuple[str, int]], query: str, values: Any) -> None:
    known = _known.setdefault(engine, set())
    missing = sorted(wanted - known)
    if not missing:
        return
    with engine.begin() as connection:
        for _, at in missing:
            connection.execute(sa.text(query), values(at))
    known.update(missing)


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of panes or points: its name, the tier (empty for panes), and the end of its range in ms."""

    name: str
    tier: str
    end: int

    def outlived(self, now: int, keep: Keep) -> bool:
        """Whether everything in it is older than its tier is kept, at this event time."""
        return self.end <= now - keep.of(self.tier)


PARTITIONS = """
select c.relname, p.relname as parent, pg_get_expr(c.relpartbound, c.oid) as bound
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'fairdrift' and p.relname = any(array['panes', 'points_minute', 'points_hour', 'points_day'])
    and c.relkind = 'r'
"""


def partitions(connection: sa.Connection) -> list[Partition]:
    """Every partition that retention may drop, in order of their names."""
    found = []
    for name, parent, bound in connection.execute(sa.text(PARTITIONS)):
        tier = parent.removeprefix("points_") if parent != "panes" else ""
        upper = bound.split(" TO (")[1].rstrip(")").strip("'")
        end = (
            connection.execute(
                sa.text("select extract(epoch from cast(:at as timestamptz)) * 1000"), {"at": upper}
            ).scalar_one()
            if tier
            else upper
        )
        found.append(Partition(name, tier, int(end)))
    return sorted(found, key=lambda partition: partition.name)


def drop_old(engine: sa.Engine, now: int | None = None, keep: Keep | None = None) -> list[str]:
    """Drop what has outlived its tier at event time `now` (ms); returns the names.

    Without `now`: the least that any model evaluated within the last day has reached, so that neither a replay of
    history nor a model that was given up decides for the others. Nothing is dropped if nothing is being evaluated.
    """
    with engine.connect() as connection:
        at = now if now is not None else connection.execute(sa.text(EVALUATED)).scalar()
        old = [] if at is None else [p.name for p in partitions(connection) if p.outlived(at, keep or Keep())]
    for name in old:
        with engine.begin() as connection:
            connection.execute(sa.text("set local lock_timeout = '2s'"))
            connection.execute(sa.text("select fairdrift.drop_partition(:name)"), {"name": name})
    if old:
        _known.pop(engine, None)
    return old
