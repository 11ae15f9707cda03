"""A canary plan within an evaluation: looks at the end of each pane at which its window has a point, after the rules.

How a version does is read from the points of that very pane, as they are stored: published figures with their intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import sqlalchemy as sa

from alerts.control import Brakes, Refusal, RouteChange, RouteState, decide
from alerts.evaluation import Stored
from alerts.plan_records import load_plan, save_plan
from alerts.plans import PlanState, Seen, Stand, count, look, moved
from alerts.records import save_route
from alerts.routing import Routing
from alerts.rules import Rule
from alerts.states import State
from alerts.verdicts import Finding
from monitor.config import OTHER, UNKNOWN
from monitor.estimates import State as Measured
from monitor.metrics import metric
from streams.folding import Fold
from streams.measuring import Comparing, Measuring
from streams.points import Point

Findings = Mapping[tuple[str, tuple[str, ...], str, str], Finding]
"""(rule, attribute set, version, arm) -> what its evidence says (`streams.proving`)."""


@dataclass(frozen=True, slots=True)
class AtEnd:
    """What there is at the end of a pane: its points, the evidence about the plan's version, the alerts after it."""

    end: int
    points: Sequence[Point]
    findings: Findings
    states: Mapping[str, Stored]


class Planning:
    """The plan of one model through one transaction; None where there is none under way."""

    def __init__(self, state: PlanState | None, brakes: Brakes) -> None:
        self._state = state if state is not None and state.open else None
        self._brakes = brakes
        self.changes: list[RouteChange] = []
        self._touched = False

    @classmethod
    def load(cls, connection: sa.Connection, model: str, brakes: Brakes) -> "Planning":
        """The plan as it was left."""
        kept = load_plan(connection, model)
        return cls(kept.state if kept else None, brakes)

    def save(self, connection: sa.Connection, routing: Routing, config_version: str) -> None:
        """Write what changed, in the evaluator's transaction."""
        for change in self.changes:
            save_route(connection, change, routing.control, config_version)
        if self._touched and self._state is not None:
            save_plan(connection, self._state)

    @property
    def version(self) -> str:
        """The version that is to be let in; empty without a plan under way."""
        return self._state.version if self._state is not None else ""

    def look(self, at: AtEnd, fold: Fold, route: RouteState) -> RouteState:
        """Look at the end of a pane, where this fold is the plan's; the route after it."""
        end, state, rules = at.end, self._state, self._rules(fold.measuring)
        if state is None or not rules or not state.open:
            return route
        decided = _decided(fold, end, state, rules)
        mine = [point for point in at.points if point.window_seconds * 1000 == state.plan.window_ms]
        if not mine:
            self._state, self._touched = count(state, decided), self._touched or bool(decided)
            return route
        firing = any(s.state.state is State.FIRING and s.rule in state.plan.rules for s in at.states.values())
        stand = PointStanding(rules, mine, at.findings).of(state.version, state.at.arm)
        after, request = look(state, Seen(end, stand, firing, decided), route)
        self._state, self._touched = after, True
        if request is None:
            return route
        change = decide(route, request, end, self._brakes)
        if isinstance(change, Refusal):
            reason = f"{stand.reason}; not done: {change.value}".removeprefix("; ")
            self._state = replace(after, status=state.status, progress=replace(after.progress, reason=reason))
            return route
        self.changes.append(change)
        if after.open:
            self._state = moved(after, change.epoch, end)
        else:
            self._state = replace(after, epoch=change.epoch)
        return change.applied_to(route)

    def _rules(self, measuring: Measuring) -> list[Rule]:
        """The plan's rules, if this measuring judges all of them."""
        if self._state is None:
            return []
        found = [rule for rule in measuring.rules if rule.policy.name in self._state.plan.rules]
        return found if len(found) == len(self._state.plan.rules) else []


