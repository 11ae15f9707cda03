"""Fixtures of the shell's tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import run_folder


@pytest.fixture
def world_readable() -> Iterator[Path]:
    """A temporary folder that the user who runs Postgres for root can enter (pytest's own are closed)."""
    with run_folder() as parent:
        folder = Path(tempfile.mkdtemp(dir=parent))
        folder.chmod(0o755)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
