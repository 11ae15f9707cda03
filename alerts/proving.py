"""What a rule must prove: its families of evidence, from its bound and the model's groups. Pure.

A family is (rule, model, metric, attribute set) over everything served; its groups are those declared: `unknown` and
`other` take no part (rules of type `quality` watch their share). The bound on a disparity becomes a bound of each group
against a reference that is chosen before the pane is looked at: the configured one, everybody, the rest, or for
`between_groups` the group that was best so far.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal

from alerts.labels import EVERYTHING, Family
from alerts.rules.threshold import ThresholdRule
from monitor.config import ModelConfig
from monitor.evidence import Kind, Measure, Reference, Spec, Tuning
from monitor.metric import GroupMetric
from monitor.metrics import metric
from monitor.sections import Problem
from monitor.sums import SCORE_UNIT
from monitor.windows import HOUR

REFERENCES = {
    "to_overall": Reference.OVERALL,
    "to_rest": Reference.REST,
    "between_groups": Reference.BEST,
}

MEANS: Mapping[str, tuple[str, str]] = {"mean_value": ("valued", "clipped"), "mean_score": ("scored", "score")}
"""Means that are bounded, with the slots of their count and sum (and squares, `..._sq_hi` and `..._sq_lo`)."""


GIVEN_LABEL = {"true_positive_rate", "false_positive_rate", "false_negative_rate", "true_negative_rate"}
"""Rates of those who have a label: when it came does not matter."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a bounded quantity becomes 0 to 1: `(units * unit - low) / (high - low)`."""

    count: str
    quantity: str
    unit: float
    low: float
    high: float


@dataclass(frozen=True)
class Plan:
    """One family: whose it is, its groups in the order of the spec, and how its panes are counted."""

    rule: str
    model: str
    metric: str
    attributes: tuple[str, ...]
    severity: str
    labels: tuple[tuple[str, str], ...]
    """The rule's own, of its alert."""
    values: tuple[tuple[str, ...], ...]
    """The groups' values, in the order of `attributes`."""
    spec: Spec
    needs: Literal["decision", "label"]
    scale: Scale | None = None

    @property
    def matured(self) -> bool:
        """Whether only cohorts whose labels are all in may be judged: the metric is conditional on the decision."""
        return self.needs == "label" and self.metric not in GIVEN_LABEL

    @property
    def family(self) -> Family:
        """As its alert names it."""
        return Family(self.rule, self.model, self.metric, self.attributes)

    @cached_property
    def groups(self) -> tuple[Mapping[str, str], ...]:
        """The groups as mappings from attribute to value."""
        return tuple(dict(zip(self.attributes, values, strict=True)) for values in self.values)

    def name(self, version: str = EVERYTHING, arm: str = EVERYTHING) -> str:
        """What the family is called in the database: rule, model, metric and attribute set; version and arm if it is of one."""
        served = () if (version, arm) == (EVERYTHING, EVERYTHING) else (version, arm)
        return " / ".join((self.rule, self.model, self.metric, "+".join(self.attributes), *served))

    def with_budget(self, budget: float) -> "Plan":
        """The same family with so many expected false alerts in 30 days."""
        return replace(self, spec=replace(self.spec, budget=budget))


def plans(rule: ThresholdRule, model: ModelConfig, warn_fraction: float = 0.1) -> Iterator[Plan]:
    """The families of a rule, budgets left at the default. `warn_fraction`: of the evidence of a page, for a ticket.

    Raises ValueError where the rule cannot be proven of this model (`problems` says why).
    """
    if found := [text for _, text in problems(rule, model)]:
        raise ValueError("; ".join(found))
    of, scale = metric(rule.metric), _scale(rule, model)
    for attributes in _sets(rule, model):
        values = _values(rule, model, attributes)
        lower, upper = _limits(rule, scale)
        spec = Spec(
            groups=tuple(",".join(group) for group in values),
            lower=lower,
            upper=upper,
            reference=_reference(rule, model, attributes),
            kind=Kind(rule.aggregate) if rule.aggregate else Kind.LEVEL,
            measure=Measure.RATE if scale is None else Measure.MEAN,
            pane=(HOUR if of.needs == "label" and of.name not in GIVEN_LABEL else model.pane) // 1000,
            tuning=Tuning(warn_fraction=warn_fraction),
        )
        needs: Literal["decision", "label"] = "label" if of.needs == "label" else "decision"
        policy, labels = rule.policy, tuple(sorted(rule.policy.labels.items()))
        yield Plan(policy.name, model.name, of.name, attributes, policy.severity, labels, values, spec, needs, scale)


