"""What a metric is: one small function from the sums of groups to a tally of each.

Value, interval, state and every disparity follow from tallies in one place (`monitor.tallies`, `monitor.disparity`) for all
metrics alike; the four kinds of tally are told there. To add a metric write its function in a module of `monitor/metrics/`
and list it in `METRICS`:

    rate, mean      Tally(numerator, n)            a quotient, by Wilson's or Student's interval
    statistic       Statistic(value, parts, limits)  F1, MCC, AUC, a quantile; `monitor.limits` makes `limits`
    pair            Pair(sums, parts, distance)    KS distance, equalized odds: of two groups, none of a single one
    index           Index(sums, parts, index, key)   of all groups of an attribute set together

A composite is a statistic whose `parts` name every denominator: it is undefined where any of them is empty. A rate of counts
can be weighted as it is (`monitor.weighing`); a composite of a group's own rates says so (`of_rates`), one of groups' sizes
likewise (`of_sizes`), a mean how (`weighted`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from monitor.comparisons import DisparitySpec, offers
from monitor.errors import MonitorError
from monitor.estimates import Estimates, Floats
from monitor.river_stats import Moments
from monitor.sums import (
    DECISIONS,
    ERROR_POWERS,
    ERRORS,
    LABEL_SCORES,
    LABELS,
    SCORES,
    VALUES,
    WEIGHTED_DECISIONS,
    WEIGHTED_ERRORS,
    WEIGHTED_LABEL_SCORES,
    WEIGHTED_LABELS,
    WEIGHTED_SCORES,
    WEIGHTED_VALUES,
    Ints,
    Layout,
)
from monitor.tallies import Row, Statistic, Table, Tallied, Tally, parts_of
from monitor.weighing import composite, counted, counts, effective, factor, squares, weights
from monitor.weighing import rate as weighted_rate


class MetricError(MonitorError):
    """A metric was asked for that does not exist, or of sums that do not have it."""


SELECTIVE = "selective labels: only favourable decisions are ever labelled"
"""Why a metric over all labels is undefined where the model's labels are `favourable_only`."""

OF_HISTOGRAMS = "quantiles and cuts of a histogram have no one definition with weights"
OF_TESTS = "a test of counts, or smoothed by them, and weights are no counts"
"""Why a metric cannot be weighted."""

Needs = Literal["decision", "label", "both", "score", "value", "label_score", "error", "power"]
Kind = Literal["rate", "mean", "statistic", "pair", "index"]

LAYOUTS_OF: Mapping[Needs, Layout] = {
    "decision": DECISIONS,
    "label": LABELS,
    "both": Layout((*DECISIONS.slots, *LABELS.slots)),
    "score": SCORES,
    "value": VALUES,
    "label_score": LABEL_SCORES,
    "error": ERRORS,
    "power": ERROR_POWERS,
}
"""The slots that a metric may read. `both`: of the same decisions, so by decision time only. The last five are counted by
the hour, so that their metrics have windows of whole hours; `power` stands beside others (`GroupMetric.beside`)."""

