"""The database: there, at head, with the rights that a worker needs, and with its clock."""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import exc

from streams import schema
from streams.checks.findings import Finding, failure, ok, unknown, warning
from streams.database import engine as make_engine
from streams.errors import StreamsError
from streams.settings import Settings

WHERE = "postgres"
CLOCK_SECONDS = 5.0
"""Leases of the outbox are given by the database's clock and judged by ours for minutes; seconds do no harm."""

WRITTEN = (
    "positions",
    "panes",
    "cells",
    "points",
    "series",
    "evaluations",
    "alert_states",
    "alert_transitions",
    "notices",
    "alert_groups",
    "acknowledgements",
    "silences",
    "outbox",
    "routes",
)
FUNCTIONS = ("add_panes_partition(bigint)", "add_points_partition(text, timestamptz)")

KnownParts = dict[str, int]
"""stream -> partitions of its topics when they were last claimed."""


def check(settings: Settings) -> Generator[Finding, None, KnownParts]:
    """Findings about the database; returns the partitions it remembers, for comparison with Kafka's."""
    engine = make_engine(settings, name="fairdrift check", pool_size=1)
    try:
        return (yield from _check(engine))
    except exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield failure(
            WHERE,
            f"the database does not answer: {reason}",
            "see postgres.url, and whether Postgres runs and lets us in",
        )
        return {}
    finally:
        engine.dispose()


def _check(engine: sa.Engine) -> Generator[Finding, None, KnownParts]:
    with engine.connect() as connection:
        version = connection.execute(sa.text("select current_setting('server_version')")).scalar_one()
        skew = (
            connection.execute(sa.text("select clock_timestamp()")).scalar_one() - datetime.now(UTC)
        ).total_seconds()
    yield ok(WHERE, f"PostgreSQL {version} answers")
    if abs(skew) > CLOCK_SECONDS:
        yield warning(WHERE, f"its clock is {skew:+.0f} s from this machine's", "let both follow a time server")
    try:
        schema.require_head(engine)
    except StreamsError as error:
        yield failure(WHERE, str(error), "run `fairdrift migrate`")
        return {}
    yield ok(WHERE, f"the schema is at revision {schema.head()}")
    with engine.connect() as connection:
        yield from _rights(connection)
        yield from _reader(connection)
        rows = connection.execute(sa.text("select stream, max(parts) from fairdrift.positions group by stream"))
        return {row[0]: row[1] for row in rows}


def _rights(connection: sa.Connection) -> Iterator[Finding]:
    user = connection.execute(sa.text("select current_user")).scalar_one()
    missing = []
    for table in WRITTEN:
        for right in ("select", "insert", "update"):
            given = sa.text("select has_table_privilege(:table, :right)")
            if not connection.execute(given, {"table": f"fairdrift.{table}", "right": right}).scalar_one():
                missing.append(f"{right} on {table}")
    for function in FUNCTIONS:
        given = sa.text("select has_function_privilege(:function, 'execute')")
        if not connection.execute(given, {"function": f"fairdrift.{function}"}).scalar_one():
            missing.append(f"execute {function}")
    if missing:
        yield failure(
            WHERE, f"{user} may not {', '.join(missing)}", f"as an administrator: grant fairdrift_writer to {user}"
        )
    else:
        yield ok(WHERE, f"{user} may write what a worker writes")


def _reader(connection: sa.Connection) -> Iterator[Finding]:
    there = connection.execute(sa.text("select rolcanlogin from pg_roles where rolname = 'fairdrift_reader'")).scalar()
    if there is None:
        yield unknown(
            WHERE,
            "there is no role fairdrift_reader for Grafana",
            "let `fairdrift migrate` run once as a user who may create roles",
        )
    elif not there:
        yield unknown(
            WHERE,
            "fairdrift_reader may not log in: Grafana cannot read",
            "alter role fairdrift_reader login password '...'",
        )
    else:
        yield ok(WHERE, "fairdrift_reader may log in, and sees views only")
