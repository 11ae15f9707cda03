"""What histograms of groups tell: quantiles, ranks, distances. Pure; bins lie along the last axis, rising.

Events of one bin are taken for equal: every number here is exactly that of the binned sample.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.estimates import Floats
from monitor.intervals import Interval
from monitor.sums import BINS, Ints

Places = NDArray[np.intp]


def centres(low: float, high: float) -> Floats:
    """The middle of each bin of a range."""
    return low + (np.arange(BINS) + 0.5) / BINS * (high - low)


def positions(low: float, high: float) -> Floats:
    """The same with what is below the range at its lower end, and what is above at its upper end."""
    return np.array([low, *centres(low, high), high])


def bin_of_rank(counts: Ints, rank: Ints) -> Places:
    """The bin that holds the event of this rank (0 is the least); the last bin if there is none."""
    reached = (np.cumsum(counts, axis=-1) <= rank[..., None]).sum(axis=-1)
    found: Places = np.minimum(reached, counts.shape[-1] - 1)
    return found


def above(counts: Ints, edge: Places) -> Ints:
    """How many events lie in bins beyond this one."""
    found: Ints = (counts * (np.arange(counts.shape[-1]) > edge[..., None])).sum(axis=-1)
    return found


def median_bin(counts: Ints) -> Places:
    """The bin such that what lies beyond it is what is strictly above the median, the mean of the two middle events."""
    return bin_of_rank(counts, np.maximum(counts.sum(axis=-1) - 1, 0) // 2)


def floor_bin(counts: Ints, tenths: int) -> Places:
    """The bin before the first that reaches the quantile of so many tenths, linear between events as NumPy's."""
    tens = np.maximum(counts.sum(axis=-1) - 1, 0) * tenths
    return bin_of_rank(counts, -(-tens // 10)) - 1


def quantile(counts: Ints, share: Floats, low: float, high: float) -> Floats:
    """The value below which this share of the events lies, events spread evenly within their bin; `counts` as `VALUES`.

    NaN for no events, and where the quantile lies out of the range: nobody knows how far.
    """
    total = np.cumsum(counts, axis=-1)
    wanted = share * total[..., -1]
    at = np.minimum((total < wanted[..., None]).sum(axis=-1), counts.shape[-1] - 1)
    here = np.take_along_axis(counts, at[..., None], -1)[..., 0]
    before = np.take_along_axis(total, at[..., None], -1)[..., 0] - here
    with np.errstate(all="ignore"):
        within = (wanted - before) / here
    inside = (at >= 1) & (at <= BINS) & (here > 0)
    return np.where(inside, low + (at - 1 + within) / BINS * (high - low), np.nan)


class Ranks(NamedTuple):
    """The area under the curve, and its standard error."""

    area: Floats
    error: Floats


def ranks(positive: Ints, negative: Ints) -> Ranks:
    """The chance that a positive has more than a negative, ties counted half (Mann-Whitney), with DeLong's error.

    E. R. DeLong et al., Biometrics 44 (1988) 837-845. Where one side has a single event, which has no variance, the error
    is that of J. A. Hanley and B. J. McNeil, Radiology 143 (1982) 29-36. NaN where a side is empty.
    """
    p, n = positive.sum(axis=-1).astype(np.float64), negative.sum(axis=-1).astype(np.float64)
    with np.errstate(all="ignore"):
        below = (np.cumsum(negative, axis=-1) - negative / 2) / n[..., None]
        beyond = (p[..., None] - np.cumsum(positive, axis=-1) + positive / 2) / p[..., None]
        area = (positive * below).sum(axis=-1) / p
        spread = _spread(positive, below, area, p) / p + _spread(negative, beyond, area, n) / n
        first, second = area / (2 - area), 2 * area**2 / (1 + area)
        hanley = area * (1 - area) + (p - 1) * (first - area**2) + (n - 1) * (second - area**2)
        variance = np.where((p > 1) & (n > 1), spread, hanley / (p * n))
        return Ranks(area, np.sqrt(np.maximum(variance, 0)))


def _spread(counts: Ints, at: Floats, mean: Floats, n: Floats) -> Floats:
    """The variance (n - 1) of what is `at` each bin."""
    found: Floats = (counts * (at - mean[..., None]) ** 2).sum(axis=-1) / (n - 1)
    return found


def shares(counts: Ints) -> Floats:
    """The share of the events up to and with each bin; NaN for no events."""
    total = np.cumsum(counts, axis=-1)
    with np.errstate(all="ignore"):
        return total / np.where(total[..., -1:] > 0, total[..., -1:], np.nan)


def kolmogorov_smirnov(one: Ints, other: Ints) -> Floats:
    """The greatest difference between the two distribution functions."""
    found: Floats = np.abs(shares(one) - shares(other)).max(axis=-1)
    return found


def wasserstein(one: Ints, other: Ints, places: Floats) -> Floats:
    """The area between the two distribution functions, the bins' events at `places`: how far must be moved on average."""
    found: Floats = (np.abs(shares(one) - shares(other))[..., :-1] * np.diff(places)).sum(axis=-1)
    return found


def band(one: Ints, other: Ints, level: Floats) -> Floats:
    """How far the difference of the two empirical distribution functions may be off anywhere, at this level.

    Half the error to each side, by the inequality of A. Dvoretzky, J. Kiefer and J. Wolfowitz with P. Massart's constant,
    Annals of Probability 18 (1990) 1269-1283: `sqrt(ln(4 / alpha) / 2n)`.
    """
    return half_band(one, level) + half_band(other, level)


def half_band(counts: Ints, level: Floats) -> Floats:
    """How far one of the two may be off."""
    with np.errstate(all="ignore"):
        found: Floats = np.sqrt(np.log(4 / (1 - level)) / (2 * counts.sum(axis=-1)))
    return found


def binned_moments(counts: Ints, places: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, variance (n - 1) and number of the binned sample, its events at `places`."""
    n = counts.sum(axis=-1).astype(np.float64)
    with np.errstate(all="ignore"):
        mean = (counts * places).sum(axis=-1) / n
        variance = (counts * (places - mean[..., None]) ** 2).sum(axis=-1) / (n - 1.0)
    return mean, variance, n


def around(value: Floats, half: Floats, greatest: float) -> Interval:
    """A distance and how far it may be off."""
    return np.maximum(value - half, 0.0), np.minimum(value + half, greatest)


PARTS = 10
"""Into so many parts of equal mass quantile gaps cut a distribution."""


def means_by_part(counts: Ints, places: Floats, shift: Floats | None = None) -> Floats:
    """The mean of each tenth of the events, from the lowest to the highest (parts along the last axis); NaN for no events.

    An event on a border belongs to both sides by as much of it as lies there. `shift` raises the distribution function by
    so much (or lowers it), as far as it goes: the means are then the least (greatest) that such a band around it allows.
    """
    reached = shares(counts)
    if shift is not None:
        reached = np.where(np.isnan(reached), np.nan, np.clip(reached + shift[..., None], 0.0, 1.0))
        reached[..., -1] = np.where(np.isnan(reached[..., -1]), np.nan, 1.0)
    edges = np.concatenate([np.zeros((*counts.shape[:-1], 1)), reached], axis=-1)
    lows = np.arange(PARTS) / PARTS
    inside = np.minimum(edges[..., None, 1:], (lows + 1 / PARTS)[:, None]) - np.maximum(
        edges[..., None, :-1], lows[:, None]
    )
    found: Floats = (np.maximum(inside, 0) * places).sum(axis=-1) * PARTS
    return found
