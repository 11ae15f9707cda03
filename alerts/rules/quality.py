"""`quality`: the share of events that something is wrong with: unknown or other groups, late, duplicate, dead letters.

    share = what is wrong / all of them, in one window

- `unknown`, `other`: predictions whose group of an attribute is missing, or is a value that is not declared;
- `late`: records too far behind their topic's clock to be counted; `duplicate`: records seen before;
- `dead_letter`: records that cannot be read, of all records.

In breach when the share is above `max` and Wilson's lower bound at `CONFIDENCE` is too, so that a rule looked at each
minute for 30 days on traffic exactly at its bound tells about 0.02 times by chance (43,200 looks at 5e-7; the looks of
overlapping windows are not independent, which makes it less). Clear is a share at or below `max`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from alerts.conclusions import Looked, conclude, look_at_all, unmeasured
from alerts.config import RuleConfig, missing_window, unknown_attributes
from alerts.labels import Family
from alerts.policies import Policy, policy_of
from alerts.verdicts import Finding, Observation, Verdict
from monitor.config import ModelConfig
from monitor.intervals import wilson
from monitor.sections import Duration, Name, Problem
from monitor.times import DAY, HOUR

Wrong = Literal["unknown", "other", "late", "duplicate", "dead_letter"]
Topic = Literal["predictions", "outcomes"]

OF_GROUPS = ("unknown", "other")

CONFIDENCE = 1 - 1e-6
"""Two-sided; see above."""


class QualityConfig(RuleConfig):
    """A bound on the share of events that something is wrong with.

    `attributes` are the attributes whose `unknown` or `other` group is watched, each alone; absent, all of them.
    """

    type: Literal["quality"]
    share: Wrong
    of: Topic = "predictions"
    attributes: tuple[Name, ...] | None = None
    max: float = Field(gt=0, lt=1, allow_inf_nan=False)
    window: Duration = HOUR
    min_n: int = Field(default=100, ge=1)

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(sorted(set(given)))

    def problems(self) -> Iterator[Problem]:
        if self.share in OF_GROUPS and self.of != "predictions":
            yield ("of",), f"outcomes have no groups: the share of `{self.share}` is one of predictions"
        if self.share not in OF_GROUPS and self.attributes:
            yield ("attributes",), f"records have none: they matter for {' and '.join(OF_GROUPS)} only"
        if not self.window:
            yield ("window",), "must be longer than nothing, as in 1h"
        if self.share not in OF_GROUPS and self.window > DAY:
            yield ("window",), "is at most 1d: what happened to records is not kept by the minute for long"

    def problems_with(self, model: ModelConfig) -> Iterator[Problem]:
        yield from unknown_attributes(self.attributes or (), model)
        if self.share in OF_GROUPS:
            yield from missing_window("window", self.window, model)


@dataclass(frozen=True, slots=True)
class QualityRule:
    """The greatest agreed share of one kind of fault, for one model."""

    type: ClassVar[str] = "quality"

    policy: Policy
    share: Wrong
    of: Topic
    maximum: float
    attributes: tuple[str, ...] | None
    window_ms: int
    min_n: int

    @property
    def measure(self) -> str:
        """The name of what is watched, as in alerts: `unknown_share`, `late_share`, `outcomes_late_share`."""
        return quality_measure(self.share, self.of)

    @property
    def topics(self) -> Topic:
        """Whose clock says when to look."""
        return self.of

    @property
    def frames(self) -> tuple[int, ...]:
        """The windows whose sums by group it looks at."""
        return (self.window_ms,) if self.share in OF_GROUPS else ()

    def families(self) -> tuple[Family, ...]:
        if self.share in OF_GROUPS:
            return tuple(self._family((name,)) for name in self.attributes or ())
        return (self._family(()),)

    def watches(self, family: Family) -> bool:
        mine = (family.rule, family.model, family.metric) == (self.policy.name, self.policy.model, self.measure)
        chosen = self.attributes is None or not family.attributes or family.attributes[0] in self.attributes
        return mine and chosen and len(family.attributes) == (1 if self.share in OF_GROUPS else 0)

    def selects(self, observation: Observation) -> bool:
        if (observation.metric, observation.window_ms) != (self.measure, self.window_ms):
            return False
        return self.attributes is None or not observation.attributes or observation.attributes[0] in self.attributes

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        return conclude(look_at_all(observations, self._look), concerned)

    def bound_text(self) -> str:
        return f"at most {self.maximum:g}"

    def bounds(self) -> tuple[float | None, float | None]:
        return None, self.maximum

    def _family(self, attributes: tuple[str, ...]) -> Family:
        return Family(self.policy.name, self.policy.model, self.measure, attributes)

    def _look(self, o: Observation) -> Looked:
        missing = unmeasured(o)
        if missing is not None:
            return missing
        if o.value is None or o.lower is None or not o.lower.denominator:
            return Looked(o, Finding.INSUFFICIENT_DATA, "nothing was counted")
        wrong, n = o.lower.numerator or 0.0, o.lower.denominator
        if n < self.min_n:
            return Looked(o, Finding.INSUFFICIENT_DATA, f"{n:.0f} counted, {self.min_n} needed")
        excess = o.value - self.maximum
        if excess <= 0:
            return Looked(o, Finding.CLEAR, "", excess)
        low, _ = wilson(wrong, n, CONFIDENCE)
        if float(low) > self.maximum:
            return Looked(o, Finding.BREACH, "", excess)
        return Looked(o, Finding.UNPROVEN, "above the bound, but chance may explain it", excess)

    @classmethod
    def from_config(cls, config: QualityConfig, model: str) -> "QualityRule":
        return cls(
            policy=policy_of(config, model),
            share=config.share,
            of=config.of,
            maximum=config.max,
            attributes=config.attributes,
            window_ms=config.window,
            min_n=config.min_n,
        )


def quality_measure(share: str, of: str) -> str:
    """The name of a share: `late_share` of predictions, `outcomes_late_share` of outcomes."""
    return f"{share}_share" if of == "predictions" else f"{of}_{share}_share"


RULE = QualityRule
