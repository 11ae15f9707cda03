"""Least rights in the database: the migrator makes the schema, the writer works with it, the reader sees the views; each no more."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from streams import schema
from streams.database import driver_url
from streams.keys import JOIN_STORE, shared_key
from tests.services.databases import Databases

DENIED = r"permission denied|must be (owner|superuser|member)"
CALLED = {"migrator": "fairdrift_migrator", "writer": "fairdrift_writer", "reader": "fairdrift_reader"}


@dataclass(frozen=True, slots=True)
class Logins:
    """An engine for each login; the database belongs to the migrator's, as README tells administrators to do."""

    migrator: sa.Engine
    writer: sa.Engine
    reader: sa.Engine


@pytest.fixture(scope="module")
def logins(databases: Databases) -> Iterator[Logins]:
    with ExitStack() as stack:
        url = stack.enter_context(databases.empty())
        owner = sa.create_engine(driver_url(url), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        made = {name: stack.enter_context(login(owner, name)) for name in CALLED}
        with owner.connect() as connection:
            database = sa.make_url(url).database
            connection.execute(sa.text(f"alter database {database} owner to {made['migrator'].url.username}"))
        schema.upgrade(made["migrator"])
        yield Logins(**made)
        for engine in made.values():
            engine.dispose()
        with owner.connect() as connection:
            connection.execute(sa.text(f"reassign owned by {made['migrator'].url.username} to current_user"))
        owner.dispose()


@contextmanager
def login(owner: sa.Engine, name: str) -> Iterator[sa.Engine]:
    """A login that may what the role may, and nothing else."""
    user, password, role = f"{name}_{secrets.token_hex(4)}", secrets.token_hex(16), CALLED[name]
    with owner.connect() as connection:
        if not connection.execute(sa.text("select 1 from pg_roles where rolname = :role"), {"role": role}).scalar():
            connection.execute(sa.text(f"create role {role} nologin"))
        connection.execute(sa.text(f"create role {user} login password '{password}' in role {role}"))
    yield sa.create_engine(owner.url.set(username=user, password=password), poolclass=sa.NullPool)
    with owner.connect() as connection:
        connection.execute(sa.text(f"drop owned by {user}"))
        connection.execute(sa.text(f"drop role {user}"))


def refused(engine: sa.Engine, *statements: str) -> None:
    """Each alone: some of them may stand in no transaction."""
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    for statement in statements:
        with alone.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match=DENIED):
            connection.execute(sa.text(statement))


def test_the_migrator_brings_the_schema_up_without_being_an_administrator(logins: Logins) -> None:
    assert schema.current(logins.migrator) == schema.head()
    refused(
        logins.migrator,
        "create role somebody",
        "create database another",
        "alter system set log_statement = 'all'",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
    )


def test_the_writer_does_its_work(logins: Logins) -> None:
    assert len(shared_key(logins.writer, JOIN_STORE)) == 32
    with logins.writer.begin() as connection:
        connection.execute(sa.text("select fairdrift.add_panes_partition(1700000000000)"))
        connection.execute(
            sa.text(
                "insert into fairdrift.panes (basis, pane_ms, start_ms, stream, part, cell, sums, commit_no)"
                " values (0, 60000, 1700000000000, 's', 0, 1, '{1}', 1)"
            )
        )
        connection.execute(sa.text("delete from fairdrift.panes"))
        for view in ("fairness_group", "fairness_disparity", "alert_history", "control_history"):
            connection.execute(sa.text(f"select * from {view}"))


def test_the_writer_changes_no_schema_and_no_rights(logins: Logins) -> None:
    refused(
        logins.writer,
        "create table public.mine (x int)",
        "create table fairdrift.mine (x int)",
        "alter table fairdrift.panes add column x int",
        "drop view fairness_group",
        "drop table fairdrift.panes",
        "create or replace view fairness_group as select 1",
        "grant fairdrift_migrator to current_user",
        "create role somebody",
        "copy (select 1) to program 'true'",
    )


def test_the_writer_can_hand_on_no_right(logins: Logins) -> None:
    with logins.writer.begin() as connection:
        connection.execute(sa.text("grant select on fairdrift.panes to public"))  # a warning: nothing was granted
    refused(logins.reader, "select * from fairdrift.panes")


def test_the_reader_sees_views_and_neither_cells_nor_keys_nor_tokens(logins: Logins) -> None:
    with logins.reader.connect() as connection:
        for view in ("fairness_group", "fairness_disparity", "fairness_evidence", "alert_history", "control_history"):
            connection.execute(sa.text(f"select * from {view}"))
    hidden = ("panes", "cells", "points", "keys", "tokens", "audit", "outbox", "positions", "alembic_version")
    with logins.migrator.connect() as connection:
        there = set(sa.inspect(connection).get_table_names(schema="fairdrift"))
    refused(logins.reader, *(f"select * from fairdrift.{table}" for table in hidden if table in there))
    assert {"panes", "cells", "keys", "tokens"} <= there


def test_the_reader_changes_nothing(logins: Logins) -> None:
    refused(
        logins.reader,
        "insert into fairdrift.route_changes default values",
        "update fairdrift.tokens set scope = 'control'",
        "delete from fairdrift.alert_transitions",
        "select fairdrift.add_panes_partition(1700000000000)",
        "create table public.mine (x int)",
        "create temporary table mine (x int); select pg_read_file('/etc/passwd')",
    )
