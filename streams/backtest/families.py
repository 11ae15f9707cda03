"""Which families a set of rules makes of a history, and what each sees of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from alerts.policies import Severity
from alerts.rules import Rule
from alerts.rules.threshold import ThresholdRule
from alerts.words import group_name
from monitor.assess import attribute_sets
from monitor.config import UNKNOWN, ModelConfig
from monitor.estimates import Floats
from monitor.evidence import Kind, Measure, Panes, Reference, Spec, pane_number
from monitor.grouping import SERVED
from monitor.metric import GroupMetric, Sums
from monitor.metrics import metric
from monitor.sums import Layout, join_square
from monitor.tallies import Tally
from monitor.times import DAY
from streams.backtest.history import History
from streams.settings import Settings

REFERENCES = {
    "to_rest": Reference.REST,
    "to_overall": Reference.OVERALL,
    "between_groups": Reference.BEST,
}

MEANS = {"mean_value": ("valued", "clipped"), "mean_score": ("scored", "score")}
"""Means that evidence can judge: the slots of their count and their bounded quantity."""


@dataclass(frozen=True, slots=True)
class Family:
    """One rule on one attribute set: what is tested, over which groups."""

    rule: Rule
    attributes: tuple[str, ...]
    groups: tuple[Mapping[str, str], ...]
    spec: Spec
    metric: str
    window_ms: int

    @property
    def name(self) -> str:
        """`parity: selection_rate by sex`."""
        return f"{self.rule.policy.name}: {self.metric} by {', '.join(self.attributes)}"


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


def families(rules: Sequence[Rule], model: ModelConfig, history: History, budgets: "Budgets") -> list[Family | Skipped]:
    """Every family of the rules for the model, and the rules that there is none for."""
    found: list[Family | Skipped] = []
    for rule in rules:
        if rule.policy.model == model.name:
            made = list(_of(rule, model, history, budgets))
            found += made or [Skipped(rule.policy.name, "nothing in this history is what it watches")]
    return found


@dataclass(frozen=True, slots=True)
class Budgets:
    """The expected false pages and tickets in 30 days, of each family."""

    page: float
    ticket: float

    def of(self, severity: str) -> float:
        """A family's."""
        return self.page if severity == Severity.PAGE else self.ticket


def budgets_of(settings: Settings, rules: Sequence[Rule], models: Sequence[ModelConfig]) -> Budgets:
    """The fleet's budget, split evenly over the configured families of each severity."""
    by_name = {model.name: model for model in models}
    counts = {Severity.PAGE: 0, Severity.TICKET: 0}
    for rule in rules:
        if isinstance(rule, ThresholdRule) and rule.policy.model in by_name:
            severity = Severity.PAGE if rule.policy.severity == Severity.PAGE else Severity.TICKET
            counts[severity] += len(_sets(rule, by_name[rule.policy.model]))
    month = 30 * DAY / settings.budget.period
    page, ticket = settings.budget.pages * month, settings.budget.tickets * month
    return Budgets(page / max(counts[Severity.PAGE], 1), ticket / max(counts[Severity.TICKET], 1))


def _sets(rule: ThresholdRule, model: ModelConfig) -> list[tuple[str, ...]]:
    if rule.attributes is not None:
        return [tuple(sorted(rule.attributes))]
    return [names for names in attribute_sets(model.attributes, model.intersections) if names]


def _of(rule: Rule, model: ModelConfig, history: History, budgets: Budgets) -> Iterator[Family | Skipped]:
    name = rule.policy.name
    if not isinstance(rule, ThresholdRule):
        yield Skipped(name, f"rules of type {rule.type} are not judged by evidence")
        return
    measured = metric(rule.metric)
    if history.of(measured.needs) is None:
        yield Skipped(name, f"{rule.metric} needs {measured.needs}s, and this history has none")
        return
    if measured.kind == "mean" and rule.metric not in MEANS:
        yield Skipped(name, f"{rule.metric} is a mean without declared bounds")
        return
    if rule.metric == "mean_value" and model.value.range is None:
        yield Skipped(name, "mean_value has no bounds: declare `value: {range: [...]}`")
        return
    if measured.kind not in ("rate", "mean"):
        yield Skipped(name, f"{rule.metric} is a {measured.kind}: not judged by evidence")
        return
    for attributes in _sets(rule, model):
        groups = _groups(rule, attributes, model, history)
        spec = _spec(rule, groups, (model, measured), budgets.of(rule.policy.severity))
        if isinstance(spec, str):
            yield Skipped(name, spec)
        else:
            yield Family(rule, attributes, groups, spec, rule.metric, rule.window_ms)


