"""Rows on terminals of several widths: nothing of them is cut."""

import pytest
from rich.console import Console

from streams.cli._listing import listed

HEADS = ("alert", "state", "since", "what")
LONG = "credit-limit: mean_value ratio of sex=female to sex=male is 0.76, outside the bound of at least 0.8"
ROWS = [["143cb3750556", "firing", "2026-11-06 10:00:00", LONG], ["faf13436f3ab", "inactive", "", ""]]


def shown(width: int) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(listed(HEADS, ROWS, width, lead=2))
    return captured.get()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160, 240])
def test_every_width_shows_every_word(width: int) -> None:
    text = shown(width)
    assert "…" not in text
    assert all(word in text.split() for row in ROWS for cell in row for word in cell.split())
    assert max(map(len, text.splitlines())) <= width


def test_a_table_where_it_fits() -> None:
    head = shown(160).split("\n")[1].split()
    assert head == list(HEADS)


def test_lines_where_it_does_not() -> None:
    assert [line.rstrip() for line in shown(60).splitlines()] == [
        "143cb3750556  firing",
        "    since 2026-11-06 10:00:00",
        "    credit-limit: mean_value ratio of sex=female to sex=male",
        "    is 0.76, outside the bound of at least 0.8",
        "faf13436f3ab  inactive",
    ]
