"""How sure means of squared errors are: the delta method on sums of third and fourth powers (`ERROR_POWERS`).

With e an error, y the actual value and d = y - mean y, in sums over n events, the standard errors are

    mean squared error   M      sqrt(sum (e^2 - M)^2 / (n (n - 1)))
    Jain's index         J      J sqrt(sum (2 |e| / mean |e| - e^2 / M - 1)^2 / (n (n - 1)))
    1 - R2               r      n / sum d^2  x  sqrt(sum (e^2 - r d^2)^2 / (n (n - 1)))

(the linearised values of H. Cramer, Mathematical Methods of Statistics (1946), 27.7 and 28.4; C.-E. Sarndal and others, Model
Assisted Survey Sampling (1992), 5.5). Nothing is assumed of how errors are spread, but that there are enough of them for
their squares to have a mean that is nearly normal on the scale of `monitor.limits`. NaN, and so no interval, where powers are
not at hand, below two events, and where the powers are not of all events (some were counted by an earlier program, or an
error is beyond what is counted).

All sums are joined as whole numbers of any size before they are subtracted.
"""

from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval
from monitor.limits import of_error
from monitor.metric import Sums
from monitor.tallies import Limits
from monitor.weighted_means import quotient, total


def error_of_squares(sums: Sums, squares: Any) -> Floats:
    """That of the mean squared error, in squared units; `squares`: the sum of squared errors."""
    n = _count(sums)
    return _root(sums, n * _of(sums, "fourth") - squares * squares, n * n * (n - 1))


def error_of_jain(sums: Sums, squares: Any) -> Floats:
    """That of Jain's index, as a share of it."""
    n, size = _count(sums), sums.error_abs.astype(object)
    centred = (
        4 * n * n * squares**3
        + n * n * _of(sums, "fourth") * size**2
        - 4 * n * n * _of(sums, "cube") * size * squares
        - n * (size * squares) ** 2
    )
    return _root(sums, centred, n * (n - 1) * (size * squares) ** 2)


def error_of_unexplained(sums: Sums, squares: Any, outcome_squares: Any) -> Floats:
    """That of sum e^2 / sum d^2, one minus R2; `squares` of errors, `outcome_squares` of actual values."""
    n, once = _count(sums), sums.outcome.astype(object)
    spread = n * outcome_squares - once * once  # n times sum d^2
    crossed = n * n * _of(sums, "crossed_sq") - 2 * n * once * _of(sums, "crossed") + once * once * squares
    fourth = (
        n**3 * _of(sums, "outcome_fourth")
        - 4 * n * n * once * _of(sums, "outcome_cube")
        + 6 * n * once * once * outcome_squares
        - 3 * once**4
    )
    centred = n * spread**2 * _of(sums, "fourth") - 2 * squares * crossed * spread + squares**2 * fourth
    return _root(sums, n * n * centred, (n - 1) * spread**4)


def of_positive(value: Floats, error: Floats) -> Limits:
    """The limits of what is above 0; none of 0 itself."""
    return of_error(value, error, "log")


def of_complement(value: Floats, error: Floats) -> Limits:
    """The limits of 1 - value, of a value above 0."""
    limits = of_positive(value, error)

    def turned(at: Any, level: Floats) -> Interval:
        low, high = limits(at, level)
        return 1.0 - high, 1.0 - low

    return turned


def _count(sums: Sums) -> Any:
    return sums.compared.astype(object)


def _of(sums: Sums, name: str) -> Any:
    """A sum of powers, as Python's integers; 0 where there are none."""
    return np.zeros(sums.compared.shape, dtype=object) if sums.beside is None else total(sums.beside, name)


def _root(sums: Sums, above: Any, below: Any) -> Floats:
    """The root of a quotient; NaN where the powers are not those of the same events."""
    if sums.beside is None:
        return np.full(sums.compared.shape, np.nan)
    found = np.sqrt(quotient(above, below))
    return np.where(sums.beside.powered == sums.compared, found, np.nan)
