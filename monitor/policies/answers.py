"""What a policy says: an answer, its named reasons, and a line of figures for every group behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.policies.counts import Chance
from monitor.policies.policy import Criterion, Policy


class Answer(StrEnum):
    """What a policy says of the data."""

    CLEAR = "clear"
    BREACHED = "breached"
    CANNOT_SAY = "cannot say"


class Reason(StrEnum):
    """Why, by name. `WORDS` has a sentence for each."""

    INSIDE = "inside"
    BEYOND = "beyond"
    SIGNIFICANT = "significant"
    SIGNIFICANT_INSIDE = "significant inside"
    NOT_SIGNIFICANT = "not significant"
    FLIP_FLOP = "flip-flop"
    UNDETECTABLE = "undetectable"
    INTERVAL_SPANS = "interval spans the bound"
    NOBODY_FAVOURED = "nobody favoured"
    UNDEFINED = "undefined"
    NO_COUNTS = "no counts"
    NO_REFERENCE = "no reference"
    ALONE = "alone"
    EXCLUDED = "excluded"
    NOT_EXCLUDED = "not excluded"
    WITHHELD = "withheld"
    NO_PASS_MARK = "no pass mark"  # noqa: S105 - a threshold that is not there
    NOT_MEASURED = "not measured"
    ATTRIBUTE_MISSING = "attribute missing"
    NOT_IN_FORCE = "not in force"


WORDS: Mapping[Reason, str] = {
    Reason.INSIDE: "inside the bound",
    Reason.BEYOND: "beyond the bound",
    Reason.SIGNIFICANT: "chance does not explain the difference",
    Reason.SIGNIFICANT_INSIDE: "inside the bound, yet more than chance explains: worth a look",
    Reason.NOT_SIGNIFICANT: "beyond the bound, but chance may explain it: look at a longer period",
    Reason.FLIP_FLOP: "one decision the other way would bring it inside the bound: look at a longer period",
    Reason.UNDETECTABLE: "so few decisions that no result could be significant: look at a longer period",
    Reason.INTERVAL_SPANS: "the confidence interval is on both sides of the bound",
    Reason.NOBODY_FAVOURED: "nobody was decided favourably in the group it is compared with",
    Reason.UNDEFINED: "the rate has no denominator",
    Reason.NO_COUNTS: "the metric is no rate of whole counts, which the test of chance needs",
    Reason.NO_REFERENCE: "no reference group is named, or nobody is in it",
    Reason.ALONE: "there is no second group to compare with",
    Reason.EXCLUDED: "too small a share of all to be judged; its numbers are kept",
    Reason.NOT_EXCLUDED: "its share is not small enough to be left out, whatever the justification",
    Reason.WITHHELD: "too few decisions for the policy to report a ratio",
    Reason.NO_PASS_MARK: "the policy has no pass mark: the table is the result",
    Reason.NOT_MEASURED: "the data does not have what the metric needs",
    Reason.ATTRIBUTE_MISSING: "an attribute that the policy is about is not in the data",
    Reason.NOT_IN_FORCE: "no version of the policy was in force",
}

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """One metric of one group: `value` is numerator / n; the numerator is None if it is no whole count."""

    values: Values
    n: int
    numerator: int | None
    value: float | None

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """The group, in a fixed order."""
        return tuple(sorted(self.values.items()))


Figures = Mapping[tuple[str, tuple[str, ...]], Sequence[Counted]]
"""(metric, attribute set) -> its groups, `unknown` and `other` included. Everybody is attribute set ()."""


@dataclass(frozen=True, slots=True)
class Context:
    """What people decided beside the data."""

    references: Values = field(default_factory=dict)
    """Attribute -> its reference group."""
    justifications: Mapping[tuple[tuple[str, str], ...], str] = field(default_factory=dict)
    """Group -> why it may be left out where it is a small share."""
    roles: Values = field(default_factory=dict)
    """Role of the policy -> the attribute that plays it, where the name does not say."""


@dataclass(frozen=True, slots=True)
class Line:
    """One group under one criterion."""

    criterion: Criterion
    attribute_set: tuple[str, ...]
    group: Counted
    answer: Answer | None
    """None: not judged, since too small a share, too few to be reported, or without a pass mark."""
    reasons: tuple[Reason, ...]
    base: Counted | None = None
    """What it is compared with; None where nothing is. The group itself if it is the reference."""
    value: float | None = None
    """The ratio or difference."""
    low: float | None = None
    high: float | None = None
    """Its interval, simultaneous over the groups that are compared."""
    chance: Chance | None = None
    shortfall: int = 0
    """How many more favourable decisions in this group would reach the lower bound."""
    share: float | None = None
    """Of the people of known group."""
    justification: str = ""

    @property
    def is_excluded(self) -> bool:
        """Whether it is left out for its small share."""
        return Reason.EXCLUDED in self.reasons

    @property
    def is_reference(self) -> bool:
        """Whether the group is what others are compared with."""
        return self.base is not None and self.base.key == self.group.key


@dataclass(frozen=True, slots=True)
class Judgement:
    """A policy's answer over one period. `unknown` counts, per attribute set, people of whom a group is not known."""

    policy: Policy
    answer: Answer
    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]
    unknown: Mapping[tuple[str, ...], int]
    notes: tuple[str, ...] = ()
