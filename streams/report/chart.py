"""The picture of a rule over the period: the gap with its interval and bound, the evidence below, then who was in charge.

Nothing is told by colour alone: the bound is dashed, the interval is a band, alerts and routes carry their names.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from alerts.words import number
from streams.drawing.svg import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    Pen,
    Plane,
    Scale,
    band,
    dates,
    level,
    line,
    shade,
    ticks,
)
from streams.report.findings import Incident, Line, Period, RouteStep, Version, Watched
from streams.report.incidents import WARNING

WIDTH, LEFT, RIGHT = 920.0, 74.0, 92.0
TOP, PARITY, GAP, EVIDENCE, LANE = 8.0, 170.0, 20.0, 64.0, 17.0
INKS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, GREY)
ROUTES = {"live": "#d7ecdf", "canary": "#fdebc8", "shadow": "#e4e2f2", "fallback": "#f6d5c3"}
FIRING, WARNED = "#f9c9b0", "#fde8c4"
LETTER, LINE, LONGEST = 6.1, 11.0, 14
"""About the width of a letter and the height of a line in pixels: a name that does not fit into its bar is left out; and the letters
of a name at the end of a curve."""


def chart(watched: Watched, period: Period, lanes: "Lanes") -> str:
    """The picture as SVG, for a page."""
    parts, height = drawn(watched, period, lanes)
    told = escape(_told(watched))
    return f'<svg class="wide" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{told}">{parts}</svg>'


def drawn(watched: Watched, period: Period, lanes: "Lanes") -> tuple[str, float]:
    """What is inside the picture, `WIDTH` wide, and its height."""
    x = Scale(_ms(period.start), _ms(period.end), LEFT, WIDTH - RIGHT)
    low, high = _range(watched)
    above = Plane(x, Scale(low, high, TOP + PARITY, TOP))
    bottom = TOP + PARITY + GAP + EVIDENCE
    height = bottom + 12 + 3 * LANE + 20
    mine = [one for one in lanes.incidents if _of(one, watched)]
    parts = [
        *_shades(x, mine, period, bottom),
        *_gap(watched, above, (low, high)),
        *_evidence(watched, x, bottom),
        *_lanes(x, Lanes(mine, lanes.routes, lanes.versions), bottom + 8, period),
        *dates(x, height - 4),
    ]
    return "".join(parts), height


class Lanes:
    """What stands below the curves: alerts, routes and versions over time."""

    def __init__(self, incidents: Sequence[Incident], routes: Sequence[RouteStep], versions: Sequence[Version]) -> None:
        self.incidents, self.routes, self.versions = incidents, routes, versions


def _of(one: Incident, watched: Watched) -> bool:
    """Whether an incident is of this rule (or its warning) over these attributes."""
    rules = (watched.rule, watched.rule + WARNING)
    return one.rule in rules and (one.what is None or one.what.attributes == watched.what.attributes)


def _told(watched: Watched) -> str:
    """What the picture shows, in words."""
    return f"{watched.rule}: {watched.what.metric} {watched.what.aggregate} over {', '.join(watched.what.attributes)}"


def _range(watched: Watched) -> tuple[float, float]:
    """Holds every value, the bounds and most of the intervals."""
    values = [v for one in watched.lines for v in one.values if v is not None and math.isfinite(v)]
    ends = sorted(v for one in watched.lines[:1] for side in (one.lows, one.highs) for v in side if v is not None)
    ends = [v for v in ends if math.isfinite(v)]
    there = [*values, *(ends[len(ends) // 50 : -(len(ends) // 50) or None])]
    there += [bound for bound in (watched.minimum, watched.maximum) if bound is not None]
    if not there:
        return 0.0, 1.0
    margin = (max(there) - min(there)) * 0.06 or 0.05
    return min(there) - margin, max(there) + margin


def _gap(watched: Watched, plane: Plane, ends: tuple[float, float]) -> Iterator[str]:
    for tick in ticks(*ends):
        at = plane.y(tick)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e6eaef"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{number(tick)}</text>'
    raw = [one for one in watched.lines if not one.name]
    for one in raw:
        yield band(plane, one.ends, (_clamped(one.lows, ends), _clamped(one.highs, ends)), BLUE)
    others = [one for one in watched.lines if one.name]
    for at, one in enumerate(others):
        ink = GREY if raw else INKS[at % len(INKS)]
        yield line(plane, one.ends, one.values, Pen(ink, 1.2, "2 2" if raw else ""))
    for one in raw:
        yield line(plane, one.ends, one.values, Pen(BLUE, 1.8))
    if not raw:
        yield from _names(watched, others, plane)
    for sign, bound in (("≥", watched.minimum), ("≤", watched.maximum)):
        if bound is not None:
            yield level(plane, bound, f"{sign} {bound:g}", Pen(VERMILION, 1.4, "6 4"))
    yield f'<text x="{LEFT + 6}" y="{TOP + 11}">{escape(_titled(watched))}</text>'


def _names(watched: Watched, lines: Sequence[Line], plane: Plane) -> Iterator[str]:
    """The groups at the right ends of their lines; one that would cover another, or the bound's, is left out."""
    taken = [plane.y(bound) for bound in (watched.minimum, watched.maximum) if bound is not None]
    for one in lines:
        last = next((value for value in reversed(one.values) if value is not None and math.isfinite(value)), None)
        if last is not None and all(abs(plane.y(last) - other) >= LINE for other in taken):
            taken.append(plane.y(last))
            name = one.name if len(one.name) <= LONGEST else f"{one.name[: LONGEST - 1]}…"
            yield f'<text x="{plane.x.last + 6:.1f}" y="{plane.y(last) + 4:.1f}">{escape(name)}</text>'


