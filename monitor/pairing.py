"""What is not chosen by one value a group: the farthest of all pairs, and numbers of all groups together."""

from collections.abc import Iterator

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.grouping import Indices
from monitor.tallies import Contrast, Form, Index, Pair, Table


def contrast(x: Table, y: Table, row: int, *, ratio: bool) -> Contrast:
    """The distance or ratio of the pairs in the columns of `x` and `y`; a metric without ratios gives NaN."""
    one, other = x.made[row], y.made[row]
    assert isinstance(one, Pair)
    assert isinstance(other, Pair)
    function = one.ratio if ratio else one.distance
    if function is None:
        return Contrast(np.full(x.at[row].shape, np.nan))
    return function(one.sums.take(x.at[row]), other.sums.take(y.at[row]))


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
    best = np.full(len(segments), -np.inf)
    if made.keys is None:
        _all_pairs(made, segments, within, (x, y), ratio=ratio)
        return x, y
    for one, other in _candidates(made.keys, segments, within):
        found = _apart(made, one, other, ratio=ratio)
        better = (found > best) & (one >= 0) & (other >= 0) & (one != other)
        x, y, best = np.where(better, one, x), np.where(better, other, y), np.where(better, found, best)
    return x, y


def _candidates(keys: Floats, segments: Indices, within: Flags) -> Iterator[tuple[Indices, Indices]]:
    """The groups of least and of greatest key in each segment, one pair a key."""
    rows = np.arange(len(segments))
    taking = np.where(segments >= 0, within[segments], False)
    two = taking.sum(axis=1) >= 2
    for key in keys:
        ordered = key[segments]
        low = np.argmin(np.where(taking, ordered, np.inf), axis=1)
        high = segments.shape[1] - 1 - np.argmax(np.where(taking, ordered, -np.inf)[:, ::-1], axis=1)
        yield np.where(two, segments[rows, low], -1), np.where(two, segments[rows, high], -1)


def _all_pairs(made: Pair, segments: Indices, within: Flags, out: tuple[Indices, Indices], *, ratio: bool) -> None:
    """Fill `out` by looking at every pair."""
    for at, padded in enumerate(segments):
        groups = padded[padded >= 0]
        groups = groups[within[groups]]
        if len(groups) < 2:
            continue
        found = _apart(made, groups[:, None], groups[None, :], ratio=ratio)
        found = np.where(np.tri(len(groups), dtype=bool), -np.inf, found)  # each pair once, and none with itself
        one, other = np.unravel_index(np.argmax(found), found.shape)
        out[0][at], out[1][at] = groups[one], groups[other]


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
