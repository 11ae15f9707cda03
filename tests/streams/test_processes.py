"""Servers as child processes: started, watched, moved to another port, stopped, and cleaned up after."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from streams import processes
from streams.processes import LOOPBACK, PORTS, Guard, Service, ServiceError, free_port

SERVER = """
import signal, socket, sys
stubborn = len(sys.argv) > 2
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


class Answering(Service):
    """Accepts connections and nothing else."""

    name = "answering"

    def __init__(self, folder: Path, *words: str) -> None:
        super().__init__(folder, ready_within=20)
        self.words = words

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", SERVER, str(self.port), *self.words]

    def is_ready(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        except OSError:
            return False
        return self.pid is not None


class Failing(Answering):
    """Says why, and ends."""

    name = "failing"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", "import sys; sys.exit('no such option: --frobnicate')"]

    def is_ready(self) -> bool:
        return False


def test_a_service_keeps_its_port_over_restarts(tmp_path: Path) -> None:
    service = Answering(tmp_path)
    service.start()
    try:
        port, before = service.port, service.pid
        service.restart()
        after = service.pid

        assert service.port == port
        assert after not in (before, None)
    finally:
        service.stop()
    assert not psutil.pid_exists(after or 0)
    assert list(tmp_path.glob("*.pid")) == []


def test_starting_twice_is_starting_once(tmp_path: Path) -> None:
    service = Answering(tmp_path)
    service.start()
    try:
        pid = service.pid
        service.start()
        assert service.pid == pid
    finally:
        service.stop()


def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    service = Answering(tmp_path, "stubborn")
    service.start()
    pid = service.pid
    assert pid is not None

    service.stop(patience=0.2)

    assert not psutil.pid_exists(pid)


def test_a_port_lost_in_a_race_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as somebody:
        offered = iter([somebody.getsockname()[1], free_port()])
        monkeypatch.setattr(processes, "free_port", lambda: next(offered))

        class Checking(Answering):
            def is_ready(self) -> bool:  # the other one's answer is not enough
                return self.port != somebody.getsockname()[1] and super().is_ready()

        service = Checking(tmp_path)
        service.start()
        service.stop()

        assert service.port != somebody.getsockname()[1]


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    service = Failing(tmp_path)

    with pytest.raises(ServiceError, match=r"(?s)it ended with exit code 1; its log:\nno such option: --frobnicate"):
        service.start()

    assert service.pid is None


def test_one_that_never_answers_says_that_it_ran(tmp_path: Path) -> None:
    class Silent(Answering):
        name = "silent"

        def is_ready(self) -> bool:
            return False

    service = Silent(tmp_path)
    service._ready_within = 0.1
    with pytest.raises(
        ServiceError, match=r"(?s)it runs and was not ready within 0.1 s; its log:\n\(it said nothing\)"
    ):
        service.start()
    assert service.pid is None


def test_the_beginning_of_a_long_log_is_told_too(tmp_path: Path) -> None:
    service = Answering(tmp_path)
    assert service.last_words() == "(it said nothing)"
    (tmp_path / "answering.log").write_text("".join(f"line {number}\n" for number in range(100)))
    told = service.last_words(6).splitlines()
    assert told == ["line 0", "line 1", "...", "line 96", "line 97", "line 98", "line 99"]


def test_free_ports_are_below_those_of_outgoing_connections() -> None:
    assert free_port() in PORTS


def test_the_guard_ends_services_and_removes_the_folder_of_an_owner_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run folder"
    folder.mkdir()
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / "server.pid").write_text(f"{server.pid} KILL\n")

    with Guard(folder):
        assert server.poll() is None  # it waits for its owner

    assert server.wait(10) == -signal.SIGKILL
    assert not folder.exists()


def test_the_guard_survives_what_is_sent_to_our_group(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "none")
    with guard:
        os.kill(guard._process.pid, signal.SIGTERM)
        os.kill(guard._process.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            guard._process.wait(0.1)
    assert guard._process.returncode == 0
