"""Which groups are compared with what: the pairs behind a disparity, chosen before anything is computed of them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.grouping import Grouping, Indices
from monitor.intervals import pairs
from monitor.tallies import Table


class Aggregate(StrEnum):
    """What is done with two values."""

    DIFFERENCE = "difference"
    RATIO = "ratio"


class Method(StrEnum):
    """What a group is compared with."""

    BETWEEN_GROUPS = "between_groups"
    TO_OVERALL = "to_overall"
    TO_REST = "to_rest"
    TO_REFERENCE = "to_reference"


@dataclass(frozen=True, slots=True)
class DisparitySpec:
    """A disparity to compute. Groups (and rests) of fewer than `min_n` events of the metric take no part."""

    aggregate: Aggregate
    method: Method
    min_n: int = 1


REASONS = (
    "",
    "fewer than two groups with enough events to compare",
    "the reference group has not enough events, or none is configured",
    "the value to divide by is 0",
    "a ratio needs means that are not negative",
)
OK, FEW, NO_REFERENCE, ZERO, NEGATIVE = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Pairs to compare, (metrics, comparisons). `x` is compared with `y`; each is a table of as many columns."""

    spec: DisparitySpec
    x: Table
    y: Table
    segment: Indices
    """Of each comparison (columns only)."""
    subject: Indices
    """The group of `x`."""
    base: Indices
    """The group of `y`; -1 for the rest, and everybody's where `y` is the rest but meant is everybody."""
    share: Floats
    """The subject's share of everybody, where everybody is meant; else 0."""
    size: Floats
    """How many comparisons the interval must hold for at once."""
    reason: Indices
    """Position in `REASONS`; 0 if it can be computed."""


@dataclass(frozen=True, eq=False)
class Field:
    """Everything to choose pairs from: the groups' tallies, and those of everybody but the group."""

    grouping: Grouping
    groups: Table
    tally_rest: Callable[[], Table]
    """Called when a disparity first needs it."""
    hidden: Flags | None = None
    """(metrics, groups): which must not be looked at."""

    @cached_property
    def rest(self) -> Table:
        """Per group, everybody else in its slice."""
        return self.tally_rest()

    def usable(self, spec: DisparitySpec) -> Flags:
        """(metrics, groups): which have enough events to be on either side."""
        enough: Flags = self.groups.n >= max(spec.min_n, 1)
        return enough if self.hidden is None else enough & ~self.hidden

    def eligible(self, spec: DisparitySpec) -> Flags:
        """(metrics, groups): which are compared."""
        return self.usable(spec) & self.grouping.compared & (self.grouping.segment >= 0)

    def worst(self, spec: DisparitySpec, at: Indices | None = None) -> Comparisons:
        """The comparison that drives the disparity, of each metric and segment (all, or those of `at`)."""
        at = np.arange(len(self.grouping.segments)) if at is None else at
        segments, reference = self.grouping.segments[at], self.grouping.reference[at]
        within = self.eligible(spec)
        if spec.method is Method.BETWEEN_GROUPS:
            value = self.groups.value
            low = _pick(np.where(within, -value, -np.inf), segments)
            high = _pick(
                np.where(within, value, -np.inf), segments[:, ::-1]
            )  # of equals the last, as low has the first
            x, y = (low, high) if spec.aggregate is Aggregate.RATIO else (high, low)
            count = _count(within, segments)
            return self._pairs(spec, (at, x, y), pairs(count), np.where(count < 2, FEW, OK))
        base, within = self._base(spec, within)
        count = _count(within, segments)
        chosen = _pick(np.where(within, self._distance(spec, base), -np.inf), segments)
        few = np.where(count < 1, FEW, OK)
        if spec.method is Method.TO_REFERENCE:
            few = np.where(self.usable(spec)[:, reference] & (reference >= 0), few, NO_REFERENCE)
        return self._pairs(spec, (at, chosen, self._along(base, chosen)), count, few)

    def each(self, spec: DisparitySpec, segment: int) -> Comparisons:
        """Every comparison of one segment: each group with its base. For `between_groups` the driving pair alone."""
        if spec.method is Method.BETWEEN_GROUPS:
            return self.worst(spec, np.array([segment]))
        groups = self.grouping.segments[segment]
        groups = groups[groups >= 0]
        reference = self.grouping.reference[segment] if spec.method is Method.TO_REFERENCE else -1
        groups = groups[(groups != reference) & self.grouping.compared[groups]]
        subject = np.broadcast_to(groups, (len(self.groups.rows), len(groups)))
        base, within = self._base(spec, self.eligible(spec))
        count = np.broadcast_to(within[:, groups].sum(axis=1, keepdims=True), subject.shape)
        few = np.where(within[:, groups], OK, FEW)
        if spec.method is Method.TO_REFERENCE:
            known = self.usable(spec)[:, [reference]] & (reference >= 0)
            few = np.where(known, few, NO_REFERENCE)
        return self._pairs(
            spec, (np.full(len(groups), segment), subject, self._along(base, subject)), count.astype(np.float64), few
        )

    def _base(self, spec: DisparitySpec, within: Flags) -> tuple[Indices, Flags]:
        """What each group is compared with (-1 the rest), and which can be."""
        usable = self.usable(spec)
        if spec.method is Method.TO_REFERENCE:
            base = np.where(self.grouping.segment >= 0, self.grouping.reference[self.grouping.segment], -1)
            known = (base >= 0) & (base != np.arange(len(base))) & usable[:, base]
            return base, within & known
        everybody = self.grouping.everybody
        base = everybody if spec.method is Method.TO_OVERALL else np.full_like(everybody, -1)
        return base, within & usable[:, everybody] & (self.rest.n >= max(spec.min_n, 1))

    def _distance(self, spec: DisparitySpec, base: Indices) -> Floats:
        """(metrics, groups): how far each group is from its base, whatever the direction."""
        value = self.groups.value
        other = self.rest.value if spec.method is Method.TO_REST else value[:, base]
        with np.errstate(all="ignore"):
            if spec.aggregate is Aggregate.DIFFERENCE:
                return np.abs(value - other)
            distance = np.abs(np.log(np.maximum(value, 0.0)) - np.log(np.maximum(other, 0.0)))
        return np.where(other > 0.0, distance, -1.0)  # nothing to divide by: only if there is no other

    def _along(self, base: Indices, subject: Indices) -> Indices:
        return np.where(subject >= 0, base[subject], -1)

    def _pairs(
        self, spec: DisparitySpec, sides: tuple[Indices, Indices, Indices], size: Floats, reason: Indices
    ) -> Comparisons:
        segment, subject, base = sides
        overall = spec.method is Method.TO_OVERALL
        x = self.groups.columns(subject)
        y = self.rest.columns(subject) if overall or spec.method is Method.TO_REST else self.groups.columns(base)
        share = x.n / np.maximum(x.n + y.n, 1) if overall else np.zeros(x.n.shape)
        return Comparisons(spec, x, y, segment, subject, base, share, size, reason)


def _pick(score: Floats, segments: Indices) -> Indices:
    """(metrics, segments): the group of greatest score in each segment, the first of equals."""
    padded = np.where(segments >= 0, score[:, segments], -np.inf)
    found: Indices = segments[np.arange(len(segments)), np.argmax(padded, axis=2)]
    return found


def _count(within: Flags, segments: Indices) -> Floats:
    """(metrics, segments): how many groups take part."""
    count: Floats = np.where(segments >= 0, within[:, segments], False).sum(axis=2).astype(np.float64)
    return count
