"""Upgrades with rows in place, from every released revision; what was written for an older schema goes on working on a newer one.

The rows are made from the database's own description of its tables at each revision, not from the program's: the program
that wrote them is gone.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from starlette.testclient import TestClient

from migrations.serving import SINCE, WORDS, served
from streams import schema
from streams.config import parse
from streams.database import engine
from streams.web import service_app
from tests.services.databases import Databases
from tests.streams import seeded

REVISIONS = [script.revision for script in ScriptDirectory.from_config(schema._config()).walk_revisions()][::-1]

COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as kind, a.attnum
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = any(array['fairdrift', 'public']::regnamespace[]) and c.relkind = any(:kinds) and not c.relispartition
  and a.attnum > 0 and not a.attisdropped and c.relname <> 'alembic_version'
order by c.relname, a.attnum
"""
REFERRING = "select conrelid::regclass::text from pg_constraint where contype = 'f' and connamespace = 'fairdrift'::regnamespace"

PANE = 1_700_000_000_000
VALUES = {
    "text": "'t{n}'", "integer": "{n}", "bigint": "{n}", "smallint": "{n}", "boolean": "true", "double precision": "{n}.5",
    "timestamp with time zone": "'2026-01-01T00:00:00Z'::timestamptz + interval '{n} s'", "jsonb": """'{{"row": {n}}}'""", "text[]": "array['t{n}']",
    "bigint[]": "array[{n}, 2]::bigint[]", "bytea": "'\\x{n:02x}'", "uuid": "'00000000-0000-0000-0000-{n:012d}'",
}  # fmt: skip
OWN = {("panes", "start_ms"): f"{PANE} + {{n}}", ("points", "tier"): "'kept'"}
"""What is not free to be anything."""

Shape = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Written:
    """A row that was written when the schema was of `revision`: its table, and its columns with their values as SQL."""

    revision: str
    table: str
    values: dict[str, str]

    @property
    def insert(self) -> str:
        return f"insert into fairdrift.{self.table} ({_names(self.values)}) values ({', '.join(self.values.values())})"

    @property
    def find(self) -> str:
        same = " and ".join(f'"{name}" = {value}' for name, value in self.values.items())
        return f"select count(*) from fairdrift.{self.table} where {same}"


def _names(columns: Any) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def shape(connection: sa.Connection, kinds: list[str]) -> Shape:
    """The columns of tables or views, with their types."""
    found: Shape = {}
    for table, column, kind, _ in connection.execute(sa.text(COLUMNS), {"kinds": kinds}):
        found.setdefault(table, {})[column] = kind
    return found


def rows(tables: Shape, revision: str, number: int, later: set[str]) -> Iterator[Written]:
    """One row for each table; those that refer to others last."""
    for table in sorted(tables, key=lambda name: (f"fairdrift.{name}" in later, name)):
        values = {name: OWN.get((table, name), VALUES[kind]).format(n=number) for name, kind in tables[table].items()}
        yield Written(revision, table, values)


def upgrade(connection: sa.Connection, to: str) -> None:
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    connection.commit()


@pytest.fixture
def empty(databases: Databases) -> Iterator[sa.Engine]:
    with databases.empty() as url:
        made = engine(url)
        yield made
        made.dispose()


def test_every_revision_keeps_the_rows_of_all_before_and_takes_what_their_programs_write(empty: sa.Engine) -> None:
    """Rows are written as a program of each revision writes them, at its own and at every later one that serves it."""
    kept: list[Written] = []
    known: list[tuple[str, Shape, Shape]] = []
    number = 0
    with empty.connect() as connection:
        for revision in REVISIONS:
            upgrade(connection, revision)
            known.append((revision, shape(connection, ["r", "p"]), shape(connection, ["v"])))
            connection.execute(sa.text("select fairdrift.add_panes_partition(:at)"), {"at": PANE})
            later = set(connection.execute(sa.text(REFERRING)).scalars())
            for old, tables, _ in known:
                if old not in noted(connection):
                    continue
                number += 1
                written = list(rows(tables, old, number, later))
                for row in written:
                    connection.exec_driver_sql(row.insert)
                kept += written
            for old, _, views in known:
                assert_views(connection, views, f"{old} on {revision}")
            connection.commit()
        assert [
            f"{row.table} of {row.revision}" for row in kept if connection.exec_driver_sql(row.find).scalar() != 1
        ] == []
    assert len(REVISIONS) == len(known) > 1


