"""The README's table of metrics, made from the registry: `python -m monitor.catalogue README.md` writes it there.

tests/test_readme.py holds the README to it.
"""

import sys
from pathlib import Path

from monitor.metric import GroupMetric
from monitor.metrics import registry

HEAD = ("| metric | of | definition | needs | also called |", "|---|---|---|---|---|")

OF = {
    "rate": "group",
    "mean": "group",
    "statistic": "group",
    "pair": "two groups",
    "index": "all groups",
}
"""What a metric is a number of, by its kind."""

NEEDS = {"decision": "decisions", "label": "labels", "both": "both"}


def table() -> list[str]:
    """The lines of the table."""
    return [*HEAD, *(_row(one) for one in registry().values())]


def _row(one: GroupMetric) -> str:
    also = ", ".join(f"`{alias}`" for alias in one.aliases)
    needs = NEEDS.get(one.needs, one.needs)
    return f"| `{one.name}` | {OF[one.kind]} | {one.definition} | {needs} | {also} |"


def write(path: Path) -> None:
    """Put the table where the file has one of its head."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index(HEAD[0])
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    path.write_text("\n".join([*lines[:start], *table(), *lines[end:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
