"""Which groups are compared with what: the pairs behind a disparity, chosen before anything is computed of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.grouping import Grouping, Indices
from monitor.intervals import pairs
from monitor.pairing import Ends, Segments, between, farthest, indices, keys_of, rows_of
from monitor.sums import Ints
from monitor.tallies import Contrast, Form, Index, Pair, Table, Tallied

T = TypeVar("T")


class Aggregate(StrEnum):
    """What is done with two values."""

    DIFFERENCE = "difference"
    RATIO = "ratio"
    INDEX = "index"
    """One number of all groups together; nothing is done with two values."""


COMPARING = (Aggregate.DIFFERENCE, Aggregate.RATIO)
"""The aggregates of two values."""


class Method(StrEnum):
    """What a group is compared with."""

    BETWEEN_GROUPS = "between_groups"
    TO_OVERALL = "to_overall"
    TO_REST = "to_rest"
    TO_REFERENCE = "to_reference"
    TO_HIGHEST = "to_highest"


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
    "a ratio needs values that are not negative",
    "this metric has no such disparity",
    "not defined for these groups",
)
OK, FEW, NO_REFERENCE, ZERO, NEGATIVE, NONE, UNKNOWN = range(7)


def offers(made: Tallied, spec: DisparitySpec, *, compared: bool = True) -> bool:
    """Whether a metric has this disparity: an index is one number, a pair has ratios only if it says so."""
    if spec.aggregate is Aggregate.INDEX or isinstance(made, Index):
        wanted = (Aggregate.INDEX, Method.BETWEEN_GROUPS)
        return isinstance(made, Index) and (spec.aggregate, spec.method) == wanted
    if isinstance(made, Pair):
        ratio = spec.aggregate is Aggregate.DIFFERENCE or made.ratio is not None
        return compared and ratio and spec.method is not Method.TO_HIGHEST
    return compared


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
    """The subject's share of everybody, where everybody is meant and `y` is the rest; else 0."""
    n: Ints
    """How many events stand behind both sides (behind all groups of an index)."""
    size: Floats
    """How many comparisons the interval must hold for at once."""
    reason: Indices
    """Position in `REASONS`; 0 if it can be computed."""
    contrasts: Mapping[int, Contrast]
    """Of the rows that are no comparison of two values (pairs, indices): what they are."""
    offered: Flags
    """Per metric: whether it has this disparity at all."""


