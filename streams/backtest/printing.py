"""A backtest in the terminal: what would have fired when, how often, and how long a shift would have gone on."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.words import number, several
from monitor.times import MINUTE, format_duration, format_time
from streams.backtest.results import Backtest, Delays, FamilyResult, Incident, RuleSetResult

BARS = "▁▂▃▄▅▆▇█"
NARROW = 40
"""Columns of a picture at least."""

MOST_LISTED = 12
"""Incidents of one family that are listed."""


def show(console: Console, found: Backtest) -> None:
    """Print all of it."""
    console.print(
        Text.assemble(
            (found.model, "bold"),
            f": {found.source}; {found.weeks * 7:.1f} days, {several(found.events, 'decision')} in {several(found.cells, 'cell')}",
        )
    )
    if found.injected is not None:
        said = (
            f"injected {found.injected.text}: favourable decisions are kept with probability {found.injected.keep:.3f}"
        )
        console.print(Text(said, "yellow"))
    width = max(NARROW, min(console.width - 12, 120))
    for one in found.sets:
        console.print(_set(one, found, width))
    if len(found.sets) > 1:
        console.print(_side_by_side(found))


def _set(one: RuleSetResult, found: Backtest, width: int) -> RenderableType:
    parts: list[RenderableType] = [Text(f"\n{one.name}", "bold underline")]
    pages, tickets = len(one.of("page")), len(one.of("ticket", "info"))
    parts.append(
        Text(
            f"{several(pages, 'page')} ({pages / found.weeks:.2f} a week), {several(tickets, 'ticket')} ({tickets / found.weeks:.2f} a week)"
        )
    )
    for family in one.families:
        parts += [Text(), *_family(family, found, width)]
    for rule, reason in one.skipped:
        parts.append(Text(f"{rule}: not judged here: {reason}", "dim"))
    return Group(*parts)


def _family(family: FamilyResult, found: Backtest, width: int) -> Iterator[RenderableType]:
    budget = f"at most {family.budget:.3g} false alerts expected in 30 days"
    head = f" ({_bounds(family)}; evidence {family.needed:.1f} needed, {budget})"
    yield Text.assemble((family.name, "bold"), (head, "dim"))
    yield Padding(picture(family, found, width), (0, 0, 0, 2))
    for incident in family.incidents[:MOST_LISTED]:
        yield Padding(_incident(incident), (0, 0, 0, 2))
    more = len(family.incidents) - MOST_LISTED
    if more > 0:
        yield Padding(Text(f"and {more} more", "dim"), (0, 0, 0, 2))
    if not family.incidents:
        yield Padding(Text("nothing would have fired", "green"), (0, 0, 0, 2))
    if family.delays is not None:
        yield Padding(Text(delay_text(family.delays), "yellow"), (0, 0, 0, 2))
    slow = slowest(family)
    if slow is not None:
        yield Padding(Text(slow, "dim"), (0, 0, 0, 2))


def picture(family: FamilyResult, found: Backtest, width: int) -> Text:
    """Evidence over time as bars up to what is needed; red while an alert fires, and the days below."""
    columns = _columns(family.series.evidence, width)
    start, length = found.start, (found.end - found.start) / max(len(columns), 1)
    text = Text()
    for at, value in enumerate(columns):
        low, high = start + at * length, start + (at + 1) * length
        firing = any(one.began < high and (one.ended is None or one.ended > low) for one in family.incidents)
        share = min(max(value / family.needed, 0.0), 1.0)
        injected = found.injected is not None and low <= found.injected.start < high
        style = "red" if firing else "yellow" if share > 0.5 else "green"
        text.append(BARS[round(share * (len(BARS) - 1))], f"{style} on grey23" if injected else style)
    first, last = format_time(found.start)[:10], format_time(found.end)[:10]
    text.append(f"\n{first}{' ' * max(1, len(columns) - len(first) - len(last))}{last}", "dim")
    return text


def _columns(values: Sequence[float], width: int) -> list[float]:
    """The greatest value of each of at most `width` equal parts."""
    if not values:
        return []
    width = min(width, len(values))
    edges = [round(at * len(values) / width) for at in range(width + 1)]
    return [max(values[low:high], default=0.0) for low, high in pairwise(edges)]


def _incident(one: Incident) -> Text:
    until = "to the end" if one.ended is None else f"to {format_time(one.ended)[:16]}"
    value = "" if one.value is None else f", {number(one.value)} on {one.n:,.0f}"
    began = "" if one.changed_at is None else f"; most likely began {format_time(one.changed_at)[:16]}"
    who = "; ".join(one.groups)
    return Text.assemble(("fires ", "bold red"), f"{format_time(one.began)[:16]} {until}: {who}{value}", (began, "dim"))


def delay_text(delays: Delays) -> str:
    """How long the shift would have gone on, in words."""
    if delays.firing_before:
        return "the alert was firing already when the shift began"
    if not delays.found:
        return f"the shift was not found in any of {delays.runs} runs"
    spread = f"{lasting(min(delays.found))} to {lasting(max(delays.found))}"
    if delays.middle is None:
        return f"the shift was found in {len(delays.found)} of {delays.runs} runs only, after {spread}"
    return f"the shift is found after {lasting(delays.middle)} (median; {len(delays.found)} of {delays.runs} runs, {spread})"


def lasting(milliseconds: float) -> str:
    """A length of time to the minute."""
    return format_duration(round(milliseconds / MINUTE) * MINUTE)


def slowest(family: FamilyResult) -> str | None:
    """Which group would take longest to prove, and how long."""
    if not family.effort:
        return None
    group = max(family.effort, key=lambda name: family.effort[name])
    days = family.effort[group]
    if math.isinf(days):
        return f"no gap of {group} can be proved: it has no decisions"
    shown = lasting(days * 86_400_000)
    return (
        f"to prove a ratio of {0.7 / 0.8 * (family.bounds[0] or 0):.2g} takes up to {shown} at this traffic ({group})"
    )


def _bounds(family: FamilyResult) -> str:
    low, high = family.bounds
    parts = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    return f"{family.kind} {' and '.join(part for part in parts if part)}"


def _side_by_side(found: Backtest) -> Table:
    """Two sets of rules, row by row."""
    table = Table(box=box.SIMPLE, title="side by side", title_justify="left")
    table.add_column("")
    for one in found.sets:
        table.add_column(one.name, justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("pages a week", [f"{len(one.of('page')) / found.weeks:.2f}" for one in found.sets]),
        ("tickets a week", [f"{len(one.of('ticket', 'info')) / found.weeks:.2f}" for one in found.sets]),
        ("first alert", [_first(one) for one in found.sets]),
        ("time firing", [_firing(one, found) for one in found.sets]),
    ]
    if found.injected is not None:
        rows.append(("shift found after (best rule)", [_best(one) for one in found.sets]))
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def _first(one: RuleSetResult) -> str:
    incidents = one.of("page", "ticket", "info")
    return format_time(incidents[0].began)[:16] if incidents else "none"


def _firing(one: RuleSetResult, found: Backtest) -> str:
    spent = sum((i.ended or found.end) - i.began for i in one.of("page", "ticket", "info"))
    return lasting(spent)


def _best(one: RuleSetResult) -> str:
    medians = [f.delays.middle for f in one.families if f.delays is not None and f.delays.middle is not None]
    return lasting(min(medians)) if medians else "not found"
