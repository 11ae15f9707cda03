"""The picture of an alert's chart, for pages: the gap with its interval and bound, the evidence, who was in charge.

It begins some windows before the change that was found and ends some after the alert did, or now. It shows what the views
show, so that nothing of small groups is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from textwrap import wrap

import sqlalchemy as sa

from streams.drawing.raster import FAMILY
from streams.report.chart import WIDTH, Lanes, drawn
from streams.report.findings import Incident, Period, RouteStep, Version, Watched, What
from streams.report.incidents import WARNING, Change, incidents
from streams.report.views import Views

WINDOWS_AROUND = 8
LEAST_AROUND = timedelta(hours=1)
HEAD, ROW, LETTERS, ROWS = 30.0, 16.0, 132, 2
"""Pixels of the title and of a row below it; so many letters to a row, and so many rows."""

_NEWEST = sa.text("""
select model, greatest(max(pane_end), (select to_timestamp(max(last_end_ms) / 1000.0) from fairdrift.evaluations e
                                       where e.model = h.model and e.time_basis in ('decision', 'outcome'))) as newest
from alert_history h where alert = :alert group by model
""")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture is of: the last time that the alert fired."""

    incident: Incident
    what: What
    period: Period


def picture(engine: sa.Engine, alert: str) -> str | None:
    """The SVG; None if the alert never fired, or is of something that is not kept as a series."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        row = connection.execute(_NEWEST, {"alert": alert}).one_or_none()
        if row is None:
            return None
        now = datetime.now(UTC)
        views = Views(connection, row.model, Period(now, row.newest, now))
        shown = _shown([one for one in views.history() if one["alert"] == alert], row.newest, now)
        if shown is None:
            return None
        views = Views(connection, row.model, shown.period)
        watched = _watched(views, shown)
        if not any(value is not None for line in watched.lines for value in line.values):
            return None
        return _paper(shown, watched, _lanes(views, shown))


def _shown(history: list[sa.RowMapping], newest: datetime, now: datetime) -> Shown | None:
    changes = [
        Change(row["alert"], row["rule"], row["labels"], row["to_state"], row["pane_end"], row["payload"])
        for row in history
    ]
    found = incidents(changes, (), datetime.min.replace(tzinfo=UTC))
    if not found or (what := _what(found[-1])) is None:
        return None
    last = found[-1]
    around = max(what.window * WINDOWS_AROUND, LEAST_AROUND)
    end = newest if last.ended is None else min(newest, last.ended + around)
    return Shown(last, what, Period(min(last.began or last.fired, last.fired) - around, end, now))


def _what(one: Incident) -> What | None:
    """The series that the alert looked at: a comparison, or a metric of each group."""
    window, payload = one.payload.get("window"), one.payload
    if one.what is not None or not window:
        return one.what
    attributes = tuple(payload["attributes"])
    return What(payload["metric"], "", "", attributes, int(window["seconds"]), window["time_basis"])


def _watched(views: Views, shown: Shown) -> Watched:
    one, what = shown.incident, shown.what
    rule, bound = one.rule.removesuffix(WARNING), one.payload.get("bound") or {}
    evidence, needed = views.evidence(rule, what)
    lines = tuple(views.gaps(what) if what.aggregate else views.levels(what))
    return Watched(rule, one.severity, what, bound.get("min"), bound.get("max"), lines, evidence, needed, None, None)


def _lanes(views: Views, shown: Shown) -> Lanes:
    routes = [
        RouteStep(row["effective_at"], row["from_route"], row["to_route"], row["percent"], row["changed_by"], row["reason"], row["alert"])
        for row in views.routes()
    ]  # fmt: skip
    before = [step for step in routes if step.at < shown.period.start]
    inside = [*before[-1:], *(step for step in routes if step.at >= shown.period.start)]
    versions = [Version(row["version"], row["arm"], row["first"], row["last"]) for row in views.versions()]
    return Lanes([shown.incident], inside, versions)


def _paper(shown: Shown, watched: Watched, lanes: Lanes) -> str:
    """A whole document: white, with a title and what the page said."""
    inside, height = drawn(watched, shown.period, lanes)
    said = wrap(str(shown.incident.payload.get("summary", "")), LETTERS, max_lines=ROWS, placeholder=" …")
    top = HEAD + ROW * len(said) + 8
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:.0f}" height="{top + height:.0f}"',
            f' font-family="{FAMILY}" font-size="11" fill="#5b6675">',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *_head(shown, said),
            f'<g transform="translate(0 {top:.0f})">{inside}</g></svg>',
        ]
    )


def _head(shown: Shown, said: list[str]) -> Iterator[str]:
    one = shown.incident
    state = "firing" if one.ended is None else f"ended {_moment(one.ended)}"
    title = f"{one.payload.get('model', '')}: {one.rule}"
    yield f'<text x="16" y="24" font-size="16" fill="#1c2430">{escape(title)}</text>'
    yield f'<text x="{WIDTH - 16:.0f}" y="24" text-anchor="end">{escape(f"{one.severity}, since {_moment(one.fired)}, {state}")}</text>'
    for at, line in enumerate(said):
        yield f'<text x="16" y="{HEAD + ROW * (at + 1) - 3:.0f}" font-size="12.5" fill="#1c2430">{escape(line)}</text>'


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
