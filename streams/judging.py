"""What one evaluation of a model gathers before it is written: states, steps, the route, points. Pure.

Windows are taken at the end of each pane and measured some ends at a time, which is cheaper; they are judged one end
after the other, since what an alert does depends on what it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.control import Brakes, RouteState
from alerts.evaluation import Step, Stored, evaluate
from alerts.payloads import Context
from alerts.rules import Rule, due
from alerts.rules.threshold import ThresholdRule
from alerts.verdicts import Observation
from streams.circumstances import Circumstances
from streams.folding import Fold, Lost
from streams.matured import Provers
from streams.measuring import Comparing, Frame, Measured, Measuring
from streams.periods import of_period
from streams.planning import AtEnd, Planning
from streams.points import Point
from streams.proving import Proof
from streams.watching import Watched

AT_ONCE = 64
"""So many pane ends are measured in one pass."""


@dataclass(slots=True)
class Judging:
    """The alerts of one model, carried from pane to pane; `points` and `steps` are what is new."""

    watched: Watched
    states: Mapping[str, Stored]
    route: RouteState
    lost: Lost = ()
    steps: list[Step] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    looks: int = 0
    prover: Provers | None = None
    """The evidence of the panes that are judged now."""
    circumstances: Circumstances | None = None
    """What was read for the stretch of panes that is judged now."""
    planning: Planning = field(default_factory=lambda: Planning(None, Brakes()))
    _taken: list[tuple[int, list[Frame]]] = field(default_factory=list)

    def take(self, fold: Fold) -> None:
        """Take the windows that rules look at, and those of which a point is due, at the end where they stand."""
        assert fold.end is not None
        self.looks += 1
        due = [window for window in fold.windows if window in fold.ruled or window.due(fold.end)]
        self._taken.append((fold.end, [fold.frame(window, self.lost) for window in due]))
        if len(self._taken) >= AT_ONCE:
            self.judge(fold)

    def judge(self, fold: Fold) -> None:
        """Measure and judge everything taken so far."""
        assert fold.end is not None
        taken, self._taken = self._taken, []
        if self.prover is not None:
            self.prover.followed = self.planning.version
        proofs: Sequence[Proof] = (
            [{}] * len(taken) if self.prover is None else self.prover.advance([end for end, _ in taken], fold.end)
        )
        measured = iter(fold.measuring.measure([frame for _, frames in taken for frame in frames]))
        due = {window.length: window for window in fold.windows}
        findings = self.prover.findings if self.prover is not None else [{}] * len(taken)
        for (end, frames), proof, known in zip(taken, proofs, findings, strict=True):
            found = [next(measured) for _ in frames]
            cited = self._judge(fold.measuring, Taken(end, found, proof)) if fold.measuring.rules else frozenset()
            before = len(self.points)
            for one in found:
                length = one.frame.place.length
                if length in cited or due[length].due(end):
                    self.points += one.points(cited=length in cited)
            self.route = self.planning.look(AtEnd(end, self.points[before:], known, self.states), fold, self.route)

    def _judge(self, measuring: Measuring, taken: "Taken") -> frozenset[int]:
        """Judge the rules; returns the lengths of the windows that an alert which people are told of cites."""
        end, windows = taken.end, {one.frame.place.length: one for one in taken.found}
        looking = {
            rule.policy.name: rule for rule in measuring.rules if isinstance(rule, Comparing) and not of_period(rule)
        }
        observations = [o for rule in looking.values() for o in taken.observations(windows[rule.window_ms], rule)]
        ruled = [windows[length] for length in sorted({rule.window_ms for rule in looking.values()})]
        rules = due(measuring.rules, end)
        if self.circumstances is not None:
            observations += self.circumstances.observations(end, {length: w.frame for length, w in windows.items()})
            for rule, frame in self.circumstances.periods.get(end, ()):
                (over,) = measuring.measure([frame])
                observations += over.observations(rule)
        result = evaluate(rules, observations, self.states, self.route, self._context(end, ruled))
        self.states, self.route = result.states, result.route
        self.steps += result.steps
        told = {step.stored.rule for step in result.steps if step.transition is not None and step.transition.notifies}
        return frozenset(rule.window_ms for name, rule in looking.items() if name in told)

    def step(self, rule: Rule, observations: Sequence[Observation], at: int) -> None:
        """Judge one rule at a time of its own: silence while the event clock stands still, records before anything is counted."""
        result = evaluate([rule], observations, self.states, self.route, self._context(at, ()))
        self.states, self.route = result.states, result.route
        self.steps += result.steps

    def _context(self, end: int, shown: Sequence[Measured]) -> Context:
        watched = self.watched
        return Context(
            model=watched.model.name,
            pane_end=end,
            config_version=watched.config_version,
            versions=tuple(sorted({version for one in shown for version in one.frame.filled.served[0]})),
            arms=tuple(sorted({arm for one in shown for arm in one.frame.filled.served[1]})),
            brakes=watched.brakes,
            links=watched.links,
            display_min=watched.model.display_min,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """The end of a pane with what was measured there and what the evidence was, by rule and attribute set."""

    end: int
    found: Sequence[Measured]
    proof: Proof

    def observations(self, window: Measured, rule: Comparing) -> Iterator[Observation]:
        """What a rule judges; with the evidence, if it is one that is judged by it."""
        if not isinstance(rule, ThresholdRule):
            yield from window.observations(rule)
            return
        for o in window.observations(rule):
            yield replace(o, rule=rule.policy.name, evidence=self.proof.get((rule.proven_by, o.attributes)))
