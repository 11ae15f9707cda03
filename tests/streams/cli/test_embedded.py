"""`fairdrift embedded`: both ready, one line of JSON, and nothing left behind however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest

from streams import cli

ROOT = Path(cli.__file__).resolve().parent.parent.parent


@contextmanager
def command(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"HOME": str(home)}
    started = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "embedded", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert started.stdout is not None
    with started, started.stdout:
        yield started
        started.kill()


def folders_of(process: psutil.Process) -> set[Path]:
    return {Path(child.cwd()) for child in process.children() if child.name() == "tansu"}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with command(tmp_path, "--json") as started:
        assert started.stdout is not None
        addresses = json.loads(started.stdout.readline())
        psycopg2.connect(addresses["postgres"]).close()
        children = psutil.Process(started.pid).children(recursive=True)
        (folder,) = folders_of(psutil.Process(started.pid))

        started.send_signal(number)

        assert started.wait(20) == code
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert len(gone) >= 3  # the broker, Postgres with its own, the guard
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []  # nothing in the home folder either


def test_the_addresses_for_people(tmp_path: Path) -> None:
    with command(tmp_path) as started:
        assert started.stdout is not None
        lines = [started.stdout.readline() for _ in range(3)]
        started.terminate()
        assert started.wait(20) == 0

    assert lines[0].startswith("Kafka     127.0.0.1:")
    assert lines[1].startswith("Postgres  postgresql://postgres:")