class PointStanding:
    """How versions do, from the points of one pane's end and the evidence about them (`alerts.plans.Standing`).

    Inside the bound is what the estimate says, and *proven* only what evidence shows to be inside. Beyond it is what the
    evidence says or, sooner, an interval that lies wholly beyond: a drop wakes nobody and costs a new beginning, while the
    decisions of a faulty canary reach people.
    """

    def __init__(self, rules: Sequence[Rule], points: Sequence[Point], findings: Findings) -> None:
        self._rules, self._points, self._findings = rules, points, findings

    def of(self, version: str, arm: str) -> Stand:
        """The worst finding over the bounds of all rules; insufficient data where there is no point."""
        looks = [found for rule in self._rules for found in self._looks(rule, version, arm)]
        if not looks:
            return Stand(Finding.INSUFFICIENT_DATA, f"nothing measured of version {version} in {arm}")
        figures = {look.name: look.figures() for look in looks}
        for worst in (Finding.BREACH, Finding.INSUFFICIENT_DATA, Finding.UNPROVEN):
            names = [look.name for look in looks if look.finding is worst]
            if names:
                return Stand(worst, f"{WORDS[worst]}: {', '.join(names)}", figures)
        unproven = [look.name for look in looks if look.evidence is not Finding.CLEAR]
        reason = (
            f"inside the bounds, not yet proven: {', '.join(unproven)}" if unproven else "inside the bounds, proven"
        )
        return Stand(Finding.CLEAR, reason, figures, proven=not unproven)

    def _looks(self, rule: Rule, version: str, arm: str) -> Iterator["Look"]:
        assert isinstance(rule, Comparing)
        kind = "disparity" if rule.aggregate else "group"
        wanted = (kind, version, arm, metric(rule.metric).name, rule.aggregate, rule.method)
        for point in self._points:
            key = point.series
            if (key.kind, key.version, key.arm, key.metric, key.aggregate, key.method) != wanted or key.stratum:
                continue
            if not key.attribute_set or rule.attributes not in (None, key.attribute_set):
                continue
            evidence = self._findings.get((rule.policy.name, key.attribute_set, version, arm))
            name = f"{rule.policy.name} over {', '.join(key.attribute_set)}"
            yield Look(name, _finding(rule, point, evidence), evidence, point)


@dataclass(frozen=True, slots=True)
class Look:
    """One bound of one version and arm at the end of a pane."""

    name: str
    finding: Finding
    evidence: Finding | None
    point: Point

    def figures(self) -> dict[str, object]:
        """What is kept with a change of route."""
        point, evidence = self.point, self.evidence.value if self.evidence is not None else None
        numbers = {"value": point.value, "low": point.low, "high": point.high}
        return {"finding": self.finding.value, "evidence": evidence, "n": point.n} | {
            name: float(value) if value is not None and isfinite(value) else None for name, value in numbers.items()
        }


WORDS = {
    Finding.BREACH: "beyond the bound",
    Finding.INSUFFICIENT_DATA: "too little data",
    Finding.UNPROVEN: "outside the bound, not proven",
}


def _finding(rule: Rule, point: Point, evidence: Finding | None) -> Finding:
    """As the bound, the interval and the evidence have it."""
    low, high = rule.bounds()
    if evidence is Finding.BREACH:
        return Finding.BREACH
    if point.state is not Measured.MEASURED or point.value is None:
        return Finding.INSUFFICIENT_DATA
    least, most = (float("-inf") if low is None else low), (float("inf") if high is None else high)
    if least <= point.value <= most:
        return Finding.CLEAR
    return Finding.BREACH if point.high < least or point.low > most else Finding.UNPROVEN


def _decided(fold: Fold, end: int, state: PlanState, rules: Sequence[Rule]) -> dict[str, int]:
    """The version's decisions in the pane that ended, by each group that a rule compares: `sex=F`, `age=<30,sex=F`."""
    plan = fold.measuring.plan
    given = {rule.attributes for rule in rules if isinstance(rule, Comparing)}
    names = {attributes for attributes in given if attributes} | ({*plan.attribute_sets} if None in given else set())
    alone = [attributes[0] for attributes in names if len(attributes) == 1]
    found = {f"{name}={group}": 0 for name in alone for group in plan.declared.get(name, ())}
    for cell, events in fold.added(end, state.version, state.at.arm):
        for attributes in names:
            groups = [cell.groups[name] for name in attributes]
            if not {UNKNOWN, OTHER} & set(groups):
                group = ",".join(f"{name}={value}" for name, value in zip(attributes, groups, strict=True))
                found[group] = found.get(group, 0) + events
    return found
