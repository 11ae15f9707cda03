"""The README's tables against the program: what it names exists, and what exists is named."""

import pkgutil
import re
from pathlib import Path

import pytest

import alerts.channels
import alerts.rules
from migrations.first.views import VIEWS
from monitor import catalogue, policies
from monitor.metrics import registry
from streams.cli import command_names
from streams.dashboards import BOARDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """The rows of the table whose first column has this header."""
    lines = README.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def modules(package: object) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(package.__path__)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", table("stop"), ids=lambda row: row[0])
def test_each_stop_is_where_the_readme_says(row: list[str]) -> None:
    _, _, where, name = row
    source = (ROOT / where).read_text(encoding="utf-8")
    assert re.search(rf"^(class|def|async def) {name}\b", source, re.MULTILINE), f"{where} has no {name}"


def test_there_are_ten_stops() -> None:
    assert [row[0].split()[0] for row in table("stop")] == [str(n) for n in range(1, 11)]


def test_commands() -> None:
    assert {row[0].removeprefix("fairdrift ") for row in table("command")} == set(command_names())


def test_metrics() -> None:
    lines = README.splitlines()
    start = lines.index(catalogue.HEAD[0])
    made = catalogue.table()
    assert lines[start : start + len(made) + 1] == [*made, ""], "run `python -m monitor.catalogue README.md`"
    assert {row[0] for row in table("metric")} == set(registry())


def test_rules_and_channels() -> None:
    assert {row[0] for row in table("rule")} == modules(alerts.rules)
    assert {row[0] for row in table("channel")} == modules(alerts.channels)


def test_policies() -> None:
    rows = {name: (since, until) for name, _, since, until in table("policy")}
    assert set(rows) == set(policies.registry())
    for name, versions in policies.registry().items():
        ends = (versions[0].effective_from, versions[-1].effective_to)
        assert rows[name] == tuple("" if end is None else str(end) for end in ends)


def test_boards() -> None:
    assert [row[0].lower() for row in table("board")] == list(BOARDS)


def test_views() -> None:
    made = set(re.findall(r"create view public\.(\w+)", VIEWS, re.IGNORECASE))
    assert {row[0] for row in table("view")} == made


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:monitor|alerts|streams|deploy|tests|migrations)/[\w./-]*)`", README)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert [path for path in pictures if not (ROOT / path).exists()] == []
