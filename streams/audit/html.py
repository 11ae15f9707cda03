"""An audit as one HTML file that needs nothing else: no script, no font, no address to load from."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from monitor.assess import DisparityPoint, GroupPoint
from monitor.estimates import State
from monitor.metrics import metric
from monitor.policies import WORDS, Answer, Line
from streams.audit.charts import Axis, axis_of, whisker
from streams.audit.gating import Part, Ruling
from streams.audit.printing import described
from streams.audit.proxies import Proxy
from streams.audit.run import Audit, Skew
from streams.audit.sections import (
    TOLD,
    Measure,
    Section,
    asked_words,
    chance_words,
    driving,
    headed,
    listed_values,
    number,
    sections,
    sides_words,
    span,
    within_words,
    words,
)

CLASSES = {Answer.CLEAR: "clear", Answer.BREACHED: "breached", Answer.CANNOT_SAY: "cannot"}

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --mark: #2b5c8a; --fill: #f5f7fa; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); margin: 0 auto; max-width: 66rem;
  padding: 2rem 1.5rem 4rem; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; font-weight: 600; }
p { margin: .3rem 0; max-width: 52rem; } .soft, small { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .6rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; border-bottom: 1px solid var(--line); }
th, td { padding: .28rem .6rem .28rem 0; vertical-align: middle; } td { border-bottom: 1px solid #eef1f4; }
.n { text-align: right; white-space: nowrap; } th.n { text-align: right; }
.chart { width: 40%; min-width: 12rem; padding-right: 1rem; } svg { display: block; width: 100%; height: 1.3rem; }
.pill { display: inline-block; border-radius: 1rem; padding: .05rem .6rem; font-weight: 600; font-size: .85rem; }
.clear { background: #e3f3e8; color: #17612f; } .breached { background: #fbe3e1; color: #96231a; }
.cannot { background: #fdf1d7; color: #7a5200; }
.note p { max-width: none; } .note { background: var(--fill); border-left: 3px solid var(--line); padding: .5rem .9rem; margin: .6rem 0; }
.gap { margin: .1rem 0; } details > summary { cursor: pointer; margin: 1.6rem 0 .2rem; font-weight: 600; font-size: 1.05rem; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media print { body { max-width: none; padding: 0; } table { break-inside: avoid; } }
"""

SKEW_HEADS = ("labelled", "CI", "DPL", "interval", "KL", "JS", "LP", "TVD", "KS", "CDDL")
SKEW_WORDS = (
    "CI: class imbalance, how many fewer people the group has than the rest. DPL: difference in the share of positive labels,"
    " the rest's less the group's. KL, JS, LP, TVD, KS: distances between the two distributions of labels. CDDL: demographic"
    " disparity of labels, conditional on the factors. A dash: it does not exist."
)


def page(audit: Audit) -> str:
    """The whole page."""
    title = f"Audit of {audit.source}"
    body = "\n".join(_body(audit))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _body(audit: Audit) -> Iterator[str]:
    yield f"<h1>Audit of {escape(audit.source)}</h1>"
    yield f'<p class="soft">{escape(described(audit))}; model {escape(audit.model.name)}</p>'
    if audit.notes:
        notes = "".join(f"<p>{escape(_sentence(note))}</p>" for note in audit.notes)
        yield f'<div class="note">{notes}</div>'
    for ruling in audit.rulings:
        yield from _ruling(ruling, audit.model.display_min)
    found = sections(audit.shown, audit.model)
    for section in found:
        yield from _section(section)
    if audit.skews:
        yield f"<h2>Labels in the data</h2><p class='soft'>{escape(SKEW_WORDS)}</p>"
        yield _skews(audit.skews)
    if audit.proxies:
        yield from _proxies(audit.proxies)
    yield (
        "<footer>Intervals are 95%: Wilson for rates, Student for means, Newcombe and Miettinen-Nurminen for differences and"
        " ratios, simultaneous over the groups that are compared. A rate without a denominator is undefined, never 0. What"
        " this shows is disparity between groups; what is fair, or lawful, it does not say. Made by fairdrift.</footer>"
    )


