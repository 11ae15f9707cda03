"""`threshold`: a bound on a disparity, or on the metric of a group, judged by sequential evidence (`monitor.evidence`).

In breach from the pane in which there is enough evidence against the bound, and the present breaks it too, until there is
evidence that the bound is kept again. So the expected number of false pages in 30 days is at most the rule's budget,
however often it is looked at, for any number and size of groups. The window's estimate and its interval are for reading.

*Unproven* is an estimate beyond the bound, or some evidence, and not enough of it: neither fires nor resolves. *Clear* is
a measured estimate inside the bound; of a firing alert it is evidence of recovery. Nothing counted, evidence that is
withheld, or a breach of which nothing is heard any more, is *insufficient data*, which ends nothing.

A window with something on each side and fewer than `min_n` has figures that are too few to be shown. Evidence needs no
minimum: it makes the page, and ends it, over such a window too. Without evidence either way it is insufficient data.

A rule that pages has a *warning* beside it, of its own name, with severity ticket: in breach by a tenth of the evidence (as
the budget for tickets is to that for pages), or by all of it before tempering, as long as the page does not stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from alerts.conclusions import MEASURED
from alerts.config import ThresholdConfig
from alerts.labels import Family
from alerts.policies import Policy, Severity, policy_of
from alerts.verdicts import Evidence, Finding, Observation, Verdict
from monitor.metrics import metric


class Tier(StrEnum):
    """How much evidence makes the rule's breach."""

    FULL = "full"
    WARNING = "warning"


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
    """Smaller groups are not compared for reading, and their figures not told; evidence needs no minimum."""
    groups: tuple[tuple[str, str], ...] | None = None
    """Of a bound on one group's metric: which group; None for all."""
    budget: float | None = None
    """Expected false alerts in 30 days, over all its families; None: its share of the fleet's."""
    tier: Tier = Tier.FULL
    beside: str = ""
    """Of a warning: the rule that it is beside, whose evidence it shares."""

    @property
    def proven_by(self) -> str:
        """The name of the rule whose families of evidence it is judged by."""
        return self.beside or self.policy.name

    def families(self) -> tuple[Family, ...]:
        if self.attributes is None:
            return ()
        return (Family(self.policy.name, self.policy.model, self.metric, self.attributes),)

    def watches(self, family: Family) -> bool:
        mine = (family.rule, family.model, family.metric) == (self.policy.name, self.policy.model, self.metric)
        return mine and self.attributes in (None, family.attributes)

    def selects(self, observation: Observation) -> bool:
        if observation.rule not in ("", self.policy.name):
            return False
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
        known = [o.evidence for o in ordered if o.evidence is not None]  # all of one family: the same
        evidence = max(known, key=lambda of: (of.stands, of.log_evidence), default=None)
        counted = [o for o in ordered if _measured(o) or o.counted]
        if (missing := self._missing(ordered, counted, evidence, concerned)) is not None or evidence is None:
            return missing or Verdict(Finding.INSUFFICIENT_DATA, "no evidence has been counted yet")
        if self._breaches(evidence):
            about = self._about(counted, evidence)
            return Verdict(Finding.BREACH, _told(evidence), about[0], about, evidence=evidence)
        leading = max(counted, key=self._excess)
        finding, reason = self._otherwise(leading, evidence, fires=bool(concerned))
        return Verdict(finding, reason, leading, evidence=evidence)

    def warning(self) -> "ThresholdRule | None":
        """The rule that makes a ticket of less evidence; None beside a rule that makes no page."""
        if self.policy.severity != Severity.PAGE:
            return None
        name, labels = f"{self.policy.name} (warning)", {**self.policy.labels, "tier": Tier.WARNING.value}
        policy = replace(self.policy, name=name, severity=Severity.TICKET, labels=labels, rollback=None)
        return replace(self, policy=policy, tier=Tier.WARNING, beside=self.policy.name)

    def bound_text(self) -> str:
        return str(self.bound)

    def bounds(self) -> tuple[float | None, float | None]:
        return self.bound.minimum, self.bound.maximum

    def _breaches(self, evidence: Evidence) -> bool:
        return evidence.stands if self.tier is Tier.FULL else evidence.warns and not evidence.stands

    def _missing(
        self,
        ordered: Sequence[Observation],
        counted: Sequence[Observation],
        evidence: Evidence | None,
        concerned: frozenset[str],
    ) -> Verdict | None:
        """Why nothing can be said; None if something can."""
        gone = concerned - {o.subject for o in counted}
        first = next((o for o in ordered if o not in counted and (not gone or o.subject in gone)), None)
        if evidence is not None and evidence.withheld:
            about = first or next(iter(counted), None)
            return Verdict(Finding.INSUFFICIENT_DATA, evidence.withheld, about, evidence=evidence)
        if counted and not gone:
            if evidence is None or not evidence.stale:
                return None
            return Verdict(Finding.INSUFFICIENT_DATA, "too few have come to tell since", counted[0], evidence=evidence)
        if first is not None:
            return Verdict(Finding.INSUFFICIENT_DATA, first.reason or first.state, first, evidence=evidence)
        reason = f"nothing observed of {', '.join(sorted(gone))}" if any(gone) else "nothing was observed"
        return Verdict(Finding.INSUFFICIENT_DATA, reason, evidence=evidence)

    def _about(self, counted: Sequence[Observation], evidence: Evidence) -> tuple[Observation, ...]:
        """What the breach is about, that of the leading group first; else what is furthest beyond the bound."""

        def rank(o: Observation) -> tuple[bool, float]:
            return any(dict(side.groups) == dict(evidence.leading) for side in o.sides), self._excess(o)

        named = [dict(groups) for groups in evidence.groups]
        concerned = [o for o in counted if any(dict(side.groups) in named for side in o.sides)]
        leading = max(concerned or counted, key=rank)
        return (leading, *(o for o in concerned if o is not leading))

    def _otherwise(self, leading: Observation, evidence: Evidence, *, fires: bool) -> tuple[Finding, str]:
        if self.tier is Tier.WARNING and evidence.stands:
            return Finding.UNPROVEN, "the page stands"
        if fires:
            return Finding.CLEAR, ""
        if self._excess(leading) > 0 or evidence.warns:
            return Finding.UNPROVEN, _told(evidence)
        if not _measured(leading):
            return Finding.INSUFFICIENT_DATA, leading.reason or leading.state
        return Finding.CLEAR, ""

    def _excess(self, o: Observation) -> float:
        """How far beyond the bound; less than anything where there is no figure."""
        return self.bound.excess(o.value) if _measured(o) and o.value is not None else float("-inf")

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
            budget=config.budget,
        )


def _measured(o: Observation) -> bool:
    return o.state == MEASURED and o.value is not None


def _told(evidence: Evidence) -> str:
    return f"evidence {max(evidence.log_evidence, 0.0):.1f} of {evidence.needed:.1f} needed"


RULE = ThresholdRule
