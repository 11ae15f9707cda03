"""Small pictures in a row of a table: an estimate as a dot, its interval as a line, all rows on one scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.estimates import Estimate
from streams.drawing.svg import round_step

WIDTH, HEIGHT, MARGIN = 320.0, 20.0, 6.0


@dataclass(frozen=True, slots=True)
class Axis:
    """The scale from left to right."""

    low: float
    high: float

    @property
    def title(self) -> str:
        """What is at its ends."""
        digits = max(0, 2 - math.floor(math.log10(self.high - self.low)))
        return f"{_short(self.low, digits)} to {_short(self.high, digits)}"

    def x(self, value: float) -> float:
        """Where a value is, kept inside of the picture."""
        part = (value - self.low) / (self.high - self.low)
        return MARGIN + min(1.0, max(0.0, part)) * (WIDTH - 2 * MARGIN)


def axis_of(estimates: Sequence[Estimate]) -> Axis:
    """A scale with round ends that holds every value and most of every interval."""
    values = [one.value for one in estimates if one.value is not None]
    if not values:
        return Axis(0.0, 1.0)
    ends = [end for one in estimates for end in (one.low, one.high) if end is not None and math.isfinite(end)]
    low, high = min([*values, *ends]), max([*values, *ends])
    step = round_step((high - low) / 4 or abs(high) / 4 or 1.0)
    left, right = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(left, right) if left < right else Axis(left - step, right + step)


def _short(value: float, digits: int) -> str:
    """Rounded to so many digits behind the point, without needless zeros."""
    text = f"{value:,.{min(digits, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whisker(axis: Axis, value: float, low: float | None, high: float | None) -> str:
    """The picture as SVG."""
    middle, dot = HEIGHT / 2, axis.x(value)
    parts = [f'<line x1="{MARGIN}" y1="{middle}" x2="{WIDTH - MARGIN}" y2="{middle}" stroke="#e6eaef"/>']
    if low is not None or high is not None:
        left, right = axis.x(axis.low if low is None else low), axis.x(axis.high if high is None else high)
        parts.append(
            f'<line x1="{left:.1f}" y1="{middle}" x2="{right:.1f}" y2="{middle}" stroke="#0072b2" stroke-width="3"'
            ' stroke-opacity=".35" stroke-linecap="round"/>'
        )
    parts.append(f'<circle cx="{dot:.1f}" cy="{middle}" r="4" fill="#0072b2"/>')
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" aria-hidden="true">{inside}</svg>'
