"""What rules look at beside metrics, read for a stretch of panes before they are judged: records, groups, labels, silence.

One object stands for one stretch [low, high) of one clock; after it is read, everything is pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from alerts.rules import Rule
from alerts.rules.absence import SILENCE, AbsenceRule
from alerts.rules.quality import OF_GROUPS, QualityRule
from alerts.verdicts import Observation
from monitor.config import ModelConfig
from monitor.times import DAY
from streams.arrivals import Arrivals, read_arrivals
from streams.coverage import coverage_ends, coverage_observations, read_coverage
from streams.measuring import Frame
from streams.periods import Periods
from streams.shares import vanished, wrong_groups
from streams.snapshots import Source

REACH = 35 * DAY
"""A model that was silent for longer is one that never had anything."""

TOPIC_OF = {"decision": "predictions", "outcome": "outcomes"}
"""Which topic's rules are judged by the clock of a time basis."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was read for the rules of one model over one stretch of panes."""

    model: ModelConfig
    rules: tuple[QualityRule | AbsenceRule, ...] = ()
    arrivals: Arrivals | None = None
    coverage: Mapping[tuple[str, int], Sequence[Observation]] = field(default_factory=dict)
    """(rule, end) -> what coverage was."""
    periods: Periods = field(default_factory=dict)

    def observations(self, end: int, frames: Mapping[int, Frame]) -> Iterator[Observation]:
        """What the rules look at when panes are complete up to `end`; `frames` are the windows there, by length."""
        for rule in self.rules:
            if self.arrivals is not None:
                yield from self.arrivals.observations(rule, end)
            if isinstance(rule, QualityRule):
                if rule.share in OF_GROUPS and rule.window_ms in frames:
                    yield from wrong_groups(rule, frames[rule.window_ms], tuple(self.model.attributes))
            elif rule.of == "labels":
                yield from self.coverage.get((rule.policy.name, end), ())
            elif rule.of == "groups" and {rule.window_ms, rule.before_ms} <= set(frames):
                declared = {name: given.groups for name, given in self.model.attributes.items()}
                yield from vanished(rule, frames[rule.window_ms], frames[rule.before_ms], declared)


def circumstantial(rules: Iterable[Rule], time_basis: str) -> tuple[QualityRule | AbsenceRule, ...]:
    """The rules that look at circumstances by this clock."""
    topic = TOPIC_OF[time_basis]
    return tuple(rule for rule in rules if isinstance(rule, QualityRule | AbsenceRule) and rule.topics == topic)


def windowless(rule: QualityRule | AbsenceRule) -> bool:
    """Whether it looks at records or labels, which are read from the database, and not at the sums of windows or at silence."""
    return rule.of == "labels" if isinstance(rule, AbsenceRule) else rule.share not in OF_GROUPS


def read_circumstances(
    connection: sa.Connection, of: tuple[ModelConfig, Source], rules: tuple[QualityRule | AbsenceRule, ...],
    span: tuple[int, int],
) -> Circumstances:  # fmt: skip
    """Read what the rules need for the ends in (low, high]; asks nothing of the database where no rule does."""
    model, source = of
    low, high = span
    bare = Arrivals(model.name, model.pane)
    arrivals = None
    if any(_counts_records(rule) for rule in rules):
        longest = max(rule.window_ms for rule in rules if _counts_records(rule))
        arrivals = read_arrivals(connection, bare, source.stream, (low - longest, high), REACH)
    coverage: dict[tuple[str, int], list[Observation]] = {}
    for rule in rules:
        if isinstance(rule, AbsenceRule) and rule.of == "labels":
            for end in coverage_ends(low, high):
                found: list[Observation] = []
                for attribute in rule.attributes or tuple(model.attributes):
                    groups = read_coverage(connection, bare, rule, (source.stream, attribute, end))
                    found += coverage_observations(rule, attribute, groups, end)
                coverage[rule.policy.name, end] = found
    return Circumstances(model, rules, arrivals, coverage)


def _counts_records(rule: QualityRule | AbsenceRule) -> bool:
    return rule.of in SILENCE if isinstance(rule, AbsenceRule) else rule.share not in OF_GROUPS
