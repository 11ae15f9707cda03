"""Databases of the tests: migrated, fresh, and gone afterwards."""

import psycopg2

from streams import schema
from streams.database import engine
from tests.services.databases import Databases


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def test_a_fresh_database_is_at_head_and_nobody_elses(databases: Databases) -> None:
    with databases.fresh() as first, databases.fresh() as second:
        rows(first, "create table only_here (n int)")

        target = engine(second)
        try:
            schema.require_head(target)
        finally:
            target.dispose()
        assert rows(second, "select to_regclass('only_here')") == [(None,)]


def test_a_database_is_dropped_whoever_is_connected(databases: Databases, database: str) -> None:
    with databases.fresh() as url:
        left_open = psycopg2.connect(url)
        name = url.rpartition("/")[2]

    left_open.close()
    assert rows(database, f"select count(*) from pg_database where datname = '{name}'") == [(0,)]
