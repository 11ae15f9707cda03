"""What is not chosen by one value a group: the farthest of all pairs, and numbers of all groups together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.grouping import Indices
from monitor.tallies import Contrast, Form, Index, Outer, Pair, Table, Tallied

Side = tuple[Table, Any]
"""A table, and which of its columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments' groups, one segment after the other. A segment's groups lie side by side."""

    padded: Indices
    """(segments, most groups), filled up with -1."""
    some: Indices
    """The segments that have any."""
    columns: Indices
    """Their groups."""
    cuts: Indices
    """Where each of them begins in `columns`."""
    lengths: Indices

    @classmethod
    def of(cls, padded: Indices) -> "Segments":
        """Of the rows of `monitor.grouping.Grouping.segments`."""
        some = np.flatnonzero(padded[:, 0] >= 0)
        starts, ends = padded[some, 0], padded[some].max(axis=1, initial=-1) + 1
        lengths = ends - starts
        cuts = np.cumsum(lengths) - lengths
        columns = np.repeat(starts - cuts, lengths) + np.arange(lengths.sum())
        return cls(padded, some, columns, cuts, lengths)

    def count(self, within: Flags) -> Floats:
        """(metrics, segments): how many groups take part."""
        found = np.zeros((len(within), len(self.padded)))
        if len(self.some):
            found[:, self.some] = np.add.reduceat(within[:, self.columns], self.cuts, axis=1, dtype=np.int64)
        return found

    def least_and_greatest(self, score: Floats, within: Flags) -> tuple[Indices, Indices]:
        """(metrics, segments): the first group of least, and the last of greatest score, of those that take part.

        Where none takes part any may be named, and -1 where a segment has none at all.
        """
        first, last = (np.full((len(score), len(self.padded)), -1) for _ in range(2))
        if not len(self.some):
            return first, last
        names, most = self.columns.astype(np.int32), np.int32(score.shape[1])
        score = score[:, self.columns]
        taking = within[:, self.columns] & ~np.isnan(score)
        low, high = np.where(taking, score, np.inf), np.where(taking, score, -np.inf)
        least = np.repeat(np.minimum.reduceat(low, self.cuts, axis=1), self.lengths, axis=1)
        first[:, self.some] = np.minimum.reduceat(np.where(low == least, names, most), self.cuts, axis=1)
        greatest = np.repeat(np.maximum.reduceat(high, self.cuts, axis=1), self.lengths, axis=1)
        last[:, self.some] = np.maximum.reduceat(np.where(high == greatest, names, np.int32(-1)), self.cuts, axis=1)
        return first, last

    def greatest(self, score: Floats, within: Flags, *, last: bool = False) -> Indices:
        """(metrics, segments): the first of greatest score, or the last."""
        low, high = self.least_and_greatest(score if last else -score, within)
        return high if last else low


def between(x: Side, y: Side, row: int, *, ratio: bool) -> Contrast:
    """The distance or ratio of pairs; a metric without ratios gives NaN."""
    one, other = x[0].made[row], y[0].made[row]
    assert isinstance(one, Pair)
    assert isinstance(other, Pair)
    function = one.ratio if ratio else one.distance
    if function is None:
        return Contrast(np.full(np.shape(x[0].at[row][x[1]]), np.nan))
    return function(one.sums.take(x[0].at[row][x[1]]), other.sums.take(y[0].at[row][y[1]]))


def indices(table: Table, rows: Sequence[int], segments: Indices, within: Flags) -> dict[int, Contrast]:
    """By row, the number of all groups of each segment; `within` (metrics, groups): which take part."""
    found, sets = {}, {}
    for row in rows:
        made = table.made[row]
        assert isinstance(made, Index)
        key = id(made.sums)
        if key not in sets:  # several indices are of the same sums
            sets[key] = made.sums.take(segments)
        taking = np.where(segments >= 0, within[row][segments], False)
        one = made.index(sets[key], taking)
        found[row] = Contrast(np.where(taking.sum(axis=1) >= 2, one.value, np.nan), one.limits)
    return found


def keys_of(table: Table) -> tuple[Floats, Indices]:
    """What orders the groups, and of which row: an index by its key, a pair by any of its keys."""
    keys, of = [np.zeros((0, table.n.shape[1]))], []
    for row, made in enumerate(table.made):
        if isinstance(made, (Pair, Index)):
            own = made.keys if isinstance(made, Pair) else made.key[None]
            if own is not None:
                keys.append(own)
                of += [row] * len(own)
    return np.concatenate(keys), np.array(of, dtype=np.intp)


Ends = tuple[Indices, Indices]
"""Two groups of each segment (along the last axis); -1 where there are not two."""


def farthest(made: Tallied, segments: Segments, within: tuple[Flags, Floats], ends: Ends, *, ratio: bool) -> Ends:
    """The two groups of each segment that are farthest apart; `within`: which take part, and how many of each segment.

    `ends` (keys, segments) are the groups of least and greatest of each of its keys.
    """
    assert isinstance(made, Pair)
    none = np.full(len(segments.padded), -1)
    if (made.ratio if ratio else made.distance) is None:
        return none, none.copy()
    if made.keys is None:
        return _searched(made, segments, within, ratio=ratio)
    two = within[1] >= 2
    apart = _apart(made, *ends, ratio=ratio)
    best = np.argmax(apart, axis=0), np.arange(len(none))
    return np.where(two, ends[0][best], -1), np.where(two, ends[1][best], -1)


def _searched(made: Pair, segments: Segments, taking: tuple[Flags, Floats], *, ratio: bool) -> Ends:
    """By looking at the pairs of each segment's outer groups, or at all; of equals the first."""
    x, y = np.full(len(segments.padded), -1), np.full(len(segments.padded), -1)
    within, many = taking
    left = many >= 2
    equal = np.zeros(len(left), dtype=bool)  # all are equal: every distance is 0 or undefined
    if made.outer is not None and not ratio:
        along = made.outer.along
        least, most = segments.least_and_greatest(along[None], within[None])
        equal = along[least[0]] == along[most[0]]
    if made.outer is not None and not ratio and (left & ~equal).any():
        at, one, other = _candidates(made.outer, segments, within, left & ~equal)
        apart = _apart(made, one, other, ratio=False)
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        best = np.repeat(np.maximum.reduceat(apart, starts), np.diff(starts, append=len(at))) if len(at) else apart
        order = np.flatnonzero(apart == best)
        order = order[np.lexsort((other[order], one[order], at[order]))]
        order = order[np.diff(at[order], prepend=-1) > 0]  # the first of the farthest of each segment
        at, far = at[order], apart[order]
        x[at], y[at] = one[order], other[order]
        left[at] = ~((far > 0.0) & (far < np.inf))  # where many are equal all are looked at
    for place in np.flatnonzero(left).tolist():
        groups = segments.padded[place][segments.padded[place] >= 0]
        x[place], y[place] = _all_pairs(made, groups[within[groups]], ratio=ratio, any_will_do=bool(equal[place]))
    return x, y


