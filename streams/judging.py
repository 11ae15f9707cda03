"""What one evaluation of a model gathers before it is written: states, steps, the route, points. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.control import RouteState
from alerts.evaluation import Step, Stored, evaluate
from alerts.payloads import Context
from streams.folding import Fold, Lost, Seen
from streams.measuring import Comparing, Place
from streams.points import Point
from streams.watching import Watched


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

    def look(self, fold: Fold) -> None:
        """Judge the rules at the end of the pane that the windows stand at, and take the points that are due there."""
        assert fold.end is not None
        self.looks += 1
        cited = self._judge(fold, fold.end) if fold.ruled else frozenset()
        for window in fold.windows:
            if window.due(fold.end) or window.length in cited:
                place = Place(window.length, fold.end, fold.time_basis)
                assessment = fold.seen(window, self.lost).assessment
                self.points += fold.measuring.points(assessment, place, cited=window.length in cited)

    def _judge(self, fold: Fold, end: int) -> frozenset[int]:
        """Judge the rules; returns the lengths of the windows that an alert which people are told of cites."""
        shown = {window: fold.seen(window, self.lost) for window in sorted(fold.ruled, key=lambda w: w.length)}
        observations = [
            observation
            for window, seen in shown.items()
            for observation in fold.measuring.observations(seen.assessment, Place(window.length, end, fold.time_basis))
        ]
        rules = fold.measuring.rules
        result = evaluate(rules, observations, self.states, self.route, self._context(end, list(shown.values())))
        self.states, self.route = result.states, result.route
        self.steps += result.steps
        told = {step.stored.rule for step in result.steps if step.transition is not None and step.transition.notifies}
        return frozenset(rule.window_ms for rule in rules if rule.policy.name in told and isinstance(rule, Comparing))

    def _context(self, end: int, shown: list[Seen]) -> Context:
        watched = self.watched
        return Context(
            model=watched.model.name,
            pane_end=end,
            config_version=watched.config_version,
            versions=tuple(sorted({version for seen in shown for version in seen.versions})),
            arms=tuple(sorted({arm for seen in shown for arm in seen.arms})),
            brakes=watched.brakes,
            routing=watched.routing,
        )
