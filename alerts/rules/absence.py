"""`absence`: what should come and does not. The only rule that wall-clock time may decide.

- `of: predictions`, `of: outcomes`: nothing came for longer than `after`, by the event clock of others: the other models
  of the same topics, and for outcomes the predictions. Where all are silent the event clock stands still, and
  wall-clock time decides, counted from when this process began to look at the earliest;
- `of: labels`: of the decisions that are `age` old, fewer than `min_coverage` have their label, or the groups of an
  attribute differ in it by more than `max_gap` (by label arrival alone two equal groups can differ in precision by
  0.711 to 1; five points are the study's limit);
- `of: groups`: a group that had a share p of the decisions has none of the last n, although `p n` is at least
  `expected`. By chance that happens with probability `(1 - p)^n <= exp(-expected)`: 1.4e-11 for 25.

Seconds of silence are compared as they are; shares are in breach when Wilson's or Newcombe's bound at `CONFIDENCE` is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from alerts.conclusions import Looked, conclude, look_at_all, unmeasured
from alerts.config import RuleConfig, missing_window, unknown_attributes
from alerts.labels import Family
from alerts.policies import Policy, policy_of
from alerts.verdicts import Finding, Observation, Side, Verdict
from monitor.config import ModelConfig
from monitor.intervals import newcombe, wilson
from monitor.sections import Duration, Name, Problem
from monitor.times import DAY, HOUR, MINUTE, SECOND, format_duration

Absent = Literal["predictions", "outcomes", "labels", "groups"]

SILENCE = {"predictions": "prediction_silence", "outcomes": "outcome_silence"}
"""Seconds without any record."""
COVERAGE = "label_coverage"
GROUP_PRESENCE = "group_presence"

CONFIDENCE = 1 - 1e-6
"""Two-sided, as in `alerts.rules.quality`."""


class AbsenceConfig(RuleConfig):
    """What should come: `after` is for predictions and outcomes, `age`, `min_coverage` and `max_gap` for labels.

    `window` is that of the decisions looked at, `before` the longer one that says what a group's share usually is.
    """

    type: Literal["absence"]
    of: Absent = "predictions"
    after: Duration = 10 * MINUTE
    attributes: tuple[Name, ...] | None = None
    window: Duration = HOUR
    before: Duration = 7 * DAY
    expected: float = Field(default=25.0, ge=5, allow_inf_nan=False)
    age: Duration = 7 * DAY
    min_coverage: float | None = Field(default=None, gt=0, le=1)
    max_gap: float | None = Field(default=None, gt=0, lt=1)
    min_n: int = Field(default=100, ge=1)

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(sorted(set(given)))

    def problems(self) -> Iterator[Problem]:
        if self.of in SILENCE and not self.after:
            yield ("after",), "must be longer than nothing, as in 10m"
        if self.of == "labels" and self.min_coverage is None and self.max_gap is None:
            yield ("min_coverage",), "say how many labels there should be: min_coverage, max_gap or both"
        if self.of == "labels" and (self.window % HOUR or self.age % HOUR or not self.window):
            yield ("window",), "window and age of labels are whole hours: decisions are kept by the hour"
        if self.of == "groups" and self.before <= self.window:
            yield ("before",), "must be longer than `window`"

    def problems_with(self, model: ModelConfig) -> Iterator[Problem]:
        yield from unknown_attributes(self.attributes or (), model)
        if self.of == "groups":
            yield from missing_window("window", self.window, model)
            yield from missing_window("before", self.before, model)


@dataclass(frozen=True, slots=True)
class Labels:
    """What is asked of labels: from which age on, how many at least, and how evenly; None where it does not matter."""

    age_ms: int
    minimum: float | None
    gap: float | None


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """What of one model should come, and how long it may be missing."""

    type: ClassVar[str] = "absence"

    policy: Policy
    of: Absent
    after_ms: int
    attributes: tuple[str, ...] | None
    window_ms: int
    before_ms: int
    expected: float
    labels: Labels
    min_n: int

    @property
    def measure(self) -> str:
        """The name of what is watched, as in alerts."""
        return SILENCE.get(self.of) or (COVERAGE if self.of == "labels" else GROUP_PRESENCE)

    @property
    def method(self) -> str:
        """Over what it is compared: `at_age_7d` of labels, `before_7d` of groups."""
        if self.of in SILENCE:
            return ""
        labels = self.of == "labels"
        return (
            f"at_age_{format_duration(self.labels.age_ms)}" if labels else f"before_{format_duration(self.before_ms)}"
        )

    @property
    def topics(self) -> Literal["predictions", "outcomes"]:
        """Whose clock says when to look."""
        return "outcomes" if self.of in ("outcomes", "labels") else "predictions"

    @property
    def every_ms(self) -> int:
        """Labels are looked at by the hour: so decisions and their labels are kept together."""
        return HOUR if self.of == "labels" else 1

    @property
    def frames(self) -> tuple[int, ...]:
        """The windows whose sums by group it looks at."""
        return (self.window_ms, self.before_ms) if self.of == "groups" else ()

    def families(self) -> tuple[Family, ...]:
        if self.of in SILENCE:
            return (self._family(()),)
        return tuple(self._family((name,)) for name in self.attributes or ())

    def watches(self, family: Family) -> bool:
        if (family.rule, family.model, family.metric) != (self.policy.name, self.policy.model, self.measure):
            return False
        return self.attributes is None or set(family.attributes) <= set(self.attributes)

    def selects(self, observation: Observation) -> bool:
        if (observation.metric, observation.method) != (self.measure, self.method):
            return False
        if self.of in SILENCE:
            return True
        chosen = self.attributes is None or set(observation.attributes) <= set(self.attributes)
        return chosen and observation.window_ms == self.window_ms

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        look = self._silence if self.of in SILENCE else self._coverage if self.of == "labels" else self._vanished
        return conclude(look_at_all(observations, look), concerned)

    def bound_text(self) -> str:
        if self.of in SILENCE:
            return f"at most {format_duration(self.after_ms)}"
        if self.of == "groups":
            return "some of every group"
        parts = [f"at least {self.labels.minimum:g}" if self.labels.minimum is not None else ""]
        parts.append(f"groups at most {self.labels.gap:g} apart" if self.labels.gap is not None else "")
        return " and ".join(part for part in parts if part)

    def bounds(self) -> tuple[float | None, float | None]:
        if self.of in SILENCE:
            return None, self.after_ms / SECOND
        return (self.labels.minimum, None) if self.of == "labels" else (None, None)

    def bounds_of(self, observation: Observation) -> tuple[float | None, float | None]:
        """Of a difference of coverage how great it may be; else `bounds`."""
        uneven = self.of == "labels" and bool(observation.aggregate)
        return (None, self.labels.gap) if uneven else self.bounds()

    def _family(self, attributes: tuple[str, ...]) -> Family:
        return Family(self.policy.name, self.policy.model, self.measure, attributes)

    def _silence(self, o: Observation) -> Looked:
        missing = unmeasured(o)
        if missing is not None or o.value is None:
            return missing or Looked(o, Finding.INSUFFICIENT_DATA, "nothing was observed")
        excess = o.value - self.after_ms / SECOND
        return Looked(o, Finding.BREACH if excess > 0 else Finding.CLEAR, "", excess)

    def _coverage(self, o: Observation) -> Looked:
        missing = unmeasured(o)
        if missing is not None or o.value is None:
            return missing or Looked(o, Finding.INSUFFICIENT_DATA, "nothing was observed")
        counted = [side.denominator or 0.0 for side in o.sides]
        if min(counted, default=0.0) < self.min_n:
            return Looked(
                o, Finding.INSUFFICIENT_DATA, f"{min(counted, default=0.0):.0f} decisions, {self.min_n} needed"
            )
        if o.aggregate:
            return self._uneven(o, o.value)
        if self.labels.minimum is None or o.lower is None:
            return Looked(o, Finding.CLEAR, "", -1.0)
        excess = self.labels.minimum - o.value
        if excess <= 0:
            return Looked(o, Finding.CLEAR, "", excess)
        _, high = wilson(o.lower.numerator or 0.0, o.lower.denominator or 0.0, CONFIDENCE)
        return _proven(o, excess, float(high) < self.labels.minimum)

    def _uneven(self, o: Observation, gap: float) -> Looked:
        if self.labels.gap is None or o.lower is None or o.higher is None:
            return Looked(o, Finding.CLEAR, "", -1.0)
        excess = gap - self.labels.gap
        if excess <= 0:
            return Looked(o, Finding.CLEAR, "", excess)
        low, _ = newcombe(*_counted(o.higher), *_counted(o.lower), CONFIDENCE)
        return _proven(o, excess, float(low) > self.labels.gap)

    def _vanished(self, o: Observation) -> Looked:
        """`lower` is the group now, `higher` the same group before."""
        missing = unmeasured(o)
        if missing is not None or o.lower is None or o.higher is None:
            return missing or Looked(o, Finding.INSUFFICIENT_DATA, "nothing was observed")
        there, n = _counted(o.lower)
        before, total = _counted(o.higher)
        if there > 0:
            return Looked(o, Finding.CLEAR, "", -there)
        expected = n * before / total if total else 0.0
        if expected >= self.expected:
            return Looked(o, Finding.BREACH, f"{expected:,.0f} were to be expected by its share before", expected)
        return Looked(o, Finding.INSUFFICIENT_DATA, f"none counted, and only {expected:.3g} were to be expected")

    @classmethod
    def from_config(cls, config: AbsenceConfig, model: str) -> "AbsenceRule":
        return cls(
            policy=policy_of(config, model),
            of=config.of,
            after_ms=config.after,
            attributes=config.attributes,
            window_ms=config.window,
            before_ms=config.before,
            expected=config.expected,
            labels=Labels(config.age, config.min_coverage, config.max_gap),
            min_n=config.min_n,
        )


def _counted(side: Side) -> tuple[float, float]:
    return side.numerator or 0.0, side.denominator or 0.0


def _proven(o: Observation, excess: float, proven: bool) -> Looked:
    if proven:
        return Looked(o, Finding.BREACH, "", excess)
    return Looked(o, Finding.UNPROVEN, "beyond the bound, but chance may explain it", excess)


RULE = AbsenceRule
