"""Metric points into Postgres: series by their identity, points by COPY, and revisions that leave the old value readable.

A point's tier says how long it lives, and follows from where its window ends: on a day, on an hour, or between. Dropping
a tier's old partitions then thins the points by itself: the minutes go first, then the hours. What an alert cites is `kept`.
"""

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from psycopg2.extras import execute_values

from monitor.estimates import State
from monitor.windows import DAY, HOUR
from streams.retention import ensure_point_partitions

KEPT = "kept"

Groups = tuple[tuple[str, str], ...]


class SeriesKey(NamedTuple):
    """The identity of a series: what a point is of, without its window. Empty texts where a part does not apply."""

    kind: str
    model: str
    version: str
    arm: str
    time_basis: str
    attribute_set: tuple[str, ...]
    group_values: Groups
    metric: str
    aggregate: str = ""
    method: str = ""
    stratum: Groups = ()
    label_class: str = ""


class Point(NamedTuple):
    """One value of a series in one window. `end` is the window's end in ms; groups are JSON or None.

    The numbers are written as null where they are none (NaN, None), and where the state says that there is none to show.
    """

    series: SeriesKey
    window_seconds: int
    end: int
    tier: str
    state: State
    reason: str
    value: float
    low: float
    high: float
    n: int
    numerator: float
    denominator: float
    label_coverage: float | None = None
    lower_group: str | None = None
    higher_group: str | None = None
    detectable: float | None = None
    reversed: bool | None = None


def tier_of(end: int) -> str:
    """The tier of a point whose window ends at `end` (ms): `day`, `hour` or `minute`."""
    if end % DAY == 0:
        return "day"
    return "hour" if end % HOUR == 0 else "minute"


SERIES_COLUMNS = "kind, model, version, arm, time_basis, attribute_set, group_values, metric, aggregate, method, stratum, label_class"
SERIES_VALUES = "(%s, %s, %s, %s, %s, %s::text[], %s::jsonb, %s, %s, %s, %s::jsonb, %s)"

COLUMNS = (
    "tier, series, window_seconds, window_end, revision, state, value, ci_low, ci_high, n, numerator, denominator,"
    " label_coverage, lower_group, higher_group, detectable, reversed, reason, config_version"
)
CONTENT = (
    "state, value, ci_low, ci_high, n, numerator, denominator, label_coverage, lower_group, higher_group, detectable, reversed,"
    " reason"
)


class SeriesBook:
    """The ids of series. A series is made in a transaction of its own: one without points does no harm."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._ids: dict[SeriesKey, int] = {}

    def ids(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        """The ids of these series (and of all others known), made where they are new."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._ids]
        if missing:
            with self._engine.begin() as connection:
                cursor: Any = connection.connection.cursor()
                rows = [_series_row(key) for key in missing]
                insert = f"insert into fairdrift.series ({SERIES_COLUMNS}) values %s on conflict do nothing"
                execute_values(cursor, insert, rows, template=SERIES_VALUES)
                found = execute_values(cursor, _FIND, rows, template=SERIES_VALUES, fetch=True)
                self._ids.update({missing[place]: id for id, place in self._matched(found, rows)})
                cursor.close()
        return self._ids

    @staticmethod
    def _matched(found: Sequence[tuple[Any, ...]], rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, int]]:
        """(id, place in rows) of each series found."""
        places = {_plain(row): place for place, row in enumerate(rows)}
        for id, *row in found:
            yield int(id), places[_plain(row)]


_FIND = f"""
select s.id, {", ".join(f"s.{column.strip()}" for column in SERIES_COLUMNS.split(","))}
from fairdrift.series s join (values %s) as k({SERIES_COLUMNS}) using ({SERIES_COLUMNS})
"""


def _series_row(key: SeriesKey) -> tuple[Any, ...]:
    return (
        *key[:5], list(key.attribute_set), group_json(key.group_values), key.metric, key.aggregate, key.method,
        group_json(key.stratum), key.label_class,
    )  # fmt: skip


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """A series row with arrays and JSON in one form, however they were given."""
    parsed = [
        json.loads(value) if place in (6, 10) and isinstance(value, str) else value for place, value in enumerate(row)
    ]
    return tuple(
        tuple(value) if isinstance(value, list) else tuple(sorted(value.items())) if isinstance(value, dict) else value
        for value in parsed
    )