WEIGHTED: Mapping[Needs, Layout] = {
    "decision": WEIGHTED_DECISIONS,
    "label": WEIGHTED_LABELS,
    "both": Layout((*WEIGHTED_DECISIONS.slots, *WEIGHTED_LABELS.slots)),
    "error": WEIGHTED_ERRORS,
    "label_score": WEIGHTED_LABEL_SCORES,
    "score": WEIGHTED_SCORES,
    "value": WEIGHTED_VALUES,
}
"""The same where decisions have weights; these are counted by the hour too."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Of each group: its share of the reference population (NaN where none is known), and the sums of all groups of its
    attribute set that have one."""

    share: Floats
    named: Ints

    def take(self, at: Any) -> "Population":
        """The groups at `at`."""
        return Population(self.share[at], self.named[at])


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sums of groups, by the names of the slots of `monitor.sums`: the last axis of `matrix` are the slots.

    `unit` is the model's value unit, `span` its declared range of values. `whole` is, for each group, the sums of everybody
    in its slice. `weight_unit`: the unit of the weights that stand beside the counts; None: there are none.
    """

    layout: Layout
    matrix: Ints
    unit: float = 1.0
    whole: Ints | None = None
    span: tuple[float, float] = (0.0, 1.0)
    weight_unit: float | None = None
    population: Population | None = None
    beside: "Sums | None" = None
    """The powers of the errors of the very same events (`ERROR_POWERS`), where they are at hand."""

    def __getattr__(self, slot: str) -> Ints:
        try:
            column: Ints = self.matrix[..., self.layout.index(slot)]
        except ValueError:
            raise AttributeError(f"no slot {slot!r} in these sums; there are {', '.join(self.layout.slots)}") from None
        return column

    def bins(self, name: str) -> Ints:
        """The counts of a histogram, bins along the last axis."""
        found: Ints = self.matrix[..., self.layout.span(name)]
        return found

    @property
    def everybody(self) -> "Sums":
        """Of everybody, in the shape of the groups. A group alone is everybody."""
        return self if self.whole is None else self._each(lambda one: one.everybody, matrix=self.whole)

    def take(self, at: Any) -> "Sums":
        """The groups at `at`, any index of NumPy's."""
        whole, population = self.whole, self.population
        return self._each(
            lambda one: one.take(at),
            matrix=self.matrix[at],
            whole=None if whole is None else whole[at],
            population=None if population is None else population.take(at),
        )

    def shaped(self, shape: tuple[int, ...]) -> "Sums":
        """The same groups in another shape; the last axis are the slots."""
        matrix, whole = self.matrix.reshape(shape), self.everybody.matrix.reshape(shape)
        return self._each(lambda one: one.shaped(shape), matrix=matrix, whole=whole)

    def rest(self) -> "Sums":
        """Everybody but the group, of whom no population is known."""
        others = self.everybody.matrix - self.matrix
        return self._each(lambda one: one.rest(), matrix=others, population=None)

    def _each(self, change: "Callable[[Sums], Sums]", **own: Any) -> "Sums":
        """These sums changed, and those beside them likewise."""
        return replace(self, beside=None if self.beside is None else change(self.beside), **own)

    def part(self, of: Callable[[Layout, Ints], Any]) -> "Sums":
        """One part of weighted sums, by the names of the counts: `monitor.weighing.counts`, `weights`, ..."""
        whole = None if self.whole is None else of(self.layout, self.whole)
        known = self.population
        population = None if known is None else Population(known.share, of(self.layout, known.named))
        return Sums(
            counted(self.layout), of(self.layout, self.matrix), self.unit, whole, self.span, population=population
        )

    def alike(self, over: "Sums | None" = None) -> "Sums":
        """Effective counts: weights, times `sum w / sum w^2` over the group's own decisions, or over those of `over`."""
        if over is None:
            return self.part(effective)
        times = factor(over.layout, over.matrix)
        return self.part(lambda layout, matrix: weights(layout, matrix) * times)

    def moments(self, count: str, quantity: str) -> Moments:
        """Count, sum and sum of squares of a quantity, from the slots `quantity`, `quantity_sq_hi` and `quantity_sq_lo`."""
        hi, lo = getattr(self, f"{quantity}_sq_hi"), getattr(self, f"{quantity}_sq_lo")
        return Moments(getattr(self, count), getattr(self, quantity), hi, lo, self.unit)


def joined(parts: Sequence[Sums]) -> Sums:
    """The groups of several sums, one after the other."""
    whole = [part.everybody.matrix for part in parts]
    matrix = np.concatenate([part.matrix for part in parts])
    beside = [part.beside for part in parts if part.beside is not None]
    return replace(
        parts[0],
        matrix=matrix,
        whole=np.concatenate(whole),
        population=None,
        beside=joined(beside) if beside else None,
    )


