"""Which families a set of rules makes of a history, and what each sees of it: the same as in the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alerts.proving import Plan
from alerts.rules import Rule
from alerts.rules.drift import DriftRule
from alerts.rules.threshold import ThresholdRule, Tier
from alerts.words import group_name
from monitor.config import ModelConfig
from monitor.estimates import Floats
from monitor.evidence import Kind, Panes, Reference, Spec, pane_number
from monitor.metric import Sums
from monitor.metrics import metric
from monitor.tallies import Tally
from streams.backtest.history import History
from streams.evidence_panes import bounded
from streams.watching import Watched


@dataclass(frozen=True, slots=True)
class Family:
    """One rule on one attribute set, with what it must prove."""

    rule: ThresholdRule
    plan: Plan

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attribute set."""
        return self.plan.attributes

    @property
    def spec(self) -> Spec:
        """What is tested, over which groups."""
        return self.plan.spec

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups' names as people read them, in the order of the spec."""
        return tuple(group_name(group) for group in self.plan.groups)

    def named(self, group: str) -> str:
        """The name of a group of the spec."""
        return self.groups[self.spec.groups.index(group)]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that a backtest says nothing about, and why."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a family sees: n and k (or sum and squares) of each pane and group, (panes, groups)."""

    n: Floats
    k: Floats
    squares: Floats | None = None

    def panes(self, spec: Spec, start: int) -> Panes:
        """As the evidence takes it, from the pane that starts at `start` (ms)."""
        return Panes(pane_number(spec, start / 1000), self.n, self.k, self.squares)


def families(of: Watched, history: History) -> list[Family | Skipped]:
    """Every family of the model's rules, and the rules that a backtest says nothing about."""
    found: list[Family | Skipped] = []
    for rule in of.rules:
        if isinstance(rule, ThresholdRule) and rule.tier is not Tier.FULL:
            continue  # the warning beside a rule that pages
        reason = _skipped(rule, history)
        if reason or not isinstance(rule, ThresholdRule):
            found.append(Skipped(rule.policy.name, reason))
        else:
            mine = [plan for plan in of.plans if plan.rule == rule.policy.name]
            found += [Family(rule, plan) for plan in mine if not plan.matured]
            if any(plan.matured for plan in mine):
                why = f"{rule.metric} is judged over cohorts whose labels are all in, which evidence panes do not keep"
                found.append(Skipped(rule.policy.name, why))
    return found


def _skipped(rule: Rule, history: History) -> str:
    if not isinstance(rule, ThresholdRule):
        return f"rules of type {rule.type} are not judged by evidence"
    if history.of(metric(rule.metric).needs) is None:
        return f"{rule.metric} needs {metric(rule.metric).needs}s, and this history has none"
    if isinstance(rule, DriftRule) and rule.baseline is None:
        return "there is no baseline yet"
    return ""


def seen_by(family: Family, history: History, model: ModelConfig) -> Seen:
    """The counts of a family's groups, pane by pane."""
    plan, sparse = family.plan, history.of(family.plan.needs)
    assert sparse is not None
    which = history.group_of(plan.groups)[sparse.cell]
    some, size = which >= 0, history.panes * len(plan.groups)
    place = sparse.pane[some] * len(plan.groups) + which[some]
    sums = Sums(sparse.layout, sparse.sums, model.value.resolution)
    if plan.scale is None:
        tally = metric(plan.metric).tally(sums)
        assert isinstance(tally, Tally)  # only rates are proven without a scale
        columns: Sequence[Floats] = (tally.n.astype(np.float64), tally.numerator)
    else:
        columns = bounded(sums, plan.scale)
    shape = (history.panes, len(plan.groups))
    found = [np.bincount(place, column[some], size).astype(np.float64).reshape(shape) for column in columns]
    return Seen(*found)


@dataclass(frozen=True, eq=False)
class Windowed:
    """The comparison that people see: rates over the rule's window, at some pane ends."""

    seen: Seen
    family: Family
    panes: int
    """In a window."""

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        padded = [np.vstack([np.zeros(a.shape[1]), np.cumsum(a, axis=0)]) for a in (self.seen.n, self.seen.k)]
        return padded[0], padded[1]

    def values(self, ends: Sequence[int]) -> Floats:
        """(ends, groups): each group's ratio or difference to its reference, or its rate; NaN where it has none.

        Means are in units of their declared range.
        """
        at = np.asarray(ends, dtype=np.intp)
        before = np.maximum(at - self.panes, 0)
        n, k = (total[at] - total[before] for total in self._sums)
        spec = self.family.spec
        with np.errstate(all="ignore"):
            rate: Floats = k / n
            if spec.kind is Kind.LEVEL:
                return rate
            if spec.reference in spec.groups:
                base = rate[:, [spec.groups.index(spec.reference)]]
            elif spec.reference == Reference.BEST:
                base = np.nanmax(np.where(n > 0, rate, -np.inf), axis=1, keepdims=True)
            else:
                whole_n, whole_k = n.sum(axis=1, keepdims=True), k.sum(axis=1, keepdims=True)
                base = (whole_k - k) / (whole_n - n) if spec.reference == Reference.REST else whole_k / whole_n
            found: Floats = rate / base if spec.kind is Kind.RATIO else rate - base
            return found
