"""What the terminal shows: a picture that is redrawn, or plain lines where there is no terminal."""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.picture import Frame, Reading, bar, chart, lowest
from streams.demo.story import Account
from streams.demo.timeline import DAY, Timeline
from streams.drawing.sparks import sparkline

STYLES = {"inside": "bold green", "beyond": "bold red", "bound": "yellow", "interval": "dim", "empty": ""}
BOTTOM, TOP = 0.65, 1.15
"""The ratios at the edges of the chart."""
HIGHEST = 220_000
"""The mean limit at the end of a bar, in New Taiwan dollars."""
CLOSE_UP_MS = 3 * DAY
LOG_ROWS = 12
OTHER_ROWS = 19
"""Rows of a terminal that the chart must leave to the rest of the picture."""
NO_LABEL = " " * 6


@dataclass(slots=True)
class Now:
    """What is known at a moment of the simulation: the screen is a function of it."""

    timeline: Timeline
    bound: float
    time_ms: int
    deciding: str = "limits-1"
    decided: int = 0
    seconds: float = 0.0
    readings: list[Reading] = field(default_factory=list)
    log: list[tuple[int, str, str]] = field(default_factory=list)
    """(simulated time, style, words)."""


class Screen(Protocol):
    """Shows the simulation as it goes; `show` after each step, `tell` at each event (already in `now.log`), `close` at the end."""

    def show(self, now: Now) -> None: ...

    def tell(self, at_ms: int, now: Now, style: str, words: str) -> None: ...

    def close(self) -> None: ...


class Plain:
    """A line for each simulated day and for each event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._day = 0

    def show(self, now: Now) -> None:
        day = now.timeline.day(now.time_ms - 1)
        if day == self._day or not now.readings:
            return
        self._day, newest = day, now.readings[-1]
        self._line(
            f"{now.timeline.words(now.time_ms):>13}  {now.decided:>7,} decided  {now.deciding:<8}  mean limit women {newest.women:>7,.0f}"
            f"  men {newest.men:>7,.0f}  ratio {newest.ratio:.2f} ({newest.low:.2f} to {newest.high:.2f})"
        )

    def tell(self, at_ms: int, now: Now, style: str, words: str) -> None:
        self._line(f"{now.timeline.words(at_ms):>13}  * {words}")

    def close(self) -> None:
        """Nothing to put back."""

    def _line(self, words: str) -> None:
        self._console.print(words, soft_wrap=True, highlight=False, markup=False)


class Picture:
    """A picture in the terminal that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, now: Now) -> None:
        self._live.update(draw(now, *self._live.console.size), refresh=True)

    def tell(self, at_ms: int, now: Now, style: str, words: str) -> None:
        self.show(now)

    def close(self) -> None:
        self._live.stop()


def screen_for(console: Console) -> Screen:
    """A picture on a terminal, else plain lines."""
    return Picture(console) if console.is_terminal and not console.is_dumb_terminal else Plain(console)


def draw(now: Now, width: int, height: int) -> RenderableType:
    """The whole picture, for a terminal of that many columns and rows."""
    rows = min(13, max(5, height - OTHER_ROWS))
    return Group(_header(now), _chart(now, min(width, 110), rows), _groups(now), _log(now))


def _header(now: Now) -> RenderableType:
    timeline, done = now.timeline, now.time_ms - now.timeline.start_ms
    row = Table.grid(padding=(0, 2))
    row.add_row(
        Text(timeline.words(now.time_ms), style="bold"),
        ProgressBar(total=timeline.end_ms - timeline.start_ms, completed=done, width=24),
        Text(f"{now.decided:,} decisions"),
        Text(f"deciding: {now.deciding}", style="bold red" if now.deciding == "limits-2" else "bold green"),
        Text(f"{now.seconds:.0f} s" if now.seconds else "", style="dim"),
    )
    return row


