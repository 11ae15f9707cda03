"""What a family tests, and with which settings."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

MONTH = 30 * 86_400
"""Seconds of the 30 days that budgets are counted in."""


class Kind(StrEnum):
    """How a group is compared with its reference."""

    RATIO = "ratio"
    """`p_g / p_r`, bounds such as 0.8 and 1.25."""
    DIFFERENCE = "difference"
    """`p_g - p_r`, bounds such as -0.1 and 0.1."""
    LEVEL = "level"
    """`p_g` itself, against a fixed bound; there is no reference."""


class Measure(StrEnum):
    """What a pane says about a group."""

    RATE = "rate"
    """Counts: n events, k of them favourable."""
    MEAN = "mean"
    """A bounded number, scaled to 0..1: n, sum and sum of squares."""


class Reference(StrEnum):
    """References that are not one configured group. Whichever it is, it is chosen before the pane is looked at."""

    REST = "*rest"
    """Everybody else."""
    OVERALL = "*overall"
    """Everybody, the group included."""
    BEST = "*best"
    """The group that did best in the past (worst, for an upper bound): the predictable form of max over pairs."""


class Side(StrEnum):
    """Which bound a detector watches."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings that no guarantee depends on, except through `E[E] <= 1`, which all of them keep. Times are minutes.

    Source: simulations of `make bench-evidence`.
    """

    grid: tuple[float, ...] = (0.97, 0.93, 0.86, 0.75, 0.60, 0.40)
    """Alternatives of a ratio, as fractions of its bound (inverse for an upper bound)."""
    steps: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35)
    """Alternatives of a difference or level: how far beyond the bound."""
    recovery_grid: tuple[float, ...] = (1.04, 1.1, 1.2, 1.35)
    recovery_steps: tuple[float, ...] = (0.01, 0.025, 0.05, 0.085)
    nuisance_half_life: float = 120.0
    """Of the reference's rate, which every alternative starts from."""
    rate_half_life: float = 1440.0
    """Of the groups' own rates."""
    few_events: float = 2000.0
    """With less of a past than this, a group's is remembered for longer: 500 events a day tell a ratio to no better than 0.06 else."""
    few_half_life: float = 7 * 1440.0
    """Of such a past."""
    temper: bool = True
    min_episode: float = 60.0
    """The shortest disparity episode worth a page: what varies faster is taken for the traffic's own unrest."""
    sigma0: float = 0.05
    """The unrest expected beforehand, relative to the rate (standard deviation)."""
    prior_blocks: float = 6.0
    """How many blocks of `min_episode` the prior is worth."""
    sigma_margin: float = 1.0
    """Standard errors that the learned variance is taken higher."""
    inflation: float = 1.5
    sigma_memory: float = 7 * 1440.0
    gate_window: float = 60.0
    gate_events: int = 50
    min_hold: float = 30.0
    resolve_evidence: float = 100_800.0
    """Evidence of recovery needed: 7 days of minutes / 0.1 premature resolves."""
    stale_after: float = 1440.0
    warn_fraction: float = 0.01
    """Evidence for a warning, as a fraction of what a page needs."""
    savings: float = 30 * 1440.0
    """Minutes of start mass that a family may save up; 0 starts all of it evenly."""
    base_share: float = 0.5
    """How much of the start mass is never saved."""
    spend_rate: float = 0.5
    """Savings spent at an alarm, and with each further nat of suspicion, as a rate (0.5: a share of 1 - e^-0.5 = 0.39)."""
    volume_weights: bool = False
    """Share a family's start mass by volume^.5 instead of evenly (hundreds of near-empty groups)."""


@dataclass(frozen=True)
class Spec:
    """One family: H0 is that every group keeps within `lower` and `upper`, compared with `reference` as `kind` says.

    ratio: `p_g >= lower * p_r`, `p_g <= upper * p_r`; difference: the same for `p_g - p_r`; level: for `p_g`.
    One bound may be None; with both, each has half the weight. Strata: the rule holds in every stratum, and e-values of the
    strata multiply inside the pane. Raises ValueError for a spec that means nothing.
    """

    groups: tuple[str, ...]
    lower: float | None = None
    upper: float | None = None
    reference: str = Reference.REST
    kind: Kind = Kind.RATIO
    measure: Measure = Measure.RATE
    strata: int = 1
    budget: float = 0.05
    """Expected false pages in 30 days, at most."""
    pane: int = 60
    """Seconds."""
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if self.lower is None and self.upper is None:
            yield "a family needs a lower or an upper bound"
        if len(set(self.groups)) != len(self.groups) or not self.groups:
            yield "groups must be named once each, and there must be one"
        if self.kind is not Kind.LEVEL:
            if len(self.groups) < 2:
                yield "comparing needs two groups"
            if self.reference not in {*self.groups, *Reference}:
                yield f"reference {self.reference!r} is none of the groups"
        if self.kind is Kind.RATIO and any(bound is not None and bound <= 0 for bound in (self.lower, self.upper)):
            yield "bounds of a ratio are positive"
        if self.kind is Kind.DIFFERENCE and any(
            bound is not None and abs(bound) >= 1 for bound in (self.lower, self.upper)
        ):
            yield "bounds of a difference lie between -1 and 1"
        if self.kind is Kind.LEVEL and any(
            bound is not None and not 0 < bound < 1 for bound in (self.lower, self.upper)
        ):
            yield "bounds of a level lie between 0 and 1"
        if self.budget <= 0 or self.pane <= 0 or self.strata < 1:
            yield "budget, pane and strata are positive"

    @cached_property
    def sides(self) -> tuple[tuple[Side, float], ...]:
        """The bounds that are watched."""
        both = ((Side.LOW, self.lower), (Side.HIGH, self.upper))
        return tuple((side, bound) for side, bound in both if bound is not None)

    @cached_property
    def plain_ratio(self) -> bool:
        """A lower bound of at most 1 on a ratio to other people's rate: no alternative is near 0 or 1, which is quicker to compute."""
        ratio = self.kind is Kind.RATIO and self.measure is Measure.RATE and self.reference != Reference.OVERALL
        return (
            ratio
            and self.upper is None
            and self.lower is not None
            and 0.1 <= self.lower <= 1
            and 0.2 <= min(self.tuning.grid) <= max(self.tuning.grid) < 1
        )

    @cached_property
    def month(self) -> float:
        """Panes in 30 days."""
        return MONTH / self.pane

    @cached_property
    def needed(self) -> float:
        """Log evidence (nats) that a page needs: `ln((panes in 30 days + savings) / budget)`."""
        return math.log((self.month + self.savings) / self.budget)

    @cached_property
    def savings(self) -> float:
        """Panes of start mass that may be saved up."""
        return self.tuning.savings * 60 / self.pane

    @cached_property
    def warn_needed(self) -> float:
        """Log evidence (nats) that a warning needs."""
        return self.needed + math.log(self.tuning.warn_fraction)

    @cached_property
    def recovery_needed(self) -> float:
        """Log evidence (nats) that a resolve needs, of every group that the page was about."""
        return math.log(self.tuning.resolve_evidence * 60 / self.pane)
