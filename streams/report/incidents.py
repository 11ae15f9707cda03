"""Incidents out of the history of alerts: from firing to resolved, the warning beside a page taken together with it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.rules.threshold import Tier
from alerts.states import State
from streams.report.findings import Incident, RouteStep, What

OVER = frozenset({State.RESOLVED.value, State.INACTIVE.value})
"""States that end what fired; not to have data ends nothing."""

WARNING = " (warning)"
"""What the name of a rule's warning ends in."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `alert_history`."""

    alert: str
    rule: str
    labels: Mapping[str, str]
    to_state: str
    pane_end: datetime
    payload: Mapping[str, Any]


def incidents(changes: Sequence[Change], routes: Sequence[RouteStep], start: datetime) -> list[Incident]:
    """What fired and was not over before `start`, in order; `changes` are sorted by alert and number."""
    found = [one for one in _episodes(changes) if one.ended is None or one.ended > start]
    warnings = [one for one in found if _is_warning(one)]
    pages = [one for one in found if not _is_warning(one)]
    taken: set[int] = set()
    merged = []
    for page in pages:
        near = [at for at, one in enumerate(warnings) if _belongs(one, page)]
        taken |= set(near)
        first = min((warnings[at].fired for at in near), default=None)
        began = [one.began for one in (page, *(warnings[at] for at in near)) if one.began is not None]
        done = tuple(step for step in routes if step.alert == page.alert and _during(step.at, page))
        merged.append(replace(page, warned=first, began=min(began, default=None), routes=done))
    merged += [one for at, one in enumerate(warnings) if at not in taken]
    return sorted(merged, key=lambda one: (one.fired, one.rule, one.alert))


def _episodes(changes: Iterable[Change]) -> Iterator[Incident]:
    """Each firing of each alert."""
    open_: dict[str, Incident] = {}
    for change in changes:
        running = open_.get(change.alert)
        if change.to_state == State.FIRING.value and running is None:
            open_[change.alert] = _begun(change)
        elif change.to_state in OVER and running is not None:
            yield replace(open_.pop(change.alert), ended=change.pane_end)
    yield from open_.values()


def _begun(change: Change) -> Incident:
    payload = change.payload
    evidence = payload.get("evidence") or {}
    began = _time(evidence.get("changed_at")) or _time(payload.get("since"))
    severity = str(payload.get("severity") or change.labels.get("severity", ""))
    return Incident(change.alert, change.rule, severity, began, change.pane_end, None, None, payload, _what(payload))


def _what(payload: Mapping[str, Any]) -> What | None:
    """What the alert looked at; None for rules about something else than a comparison."""
    window = payload.get("window")
    if not window or not payload.get("aggregate"):
        return None
    return What(
        payload["metric"], payload["aggregate"], payload["method"], tuple(payload["attributes"]), int(window["seconds"]),
        window["time_basis"],
    )  # fmt: skip


def _is_warning(one: Incident) -> bool:
    return one.rule.endswith(WARNING) and (one.payload.get("labels") or {}).get("tier") == Tier.WARNING.value


def _belongs(warning: Incident, page: Incident) -> bool:
    """The warning of the same rule over the same attributes that was firing when the page began."""
    same = warning.rule == page.rule + WARNING and warning.payload.get("attributes") == page.payload.get("attributes")
    return same and warning.fired <= page.fired and (warning.ended is None or warning.ended >= page.fired)


def _during(at: datetime, one: Incident) -> bool:
    return one.fired <= at and (one.ended is None or at <= one.ended)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