@dataclass(frozen=True, slots=True)
class GroupMetric:
    """A metric. A module of `monitor/metrics/` lists its metrics in `METRICS`, and that registers them."""

    name: str
    """Fairlearn's word where it has one."""
    definition: str
    """The formula, for the README's table."""
    needs: Needs
    """Whose sums it is computed from."""
    kind: Kind
    """A rate counts events out of events; a mean sums quantities; for the others see the module."""
    denominator: str
    """What `n` counts, as in "positive labels"; an empty one makes it undefined: "no positive labels". Where the tally names its
    parts these do that, and this says what else can lack: "no spread of actual values"."""
    tally: Callable[[Sums], Tallied]
    all_labels: bool = False
    """Needs the labels of unfavourable decisions too, so that selective labels make it undefined."""
    aliases: tuple[str, ...] = ()
    """Other names that a configuration may use."""
    compared: bool = True
    """Whether groups are compared by it. A group's share of everybody, for instance, is a comparison already."""
    over_strata: Callable[[Sums], Statistic] | None = None
    """The group's number put together over strata of the legitimate factors, from sums of (strata, groups) in shape."""
    by_default: bool = False
    """Whether it is stored where a model does not say which metrics it wants."""
    of_rates: bool = False
    """A composite of the group's own rates: the same number if all of the group's counts are multiplied."""
    beside: Needs | None = None
    """Sums of the same events that its interval takes from `Sums.beside`; without them it has none."""
    of_sizes: bool = False
    """Of the groups' sizes too: the same number if the counts of everybody are multiplied, all by the same."""
    weighted: Callable[[Sums], Tallied] | None = None
    """What it makes of weighted sums, where these keep more than counts for it (`monitor.weighted_means`)."""

    @property
    def layout(self) -> Layout:
        """The slots that the metric reads."""
        return LAYOUTS_OF[self.needs]

    @property
    def hourly(self) -> bool:
        """Whether its sums are kept by the hour: it is computed when a window is over, and no rule looks at it."""
        return self.needs not in ("decision", "label", "both")

    @property
    def of_groups(self) -> bool:
        """Whether a single group has a value."""
        return self.kind in ("rate", "mean", "statistic")

    @property
    def weighs(self) -> bool:
        """Whether it can be of weights: a rate of counts, a composite of rates or of sizes, or a mean of which they are kept."""
        return not self.unweighed

    @property
    def unweighed(self) -> str:
        """Why it cannot be of weights; empty: it can."""
        if self.weighted is not None:
            return ""
        if self.hourly:
            return OF_HISTOGRAMS
        layout = counted(WEIGHTED[self.needs])
        try:
            self.tally(Sums(layout, layout.zeros(1)))
        except AttributeError:  # it reads more than counts
            return OF_HISTOGRAMS
        return "" if self.kind == "rate" or self.of_rates or self.of_sizes else OF_TESTS

    @property
    def of_counts(self) -> bool:
        """Whether it needs counts alone, as they are kept of each class of several; and is no comparison of sizes."""
        return self.weighs and self.weighted is None and not self.of_sizes

    def tallied(self, sums: Sums) -> Tallied:
        """What it makes of the sums, weighted if they are."""
        if sums.weight_unit is None:
            return self.tally(sums)
        if self.weighted is not None:
            return self.weighted(sums)
        people, weight = self.tally(sums.part(counts)), self.tally(sums.part(weights))
        if isinstance(people, Tally):
            square = self.tally(sums.part(squares))
            assert isinstance(weight, Tally)
            assert isinstance(square, Tally)
            return weighted_rate(people, weight, square, sums.weight_unit)
        alike = sums.alike(sums.everybody if self.of_sizes else None)
        return composite(people, self.tally(alike), weight, sums.weight_unit)

    def stratified(self, sums: Sums) -> Statistic:
        """What `over_strata` makes of sums of (strata, groups) in shape, weighted if they are."""
        assert self.over_strata is not None
        if sums.weight_unit is None:
            return self.over_strata(sums)
        everybody = sums.everybody.matrix.sum(axis=0, keepdims=True)
        alike = self.over_strata(sums.alike(replace(sums, matrix=everybody, whole=None)))
        return replace(alike, parts=self.over_strata(sums.part(counts)).parts)

    def offers(self, spec: DisparitySpec) -> bool:
        """Whether it has this disparity."""
        return offers(self.tally(Sums(self.layout, self.layout.zeros(1))), spec, compared=self.compared)

    def compute(self, sums: Sums, confidence: float = 0.95, *, selective: bool = False) -> Estimates:
        """The estimate of every group; `selective` says that only favourable decisions are ever labelled."""
        return tabulate((self,), {self.needs: sums}, selective=selective).estimates(confidence).take(0)


def tabulate(metrics: Sequence[GroupMetric], given: Mapping[Needs, Sums], *, selective: bool = False) -> Table:
    """The tallies of several metrics over the same groups: one row a metric, one column a group."""
    tallies = [metric.tallied(given[metric.needs]) for metric in metrics]
    rows = [
        Row(
            metric.name,
            metric.denominator,
            SELECTIVE if selective and metric.all_labels else "",
            metric.compared,
            parts_of(tally),
        )
        for metric, tally in zip(metrics, tallies, strict=True)
    ]
    return Table.of(rows, tallies)


def rate(numerator: Callable[[Sums], Ints], n: Callable[[Sums], Ints]) -> Callable[[Sums], Tally]:
    """The tally of a rate of counts."""
    return lambda sums: Tally(numerator(sums).astype(np.float64), n(sums))
