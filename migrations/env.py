"""Alembic's environment: one connection, one transaction, one upgrade at a time.

The connection comes from the caller (`config.attributes["connection"]`, see `streams.schema.upgrade`). An advisory lock
makes replicas that start together wait for the first; after it, `lock_timeout` makes an upgrade give up rather than queue
behind a long query and block everybody behind itself.
"""

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.schema import SchemaItem

import alerts.tables  # noqa: F401  (adds its tables to the metadata)
from migrations.locks import UPGRADE_LOCK
from migrations.serving import note
from monitor.tables import SCHEMA, metadata


def include_object(item: SchemaItem, name: str | None, kind: str, reflected: bool, twin: SchemaItem | None) -> bool:
    """Leave partitions out of comparisons: they are made and dropped while the service runs."""
    return not (
        kind in ("table", "index") and reflected and twin is None and (name or "").startswith(("panes_", "points_"))
    )


def run(connection: Connection) -> None:
    """Upgrade within one transaction; a failed upgrade leaves nothing."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_object=include_object,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        connection.execute(text("set local lock_timeout = 0"))
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        connection.execute(text("set local lock_timeout = '3s'"))
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("set local client_min_messages = 'warning'"))
        connection.execute(text(f"create schema if not exists {SCHEMA}"))
        context.run_migrations()
        reached = context.get_context().get_current_revision()
        if reached is not None:
            served = note(script.revision for script in context.script.walk_revisions("base", reached))
            connection.execute(text(f"comment on table {SCHEMA}.alembic_version is '{served}'"))


run(context.config.attributes["connection"])