def _groups(
    rule: ThresholdRule, attributes: tuple[str, ...], model: ModelConfig, history: History
) -> tuple[Mapping[str, str], ...]:
    """The declared groups, and those that occur, without `unknown`; of a level on one group only that."""
    if not rule.aggregate and rule.groups is not None:
        return (dict(rule.groups),)
    declared = list(product(*(model.attributes[name].groups for name in attributes)))
    seen = {
        tuple(cell.groups.get(name, UNKNOWN) for name in attributes) for cell in history.cells if cell.arm in SERVED
    }
    there = [values for values in declared if values in seen] + sorted(seen - set(declared))
    return tuple(dict(zip(attributes, values, strict=True)) for values in there if UNKNOWN not in values)


def _spec(
    rule: ThresholdRule, groups: Sequence[Mapping[str, str]], of: tuple[ModelConfig, GroupMetric], budget: float
) -> Spec | str:
    """The test, or why there is none."""
    model, measured = of
    names = tuple(group_name(group) for group in groups)
    given: dict[str, Any] = {
        "groups": names,
        "lower": rule.bound.minimum,
        "upper": rule.bound.maximum,
        "kind": {"ratio": Kind.RATIO, "difference": Kind.DIFFERENCE}.get(rule.aggregate, Kind.LEVEL),
        "measure": Measure.MEAN if measured.kind == "mean" else Measure.RATE,
        "budget": budget,
        "pane": model.pane // 1000,
    }
    if rule.aggregate and rule.method == "to_reference":
        wanted = {name: model.references.get(name, "") for name in (groups[0] if groups else ())}
        if dict(wanted) not in [dict(group) for group in groups]:
            return f"the reference group {group_name(wanted)} does not occur"
        given["reference"] = group_name(wanted)
    elif rule.aggregate:
        given["reference"] = REFERENCES[rule.method]
    try:
        return Spec(**given)
    except ValueError as error:
        return str(error)


# --- what a family sees


class _Asked:
    """Stands in for sums, to learn which slots a metric reads."""

    def __init__(self) -> None:
        self.slots: dict[str, None] = {}

    def __getattr__(self, slot: str) -> Any:
        self.slots[slot] = None
        return np.zeros(1, dtype=np.int64)


def seen_by(family: Family, history: History, model: ModelConfig) -> Seen:
    """The counts of a family's groups, pane by pane."""
    if family.spec.measure is Measure.MEAN:
        return _means(family, history, model)
    measured, asked = metric(family.metric), _Asked()
    measured.tally(asked)  # type: ignore[arg-type]  # it only reads slots
    slots = tuple(asked.slots)
    sums = history.by_group(measured.needs, family.groups, slots)
    assert sums is not None
    tally = measured.tally(Sums(Layout(slots), sums))
    assert isinstance(tally, Tally)  # only rates come here
    shape = (history.panes, len(family.groups))
    n, k = (np.asarray(values, dtype=np.float64).reshape(shape) for values in (tally.n, tally.numerator))
    return Seen(n, k)


def _means(family: Family, history: History, model: ModelConfig) -> Seen:
    """Sums scaled to 0..1 by the declared range."""
    count, quantity = MEANS[family.metric]
    hi, lo = f"{quantity}_sq_hi", f"{quantity}_sq_lo"
    sums = history.by_group("decision", family.groups, (count, quantity, hi, lo))
    assert sums is not None
    n, total = sums[:, 0].astype(np.float64), sums[:, 1].astype(np.float64)
    squares = join_square(sums[:, 2], sums[:, 3])
    low, high = (0.0, 1e6) if family.metric == "mean_score" else _units(model)
    width = high - low
    scaled = (total - n * low) / width
    scaled_squares = (squares - 2 * low * total + n * low * low) / (width * width)
    shape = (history.panes, len(family.groups))
    return Seen(n.reshape(shape), scaled.reshape(shape), scaled_squares.reshape(shape))


def _units(model: ModelConfig) -> tuple[float, float]:
    assert model.value.range is not None
    low, high = model.value.range
    return low / model.value.resolution, high / model.value.resolution


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
        """(ends, groups): each group's ratio or difference to its reference, or its rate; NaN where it has none."""
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