def _clamped(values: Sequence[float | None], ends: tuple[float, float]) -> list[float | None]:
    """An interval that leaves the picture stays at its edge."""
    return [None if v is None else max(ends[0], min(v, ends[1])) for v in values]


def _titled(watched: Watched) -> str:
    aggregate = f" {watched.what.aggregate} {watched.what.method.replace('_', ' ')}" if watched.what.aggregate else ""
    return f"{watched.what.metric.replace('_', ' ')}{aggregate}"


def _evidence(watched: Watched, x: Scale, bottom: float) -> Iterator[str]:
    """Evidence in natural logarithms, cut off at half as much again as a page needs, since it grows while a gap lasts."""
    needed = watched.needed or 1.0
    plane = Plane(x, Scale(0.0, needed * 1.5, bottom, bottom - EVIDENCE))
    yield f'<text x="{LEFT + 6}" y="{bottom - EVIDENCE + 10:.1f}">evidence</text>'
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}" stroke="#d9dee5"/>'
    cut = [None if v is None else max(0.0, min(v, needed * 1.5)) for v in watched.evidence.values]
    yield line(plane, watched.evidence.ends, cut, Pen(PURPLE, 1.4))
    if watched.needed is not None:
        yield level(plane, needed, f"{needed:.1f} needed", Pen(PURPLE, 1.0, "6 4"))


def _shades(x: Scale, incidents: Sequence[Incident], period: Period, bottom: float) -> Iterator[str]:
    for one in incidents:
        yield shade(x, _span(one.fired, one.ended, period), (TOP, bottom), FIRING + "66")


def _lanes(x: Scale, lanes: Lanes, top: float, period: Period) -> Iterator[str]:
    for at, (name, bars) in enumerate(
        (("alerts", _alerts(lanes, period)), ("route", _routes(lanes, period)), ("versions", _versions(lanes, period)))
    ):
        y = top + at * LANE
        yield f'<text x="{LEFT - 6}" y="{y + 11:.1f}" text-anchor="end">{name}</text>'
        free = 0.0
        for span, text, color in bars:
            first, last = x(span[0]), x(span[1])
            yield shade(x, span, (y, y + LANE - 3), color)
            if first >= free and len(text) * LETTER < last - first:
                yield f'<text x="{first + 3:.1f}" y="{y + 11:.1f}" style="fill: #1c2430">{escape(text)}</text>'
                free = first + len(text) * LETTER


Bar = tuple[tuple[float, float], str, str]


def _alerts(lanes: Lanes, period: Period) -> Iterator[Bar]:
    for one in lanes.incidents:
        if one.warned is not None:
            yield _span(one.warned, one.fired, period), "warning", WARNED
        yield _span(one.fired, one.ended, period), "firing", FIRING


def _routes(lanes: Lanes, period: Period) -> Iterator[Bar]:
    steps = lanes.routes
    first = steps[0].before if steps else "live"
    if not steps or steps[0].at > period.start:
        yield _span(period.start, steps[0].at if steps else period.end, period), first, ROUTES.get(first, "#eee")
    for at, step in enumerate(steps):
        until = steps[at + 1].at if at + 1 < len(steps) else period.end
        share = f" {step.percent:g}%" if step.percent is not None else ""
        yield _span(step.at, until, period), f"{step.after}{share}", ROUTES.get(step.after, "#eee")


def _versions(lanes: Lanes, period: Period) -> Iterator[Bar]:
    """Each version that decided, from where it was first seen to the next one."""
    serving = [one for one in lanes.versions if one.arm != "shadow"]
    for at, one in enumerate(serving):
        until = serving[at + 1].first if at + 1 < len(serving) else period.end
        yield _span(one.first, until, period), one.version, "#e8eef5" if at % 2 else "#d3dfec"


def _span(start: datetime, end: datetime | None, period: Period) -> tuple[float, float]:
    first = max(start, period.start)
    last = period.end if end is None else min(end, period.end)
    return float(_ms(first)), float(_ms(max(last, first)))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
