"""Servers of other projects as our child processes: started on a free loopback port, watched until ready, stopped by pid.

A `Service` owns one server. A `Guard` outlives its owner by a moment and removes what the owner could not, because it was
killed: nothing is left behind even after SIGKILL.
"""

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from streams.errors import StreamsError

LOOPBACK = "127.0.0.1"
PORTS = range(15_000, 32_000)
"""Below the ports that Linux hands to outgoing connections (from 32768), so that none of them takes the port of a server
that is restarting."""

PROBE_SECONDS = 0.02

READY_WITHIN = 180.0
"""Seconds that a server may take to its first answer. Apache Kafka takes 4 on an idle machine, and took 47 on a busy one; one
that ends is noticed at once."""


class ServiceError(StreamsError):
    """A server did not start or did not become ready; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The system user that a server runs as, where it is not our own."""

    user: int
    group: int


class Service(ABC):
    """One server process. The port is chosen at the first start and kept over restarts.

    Its log and pid file go to `folder`, which the caller makes and removes.
    """

    name: ClassVar[str]
    gentle: ClassVar[signal.Signals] = signal.SIGTERM
    """The signal that makes it end in order."""

    abrupt: ClassVar[signal.Signals] = signal.SIGKILL
    """The signal that makes it end at once, with its own children if it has any."""

    def __init__(self, folder: Path, *, ready_within: float = READY_WITHIN) -> None:
        self.folder = folder
        self.port = 0
        self._ready_within = ready_within
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command that serves on `self.port`."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether *this* server answers on its port: one attempt, no waiting. Another one's answer is not enough."""

    def identity(self) -> Identity | None:
        """Who to run as; None is ourselves."""
        return None

    def environment(self) -> Mapping[str, str]:
        """The environment of the server."""
        return os.environ

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, *, attempts: int = 5) -> None:
        """Start and return when ready. A port that somebody else took in between is replaced, unless it was used before.

        Raises `ServiceError`.
        """
        if self.pid is not None:
            return
        fresh = self.port == 0
        for attempt in range(attempts):
            self.port = free_port() if fresh else self.port
            self._launch()
            if self._wait_until_ready():
                return
            taken, how = self._log_says_port_taken(), self._ended()
            self.stop(signal.SIGKILL)
            if not (taken and attempt + 1 < attempts):
                break
        raise ServiceError(f"{self.name} did not start on {self.address}: {how}; its log:\n{self.last_words(30)}")

    def _ended(self) -> str:
        """How a start failed."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return f"it runs and was not ready within {self._ready_within:g} s"
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"

    def stop(self, number: signal.Signals | None = None, *, patience: float = 10.0) -> None:
        """Send the signal (by default the gentle one), wait, and kill what is still there after `patience` seconds.

        Does nothing if it does not run.
        """
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(number or self.gentle)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.wait()
        self._pid_file.unlink(missing_ok=True)

    def restart(self, number: signal.Signals | None = None) -> None:
        """Stop with this signal and start again on the same port."""
        self.stop(number)
        self.start()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log; of a longer one its beginning too, since the first complaint is often the cause of the last."""
        said = self._said().splitlines()
        if not said:
            return "(it said nothing)"
        return "\n".join(said if len(said) <= lines else [*said[: lines // 3], "...", *said[-(lines - lines // 3) :]])

    def _said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _launch(self) -> None:
        identity = self.identity()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=dict(self.environment()),
                start_new_session=True,  # a Ctrl-C in the terminal is for us; we stop the server in order
                user=identity.user if identity else None,
                group=identity.group if identity else None,
                extra_groups=[] if identity else None,
            )
        self._pid_file.write_text(f"{self._process.pid} {self.abrupt.name.removeprefix('SIG')}\n")

    def _wait_until_ready(self) -> bool:
        """Probe until it answers; False once it has ended or time is up."""
        process, deadline = self._process, time.monotonic() + self._ready_within
        assert process is not None
        while time.monotonic() < deadline:
            if self.is_ready():
                return True
            try:
                process.wait(PROBE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return False
        return False

    def _log_says_port_taken(self) -> bool:
        words = self._said().lower()
        return "address already in use" in words or "addrinuse" in words


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


GUARD_SCRIPT = r"""
trap '' INT TERM HUP
echo on guard
while read -r _; do :; done
[ -d "$1" ] || exit 0
for file in "$1"/*.pid; do
    [ -f "$file" ] && read -r pid how <"$file" && kill -s "$how" "$pid" 2>/dev/null
done
for file in "$1"/*.pid; do
    [ -f "$file" ] && read -r pid how <"$file" || continue
    for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || continue 2; sleep 0.2; done
    kill -KILL "$pid" 2>/dev/null
done
rm -rf -- "$1"
"""
"""Waits for the end of its input, which comes when the owner closes it or is gone, however it went. A pid file holds the
process and the signal that ends it at once."""


class Guard:
    """A shell that stops the services of a folder (by their pid files) and removes the folder when its owner is gone.

    Why (2026-11): exit handlers and signal handlers do not run after SIGKILL, and a signal handler installed by a library
    fights with those of Faust and pytest. This one needs neither.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", GUARD_SCRIPT, "fairdrift-guard", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        words = self._process.stdout
        assert words is not None
        with words:
            words.readline()  # from here on it ignores signals

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it clean up, and wait for it."""
        pipe: IO[bytes] | None = self._process.stdin
        if pipe is not None:
            pipe.close()
        self._process.wait()
