"""Worker processes: started with a failpoint, killed, stopped as zombies, and told apart by how they ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAILPOINT = "FAIRDRIFT_FAILPOINT"
STORE = "FAIRDRIFT_CHAOS_STORE"


@dataclass(slots=True)
class Deaths:
    """How workers ended: `by_step` by a failpoint, `killed` by the nemesis, `ended` in order, `crashed` by themselves."""

    by_step: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    ended: int = 0
    crashed: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """By SIGKILL, in any way."""
        return self.killed + self.by_step.total()


class Worker:
    """A place for a worker: its local store stays when its process ends, until it is deleted."""

    def __init__(self, name: str, config: Path, folder: Path, deaths: Deaths) -> None:
        self.name, self.store = name, folder / name / "store"
        self.stopped = self.expected_kill = self.at_its_step = False
        self._config, self.deaths, self._log = config, deaths, folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._failpoint, self._starts, self._started = "", 0, 0.0
        self.store.mkdir(parents=True, exist_ok=True)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def armed(self, seconds: float) -> bool:
        """Whether it has a failpoint before it and was started less than so long ago."""
        return bool(self._failpoint) and time.monotonic() - self._started < seconds

    def start(self, failpoint: str = "", *words: str) -> None:
        """Start a process in this place; with `failpoint`, `step:n`, it will kill itself there."""
        self.reap()
        self._failpoint, self.stopped, self.expected_kill, self.at_its_step = failpoint, False, False, False
        self._starts, self._started = self._starts + 1, time.monotonic()
        environment = {**os.environ, STORE: str(self.store), "PYTHONPATH": str(ROOT), FAILPOINT: failpoint}
        if not failpoint:
            del environment[FAILPOINT]
        with self._log.open("ab") as log:
            log.write(f"--- start {self._starts} of {self.name} failpoint={failpoint or 'none'}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                command("worker", "--config", str(self._config), *words), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL, now."""
        self.expected_kill = True
        self._signal(signal.SIGKILL)
        self.reap(30)

    def terminate(self, patience: float = 30) -> int | None:
        """SIGTERM; the exit status, None if it did not end in time (then it is killed)."""
        self.wake()
        self._signal(signal.SIGTERM)
        status = self.reap(patience)
        if self.running:
            self.kill()
        return status

    def stop(self) -> None:
        """SIGSTOP: to its group it is dead; it does not know yet."""
        self.stopped = True
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """The zombie goes on."""
        if self.stopped:
            self.stopped = False
            self._signal(signal.SIGCONT)

    def delete_store(self) -> None:
        """The disk is lost."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir(parents=True)

    def copy_store(self, to: Path) -> None:
        """A snapshot of the volume."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.store, to)

    def put_back(self, copy: Path) -> None:
        """An old volume comes back."""
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(copy, self.store)

    def reap(self, patience: float = 0) -> int | None:
        """Note how the process ended, if it has; its exit status."""
        if self._process is None:
            return None
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        self._process = None
        self._note(status)
        return status

    def last_words(self, lines: int = 25) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""

    def _note(self, status: int) -> None:
        if status == -signal.SIGKILL and self.expected_kill:
            self.deaths.killed += 1
        elif status == -signal.SIGKILL and self._failpoint:
            self.at_its_step = True
            self.deaths.by_step[self._failpoint.partition(":")[0]] += 1
        elif status == 0:
            self.deaths.ended += 1
        else:
            self.deaths.crashed.append(f"{self.name}, start {self._starts}: status {status}")

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._process is not None:
            self._process.send_signal(number)


def command(*words: str) -> list[str]:
    """`fairdrift ...` with this interpreter."""
    return [sys.executable, "-m", "streams.cli", *words]


def run(words: list[str], environment: Mapping[str, str] | None = None, patience: float = 120) -> str:
    """Run a command of fairdrift to its end; its output. AssertionError if it fails."""
    done = subprocess.run(
        command(*words), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}, capture_output=True,
        text=True, timeout=patience, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"fairdrift {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout
