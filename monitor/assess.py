"""The assessment of one window: sums of cells in, every group's estimates and every disparity out. Pure, and vectorised.

What is served together (arms live, canary and fallback, all versions) is version `*`, arm `*`; `Plan.per_version` adds
each version and arm, shadow too. The group `unknown` is shown as any other and, unless configured, takes no part in
disparities, though it is part of everybody. Strata are summed over.

An assessment says what was counted; rules judge that. `published()` is what may be shown: without the numbers of groups
that are too small, and without those that would give them away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Field, Method
from monitor.conditional import Conditional, conditional
from monitor.disparity import Disparities, disparities
from monitor.estimates import Estimate, Estimates, Flags, Floats, State, number
from monitor.grouping import CellInfo, Grouping, Shape, attribute_sets, grouping
from monitor.metric import LAYOUTS_OF, WEIGHTED, MetricError, Needs, Population, Sums, joined, tabulate
from monitor.metrics import metric, metrics
from monitor.river_stats import GroupAccumulators, group_accumulators
from monitor.strata import Strata
from monitor.sums import Ints, Layout
from monitor.suppression import PROTECTS, TOO_FEW, too_few, withheld
from monitor.tallies import Statistic, Table

__all__ = ["Assessment", "CellInfo", "DisparityPoint", "GroupPoint", "Plan", "assess", "attribute_sets"]

QUOTIENTS = ("rate", "mean")
"""The kinds of metrics that are put together over strata."""

REST: Mapping[str, str] = MappingProxyType({"*": "rest"})
"""The group values of everybody but the other side."""

DEFAULT_DISPARITIES = tuple(DisparitySpec(aggregate, Method.BETWEEN_GROUPS) for aggregate in COMPARING)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for a model."""

    model: str
    attribute_sets: tuple[tuple[str, ...], ...]
    """Names sorted; see `attribute_sets(attributes, depth)`. Everybody, `()`, is always computed."""
    metrics: tuple[str, ...]
    """Names or aliases. Those without sums in `assess` (no labels given, say) are left out."""
    disparities: tuple[DisparitySpec, ...] = DEFAULT_DISPARITIES
    references: Mapping[str, str] = field(default_factory=dict)
    """Attribute to reference group; an intersection's reference is the intersection of references."""
    populations: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Attribute to the share of each of its groups in the reference population; an intersection has none."""
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Attribute to its declared groups: these are shown, undefined, even before they have any event."""
    excluded: frozenset[str] = frozenset({"unknown"})
    """Groups that take no part in disparities."""
    value_unit: float = 0.01
    value_range: tuple[float, float] | None = None
    """The declared one; without it there are no histograms of values."""
    weight_unit: float | None = None
    """If given, the sums are weighted ones (`monitor.weighing`), and so are the numbers; metrics that cannot be are left out."""
    display_min: int = 0
    """Fewer events than this behind a number: `published()` withholds it. 0 or 1 withholds nothing."""
    labels: Literal["all", "favourable_only"] = "all"
    per_version: bool = False
    confidence: float = 0.95

    @property
    def layouts(self) -> Mapping[Needs, Layout]:
        """The slots of the sums, by what needs them."""
        return LAYOUTS_OF if self.weight_unit is None else WEIGHTED

    def shape(self) -> Shape:
        """What the cells are to be grouped by."""
        return Shape(
            attribute_sets=self.attribute_sets,
            per_version=self.per_version,
            declared=tuple((name, tuple(groups)) for name, groups in sorted(self.declared.items())),
            references=tuple(sorted(self.references.items())),
            excluded=self.excluded,
        )


@dataclass(frozen=True, slots=True)
class GroupPoint:
    """One metric of one group. `label_coverage` is labelled / predictions, None where it is not of the same events."""

    version: str
    arm: str
    attribute_set: tuple[str, ...]
    group_values: Mapping[str, str]
    metric: str
    estimate: Estimate
    label_coverage: float | None = None


@dataclass(frozen=True, slots=True)
class DisparityPoint:
    """One disparity. `lower_group` and `higher_group` are the group values that drive it, None where nothing compares.

    `{}` is everybody and `REST` everybody but the other side. `lower` and `higher` are those sides' own estimates;
    `subject` is the group compared, `{}` for a maximum over pairs.
    """

    version: str
    arm: str
    attribute_set: tuple[str, ...]
    metric: str
    aggregate: Aggregate
    method: Method
    estimate: Estimate
    lower_group: Mapping[str, str] | None
    higher_group: Mapping[str, str] | None
    lower: GroupPoint | None = None
    higher: GroupPoint | None = None
    subject: Mapping[str, str] = field(default_factory=dict)
    detectable: float | None = None
    """The least gap, or the ratio below 1, that would have been found (`monitor.power`); None: not said."""


