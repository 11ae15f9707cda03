"""`four_fifths`: a regulation's own test over a period, for tickets and reports: ratio, significance, small numbers.

The policy (`monitor.policies`, by default `us-four-fifths`) says it all: which group the others are compared with (the
highest), the bound (4/5), the test of chance (two standard deviations, or Fisher's for small counts), and that a breach which
one decision would undo is none. The version in force at the end of the window judges.

Why it does not page: a test at a fixed level that is looked at again and again finds chance (a 5% test pages 38% of the
time in 30 days). So it is judged once in `every`, and severity `page` is refused; a `threshold` of 0.8, which is
judged by evidence, is the rule for that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from alerts.conclusions import Looked, conclude, look_at_all, unmeasured
from alerts.config import RuleConfig, missing_window, unknown_attributes
from alerts.labels import Family
from alerts.policies import Policy, policy_of
from alerts.verdicts import Finding, Observation, Side, Verdict
from monitor.config import UNKNOWN, ModelConfig
from monitor.sections import Config, Duration, Name, Problem
from monitor.times import DAY

if TYPE_CHECKING:  # policies compute with River, which takes a second to import: only where a rule is judged
    from monitor.policies import Counted, Criterion, Line
    from monitor.policies import Policy as Regulation

TO_BASE = "to_base"
"""The method of an observation that compares a group with the one that the policy says."""


class SinceConfig(Config):
    """A period that began at a date, 00:00 UTC."""

    since: date


class FourFifthsConfig(RuleConfig):
    """A policy over a period. `attributes` is one attribute set; absent, every attribute alone.

    `period` is the `year_to_date` (UTC), `{since: 2026-01-01}`, or `policy`: as many days as the policy asks for at least
    (365 of us-four-fifths). Without it a `window` of the model that moves.
    """

    type: Literal["four_fifths"]
    policy: str = "us-four-fifths"
    attributes: tuple[Name, ...] | None = None
    window: Duration = 30 * DAY
    period: Literal["year_to_date", "policy"] | SinceConfig | None = None
    every: Duration = DAY
    severity: Literal["page", "ticket", "info"] = "ticket"

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(sorted(set(given)))

    def problems(self) -> Iterator[Problem]:
        from monitor.policies import PolicyError, versions

        if self.severity == "page":
            yield (
                ("severity",),
                "a test at a fixed level must not page; write a threshold of min: 0.8, or severity: ticket",
            )
        if not self.every:
            yield ("every",), "must be longer than nothing, as in 1d"
        try:
            regulation = versions(self.policy)
            if not _criteria(regulation):
                yield ("policy",), f"{self.policy} has no rate with a bound that a rule could judge"
            elif self.period == "policy" and not regulation[-1].least_period_days:
                yield ("period",), f"{self.policy} names no period: give `year_to_date`, `since` or a window"
        except PolicyError as error:
            yield ("policy",), str(error)

    def problems_with(self, model: ModelConfig) -> Iterator[Problem]:
        yield from unknown_attributes(self.attributes or (), model)
        if self.period is None:
            yield from missing_window("window", self.window, model)


@dataclass(frozen=True, slots=True)
class FourFifthsRule:
    """A policy's first bounded rate, over the groups of each attribute set."""

    type: ClassVar[str] = "four_fifths"
    aggregate: ClassVar[str] = ""
    method: ClassVar[str] = ""
    min_n: ClassVar[int] = 1

    policy: Policy
    regulation: tuple["Regulation", ...]
    metric: str
    attributes: tuple[str, ...] | None
    window_ms: int
    every_ms: int
    period: Literal["year_to_date", "policy"] | date | None = None

    @property
    def of_period(self) -> bool:
        """Whether it is judged over a period of its own."""
        return self.period is not None

    def since(self, end: int) -> int | None:
        """Where the period that ends at `end` (ms) began: the year of its last day, a date, or so many days before."""
        if self.period is None:
            return None
        if self.period == "policy":
            days = self.regulation[-1].least_period_days or 0
            return (end - days * DAY) // DAY * DAY
        last = datetime.fromtimestamp((end - 1) / 1000, UTC)
        first = date(last.year, 1, 1) if self.period == "year_to_date" else self.period
        assert isinstance(first, date)
        return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)

    def families(self) -> tuple[Family, ...]:
        if self.attributes is None:
            return ()
        return (Family(self.policy.name, self.policy.model, self.metric, self.attributes),)

    def watches(self, family: Family) -> bool:
        mine = (family.rule, family.model, family.metric) == (self.policy.name, self.policy.model, self.metric)
        return mine and self._judges(family.attributes)

    def selects(self, observation: Observation) -> bool:
        o, since = observation, self.since(observation.window_end)
        length = self.window_ms if since is None else o.window_end - since
        asked = (o.metric, o.window_ms, o.version, o.arm) == (self.metric, length, "*", "*")
        return asked and (o.aggregate == "" or o.method == TO_BASE) and self._judges(o.attributes)

    def judge(self, observations: Sequence[Observation], concerned: frozenset[str]) -> Verdict:
        pairs = [o for o in observations if o.method == TO_BASE]
        groups = sorted((o for o in observations if o.method != TO_BASE), key=lambda o: o.subject)
        return conclude(look_at_all([*pairs, *self._pairs(groups)], self._look), concerned)

    def bound_text(self) -> str:
        low, high = self.bounds()
        parts = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
        return " and ".join(part for part in parts if part)

    def bounds(self) -> tuple[float | None, float | None]:
        criterion = _criteria(self.regulation)[-1]
        return _number(criterion.low), _number(criterion.high)

    def _judges(self, attributes: tuple[str, ...]) -> bool:
        return attributes == self.attributes if self.attributes is not None else len(attributes) == 1

    def _criterion(self, end: int) -> "Criterion | None":
        """What held at the end of the window."""
        day = datetime.fromtimestamp(end / 1000, UTC).date()
        return _criterion(self.regulation, day)

    def _pairs(self, groups: Sequence[Observation]) -> Iterator[Observation]:
        """Each group beside what the policy compares it with; groups too small a share of all are left out."""
        from monitor import policies

        usable = [o for o in groups if o.state == "measured" and o.lower is not None]
        yield from (o for o in groups if o.state != "measured" and UNKNOWN not in _values(o))
        if not usable:
            return
        first = usable[0]
        regulation = policies.in_force(self.regulation, datetime.fromtimestamp(first.window_end / 1000, UTC).date())
        if regulation is None or self._criterion(first.window_end) is None:
            yield replace(first, state="undefined", value=None, reason="no version of the policy was in force")
            return
        counted = [_counted(o.lower) for o in usable if o.lower is not None]
        everybody = policies.Counted(
            {}, sum(one.n for one in counted), sum(one.numerator or 0 for one in counted), None
        )
        figures = {(self.metric, first.attributes): counted, (self.metric, ()): [everybody]}
        sides = {_key(o.lower): o.lower for o in usable if o.lower is not None}
        for line in policies.judge(replace(regulation, attributes=(), depth=None), figures).lines:
            if line.answer is not None and line.base is not None and not line.is_reference:
                base = sides.get(line.base.key, Side({}, line.base.n, line.base.value))
                yield _pair(first, sides[line.group.key], base, line)

    def _look(self, o: Observation) -> Looked:
        from monitor import policies

        missing = unmeasured(o)
        criterion = self._criterion(o.window_end)
        if missing is not None or criterion is None or o.lower is None or o.higher is None:
            return missing or Looked(o, Finding.INSUFFICIENT_DATA, "there is nobody to compare with")
        group, base = (o.lower, o.higher) if o.subject in ("", _subject(o.lower)) else (o.higher, o.lower)
        line = policies.compared(criterion, o.attributes, (_counted(group), _counted(base)))
        said = f"by {self.regulation[-1].id}: {'; '.join(policies.WORDS[reason] for reason in line.reasons)}"
        excess = _excess(o.value or 0.0, criterion)
        if line.answer is policies.Answer.BREACHED:
            return Looked(o, Finding.BREACH, said, excess)
        if line.answer is policies.Answer.CLEAR:
            return Looked(o, Finding.CLEAR, "", excess)
        chance = {policies.Reason.NOT_SIGNIFICANT, policies.Reason.FLIP_FLOP, policies.Reason.INTERVAL_SPANS}
        finding = Finding.UNPROVEN if chance & set(line.reasons) else Finding.INSUFFICIENT_DATA
        return Looked(o, finding, said, excess)

    @classmethod
    def from_config(cls, config: FourFifthsConfig, model: str) -> "FourFifthsRule":
        from monitor import policies

        regulation = policies.versions(config.policy)
        return cls(
            policy=policy_of(config, model),
            regulation=regulation,
            metric=_criteria(regulation)[-1].metric,
            attributes=config.attributes,
            window_ms=config.window,
            every_ms=config.every,
            period=config.period.since if isinstance(config.period, SinceConfig) else config.period,
        )


