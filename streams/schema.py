"""The database's schema: bring it to head, and refuse to work with one that is behind, or too far ahead."""

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from migrations.serving import served
from monitor.tables import SCHEMA
from streams.errors import StreamsError

_one_at_a_time = threading.Lock()  # Alembic's environment is one to a process

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


class SchemaBehind(StreamsError):
    """The database lacks migrations that this program needs."""


class SchemaAhead(StreamsError):
    """The database was migrated by a newer program, and its schema does not serve this one any more."""


def upgrade(engine: sa.Engine) -> str:
    """Bring the schema to head in one transaction and return its revision. Concurrent calls wait for one another.

    A newer schema that serves this program is left as it is; another newer one raises SchemaAhead.
    """
    found = current(engine)
    if found is not None and found not in _known():
        require_head(engine)
        return found
    with _one_at_a_time, engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return head()


def head() -> str:
    """The newest revision that this program knows."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise StreamsError(f"no migrations are installed in {MIGRATIONS.name}/: install fairdrift again")
    return found


def current(engine: sa.Engine) -> str | None:
    """The revision of the database; None if it has never been migrated."""
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text(f"select version_num from {SCHEMA}.alembic_version")).scalar()
    except exc.ProgrammingError as error:
        if getattr(error.orig, "pgcode", "") in ("42P01", "3F000"):  # no such table, no such schema
            return None
        raise


def require_head(engine: sa.Engine) -> None:
    """Return if the schema is the one that this program was written for, or a newer one that serves it, as while a newer
    program is rolled out (`migrations/serving.py`); else raise SchemaBehind or SchemaAhead."""
    found, needed = current(engine), head()
    if found == needed:
        return
    if found is None or found in _known():
        here = "has no fairdrift schema yet" if found is None else f"has the schema of revision {found}"
        raise SchemaBehind(f"the database {here}, this program needs revision {needed}: run `fairdrift migrate`")
    if needed in _served(engine):
        return
    raise SchemaAhead(
        f"the database has the schema of revision {found}, which this program does not know (its newest is {needed}):"
        " install the newer fairdrift, or give it another database"
    )


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _served(engine: sa.Engine) -> frozenset[str]:
    """The revisions whose programs the newer schema serves, by its own word."""
    asked = sa.text(f"select obj_description('{SCHEMA}.alembic_version'::regclass, 'pg_class')")
    with engine.connect() as connection:
        return served(connection.execute(asked).scalar())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
