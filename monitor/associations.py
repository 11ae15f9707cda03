"""How well one column tells another: Cramér's V and mutual information of a table of counts, with intervals. Pure.

A column that predicts a protected attribute is a proxy for it: a model that may not see the attribute can still act on it.
Both measures start at 0 (independent); V ends at 1 (each tells the other), the information at the attribute's entropy.

Both are biased upwards in small samples, V most of all where there are many levels, so the expected value under
independence is taken off (and off the resamples, twice, since a resample adds it again). Intervals are percentiles of a
multinomial bootstrap of the table: no person is drawn, only counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.estimates import Floats
from monitor.sums import Ints

RESAMPLES = 400
"""Of the bootstrap: the ends of a 95% interval are the tenth values from either end."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Association:
    """What a column says about an attribute, over n rows that have both."""

    n: int
    cramers_v: Interval
    """Bias-corrected, 0 to 1."""
    information: Interval
    """Mutual information in bits (Miller-Madow)."""
    entropy: float
    """Of the attribute, in bits: how much there is to know."""

    @property
    def told(self) -> float:
        """The share of what there is to know about the attribute that the column tells."""
        return min(1.0, self.information.value / self.entropy) if self.entropy > 0 else 0.0


def association(
    table: Ints, draws: np.random.Generator, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Association | None:
    """The association of rows and columns of a table of counts; None where one of them has a single level or nobody, or
    where there are so few people for so many levels that nothing could be told from chance.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = int(table.sum())
    if min(table.shape) < 2 or _too_few(table.shape, n):
        return None
    again = draws.multinomial(n, table.ravel() / n, size=resamples).reshape(resamples, *table.shape)
    stacked = np.concatenate([table[None], again]).astype(np.float64)
    v = _with_interval(cramers_v(stacked[:1], 1), cramers_v(stacked[1:], 2), confidence)
    bits = _with_interval(mutual_information(stacked[:1], 1), mutual_information(stacked[1:], 2), confidence)
    return Association(n, v, bits, float(_entropy(stacked[:1].sum(axis=1))[0]))


def _too_few(shape: tuple[int, ...], n: int) -> bool:
    """Whether what chance alone is expected to add (twice, in a resample) is all there can be: V would be 0 for certain."""
    return n < 2 or 2 * (shape[0] - 1) * (shape[1] - 1) >= (min(shape) - 1) * (n - 1)


def _with_interval(value: Floats, again: Floats, confidence: float) -> Interval:
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(again, [tail, 1.0 - tail]).tolist()
    found = float(value[0])
    return Interval(found, min(low, found), max(high, found))


def cramers_v(tables: Floats, biases: int = 1) -> Floats:
    """Bias-corrected Cramér's V of each of T tables (T x r x c).

    `phi2 - (r-1)(c-1)/(n-1)` over `min(r', c') - 1` with `r' = r - (r-1)^2/(n-1)`; W. Bergsma, Journal of the Korean
    Statistical Society 42 (2013) 323-328. `biases` is how often the expected excess is taken off.
    """
    n = tables.sum(axis=(1, 2))
    expected = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :] / n[:, None, None]
    with np.errstate(all="ignore"):
        chi2 = np.where(expected > 0, (tables - expected) ** 2 / expected, 0.0).sum(axis=(1, 2))
    rows, columns = tables.shape[1:]
    phi2 = np.maximum(0.0, chi2 / n - biases * (rows - 1) * (columns - 1) / (n - 1))
    least = np.minimum(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1.0
    with np.errstate(all="ignore"):
        found: Floats = np.where(least > 0, np.sqrt(np.minimum(phi2 / least, 1.0)), 0.0)
    return found


def mutual_information(tables: Floats, biases: int = 1) -> Floats:
    """Mutual information in bits of each of T tables (T x r x c), less its expected excess.

    `H(rows) + H(columns) - H(both)`, less `(r-1)(c-1) / (2 n ln 2)`; G. A. Miller, "Note on the bias of information
    estimates" (1955).
    """
    n = tables.sum(axis=(1, 2))
    plain = _entropy(tables.sum(axis=2)) + _entropy(tables.sum(axis=1)) - _entropy(tables.reshape(len(tables), -1))
    rows, columns = tables.shape[1:]
    found: Floats = np.maximum(0.0, plain - biases * (rows - 1) * (columns - 1) / (2.0 * n * np.log(2.0)))
    return found


def _entropy(counts: Floats) -> Floats:
    """Bits, of each of T rows of counts."""
    share = counts / counts.sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        found: Floats = -np.where(share > 0, share * np.log2(share), 0.0).sum(axis=1)
    return found


def crossed(one: NDArray[np.integer], other: NDArray[np.integer], levels: tuple[int, int]) -> Ints:
    """The table of counts of two columns of codes; rows where either is below 0 are left out."""
    both = (one >= 0) & (other >= 0)
    flat = one[both].astype(np.int64) * levels[1] + other[both]
    return np.bincount(flat, minlength=levels[0] * levels[1]).reshape(levels).astype(np.int64)
