"""Fresh migrated databases: the migrations run once on a template, and each test gets a copy of it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from streams import schema
from streams.database import driver_url, engine


class Databases:
    """Makes and drops databases on one Postgres, whose maintenance database is at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template = ""

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database at the newest schema that nobody else uses; dropped afterwards, whoever is connected."""
        if not self._template:
            self._template = self._migrated_template()
        name = f"test_{secrets.token_hex(6)}"
        self._run(f"create database {name} template {self._template}")
        try:
            yield self._of(name)
        finally:
            self._run(f"drop database {name} with (force)")

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database that has never been migrated; dropped afterwards."""
        name = f"empty_{secrets.token_hex(6)}"
        self._run(f"create database {name}")
        try:
            yield self._of(name)
        finally:
            self._run(f"drop database {name} with (force)")

    def _migrated_template(self) -> str:
        name = f"template_{secrets.token_hex(6)}"
        self._run(f"create database {name}")
        target = engine(self._of(name), name="migrations")
        try:
            schema.upgrade(target)
        finally:
            target.dispose()  # a database with a session cannot be copied
        return name

    def _of(self, name: str) -> str:
        return sa.make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        server = sa.create_engine(driver_url(self._url), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with server.connect() as connection:
            connection.execute(sa.text(statement))
        server.dispose()
