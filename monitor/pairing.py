"""What is not chosen by one value a group: the farthest of all pairs, and numbers of all groups together."""

from typing import Any

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.grouping import Indices
from monitor.tallies import Contrast, Form, Index, Pair, Table

Side = tuple[Table, Any]
"""A table, and which of its columns."""


def pick(score: Floats, within: Flags, segments: Indices, *, last: bool = False) -> Indices:
    """(metrics, segments): the group of greatest score that takes part in each segment, the first or last of equals.

    A segment's groups lie side by side; where none takes part any may be named, and -1 where it has none at all.
    """
    some = np.flatnonzero(segments[:, 0] >= 0)
    found = np.full((len(score), len(segments)), -1)
    if not len(some):
        return found
    cuts, columns = _cuts(segments[some])
    chosen = np.where(within, score, -np.inf)
    chosen[np.isnan(chosen)] = -np.inf
    chosen = chosen[:, columns]
    lengths = np.diff([*cuts, chosen.shape[1]])
    best = np.repeat(np.maximum.reduceat(chosen, cuts, axis=1), lengths, axis=1)
    names = np.arange(score.shape[1], dtype=np.int32)[columns]
    if last:
        found[:, some] = np.maximum.reduceat(np.where(chosen == best, names, np.int32(-1)), cuts, axis=1)
    else:
        most = np.int32(score.shape[1])
        found[:, some] = np.minimum.reduceat(np.where(chosen == best, names, most), cuts, axis=1)
    return found


def _cuts(segments: Indices) -> tuple[Indices, Indices]:
    """The columns of the segments' groups, one segment after the other, and where each begins among them."""
    starts, ends = segments[:, 0], segments.max(axis=1) + 1
    columns = np.concatenate([np.arange(*span) for span in zip(starts.tolist(), ends.tolist(), strict=True)])
    return np.concatenate([[0], np.cumsum(ends - starts)[:-1]]), columns


def count(within: Flags, segments: Indices) -> Floats:
    """(metrics, segments): how many groups take part."""
    found = np.zeros((len(within), len(segments)))
    for row, groups in enumerate(segments):
        members = groups[groups >= 0]
        if len(members):
            found[:, row] = within[:, members[0] : members[-1] + 1].sum(axis=1)
    return found


def between(x: Side, y: Side, row: int, *, ratio: bool) -> Contrast:
    """The distance or ratio of pairs; a metric without ratios gives NaN."""
    one, other = x[0].made[row], y[0].made[row]
    assert isinstance(one, Pair)
    assert isinstance(other, Pair)
    function = one.ratio if ratio else one.distance
    if function is None:
        return Contrast(np.full(np.shape(x[0].at[row][x[1]]), np.nan))
    return function(one.sums.take(x[0].at[row][x[1]]), other.sums.take(y[0].at[row][y[1]]))


def index(table: Table, row: int, segments: Indices, within: Flags) -> Contrast:
    """The number of all groups of each segment; `within` (groups): which take part."""
    made = table.made[row]
    assert isinstance(made, Index)
    taking = np.where(segments >= 0, within[segments], False)
    found = made.index(made.sums.take(segments), taking)
    value = np.where(taking.sum(axis=1) >= 2, found.value, np.nan)
    return Contrast(value, found.limits)


def order(table: Table, row: int) -> Floats:
    """What an index orders the groups by."""
    made = table.made[row]
    assert isinstance(made, Index)
    return made.key


def farthest(table: Table, row: int, segments: Indices, within: Flags, *, ratio: bool) -> tuple[Indices, Indices]:
    """The two groups of each segment that are farthest apart, -1 where there are not two; `within`: which take part."""
    made = table.made[row]
    assert isinstance(made, Pair)
    x, y = np.full(len(segments), -1), np.full(len(segments), -1)
    function = made.ratio if ratio else made.distance
    if function is None:
        return x, y
    if made.keys is None:
        _all_pairs(made, segments, within, (x, y), ratio=ratio)
        return x, y
    taking = np.broadcast_to(within, made.keys.shape)
    low, high = pick(-made.keys, taking, segments), pick(made.keys, taking, segments, last=True)
    two = count(within[None], segments)[0] >= 2
    apart = _apart(made, low, high, ratio=ratio)
    best = np.argmax(apart, axis=0), np.arange(len(segments))
    return np.where(two, low[best], -1), np.where(two, high[best], -1)


BLOCK = 64
"""So many groups are compared with all others at once: the arrays stay in the processor's cache."""


def _all_pairs(made: Pair, segments: Indices, within: Flags, out: tuple[Indices, Indices], *, ratio: bool) -> None:
    """Fill `out` by looking at every pair once."""
    for at, padded in enumerate(segments):
        groups = padded[padded >= 0]
        groups = groups[within[groups]]
        best = -np.inf
        for first in range(0, len(groups) if len(groups) > 1 else 0, BLOCK):
            some, others = groups[first : first + BLOCK], groups[first:]
            found = _apart(made, some[:, None], others[None, :], ratio=ratio)
            found = np.where(np.tri(*found.shape) > 0, -np.inf, found)  # each once, and none with itself
            one, other = np.unravel_index(np.argmax(found), found.shape)
            if found[one, other] > best:
                best, out[0][at], out[1][at] = found[one, other], some[one], others[other]


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
