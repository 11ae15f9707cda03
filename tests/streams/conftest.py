"""Fixtures of the shell's tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from streams.database import engine as make_engine
from streams.embedded import run_folder
from tests.services.databases import Databases
from tests.streams import seeded


@pytest.fixture
def world_readable() -> Iterator[Path]:
    """A temporary folder that the user who runs Postgres for root can enter (pytest's own are closed)."""
    with run_folder() as parent:
        folder = Path(tempfile.mkdtemp(dir=parent))
        folder.chmod(0o755)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def seeded_engine(databases: Databases) -> Iterator[sa.Engine]:
    """The history, once for all tests that only read it."""
    with databases.fresh() as url:
        made = make_engine(url)
        seeded.seed(made)
        yield made
        made.dispose()


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """The history in a database of the test's own, which it may change."""
    made = make_engine(database)
    seeded.seed(made)
    yield made
    made.dispose()


@pytest.fixture
def empty_engine(database: str) -> Iterator[sa.Engine]:
    """A database with the schema and nothing in it."""
    made = make_engine(database)
    yield made
    made.dispose()