def assess(cells: Sequence[CellInfo], decision: Ints | None, labels: Ints | None, plan: Plan) -> "Assessment":
    """Every metric of every group, and the plan's disparities, over one window.

    `decision` and `labels` are the cells' sums over it (rows as `cells`, slots as `DECISIONS` and `LABELS`); None leaves
    out the metrics that need them. Both given means that both are by decision time, so that label coverage is their
    ratio. MetricError for a metric that does not exist or sums of another shape.
    """
    offered: dict[Needs, Ints | None] = {"decision": decision, "label": labels}
    given = {needs: matrix for needs, matrix in offered.items() if matrix is not None}
    for needs, matrix in given.items():
        if matrix.shape != (len(cells), len(plan.layouts[needs])):
            raise MetricError(
                f"the {needs} sums have shape {matrix.shape}; {len(cells)} cells of {len(plan.layouts[needs])} slots are needed"
            )
    return assessed(grouping(cells, plan.shape()), given, plan)


def assessed(found: Grouping, given: Mapping[Needs, Ints], plan: Plan) -> "Assessment":
    """The assessment of the sums of cells, by what metrics need; `both` follows from decisions and labels together."""
    sums = summed(found, given, plan)
    chosen = [m for m in metrics(plan.metrics) if m.needs in sums and (plan.weight_unit is None or m.weighs)]
    if not chosen:
        raise MetricError(f"no metric of {plan.metrics} can be computed from the sums given")
    selective = plan.labels == "favourable_only"

    def rest() -> Table:
        return tabulate(chosen, {needs: one.rest() for needs, one in sums.items()}, selective=selective)

    coverage = None
    if "both" in sums:
        with np.errstate(all="ignore"):
            coverage = sums["both"].labelled / sums["both"].events

    def strata() -> Strata | None:
        places = {row: place for place, row in enumerate(at for at, m in enumerate(chosen) if m.kind in QUOTIENTS)}
        if not found.factors:
            return None
        inside = [found.stratum == at for at in range(found.strata)]
        parts = [summed(found, {n: m * mask[:, None] for n, m in given.items()}, plan) for mask in inside]
        each = {needs: joined([part[needs] for part in parts]) for needs in sums}
        quotients = [chosen[row] for row in places] or chosen[:1]
        tables = (each, {needs: one.rest() for needs, one in each.items()})
        groups, others = (tabulate(quotients, table, selective=selective) for table in tables)
        shape = (found.strata, len(found.groups), -1)
        of_groups = {
            row: m.stratified(each[m.needs].shaped(shape)) for row, m in enumerate(chosen) if m.over_strata is not None
        }
        return Strata(found.factors, found.strata, groups, others, places, of_groups)

    groups = tabulate(chosen, sums, selective=selective)
    return Assessment(plan, Field(found, groups, rest), sums, coverage, tally_strata=strata)


def summed(found: Grouping, given: Mapping[Needs, Ints], plan: Plan) -> dict[Needs, Sums]:
    """The sums of every group, and of everybody beside it, from those of the cells."""
    matrices = {needs: found.sum(matrix) for needs, matrix in given.items()}
    if "decision" in given and "label" in given:
        matrices["both"] = np.concatenate([matrices["decision"], matrices["label"]], axis=1)
    unit, span = plan.value_unit, plan.value_range or (0.0, 1.0)
    sums = {
        needs: Sums(plan.layouts[needs], matrix, unit, matrix[found.everybody], span, plan.weight_unit)
        for needs, matrix in matrices.items()
    }
    if plan.populations and "decision" in sums:
        sums["decision"] = replace(sums["decision"], population=_population(found, matrices["decision"], plan))
    if (powers := sums.get("power")) is not None:
        sums |= {needs: replace(sums[needs], beside=powers) for needs in ("label", "error") if needs in sums}
    return sums


def _population(found: Grouping, matrix: Ints, plan: Plan) -> Population:
    """Who the people should be, of the attributes that have a reference population."""
    shares = [
        plan.populations.get(g.attribute_set[0], {}).get(g.values[g.attribute_set[0]], np.nan)
        if len(g.attribute_set) == 1
        else np.nan
        for g in found.groups
    ]
    share = np.array(shares, dtype=np.float64)
    named = np.zeros(
        (len(found.segments) + 1, matrix.shape[1]), dtype=np.int64
    )  # the last of everybody, who is in none
    known = np.flatnonzero(~np.isnan(share))
    np.add.at(named, found.segment[known], matrix[known])
    return Population(share, named[found.segment])


