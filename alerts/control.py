"""The route of a model: state, not an event. Pure decisions about changing it.

Routes by how much of the decisions the model makes: `live` all, `canary` a percentage, `shadow` and `fallback` none
(in `shadow` it goes on scoring for comparison). A rule may only ever lower that share, and only within the brakes;
whatever raises it is done by a person, who is not braked, or by a canary plan that a person began (`alerts.plans`).
There is no other automatic restore: the traffic that showed the disparity is no longer the model's, so parity after a
rollback says nothing about the model.

A freeze (the kill switch) stops whatever happens by itself, rules and plans; people can still change the route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DAY_MS = 86_400_000

BY_RULE = "rule:"
"""Prefix of `changed_by` where a rule changed the route."""

BY_PLAN = "plan:"
"""Prefix of `changed_by` where a canary plan did."""


class Route(StrEnum):
    """Where a model's decisions come from. The text is stored and published."""

    LIVE = "live"
    CANARY = "canary"
    SHADOW = "shadow"
    FALLBACK = "fallback"


class Refusal(StrEnum):
    """Why a change was not made. The text is shown to the responder."""

    DRY_RUN = "dry run: the rule only says what it would do"
    ALREADY_OUT = "the model's share of the decisions is not above that already"
    FROZEN = "automatic changes are frozen"
    DISAGREEMENT = "another rule must agree, and none does yet"
    COOL_DOWN = "the last change was too short a time ago"
    DAILY_MAXIMUM = "the most automatic changes of a day have been made"


@dataclass(frozen=True, slots=True)
class RouteState:
    """The route in force. `automatic` holds the times (event time, ms) of changes made by rules, of a day at least.

    `rest` decides what a canary does not: `live` (the version before it) or `fallback`. `version` is the one that is in
    canary or in shadow, where somebody said which. `frozen`: nothing may change by itself.
    """

    model: str
    route: Route = Route.LIVE
    percent: float | None = None
    epoch: int = 0
    changed_at: int | None = None
    automatic: tuple[int, ...] = ()
    rest: Route = Route.LIVE
    version: str = ""
    frozen: bool = False

    @property
    def share(self) -> float:
        """The percentage of decisions that the model makes."""
        return share(self.route, self.percent)


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """Somebody wants another route. `by` is `rule:<name>`, `plan:<version>` or a person; `evidence` is kept with it.

    `agreeing` is how many rules ask for a rollback at the same time, this one included.
    """

    to: Route
    by: str
    reason: str
    percent: float | None = None
    alert: str | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    dry_run: bool = False
    rest: Route = Route.LIVE
    version: str = ""
    agreeing: int = 1


@dataclass(frozen=True, slots=True)
class Brakes:
    """How far rules may go by themselves; for one model. `dry_run` here holds for all rules and plans.

    `agreement`: so many rules must ask for a rollback before there is one.
    """

    dry_run: bool = False
    cool_down_ms: int = 3_600_000
    daily_maximum: int = 3
    agreement: int = 1


@dataclass(frozen=True, slots=True)
class RouteChange:
    """A change that is to be made: the row of the history, and what is published."""

    model: str
    epoch: int
    before: Route
    after: Route
    percent: float | None
    reason: str
    by: str
    alert: str | None
    evidence: Mapping[str, object]
    effective_at: int
    rest: Route = Route.LIVE
    version: str = ""

    def applied_to(self, state: RouteState) -> RouteState:
        """The route in force after the change."""
        recent = tuple(at for at in state.automatic if at > self.effective_at - DAY_MS)
        if self.by.startswith(BY_RULE):
            recent = (*recent, self.effective_at)
        at = self.effective_at
        return RouteState(
            self.model, self.after, self.percent, self.epoch, at, recent, self.rest, self.version, state.frozen
        )


def share(route: Route, percent: float | None) -> float:
    """The percentage of decisions that the model makes on that route."""
    if route is Route.LIVE:
        return 100.0
    if route is Route.CANARY:
        return percent or 0.0
    return 0.0


def decide(state: RouteState, request: RouteRequest, now: int, brakes: Brakes) -> RouteChange | Refusal:
    """The change to make, or why none is made. `now` is ms of event time.

    Of a rule, the first reason that holds is given, in this order: nothing to lower, dry run, frozen, no agreement,
    cool-down, daily maximum. A plan heeds the dry run and the freeze; a person is not braked.
    """
    if request.to is Route.CANARY and not (request.percent is not None and 0 < request.percent < 100):
        raise ValueError(f"a canary needs a percentage between 0 and 100, not {request.percent}")
    refusal = _refusal(state, request, now, brakes)
    if refusal is not None:
        return refusal
    canary = request.to is Route.CANARY
    return RouteChange(
        model=state.model,
        epoch=state.epoch + 1,
        before=state.route,
        after=request.to,
        percent=request.percent if canary else None,
        reason=request.reason,
        by=request.by,
        alert=request.alert,
        evidence=request.evidence,
        effective_at=now,
        rest=request.rest if canary or request.to is Route.SHADOW else Route.LIVE,
        version=request.version,
    )


def _refusal(state: RouteState, request: RouteRequest, now: int, brakes: Brakes) -> Refusal | None:
    if request.by.startswith(BY_RULE):
        return _braked(state, request, now, brakes)
    if request.by.startswith(BY_PLAN):
        return _stopped(state, request, brakes)
    wanted = (request.to, request.percent, request.version)
    return Refusal.ALREADY_OUT if wanted == (state.route, state.percent, state.version) else None


def _braked(state: RouteState, request: RouteRequest, now: int, brakes: Brakes) -> Refusal | None:
    if share(request.to, request.percent) >= state.share:
        return Refusal.ALREADY_OUT
    stopped = _stopped(state, request, brakes)
    if stopped is not None:
        return stopped
    if request.agreeing < brakes.agreement:
        return Refusal.DISAGREEMENT
    if state.changed_at is not None and now - state.changed_at < brakes.cool_down_ms:
        return Refusal.COOL_DOWN
    if sum(1 for at in state.automatic if at > now - DAY_MS) >= brakes.daily_maximum:
        return Refusal.DAILY_MAXIMUM
    return None


def _stopped(state: RouteState, request: RouteRequest, brakes: Brakes) -> Refusal | None:
    if request.dry_run or brakes.dry_run:
        return Refusal.DRY_RUN
    return Refusal.FROZEN if state.frozen else None