def _pair(first: Observation, group: Side, base: Side, line: "Line") -> Observation:
    from monitor import policies

    fares_worse = (group.value or 0.0) <= (base.value or 0.0)
    return replace(
        first,
        aggregate=line.criterion.aggregate.value,
        method=TO_BASE,
        value=line.value,
        state="measured" if line.value is not None else "undefined",
        reason="" if line.value is not None else "; ".join(policies.WORDS[reason] for reason in line.reasons),
        low=line.low,
        high=line.high,
        lower=group if fares_worse else base,
        higher=base if fares_worse else group,
        subject=_subject(group),
    )


def _counted(side: Side) -> "Counted":
    from monitor import policies

    k = side.numerator
    whole = k is not None and k == round(k)
    return policies.Counted(dict(side.groups), side.n, round(k) if whole and k is not None else None, side.value)


def _key(side: Side | None) -> tuple[tuple[str, str], ...]:
    return () if side is None else tuple(sorted(side.groups.items()))


def _subject(side: Side) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(side.groups.items()))


def _values(o: Observation) -> set[str]:
    return {value for side in o.sides for value in side.groups.values()}


def _criteria(regulation: Sequence["Regulation"]) -> list["Criterion"]:
    """Of each version the criterion that a rule judges: its first bounded metric."""
    found = [_bounded(version) for version in regulation]
    return [criterion for criterion in found if criterion is not None]


def _criterion(regulation: Sequence["Regulation"], day: date) -> "Criterion | None":
    from monitor import policies

    version = policies.in_force(regulation, day)
    return None if version is None else _bounded(version)


def _bounded(version: "Regulation") -> "Criterion | None":
    from monitor.policies import SCORING_RATE

    usable = [c for c in version.criteria if (c.low is not None or c.high is not None) and c.metric != SCORING_RATE]
    return usable[0] if usable else None


def _excess(value: float, criterion: "Criterion") -> float:
    under = float(criterion.low) - value if criterion.low is not None else float("-inf")
    over = value - float(criterion.high) if criterion.high is not None else float("-inf")
    return max(under, over)


def _number(bound: Fraction | None) -> float | None:
    return None if bound is None else float(bound)


RULE = FourFifthsRule