@dataclass(frozen=True, eq=False)
class Assessment:
    """The estimates of one window. Points are made of them when asked for, and kept."""

    plan: Plan
    field: Field
    sums: Mapping[Needs, Sums]
    coverage: Floats | None = None
    condition: tuple[State, str] | None = None
    minimum: int = 0
    tally_strata: Callable[[], Strata | None] = lambda: None
    """Called when strata are first looked at."""

    @property
    def grouping(self) -> Grouping:
        """The groups, in the order of the estimates' columns."""
        return self.field.grouping

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, in the order of the estimates' rows."""
        return tuple(row.metric for row in self.field.groups.rows)

    @cached_property
    def hidden(self) -> Flags:
        """(metrics, groups): what is withheld."""
        return withheld(self.field.groups.people, self.minimum, self.grouping)

    @cached_property
    def estimates(self) -> Estimates:
        """The estimate of every metric (rows) and group (columns)."""
        found = self._conditioned(self.field.groups.estimates(self.plan.confidence))
        small = too_few(self.field.groups.people, self.minimum)
        found = found.where(self.hidden & small, State.SUPPRESSED, TOO_FEW.format(minimum=self.minimum))
        return found.where(self.hidden & ~small, State.SUPPRESSED, PROTECTS)

    @cached_property
    def gaps(self) -> tuple[Disparities, ...]:
        """The plan's disparities, each (metrics, segments)."""
        if not len(self.grouping.segments):
            return ()
        return self._estimated(self.plan.disparities, None)

    @cached_property
    def strata(self) -> Strata | None:
        """The same within strata of the legitimate factors; None where cells have none."""
        return self.tally_strata()

    @cached_property
    def conditional(self) -> tuple[Conditional, ...]:
        """The plan's disparities put together over strata, each of the very pairs of `gaps`; none without factors."""
        return tuple(found for gap in self.gaps if (found := self.stratify(gap)) is not None)

    @cached_property
    def conditional_groups(self) -> dict[int, Estimates]:
        """Of each metric (row) that has one: the groups' numbers over strata, withheld where the raw ones are."""
        made = {} if self.strata is None else self.strata.of_groups
        return {row: self._of_strata(row, statistic) for row, statistic in made.items()}

    def _of_strata(self, row: int, statistic: Statistic) -> Estimates:
        table = Table.of([replace(self.field.groups.rows[row], parts=tuple(statistic.parts))], [statistic])
        found = self._conditioned(table.estimates(self.plan.confidence).take(0))
        return found.where(self.hidden[row], State.SUPPRESSED, TOO_FEW.format(minimum=self.minimum))

    def stratify(self, gap: Disparities, row: int | None = None) -> Conditional | None:
        """A disparity over strata, of all metrics or of one alone; None without strata, and for what has none."""
        if self.strata is None or gap.spec.aggregate is Aggregate.INDEX or gap.spec.method is Method.TO_OVERALL:
            return None
        return conditional(self.strata if row is None else self.strata.only(row), gap)

    @cached_property
    def groups(self) -> list[GroupPoint]:
        """A point for every group and metric that a single group has."""
        return [point for row in np.flatnonzero(self.field.single).tolist() for point in self._row(row)]

    @cached_property
    def disparities(self) -> list[DisparityPoint]:
        """A point for every metric, attribute set and disparity of the plan."""
        return [point for gap in self.gaps for point in self._points(gap, np.flatnonzero(gap.offered).tolist())]

    def published(self) -> "Assessment":
        """What may be shown (`monitor.suppression`): the same, without what the plan's `display_min` withholds."""
        return replace(self, minimum=self.plan.display_min)

    def conditioned(self, state: State, reason: str) -> "Assessment":
        """The same, all of it stale or undefined: a window of lost data, or one that spans two cell schemas."""
        return replace(self, condition=(state, reason))

    def compare(
        self, name: str, attributes: Sequence[str], spec: DisparitySpec, version: str = "*", arm: str = "*"
    ) -> list[DisparityPoint]:
        """Every comparison of one metric and attribute set, for a rule to judge: one point a group compared.

        For `between_groups` that is one, the driving pair; for `to_reference` and `to_rest` the values are signed, so that
        a bound `min` watches groups that fall below and `max` those above. The intervals hold for all at once.
        MetricError if the metric or the attribute set is not in the plan.
        """
        wanted, names = metric(name).name, tuple(sorted(attributes))
        if wanted not in self.metrics or names not in self.plan.attribute_sets:
            raise MetricError(f"{wanted} of {names} is not part of this assessment: metrics {self.metrics}, "
                              f"attribute sets {self.plan.attribute_sets}")  # fmt: skip
        if (version, arm, names) not in self.grouping.names:
            return []
        (gap,) = self._estimated((spec,), self.grouping.names.index((version, arm, names)))
        return list(self._points(gap, (self.metrics.index(wanted),)))

    def accumulators(self, at: int) -> GroupAccumulators:
        """River's accumulators of the group in column `at`, to compute from or go on with."""
        decision, label = (
            dict(zip(sums.layout.slots, sums.matrix[at].tolist(), strict=True)) if sums is not None else {}
            for sums in (self.sums.get("decision"), self.sums.get("label"))
        )
        return group_accumulators(decision, label, self.plan.value_unit)

    def _estimated(self, specs: Sequence[DisparitySpec], segment: int | None) -> tuple[Disparities, ...]:
        """The disparities, over all segments or all comparisons of one, with conditions and suppression applied.

        What is published leaves the groups that are withheld out of the choice: the pair shown is one that may be.
        """
        known = replace(self.field, hidden=self.hidden) if self.hidden.any() else self.field
        pairs = [known.worst(spec) if segment is None else known.each(spec, segment) for spec in specs]
        return tuple(self._told(gap) for gap in disparities(pairs, self.plan.confidence))

    def _told(self, gap: Disparities) -> Disparities:
        """With the condition; and where too few groups are left because others are withheld, that is why."""
        estimates = self._conditioned(gap.estimates)
        if self.hidden.any():
            segments = self.grouping.segments[gap.segment]
            some = np.where(segments >= 0, self.hidden[:, segments], False).any(axis=2)
            reason = TOO_FEW.format(minimum=self.minimum)
            estimates = estimates.where(some & ~gap.comparable, State.SUPPRESSED, reason)
        return replace(gap, estimates=estimates)

    def _conditioned(self, estimates: Estimates) -> Estimates:
        if self.condition is None:
            return estimates
        return estimates.where(np.ones(estimates.state.shape, dtype=bool), *self.condition)

    def _row(self, row: int) -> Iterator[GroupPoint]:
        """A point for every group, of the metric in this row."""
        columns = zip(self.estimates.take(row), self._coverage(row, slice(None)), strict=True)
        for at, (estimate, coverage) in enumerate(columns):
            yield self._made(row, at, estimate, coverage)

    def _made(self, row: int, at: int, estimate: Estimate, coverage: float | None) -> GroupPoint:
        group = self.grouping.groups[at]
        shown = None if estimate.state is State.SUPPRESSED else coverage
        return GroupPoint(
            group.version, group.arm, group.attribute_set, group.values, self.metrics[row], estimate, shown
        )

    def _coverage(self, row: int, columns: slice) -> list[float | None]:
        if self.coverage is None or metric(self.metrics[row]).needs == "decision":
            return [None] * len(self.grouping.groups[columns])
        return [number(share) for share in self.coverage[columns].tolist()]

    def _points(self, gap: Disparities, rows: Iterable[int]) -> Iterator[DisparityPoint]:
        """A point for every comparison, of the metrics in these rows."""
        fixed = gap.spec.method is not Method.BETWEEN_GROUPS
        for row in rows:
            parts = (gap.subject, gap.lower, gap.higher, gap.comparable, gap.detectable)
            places = [gap.segment, *(part[row] for part in parts)]
            columns = zip(*(place.tolist() for place in places), gap.estimates.take(row), strict=True)
            for segment, subject, lower, higher, comparable, least, estimate in columns:
                sides = [self._side(row, side, subject) if comparable else None for side in (lower, higher)]
                values = [side.group_values if side else None for side in sides]
                version, arm, attributes = self.grouping.names[segment]
                yield DisparityPoint(
                    version, arm, attributes, self.metrics[row], gap.spec.aggregate, gap.spec.method, estimate,
                    values[0], values[1], sides[0], sides[1],
                    self.grouping.groups[subject].values if fixed and comparable else {},
                    number(least) if estimate.state in (State.MEASURED, State.STALE) else None,
                )  # fmt: skip

    def _side(self, row: int, at: int, subject: int) -> GroupPoint:
        """The point of a group, or of everybody but the subject."""
        if at >= 0:
            return self._made(row, at, self.estimates.one((row, at)), self._coverage(row, slice(at, at + 1))[0])
        estimate = self._conditioned(self._rest.take((slice(row, row + 1), subject))).one(0)
        group = self.grouping.groups[subject]
        return GroupPoint(group.version, group.arm, group.attribute_set, REST, self.metrics[row], estimate)

    @cached_property
    def _rest(self) -> Estimates:
        return self.field.rest.estimates(self.plan.confidence)
