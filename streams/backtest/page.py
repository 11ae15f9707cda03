"""A backtest as one HTML file that needs nothing else: a picture of each family, what fired, and the delays."""

import math
from collections.abc import Iterator
from html import escape

from alerts.words import number, several
from monitor.times import format_time
from streams.backtest.printing import delay_text, lasting, slowest
from streams.backtest.results import Backtest, FamilyResult, Incident, RuleSetResult, Series
from streams.drawing.svg import Pen, Plane, Scale, dates, level, line, shade

WIDTH, LEFT, RIGHT = 900, 56, 64
PARITY, EVIDENCE, GAP = 150, 90, 26
"""Heights of the two charts and between them, in pixels."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #d5d9e2; --bad: #c4320a; --good: #067647;
 --blue: #175cd3; --amber: #b54708; --card: #ffffff; --page: #f5f6f8; --fire: #fee4e2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ee; --soft: #98a2b3; --line: #344054; --bad: #f97066;
 --good: #47cd89; --blue: #84adff; --amber: #fdb022; --card: #161b26; --page: #0c111d; --fire: #55160c; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 32px 16px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 8px; }
h3 { font-size: 16px; margin: 0 0 2px; } p { margin: 4px 0; } .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px 20px; margin: 14px 0; }
table { border-collapse: collapse; width: 100%; margin: 10px 0 4px; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; } .big { font-size: 22px; font-weight: 600; }
.numbers { display: flex; gap: 36px; flex-wrap: wrap; } .good { color: var(--good); } .amber { color: var(--amber); }
svg { width: 100%; height: auto; display: block; margin: 8px 0; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
"""


def page(found: Backtest) -> str:
    """The document."""
    title = f"Backtest of {found.model}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_history(found))}</p>',
    ]
    if found.injected is not None:
        parts.append(
            f'<p class="amber">Injected: {escape(found.injected.text)}; favourable decisions of the group are kept with'
            f" probability {found.injected.keep:.3f}.</p>"
        )
    if len(found.sets) > 1:
        parts.append(_compared(found))
    for one in found.sets:
        parts += _set(one, found)
    parts.append(
        '<p class="soft">Evidence is in natural logarithms. Above: the group furthest from the bound, over the rule’s window,'
        " for reading. Below: the evidence that decides. Shaded: the alert would have been firing. Dotted: with the injected shift. Dots: River’s ADWIN saw a"
        " change; it never pages.</p>"
    )
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def _history(found: Backtest) -> str:
    return f"{found.source}; {found.weeks * 7:.1f} days, {several(found.events, 'decision')} in {several(found.cells, 'cell')}."


def _compared(found: Backtest) -> str:
    """Two sets of rules side by side."""
    head = "".join(f"<th>{escape(one.name)}</th>" for one in found.sets)
    rows = [
        ("pages a week", [f"{len(one.of('page')) / found.weeks:.2f}" for one in found.sets]),
        ("tickets a week", [f"{len(one.of('ticket', 'info')) / found.weeks:.2f}" for one in found.sets]),
        ("first alert", [_first(one) for one in found.sets]),
    ]
    if found.injected is not None:
        rows.append(("shift found after (fastest rule)", [_fastest(one) for one in found.sets]))
    cells = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>" for name, values in rows
    )
    return f"<section><h3>Side by side</h3><table><tr><th></th>{head}</tr>{cells}</table></section>"


def _first(one: RuleSetResult) -> str:
    incidents = one.of("page", "ticket", "info")
    return _time(incidents[0].began) if incidents else "none"


def _fastest(one: RuleSetResult) -> str:
    medians = [f.delays.middle for f in one.families if f.delays is not None and f.delays.middle is not None]
    return lasting(min(medians)) if medians else "not found"


def _set(one: RuleSetResult, found: Backtest) -> Iterator[str]:
    pages, tickets = len(one.of("page")), len(one.of("ticket", "info"))
    yield f"<h2>{escape(one.name)}</h2>"
    yield (
        f'<div class="numbers"><div><span class="big">{pages / found.weeks:.2f}</span> pages a week ({pages})</div>'
        f'<div><span class="big">{tickets / found.weeks:.2f}</span> tickets a week ({tickets})</div></div>'
    )
    for family in one.families:
        yield _family(family, found)
    for rule, reason in one.skipped:
        yield f'<p class="soft">{escape(rule)}: not judged here: {escape(reason)}.</p>'