def close_up(now: Now) -> tuple[int, int]:
    """The three days (ms) that the chart shows: the newest, until a day and a half after the deployment, and from then on those."""
    end = max(now.timeline.start_ms + CLOSE_UP_MS, min(now.time_ms, now.timeline.deploy_ms + CLOSE_UP_MS // 2))
    return end - CLOSE_UP_MS, end


def _chart(now: Now, width: int, height: int) -> RenderableType:
    start, end = close_up(now)
    frame = Frame(max(20, width - len(NO_LABEL) - 4), height, start, end, BOTTOM, TOP)
    shown = [reading for reading in now.readings if start < reading.end_ms <= end]
    lines = []
    for number, row in enumerate(chart(shown, now.bound, frame)):
        line = Text(_label(number, frame, now.bound), style="dim")
        for mark in row:
            line.append(mark.glyph, style=STYLES[mark.kind])
        lines.append(line)
    lines.append(Text(_axis(now, frame), style="dim"))
    title = f"mean limit, women / men, over 12 hours; bound {now.bound:g}"
    return Panel(Group(*lines), title=title, title_align="left", width=width)


def _label(row: int, frame: Frame, bound: float) -> str:
    for value in (bound, 1.0, 1.1, 0.9, 0.7):
        if frame.row(value) == row:
            return f"{value:5.2f} "
    return NO_LABEL


def _axis(now: Now, frame: Frame) -> str:
    """The line below: the beginnings of days, and the deployment."""
    line = [" "] * (frame.width + len(NO_LABEL))
    days = range(now.timeline.day(frame.start_ms), now.timeline.day(frame.end_ms) + 1)
    marks = [(now.timeline.start_ms + (day - 1) * DAY, f"╷day {day}") for day in days]
    for time_ms, words in [*marks, (now.timeline.deploy_ms, "▲ limits-2")]:
        column = frame.column(time_ms) + len(NO_LABEL)
        if frame.start_ms <= time_ms < frame.end_ms and column + len(words) <= len(line):
            line[column : column + len(words)] = words
    return "".join(line)


def _groups(now: Now) -> RenderableType:
    if not now.readings:
        return Text("  waiting for the first window to close", style="dim")
    frame = Frame(40, 1, now.timeline.start_ms, now.timeline.end_ms, BOTTOM, TOP)
    newest, history = now.readings[-1], lowest(now.readings, frame)
    table = Table.grid(padding=(0, 1))
    for name, value, values in (
        ("women", newest.women, [reading.women for reading in history]),
        ("men", newest.men, [reading.men for reading in history]),
    ):
        amount, block = f"NT$ {value:>9,.0f}", Text(f"{bar(value, 20, HIGHEST):<20}", style="cyan")
        table.add_row(f"  {name:<6}", amount, block, Text(sparkline(values, 0, HIGHEST), style="dim"))
    return table


def _log(now: Now) -> RenderableType:
    lines: Iterable[Text] = (
        Text.assemble(
            (f"  {now.timeline.words(time_ms):>13}  ", "dim"), (words, style), no_wrap=True, overflow="ellipsis"
        )
        for time_ms, style, words in now.log[-LOG_ROWS:]
    )
    return Group(Text(""), *lines)


def save(now: Now, path: Path, width: int = 110) -> None:
    """Write the picture to an SVG file that loads nothing from elsewhere: a viewer without the font has another.

    It leaves out the real time it took, which is the machine's.
    """
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(draw(replace(now, seconds=0.0), width, 32))
    drawn = console.export_svg(title="fairdrift demo")
    path.write_text(re.sub(r",\s*url\([^)]*\) format\([^)]*\)", "", drawn), encoding="utf-8")


def epilogue(account: Account, console: Console) -> None:
    """The account at the end, in words and numbers."""
    console.print()
    for sentence in account.sentences:
        console.print(sentence, highlight=False, markup=False)
    if account.complete:
        console.print("Everything happened, once, and in the right order.", style="bold green", highlight=False)
    for fault in account.missing:
        console.print(fault, style="bold red", highlight=False, markup=False)