def group_json(groups: Iterable[tuple[str, str]]) -> str:
    """Groups as a JSON object, attributes in order."""
    return json.dumps(dict(groups), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Points:
    """Writes points in the caller's transaction; series and partitions are made beside it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._book = SeriesBook(engine)

    def insert(self, connection: sa.Connection, points: Sequence[Point], config_version: str) -> None:
        """Write first revisions. A point that exists already is an error: the evaluator writes each once."""
        if points:
            self._copy(connection, "fairdrift.points", points, config_version)

    def revise(self, connection: sa.Connection, points: Sequence[Point], config_version: str) -> int:
        """Write what differs from the newest revision as the next one, the old marked superseded; returns how many.

        A point that is not there yet becomes revision 0. Each series and window at most once.

        Why the statistics and the bounds (2026-11): without them the planner reads every partition, or compares each new
        point with each old one; its time grew with all points ever stored, to 40 seconds for 9,000 points.
        """
        if not points:
            return 0
        connection.execute(sa.text(STAGE))
        connection.execute(sa.text("truncate point_stage"))  # one transaction may revise more than once
        self._copy(connection, "point_stage", points, config_version)
        connection.execute(sa.text("analyze point_stage"))
        ends = [point.end for point in points]
        low, high = (datetime.fromtimestamp(end / 1000, UTC) for end in (min(ends), max(ends)))
        return connection.execute(sa.text(REVISE), {"low": low, "high": high}).rowcount

    def _copy(self, connection: sa.Connection, table: str, points: Sequence[Point], config_version: str) -> None:
        ensure_point_partitions(self._engine, {(point.tier, point.end) for point in points})
        ids = self._book.ids(point.series for point in points)
        times: dict[int, str] = {}
        tail = f"{_text(config_version)}\n"
        lines = "".join([_line(point, ids[point.series], times, tail) for point in points])
        cursor: Any = connection.connection.cursor()
        cursor.copy_expert(f"copy {table} ({COLUMNS}) from stdin", io.StringIO(lines))
        cursor.close()


def _line(point: Point, series: int, times: dict[int, str], tail: str) -> str:
    """The point as a line of COPY's text format, revision 0."""
    end = times.get(point.end)
    if end is None:
        end = times[point.end] = datetime.fromtimestamp(point.end / 1000, UTC).isoformat()
    head = f"{point.tier}\t{series}\t{point.window_seconds}\t{end}\t0\t{point.state}\t"
    reason = _text(point.reason) if point.reason else NULL
    if point.state == State.SUPPRESSED:
        return f"{head}{NULLS}0\t{NULLS}{NULL}\t{NULL}\t{NULL}\t{NULL}\t{reason}\t{tail}"
    lower, higher = (NULL if group is None else _text(group) for group in (point.lower_group, point.higher_group))
    counts = f"{point.n}\t{_number(point.numerator)}\t{_number(point.denominator)}\t{_number(point.label_coverage)}"
    estimate = NULLS
    if point.state != State.UNDEFINED:
        estimate = f"{_number(point.value)}\t{_number(point.low)}\t{_number(point.high)}\t"
    turned = NULL if point.reversed is None else "t" if point.reversed else "f"
    return f"{head}{estimate}{counts}\t{lower}\t{higher}\t{_number(point.detectable)}\t{turned}\t{reason}\t{tail}"


NULL = r"\N"
NULLS = f"{NULL}\t{NULL}\t{NULL}\t"


def _number(value: float | None) -> str:
    """NaN and the infinities compare false."""
    return repr(value) if value is not None and -math.inf < value < math.inf else NULL


def _text(text: str) -> str:
    if "\\" not in text and text.isprintable():
        return text
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


STAGE = (
    "create temporary table if not exists point_stage (like fairdrift.points including defaults) on commit delete rows"
)

_NEW = ", ".join(f"n.{column.strip()}" for column in CONTENT.split(","))
_OLD = ", ".join(f"p.{column.strip()}" for column in CONTENT.split(","))

REVISE = f"""
with newest as (
    select n.*, p.revision as old, p.tier as old_tier, ({_NEW}) is distinct from ({_OLD}) as differs
    from point_stage n left join fairdrift.points p
        on p.series = n.series and p.window_seconds = n.window_seconds and p.window_end = n.window_end
        and p.tier in (n.tier, '{KEPT}') and p.superseded_at is null and p.window_end between :low and :high
), superseded as (
    update fairdrift.points p set superseded_at = now() from newest n
    where n.old is not null and n.differs and p.tier = n.old_tier and p.series = n.series
        and p.window_seconds = n.window_seconds and p.window_end = n.window_end and p.revision = n.old
        and p.window_end between :low and :high
)
insert into fairdrift.points ({COLUMNS})
select coalesce(old_tier, tier), series, window_seconds, window_end, coalesce(old, -1) + 1, {CONTENT}, config_version
from newest where old is null or differs
"""
