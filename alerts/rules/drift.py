"""`drift`: a disparity against what it was when somebody looked at it and agreed: worse than the baseline allows.

    ratio        at least (1 - tolerance) x the lower end of the baseline's interval     (0.95 of it by default)
    difference   at most the upper end of the baseline's interval + tolerance

of the group that is furthest from the others in the baseline. The baseline is a stored audit (`fairdrift audit
--store-baseline`), a reference period, what was counted of the version before the newest, or numbers that somebody wrote
down. The bound is frozen with it and judged by sequential evidence, as that of a `threshold` is. A ticket by default: a model
may drift and still be inside every agreed bound. Without a baseline there is nothing to say: insufficient data.

Source: statistical design 2.5, "drift vs baseline": 0.95 x the lower 95% bound of the baseline's ratio.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

from alerts.config import TOLERANCE, AgreedConfig, DriftConfig, PeriodConfig
from alerts.rules.threshold import Bound, ThresholdRule
from alerts.verdicts import Before, Finding, Observation, Verdict
from monitor.times import DAY


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
        known = {name: getattr(plain, name) for name in (field.name for field in fields(plain))}
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