@dataclass(frozen=True, eq=False)
class Field:
    """Everything to choose pairs from: the groups' tallies, and those of everybody but the group."""

    grouping: Grouping
    groups: Table
    tally_rest: Callable[[], Table]
    """Called when a disparity first needs it."""
    hidden: Flags | None = None
    """(metrics, groups): which must not be looked at."""
    _kept: dict[tuple[str, int], Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def rest(self) -> Table:
        """Per group, everybody else in its slice."""
        return self.tally_rest()

    @cached_property
    def segments(self) -> Segments:
        """All of them."""
        return Segments.of(self.grouping.segments)

    @cached_property
    def single(self) -> Flags:
        """Per metric: whether a group has a value of its own."""
        found: Flags = self.groups.form <= Form.STATISTIC
        return found

    def offered(self, spec: DisparitySpec) -> Flags:
        """Per metric: whether it has this disparity."""
        made = zip(self.groups.rows, self.groups.made, strict=True)
        return np.array([offers(tally, spec, compared=row.compared) for row, tally in made])

    def usable(self, spec: DisparitySpec) -> Flags:
        """(metrics, groups): which have enough events, and a value, to be on either side."""
        return self._known("usable", spec, lambda: self._counted(self.groups, spec) & self._visible)

    def _known(self, what: str, spec: DisparitySpec, make: Callable[[], T]) -> T:
        """Worked out once for every `min_n`."""
        key = (what, spec.min_n)
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def _counted(self, table: Table, spec: DisparitySpec) -> Flags:
        found: Flags = (table.n >= max(spec.min_n, 1)) & ~(np.isnan(table.value) & self.single[:, None])
        return found

    @property
    def _visible(self) -> Flags:
        return np.array(True) if self.hidden is None else ~self.hidden

    def eligible(self, spec: DisparitySpec) -> Flags:
        """(metrics, groups): which are compared."""
        taking = self.grouping.compared & (self.grouping.segment >= 0)
        return self._known("eligible", spec, lambda: self.usable(spec) & taking)

    def worst(self, spec: DisparitySpec, at: Indices | None = None) -> Comparisons:
        """The comparison that drives the disparity, of each metric and segment (all, or those of `at`)."""
        every = at is None
        at = np.arange(len(self.grouping.segments)) if at is None else at
        segments = self.segments if every else Segments.of(self.grouping.segments[at])
        reference, within = self.grouping.reference[at], self.eligible(spec)
        if spec.method is Method.BETWEEN_GROUPS:
            size = segments.count(within)
            ends = self._kept_ends(spec) if every else self._ends(segments, within)
            x, y = self._extremes(spec, segments, (within, size), ends)
            at_once = np.ones_like(size) if spec.aggregate is Aggregate.INDEX else pairs(size)
            return self._pairs(spec, (at, x, y), at_once, np.where(size < 2, FEW, OK), within)
        base, within = self._base(spec, within)
        size = segments.count(within)
        chosen = segments.greatest(self._distance(spec, base), within)
        few = np.where(size < 1, FEW, OK)
        if spec.method is Method.TO_REFERENCE:
            few = np.where(self.usable(spec)[:, reference] & (reference >= 0), few, NO_REFERENCE)
        return self._pairs(spec, (at, chosen, self._along(base, chosen)), self._size(spec, size), few, within)

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
        size = np.broadcast_to(within[:, groups].sum(axis=1, keepdims=True), subject.shape).astype(np.float64)
        few = np.where(within[:, groups], OK, FEW)
        if spec.method is Method.TO_REFERENCE:
            known = self.usable(spec)[:, [reference]] & (reference >= 0)
            few = np.where(known, few, NO_REFERENCE)
        sides = (np.full(len(groups), segment), subject, self._along(base, subject))
        return self._pairs(spec, sides, self._size(spec, size), few, within)

    # --- inside

    def _size(self, spec: DisparitySpec, size: Floats) -> Floats:
        """How many comparisons so many groups make: where the highest is looked for, every pair might have been it."""
        return pairs(size + 1.0) if spec.method is Method.TO_HIGHEST else size

    def _ends(self, segments: Segments, within: Flags) -> Ends:
        """(metrics and then keys, segments): the groups of least and greatest value, and of least and greatest key."""
        keys, of = self._keys
        score = np.concatenate([self.groups.value, keys])
        return segments.least_and_greatest(score, np.concatenate([within, within[of]]))

    def _kept_ends(self, spec: DisparitySpec) -> Ends:
        """Of all segments; differences and ratios have the same."""
        return self._known("ends", spec, lambda: self._ends(self.segments, self.eligible(spec)))

    @cached_property
    def _keys(self) -> tuple[Floats, Indices]:
        return keys_of(self.groups)

    def _extremes(
        self, spec: DisparitySpec, segments: Segments, taking: tuple[Flags, Floats], ends: Ends
    ) -> tuple[Indices, Indices]:
        """(metrics, segments): the two groups farthest apart; `taking`: which take part, and how many of each segment."""
        rows, of = len(taking[0]), self._keys[1]
        low, high = (end[:rows].copy() for end in ends)
        for row in rows_of(self.groups, Form.INDEX):
            low[row], high[row] = (end[rows:][of == row][0] for end in ends)
        ratio = spec.aggregate is Aggregate.RATIO
        x, y = (low, high) if ratio else (high, low)
        if spec.aggregate is Aggregate.INDEX:
            return x, y
        for row in rows_of(self.groups, Form.PAIR):
            own = ends[0][rows:][of == row], ends[1][rows:][of == row]
            x[row], y[row] = farthest(
                self.groups.made[row], segments, (taking[0][row], taking[1][row]), own, ratio=ratio
            )
        return x, y

    def _base(self, spec: DisparitySpec, within: Flags) -> tuple[Indices, Flags]:
        """(metrics, groups): what each group is compared with (-1 the rest), and which can be."""
        usable, everybody = self.usable(spec), self.grouping.everybody
        if spec.method is Method.TO_REFERENCE:
            base = np.where(self.grouping.segment >= 0, self.grouping.reference[self.grouping.segment], -1)
            known = (base >= 0) & (base != np.arange(len(base))) & usable[:, base]
            return np.broadcast_to(base, usable.shape), within & known
        if spec.method is Method.TO_HIGHEST:
            best = self.segments.greatest(self.groups.value, within, last=True)
            base = np.where(self.grouping.segment >= 0, best[:, self.grouping.segment], -1)
            return base, within & (base != np.arange(base.shape[1])) & self.single[:, None]
        base = everybody if spec.method is Method.TO_OVERALL else np.full_like(everybody, -1)
        rest = self._known("rest", spec, lambda: self._counted(self.rest, spec))
        return np.broadcast_to(base, usable.shape), within & usable[:, everybody] & rest

    def _distance(self, spec: DisparitySpec, base: Indices) -> Floats:
        """(metrics, groups): how far each group is from its base, whatever the direction."""
        value = self.groups.value
        other = self.rest.value if spec.method is Method.TO_REST else np.take_along_axis(value, base, axis=1)
        with np.errstate(all="ignore"):
            if spec.aggregate is Aggregate.DIFFERENCE:
                distance = np.abs(value - other)
            else:
                distance = np.abs(np.log(np.maximum(value, 0.0)) - np.log(np.maximum(other, 0.0)))
                distance = np.where(other > 0.0, distance, -1.0)  # nothing to divide by: only if there is no other
        if rows_of(self.groups, Form.PAIR):
            everyone = np.broadcast_to(np.arange(base.shape[1]), base.shape)
            ratio = spec.aggregate is Aggregate.RATIO
            other_side = self.rest if spec.method is Method.TO_REST else self.groups
            for row in rows_of(self.groups, Form.PAIR):
                at = everyone[row] if spec.method is Method.TO_REST else base[row]
                apart = between((self.groups, everyone[row]), (other_side, at), row, ratio=ratio).value
                distance[row] = np.where(np.isnan(apart), -1.0, 1.0 - apart if ratio else apart)
        return distance

    def _along(self, base: Indices, subject: Indices) -> Indices:
        return np.where(subject >= 0, np.take_along_axis(base, subject, axis=1), -1)

    def _tables(self, spec: DisparitySpec, subject: Indices, base: Indices) -> tuple[Table, Table]:
        """Both sides. A quotient is compared with everybody by way of the rest; others with everybody as they are."""
        x = self.groups.columns(subject)
        if spec.method is Method.TO_REST:
            return x, self.rest.columns(subject)
        if spec.method is not Method.TO_OVERALL:
            return x, self.groups.columns(base)
        return x, self.rest.columns(subject).mixed(self.groups.form <= Form.MEAN, self.groups.columns(base))

    def _pairs(
        self,
        spec: DisparitySpec,
        sides: tuple[Indices, Indices, Indices],
        size: Floats,
        reason: Indices,
        within: Flags,
    ) -> Comparisons:
        segment, subject, base = sides
        x, y = self._tables(spec, subject, base)
        share = np.zeros(x.n.shape)
        if spec.method is Method.TO_OVERALL:
            quotients = (self.groups.form <= Form.MEAN)[:, None] & (x.denominator + y.denominator > 0)
            np.divide(x.denominator, x.denominator + y.denominator, out=share, where=quotients)
        contrasts = self._contrasts(spec, (x, y), segment, within)
        for row, found in contrasts.items():
            reason[row] = np.where((reason[row] == OK) & ~np.isfinite(found.value), UNKNOWN, reason[row])
        offered = self.offered(spec)
        reason = np.where(offered[:, None], reason, NONE)
        n = np.where(self._overlaps(spec)[:, None], y.n, x.n + y.n)
        if spec.aggregate is Aggregate.INDEX:
            segments, n = self.grouping.segments[segment], np.zeros_like(n)
            counted = (segments >= 0) & within[offered][:, segments]
            n[offered] = np.where(counted, self.groups.n[offered][:, segments], 0).sum(axis=2)
        return Comparisons(spec, x, y, segment, subject, base, share, n, size, reason, contrasts, offered)

    def _overlaps(self, spec: DisparitySpec) -> Flags:
        """Per metric: whether the other side contains the group."""
        return (self.groups.form > Form.MEAN) & (spec.method is Method.TO_OVERALL)

    def _contrasts(
        self, spec: DisparitySpec, sides: tuple[Table, Table], segment: Indices, within: Flags
    ) -> dict[int, Contrast]:
        """Of the rows that are pairs or indices."""
        if spec.aggregate is Aggregate.INDEX:
            segments = self.grouping.segments[segment]
            return indices(self.groups, rows_of(self.groups, Form.INDEX), segments, within)
        (x, y), ratio = sides, spec.aggregate is Aggregate.RATIO
        return {
            row: between((x, slice(None)), (y, slice(None)), row, ratio=ratio)
            for row in rows_of(self.groups, Form.PAIR)
        }
