"""`threshold`: a bound on a disparity, or on the metric of a group.

In breach when all of these hold for at least one comparison of the family:

- the point estimate is outside the bound: `value < min` or `value > max`;
- the simultaneous interval lies wholly beyond it: `high < min` or `low > max`;
- each side counts at least `min_n`.

The estimate outside with the interval reaching back over the bound is *unproven*: it neither fires nor resolves. Clear
is a measured estimate inside the bound. A firing alert is resolved by the subjects that were in breach: each of them
must be measured, with enough counted, and inside.

Source: Clarify's bias drift rule (constraint outside the interval); the sequential evidence of DESIGN 7 takes the
place of the interval when it is there, and the interval remains for reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alerts.config import ThresholdConfig
from alerts.labels import Family
from alerts.policies import Policy, policy_of
from alerts.verdicts import Finding, Observation, Verdict
from monitor.metrics import metric

MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Bound:
    """The least and the greatest value that are still inside; None for no bound on that side."""

    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError("a bound has a minimum, a maximum or both")

    def excess(self, value: float) -> float:
        """How far `value` is beyond the bound; 0 or less inside it."""
        under = self.minimum - value if self.minimum is not None else float("-inf")
        over = value - self.maximum if self.maximum is not None else float("-inf")
        return max(under, over)

    def excludes(self, low: float, high: float) -> bool:
        """Whether the whole interval lies beyond the bound, on one side of it."""
        return (self.minimum is not None and high < self.minimum) or (self.maximum is not None and low > self.maximum)

    def __str__(self) -> str:
        parts = []
        if self.minimum is not None:
            parts.append(f"at least {self.minimum:g}")
        if self.maximum is not None:
            parts.append(f"at most {self.maximum:g}")
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A bound on one metric of one model; without `attributes` every attribute set that is measured is a family."""

    type: ClassVar[str] = "threshold"

    policy: Policy
    metric: str
    bound: Bound
    attributes: tuple[str, ...] | None
    aggregate: str = ""
    method: str = ""
    window_ms: int = 86_400_000
    min_n: int = 1
    groups: tuple[tuple[str, str], ...] | None = None
    """Of a bound on one group's metric: which group; None for all."""

    def families(self) -> tuple[Family, ...]:
        if self.attributes is None:
            return ()
        return (Family(self.policy.name, self.policy.model, self.metric, self.attributes),)

    def watches(self, family: Family) -> bool:
        mine = (family.rule, family.model, family.metric) == (self.policy.name, self.policy.model, self.metric)
        return mine and self.attributes in (None, family.attributes)

    def selects(self, observation: Observation) -> bool:
        wanted = (self.metric, self.aggregate, self.method, self.window_ms)
        if (observation.metric, observation.aggregate, observation.method, observation.window_ms) != wanted:
            return False
        if (observation.version, observation.arm) != ("*", "*"):
            return False
        if self.attributes is not None and observation.attributes != self.attributes:
            return False
        return self.groups is None or any(dict(self.groups) == dict(side.groups) for side in observation.sides)

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        ordered = sorted(observations, key=lambda o: (o.subject, o.value is None, o.value or 0.0))
        looked = [(o, *self._look(o)) for o in ordered]
        breaching = [o for o, finding, _ in looked if finding is Finding.BREACH]
        if breaching:
            leading = max(breaching, key=lambda o: self.bound.excess(o.value or 0.0))
            rest = tuple(o for o in breaching if o is not leading)
            return Verdict(Finding.BREACH, "", leading, (leading, *rest))
        if concerned:
            looked = [entry for entry in looked if entry[0].subject in concerned]
            gone = concerned - {o.subject for o, _, _ in looked}
            if gone:
                return Verdict(Finding.INSUFFICIENT_DATA, f"nothing counted of {', '.join(sorted(gone))}")
        return self._without_breach(looked, all_needed=bool(concerned))

    def bound_text(self) -> str:
        return str(self.bound)

    def bounds(self) -> tuple[float | None, float | None]:
        return self.bound.minimum, self.bound.maximum

    def _look(self, o: Observation) -> tuple[Finding, str]:
        if o.state != MEASURED or o.value is None:
            return Finding.INSUFFICIENT_DATA, o.reason or o.state
        counted = min((side.n for side in o.sides), default=0)
        if counted < self.min_n:
            return Finding.INSUFFICIENT_DATA, f"{counted} counted on one side, {self.min_n} needed"
        if self.bound.excess(o.value) <= 0:
            return Finding.CLEAR, ""
        if o.low is not None and o.high is not None and self.bound.excludes(o.low, o.high):
            return Finding.BREACH, ""
        return Finding.UNPROVEN, "the interval reaches over the bound"

    def _without_breach(self, looked: list[tuple[Observation, Finding, str]], *, all_needed: bool) -> Verdict:
        missing = [entry for entry in looked if entry[1] is Finding.INSUFFICIENT_DATA]
        measured = [entry for entry in looked if entry[1] is not Finding.INSUFFICIENT_DATA]
        if not measured or (all_needed and missing):
            leading, reason = (missing[0][0], missing[0][2]) if missing else (None, "nothing was observed")
            return Verdict(Finding.INSUFFICIENT_DATA, reason, leading)
        leading, finding, reason = max(measured, key=lambda entry: self.bound.excess(entry[0].value or 0.0))
        return Verdict(finding, reason, leading)

    @classmethod
    def from_config(cls, config: ThresholdConfig, model: str) -> "ThresholdRule":
        groups = tuple(sorted(config.groups.items())) if config.groups else None
        attributes = tuple(name for name, _ in groups) if groups and not config.attributes else config.attributes
        return cls(
            policy=policy_of(config, model),
            metric=metric(config.metric).name,
            bound=Bound(config.bound.min, config.bound.max),
            attributes=attributes,
            aggregate=config.aggregate or "",
            method=config.method if config.aggregate else "",
            window_ms=config.window,
            min_n=config.min_n,
            groups=groups,
        )


RULE = ThresholdRule
