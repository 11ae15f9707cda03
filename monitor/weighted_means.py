"""Means of events that have weights: `sum w x / sum w`, as NumPy's `average` and the libraries' `sample_weight` have it.

The interval of a quantity without bounds is Student's, by the variance of a weighted mean of n independent events,

    V = n / (n - 1)  x  sum w^2 (x - m)^2 / (sum w)^2        m = sum w x / sum w

(linearisation; W. G. Cochran, Sampling Techniques (3rd ed., 1977), 6.4; what R's `survey::svymean` says of independent draws, and
statsmodels' WLS of a constant with HC1 errors). It holds where weights go with the quantity, which Kish's number alone does
not. What is handed on is the variance of one event that gives V with Kish's effective number, `V n_eff`; degrees of
freedom are n_eff - 1, so that one heavy event among many light ones makes nothing certain. With equal weights all this
is the plain mean's. A score is in [0, 1] and takes the interval of a rate of n_eff events, as without weights
(`monitor.metrics.mean_score`).

All sums are joined as whole numbers of any size before they are subtracted or divided.
"""

from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.metric import Sums
from monitor.sums import LIMB, SCORE_UNIT, Ints
from monitor.tallies import Tally


def total(sums: Sums, name: str) -> Any:
    """A sum that is kept in limbs, per group, as Python's integers."""
    limbs = sums.bins(name).astype(object)
    return sum(limbs[..., at] << LIMB * at for at in range(limbs.shape[-1]))


def weight(sums: Sums, count: str) -> Any:
    """The sum of the weights of what a slot counts, in units, likewise."""
    found: Ints = getattr(sums, f"{count}_weight")
    return found.astype(object)


def squares(sums: Sums, count: str) -> Any:
    """The sum of the squares of these weights, in squared units."""
    return joined(getattr(sums, f"{count}_weight_sq_hi"), getattr(sums, f"{count}_weight_sq_lo"))


def joined(hi: Ints, lo: Ints) -> Any:
    """A sum that is kept in two limbs, as Python's integers."""
    return (hi.astype(object) << LIMB) + lo.astype(object)


def quotient(above: Any, below: Any) -> Floats:
    """Of whole numbers, rounded once; NaN where the lower is not above 0."""
    shape = np.shape(below)
    pairs = zip(np.ravel(above).tolist(), np.ravel(below).tolist(), strict=True)
    return np.array([a / b if b > 0 else np.nan for a, b in pairs], dtype=np.float64).reshape(shape)


def effective(sums: Sums, count: str) -> Floats:
    """Kish's effective number of what a slot counts, `(sum w)^2 / sum w^2`; 0 of none."""
    return kish(weight(sums, count), squares(sums, count))


def kish(weight: Any, square: Any) -> Floats:
    """The same, of sums as Python's integers: rounded once."""
    return np.nan_to_num(quotient(weight**2, square))


def of_scores(sums: Sums, count: str, quantity: str) -> Tally:
    """The mean of a quantity in [0, 1], counted in `SCORE_UNIT`."""
    return _tally(sums, (count, quantity), SCORE_UNIT)


def of_amounts(sums: Sums, count: str, quantity: str, squared: str = "") -> Tally:
    """The mean of a quantity without bounds, and its variance; `squared`: what has the same squares, if not itself."""
    variance = _variance(sums, (count, quantity, squared or quantity)) * sums.unit**2
    return _tally(sums, (count, quantity), sums.unit, variance)


def _tally(sums: Sums, names: tuple[str, str], unit: float, variance: Floats | None = None) -> Tally:
    count, quantity = names
    assert sums.weight_unit is not None
    return Tally(
        total(sums, f"{quantity}_w").astype(np.float64) * (unit * sums.weight_unit),
        getattr(sums, count),
        variance,
        denominator=weight(sums, count).astype(np.float64) * sums.weight_unit,
        effective=effective(sums, count),
    )


def _variance(sums: Sums, names: tuple[str, str, str]) -> Floats:
    """`V n_eff`, in squared units: `n / (n - 1) sum w^2 (x - m)^2 / sum w^2`; NaN below two events."""
    count, quantity, squared = names
    n, w, square = getattr(sums, count).astype(object), weight(sums, count), squares(sums, count)
    once, twice = total(sums, f"{quantity}_w"), total(sums, f"{quantity}_ww")
    centred = w * w * total(sums, f"{squared}_ww_sq") - 2 * w * once * twice + once * once * square
    return quotient(n * centred, (n - 1) * w * w * square)


def spread(sums: Sums, count: str, quantity: str) -> Floats:
    """The variance of a quantity in the population that the weights stand for, in the square of its own measure.

    `sum w (x - m)^2 / sum w  x  n_eff / (n_eff - 1)`, that is times `sum w / ((sum w)^2 - sum w^2)`: the plain one where all weigh
    the same (P. C. Austin and E. A. Stuart, Statistics in Medicine 34 (2015) 3661-3679, 4.1.1). NaN below two events.
    """
    w, square = weight(sums, count), squares(sums, count)
    once = total(sums, f"{quantity}_w")
    centred = w * total(sums, f"{quantity}_w_sq") - once * once
    return quotient(centred, w * w - square) * sums.unit**2


def mean(sums: Sums, count: str, name: str, unit: float) -> Floats:
    """`sum w x / sum w` of a sum that is kept in limbs, in so large units; NaN of none."""
    return quotient(total(sums, name), weight(sums, count)) * unit
