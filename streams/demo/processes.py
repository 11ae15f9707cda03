"""fairdrift itself, as separate processes: the schema is migrated and a worker runs, as a user would start them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.errors import StreamsError
from streams.processes import Service

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "demo" / "fairdrift.yaml"


class DemoFailed(StreamsError):
    """The demo cannot go on; the message has the last lines of what the failed process said."""

    exit_code = 1


def write_config(folder: Path, values: Mapping[str, str]) -> Path:
    """The demo's configuration with its `${FAIRDRIFT_DEMO_...}` filled in, so that every command can use it; for its owner only."""
    text = re.sub(r"\$\{(FAIRDRIFT_DEMO_\w+)\}", lambda found: values[found[1]], TEMPLATE.read_text())
    path = folder / "fairdrift.yaml"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def migrate(config: Path) -> None:
    """Bring the schema to head (`fairdrift migrate`). Raises `DemoFailed`."""
    done = subprocess.run(
        _command("migrate", "--config", str(config)),
        cwd=config.parent,
        env=_environment(),
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise DemoFailed(f"`fairdrift migrate` failed:\n{done.stderr.strip()}")


class Worker(Service):
    """A running `fairdrift worker`; its log, `worker.log`, is beside its configuration."""

    name = "worker"

    def __init__(self, config: Path) -> None:
        super().__init__(config.parent)
        self._config = config

    def command(self) -> Sequence[str]:
        return _command("worker", "--config", str(self._config))

    def environment(self) -> Mapping[str, str]:
        return _environment()

    def is_ready(self) -> bool:
        """Always: the first evaluation is waited for, and a worker that ends is noticed there."""
        return True

    def check(self) -> None:
        """Return if it runs; DemoFailed, with its last words, if it has ended."""
        if self.pid is None:
            raise DemoFailed(f"the worker ended by itself; it said:\n{self.last_words()}")


class Patience:
    """Pauses, while there is hope: raises DemoFailed once the worker has ended, or `seconds` are over."""

    def __init__(self, worker: Worker, seconds: float, what: str) -> None:
        self._worker, self._seconds, self._what = worker, seconds, what
        self._until = time.monotonic() + seconds

    def __call__(self, pause: float) -> None:
        self._worker.check()
        if time.monotonic() > self._until:
            said = self._worker.last_words()
            raise DemoFailed(f"waited {self._seconds:.0f} seconds for {self._what} in vain; the worker said:\n{said}")
        time.sleep(pause)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "streams.cli", *words]


def _environment() -> dict[str, str]:
    """Ours, with the project importable whether it is installed or not."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
