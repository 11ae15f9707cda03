"""The schema: models equal migrations, the views' exact columns, who may see what, and clear words when it is behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import alerts.tables  # noqa: F401  (adds its tables)
from migrations.first.views import VIEW_COLUMNS
from migrations.locks import UPGRADE_LOCK
from monitor.tables import SCHEMA, metadata
from streams import schema
from streams.database import engine
from streams.schema import SchemaAhead, SchemaBehind

VIEWS = {
    "fairness_group": "model version arm time_basis window_seconds window_start window_end attribute_set group_values"
    " stratum label_class metric value n numerator denominator state ci_low ci_high label_coverage revision computed_at"
    " config_version tier",
    "fairness_disparity": "model version arm time_basis window_seconds window_start window_end attribute_set stratum"
    " label_class metric aggregate method value ci_low ci_high lower_group higher_group n state revision computed_at"
    " config_version detectable reversed tier",
    "fairness_evidence": "family rule model attribute_set metric pane_end log_evidence log_evidence_needed phi"
    " leading_group state",
    "alert_history": "alert transition_no rule model labels from_state to_state pane_end payload config_version recorded_at",
    "control_history": "model epoch from_route to_route percent reason changed_by alert evidence effective_at recorded_at"
    " config_version rest version",
    "stream_health": "stream part prediction_offset prediction_clock prediction_idle outcome_offset outcome_clock"
    " outcome_idle drained commit_no rolled_up_to lost updated_at",
}

LATER = {
    "fairness_disparity": {"detectable", "reversed", "tier"},
    "fairness_group": {"tier"},
    "control_history": {"rest", "version"},
}
"""Columns that later migrations added, and explain."""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database)
    yield made
    made.dispose()


@pytest.fixture
def empty(databases: Any) -> Iterator[sa.Engine]:
    with databases.empty() as url:
        made = engine(url)
        yield made
        made.dispose()


def test_models_equal_migrations(db: sa.Engine) -> None:
    def ours(item: object, name: str | None, kind: str, reflected: bool, twin: object) -> bool:
        partition = (name or "").startswith(("panes_", "points_"))
        return not (kind in ("table", "index") and reflected and twin is None and partition)

    options = {
        "version_table_schema": SCHEMA, "include_schemas": True, "include_object": ours, "compare_type": True,
        "compare_server_default": True,
    }  # fmt: skip
    with db.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("suffix", ["", "_as_of(now())"])
def test_views_and_functions_have_exactly_these_columns(db: sa.Engine, view: str, suffix: str) -> None:
    with db.connect() as connection:
        assert " ".join(connection.execute(sa.text(f"select * from {view}{suffix}")).keys()) == VIEWS[view]


def test_every_column_of_every_view_is_explained(db: sa.Engine) -> None:
    assert {view: set(columns.split()) for view, columns in VIEWS.items()} == {
        view: set(columns) | LATER.get(view, set()) for view, columns in VIEW_COLUMNS.items()
    }
    query = """
    select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and col_description(c.oid, a.attnum) is null
    """
    with db.connect() as connection:
        assert connection.execute(sa.text(query)).scalars().all() == []


def test_a_reader_sees_the_views_and_nothing_else(db: sa.Engine) -> None:
    with db.connect() as connection:
        connection.execute(sa.text("set role fairdrift_reader"))
        for view in VIEWS:
            connection.execute(sa.text(f"select * from {view}"))
            connection.execute(sa.text(f"select * from {view}_as_of(now())"))
        connection.commit()
        for table in [*(t.name for t in metadata.tables.values()), "alembic_version"]:
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text(f"select * from {SCHEMA}.{table}"))
            connection.rollback()
        connection.invalidate()


def test_a_writer_may_write_and_make_partitions_but_change_nothing(db: sa.Engine) -> None:
    with db.connect() as connection:
        connection.execute(sa.text("set role fairdrift_writer"))
        name = connection.execute(sa.text("select fairdrift.add_panes_partition(1700000000000)")).scalar()
        assert name == "panes_20231109"
        connection.execute(
            sa.text(
                "insert into fairdrift.panes (basis, pane_ms, start_ms, stream, part, cell, sums, commit_no)"
                " values (0, 60000, 1700000000000, 's', 0, 1, '{1}', 1)"
            )
        )
        connection.execute(sa.text("select fairdrift.drop_partition('panes_20231109')"))
        connection.commit()
        for forbidden in ("drop table fairdrift.panes", "select fairdrift.drop_partition('positions')"):
            with pytest.raises(sa.exc.DBAPIError, match=r"must be owner|not a partition"):
                connection.execute(sa.text(forbidden))
            connection.rollback()
        connection.invalidate()


def test_a_schema_that_is_behind_says_what_to_do(empty: sa.Engine) -> None:
    with pytest.raises(SchemaBehind, match=r"has no fairdrift schema yet.*run `fairdrift migrate`"):
        schema.require_head(empty)
    schema.upgrade(empty)
    schema.require_head(empty)


def test_a_schema_of_a_newer_program_is_refused(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("update fairdrift.alembic_version set version_num = '9999'"))
        connection.execute(sa.text("comment on table fairdrift.alembic_version is null"))  # as it was until 2026-11
    with pytest.raises(SchemaAhead, match="9999"):
        schema.require_head(db)


def test_upgrades_at_once_wait_for_each_other(empty: sa.Engine) -> None:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with ThreadPoolExecutor(1) as threads, empty.connect() as other:
        other.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        upgrade = threads.submit(schema.upgrade, empty)
        while not other.execute(sa.text(waiting)).scalar():
            assert not upgrade.done()
        other.rollback()
        assert upgrade.result(timeout=30) == schema.head()


def test_a_suppressed_point_shows_no_number(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("select fairdrift.add_points_partition('day', '2023-11-15')"))
        connection.execute(
            sa.text(
                "insert into fairdrift.series (id, kind, model, version, arm, time_basis, attribute_set, metric)"
                " values (1, 'group', 'm', '*', '*', 'decision', '{sex}', 'selection_rate')"
            )
        )
        connection.execute(
            sa.text(
                "insert into fairdrift.points (tier, series, window_seconds, window_end, revision, state, value, ci_low,"
                " ci_high, n, numerator, denominator, config_version)"
                " values ('day', 1, 3600, '2023-11-15', 0, 'suppressed', 0.5, 0.1, 0.9, 2, 1, 2, 'v')"
            )
        )
        shown = connection.execute(
            sa.text("select value, n, numerator, denominator, ci_low, ci_high from fairness_group")
        )
        assert shown.one() == (None,) * 6


def test_downgrade_leaves_an_empty_schema(db: sa.Engine) -> None:
    from alembic import command

    with db.connect() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
        left = connection.execute(
            sa.text(
                "select relname from pg_class where relnamespace = 'fairdrift'::regnamespace and relkind in ('r', 'p', 'v')"
            )
        )
        assert left.scalars().all() == ["alembic_version"]
    assert schema.upgrade(db) == schema.head()
