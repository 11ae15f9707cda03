"""A series in one line of characters."""

from collections.abc import Sequence

SPARKS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
"""Stands where there is no number: cannot say is not zero."""


def sparkline(values: Sequence[float | None], bottom: float, top: float) -> str:
    """The values as block characters between `bottom` and `top`; values outside go to the edge."""
    steps = len(SPARKS) - 1
    width = (top - bottom) or 1.0
    return "".join(
        NOTHING if value is None else SPARKS[min(steps, max(0, round((value - bottom) / width * steps)))]
        for value in values
    )
