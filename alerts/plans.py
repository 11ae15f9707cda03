"""Canary plans: letting a new version in step by step, each step earned. Pure; time is event time in ms.

A plan is steps of rising percentages: 0 is shadow (it scores, somebody else decides), 100 is live. A step is passed when

    time inside      the looks at which every bound was *clear* follow each other for so long in sum,
    decisions        every compared group has had so many of this version in this step,
    now              the bounds are clear at this look too, and
    proof            where the step asks for it, there is evidence that the bounds are kept.

Outside the bound without proof (`unproven`) and too little data (`insufficient_data`) stop the clock and prove nothing.
A breach, or one of the plan's rules firing over everything served, drops the version to shadow and ends the plan. So does
anybody else's change of the route: the plan knows the epoch that it made last. A person begins, holds, advances.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from alerts.control import BY_PLAN, Route, RouteRequest, RouteState
from alerts.verdicts import Finding
from alerts.words import several


class Status(StrEnum):
    """Where a plan stands. The text is stored."""

    RUNNING = "running"
    HELD = "held"
    """A person holds it: it does not advance, and still drops."""
    DROPPED = "dropped"
    INTERRUPTED = "interrupted"
    """Somebody else changed the route."""
    DONE = "done"


OPEN = (Status.RUNNING, Status.HELD)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """`percent` of the decisions for at least `inside_ms` inside the bounds, with `min_n` decisions of each group."""

    percent: float
    inside_ms: int = 0
    min_n: int = 0
    proven: bool = False

    @property
    def route(self) -> Route:
        """The route of this step."""
        if self.percent <= 0:
            return Route.SHADOW
        return Route.LIVE if self.percent >= 100 else Route.CANARY

    @property
    def arm(self) -> str:
        """The arm under which the version's decisions come in this step."""
        return "shadow" if self.route is Route.SHADOW else self.route.value


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for one model, the rules whose bounds count, the window in which they are looked at.

    `rest` decides what the version does not. Not `automatic`: a person advances each step that is passed.
    """

    model: str
    steps: tuple[PlanStep, ...]
    rules: tuple[str, ...]
    window_ms: int
    rest: Route = Route.LIVE
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class Stand:
    """How a version does in one arm: the finding over all bounds of the plan, and the figures behind it.

    `proven`: there is evidence, and not only an estimate, that all bounds are kept.
    """

    finding: Finding
    reason: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)
    proven: bool = False


class Standing(Protocol):
    """Says how a version does in an arm in the window that ends now."""

    def of(self, version: str, arm: str) -> Stand: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What was seen in this step. `clear_at`: the last look, if it was clear; `decided`: this version's, by group."""

    entered: int
    looked: int
    inside_ms: int = 0
    clear_at: int | None = None
    decided: Mapping[str, int] = field(default_factory=dict)
    finding: str = ""
    reason: str = ""
    proven: bool = False


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan under way (or over), as it is kept between looks."""

    plan: Plan
    version: str
    status: Status
    step: int
    epoch: int
    progress: Progress

    @property
    def open(self) -> bool:
        """Whether it is still under way."""
        return self.status in OPEN

    @property
    def at(self) -> PlanStep:
        """The step in force."""
        return self.plan.steps[self.step]

    @property
    def passed(self) -> bool:
        """Whether everything that this step asks for was seen at the last look."""
        seen, asked = self.progress, self.at
        enough = min(seen.decided.values(), default=0) >= asked.min_n
        shown = seen.proven or not asked.proven
        return seen.clear_at is not None and seen.inside_ms >= asked.inside_ms and enough and shown


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has: the end of the pane, how the version does, whether one of the plan's rules fires over everything
    served, and how many decisions of the version this pane added, by group."""

    now: int
    stand: Stand
    firing: bool = False
    decided: Mapping[str, int] = field(default_factory=dict)


def first(plan: Plan, version: str, by: str, why: str) -> RouteRequest:
    """What the person who begins a plan asks for: its first step."""
    return _request(plan, version, plan.steps[0], by, f"plan for {version} begins: {why}")