def _family(family: FamilyResult, found: Backtest) -> str:
    parts = [
        f"<section><h3>{escape(family.name)}</h3>",
        f'<p class="soft">{_test(family)}</p>',
        chart(family, found),
    ]
    if family.delays is not None:
        parts.append(f'<p class="amber">{escape(delay_text(family.delays).capitalize())}.</p>')
    if family.incidents:
        rows = "".join(_row(one) for one in family.incidents)
        head = "<tr><th>fires</th><th>until</th><th>groups</th><th>value</th><th>n</th><th>most likely began</th></tr>"
        parts.append(f"<table>{head}{rows}</table>")
    else:
        parts.append('<p class="good">Nothing would have fired.</p>')
    slow = slowest(family)
    if slow is not None:
        parts.append(f'<p class="soft">{escape(slow[0].upper() + slow[1:])}.</p>')
    return "".join([*parts, "</section>"])


def _test(family: FamilyResult) -> str:
    needed = f"evidence {family.needed:.1f} needed, which keeps false alerts to {family.budget:.3g} expected in 30 days"
    return f"{family.severity}; {several(len(family.groups), 'group')}, {several(family.events, 'event')}; {needed}."


def _row(one: Incident) -> str:
    cells = (
        _time(one.began),
        "the end" if one.ended is None else _time(one.ended),
        "; ".join(one.groups),
        "" if one.value is None else number(one.value),
        f"{one.n:,.0f}",
        "" if one.changed_at is None else _time(one.changed_at),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _time(at: int) -> str:
    return format_time(at)[:16].replace("T", " ")


# --- the charts


def chart(family: FamilyResult, found: Backtest) -> str:
    """The comparison with its bound over the evidence with what is needed, on one axis of time."""
    height = PARITY + GAP + EVIDENCE + 22
    low, high = _range(family)
    x = Scale(found.start, found.end, LEFT, WIDTH - RIGHT)
    top = family.needed * 1.6
    above = Plane(x, Scale(low, high, PARITY, 6))
    below = Plane(x, Scale(0.0, top, PARITY + GAP + EVIDENCE, PARITY + GAP))
    bound = Pen("var(--bad)", 1, "5 4")
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(family.name)}">']
    for one in family.incidents:
        ended = found.end if one.ended is None else min(one.ended, found.end)
        parts.append(shade(x, (one.began, ended), (0, height - 18), "var(--fire)"))
    parts += [level(above, v, f"{v:g}", bound) for v in family.bounds if v is not None and low <= v <= high]
    parts.append(level(below, family.needed, f"{family.needed:.1f}", bound))
    parts += _series(family.series, (above, below), top)
    if family.shifted is not None:
        parts += _series(family.shifted, (above, below), top, "2 3")
    parts += [
        f'<circle cx="{x(mark):.1f}" cy="{PARITY + 9}" r="3" style="fill: var(--soft)"/>' for mark in family.marks
    ]
    if found.injected is not None:
        at = x(found.injected.start)
        pen = Pen("var(--amber)", 1, "4 3")
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{height - 18}" {pen}/>')
        parts.append(f'<text x="{at + 4:.1f}" y="14">injected</text>')
    parts += [
        f'<text x="{LEFT - 6}" y="{above.y(v) + 4:.1f}" text-anchor="end">{number(v)}</text>' for v in (low, high)
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{below.y(0) + 4:.1f}" text-anchor="end">0</text>',
        f'<text x="{LEFT + 6}" y="{PARITY - 4}">{escape(family.kind)}</text>',
        f'<text x="{LEFT + 6}" y="{PARITY + GAP + 10}">evidence</text>',
        *dates(x, height - 3),
        "</svg>",
    ]
    return "".join(parts)


def _series(series: Series, planes: tuple[Plane, Plane], top: float, dashes: str = "") -> Iterator[str]:
    """The comparison, and the evidence: what is beyond the chart stays at its edge, as it grows without end."""
    above, below = planes
    yield line(above, series.ends, series.values, Pen("var(--blue)", 1.6, dashes))
    yield line(below, series.ends, [min(one, top) for one in series.evidence], Pen("var(--amber)", 1.6, dashes))


def _range(family: FamilyResult) -> tuple[float, float]:
    shown = [*family.series.values, *(family.shifted.values if family.shifted is not None else ())]
    there = [value for value in shown if math.isfinite(value)]
    there += [bound for bound in family.bounds if bound is not None]
    low, high = min(there), max(there)
    margin = (high - low) * 0.08 or 0.05
    return low - margin, high + margin
