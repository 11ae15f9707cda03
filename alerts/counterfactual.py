"""How many more favourable decisions would bring a selection rate's disparity back inside the bound.

With `k` favourable of `n` decided in the lower group and rate `q` in the higher one, the least whole number `m` with

    ratio        (k + m) / n >= r q           m = ceil(r q n) - k
    difference   q - (k + m) / n <= d         m = ceil((q - d) n) - k

where `r` is the least ratio of lower to higher and `d` the greatest difference that the bound allows. Exact: the
bound is read as the decimal that was written, the counts are integers.
"""

import math
from fractions import Fraction

from alerts.verdicts import Observation, Side

SELECTION_RATE = "selection_rate"
TO_OVERALL = "to_overall"
"""Everybody's rate moves with the group's own: the formulas do not hold."""


def more_favourable(o: Observation, minimum: float | None, maximum: float | None) -> int | None:
    """The `m` above for an estimate outside the bound, at least 1; None where it is inside or has no such meaning.

    A ratio above 1 (of higher to lower) is bounded by `maximum`, and a difference below 0 (lower minus higher) by
    `minimum`.
    """
    if o.metric != SELECTION_RATE or o.value is None or o.lower is None or o.higher is None:
        return None
    if o.method == TO_OVERALL:
        return None
    k, n, q = _counts(o.lower), _decided(o.lower), _rate(o.higher)
    if k is None or n is None or q is None:
        return None
    if o.aggregate == "ratio":
        target = _ratio_target(o.value, minimum, maximum)
        needed = None if target is None else target * q * n
    elif o.aggregate == "difference":
        allowed = _difference_allowed(o.value, minimum, maximum)
        needed = None if allowed is None else (q - allowed) * n
    else:
        return None
    if needed is None:
        return None
    more = math.ceil(needed) - k
    return more if 0 < more <= n - k else None


def _ratio_target(value: float, minimum: float | None, maximum: float | None) -> Fraction | None:
    if minimum is not None and value < minimum:
        return _written(minimum)
    if maximum is not None and value > maximum > 0:
        return 1 / _written(maximum)
    return None


def _difference_allowed(value: float, minimum: float | None, maximum: float | None) -> Fraction | None:
    if maximum is not None and value > maximum:
        return _written(maximum)
    if minimum is not None and value < minimum:
        return -_written(minimum)
    return None


def _written(bound: float) -> Fraction:
    return Fraction(repr(float(bound)))


def _counts(side: Side) -> int | None:
    return None if side.numerator is None else round(side.numerator)


def _decided(side: Side) -> int | None:
    return None if side.denominator is None else round(side.denominator)


def _rate(side: Side) -> Fraction | None:
    k, n = _counts(side), _decided(side)
    return None if k is None or not n else Fraction(k, n)
