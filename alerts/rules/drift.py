"""`drift`: a disparity against what it was when somebody looked at it and agreed: worse than the baseline allows.

    ratio        at least (1 - tolerance) x the lower end of the baseline's interval     (0.95 of it by default)
    difference   at most the upper end of the baseline's interval + tolerance

of the group that is furthest from the others in the baseline. The baseline is a stored audit (`fairdrift audit
--store-baseline`), a reference period, what was counted of the version before the newest, or numbers that somebody wrote
down. The bound is frozen with it and judged by sequential evidence, as that of a `threshold` is. A ticket by default: a model
may drift and still be inside every agreed bound. Without a baseline there is nothing to say: insufficient data.

Source: statistical design 2.5, "drift vs baseline": 0.95 x the lower 95% bound of the baseline's ratio.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from alerts.config import BoundConfig, RuleConfig, ThresholdConfig
from alerts.rules.threshold import Bound, ThresholdRule
from alerts.verdicts import Before, Finding, Observation, Verdict
from monitor.sections import Config, Duration, Name, Problem
from monitor.times import DAY

UNBROKEN = {"ratio": Bound(minimum=1e-6), "difference": Bound(maximum=1 - 1e-6)}
"""A bound that nothing breaks, until there is a baseline."""

TOLERANCE = 0.05


class PeriodConfig(Config):
    """A reference period, by the time of the decision."""

    starts: datetime
    ends: datetime

    def problems(self) -> Iterator[Problem]:
        if not (self.starts.tzinfo and self.ends.tzinfo):
            yield ("starts",), "times need an offset, as in 2026-01-01T00:00:00Z"
        elif self.starts >= self.ends:
            yield ("ends",), "must be after `starts`"


class AgreedConfig(Config):
    """A disparity as it was agreed on, with its interval; `source` says where it stands."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    source: str = Field(default="as agreed", min_length=1)

    def problems(self) -> Iterator[Problem]:
        if self.low > self.high:
            yield ("low",), "must not be above `high`"


class DriftConfig(RuleConfig):
    """A disparity against its baseline. `reference` is how much of the previous version's time is its baseline."""

    type: Literal["drift"]
    metric: str = Field(min_length=1)
    attributes: tuple[Name, ...] = Field(min_length=1)
    aggregate: Literal["difference", "ratio"] = "ratio"
    method: Literal["between_groups", "to_overall", "to_rest", "to_reference"] = "between_groups"
    baseline: Literal["audit", "previous_version"] | PeriodConfig | AgreedConfig = "audit"
    tolerance: float = Field(default=TOLERANCE, ge=0, lt=1)
    reference: Duration = 30 * DAY
    window: Duration = DAY
    min_n: int = Field(default=10, ge=1)
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    severity: Literal["page", "ticket", "info"] = "ticket"

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(given)))

    def as_threshold(self) -> ThresholdConfig:
        """The threshold that it is, with a bound that nothing breaks."""
        bound = UNBROKEN[self.aggregate]
        return ThresholdConfig.model_construct(
            name=self.name,
            type="threshold",
            model=self.model,
            metric=self.metric,
            attributes=self.attributes,
            aggregate=self.aggregate,
            method=self.method,
            bound=BoundConfig(min=bound.minimum, max=bound.maximum),
            window=self.window,
            min_n=self.min_n,
            budget=self.budget,
            severity=self.severity,
            for_=self.for_,
            keep_firing_for=self.keep_firing_for,
            labels=self.labels,
            annotations=self.annotations,
            receivers=self.receivers,
            rollback=self.rollback,
            groups=None,
        )


@dataclass(frozen=True, slots=True)
class DriftRule(ThresholdRule):
    """A threshold whose bound comes from a baseline."""

    type: ClassVar[str] = "drift"

    wanted: Literal["audit", "previous_version"] | PeriodConfig | AgreedConfig = "audit"
    tolerance: float = TOLERANCE
    reference_ms: int = 30 * DAY
    baseline: Before | None = None

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        if self.baseline is None:
            return Verdict(Finding.INSUFFICIENT_DATA, "there is no baseline yet")
        return replace(ThresholdRule.judge(self, observations, concerned), baseline=self.baseline)

    def against(self, baseline: Before) -> "DriftRule":
        """The rule with the bound that this baseline makes; without one while it says nothing."""
        bound = drift_bound(self.aggregate, baseline, self.tolerance)
        return self if bound is None else replace(self, bound=bound, baseline=baseline)

    @classmethod
    def from_config(cls, config: DriftConfig, model: str) -> "DriftRule":  # type: ignore[override]
        plain = ThresholdRule.from_config(config.as_threshold(), model)
        known = {name: getattr(plain, name) for name in ThresholdRule.__dataclass_fields__}
        rule = cls(**known, wanted=config.baseline, tolerance=config.tolerance, reference_ms=config.reference)
        if isinstance(config.baseline, AgreedConfig):
            agreed = config.baseline
            return rule.against(Before(agreed.source, None, agreed.low, agreed.high))
        return rule


def drift_bound(aggregate: str, baseline: Before, tolerance: float) -> Bound | None:
    """The bound that a baseline makes; None where its interval has no end, or makes a bound that nothing could break."""
    if aggregate == "ratio":
        low = None if baseline.low is None else (1 - tolerance) * baseline.low
        return Bound(minimum=low) if low is not None and low > 0 else None
    high = None if baseline.high is None else baseline.high + tolerance
    return Bound(maximum=high) if high is not None and 0 < high < 1 else None


RULE = DriftRule