def _candidates(outer: Outer, segments: Segments, taking: Flags, of: Flags) -> tuple[Indices, Indices, Indices]:
    """Every pair of a group at the upper and one at the lower end: segment (some), and the two, the earlier first."""
    chosen = of[segments.some] & (segments.lengths <= WIDEST)
    place = np.repeat(np.where(chosen, np.arange(len(chosen)), -1), segments.lengths)
    known = taking[segments.columns] & (place >= 0)
    groups, place = segments.columns[known], place[known]
    upper, lower = (np.flatnonzero(front) for front in fronts(outer, groups, place))
    many = np.bincount(place[lower], minlength=len(chosen))
    each = many[place[upper]]  # how many of the lower end each of the upper meets
    behind = np.repeat(np.cumsum(many)[place[upper]] - np.cumsum(each), each) + np.arange(each.sum())
    one, other = np.repeat(upper, each), lower[behind]
    apart = one != other
    one, other = one[apart], other[apart]
    return segments.some[place[one]], groups[np.minimum(one, other)], groups[np.maximum(one, other)]


def fronts(outer: Outer, groups: Indices, place: Indices) -> tuple[Flags, Flags]:
    """Which of the groups are not exceeded at the upper end of their segment, and at the lower. `place` rises: their segment."""
    along, *others = (_ranks(each[groups]) for each in (outer.along, *outer.more, *outer.either))
    more, either = others[: len(outer.more)], others[len(outer.more) :]
    upper, lower = np.zeros(groups.shape, dtype=bool), np.ones(groups.shape, dtype=bool) & outer.upper_alone
    for turned in product((False, True), repeat=len(either)):
        besides = [*more, *(-one if turn else one for one, turn in zip(either, turned, strict=True))]
        upper |= ~_exceeded(along, besides, place)
        if not outer.upper_alone:
            lower |= ~_exceeded(-along, besides, place)
    return upper, lower


