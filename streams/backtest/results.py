"""What a backtest found. Times are milliseconds of event time; evidence is in natural logarithms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from monitor.times import format_time

WEEK = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Incident:
    """One alert that would have fired: from when to when (None: to the end), about whom, on what evidence."""

    began: int
    ended: int | None
    groups: tuple[str, ...]
    value: float | None
    """The leading group's ratio, difference or level in the gate's window (an hour, or 50 events)."""
    n: float
    evidence: float
    changed_at: int | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "from": format_time(self.began),
            "to": None if self.ended is None else format_time(self.ended),
            "groups": list(self.groups),
            "value": self.value,
            "n": round(self.n),
            "evidence": round(self.evidence, 3),
            "most_likely_began": None if self.changed_at is None else format_time(self.changed_at),
        }


@dataclass(frozen=True, slots=True)
class Delays:
    """How long an injected shift went on before the alert, ms, one for each run in which it fired; `runs` in all."""

    runs: int
    found: tuple[int, ...]
    firing_before: bool = False
    """The alert was firing already when the shift began: it cannot be told from it."""

    @property
    def middle(self) -> float | None:
        """The median over all runs; None where most of them never fired."""
        missed = [float("inf")] * (self.runs - len(self.found))
        value = median([*self.found, *missed]) if self.runs else float("inf")
        return None if value == float("inf") else value

    def as_dict(self) -> dict[str, Any]:
        """As JSON, in minutes."""
        minutes = [round(delay / 60_000, 1) for delay in sorted(self.found)]
        return {
            "runs": self.runs,
            "detected": len(self.found),
            "median_minutes": None if self.middle is None else round(self.middle / 60_000, 1),
            "minutes": minutes,
            "firing_before": self.firing_before,
        }


@dataclass(frozen=True, slots=True)
class Series:
    """What a picture is drawn of, at some pane ends: evidence, and the comparison furthest from the bound."""

    ends: tuple[int, ...]
    evidence: tuple[float, ...]
    values: tuple[float, ...]
    """NaN where nothing can be compared."""


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """One rule on one attribute set."""

    rule: str
    severity: str
    metric: str
    attributes: tuple[str, ...]
    groups: tuple[str, ...]
    kind: str
    bounds: tuple[float | None, float | None]
    needed: float
    budget: float
    events: int
    incidents: tuple[Incident, ...]
    series: Series
    delays: Delays | None = None
    shifted: Series | None = None
    """The same with the injected shift in it, from its beginning on: the first of its runs."""
    effort: Mapping[str, float] = field(default_factory=dict)
    """Group -> days that a ratio of 0.7 of the bound would take to prove at this traffic; infinity where it has none."""
    marks: tuple[int, ...] = ()
    """Where River's ADWIN saw the comparison change (ms): for the chart, never a page."""

    @property
    def name(self) -> str:
        """`parity: selection_rate by sex`."""
        return f"{self.rule}: {self.metric} by {', '.join(self.attributes)}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON, without the picture's series."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "metric": self.metric,
            "attributes": list(self.attributes),
            "groups": list(self.groups),
            "bound": {"min": self.bounds[0], "max": self.bounds[1]},
            "evidence_needed": round(self.needed, 3),
            "false_alerts_expected_in_30_days": self.budget,
            "events": self.events,
            "incidents": [incident.as_dict() for incident in self.incidents],
            "delay": None if self.delays is None else self.delays.as_dict(),
            "days_to_prove": {
                group: None if days == float("inf") else round(days, 3) for group, days in self.effort.items()
            },
            "changes": [format_time(mark) for mark in self.marks],
        }


@dataclass(frozen=True, slots=True)
class RuleSetResult:
    """One set of rules over the whole history."""

    name: str
    families: tuple[FamilyResult, ...]
    skipped: tuple[tuple[str, str], ...]
    """(rule, why nothing is said about it)"""

    def of(self, *severities: str) -> list[Incident]:
        """The incidents of these severities, in the order of time."""
        found = [one for family in self.families if family.severity in severities for one in family.incidents]
        return sorted(found, key=lambda one: one.began)

    def as_dict(self, weeks: float) -> dict[str, Any]:
        """As JSON."""
        pages, tickets = len(self.of("page")), len(self.of("ticket", "info"))
        return {
            "name": self.name,
            "pages": pages,
            "pages_per_week": round(pages / weeks, 3),
            "tickets": tickets,
            "tickets_per_week": round(tickets / weeks, 3),
            "families": [family.as_dict() for family in self.families],
            "skipped": [{"rule": rule, "reason": reason} for rule, reason in self.skipped],
        }


@dataclass(frozen=True, slots=True)
class Injected:
    """The shift that was put in: in words, from when, and with which probability favourable decisions were kept."""

    text: str
    start: int
    keep: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """One model's history under one or two sets of rules."""

    model: str
    source: str
    start: int
    end: int
    pane: int
    cells: int
    events: int
    sets: Sequence[RuleSetResult]
    injected: Injected | None = None

    @property
    def weeks(self) -> float:
        """How long the history is."""
        return max((self.end - self.start) / WEEK, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        injected = self.injected
        return {
            "model": self.model,
            "history": self.source,
            "from": format_time(self.start),
            "to": format_time(self.end),
            "weeks": round(self.weeks, 3),
            "cells": self.cells,
            "events": self.events,
            "injected": None
            if injected is None
            else {"shift": injected.text, "from": format_time(injected.start), "keep": round(injected.keep, 6)},
            "rule_sets": [one.as_dict(self.weeks) for one in self.sets],
        }
