"""Write the year into a migrated database, in one transaction, and let the planner look at it."""

from collections.abc import Iterator

import sqlalchemy as sa

from monitor.windows import DAY
from tests.year import records
from tests.year.copying import copy
from tests.year.points import POINTS, Book, Extent, Rows, Writer
from tests.year.world import END, START, models

ANALYZED = (
    "points",
    "series",
    "evidence",
    "evidence_states",
    "alert_transitions",
    "route_changes",
    "config_versions",
    "cells",
)


def seed(engine: sa.Engine, extent: Extent | None = None) -> int:
    """Write the year; returns how many points it has."""
    chosen = extent or Extent()
    with engine.begin() as connection:
        for setting in ("synchronous_commit = off", "statement_timeout = 0", "lock_timeout = 0"):
            connection.execute(sa.text(f"set local {setting}"))
        partitions(connection)
        version = records.write(connection, models(chosen.models), chosen.hour_models)
        book = Book()
        written = copy(connection, POINTS, _points(chosen, book, version))
        book.write(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("set statement_timeout = 0"))
        for table in ANALYZED:
            connection.execute(sa.text(f"analyze fairdrift.{table}"))
        connection.invalidate()
    return written


def partitions(connection: sa.Connection) -> None:
    """Those that points of the year need."""
    make = sa.text("select fairdrift.add_points_partition(:tier, to_timestamp(:at / 1000.0))")
    for tier, days, step in (("minute", 8, 1), ("hour", 92, 7), ("day", 366, 90)):
        for back in {*range(0, days, step), days}:
            connection.execute(make, {"tier": tier, "at": max(END - back * DAY, START - DAY)})


def _points(extent: Extent, book: Book, version: str) -> Iterator[Rows]:
    for model in models(extent.models):
        yield from Writer(book, model, version).everything(extent)
