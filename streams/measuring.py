"""From a window's sums to what is stored of it and to what rules judge. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from alerts.rules import Circumstantial, Periodic, Rule
from alerts.verdicts import Observation, Side, Stratified
from monitor.assess import REST, CellInfo, Plan, attribute_sets
from monitor.batches import Batch, Compared, Condition, assess_each, confident
from monitor.batches import Window as Assessed
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.config import ModelConfig
from monitor.disparity import Disparities
from monitor.estimates import STATES, Estimates, State
from monitor.grouping import SERVED, Group, Indices
from monitor.metric import Needs
from monitor.metrics import metric, registry
from monitor.strata import ALL_LEVELS
from monitor.sums import Ints
from monitor.tallies import Form
from streams.points import KEPT, Point, SeriesKey, group_json, tier_of

TimeBasis = Literal["decision", "outcome"]

MOST_COLUMNS = 20_000
"""So many groups, over all windows of a batch, are computed at once: bounds the memory."""


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
    @property
    def min_n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Which window a measurement is of: its length and end in ms, and by which time events were put into it."""

    length: int
    end: int
    basis: TimeBasis
    label_class: str = ""
    """The class of label that it is about; empty: favourable against not."""


@dataclass(frozen=True, eq=False)
class Filled:
    """The cells that have anything in a window. One object for all windows with the same."""

    cells: tuple[CellInfo, ...]
    schemas: frozenset[str]

    @cached_property
    def served(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The versions and the arms that are served."""
        served = [cell for cell in self.cells if cell.arm in SERVED]
        return tuple(sorted({cell.version for cell in served})), tuple(sorted({cell.arm for cell in served}))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The sums of one window, rows as `filled`; `decision` or `labels` None if they are of another time."""

    place: Place
    filled: Filled
    decision: Ints | None
    labels: Ints | None
    condition: Condition = None
    binned: Mapping[Needs, Ints] = field(default_factory=dict)
    """Sums that are counted by the hour, by what needs them."""

    @property
    def key(self) -> tuple[int, ...]:
        """Equal for the very same sums."""
        return (id(self.filled), id(self.decision), id(self.labels), *map(id, self.binned.values()))

    @property
    def sums(self) -> dict[Needs, Ints]:
        """All its sums, by what needs them."""
        given: dict[Needs, Ints | None] = {"decision": self.decision, "label": self.labels}
        return {needs: sums for needs, sums in given.items() if sums is not None} | dict(self.binned)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A window that was measured: the figures of its batch, and its number among them."""

    frame: Frame
    figures: "Figures"
    at: int

    def points(self, *, cited: bool = False) -> Iterator[Point]:
        """What is stored of the window: published figures only. `cited` by an alert: kept for good."""
        return self.figures.points(self.at, self.frame.place, KEPT if cited else tier_of(self.frame.place.end))

    def observations(self, rule: Comparing) -> Iterator[Observation]:
        """What a rule judges, from the unsuppressed figures."""
        if rule.aggregate:
            return self.figures.disparities(rule, self.at, self.frame.place)
        return self.figures.groups(rule, self.at, self.frame.place)


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is measured of one model: the plan, the metrics to store even when nothing counts for them, the rules."""

    plan: Plan
    asked: frozenset[str]
    rules: tuple[Rule, ...] = field(default=())
    stored: bool = True
    """Whether points are made of it. The minutes of a model that weighs are of decisions that count alike: for rules only."""

    @classmethod
    def of(cls, model: ModelConfig, rules: Iterable[Rule]) -> "Measuring":
        """From the configuration: the metrics that rules look at, and those configured.

        Without configured metrics those by default (`GroupMetric.by_default`), stored once there is something to count.
        """
        mine = tuple(rule for rule in rules if rule.policy.model == model.name)
        looking = [rule for rule in mine if isinstance(rule, Comparing)]
        asked = frozenset(metric(name).name for name in [*model.metrics, *(rule.metric for rule in looking)])
        chosen = tuple(
            name
            for name, one in registry().items()
            if name in asked or (one.by_default and not model.metrics and (model.weight_unit is None or one.weighs))
        )
        wanted = {tuple(sorted(rule.attributes)) for rule in looking if rule.attributes}
        deep = max([model.intersections, *(len(names) for names in wanted)])
        sets = [s for s in attribute_sets(model.attributes, deep) if len(s) <= model.intersections or s in wanted]
        plan = Plan(
            model=model.name,
            attribute_sets=tuple(sets),
            metrics=chosen,
            disparities=_specs(model, looking, chosen),
            references=model.references,
            populations=model.populations,
            declared={name: given.groups for name, given in model.attributes.items()},
            value_unit=model.value.resolution,
            value_range=model.value.range,
            display_min=model.display_min,
            labels=model.labels,
            per_version=model.per_version,
        )
        return cls(plan, asked, mine, stored=model.weight_unit is None)

    def of_basis(self, needs: Literal["decision", "label"]) -> "Measuring | None":
        """The part that needs decisions, or labels; None if there is none."""
        chosen = tuple(name for name in self.plan.metrics if metric(name).needs == needs)
        if not chosen:
            return None
        topics = "predictions" if needs == "decision" else "outcomes"
        rules = tuple(r for r in self.rules if _is_of(r, chosen, topics))
        return Measuring(replace(self.plan, metrics=chosen), self.asked & set(chosen), rules, self.stored)

    def afterwards(self, *needs: Needs) -> "Measuring | None":
        """The part that needs one of these and is computed when its windows are over: no rule looks at it."""
        chosen = tuple(name for name in self.plan.metrics if metric(name).needs in needs)
        return Measuring(replace(self.plan, metrics=chosen), self.asked & set(chosen)) if chosen else None

    @property
    def needs(self) -> frozenset[Needs]:
        """What its metrics need, and what their intervals take beside it."""
        chosen = [metric(name) for name in self.plan.metrics]
        return frozenset(needs for one in chosen for needs in (one.needs, one.beside) if needs is not None)

    def windows(self) -> set[int]:
        """The lengths in ms of the windows that rules look at."""
        moving = (rule for rule in self.rules if not (isinstance(rule, Periodic) and rule.of_period))
        compared = {rule.window_ms for rule in moving if isinstance(rule, Comparing)}
        return compared.union(*(rule.frames for rule in self.rules if isinstance(rule, Circumstantial)))

    def measure(self, frames: Sequence[Frame]) -> list[Measured]:
        """All of these windows, in order; many in one pass, and equal sums once."""
        alike: dict[tuple[Condition, frozenset[Needs]], list[int]] = {}
        for number, frame in enumerate(frames):
            alike.setdefault((frame.condition, frozenset(frame.sums)), []).append(number)
        found: dict[int, Measured] = {}
        for (condition, _), numbers in alike.items():
            for part in self._parts(frames, numbers):
                found |= self._measure([(number, frames[number]) for number in part], condition)
        return [found[number] for number in range(len(frames))]

    def _parts(self, frames: Sequence[Frame], numbers: Sequence[int]) -> Iterator[list[int]]:
        """Some frames at a time, which bounds the memory."""
        part: list[int] = []
        columns = 0
        for number in numbers:
            part.append(number)
            columns += len(frames[number].filled.cells) * len(self.plan.attribute_sets) + 1
            if columns >= MOST_COLUMNS:
                yield part
                part, columns = [], 0
        if part:
            yield part

    def _measure(self, frames: Sequence[tuple[int, Frame]], condition: Condition) -> dict[int, Measured]:
        distinct = {frame.key: frame for _, frame in frames}
        windows = [Assessed(frame.filled.cells, frame.sums) for frame in distinct.values()]
        places: dict[tuple[int, ...], tuple[Figures, int]] = {}
        keys = list(distinct)
        for batch, numbers in assess_each(windows, self.plan, condition):
            figures = Figures(self, batch)
            places |= {keys[number]: (figures, at) for at, number in enumerate(numbers)}
        return {n: Measured(frame, *places[frame.key]) for n, frame in frames}


def _is_of(rule: Rule, metrics: Sequence[str], topics: str) -> bool:
    """Whether the rule is judged by the clock of these topics: one that compares, if its metric is one of these."""
    if isinstance(rule, Comparing):
        return metric(rule.metric).name in metrics
    return not isinstance(rule, Circumstantial) or rule.topics == topics


def _specs(model: ModelConfig, rules: Sequence[Comparing], chosen: Iterable[str]) -> tuple[DisparitySpec, ...]:
    """The disparities that are stored: those configured, else each aggregate; those that rules look at; and indices."""
    configured = [DisparitySpec(Aggregate(d.aggregate), Method(d.method)) for d in model.disparities]
    if not configured:
        methods = [Method.BETWEEN_GROUPS, *([Method.TO_REFERENCE] if model.references else [])]
        configured = [DisparitySpec(aggregate, method) for method in methods for aggregate in COMPARING]
    if any(metric(name).kind == "index" for name in chosen):
        configured.append(DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS))
    return tuple(dict.fromkeys([*configured, *(_spec(rule) for rule in rules if rule.aggregate)]))


