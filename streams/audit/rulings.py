"""What policies say, as HTML: in audits and in reports."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from alerts.words import several
from monitor.policies import WORDS, Answer, Judgement, Line
from streams.audit.gating import Part, Ruling
from streams.audit.sections import TOLD, asked_words, chance_words, headed, listed_values, number, span
from streams.drawing.paper import heads, sentence, table

CLASSES = {Answer.CLEAR: "clear", Answer.BREACHED: "breached", Answer.CANNOT_SAY: "cannot"}


def pill(answer: Answer) -> str:
    """The answer, with its colour."""
    return f'<span class="pill {CLASSES[answer]}">{escape(answer.value)}</span>'


def ruling(found: Ruling, display_min: int) -> Iterator[str]:
    """A policy's answer over all stretches of days."""
    newest = found.asked.versions[-1]
    yield f"<h2>{escape(newest.title)} {pill(found.answer)}</h2>"
    for reason in found.reasons:
        yield f"<p>{escape(sentence(WORDS[reason]))}</p>"
    if found.assumed:
        yield f'<p class="soft">{escape(sentence(found.assumed))}</p>'
    for part in found.parts:
        yield from _part(part, display_min, split=len(found.parts) > 1)


def _part(part: Part, display_min: int, *, split: bool) -> Iterator[str]:
    found, days = part.judgement, f"{part.stretch.first} to {part.stretch.last}"
    if found is None:
        yield f"<h3>{days}</h3><p>No version was in force ({several(part.rows, 'row')}).</p>"
        return
    if split:
        yield f"<h3>{days}, {several(part.rows, 'row')} {pill(found.answer)}</h3>"
    yield from judged(found, display_min)


def judged(found: Judgement, display_min: int) -> Iterator[str]:
    """What a version of a policy says: its words, its notes, and a line for every group."""
    policy = found.policy
    yield (
        f'<div class="note"><p>{escape(policy.explanation.strip())}</p><p class="soft">{escape(policy.instrument)},'
        f" {escape(policy.citation)}. {escape(policy.status.text.strip())}</p></div>"
    )
    for note in (*found.notes, *policy.notes):
        yield f'<p class="soft">{escape(sentence(note.rstrip(".")))}</p>'
    for (criterion, names), lines in groupby(found.lines, key=lambda line: (line.criterion, line.attribute_set)):
        yield f"<h3>{escape(headed(names))}: {escape(asked_words(criterion))}</h3>"
        yield _lines(list(lines), display_min)
    for names, n in found.unknown.items():
        if n:
            yield f'<p class="soft">{n:,} people whose {escape(headed(names))} is unknown are not in the ratios.</p>'


def _lines(lines: Sequence[Line], display_min: int) -> str:
    """A table of them, without the columns in which nothing stands."""
    columns = ("group", "of n", "rate", lines[0].criterion.aggregate.value, "interval", "chance", "missing", "")
    rows = [_line(line, display_min) for line in lines]
    kept = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    kinds = ["" if columns[at] in ("group", "") else "n" for at in kept]
    body = ["".join(f'<td class="{kind}">{row[at]}</td>' for at, kind in zip(kept, kinds, strict=True)) for row in rows]
    return table(heads(*((columns[at], kind) for at, kind in zip(kept, kinds, strict=True))), _rows(body))


def _rows(rows: Iterable[str]) -> list[str]:
    return [f"<tr>{row}</tr>" for row in rows]


def _line(line: Line, display_min: int) -> list[str]:
    """The cells, escaped."""
    if 0 < line.group.n < display_min:
        few = f"<span class='soft'>fewer than {display_min}</span>"
        return [escape(listed_values(line.group.values)), few, *[""] * 6]
    k = "" if line.group.numerator is None else f"{line.group.numerator:,} of "
    cells = (
        listed_values(line.group.values),
        f"{k}{line.group.n:,}",
        "" if line.group.value is None else number(line.group.value),
        "" if line.value is None else number(line.value),
        "" if line.is_reference else span(line.low, line.high),
        chance_words(line),
        f"{line.shortfall:,}" if line.shortfall else "",
    )
    return [*(escape(cell) for cell in cells), _answer(line)]


def _answer(line: Line) -> str:
    if line.is_excluded:
        return f"<span class='soft'>{escape(f'left out: {line.justification}' if line.justification else 'not judged')}</span>"
    if line.is_reference and not line.reasons:
        return "<span class='soft'>reference</span>"
    reasons = "; ".join(WORDS[reason] for reason in line.reasons if reason not in TOLD)
    shown = "" if line.answer is None else pill(line.answer)
    return shown + (f" <small>{escape(reasons)}</small>" if reasons else "")
