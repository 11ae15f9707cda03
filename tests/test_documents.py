"""What people read: every command in it can be typed, and every link leads somewhere."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from streams.cli import build_app
from streams.web.runbooks import anchor

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted({ROOT / "README.md", *ROOT.glob("deploy/**/*.md"), *ROOT.glob("alerts/**/*.md")})
TYPED = re.compile(r"`(fairdrift [^`]+)`|^(?: {4}|\s*[$#] )(fairdrift .+?)(?:\s{2,}#.*|\s*#\s.*)?$", re.MULTILINE)


@cache
def program() -> Any:
    return typer.main.get_command(build_app())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def typed(text: str) -> list[str]:
    """The command lines in a document; those with a placeholder for the command are left out."""
    found = (first or second for first, second in TYPED.findall(text))
    lines = [part.strip() for line in found for part in re.split(r"&&|;", line)]
    return [line for line in lines if line.startswith("fairdrift ") and not line.split()[1].isupper()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_command_can_be_typed(path: Path) -> None:
    for line in typed(path.read_text(encoding="utf-8")):
        command, (_, *words) = program(), shlex.split(line)
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        if not hasattr(command, "commands") and "--help" not in words:
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert [word for word in words if word.startswith("--") and word.split("=")[0] not in known] == [], line


def test_commands_are_found() -> None:
    text = "so `fairdrift check --json` and\n\n    fairdrift audit x.csv --gate p     # exit code\n\n`fairdrift COMMAND --help`"
    assert typed(text) == ["fairdrift check --json", "fairdrift audit x.csv --gate p"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, part = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{named(path)}: {target}"
        if part:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in {anchor(heading) for heading in headings}, f"{named(path)}: {target}"
