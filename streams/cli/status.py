"""`fairdrift status`: parity now, per model, group and window; alerts; routes."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.words import several
from monitor.errors import MonitorError
from monitor.times import format_duration, parse_duration
from streams.config import load
from streams.database import engine as make_engine
from streams.database import is_transient
from streams.drawing.sparks import sparkline
from streams.errors import StreamsError
from streams.schema import require_head
from streams.settings import Settings
from streams.status import TREND, Alert, Model, Parity, Proof, Status, Wanted, Window, read_status
from streams.status import Group as GroupPoint

EXAMPLES = """
Now:             fairdrift status --config fairdrift.yaml

Keep an eye on:  fairdrift status --watch --model credit-limit

For a program:   fairdrift status --json --window 24h --all
"""

NARROW = 90
"""Columns of the terminal below which there are lines instead of a table."""

STATES = {
    "firing": "bold red",
    "pending": "yellow",
    "insufficient_data": "dim",
    "undefined": "dim",
    "suppressed": "dim",
    "stale": "yellow",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLES)(status)


def status(
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    model: Annotated[str, typer.Option(help="Only this model.")] = "",
    window: Annotated[
        list[str] | None, typer.Option(help="Window such as 1h (default: those that rules look at).")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every metric, not only what rules look at.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep it on the screen, up to date; Ctrl-C ends it.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks with --watch.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch one line for each look.")] = False,
) -> None:
    """Show parity now, with its interval and n, per model, group and window; open alerts; routes."""
    settings = load(config)
    wanted = Wanted(_known(settings, model), tuple(_asked(settings, each) for each in window or ()), everything)
    engine = make_engine(settings, name="fairdrift status", pool_size=1)
    try:
        require_head(engine)
        if watch:
            _watch(engine, settings, wanted, every if not as_json else -every)
        elif as_json:
            typer.echo(msgspec.json.encode(read_status(engine, settings, wanted)))
        else:
            console = Console(highlight=False)
            console.print(render(read_status(engine, settings, wanted), console.width))
    finally:
        engine.dispose()


def _watch(engine: sa.Engine, settings: Settings, wanted: Wanted, every: float) -> None:
    """Look again and again; a database that is away for a while is said so and waited for. Negative `every`: as JSON."""
    console = Console(highlight=False)
    try:
        if every < 0:
            while True:
                typer.echo(msgspec.json.encode(read_status(engine, settings, wanted)))
                time.sleep(-every)
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                live.update(_look(engine, settings, wanted, console.width), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        return


def _look(engine: sa.Engine, settings: Settings, wanted: Wanted, width: int) -> RenderableType:
    try:
        return render(read_status(engine, settings, wanted), width)
    except sa.exc.SQLAlchemyError as error:
        if not is_transient(error):
            raise
        return Text("the database does not answer; trying again", style="yellow")


def render(found: Status, width: int) -> RenderableType:
    """The status for a terminal of this width."""
    parts: list[RenderableType] = []
    for model in found.models:
        parts += _model(model, width < NARROW)
    for stream in found.streams:
        text = f"{stream.stream}: {several(stream.partitions, 'partition')}, counted to {_when(stream.slowest)}, committed {_when(stream.committed)}"
        parts.append(Text(text, style="dim"))
    if not found.streams:
        parts.append(Text("no worker has counted anything yet: run `fairdrift worker`", style="yellow"))
    return Group(*parts)


def _model(model: Model, narrow: bool) -> Iterator[RenderableType]:
    route = model.route
    share = f" {route.percent:g}%" if route.percent is not None else ""
    head = Text.assemble(
        (model.model, "bold"), "  route ", (route.route + share, "green" if route.route == "live" else "bold yellow")
    )
    if route.since is not None:
        head.append(f" since {_when(route.since)} ({route.changed_by}: {route.reason})", style="dim")
    yield head
    for alert in model.alerts:
        yield Padding(_alert(alert), (0, 0, 0, 2))
    for proof in model.evidence:
        yield Padding(_proof(proof), (0, 0, 0, 2))
    if not model.windows:
        yield Padding(Text("nothing is evaluated yet", style="dim"), (0, 0, 1, 2))
    for window in model.windows:
        title = f"{window.window} to {_when(model.evaluated_to[window.time_basis])}, by {window.time_basis} time"
        yield Padding(Text(title, style="italic"), (0, 0, 0, 2))
        yield Padding(_window(window, narrow), (0, 0, 0, 2))


def _alert(alert: Alert) -> Text:
    words = Text.assemble((alert.state, STATES.get(alert.state, "")), f" {alert.rule} ", (f"({alert.severity})", "dim"))
    return words.append(f" since {_when(alert.since)}" + (f": {alert.summary}" if alert.summary else ""))


def _proof(proof: Proof) -> Text:
    """`evidence of limit-parity for sex: 3.2 of 7.3 needed, most of sex=female`."""
    amount, style = (
        f"{max(proof.log_evidence, 0.0):.1f} of {proof.needed:.1f} needed",
        "bold red" if proof.stands else "",
    )
    words = Text.assemble(f"evidence of {proof.rule} for {', '.join(proof.attributes)}: ", (amount, style))
    if proof.log_evidence > 0 and proof.leading_group:
        words.append(f", most of {_group(proof.leading_group)}")
    return words.append(", stands until there is as much for recovery", style="red") if proof.stands else words


def _window(window: Window, narrow: bool) -> RenderableType:
    """Each disparity, and below it the groups that it compares; on a narrow terminal as lines instead of a table."""
    rows = list(_rows(window))
    if narrow:
        return Group(*(_line(label, point, style) for label, point, style in rows))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("value", "bound", "95% interval", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column(f"last {TREND} x {window.window}", no_wrap=True)
    for label, point, style in rows:
        n = "" if point.n is None else f"{point.n:,}"
        table.add_row(Text(label), _valued(point), _bound(point), _interval(point), n, _trend(point), style=style)
    return table


def _rows(window: Window) -> Iterator[tuple[str, Parity | GroupPoint, str]]:
    """(label, point, style) in the order in which they are shown."""
    shown: set[tuple[tuple[str, ...], str]] = set()
    for parity in sorted(window.parity, key=lambda one: (one.attributes, one.metric, one.aggregate)):
        yield _named(parity), parity, "bold"
        key = (tuple(parity.attributes), parity.metric)
        for group in window.groups:
            if key not in shown and (tuple(group.attributes), group.metric) == key:
                yield f"  {_group(group.groups) or 'everybody'}", group, ""
        shown.add(key)
    for group in window.groups:
        if (tuple(group.attributes), group.metric) not in shown:
            yield f"{group.metric} {_group(group.groups) or 'everybody'}", group, ""


def _line(label: str, point: Parity | GroupPoint, style: str) -> RenderableType:
    interval = f" ({_interval(point)})" if _interval(point) else ""
    n = "" if point.n is None else f", n {point.n:,}"
    figures = _valued(point).append(f"{interval}{n}", style="")
    if _bound(point):
        figures.append(f", {_bound(point)}")
    parts: list[RenderableType] = [Text(label, style=style), Padding(figures, (0, 0, 0, 4))]
    if _trend(point):
        parts.append(Padding(_trend(point), (0, 0, 0, 4)))
    return Group(*parts)


def _valued(point: Parity | GroupPoint) -> Text:
    """The value; red beyond its bound, dim where there is none."""
    style = STATES.get(point.state, "") if point.value is None else "red" if _beyond(point, point.value) else ""
    return Text(_value(point), style=style)


def _bound(point: Parity | GroupPoint) -> str:
    if not isinstance(point, Parity):
        return ""
    ends = (("≥", point.minimum), ("≤", point.maximum))
    return " ".join(f"{sign} {end:g}" for sign, end in ends if end is not None)


def _beyond(point: Parity | GroupPoint, value: float) -> bool:
    if not isinstance(point, Parity):
        return False
    low, high = point.minimum, point.maximum
    return (low is not None and value < low) or (high is not None and value > high)


def _trend(point: Parity | GroupPoint) -> Text:
    """The trend on a scale that holds the bound too; red where it is beyond it."""
    shown = Text()
    if not isinstance(point, Parity) or not point.trend:
        return shown
    known = [v for v in (*point.trend, point.minimum, point.maximum) if v is not None]
    for value in point.trend:
        glyph = sparkline([value], min(known), max(known))
        shown.append(glyph, style="red" if value is not None and _beyond(point, value) else "cyan")
    return shown


def _value(point: Parity | GroupPoint) -> str:
    return point.state if point.value is None else _number(point.value)


def _interval(point: Parity | GroupPoint) -> str:
    return "" if point.low is None or point.high is None else f"{_number(point.low)} to {_number(point.high)}"


def _named(parity: Parity) -> str:
    """What is compared; a ratio above 1 and a difference above 0 are of the higher group to the lower."""
    sides = ""
    if parity.lower_group and parity.higher_group:
        first, second = _group(parity.lower_group), _group(parity.higher_group)
        if parity.value is not None and parity.value > (1.0 if parity.aggregate == "ratio" else 0.0):
            first, second = second, first
        sides = f": {first} to {second}"
    return f"{' + '.join(parity.attributes)}: {parity.metric} {parity.aggregate}{sides}"


def _number(value: float) -> str:
    """Three digits behind the point for rates and ratios, none for amounts."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def _group(groups: dict[str, str]) -> str:
    return " + ".join(groups[name] for name in sorted(groups))


def _when(time: datetime | None) -> str:
    return "never" if time is None else time.strftime("%Y-%m-%d %H:%MZ")


def _known(settings: Settings, model: str) -> str:
    names = [one.name for one in settings.models]
    if model and model not in names:
        raise StreamsError(f"no model {model} is configured; there are {', '.join(names)}")
    return model


def _asked(settings: Settings, window: str) -> int:
    """A window that a model has, in ms."""
    try:
        length = parse_duration(window)
    except MonitorError as error:
        raise StreamsError(f"--window {error}") from error
    there = sorted({each for model in settings.models for each in model.windows})
    if length not in there:
        raise StreamsError(f"no model has a window of {window}; there are {', '.join(map(format_duration, there))}")
    return length
