import stat
import sys

import pytest

from streams.demo.processes import DemoFailed, Patience, Worker, write_config

NAMES = [f"FAIRDRIFT_DEMO_{name}" for name in ("KAFKA", "POSTGRES", "WEBHOOK", "SECRET", "STATE", "HEALTH")]


class Ended(Worker):
    """A worker that says something and ends at once."""

    def command(self):
        return [sys.executable, "-c", "print('no such topic')"]


def test_the_configuration_is_filled_in_and_for_its_owner_only(tmp_path):
    path = write_config(tmp_path, {name: f"value-of-{name}" for name in NAMES})
    text = path.read_text()
    assert "${" not in text.split("\n", 1)[1] and "value-of-FAIRDRIFT_DEMO_KAFKA" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_worker_that_ends_is_reported_with_its_last_words(tmp_path):
    worker = Ended(tmp_path / "fairdrift.yaml")
    worker.start()
    assert worker._process is not None
    worker._process.wait(10)
    with pytest.raises(DemoFailed, match="no such topic"):
        Patience(worker, 10, "the evaluation")(0)
    worker.stop()


def test_waiting_in_vain_says_for_what(tmp_path):
    class Idle(Worker):
        def command(self):
            return [sys.executable, "-c", "import time; time.sleep(60)"]

    worker = Idle(tmp_path / "fairdrift.yaml")
    worker.start()
    try:
        with pytest.raises(DemoFailed, match="0 seconds for the evaluation in vain"):
            Patience(worker, 0.0, "the evaluation")(0)
    finally:
        worker.stop()
    with pytest.raises(DemoFailed, match="ended"):
        worker.check()