def problems(rule: ThresholdRule, model: ModelConfig) -> Iterator[Problem]:
    """Why a rule cannot be proven of a model; nothing if it can."""
    of = metric(rule.metric)
    yield from _metric_problems(of, model, rule.aggregate == "ratio")
    low, high = rule.bound.minimum, rule.bound.maximum
    given = [bound for bound in (low, high) if bound is not None]
    if of.kind == "rate" and rule.aggregate == "difference" and any(abs(bound) >= 1 for bound in given):
        yield ("bound",), "a difference of two rates lies between -1 and 1"
    if of.kind == "rate" and not rule.aggregate and any(not 0 < bound < 1 for bound in given):
        yield ("bound",), "a rate lies between 0 and 1"
    if rule.method == "between_groups" and rule.aggregate == "difference" and (high is None or high <= 0):
        yield ("bound",), "the difference between groups is the greatest less the least: give a `max` above 0"
    if rule.method == "between_groups" and rule.aggregate == "ratio" and (low is None or low >= 1):
        yield ("bound",), "the ratio between groups is the least by the greatest: give a `min` below 1"


def _metric_problems(of: GroupMetric, model: ModelConfig, ratio: bool) -> Iterator[Problem]:
    if of.kind not in ("rate", "mean") or of.needs == "both":
        yield ("metric",), f"{of.name} is no share or mean of events, so that no evidence can be summed up over time"
    elif of.kind == "mean" and of.name not in MEANS:
        yield ("metric",), f"{of.name} has no bounds, so that one event could be any evidence; use {' or '.join(MEANS)}"
    elif of.name == "mean_value" and model.value.range is None:
        example = "`value: {range: [0, 500000]}`"
        yield (
            ("metric",),
            f"mean_value needs the range of the values of {model.name}, as in {example}: evidence clips to it",
        )
    elif of.name == "mean_value" and ratio and model.value.range is not None and model.value.range[0] < 0:
        yield ("aggregate",), "a ratio of means needs values that are not negative, and so a `range` from 0 up"
    if of.all_labels and model.labels == "favourable_only":
        yield ("metric",), f"{of.name} needs the labels of all, and only favourable decisions of {model.name} get one"


def _sets(rule: ThresholdRule, model: ModelConfig) -> list[tuple[str, ...]]:
    if rule.attributes is not None:
        return [tuple(sorted(rule.attributes))]
    return [names for names in model.attribute_sets() if names]


def _values(rule: ThresholdRule, model: ModelConfig, attributes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    if rule.groups is not None:
        return (tuple(value for _, value in sorted(rule.groups)),)
    return tuple(product(*(model.attributes[name].groups for name in attributes)))


def _reference(rule: ThresholdRule, model: ModelConfig, attributes: tuple[str, ...]) -> str:
    if rule.method != "to_reference":
        return REFERENCES.get(rule.method, Reference.REST)
    return ",".join(model.references[name] for name in attributes)


def _scale(rule: ThresholdRule, model: ModelConfig) -> Scale | None:
    name = metric(rule.metric).name
    if name not in MEANS:
        return None
    count, quantity = MEANS[name]
    if name == "mean_score" or model.value.range is None:
        return Scale(count, quantity, SCORE_UNIT, 0.0, 1.0)
    low, high = model.value.range
    # a ratio stays what it is only without a shift
    return Scale(count, quantity, model.value.resolution, 0.0 if rule.aggregate == "ratio" else low, high)


def _limits(rule: ThresholdRule, scale: Scale | None) -> tuple[float | None, float | None]:
    """The bounds of each group against its reference, as the spec has them."""
    low, high = rule.bound.minimum, rule.bound.maximum
    if rule.method == "between_groups" and rule.aggregate == "ratio":
        return low, None
    if rule.method == "between_groups" and rule.aggregate == "difference":
        low, high = None if high is None else -high, None
    if scale is None or rule.aggregate == "ratio":
        return low, high
    width, shift = scale.high - scale.low, 0.0 if rule.aggregate else scale.low
    return _scaled(low, shift, width), _scaled(high, shift, width)


def _scaled(bound: float | None, shift: float, width: float) -> float | None:
    return None if bound is None else (bound - shift) / width
