"""The router on Postgres: every file of tests/alerts/routing is a timeline, in the manner of `promtool test rules`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from streams.database import engine
from tests.alerts.timelines import run

FILES = sorted((Path(__file__).parent / "routing").glob("*.yaml"))


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test")
    yield made
    made.dispose()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_the_file_says_is_told(db: sa.Engine, file: Path) -> None:
    told, expected = run(db, file)
    assert told == expected
