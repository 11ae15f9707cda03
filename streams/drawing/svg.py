"""The parts of a chart over time as SVG: scales, lines with holes, bands, levels, shades, dates. Coordinates are pixels.

Colours are given as CSS (`#0072b2` or `var(--blue)`). `BLUE` to `GREY` can be told apart by colour-blind people (Okabe and
Ito, "Color Universal Design", 2008), and nothing is told by colour alone: bounds are dashed, states carry their names.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from monitor.times import DAY, HOUR, format_time

BLUE, VERMILION, ORANGE, GREEN, PURPLE, GREY = "#0072b2", "#b34700", "#e69f00", "#00795a", "#a0527d", "#667085"


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to pixels: `low` is at `first`, `high` at `last`."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) * (self.last - self.first) / ((self.high - self.low) or 1.0)


@dataclass(frozen=True, slots=True)
class Plane:
    """The two scales of a chart."""

    x: Scale
    y: Scale


@dataclass(frozen=True, slots=True)
class Pen:
    """How a line is drawn."""

    color: str
    width: float = 1.6
    dashes: str = ""

    def __str__(self) -> str:
        dash = f' stroke-dasharray="{self.dashes}"' if self.dashes else ""
        return f'style="stroke: {self.color}; fill: none" stroke-width="{self.width:g}"{dash}'


Values = Sequence[float | None]


def line(plane: Plane, ends: Sequence[int], values: Values, pen: Pen) -> str:
    """A line with a hole where there is no number."""
    path, move = [], "M"
    for end, value in zip(ends, values, strict=True):
        if value is None or not math.isfinite(value):
            move = "M"
            continue
        path.append(f"{move}{plane.x(end):.1f} {plane.y(value):.1f}")
        move = "L"
    return f'<path d="{" ".join(path)}" {pen}/>' if path else ""


def band(plane: Plane, ends: Sequence[int], sides: tuple[Values, Values], color: str) -> str:
    """The area between two lines, in pieces where either has a hole."""
    pieces: list[list[tuple[int, float, float]]] = [[]]
    for end, low, high in zip(ends, *sides, strict=True):
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            pieces.append([])
        else:
            pieces[-1].append((end, low, high))
    return "".join(_area(plane, piece, color) for piece in pieces if len(piece) > 1)


def _area(plane: Plane, piece: Sequence[tuple[int, float, float]], color: str) -> str:
    there = [f"{plane.x(end):.1f} {plane.y(low):.1f}" for end, low, _ in piece]
    back = [f"{plane.x(end):.1f} {plane.y(high):.1f}" for end, _, high in reversed(piece)]
    return f'<path d="M{" L".join([*there, *back])} Z" style="fill: {color}; fill-opacity: .18; stroke: none"/>'


def level(plane: Plane, value: float, label: str, pen: Pen) -> str:
    """A horizontal line from edge to edge, with its label to the right."""
    at, x = plane.y(value), plane.x
    return (
        f'<line x1="{x.first:.1f}" x2="{x.last:.1f}" y1="{at:.1f}" y2="{at:.1f}" {pen}/>'
        f'<text x="{x.last + 6:.1f}" y="{at + 4:.1f}">{escape(label)}</text>'
    )


def shade(x: Scale, span: tuple[float, float], rows: tuple[float, float], color: str) -> str:
    """A rectangle over a stretch of time (at least a pixel and a half wide), between two heights."""
    first, last = x(span[0]), x(span[1])
    return (
        f'<rect x="{first:.1f}" y="{rows[0]:.1f}" width="{max(last - first, 1.5):.1f}" height="{rows[1] - rows[0]:.1f}"'
        f' style="fill: {color}"/>'
    )


def dates(x: Scale, y: float, most: int = 10) -> Iterator[str]:
    """Dates below the chart, at most so many; hours where it is shorter than three days."""
    length = x.high - x.low
    if length < 3 * DAY:
        step = max(1, math.ceil(length / HOUR / most)) * HOUR
    else:
        step = max(1, math.ceil(length / DAY / most)) * DAY
    at = -(-int(x.low) // step) * step
    while at <= x.high:
        text = format_time(at)
        shown = text[5:10] if step >= DAY else text[11:16]
        yield f'<text x="{x(at):.1f}" y="{y:.1f}" text-anchor="middle">{shown}</text>'
        at += step


def round_step(width: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is no less than `width`."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= width * (1 - 1e-9))


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    step = round_step((high - low) / about or 1.0)
    first = math.ceil(low / step - 1e-9)
    return [at * step for at in range(first, math.floor(high / step + 1e-9) + 1)]
