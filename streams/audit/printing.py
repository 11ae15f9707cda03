"""An audit on a terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.words import several
from monitor.assess import DisparityPoint, GroupPoint
from monitor.estimates import State
from streams.audit.judged import NARROW, indented, ruling, under
from streams.audit.proxies import Proxy
from streams.audit.run import Audit
from streams.audit.sections import (
    FEW,
    SKEW_WORDS,
    Measure,
    Section,
    detectable_words,
    driving,
    headed,
    listed_values,
    number,
    sections,
    sides_words,
    span,
    uncompared,
    within_words,
    words,
)
from streams.audit.skews import Skew

PEOPLE = 9
"""Columns for people and for their share."""
MOST_PROXIES = 8
"""Shown for an attribute; the rest are in JSON and HTML."""


def render(audit: Audit, width: int) -> RenderableType:
    """The whole audit for a terminal of this width."""
    parts: list[RenderableType] = [Text.assemble((audit.source, "bold"), f": {described(audit)}")]
    parts += [under(note, "yellow") for note in audit.notes]
    for section in sections(audit.shown, audit.model):
        parts += ["", *_section(section, width, audit.min_n)]
    for name, assessment in audit.of_classes:
        parts += ["", Text(f"{name}, against every other class", style="bold underline")]
        for section in sections(assessment.published(), audit.model):
            parts += ["", *_section(section, width, audit.min_n)]
    for one in audit.rulings:
        parts += ["", *ruling(one, audit.model.display_min, width)]
    if audit.skews:
        parts += ["", Text("labels in the data", style="bold"), _skews(audit.skews, width), under(SKEW_WORDS, "dim")]
    if audit.proxies:
        parts += ["", Text("which columns tell the group", style="bold"), _proxies(audit.proxies, width)]
    return Group(*parts)


def described(audit: Audit) -> str:
    """Rows and period in words."""
    period = "" if audit.period is None else f" from {audit.period[0]} to {audit.period[1]}"
    return f"{several(audit.rows, 'row')}{period}"


# --- metrics


def _section(section: Section, width: int, min_n: int) -> Iterator[RenderableType]:
    yield Text(headed(section.attribute_set), style="bold")
    single = [measure for measure in section.measures if any(measure.points)]
    blocks = _blocks(section, single, width) or [[]]
    yield from (_table(section, block, people=at == 0) for at, block in enumerate(blocks))
    alone = uncompared(section)
    for measure in section.measures:
        yield from _gaps(measure) if measure not in alone else ()
    if alone:
        names = ", ".join(words(measure.metric) for measure in alone)
        yield under(f"not compared, with {FEW} of {min_n} or more: {names}", "dim")


def _blocks(section: Section, measures: Sequence[Measure], width: int) -> list[list[Measure]]:
    """The metrics in tables that fit the terminal side by side; at least one in each."""
    names = max(12, *(len(listed_values(member.values)) for member in section.members))
    room = width - names - 2 * PEOPLE
    blocks: list[list[Measure]] = []
    left = 0
    for measure in measures:
        needed = 3 + max(len(words(measure.metric)), *(_point(point).cell_len for point in measure.points))
        if not blocks or needed > left:
            blocks, left = [*blocks, []], room
        blocks[-1].append(measure)
        left -= needed
    return blocks


def _table(section: Section, measures: Sequence[Measure], *, people: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("group", overflow="fold", min_width=12)
    for head in ("people", "share") if people else ():
        table.add_column(head, justify="right", no_wrap=True)
    for measure in measures:
        table.add_column(words(measure.metric), justify="right", no_wrap=True)
    for at, member in enumerate(section.members):
        counts = ("withheld", "") if member.n is None else (f"{member.n:,}", _share(member.share))
        cells = [_point(measure.points[at]) for measure in measures]
        table.add_row(listed_values(member.values), *(counts if people else ()), *cells)
    return table


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _point(point: GroupPoint | None) -> Text:
    if point is None:
        return Text("")
    one = point.estimate
    if one.state is not State.MEASURED or one.value is None:
        return Text(f"{one.state.value}: {one.reason}" if one.reason else one.state.value, style="dim")
    return Text.assemble(number(one.value), (f"  {span(one.low, one.high)}", "dim"))


def _gaps(measure: Measure) -> Iterator[RenderableType]:
    """How far apart the groups are: a line each for difference and ratio."""
    for aggregate, gaps in driving(measure):
        for gap in gaps:
            yield indented(Text.assemble(f"{words(measure.metric)}, {aggregate.value}: ", _gap(gap)))
            for beside in (detectable_words(gap), within_words(measure, gap)):
                if beside:
                    yield Padding(Text(beside), (0, 0, 0, 4), expand=False)


def _gap(gap: DisparityPoint) -> Text:
    one = gap.estimate
    if one.state is not State.MEASURED or one.value is None:
        return Text(f"{one.state.value}: {one.reason}", style="dim")
    interval = span(one.low, one.high)
    return Text.assemble(
        (number(one.value), "bold"), (f"  {interval}  " if interval else "  ", "dim"), sides_words(gap)
    )


# --- labels and proxies


def _skews(skews: Sequence[Skew], width: int) -> RenderableType:
    heads = ("labelled", "CI", "DPL", "interval", "KL", "JS", "LP", "TVD", "KS", "CDDL")
    kept = range(len(heads)) if width >= NARROW else (0, 1, 2, 3, 5, 9)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("against the rest", overflow="fold", min_width=12)
    for at in kept:
        table.add_column(heads[at], justify="right", no_wrap=True)
    for one in skews:
        f = one.found
        distances = (f.kullback_leibler, f.jensen_shannon, f.lp_norm, f.total_variation, f.kolmogorov_smirnov)
        cells = [
            f"{f.n:,}",
            _maybe(f.class_imbalance),
            _maybe(f.difference),
            span(f.difference_low, f.difference_high),
            *(_maybe(value) for value in (*distances, f.conditional_disparity)),
        ]
        table.add_row(f"{one.attribute}={one.group}", *(cells[at] for at in kept))
    return indented(table)


def _maybe(value: float | None) -> str:
    return "-" if value is None else number(value)


def _proxies(found: Sequence[Proxy], width: int) -> RenderableType:
    heads = ("Cramér's V", "interval", "bits", "interval", "of all there is")
    kept = range(len(heads)) if width >= NARROW else (0, 1, 4)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("column", overflow="fold", min_width=12)
    for at in kept:
        table.add_column(heads[at], justify="right", no_wrap=True)
    for attribute, each in groupby(found, key=lambda one: one.attribute):
        table.add_row(Text(attribute, style="bold"))
        ranked = list(each)
        for one in ranked[:MOST_PROXIES]:
            cells = _proxy(one)
            table.add_row(f"  {one.column}", *(cells[at] for at in kept))
        if len(ranked) > MOST_PROXIES:
            table.add_row(Text(f"  and {len(ranked) - MOST_PROXIES} more that tell less", style="dim"))
    return indented(table)


def _proxy(one: Proxy) -> list[Text]:
    if one.found is None:
        reason = Text(one.reason, style="dim")
        return [Text(""), reason, Text(""), Text(""), Text("")]
    v, bits = one.found.cramers_v, one.found.information
    return [
        Text(f"{v.value:.3f}"),
        Text(f"{v.low:.3f} to {v.high:.3f}", style="dim"),
        Text(f"{bits.value:.4f}"),
        Text(f"{bits.low:.4f} to {bits.high:.4f}", style="dim"),
        Text(f"{one.found.told:.1%}"),
    ]
