"""From a window's sums to what is stored of it and to what rules judge. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from alerts.rules import Rule
from alerts.verdicts import Observation, Side
from monitor.assess import Assessment, DisparityPoint, GroupPoint, Plan, attribute_sets
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.config import ModelConfig
from monitor.metrics import metric, registry
from streams.points import KEPT, Point, SeriesKey, group_json, tier_of

TimeBasis = Literal["decision", "outcome"]


@runtime_checkable
class Comparing(Protocol):
    """The part of a rule that says what it wants to look at; `aggregate` empty: each group's own metric."""

    @property
    def metric(self) -> str: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def attributes(self) -> tuple[str, ...] | None: ...
    @property
    def window_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Which window a measurement is of: its length and end in ms, and by which time events were put into it."""

    length: int
    end: int
    basis: TimeBasis


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is measured of one model: the plan, the metrics to store even when nothing counts for them, the rules."""

    plan: Plan
    asked: frozenset[str]
    rules: tuple[Rule, ...] = field(default=())

    @classmethod
    def of(cls, model: ModelConfig, rules: Iterable[Rule]) -> "Measuring":
        """From the configuration. Without configured metrics all of them, stored once there is something to count."""
        mine = tuple(rule for rule in rules if rule.policy.model == model.name)
        ruled = [metric(rule.metric).name for rule in mine if isinstance(rule, Comparing)]
        asked = frozenset([*(metric(name).name for name in model.metrics), *ruled])
        chosen = tuple(name for name in registry() if name in asked) if model.metrics else tuple(registry())
        deep = max([model.intersections, *(len(r.attributes or ()) for r in mine if isinstance(r, Comparing))])
        wanted = {tuple(sorted(r.attributes)) for r in mine if isinstance(r, Comparing) and r.attributes}
        sets = [s for s in attribute_sets(model.attributes, deep) if len(s) <= model.intersections or s in wanted]
        plan = Plan(
            model=model.name,
            attribute_sets=tuple(sets),
            metrics=chosen,
            disparities=_specs(model, mine),
            references=model.references,
            declared={name: given.groups for name, given in model.attributes.items()},
            value_unit=model.value.resolution,
            display_min=model.display_min,
            labels=model.labels,
            per_version=model.per_version,
        )
        return cls(plan, asked, mine)

    def of_basis(self, needs: Literal["decision", "label"]) -> "Measuring | None":
        """The part that needs decisions, or labels; None if there is none."""
        chosen = tuple(name for name in self.plan.metrics if metric(name).needs == needs)
        if not chosen:
            return None
        rules = tuple(r for r in self.rules if not isinstance(r, Comparing) or metric(r.metric).name in chosen)
        return Measuring(replace(self.plan, metrics=chosen), self.asked & set(chosen), rules)

    def windows(self) -> set[int]:
        """The lengths in ms of the windows that rules look at."""
        return {rule.window_ms for rule in self.rules if isinstance(rule, Comparing)}

    def observations(self, assessment: Assessment, place: Place) -> Iterator[Observation]:
        """What the rules that look at this window judge, from the unsuppressed assessment."""
        for rule in self.rules:
            if isinstance(rule, Comparing) and rule.window_ms == place.length:
                yield from _compared(rule, assessment, place)

    def points(self, assessment: Assessment, place: Place, *, cited: bool = False) -> list[Point]:
        """What is stored of the window: published figures only. `cited` by an alert: kept for good."""
        shown = assessment.published()
        counted = {p.metric for p in assessment.groups if p.attribute_set == () and p.estimate.n > 0}
        wanted = (counted | self.asked) & set(assessment.metrics)
        tier = KEPT if cited else tier_of(place.end)
        return [
            *(_group_point(self.plan.model, p, place, tier) for p in shown.groups if p.metric in wanted),
            *(_disparity_point(self.plan.model, p, place, tier) for p in shown.disparities if p.metric in wanted),
        ]


