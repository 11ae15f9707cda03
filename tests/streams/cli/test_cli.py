"""The command line: discovery, exit codes, errors without tracebacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from kafka.errors import KafkaTimeoutError

from streams import cli
from streams.errors import StreamsError

ROOT = Path(cli.__file__).resolve().parent.parent.parent


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)


def leave(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code when a command raises this."""

    def build() -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def fail() -> None:
            raise error

        return app

    monkeypatch.setattr(cli, "build_outline", build)
    with pytest.raises(SystemExit) as left:
        cli.main([])
    return int(left.value.code or 0)


def test_every_file_is_a_command() -> None:
    done = run("--help")

    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in cli.command_names())
    assert "fairdrift demo" in done.stdout


@pytest.mark.parametrize("built", ["build_app('embedded')", "build_outline()"])
def test_a_named_command_imports_no_other_and_the_list_of_them_none(built: str) -> None:
    heavy = "{'pandas', 'faust', 'sqlalchemy', 'river'}" if built == "build_outline()" else "{'pandas', 'faust'}"
    probe = f"import sys; from streams import cli; cli.{built}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout.strip() == "set()"


def test_the_version() -> None:
    done = run("--version")

    assert done.returncode == 0
    assert done.stdout.startswith("fairdrift ")


@pytest.mark.parametrize("words", [("no-such-command",), ("embedded", "--no-such-option")])
def test_wrong_use_is_2(words: tuple[str, ...]) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_our_errors_are_2_and_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(monkeypatch, StreamsError("kafka.topics: there is none")) == 2
    assert capsys.readouterr().err == "fairdrift: kafka.topics: there is none\n"


def test_an_error_may_choose_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class CheckFailed(StreamsError):
        exit_code = 1

    assert leave(monkeypatch, CheckFailed("two checks failed")) == 1


def test_a_service_that_is_away_is_1_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(monkeypatch, KafkaTimeoutError()) == 1
    assert capsys.readouterr().err.startswith("fairdrift: Kafka cannot be reached")


def test_a_mistake_of_ours_keeps_its_traceback_and_is_no_gates_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(monkeypatch, KeyError("oops")) == 70
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "oops" in told


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leave(monkeypatch, KeyboardInterrupt()) == 130


def test_debugging_shows_the_traceback_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(os.environ, "FAIRDRIFT_DEBUG", "1")

    assert leave(monkeypatch, StreamsError("where?")) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("token", "create", "a", "--scope", "admin"), "'admin' is not one of 'read', 'operate', 'control'"),
        (("control", "set", "credit", "sideways", "--why", "x"), "'sideways' is not one of 'live', 'canary'"),
        (("serve", "--port", "99999"), "must be less than or equal to 65535"),
        (("alerts", "--audit", "--deliveries"), "four different questions"),
        (("alerts", "--alert", "ab"), "--alert goes with --deliveries"),
        (("control", "plan", "credit", "--why", "x"), "--why belongs to --start"),
        (("silence", "add", "model=x", "--for", "2h", "--comment", " "), "--comment says why"),
        (("silence", "add", "model=x", "--for", "999999999d", "--comment", "x"), "ends after the year 9999"),
        (("token", "create", "a", "--lasts", "0s"), "must be longer than nothing"),
        (("token", "create", "a", "--lasts", "999999999d"), "ends after the year 9999"),
        (("replay", "nowhere.csv"), "there is no file nowhere.csv"),
        (("dashboards", "write", "/proc/x"), "/proc/x cannot be written"),
    ],
)
def test_wrong_use_is_told_in_plain_words(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    said = " ".join(capsys.readouterr().err.replace("│", "").split())
    assert left.value.code in (1, 2) and told in said
    assert not any(foreign in said for foreign in ("Value error", "Input should", "Traceback"))
