"""Every command's help has examples, the examples are of that command, and the program can read each of them."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from streams.cli import build_app, build_outline
from streams.cli._completing import completed_words
from streams.cli._examples import commands
from tests.streams.cli.test_cli import run

ROOT_FOLDER = Path(__file__).resolve().parents[3]
ROOT: Any = typer.main.get_command(build_app())


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in (getattr(command, "commands", None) or {}).items():
        yield from walk(inner, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"),
    list(walk(ROOT, ("fairdrift",))),
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_every_command_has_examples_that_can_be_read(path: tuple[str, ...], command: Any) -> None:
    examples = commands(command.epilog or "")
    assert examples, "no example"
    assert all(tuple(words[: len(path)]) == path for words in examples)
    for words in examples:
        read(words[1:])


def read(words: list[str]) -> None:
    """Parse as the program does, up to where the command would run."""
    command, context, name = ROOT, None, "fairdrift"
    while True:
        context = command.make_context(name, list(words), parent=context)
        if not hasattr(command, "commands"):
            return
        name, command, words = command.resolve_command(context, context._protected_args + context.args)


def test_the_list_of_commands_that_imports_none_says_what_they_say() -> None:
    """The same names, and the first paragraph of each one's help."""
    listed: Any = typer.main.get_command(build_outline())
    said = {name: " ".join((one.help or "").split("\n\n")[0].split()) for name, one in ROOT.commands.items()}
    assert {name: one.help for name, one in listed.commands.items()} == said
    assert all(said.values())
    assert (listed.help, listed.epilog) == (ROOT.help, ROOT.epilog)


def test_what_stands_beside_and_below_an_example_is_a_remark() -> None:
    text = """
Run:  fairdrift migrate && fairdrift worker --drain    then stop

Ask:  fairdrift replay a.csv --set model=x
--map decision=granted > out.txt
exits with 1
"""
    assert commands(text) == [
        ["fairdrift", "migrate"],
        ["fairdrift", "worker", "--drain"],
        ["fairdrift", "replay", "a.csv", "--set", "model=x", "--map", "decision=granted"],
    ]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, None),
        ({"_FAIRDRIFT_COMPLETE": "source_bash"}, None),
        ({"_FAIRDRIFT_COMPLETE": "complete_bash", "COMP_WORDS": "fairdrift st", "COMP_CWORD": "1"}, ["st"]),
        ({"_FAIRDRIFT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "fairdrift control fr"}, ["control"]),
        ({"_FAIRDRIFT_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "fairdrift control "}, ["control"]),
    ],
)
def test_which_words_stand_before_the_one_that_is_completed(
    environment: dict[str, str], words: list[str] | None
) -> None:
    assert completed_words(environment) == words


@pytest.mark.parametrize(("line", "expected"), [("st", "status"), ("control fr", "freeze"), ("status --wa", "--watch")])
def test_the_shell_completes(monkeypatch: pytest.MonkeyPatch, line: str, expected: str) -> None:
    monkeypatch.setenv("_FAIRDRIFT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"fairdrift {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
    assert run().stdout.split() == [expected]


def test_the_script_for_the_shell() -> None:
    """The shell that it is for is the one it was started from."""
    command = f"{shlex.quote(sys.executable)} -m streams.cli --show-completion; exit $?"
    shown = subprocess.run(["bash", "-c", command], cwd=ROOT_FOLDER, capture_output=True, text=True, check=False)
    assert shown.returncode == 0 and "_FAIRDRIFT_COMPLETE=complete_bash" in shown.stdout, shown.stderr