def _sentence(text: str) -> str:
    plain = text.replace("`", "")
    return f"{plain[:1].upper()}{plain[1:]}."


# --- metrics


def _section(section: Section) -> Iterator[str]:
    heading = escape(headed(section.attribute_set))
    many = len(section.attribute_set) > 1
    yield (
        f"<details{' open' if len(section.members) <= 24 else ''}><summary>{heading}</summary>"
        if many
        else f"<h2>{heading}</h2>"
    )
    for measure in section.measures:
        yield f'<h3 title="{escape(metric(measure.metric).definition)}">{escape(words(measure.metric))}</h3>'
        if any(measure.points):
            yield _measure(section, measure)
        for aggregate, gaps in driving(measure):
            for gap in gaps:
                within = within_words(measure, gap)
                beside = f"<br><span class='soft'>{escape(within)}</span>" if within else ""
                yield f'<p class="gap">{escape(aggregate.value)}: {_gap(gap)}{beside}</p>'
    if many:
        yield "</details>"


def _measure(section: Section, measure: Measure) -> str:
    axis = axis_of([point.estimate for point in measure.points if point is not None])
    rows = [
        f"<tr><td>{escape(listed_values(member.values))}</td><td class='n'>{'withheld' if member.n is None else f'{member.n:,}'}</td>"
        f"{_point(point, axis)}</tr>"
        for member, point in zip(section.members, measure.points, strict=True)
    ]
    head = _heads(
        ("group", ""), ("people", "n"), (axis.title, "chart"), ("value", "n"), ("interval", "n"), ("of n", "n")
    )
    return _table(head, rows)


def _point(point: GroupPoint | None, axis: Axis) -> str:
    if point is None:
        return "<td colspan='4'></td>"
    one = point.estimate
    if one.state is not State.MEASURED or one.value is None:
        why = f"{one.state.value}: {one.reason}" if one.reason else one.state.value
        return f"<td colspan='4' class='soft'>{escape(why)}</td>"
    return (
        f"<td class='chart'>{whisker(axis, one.value, one.low, one.high)}</td><td class='n'>{number(one.value)}</td>"
        f"<td class='n soft'>{escape(span(one.low, one.high))}</td><td class='n soft'>{one.n:,}</td>"
    )


def _gap(gap: DisparityPoint) -> str:
    one = gap.estimate
    if one.state is not State.MEASURED or one.value is None:
        return f"<span class='soft'>{escape(f'{one.state.value}: {one.reason}')}</span>"
    sides = f", {sides_words(gap)}"
    interval = span(one.low, one.high)
    shown = f" <span class='soft'>({escape(interval)})</span>" if interval else ""
    return f"<b>{number(one.value)}</b>{shown}{escape(sides)}"


# --- policies


def _pill(answer: Answer) -> str:
    return f'<span class="pill {CLASSES[answer]}">{escape(answer.value)}</span>'


def _ruling(ruling: Ruling, display_min: int) -> Iterator[str]:
    newest = ruling.asked.versions[-1]
    yield f"<h2>{escape(newest.title)} {_pill(ruling.answer)}</h2>"
    for reason in ruling.reasons:
        yield f"<p>{escape(_sentence(WORDS[reason]))}</p>"
    if ruling.assumed:
        yield f'<p class="soft">{escape(_sentence(ruling.assumed))}</p>'
    for part in ruling.parts:
        yield from _part(part, display_min, several=len(ruling.parts) > 1)


def _part(part: Part, display_min: int, *, several: bool) -> Iterator[str]:
    found, days = part.judgement, f"{part.stretch.first} to {part.stretch.last}"
    if found is None:
        yield f"<h3>{days}</h3><p>No version was in force ({part.rows:,} rows).</p>"
        return
    if several:
        yield f"<h3>{days}, {part.rows:,} rows {_pill(found.answer)}</h3>"
    policy = found.policy
    yield (
        f'<div class="note"><p>{escape(policy.explanation.strip())}</p><p class="soft">{escape(policy.instrument)},'
        f" {escape(policy.citation)}. {escape(policy.status.text.strip())}</p></div>"
    )
    for note in (*found.notes, *policy.notes):
        yield f'<p class="soft">{escape(_sentence(note.rstrip(".")))}</p>'
    for (criterion, names), lines in groupby(found.lines, key=lambda line: (line.criterion, line.attribute_set)):
        yield f"<h3>{escape(headed(names))}: {escape(asked_words(criterion))}</h3>"
        yield _lines(list(lines), display_min)
    for names, n in found.unknown.items():
        if n:
            yield f'<p class="soft">{n:,} people whose {escape(headed(names))} is unknown are not in the ratios.</p>'


