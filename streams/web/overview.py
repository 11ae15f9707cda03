"""What the status page shows: `fairdrift status` as HTML, for people without Grafana. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from alerts.words import several
from streams.audit.sections import number, span
from streams.drawing.paper import document, heads, table
from streams.drawing.svg import BLUE, VERMILION, Pen, Plane, Scale, line
from streams.status import Alert, Group, Model, Parity, Proof, Status, StreamState, Window

REFRESH = 30
"""Seconds until the page is asked for again by itself."""

STALE = 5.0
"""So many minutes after its last commit a stream is shown as standing still."""

STYLE = """
.model { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1.1rem; margin: 1rem 0; }
.model h2 { margin: 0 0 .3rem; display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap; }
.route { background: #eef1f4; } .away { background: #fdf1d7; color: #7a5200; }
.firing { border-left: 4px solid #b34700; padding-left: .7rem; margin: .5rem 0; } .open { border-left: 4px solid var(--line);
  padding-left: .7rem; margin: .5rem 0; } .beyond { color: #96231a; font-weight: 700; } .trend { width: 9rem; height: 1.9rem; display: block; }
.empty { background: #fdf1d7; border-left: 3px solid #e69f00; padding: .6rem .9rem; margin: .8rem 0; } .sub td:first-child { padding-left: 1.2rem; }
nav a { margin-right: 1.1rem; } .scroll { overflow-x: auto; } code { background: var(--fill); padding: .05rem .3rem; }
"""

TREND_WIDTH, TREND_HEIGHT = 144.0, 30.0


def page(found: Status) -> str:
    """The whole page."""
    return document("fairdrift: status", _body(found), STYLE).replace(
        "<meta name=", f'<meta http-equiv="refresh" content="{REFRESH}">\n<meta name=', 1
    )


def away() -> str:
    """The page while the database is away."""
    told = (
        "The database does not answer: nothing can be said now. Counting has stopped and loses nothing; this page looks again by"
        " itself."
    )
    body = ["<h1>fairdrift</h1>", _empty(told)]
    return document("fairdrift: the database is away", body, STYLE).replace(
        "<meta name=", '<meta http-equiv="refresh" content="5">\n<meta name=', 1
    )


def _body(found: Status) -> Iterator[str]:
    firing = [alert for model in found.models for alert in model.alerts if alert.state == "firing"]
    yield "<h1>fairdrift</h1>"
    yield f'<p class="soft">{_moment(found.at)}; looks again every {REFRESH} seconds. {_counted(firing, found.models)}</p>'
    yield '<nav><a href="/runbooks">Runbooks</a> <span class="soft">In a terminal: <code>fairdrift status --watch</code></span></nav>'
    yield from _streams(found)
    ranked = sorted(
        found.models, key=lambda model: (-sum(alert.state == "firing" for alert in model.alerts), model.model)
    )
    for model in ranked:
        yield from _model(model)
    yield (
        "<footer>Parity now, from the SQL views: the newest window of what rules look at. An interval is 95%. What cannot be said is shown"
        " as such, never as 0.</footer>"
    )


def _counted(firing: Sequence[Alert], models: Sequence[Model]) -> str:
    many = several(len(models), "model")
    return f"{many}; {several(len(firing), 'alert')} firing." if firing else f"{many}; nothing fires."


def _streams(found: Status) -> Iterator[str]:
    """How far events are counted; why there is nothing, where nothing is."""
    if not found.streams:
        yield _empty(
            "No worker has counted anything yet. Start one with <code>fairdrift worker</code>; <code>fairdrift check</code> says what is"
            " wrong with topics, database and configuration; <code>fairdrift replay</code> sends a file as events."
        )
    for one in found.streams:
        yield _stream(one, found.at)


def _stream(one: StreamState, now: datetime) -> str:
    waited = (now - one.committed).total_seconds() / 60
    still = f' <span class="pill away">no commit for {waited:,.0f} minutes</span>' if waited > STALE else ""
    return (
        f'<p class="soft">{escape(one.stream)}: {several(one.partitions, "partition")}, counted to {_moment(one.slowest)}, last commit'
        f" {_moment(one.committed)}.{still}</p>"
    )


def _empty(html: str) -> str:
    return f'<div class="empty"><p>{html}</p></div>'


def _model(model: Model) -> Iterator[str]:
    route = model.route
    share = f" {route.percent:g}%" if route.percent is not None else ""
    kind = "route" if route.route == "live" else "away"
    yield f'<section class="model"><h2>{escape(model.model)} <span class="pill {kind}">route: {escape(route.route)}{share}</span></h2>'
    if route.since is not None:
        yield f'<p class="soft">since {_moment(route.since)}, by {escape(route.changed_by)}: {escape(route.reason)}</p>'
    for alert in model.alerts:
        yield _alert(alert)
    for proof in model.evidence:
        yield f'<p class="soft">{_proof(proof)}</p>'
    if not model.evaluated_to:
        yield _empty(
            f"Nothing of this model is evaluated yet: no event that names the model {escape(model.model)} has come, or its first window"
            " is still open. <code>fairdrift check</code> looks at the topics."
        )
    elif not model.windows:
        yield _empty(
            "It is evaluated, and no rule looks at it: <code>fairdrift status --all</code> shows every metric, and rules (section"
            " <code>rules</code>) make somebody look."
        )
    for window in model.windows:
        yield from _window(window, model)
    yield "</section>"


def _alert(alert: Alert) -> str:
    kind = "firing" if alert.state == "firing" else "open"
    told = f": {escape(alert.summary)}" if alert.summary else ""
    state = alert.state.replace("_", " ")
    return f'<p class="{kind}"><b>{escape(state)}</b> {escape(alert.rule)} ({escape(alert.severity)}) since {_moment(alert.since)}{told}</p>'


def _proof(proof: Proof) -> str:
    amount = f"{max(proof.log_evidence, 0.0):.1f} of {proof.needed:.1f} needed"
    stands = "; it stands until there is as much for recovery" if proof.stands else ""
    return f"Evidence of {escape(proof.rule)} for {escape(', '.join(proof.attributes))}: {amount}{stands}."


def _window(window: Window, model: Model) -> Iterator[str]:
    until = model.evaluated_to[window.time_basis]
    yield f"<h3>{escape(window.window)} to {_moment(until)}, by {escape(window.time_basis)} time</h3>"
    head = heads(
        ("", ""),
        ("value", "n"),
        ("bound", "n"),
        ("95% interval", "n"),
        ("n", "n"),
        (f"last windows of {window.window}", ""),
    )
    yield f'<div class="scroll">{table(head, _rows(window))}</div>'


def _rows(window: Window) -> Iterator[str]:
    """Each comparison, and below it the groups that it compares."""
    shown: set[tuple[tuple[str, ...], str]] = set()
    for parity in sorted(window.parity, key=lambda one: (one.attributes, one.metric, one.aggregate)):
        yield _parity(parity)
        key = tuple(parity.attributes), parity.metric
        if key not in shown:
            yield from (_group(one) for one in window.groups if (tuple(one.attributes), one.metric) == key)
        shown.add(key)
    for one in window.groups:
        if (tuple(one.attributes), one.metric) not in shown:
            yield _group(one)


def _parity(one: Parity) -> str:
    beyond = _beyond(one)
    value = escape(one.state) if one.value is None else number(one.value)
    sides = (
        f"<br><small>{escape(f'{_named(one.lower_group)} lowest, {_named(one.higher_group)} highest')}</small>"
        if one.lower_group and one.higher_group
        else ""
    )
    label = f"{' + '.join(one.attributes)}: {one.metric.replace('_', ' ')} {one.aggregate}"
    ends = (("≥", one.minimum), ("≤", one.maximum))
    bounds = " ".join(f"{sign} {end:g}" for sign, end in ends if end is not None)
    mark = "<b class='beyond'>{} beyond</b>" if beyond else "<b>{}</b>"
    return (
        f"<tr><td><b>{escape(label)}</b>{sides}</td><td class='n'>{mark.format(value)}</td><td class='n'>{bounds}</td>"
        f"<td class='n soft'>{escape(span(one.low, one.high))}</td><td class='n'>{_n(one.n)}</td><td>{trend(one)}</td></tr>"
    )


def _group(one: Group) -> str:
    value = escape(one.state) if one.value is None else number(one.value)
    return (
        f"<tr class='sub'><td>{escape(_named(one.groups) or 'everybody')}</td><td class='n'>{value}</td><td></td>"
        f"<td class='n soft'>{escape(span(one.low, one.high))}</td><td class='n'>{_n(one.n)}</td><td></td></tr>"
    )


def trend(one: Parity) -> str:
    """The last windows as a line with its bound; nothing where there are less than two."""
    known = [value for value in one.trend if value is not None]
    if len(known) < 2:
        return ""
    ends = [*known, *(bound for bound in (one.minimum, one.maximum) if bound is not None)]
    x = Scale(0, len(one.trend) - 1, 3, TREND_WIDTH - 5)
    plane = Plane(x, Scale(min(ends), max(ends), TREND_HEIGHT - 4, 4))
    parts = [line(plane, range(len(one.trend)), one.trend, Pen(BLUE, 1.6))]
    edges = (0, len(one.trend) - 1)
    bounds = [bound for bound in (one.minimum, one.maximum) if bound is not None]
    parts += [line(plane, edges, (bound, bound), Pen(VERMILION, 1.2, "4 3")) for bound in bounds]
    if one.trend[-1] is not None:
        color = VERMILION if _beyond(one) else BLUE
        parts.append(
            f'<circle cx="{x(len(one.trend) - 1):.1f}" cy="{plane.y(one.trend[-1]):.1f}" r="3" fill="{color}"/>'
        )
    told = ", ".join("none" if value is None else number(value) for value in one.trend)
    return f'<svg class="trend" viewBox="0 0 {TREND_WIDTH:.0f} {TREND_HEIGHT:.0f}" role="img" aria-label="{told}">{"".join(parts)}</svg>'


def _beyond(one: Parity) -> bool:
    if one.value is None:
        return False
    return (one.minimum is not None and one.value < one.minimum) or (
        one.maximum is not None and one.value > one.maximum
    )


def _n(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def _named(groups: dict[str, str] | None) -> str:
    return " + ".join(groups[key] for key in sorted(groups)) if groups else ""


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
