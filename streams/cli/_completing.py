"""The names of all commands and what they do, without importing them: for `--help`, and for each press of a key in the shell."""

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
    """Add commands of these names that do nothing but say what they are: enough for a list, and for completing the first word."""
    for name in names:
        app.command(name, help=_described(folder / f"{name}.py"))(_nothing)


def _nothing() -> None:
    """Stands in for a command."""


def _described(file: Path) -> str:
    """A command's help in one line, read in its file without running it: its group's `help`, or its function's docstring."""
    functions = {
        one.name: one for one in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(one, ast.FunctionDef)
    }
    for call in ast.walk(functions["register"]):
        match call:
            case ast.Call(func=ast.Attribute(attr="Typer"), keywords=named):
                return str(next(ast.literal_eval(one.value) for one in named if one.arg == "help"))
            case ast.Call(func=ast.Call(func=ast.Attribute(attr="command")), args=[ast.Name(id=name)]):
                return " ".join((ast.get_docstring(functions[name]) or "").split("\n\n")[0].split())
    raise AssertionError(f"{file.name} registers neither a group nor a command of its own")