def noted(connection: sa.Connection) -> frozenset[str]:
    """The revisions that the schema says it serves."""
    asked = "select obj_description('fairdrift.alembic_version'::regclass, 'pg_class')"
    return served(connection.execute(sa.text(asked)).scalar())


def test_every_revision_is_served_by_the_newest(empty: sa.Engine) -> None:
    schema.upgrade(empty)
    with empty.connect() as connection:
        assert noted(connection) == set(REVISIONS[REVISIONS.index(SINCE) :])


NEXT = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None
def upgrade() -> None:
    op.execute("create table fairdrift.of_tomorrow (id int); alter table fairdrift.outbox add column of_tomorrow text")
"""


def test_a_program_goes_on_and_starts_on_the_schema_of_the_next_one(
    empty: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a rolling update: the next program migrates, and this one is ready, may be restarted, and writes."""
    schema.upgrade(empty)
    newer = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "versions" / "next.py").write_text(NEXT.format(head=schema.head()))
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(schema, "MIGRATIONS", newer)
        assert schema.upgrade(empty) == "next"
    assert schema.current(empty) == "next" != schema.head()

    schema.require_head(empty)
    assert schema.upgrade(empty) == "next"  # its own `migrate` has nothing to do
    seeded.seed(empty)
    settings = parse(f"models: [{{name: {seeded.MODEL}, attributes: {{sex: [female, male]}}}}]")
    with TestClient(service_app(empty, settings)) as client:
        assert client.get("/health/ready").status_code == 200


def test_a_schema_that_serves_only_later_programs_is_refused(empty: sa.Engine) -> None:
    schema.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("update fairdrift.alembic_version set version_num = 'next'")
        connection.exec_driver_sql(f"comment on table fairdrift.alembic_version is '{WORDS} later next'")
    for use in (schema.require_head, schema.upgrade):
        with pytest.raises(schema.SchemaAhead, match="install the newer fairdrift"):
            use(empty)


def assert_views(connection: sa.Connection, views: Shape, where: str) -> None:
    """Every column of an older program's views is there, of the same type."""
    now = shape(connection, ["v"])
    for view, columns in views.items():
        assert columns.items() <= now[view].items(), f"{view}: {where}"
        place = "public" if view in PUBLIC else "fairdrift"
        connection.exec_driver_sql(f"select {_names(columns)} from {place}.{view} limit 1")


PUBLIC = {
    "fairness_group",
    "fairness_disparity",
    "fairness_evidence",
    "alert_history",
    "control_history",
    "stream_health",
}


def test_an_upgrade_does_not_wait_for_ever_and_leaves_nothing_half_done(empty: sa.Engine) -> None:
    """Somebody reads a view for long: the upgrade gives up after its lock time-out, and nobody queues behind it for longer."""
    before = REVISIONS[REVISIONS.index("0009")]
    with empty.connect() as connection, ThreadPoolExecutor(1) as threads:
        upgrade(connection, before)
        connection.execute(sa.text("select * from fairness_group"))
        with pytest.raises(sa.exc.DBAPIError, match="lock timeout"):
            threads.submit(schema.upgrade, empty).result(timeout=120)
        assert schema.current(empty) == before
        connection.rollback()
        assert threads.submit(schema.upgrade, empty).result(timeout=120) == schema.head()


WAITING = """
select count(*) from pg_locks where not granted and relation = 'fairdrift.panes'::regclass and mode = 'AccessExclusiveLock'
"""
PANE_ROW = """
insert into fairdrift.panes (basis, pane_ms, start_ms, stream, part, cell, sums, commit_no) values (1, 3600000, :at, 's', 0, 7, '{1}', 1)
"""


@pytest.mark.services
def test_an_index_of_panes_is_replaced_while_workers_commit(empty: sa.Engine) -> None:
    """A worker that has read its rows before the upgrade came can still write them: the two do not wait for each other."""
    with empty.connect() as connection, ThreadPoolExecutor(1) as threads:
        upgrade(connection, "0011")
        connection.execute(sa.text("select fairdrift.add_panes_partition(:at)"), {"at": PANE})
        connection.commit()
        connection.execute(sa.text("select * from fairdrift.panes"))
        upgraded = threads.submit(schema.upgrade, empty)
        with empty.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            while not watching.execute(sa.text(WAITING)).scalar() and not upgraded.done():
                pass
        connection.execute(sa.text(PANE_ROW), {"at": PANE})
        connection.commit()
        assert upgraded.result(timeout=120) == schema.head()
        assert connection.execute(sa.text("select count(*) from fairdrift.panes")).scalar() == 1