def _spec(rule: Comparing) -> DisparitySpec:
    return DisparitySpec(Aggregate(rule.aggregate), Method(rule.method))


class Figures:
    """The figures of a batch of windows, as points and as observations."""

    def __init__(self, measuring: Measuring, batch: Batch) -> None:
        self._measuring, self._batch = measuring, batch
        self._compared: dict[tuple[str, tuple[str, ...], DisparitySpec], list[list[Compared]]] = {}
        self._sure: dict[int, Estimates] = {}
        self._groups = batch.whole.grouping.groups
        self._names: dict[int, list[tuple[Group, Stratum]]] = {}

    # --- what is stored

    def points(self, at: int, place: Place, tier: str) -> Iterator[Point]:
        """The published figures of one window."""
        if not self._measuring.stored:
            return
        counted = self._batch.whole.field.groups.n[:, self._batch.columns(at).start] > 0
        for row, name in enumerate(self._batch.whole.metrics):
            if counted[row] or name in self._measuring.asked:
                if self._batch.whole.field.single[row]:
                    yield from self._group_points(row, at, place, tier)
                yield from self._gap_points(row, at, place, tier)

    def _group_points(self, row: int, at: int, place: Place, tier: str) -> Iterator[Point]:
        columns, model = self._batch.columns(at), self._measuring.plan.model
        name, coverage = self._batch.whole.metrics[row], self._batch.whole.coverage
        groups = self._named(at)
        covered = [None] * len(groups) if coverage is None else coverage[columns].tolist()
        figures: list[tuple[Stratum, Iterator[Figure]]] = [((), _figures(self._batch.shown.estimates, row, columns))]
        if (beside := self._batch.shown.conditional_groups.get(row)) is not None:
            figures.append((self._all_levels(), _figures(beside.take(np.s_[None, :]), 0, columns)))
        for stratum, each in figures:
            for (group, values), share, figure in zip(groups, covered, each, strict=True):
                series = SeriesKey(
                    "group", model, group.version, group.arm, place.basis, group.attribute_set, values, name,
                    stratum=stratum, label_class=place.label_class,
                )  # fmt: skip
                yield Point(series, place.length // 1000, place.end, tier, *figure, share)

    def _named(self, at: int) -> "list[tuple[Group, Stratum]]":
        """The groups of a window, each with its values in the order of the attributes."""
        if at not in self._names:
            self._names[at] = [(one, tuple(sorted(one.values.items()))) for one in self._batch.ones[at].groups]
        return self._names[at]

    def _all_levels(self) -> "Stratum":
        """How what is put together over strata is marked: every factor at all its levels."""
        return tuple((factor, ALL_LEVELS) for factor in self._batch.whole.grouping.factors)

    def _gap_points(self, row: int, at: int, place: Place, tier: str) -> Iterator[Point]:
        """Each disparity, and the same over strata where the model has factors."""
        columns = self._batch.segments(at)
        for gap in self._batch.shown.gaps:
            if gap.offered[row]:
                least = gap.detectable[row, columns].tolist()
                ends = (gap.lower[row, columns], gap.higher[row, columns])
                found = _Gap(gap, row, _figures(gap.estimates, row, columns), ends, least)
                yield from self._compared_points(found, at, place, tier)
        if self._batch.whole.field.groups.form[row] > Form.MEAN:
            return
        for beside in self._batch.shown.conditional:
            if beside.raw.offered[row]:
                turned = beside.reversed[row, columns].tolist()
                ends = (beside.lower[row, columns], beside.higher[row, columns])
                figures = _figures(beside.estimates, row, columns)
                found = _Gap(beside.raw, row, figures, ends, [None] * len(turned), turned, self._all_levels())
                yield from self._compared_points(found, at, place, tier)

    def _compared_points(self, found: "_Gap", at: int, place: Place, tier: str) -> Iterator[Point]:
        columns, names = self._batch.segments(at), self._batch.ones[at].names
        model, name, spec = self._measuring.plan.model, self._batch.whole.metrics[found.row], found.gap.spec
        aggregate, method = spec.aggregate.value, spec.method.value
        sides = zip(
            *(end.tolist() for end in found.ends), found.gap.comparable[found.row, columns].tolist(), strict=True
        )
        turned: Sequence[bool | None] = found.turned or [None] * len(found.least)
        places = zip(names, sides, found.figures, found.least, turned, strict=True)
        for (version, arm, attributes), (lower, higher, comparable), figure, least, flag in places:
            series = SeriesKey(
                "disparity", model, version, arm, place.basis, attributes, (), name, aggregate, method, found.stratum,
                place.label_class,
            )  # fmt: skip
            ends = (self._text(lower), self._text(higher)) if comparable else (None, None)
            yield Point(series, place.length // 1000, place.end, tier, *figure, None, ends[0], ends[1], least, flag)

    def _text(self, column: int) -> str:
        return _REST if column < 0 else _group_text(tuple(self._groups[column].values.items()))

    # --- what is judged

    def disparities(self, rule: Comparing, at: int, place: Place) -> Iterator[Observation]:
        """Every comparison that the rule asks for in one window. Groups below its `min_n` neither drive nor hide one."""
        for attributes in self._sets(rule):
            key = (rule.metric, attributes, replace(_spec(rule), min_n=max(rule.min_n, 1)))
            if key not in self._compared:
                self._compared[key] = self._batch.compare(*key)
            row, found = self._batch.whole.metrics.index(metric(rule.metric).name), self._compared[key][at]
            if self._batch.whole.condition is not None or all(one.estimate.state is State.MEASURED for one in found):
                yield from (self._of_disparity(one, row, attributes, place) for one in found)
                continue
            any_key = (rule.metric, attributes, _spec(rule))
            if any_key not in self._compared:
                self._compared[any_key] = self._batch.compare(*any_key)
            for one, of_any in zip(found, self._compared[any_key][at], strict=True):
                o = self._of_disparity(one, row, attributes, place)
                beside = self._of_disparity(of_any, row, attributes, place)
                yield o if o.state == State.MEASURED else _thin(o, beside, rule.min_n)

    def groups(self, rule: Comparing, at: int, place: Place) -> Iterator[Observation]:
        """The rule's metric of each group, with intervals that hold for all groups of the attribute set at once."""
        row, first = self._batch.whole.metrics.index(metric(rule.metric).name), self._batch.columns(at).start
        for attributes in self._sets(rule):
            wanted = ("*", "*", attributes)
            members = [
                n for n, g in enumerate(self._batch.ones[at].groups) if (g.version, g.arm, g.attribute_set) == wanted
            ]
            for member in members:
                yield self._of_group(first + member, row, len(members), place)

    def _sets(self, rule: Comparing) -> list[tuple[str, ...]]:
        if rule.attributes is None:
            return [names for names in self._measuring.plan.attribute_sets if names]
        return [tuple(sorted(rule.attributes))]

    def _of_disparity(self, found: Compared, row: int, attributes: tuple[str, ...], place: Place) -> Observation:
        spec, one = found.spec, found.estimate
        sides = [self._side(row, column) if found.comparable else None for column in (found.lower, found.higher)]
        coverages = [side.label_coverage for side in sides if side is not None and side.label_coverage is not None]
        fixed = spec.method is not Method.BETWEEN_GROUPS and found.comparable
        return Observation(
            metric=self._batch.whole.metrics[row],
            attributes=attributes,
            aggregate=spec.aggregate.value,
            method=spec.method.value,
            window_ms=place.length,
            window_end=place.end,
            state=one.state.value,
            value=one.value,
            low=one.low,
            high=one.high,
            lower=sides[0],
            higher=sides[1],
            time_basis=place.basis,
            subject=_subject(self._values(found.subject)) if fixed else "",
            reason=one.reason or "",
            label_coverage=min(coverages, default=None),
            stratified=self._stratified(found),
        )

    def _stratified(self, found: Compared) -> Stratified | None:
        """The same comparison within strata, for who is told of it; None where the model has no factors."""
        one, strata = found.stratified, self._batch.whole.strata
        if one is None or strata is None:
            return None
        how = "Mantel-Haenszel" if found.spec.aggregate is Aggregate.RATIO else "weighted difference"
        return Stratified(strata.factors, one.value, one.low, one.high, found.strata, how, one.reason or "")

    def _of_group(self, column: int, row: int, members: int, place: Place) -> Observation:
        if members not in self._sure:
            alpha = 1 - self._measuring.plan.confidence
            self._sure[members] = confident(self._batch, 1 - alpha / members)
        one, side = self._sure[members].one((row, column)), self._side(row, column)
        group = self._groups[column]
        return Observation(
            metric=self._batch.whole.metrics[row],
            attributes=group.attribute_set,
            aggregate="",
            method="",
            window_ms=place.length,
            window_end=place.end,
            state=one.state.value,
            value=one.value,
            low=one.low,
            high=one.high,
            lower=side,
            time_basis=place.basis,
            subject=_subject(group.values),
            reason=one.reason or "",
            label_coverage=None if side is None else side.label_coverage,
        )

    def _side(self, row: int, column: int) -> Side | None:
        if column < 0:
            return None
        one, coverage = self._batch.whole.estimates.one((row, column)), self._batch.whole.coverage
        share = None if coverage is None else float(coverage[column])
        return Side(
            dict(self._values(column)), one.n, one.value, one.low, one.high, one.numerator, one.denominator, share
        )

    def _values(self, column: int) -> Mapping[str, str]:
        return self._groups[column].values


def _thin(o: Observation, of_any: Observation, min_n: int) -> Observation:
    """One without a value beside what it is of any number of events: its sides and subject, and whether there are any."""
    reason = f"fewer than {min_n} on a side" if of_any.state == State.MEASURED else o.reason
    sides = len(of_any.sides) > 0
    return replace(
        o, reason=reason, counted=sides, lower=of_any.lower, higher=of_any.higher, subject=of_any.subject or o.subject
    )


_REST = group_json(REST.items())

_group_text = lru_cache(maxsize=4096)(group_json)


@dataclass(frozen=True, slots=True)
class _Gap:
    """A disparity of one metric in one window, raw or over strata, ready to be written."""

    gap: Disparities
    row: int
    figures: "Iterator[Figure]"
    ends: tuple[Indices, Indices]
    least: Sequence[float | None]
    turned: Sequence[bool] | None = None
    stratum: "Stratum" = ()


Stratum = tuple[tuple[str, str], ...]

Figure = tuple[State, str, float, float, float, int, float, float]


def _figures(estimates: Estimates, row: int, columns: slice) -> Iterator[Figure]:
    """State, reason and numbers of some columns of one metric, in the order of `Point`."""
    states = [STATES[code] for code in estimates.state[row, columns].tolist()]
    reasons = [estimates.reasons[code] for code in estimates.reason[row, columns].tolist()]
    arrays = (estimates.value, estimates.low, estimates.high, estimates.n, estimates.numerator, estimates.denominator)
    numbers: list[Any] = [array[row, columns].tolist() for array in arrays]
    value, low, high, n, numerator, denominator = numbers
    return zip(states, reasons, value, low, high, n, numerator, denominator, strict=True)


def _subject(groups: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(groups.items()))