def _lines(lines: Sequence[Line], display_min: int) -> str:
    """A table of them, without the columns in which nothing stands."""
    heads = ("group", "of n", "rate", lines[0].criterion.aggregate.value, "interval", "chance", "missing", "")
    rows = [_line(line, display_min) for line in lines]
    kept = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    kinds = ["" if heads[at] in ("group", "") else "n" for at in kept]
    body = ["".join(f'<td class="{kind}">{row[at]}</td>' for at, kind in zip(kept, kinds, strict=True)) for row in rows]
    return _table(_heads(*((heads[at], kind) for at, kind in zip(kept, kinds, strict=True))), _rows(body))


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
    pill = "" if line.answer is None else _pill(line.answer)
    return pill + (f" <small>{escape(reasons)}</small>" if reasons else "")


# --- labels and proxies


def _skews(skews: Sequence[Skew]) -> str:
    head = _heads(("against the rest", ""), *((name, "n") for name in SKEW_HEADS))
    rows = []
    for one in skews:
        f = one.found
        cells = (
            f"{f.n:,}",
            _maybe(f.class_imbalance),
            _maybe(f.difference),
            span(f.difference_low, f.difference_high),
            *map(
                _maybe,
                (
                    f.kullback_leibler, f.jensen_shannon, f.lp_norm, f.total_variation, f.kolmogorov_smirnov,
                    f.conditional_disparity,
                ),
            ),
        )  # fmt: skip
        numbers = "".join(f"<td class='n'>{escape(cell)}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(f'{one.attribute}: {one.group}')}</td>{numbers}</tr>")
    return _table(head, rows)


def _maybe(value: float | None) -> str:
    return "–" if value is None else number(value)


def _proxies(found: Sequence[Proxy]) -> Iterator[str]:
    yield "<h2>Which columns tell the group</h2>"
    yield (
        "<p class='soft'>Cramér's V, bias-corrected: 0 tells nothing, 1 tells all. A model that may not see an attribute can"
        " still act on it through a column that tells it. Numbers are cut into tenths.</p>"
    )
    head = _heads(("column", ""), ("Cramér's V", "chart"), ("V", "n"), ("interval", "n"), ("bits", "n"), ("interval", "n"),
                  ("of what there is to know", "n"))  # fmt: skip
    for attribute, each in groupby(found, key=lambda one: one.attribute):
        yield f"<h3>{escape(attribute)}</h3>"
        yield _table(head, [f"<tr><td>{escape(one.column)}</td>{_proxy(one)}</tr>" for one in each])


def _proxy(one: Proxy) -> str:
    if one.found is None:
        return f"<td colspan='6' class='soft'>{escape(one.reason)}</td>"
    v, bits = one.found.cramers_v, one.found.information
    return (
        f"<td class='chart'>{whisker(Axis(0.0, 1.0), v.value, v.low, v.high)}</td><td class='n'>{v.value:.3f}</td>"
        f"<td class='n soft'>{v.low:.3f} to {v.high:.3f}</td><td class='n'>{bits.value:.4f}</td>"
        f"<td class='n soft'>{bits.low:.4f} to {bits.high:.4f}</td><td class='n'>{one.found.told:.1%}</td>"
    )


def _heads(*heads: tuple[str, str]) -> str:
    return "".join(
        f'<th class="{kind}">{escape(text)}</th>' if kind else f"<th>{escape(text)}</th>" for text, kind in heads
    )


def _table(head: str, rows: Iterable[str]) -> str:
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