def _specs(model: ModelConfig, rules: Sequence[Rule]) -> tuple[DisparitySpec, ...]:
    """The disparities that are stored: those configured, else each aggregate; and those that rules look at."""
    configured = [DisparitySpec(Aggregate(d.aggregate), Method(d.method)) for d in model.disparities]
    if not configured:
        methods = [Method.BETWEEN_GROUPS, *([Method.TO_REFERENCE] if model.references else [])]
        configured = [DisparitySpec(aggregate, method) for method in methods for aggregate in Aggregate]
    ruled = [_spec(rule) for rule in rules if isinstance(rule, Comparing) and rule.aggregate]
    return tuple(dict.fromkeys([*configured, *ruled]))


def _spec(rule: Comparing) -> DisparitySpec:
    return DisparitySpec(Aggregate(rule.aggregate), Method(rule.method))


def _compared(rule: Comparing, assessment: Assessment, place: Place) -> Iterator[Observation]:
    sets = (
        [s for s in assessment.plan.attribute_sets if s]
        if rule.attributes is None
        else [tuple(sorted(rule.attributes))]
    )
    if rule.aggregate:
        for attributes in sets:
            for gap in assessment.compare(rule.metric, attributes, _spec(rule)):
                yield _of_disparity(gap, place)
        return
    name = metric(rule.metric).name
    for attributes in sets:
        yield from (_of_group(point, place) for point in _members(assessment, name, attributes))


def _members(assessment: Assessment, name: str, attributes: tuple[str, ...]) -> list[GroupPoint]:
    """The groups of one attribute set over everything served, with intervals that hold for all of them at once."""
    plan, wanted = assessment.plan, (name, attributes, "*", "*")
    size = sum((g.attribute_set, g.version, g.arm) == wanted[1:] for g in assessment.grouping.groups)
    sure = replace(assessment, plan=replace(plan, confidence=1 - (1 - plan.confidence) / max(1, size)))
    return [p for p in sure.groups if (p.metric, p.attribute_set, p.version, p.arm) == wanted]


def _of_disparity(point: DisparityPoint, place: Place) -> Observation:
    e = point.estimate
    coverages = [
        s.label_coverage for s in (point.lower, point.higher) if s is not None and s.label_coverage is not None
    ]
    return Observation(
        metric=point.metric,
        attributes=point.attribute_set,
        aggregate=point.aggregate.value,
        method=point.method.value,
        window_ms=place.length,
        window_end=place.end,
        state=e.state.value,
        value=e.value,
        low=e.low,
        high=e.high,
        lower=_side(point.lower),
        higher=_side(point.higher),
        version=point.version,
        arm=point.arm,
        time_basis=place.basis,
        subject=_subject(point.subject),
        reason=e.reason or "",
        label_coverage=min(coverages, default=None),
    )


def _of_group(point: GroupPoint, place: Place) -> Observation:
    e = point.estimate
    return Observation(
        metric=point.metric,
        attributes=point.attribute_set,
        aggregate="",
        method="",
        window_ms=place.length,
        window_end=place.end,
        state=e.state.value,
        value=e.value,
        low=e.low,
        high=e.high,
        lower=_side(point),
        version=point.version,
        arm=point.arm,
        time_basis=place.basis,
        subject=_subject(point.group_values),
        reason=e.reason or "",
        label_coverage=point.label_coverage,
    )


def _side(point: GroupPoint | None) -> Side | None:
    if point is None:
        return None
    e = point.estimate
    return Side(dict(point.group_values), e.n, e.value, e.low, e.high, e.numerator, e.denominator, point.label_coverage)


def _subject(groups: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(groups.items()))


def _group_point(model: str, p: GroupPoint, place: Place, tier: str) -> Point:
    values = tuple(sorted(p.group_values.items()))
    series = SeriesKey("group", model, p.version, p.arm, place.basis, p.attribute_set, values, p.metric)
    return Point(series, place.length // 1000, place.end, tier, p.estimate, label_coverage=p.label_coverage)


def _disparity_point(model: str, p: DisparityPoint, place: Place, tier: str) -> Point:
    series = SeriesKey(
        "disparity",
        model,
        p.version,
        p.arm,
        place.basis,
        p.attribute_set,
        (),
        p.metric,
        p.aggregate.value,
        p.method.value,
    )
    return Point(
        series,
        place.length // 1000,
        place.end,
        tier,
        p.estimate,
        lower_group=None if p.lower_group is None else group_json(p.lower_group.items()),
        higher_group=None if p.higher_group is None else group_json(p.higher_group.items()),
    )
