"""Rows on a terminal: a table where it fits, and where it does not a few lines for each row, none of them cut."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

ROOM = 40
"""Columns that the last one of a table needs, whose text is folded."""

BESIDE = 3
"""Columns that stand between two of a table."""


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str | Text]], lead: int = 1) -> None:
    """Print rows of texts below their heads; on a narrow terminal the first `lead` columns head the lines of each row."""
    console = Console(highlight=False)
    console.print(listed(heads, rows, console.width, lead))


def listed(heads: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int, lead: int = 1) -> RenderableType:
    """The rows for a terminal of this width. The last column may be long: it is folded in a table, and a line of its own else."""
    texts = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [
        max(len(head), *(text.cell_len for text in column))
        for head, column in zip(heads, zip(*texts, strict=True), strict=True)
    ]
    if sum(widths[:-1]) + min(widths[-1], ROOM) + BESIDE * len(heads) > width:
        return Group(*(_lines(heads, row, lead) for row in texts))
    table = Table(box=box.SIMPLE)
    for head in heads[:-1]:
        table.add_column(head, no_wrap=True)
    table.add_column(heads[-1], overflow="fold")
    for row in texts:
        table.add_row(*row)
    return table


def _lines(heads: Sequence[str], row: Sequence[Text], lead: int) -> RenderableType:
    first = Text("  ").join(text for text in row[:lead] if text.plain)
    first.stylize("bold", 0, row[0].cell_len)
    between = [
        Text(f"{head} ", style="dim") + text
        for head, text in zip(heads[lead:-1], row[lead:-1], strict=True)
        if text.plain
    ]
    below = [part for part in (Text(", ").join(between), row[-1]) if part.plain]
    return Group(first, *(Padding(part, (0, 0, 0, 4)) for part in below))
