"""An incident on paper: when, how sure, who was told, what was done, who was affected before and after."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from alerts.words import group_name, lasting, rate
from streams.audit.sections import number, span
from streams.drawing.paper import heads, table
from streams.report.findings import Delivery, Incident, Moment
from streams.report.mechanism import moment, name
from streams.report.moments import cell, compared, moments_table


def incident(one: Incident) -> Iterator[str]:
    """Its section of the page."""
    payload = one.payload
    yield f'<section class="incident {escape(one.severity)}"><h3>{escape(one.severity)}: {escape(str(payload.get("summary", one.rule)))}</h3>'
    facts = [
        ("most likely began", "" if one.began is None else moment(one.began)),
        ("warned", "" if one.warned is None else moment(one.warned)),
        ("fired", moment(one.fired)),
        ("resolved", "it still fires" if one.ended is None else f"{moment(one.ended)}, after {_lasted(one)}"),
        ("evidence", _evidence(payload)),
        ("counts behind it", _convinced(payload)),
        ("served", _served(payload)),
        ("told", "; ".join(_told(one.told)) or "nobody"),
        ("taken over by", "; ".join(one.acknowledged) or "nobody"),
        (
            "done",
            "; ".join(f"route from {s.before} to {s.after}, {moment(s.at)}, by {s.by}" for s in one.routes)
            or "no change of route",
        ),
        ("configuration", str(payload.get("config_version", ""))),
        ("alert", one.alert),
    ]
    yield f'<dl class="facts">{"".join(_fact(label, text) for label, text in facts if text)}</dl>'
    if one.mechanism:
        yield f"<h4>How it came about, as far as counts can tell</h4><ul>{''.join(f'<li>{escape(text)}</li>' for text in one.mechanism)}</ul>"
    if one.moments and one.what is not None:
        yield "<h4>Who was affected, before and after</h4>" + moments_table(one.moments, compared(one.what))
    for each in one.moments:
        if each.versions:
            yield "<h4>By version and arm when it fired</h4>" + _by_version(each)
    yield "</section>"


def _by_version(one: Moment) -> str:
    rows = [
        f"<tr><td>{escape(each.version)}</td><td>{escape(each.arm)}</td><td>{escape(name(each.groups))}</td><td class='n'>{cell(each.figure)}</td></tr>"
        for each in one.versions
    ]
    return table(heads(("version", ""), ("arm", ""), ("group", ""), ("value", "n")), rows)


def _lasted(one: Incident) -> str:
    return "" if one.lasted is None else lasting(one.lasted.total_seconds())


def _evidence(payload: object) -> str:
    found = payload.get("evidence") if isinstance(payload, dict) else None
    if not found:
        return ""
    text = f"{found['log_evidence']:.1f} of {found['needed']:.1f} needed (natural logarithms)"
    if found.get("budget"):
        text += f"; by chance alone at most {found['budget']:.3g} of them is expected in 30 days"
    if found.get("overdispersion"):
        text += f"; held back {found['overdispersion']:.2f} times, since this traffic varies more than chance"
    return text


def convincing_seconds(payload: Mapping[str, Any]) -> float | None:
    """How much time the counts that convinced are of, in seconds; None where an alert tells none."""
    present = (payload.get("evidence") or {}).get("present")
    return None if present is None else float(present["seconds"])


def _convinced(payload: Mapping[str, Any]) -> str:
    """Both sides in the newest hour or so, which is what the summary speaks of; the tables below are of whole windows."""
    seconds = convincing_seconds(payload)
    if seconds is None:
        return ""
    present = payload["evidence"]["present"]
    sides = ", ".join(_side(side) for side in (present["lower"], present["higher"]) if side is not None)
    gap = present["estimate"]
    compared_to = "" if gap["value"] is None else f"; {payload.get('aggregate') or 'value'} {number(gap['value'])}"
    return f"in the {lasting(seconds)} before it fired: {sides}{compared_to} ({span(gap['low'], gap['high'])})".replace(
        " ()", ""
    )


def _side(side: Mapping[str, Any]) -> str:
    k, n = side["numerator"], side["n"]
    if k is not None and n and k == round(k) and 0 <= k <= n:
        return f"{group_name(side['groups'])} {k:,.0f} of {n:,} ({rate(k / n)})"
    return f"{group_name(side['groups'])} {side['reason'] or number(side['value'])} (n {n:,})"


def _told(deliveries: Sequence[Delivery]) -> Iterator[str]:
    """Each receiver once, with what it was told and when."""
    for receiver, channel in dict.fromkeys((one.receiver, one.channel) for one in deliveries):
        mine = [one for one in deliveries if (one.receiver, one.channel) == (receiver, channel)]
        yield f"{receiver} ({channel}): {', '.join(_delivery(one) for one in mine)}"


def _delivery(one: Delivery) -> str:
    sent = "" if one.sent_at is None else f" {moment(one.sent_at)}"
    return f"{one.reason} {one.status}{sent}".strip()


def _served(payload: object) -> str:
    if not isinstance(payload, dict) or not payload.get("versions"):
        return ""
    return f"{', '.join(payload['versions'])} ({', '.join(payload.get('arms', ()))})"


def _fact(label: str, text: str) -> str:
    return f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>"
