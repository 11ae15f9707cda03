"""The chart of the demo: a ratio over time with its bound, drawn with characters. Pure: numbers in, lines out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What fairdrift measured at the end of a window: the ratio of mean limits, women to men, with its interval, and the means."""

    end_ms: int
    ratio: float
    low: float
    high: float
    women: float
    men: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a chart: its size in characters, the times and the values at its edges."""

    width: int
    height: int
    start_ms: int
    end_ms: int
    bottom: float
    top: float

    def column(self, time_ms: int) -> int:
        """The column that holds a time; times outside go to the edge."""
        share = (time_ms - self.start_ms) / (self.end_ms - self.start_ms)
        return min(self.width - 1, max(0, int(share * self.width)))

    def row(self, value: float) -> int:
        """The row that holds a value, 0 at the top; values outside go to the edge."""
        share = (self.top - value) / (self.top - self.bottom)
        return min(self.height - 1, max(0, int(share * self.height)))


@dataclass(frozen=True, slots=True)
class Mark:
    """One character of the chart: `inside` or `beyond` a bound by the estimate, `bound`, `interval` or `empty`."""

    glyph: str
    kind: str


EMPTY = Mark(" ", "empty")


def chart(readings: Sequence[Reading], bound: float, frame: Frame) -> list[list[Mark]]:
    """Rows of marks: the newest reading of each column as a dot on its interval, and the bound as a dashed line behind."""
    rows = [[EMPTY] * frame.width for _ in range(frame.height)]
    rows[frame.row(bound)] = [Mark("╌", "bound")] * frame.width
    for reading in readings:
        column = frame.column(reading.end_ms - 1)
        for row in rows:
            row[column] = EMPTY
        rows[frame.row(bound)][column] = Mark("╌", "bound")
        for height in range(frame.row(reading.high), frame.row(reading.low) + 1):
            rows[height][column] = Mark("│", "interval")
        rows[frame.row(reading.ratio)][column] = Mark("●", "inside" if reading.ratio >= bound else "beyond")
    return rows


def lowest(readings: Sequence[Reading], frame: Frame) -> list[Reading]:
    """Of the readings in each column of the frame, the one with the lowest ratio; columns without any are left out."""
    found: dict[int, Reading] = {}
    for reading in readings:
        column = frame.column(reading.end_ms - 1)
        if column not in found or reading.ratio < found[column].ratio:
            found[column] = reading
    return [found[column] for column in sorted(found)]


def bar(value: float, width: int, top: float) -> str:
    """A horizontal bar of `value` out of `top`, in eighths of a character."""
    eighths = round(min(1.0, max(0.0, value / top)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
