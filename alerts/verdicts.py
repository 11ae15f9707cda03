"""What a rule looks at, and what it concludes from it.

An `Observation` is one disparity (or the metric of one group) over one window, with the counts on both sides. A rule
judges all observations of a *family* (model, metric, attribute set, version and arm) together and gives one `Verdict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Finding(StrEnum):
    """What a rule found at the end of a pane."""

    BREACH = "breach"
    """Beyond the bound, and chance does not explain it."""
    UNPROVEN = "unproven"
    """Beyond the bound, but the interval reaches back over it: no ground to fire, none to call it recovered."""
    CLEAR = "clear"
    """Measured, and inside the bound."""
    INSUFFICIENT_DATA = "insufficient_data"
    """Undefined, suppressed, too few, or absent: says nothing, and so resolves nothing."""


@dataclass(frozen=True, slots=True)
class Side:
    """One group of a comparison.

    `n` is what was counted, `value` the metric, `numerator / denominator` where it is a rate.
    """

    groups: Mapping[str, str]
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    label_coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Stratified:
    """A comparison within strata of the legitimate factors, put together again; value None where there is none, and why."""

    factors: tuple[str, ...]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    strata: int = 0
    method: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Present:
    """What convinced: the leading group and its reference (None for a bound on one group) in the newest hour or 50 events.

    `window_ms` is how far they reach back: a third more than asked for at most, with all of a slow group's waiting.
    """

    window_ms: int
    value: float | None
    low: float | None
    high: float | None
    lower: Side
    higher: Side | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sequential evidence of a family at the end of a pane, in natural logarithms (nats).

    `needed` is what a page needs for at most `budget` expected false pages in 30 days; `overdispersion` (>= 1) what the
    evidence was divided by; `changed_at` the most likely beginning in ms; `groups` all that are implicated.

    `stands`: from the pane in which there was enough, and the present broke the bound too, until there was `recovery_needed`
    for the opposite. `warns`: a fraction of it, or all of it before tempering. `stale`: it stands, and nothing has come for
    so long that nobody can say. `withheld`: why the evidence may not be judged now; empty if it may.
    """

    log_evidence: float
    needed: float
    budget: float | None = None
    overdispersion: float | None = None
    changed_at: int | None = None
    leading: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[Mapping[str, str], ...] = ()
    stands: bool = False
    warns: bool = False
    stale: bool = False
    withheld: str = ""
    recovery: float | None = None
    recovery_needed: float | None = None
    present: Present | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """The same figure in a baseline, and where that comes from."""

    source: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One disparity, or one group's metric (`aggregate` empty, `higher` None), over the window that ends at
    `window_end`.

    `low` and `high` are the *simultaneous* interval over all pairs of the family. `subject` names what is compared so
    that it is recognised in the next pane: the group for comparisons with a fixed side, empty for a maximum over pairs.
    Times are milliseconds since 1970, event time.
    """

    metric: str
    attributes: tuple[str, ...]
    aggregate: str
    method: str
    window_ms: int
    window_end: int
    state: str
    value: float | None
    low: float | None = None
    high: float | None = None
    lower: Side | None = None
    higher: Side | None = None
    version: str = "*"
    arm: str = "*"
    time_basis: str = "decision"
    subject: str = ""
    reason: str = ""
    label_coverage: float | None = None
    stratified: Stratified | None = None
    evidence: Evidence | None = None
    """Of the family that this is of, where the rule that asked for it is judged by evidence."""
    rule: str = ""
    """The rule that asked for it; empty if any may look."""
    counted: bool = False
    """Of one without a value: whether something was counted on each side all the same, and only too little to be shown."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The groups that were compared: two for a disparity, one for a group's metric."""
        return tuple(side for side in (self.lower, self.higher) if side is not None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion of one rule about one family.

    `leading` is the observation to tell about, `breaching` all in breach. `evidence` is there where the rule is judged by
    it, `baseline` where it compares with one.
    """

    finding: Finding
    reason: str
    leading: Observation | None = None
    breaching: tuple[Observation, ...] = field(default=())
    evidence: Evidence | None = None
    baseline: Before | None = None

    @property
    def subjects(self) -> frozenset[str]:
        """The subjects of the observations in breach."""
        return frozenset(o.subject for o in self.breaching)