def _ranks(values: Floats) -> Indices:
    """The place of each among the different values, from the least."""
    found: Indices = np.unique(values, return_inverse=True)[1]
    return found


def _exceeded(along: Indices, besides: Sequence[Indices], place: Indices) -> Flags:
    """Whether another of the segment has at least as much of everything, and more of something."""
    if len(besides) > 1:
        return _looked_up([along, *besides], place)
    many = len(place) + 1
    # from the most along it; of equals the most beside
    order = np.argsort((place * 2 * many - along) * 2 * many - besides[0])
    height = besides[0][order] + 2 * many * place[order]  # each segment is above those before it
    before = np.concatenate([[-many], np.maximum.accumulate(height)[:-1]])
    begins = np.flatnonzero(np.diff(along[order], prepend=-many) | np.diff(place[order], prepend=-1))
    farther = np.repeat(before[begins], np.diff(begins, append=len(order)))  # of those that have more along it
    found = np.zeros(along.shape, dtype=bool)
    found[order] = (before > height) | (farther >= height)
    return found


def _looked_up(criteria: Sequence[Indices], place: Indices) -> Flags:
    """The same by looking at every two of a segment."""
    found = np.zeros(place.shape, dtype=bool)
    small = np.int16 if len(place) < 1 << 15 else np.int64  # four times as many at once
    criteria = [each.astype(small) for each in criteria]
    for at in np.split(np.arange(len(place)), np.flatnonzero(np.diff(place)) + 1):
        sides = [(each[at][:, None], each[at][None, :]) for each in criteria]
        over = reduce(np.logical_and, [one >= other for one, other in sides])
        under = reduce(np.logical_and, [one <= other for one, other in sides])
        found[at] = np.logical_or.reduce(over & ~under, axis=0)
    return found


WIDEST = 2_000
"""Segments of more groups are not looked through at once: the square of it is a matter of megabytes."""

BLOCK = 64
"""So many groups are compared with all others at once: the arrays stay in the processor's cache."""


def _all_pairs(made: Pair, groups: Indices, *, ratio: bool, any_will_do: bool) -> tuple[int, int]:
    """The farthest two of some groups, by looking at every pair once, or until there is any that is defined."""
    found, best = (-1, -1), -np.inf
    for first in range(0, len(groups), BLOCK):
        some, others = groups[first : first + BLOCK], groups[first:]
        apart = _apart(made, some[:, None], others[None, :], ratio=ratio)
        apart = np.where(np.tri(*apart.shape) > 0, -np.inf, apart)  # each once, and none with itself
        one, other = np.unravel_index(np.argmax(apart), apart.shape)
        if apart[one, other] > best:
            best, found = apart[one, other], (int(some[one]), int(others[other]))
        if any_will_do and best >= 0.0:
            break
    return found


def _apart(made: Pair, one: Indices, other: Indices, *, ratio: bool) -> Floats:
    """How far the groups are apart, greater is farther; what is undefined is nearest of all."""
    function = made.ratio if ratio else made.distance
    if function is None:
        return np.full(np.broadcast(one, other).shape, -1e300)
    value = function(made.sums.take(one), made.sums.take(other)).value
    return np.where(np.isnan(value), -1e300, -value if ratio else value)


def rows_of(table: Table, form: Form) -> list[int]:
    """The rows of this form."""
    found: list[int] = np.flatnonzero(table.form == form).tolist()
    return found
