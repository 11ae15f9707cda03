"""What policies say, on a terminal: in audits, and listed."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.words import several
from monitor.policies import WORDS, Answer, Line, Policy, Reason
from streams.audit.gating import Part, Ruling
from streams.audit.sections import TOLD, asked_words, chance_words, headed, listed_values, number, span

STYLES = {Answer.CLEAR: "green", Answer.BREACHED: "bold red", Answer.CANNOT_SAY: "yellow"}
NARROW = 110
"""Columns below which what can be read elsewhere is left out."""
SHORT = {
    Reason.SIGNIFICANT_INSIDE: "yet more than chance",
    Reason.NOT_SIGNIFICANT: "may be chance",
    Reason.FLIP_FLOP: "one decision decides",
    Reason.UNDETECTABLE: "too few decisions",
    Reason.INTERVAL_SPANS: "interval on both sides",
    Reason.NOT_EXCLUDED: "too large a share to be left out",
}
MOST_LINES = 12
"""Groups of a policy that are all shown; of more, those that are not clear."""


def under(text: str, style: str = "") -> RenderableType:
    """A line below what it belongs to."""
    return indented(Text(text, style=style))


def indented(what: RenderableType) -> RenderableType:
    """The same of anything."""
    return Padding(what, (0, 0, 0, 2), expand=False)


def ruling(found: Ruling, display_min: int, width: int) -> Iterator[RenderableType]:
    """A policy's answer over all stretches of days."""
    yield Text.assemble(
        ("policy ", "bold"), (found.asked.name, "bold"), "  ", (found.answer.value.upper(), STYLES[found.answer])
    )
    notes = [note for part in found.parts if part.judgement is not None for note in part.judgement.notes]
    for reason in found.reasons:
        if not any(note.endswith(WORDS[reason]) for note in notes):  # a note says it, and of what
            yield under(WORDS[reason])
    if found.assumed:
        yield under(found.assumed, "dim")
    for part in found.parts:
        yield from _part(part, (display_min, width), split=len(found.parts) > 1)


def _part(part: Part, view: tuple[int, int], *, split: bool) -> Iterator[RenderableType]:
    found, days = part.judgement, f"{part.stretch.first} to {part.stretch.last}"
    if found is None:
        yield under(f"{days}: no version was in force ({several(part.rows, 'row')})", "yellow")
        return
    if split:
        yield Text.assemble(f"  {days}, {several(part.rows, 'row')}: ", (found.answer.value, STYLES[found.answer]))
    yield under(f"{found.policy.instrument}, {found.policy.citation}", "dim")
    for note in found.notes:
        yield under(note, "yellow")
    for (criterion, names), lines in groupby(found.lines, key=lambda line: (line.criterion, line.attribute_set)):
        yield under(f"{headed(names)}: {asked_words(criterion)}", "italic")
        yield from _lines(list(lines), view)
    for names, n in found.unknown.items():
        if n:
            yield under(f"{n:,} people whose {headed(names)} is unknown are not in the ratios", "dim")


def _lines(lines: Sequence[Line], view: tuple[int, int]) -> Iterator[RenderableType]:
    """Every group that is judged; of many only those that are not clear."""
    display_min, width = view
    judged = [line for line in lines if not line.is_excluded or line.justification]
    shown = [line for line in judged if len(judged) <= MOST_LINES or line.answer is not Answer.CLEAR]
    heads = ("group", "of n", "rate", lines[0].criterion.aggregate.value, "interval", "chance", "missing", "")
    rows = [_line(line, display_min) for line in shown]
    filled = [at for at in range(len(heads)) if any(row[at].plain for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at in (kept := [at for at in filled if width >= NARROW or heads[at] not in ("rate", "interval")]):
        left = heads[at] in ("group", "")
        table.add_column(heads[at], justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for row in rows:
        table.add_row(*(row[at] for at in kept))
    if shown:
        yield indented(table)
    if len(shown) < len(judged):
        yield under(
            f"and {several(len(judged) - len(shown), 'group')} that {'is' if len(judged) - len(shown) == 1 else 'are'} clear",
            "dim",
        )
    if len(judged) < len(lines):
        yield under(f"not judged, too small a share of all: {_small([x for x in lines if x not in judged])}", "dim")


def _small(lines: Sequence[Line]) -> str:
    names = [listed_values(line.group.values) for line in lines]
    return ", ".join(names) if len(names) <= MOST_LINES else f"{len(names)} groups"


def _line(line: Line, display_min: int) -> list[Text]:
    if 0 < line.group.n < display_min:
        return [Text(listed_values(line.group.values)), Text(f"fewer than {display_min}", style="dim"), *[Text("")] * 6]
    k = "" if line.group.numerator is None else f"{line.group.numerator:,} of "
    return [
        Text(listed_values(line.group.values)),
        Text(f"{k}{line.group.n:,}"),
        Text("" if line.group.value is None else number(line.group.value)),
        Text("" if line.value is None else number(line.value)),
        Text("" if line.is_reference else span(line.low, line.high), style="dim"),
        Text(chance_words(line), style="dim"),
        Text(f"{line.shortfall:,}" if line.shortfall else ""),
        _answer(line),
    ]


def _answer(line: Line) -> Text:
    if line.is_reference and not line.reasons:
        return Text("reference", style="dim")
    why = "".join(f", {SHORT.get(reason, reason.value)}" for reason in line.reasons if reason not in TOLD)
    if line.is_excluded:
        return Text(f"left out: {line.justification}", style="dim")
    if line.answer is None:
        return Text("withheld: too few" if Reason.WITHHELD in line.reasons else "", style="dim")
    return Text.assemble((line.answer.value, STYLES[line.answer]), (why, "dim"))


# --- what policies there are


def _kept(one: Policy) -> Iterator[RenderableType]:
    if one.retention is not None:
        yield Padding(Text(f"to be kept for {one.retention.days} days: {one.retention.source}"), (0, 0, 0, 2))


def listed(policies: Sequence[Policy]) -> RenderableType:
    """The shipped policies with what they mean."""
    parts: list[RenderableType] = []
    for one in policies:
        dates = f"{one.effective_from or 'always'} to {one.effective_to or 'now'}"
        parts += [
            Text.assemble((one.id, "bold"), f"  {one.title}, {one.jurisdiction} ", (f"({dates})", "dim")),
            Padding(Text(f"{one.instrument}: {one.citation}", style="dim"), (0, 0, 0, 2)),
            Padding(Text(one.explanation.strip()), (0, 0, 0, 2)),
            *_kept(one),
            Padding(
                Text(f"{one.status.text.strip()} [{one.status.source}, {one.status.date}]", style="dim"), (0, 0, 1, 2)
            ),
        ]
    return Group(*parts)
