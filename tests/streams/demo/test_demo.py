"""The demo as a user runs it: its own Kafka, Postgres, worker; in a few simulated days."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable

import psutil
import pytest

pytestmark = pytest.mark.services

SHORT = ["demo", "--days", "11", "--per-day", "3000"]


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streams.cli", *SHORT, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_until(lines: Iterable[str], words: str) -> str:
    """What is said up to the line with these words, or to the end."""
    said = []
    for line in lines:
        said.append(line)
        if words in line:
            break
    return "".join(said)


def assert_gone(processes: list[psutil.Process]) -> None:
    """Everything that was started ends, also what ends a moment later by its guard."""
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not alive


def test_the_whole_story_its_account_and_how_to_connect():
    demo = start("--json", "--keep")
    text = read_until(demo.stderr or (), "select effective_at")
    started = psutil.Process(demo.pid).children(recursive=True)
    for part in ("psql 'postgresql://", "Kafka ", "fairdrift status --config"):
        assert part in text
    assert all(process.is_running() for process in started)
    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert_gone(started)
    told = json.loads(out)
    assert told["complete"]
    assert told["missing"] == []
    assert told["decided"] + told["shadowed"] == told["predictions_counted"]
    assert told["shadowed"] > 1_000
    assert told["canaried"] > 100
    assert 0.5 < told["hours_to_page"] < 24  # by evidence, with hardly a day of history; 3 to 6 simulated
    assert told["women_lowered"] > 100
    assert 0.6 < told["repaid"]["female"] < 1


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_whenever_it_is_stopped_nothing_is_left_behind(sent, code):
    demo = start("--plain")
    read_until(demo.stderr or (), "a worker starts")
    started = psutil.Process(demo.pid).children(recursive=True)
    names = {name for process in started for name in ("postgres", "tansu", "python") if name in process.name()}
    assert names == {"postgres", "tansu", "python"}
    demo.send_signal(sent)
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == code, err
    assert "Traceback" not in err
    assert_gone(started)
