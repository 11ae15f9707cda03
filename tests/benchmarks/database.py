"""The database at size: a made-up year of ten models with fifty cells; its size, and what boards and the roll-up take.

Panels are asked as Grafana asks them, as the reader, over two days, two weeks and a year. Times are the best of some, planning
included, with the server's own processor time beside them.
"""

from collections.abc import Iterator

import psutil
import sqlalchemy as sa

from streams import schema
from streams.dashboards import BOARDS
from streams.database import driver_url, engine
from streams.retention import roll_up
from tests.benchmarks.results import Result
from tests.benchmarks.stage import Stage
from tests.streams.dashboards.asking import Grafana, statements
from tests.year.copying import copy
from tests.year.panes import PANES, ROLLED_UP_TO, STREAM, panes, partitions
from tests.year.points import FULL, Extent
from tests.year.records import PARTS
from tests.year.seeding import seed
from tests.year.world import END, models

PANEL_MS = 200
TIMES = 5
SHOWN = {"two days": 2.0, "two weeks": 14.0, "a year": 365.0}
PANE_MODELS = 2
"""Of how many models the panes are written; a year of ten would be a gigabyte more for the same figures."""

_OF = "model = 'credit-limit' and metric = 'selection_rate' and version = '*' and arm = '*' and time_basis = 'decision'"
VIEWS = {
    "fairness_group: every group of the newest day": f"""
        select * from fairness_group where {_OF} and window_seconds = 86400 and $__timeFilter(window_end)
        and window_end = date_trunc('day', $__timeTo()::timestamptz)""",
    "fairness_disparity: a year of one comparison": f"""
        select * from fairness_disparity where {_OF} and window_seconds = 86400 and attribute_set = '{{sex}}' and aggregate = 'ratio'
        and tier in ('day', 'kept') and $__timeFilter(window_end)""",
    "fairness_disparity_as_of: the same, as it read a week ago": f"""
        select * from fairness_disparity_as_of($__timeTo()::timestamptz - interval '7 days')
        where {_OF} and window_seconds = 86400 and attribute_set = '{{sex}}' and aggregate = 'ratio'
        and tier in ('day', 'kept') and $__timeFilter(window_end)""",
    "alert_history: everything of one model": "select * from alert_history where model = 'credit-limit'",
}
"""What people and reports ask the views."""

SIZES = """
select split_part(relname, '_2', 1) as name, sum(pg_total_relation_size(oid)) as bytes, sum(greatest(reltuples, 0)) as rows
from pg_class where relnamespace = 'fairdrift'::regnamespace and relkind = 'r'
group by 1 having sum(greatest(reltuples, 0)) > 10000 order by 1
"""


def measure(stage: Stage, extent: Extent = FULL) -> Iterator[Result]:
    """Seed the year and measure it."""
    server = sa.create_engine(driver_url(stage.postgres), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text("create database bench_year"))
    db = engine(sa.make_url(stage.postgres).set(database="bench_year").render_as_string(hide_password=False))
    schema.upgrade(db)
    seed(db, extent)
    _panes(db)
    yield from _sizes(db)
    yield from _panels(db)
    yield from _rolled(db)
    db.dispose()


def _panes(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("set local statement_timeout = 0"))
        partitions(connection)
        copy(
            connection,
            PANES,
            (rows for model in models(PANE_MODELS) for part in range(PARTS) for rows in panes(model, part)),
        )
        connection.execute(sa.text("update fairdrift.positions set rolled_up_to = :at"), {"at": ROLLED_UP_TO})
    with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("set statement_timeout = 0"))
        connection.execute(sa.text("analyze fairdrift.panes"))
        connection.invalidate()


def _sizes(db: sa.Engine) -> Iterator[Result]:
    with db.connect() as connection:
        total = connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one()
        yield Result("a year of ten models: the database", total / 2**20, "MB")
        for row in connection.execute(sa.text(SIZES)):
            note = f"{row.rows:,.0f} rows, {float(row.bytes) / 2**20:,.0f} MB with indexes"
            yield Result(f"a year of ten models: {row.name}", float(row.bytes) / row.rows, "bytes a row", note=note)


def _panels(db: sa.Engine) -> Iterator[Result]:
    with db.connect() as connection:
        connection.execute(sa.text("set role fairdrift_reader"))
        for words, days in SHOWN.items():
            grafana = Grafana.days(connection, days)
            for name in BOARDS:
                spent = {s.where: _spent(grafana, s.sql) for s in statements(name)}
                took = {where: wall for where, (wall, _) in spent.items()}
                slowest = max(took, key=lambda where: took[where])
                note = (
                    f"{len(took)} queries; the slowest: {slowest}; at most"
                    f" {max(cpu for _, cpu in spent.values()):.0f} ms of processor time each"
                )
                yield Result(
                    f"slowest query of the board {name} over {words}", took[slowest], "ms", PANEL_MS, True, note
                )
        for words, sql in VIEWS.items():
            took_ms, cpu = _spent(grafana, sql)
            note = f"{len(grafana.rows(sql))} rows, {cpu:.0f} ms of processor time"
            yield Result(f"view {words}", took_ms, "ms", PANEL_MS, True, note)
        connection.invalidate()


def _spent(grafana: Grafana, sql: str) -> tuple[float, float]:
    """Milliseconds of a query: the best by the clock, and the mean of the server's processor time, which a busy machine spares."""
    server = psutil.Process(grafana.connection.execute(sa.text("select pg_backend_pid()")).scalar_one())
    before = sum(server.cpu_times()[:2])
    best = min(grafana.plan(sql).milliseconds for _ in range(TIMES))
    return best, (sum(server.cpu_times()[:2]) - before) * 1000 / TIMES


def _rolled(db: sa.Engine) -> Iterator[Result]:
    """Six hours of minutes of one partition into hours, within an owner's commit."""
    summed = sa.text("select sum(sums[1]), sum(sums[3]) from fairdrift.panes where basis = 0 and part = 0")
    with db.begin() as connection:
        connection.execute(sa.text("set local statement_timeout = 0"))
        before = connection.execute(summed).one()
        rows = connection.execute(
            sa.text("select count(*) from fairdrift.panes where pane_ms = 60000 and part = 0")
        ).scalar_one()
        started = connection.execute(sa.text("select clock_timestamp()")).scalar_one()
        reached = roll_up(connection, STREAM, 0, END, 2)
        took = connection.execute(sa.text("select clock_timestamp()")).scalar_one() - started
        left = connection.execute(
            sa.text("select count(*) from fairdrift.panes where pane_ms = 60000 and part = 0")
        ).scalar_one()
        assert reached > ROLLED_UP_TO
        assert connection.execute(summed).one() == before, "a roll-up changes no sum"
    note = f"{rows - left:,} rows of minutes into hours; the sums are the same"
    yield Result("roll-up of six hours of one partition", took.total_seconds() * 1000, "ms", note=note)
