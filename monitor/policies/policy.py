"""What a policy is: the words of a regulation or a guideline as data, with where they come from and when they held.

A policy here is a *regulation's* or a house's way to judge parity over a period. (`alerts.policies.Policy` is another
thing: what every alert rule has beside its way of judging.) Nothing of it is legal advice, and no threshold of it is code:
each stands in a YAML file of this folder with its source.

Thresholds are fractions, so that 4/5 of 15 in 20 is compared in whole numbers and not in floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar, Literal

from monitor.comparisons import Aggregate

STRICT: Mapping[str, str] = {"extra": "forbid"}
"""For the loader: a key that is not known is a mistake."""


class Reference(StrEnum):
    """What a group is compared with."""

    HIGHEST = "highest"
    """The group with the highest value, whichever that is."""
    NAMED = "named"
    """The reference group that the model's configuration names."""
    REST = "rest"
    """Everybody but the group."""
    OVERALL = "overall"
    """Everybody."""


class Combine(StrEnum):
    """Whether the bound and the test of chance must both speak against it, or one is enough."""

    AND = "and"
    OR = "or"


class Procedure(StrEnum):
    """How chance is ruled out."""

    POOLED_Z = "pooled_z"
    """More than so many standard deviations; Fisher's exact test where counts are small."""
    INTERVAL = "interval"
    """The confidence interval, simultaneous over the groups compared, lies wholly beyond the bound."""


@dataclass(frozen=True, slots=True)
class Significance:
    """The statistical part of a criterion."""

    __pydantic_config__: ClassVar = STRICT

    test: Procedure
    deviations: Fraction = Fraction(2)
    """`pooled_z`: significant above, not at, so many standard deviations (Castaneda v. Partida: "two or three")."""
    exact_below_expected: Fraction = Fraction(5)
    """`pooled_z`: Fisher's test instead where a cell of the 2 x 2 table expects fewer than this,"""
    exact_below_n: int = 30
    """or where a group has fewer decisions than this."""
    exact_level: Fraction = Fraction(1, 20)
    """Fisher's two-sided p below which it is significant."""
    confidence: Fraction = Fraction(19, 20)
    """`interval`: its level."""
    clear_by: Literal["estimate", "interval"] = "estimate"
    """`interval`: clear when the estimate is inside the bound, or only when the whole interval is."""


@dataclass(frozen=True, slots=True)
class SmallNumbers:
    """What is said where few people stand behind a number."""

    __pydantic_config__: ClassVar = STRICT

    flip_flop: bool = False
    """A breach does not stand if one favourable decision more, taken from the other group, would be inside the bound."""
    detectable: bool = False
    """Nothing is said of a group so small that even none favoured would not have been significant."""
    action: Literal["extend", "suppress"] = "extend"
    """What to do then: look at a longer period (until then it cannot say), or leave the group's ratio out of the report."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One number and its bound. Without a bound it is reported and not judged."""

    __pydantic_config__: ClassVar = STRICT

    metric: str
    """A metric of `monitor.metrics`, or `scoring_rate`: the share of scores strictly above the full sample's median."""
    aggregate: Aggregate
    reference: Reference
    low: Fraction | None = None
    """The least value inside the bound."""
    high: Fraction | None = None
    """The greatest value inside the bound."""
    of_reference: bool = False
    """The bounds of a difference are multiples of the reference's own value."""
    significance: Significance | None = None
    combine: Combine = Combine.AND
    small_numbers: SmallNumbers = SmallNumbers()
    required: bool = True
    """If data without this metric (no labels, no scores) cannot be judged; else it is left out, and said."""

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("`low` must be below `high`")
        if self.of_reference and self.aggregate is Aggregate.RATIO:
            raise ValueError("`of_reference` is for a difference; a ratio is relative already")
        if (
            self.significance
            and self.significance.test is Procedure.INTERVAL
            and self.low is None
            and self.high is None
        ):
            raise ValueError("an interval needs `low` or `high` to lie beyond")


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Groups that are too small a share of all; their counts and rates stay in the table."""

    __pydantic_config__: ClassVar = STRICT

    below: Fraction
    """Strictly less than this share of the people of known group."""
    needs_justification: bool = False
    """True: may be left out, if somebody says why. False: is not judged."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where the instrument stood, says who, when."""

    __pydantic_config__: ClassVar = STRICT

    text: str
    source: str
    date: date


@dataclass(frozen=True, slots=True)
class Role:
    """An attribute that the policy is about, under the names by which a configuration may call it."""

    __pydantic_config__: ClassVar = STRICT

    name: str
    called: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """How reports show the policy's table."""

    __pydantic_config__: ClassVar = STRICT

    heading: str = ""
    """Above the table; empty: the policy's name."""
    standing: bool = False
    """Whether every report has it, asked for or not."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long figures must be kept at least, and who says so."""

    __pydantic_config__: ClassVar = STRICT

    days: int
    source: str

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError("`days` must be above 0")


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy: what held from `effective_from` to `effective_to`, both included."""

    __pydantic_config__: ClassVar = STRICT

    id: str
    title: str
    jurisdiction: str
    instrument: str
    citation: str
    status: Status
    explanation: str
    """For the reader of a result: what it means and what it does not."""
    effective_from: date | None = None
    effective_to: date | None = None
    """None: until further notice."""
    attributes: tuple[Role, ...] = ()
    """Judged are these, each alone and together; all of them must be there. Empty: every attribute that there is."""
    depth: int | None = None
    """Most attributes in an intersection; None: as many as the data was counted by."""
    criteria: tuple[Criterion, ...] = ()
    exclusion: Exclusion | None = None
    least_period_days: int | None = None
    """How often it asks to be looked at, at least."""
    report: Template = Template()
    retention: Retention | None = None
    """None: it does not say. `fairdrift check` compares it with the configuration's."""
    notes: tuple[str, ...] = field(default=())

    def holds(self, on: date) -> bool:
        """Whether this version was in force on a day."""
        return (self.effective_from is None or self.effective_from <= on) and (
            self.effective_to is None or on <= self.effective_to
        )
