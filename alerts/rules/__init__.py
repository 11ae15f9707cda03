"""Rule types, one module each: the folder is the registry.

A module defines one class named in its `RULE`; its `type` is the word for it in the configuration. The contract suite
(tests/contracts/test_rules.py) runs over all of them.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from alerts.config import EVERY_MODEL, RuleConfig
from alerts.errors import UnknownRuleType
from alerts.labels import Family
from alerts.policies import Policy
from alerts.verdicts import Observation, Verdict


class Rule(Protocol):
    """A bound that somebody agreed on, and how it is judged. Immutable; judging is a pure function."""

    type: ClassVar[str]

    @property
    def policy(self) -> Policy:
        """Name, patience, labels, receivers."""

    @classmethod
    def from_config(cls, config: Any, model: str) -> "Rule":
        """The rule for one model, from its configuration (`alerts.config.RuleConfig` of its type)."""

    def families(self) -> tuple[Family, ...]:
        """The families that are judged even when nothing was observed of them."""

    def watches(self, family: Family) -> bool:
        """Whether the family is one of this rule's, as it is configured now."""

    def selects(self, observation: Observation) -> bool:
        """Whether the observation is one that this rule judges."""

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        """The verdict over one family at the end of one pane.

        `concerned` are the subjects that were in breach in the running episode: only they can end it. Without
        observations the finding is `insufficient_data`. The order of the observations does not matter.
        """

    def bound_text(self) -> str:
        """The bound in words, as in "at least 0.8"."""

    def bounds(self) -> tuple[float | None, float | None]:
        """The least and greatest value inside the bound."""


@runtime_checkable
class Occasional(Protocol):
    """The part of a rule that is not judged at every pane end: only at whole multiples of `every_ms`."""

    @property
    def every_ms(self) -> int: ...


@runtime_checkable
class Periodic(Protocol):
    """The part of a rule that may be judged over a period that begins at a date, instead of a window that moves."""

    @property
    def of_period(self) -> bool:
        """Whether it is."""

    def since(self, end: int) -> int | None:
        """Where the period that ends at `end` began (ms); None where it is a window."""


def due(rules: Iterable[Rule], end: int) -> tuple[Rule, ...]:
    """The rules to be judged at this end (ms)."""
    return tuple(rule for rule in rules if not isinstance(rule, Occasional) or end % rule.every_ms == 0)


@runtime_checkable
class Several(Protocol):
    """The part of a rule that has one bound for one thing it looks at and another for another."""

    def bounds_of(self, observation: Observation) -> tuple[float | None, float | None]:
        """The least and greatest value inside the bound of this one."""


@runtime_checkable
class Circumstantial(Protocol):
    """The part of a rule that looks at something else than a metric: records, groups, labels, silence."""

    @property
    def topics(self) -> Literal["predictions", "outcomes"]:
        """Whose clock says when it is judged."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The lengths in ms of the windows whose sums by group it looks at; empty if it needs none."""


@cache
def rule_types() -> dict[str, type[Rule]]:
    """Every rule type by its name in the configuration."""
    found: dict[str, type[Rule]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        rule: type[Rule] = importlib.import_module(f"{__name__}.{info.name}").RULE
        found[rule.type] = rule
    return found


def make_rules(configs: Iterable[RuleConfig], models: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that a configuration asks for: one for its model, or one for every model where it names none.

    UnknownRuleType if no module provides a type.
    """
    types, every = rule_types(), tuple(models)
    made: list[Rule] = []
    for config in configs:
        if config.type not in types:
            raise UnknownRuleType(config.name, config.type, tuple(types))
        chosen = every if config.model == EVERY_MODEL else (config.model,)
        made += [types[config.type].from_config(config, model) for model in chosen]
    return tuple(made)