def begun(plan: Plan, version: str, epoch: int, now: int) -> PlanState:
    """The plan after its first step was put in force as `epoch`."""
    return PlanState(plan, version, Status.RUNNING, 0, epoch, Progress(now, now))


def count(state: PlanState, decided: Mapping[str, int]) -> PlanState:
    """With the decisions of one more pane."""
    if not decided:
        return state
    total = {
        group: state.progress.decided.get(group, 0) + decided.get(group, 0)
        for group in sorted({*state.progress.decided, *decided})
    }
    return replace(state, progress=replace(state.progress, decided=total))


def look(state: PlanState, seen: Seen, route: RouteState) -> tuple[PlanState, RouteRequest | None]:
    """The plan after one more look, and the change of route that it asks for.

    A look that is not later than the last one changes nothing. The change is put in force by `moved`.
    """
    if not state.open or seen.now <= state.progress.looked:
        return state, None
    if route.epoch != state.epoch:
        return replace(state, status=Status.INTERRUPTED), None
    state = count(state, seen.decided)
    state = replace(state, progress=_progress(state.progress, seen))
    if seen.firing or seen.stand.finding is Finding.BREACH:
        return _drop(state, seen)
    if state.status is Status.RUNNING and state.plan.automatic and state.passed:
        return state, _next(state, f"{BY_PLAN}{state.version}", _earned(state))
    return state, None


def advance(state: PlanState, by: str, why: str) -> RouteRequest:
    """What a person who advances a plan asks for: its next step, passed or not."""
    return _next(state, by, f"{_name(state)} advanced by hand: {why}")


def moved(state: PlanState, epoch: int, now: int) -> PlanState:
    """The plan after its next step was put in force as `epoch`: with the last one it is done."""
    step = state.step + 1
    status = Status.DONE if step == len(state.plan.steps) - 1 else Status.RUNNING
    return replace(state, step=step, epoch=epoch, status=status, progress=Progress(now, now))


def _progress(before: Progress, seen: Seen) -> Progress:
    clear = seen.stand.finding is Finding.CLEAR and not seen.firing
    more = seen.now - before.clear_at if clear and before.clear_at is not None else 0
    return replace(
        before,
        looked=seen.now,
        inside_ms=before.inside_ms + more,
        clear_at=seen.now if clear else None,
        finding=seen.stand.finding.value,
        reason=seen.stand.reason,
        proven=clear and seen.stand.proven,
    )


def _drop(state: PlanState, seen: Seen) -> tuple[PlanState, RouteRequest | None]:
    dropped = replace(state, status=Status.DROPPED)
    if state.at.route is Route.SHADOW:
        return dropped, None
    why = "a rule of the plan fires over everything served" if seen.firing else seen.stand.reason
    request = _request(state.plan, state.version, PlanStep(0), f"{BY_PLAN}{state.version}", f"{_name(state)}: {why}")
    return dropped, replace(request, evidence=dict(seen.stand.figures))


def _next(state: PlanState, by: str, why: str) -> RouteRequest:
    following = state.plan.steps[state.step + 1]
    request = _request(state.plan, state.version, following, by, why)
    return replace(request, evidence={"decided": dict(state.progress.decided), "inside_ms": state.progress.inside_ms})


def _earned(state: PlanState) -> str:
    hours, least = state.progress.inside_ms / 3_600_000, min(state.progress.decided.values(), default=0)
    return f"{_name(state)} passed: {hours:g} h inside the bounds, at least {several(least, 'decision')} of each group"


def _name(state: PlanState) -> str:
    return f"plan for {state.version}, step {state.step + 1} of {len(state.plan.steps)} ({state.at.percent:g}%)"


def _request(plan: Plan, version: str, to: PlanStep, by: str, why: str) -> RouteRequest:
    percent = to.percent if to.route is Route.CANARY else None
    return RouteRequest(to.route, by, why, percent=percent, rest=plan.rest, version=version)
