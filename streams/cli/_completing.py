"""Completion of the command line by the shell, without importing every command for every press of a key."""

import ast
import os
from collections.abc import Mapping
from pathlib import Path

import typer

FLAG = "_FAIRDRIFT_COMPLETE"
"""Set by the scripts that `--install-completion` writes."""


def completed_words(environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """The words that stand on the command line that is to be completed; None if nothing is to be completed."""
    if not environment.get(FLAG, "").startswith("complete"):
        return None
    line = environment.get("COMP_WORDS") or environment.get("_TYPER_COMPLETE_ARGS") or ""
    words = line.split()[1:]
    return words if line.endswith(tuple(" \n")) or "COMP_CWORD" in environment else words[:-1]


def outline(app: typer.Typer, folder: Path, names: list[str]) -> None:
    """Add commands of these names that do nothing but say what they are: enough for completing the first word."""
    for name in names:
        app.command(name, help=_described(folder / f"{name}.py"))(_nothing)


def _nothing() -> None:
    """Stands in for a command."""


def _described(file: Path) -> str:
    """What the file's docstring says after the colon: `fairdrift ack`: take an alert over ..."""
    text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n", maxsplit=1)[0]
    return text.partition(": ")[2]
