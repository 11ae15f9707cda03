"""Moments side by side as a table: groups as rows, moments as columns, the gap last."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from streams.audit.sections import headed, number, span
from streams.drawing.paper import heads, table
from streams.report.findings import Figure, Moment, What
from streams.report.mechanism import name


def moments_table(moments: Sequence[Moment], gap_name: str) -> str:
    """Groups as rows, moments as columns: value, interval, n; the gaps last."""
    groups = list(dict.fromkeys(tuple(sorted(g.groups.items())) for one in moments for g in one.groups))
    head = heads(("", ""), *((f"{one.called}, {_short(one.window_end)}", "n") for one in moments))
    rows = []
    for group in groups:
        cells = [
            next((g.figure for g in one.groups if tuple(sorted(g.groups.items())) == group), None) for one in moments
        ]
        rows.append(_row(name(dict(group)), [cell(figure) for figure in cells]))
    rows.append(_row(gap_name, [_gap_cell(one) for one in moments], strong=True))
    if any(one.within is not None for one in moments):
        factors = next(one.within.factors for one in moments if one.within is not None)
        cells_within = [cell(one.within.figure if one.within is not None else None) for one in moments]
        rows.append(_row(f"the same within {headed(factors)}", cells_within))
    return table(head, rows)


def compared(what: What) -> str:
    """`ratio to reference`."""
    return f"{what.aggregate} {what.method.replace('_', ' ')}"


def _row(label: str, cells: Sequence[str], *, strong: bool = False) -> str:
    shown = f"<b>{escape(label)}</b>" if strong else escape(label)
    figures = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f"<tr><td>{shown}</td>{figures}</tr>"


def cell(figure: Figure | None) -> str:
    """A figure with its interval and n; or why there is none."""
    if figure is None:
        return "<span class='soft'>not stored</span>"
    if figure.value is None:
        return f"<span class='soft'>{escape(figure.state)}</span>"
    told = [span(figure.low, figure.high), "" if figure.n is None else f"n {figure.n:,}"]
    return f"<b>{number(figure.value)}</b><br><small>{escape(', '.join(part for part in told if part))}</small>"


def _gap_cell(one: Moment) -> str:
    """The gap, and which groups drive it where there are more than two."""
    if one.gap is None or len(one.groups) < 3 or one.gap.figure.value is None:
        return cell(None if one.gap is None else one.gap.figure)
    return f"{cell(one.gap.figure)}<br><small>{escape(f'{name(one.gap.lower)} lowest, {name(one.gap.higher)} highest')}</small>"


def _short(time: datetime) -> str:
    return f"{time:%d %b %H:%M}"
