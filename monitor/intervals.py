"""Confidence intervals from sums alone, over whole arrays.

They are for reading; what may page is decided by rules on simultaneous intervals and by evidence. Every function takes
arrays (or floats) that broadcast and a two-sided confidence level, a float or an array (a Bonferroni level differs per
attribute set), and returns `(low, high)`; NaN where no interval exists. Counts may be fractional: a sum of scores in
[0, 1] stands for a count, which is conservative, since no distribution on [0, 1] with mean m varies more than m(1 - m)
(Bhatia and Davis, Am. Math. Monthly 107, 2000).
"""

from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from monitor.estimates import Flags, Floats

Interval = tuple[Floats, Floats]

BISECTIONS = 45
"""Halvings of a bracket at most 80 wide: to a relative 3e-12."""

BRACKET = 40.0
"""How far, in logarithms, the end of a ratio's interval is looked for."""


def simultaneous(confidence: float, comparisons: ArrayLike) -> Floats:
    """Bonferroni's level: `1 - (1 - confidence) / m`, so that all of `m` intervals hold together with `confidence`."""
    return 1.0 - (1.0 - confidence) / np.maximum(np.asarray(comparisons, dtype=np.float64), 1.0)


def pairs(groups: ArrayLike) -> Floats:
    """How many pairs `groups` groups have: `k (k - 1) / 2`."""
    k = np.asarray(groups, dtype=np.float64)
    return k * (k - 1.0) / 2.0


def normal_quantile(confidence: ArrayLike) -> Floats:
    """The two-sided standard normal quantile: 1.95996 for 0.95."""
    level = np.asarray(confidence, dtype=np.float64)
    return _normal_quantiles(level.tobytes()).reshape(level.shape)


@lru_cache(maxsize=512)
def _normal_quantiles(levels: bytes) -> Floats:
    """Of an array's bytes: the same levels are asked for by every metric."""
    found, where = np.unique(np.frombuffer(levels), return_inverse=True)
    return np.array([NormalDist().inv_cdf((1.0 + level) / 2.0) for level in found.tolist()])[where]


def t_quantile(confidence: ArrayLike, degrees: ArrayLike) -> Floats:
    """The two-sided quantile of Student's t for whole degrees of freedom (fractions are rounded down; NaN below 1).

    G. W. Hill, "Algorithm 396: Student's t-quantiles", CACM 13 (1970) 619-620: five digits from 3 degrees on; 1 and 2
    degrees in closed form.
    """
    level, df = np.broadcast_arrays(np.asarray(confidence, np.float64), np.floor(np.asarray(degrees, np.float64)))
    tails = 1.0 - level
    with np.errstate(all="ignore"):
        hill = _hill(tails, -normal_quantile(level), np.maximum(df, 3.0))
        two = np.sqrt(2.0 / (tails * (2.0 - tails)) - 2.0)
        one = 1.0 / np.tan(tails * np.pi / 2.0)
    return np.select([df >= 3.0, df >= 2.0, df >= 1.0], [hill, two, one], np.nan)


def _hill(tails: Floats, z: Floats, df: Floats) -> Floats:
    """Algorithm 396's expansions; the letters and constants are the paper's."""
    a = 1.0 / (df - 0.5)
    b = 48.0 / a**2
    c = ((20700.0 * a / b - 98.0) * a - 16.0) * a + 96.36
    d = ((94.5 / (b + c) - 3.0) / b + 1.0) * np.sqrt(a * np.pi / 2.0) * df
    y = (d * tails) ** (2.0 / df)
    tail = (1.0 / (((df + 6.0) / (df * y) - 0.089 * d - 0.822) * (df + 2.0) * 3.0) + 0.5 / (df + 4.0)) * y - 1.0
    tail = tail * (df + 1.0) / (df + 2.0) + 1.0 / y
    c = c + np.where(df < 5.0, 0.3 * (df - 4.5) * (z + 0.6), 0.0)
    c = (((0.05 * d * z - 5.0) * z - 7.0) * z - 2.0) * z + b + c
    square = z * z
    centre = (((((0.4 * square + 6.3) * square + 36.0) * square + 94.5) / c - square - 3.0) / b + 1.0) * z
    centre = np.expm1(a * centre**2)
    return np.sqrt(df * np.where(y > 0.05 + a, centre, tail))


def wilson(k: ArrayLike, n: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Wilson's score interval of a rate k/n; NaN for n = 0.

    `(p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n)`; E. B. Wilson, JASA 22 (1927) 209-212. Its ends are exactly
    0 at k = 0 and exactly 1 at k = n.
    """
    z = normal_quantile(confidence)
    k, n = np.asarray(k, np.float64), np.asarray(n, np.float64)
    with np.errstate(all="ignore"):
        middle = 2.0 * k + z * z
        spread = z * np.sqrt(z * z + 4.0 * k * np.maximum(1.0 - k / n, 0.0))
        scale = 2.0 * (n + z * z)
        low = np.where(k > 0.0, (middle - spread) / scale, 0.0)
        high = np.where(k < n, (middle + spread) / scale, 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def newcombe(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Newcombe's interval of a difference of rates, k1/n1 - k2/n2, from the two Wilson intervals.

    `d - sqrt((p1-l1)^2 + (u2-p2)^2)` to `d + sqrt((u1-p1)^2 + (p2-l2)^2)`; R. G. Newcombe, Statistics in Medicine 17
    (1998) 873-890, method 10.
    """
    low1, high1 = wilson(k1, n1, confidence)
    low2, high2 = wilson(k2, n2, confidence)
    with np.errstate(all="ignore"):
        p1 = np.asarray(k1, np.float64) / np.asarray(n1, np.float64)
        p2 = np.asarray(k2, np.float64) / np.asarray(n2, np.float64)
    difference = p1 - p2
    return difference - np.hypot(p1 - low1, high2 - p2), difference + np.hypot(high1 - p1, p2 - low2)


def mover_difference(x: tuple[Floats, Interval], y: tuple[Floats, Interval]) -> Interval:
    """The interval of a difference of two independent values, each `(value, (low, high))`, from their own intervals.

    As Newcombe's, of any two values: `d - sqrt((x-lx)^2 + (uy-y)^2)` to `d + sqrt((ux-x)^2 + (y-ly)^2)`; G. Y. Zou and
    A. Donner, Statistics in Medicine 27 (2008) 1693-1702.
    """
    (a, (low_a, high_a)), (b, (low_b, high_b)) = x, y
    return a - b - np.hypot(a - low_a, high_b - b), a - b + np.hypot(high_a - a, b - low_b)


def mover_ratio(x: tuple[Floats, Interval], y: tuple[Floats, Interval]) -> Interval:
    """The interval of a ratio x/y of two independent values that are not negative, from their own intervals.

    `(ab - sqrt((ab)^2 - l_a u_b (2a - l_a)(2b - u_b))) / (u_b (2b - u_b))`, and the same with the other ends and + ;
    A. Donner and G. Y. Zou, Statistical Methods in Medical Research 21 (2012) 347-359, equation 9. Unbounded (inf) above
    where y may be 0.
    """
    (a, (low_a, high_a)), (b, (low_b, high_b)) = x, y
    product = a * b
    with np.errstate(all="ignore"):
        under = np.sqrt(np.maximum(product**2 - low_a * high_b * (2.0 * a - low_a) * (2.0 * b - high_b), 0.0))
        over = np.sqrt(np.maximum(product**2 - high_a * low_b * (2.0 * a - high_a) * (2.0 * b - low_b), 0.0))
        # (m - r) / q and low_a (2a - low_a) / (m + r) are equal; the second has no difference to lose digits in
        low = low_a * (2.0 * a - low_a) / (product + under)
        high = (product + over) / (low_b * (2.0 * b - low_b))
    low = np.where(low_a == 0.0, 0.0, low)
    high = np.where(low_b > 0.0, high, np.inf)
    return np.where(b > 0.0, low, np.nan), np.where(b > 0.0, high, np.nan)


def score_ratio(
    counts: tuple[ArrayLike, ArrayLike],
    base: tuple[ArrayLike, ArrayLike],
    confidence: ArrayLike = 0.95,
    *,
    corrected: bool = True,
) -> Interval:
    """The score interval of a ratio of rates, (k1/n1) / (k2/n2), each side given as `(k, n)`.

    All ratios t for which `(p1 - t p2)^2 <= z2 (q1(1-q1)/n1 + t2 q2(1-q2)/n2)`, where q1 = t q2 are the likeliest rates
    of that ratio. `corrected` multiplies the variance by N/(N-1) (Miettinen and Nurminen, Statistics in Medicine 4
    (1985) 213-226), without it this is Koopman's interval (Biometrics 40 (1984) 513-517). Starts at 0 for k1 = 0 and is
    unbounded (inf) above for k2 = 0; NaN if either n is 0 or both k are.
    """
    k1, n1, k2, n2, level = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (*counts, *base, confidence)))
    critical = normal_quantile(level) ** 2
    total = n1 + n2
    scale = total / np.maximum(total - 1.0, 1.0) if corrected else np.ones_like(total)

    def inside(log_ratio: Floats) -> Flags:
        found: Flags = _score(np.exp(log_ratio), (k1, n1), (k2, n2)) <= critical * scale
        return found

    with np.errstate(all="ignore"):
        centre = np.clip(np.log(k1 / n1) - np.log(k2 / n2), -BRACKET, BRACKET)
        ends = np.stack((np.full_like(centre, -BRACKET), np.full_like(centre, BRACKET)))
        low, high = np.exp(_edge(inside, np.stack((centre, centre)), ends))
    known = (n1 > 0) & (n2 > 0) & (k1 + k2 > 0)
    low, high = np.where(k1 > 0, low, 0.0), np.where(k2 > 0, high, np.inf)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def _score(ratio: Floats, counts: tuple[Floats, Floats], base: tuple[Floats, Floats]) -> Floats:
    """The squared score statistic of `p1 = ratio * p2`, at the likeliest rates under that constraint."""
    (k1, n1), (k2, n2) = counts, base
    a = (n1 + n2) * ratio
    b = n1 * ratio + k1 + n2 + k2 * ratio
    c = k1 + k2
    # The smaller root, written so that nothing cancels.
    q2 = np.minimum(2.0 * c / (b + np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))), 1.0)
    q1 = np.minimum(ratio * q2, 1.0)
    variance = q1 * (1.0 - q1) / n1 + ratio**2 * q2 * (1.0 - q2) / n2
    squared = (k1 / n1 - ratio * k2 / n2) ** 2
    return np.where(variance > 0.0, squared / variance, np.where(squared > 0.0, np.inf, 0.0))


def _edge(inside: Callable[[Floats], Flags], start: Floats, end: Floats) -> Floats:
    """Where `inside`, true at `start`, stops being so on the way to `end`; by bisection."""
    for _ in range(BISECTIONS):
        middle = (start + end) / 2.0
        within = inside(middle)
        start, end = np.where(within, middle, start), np.where(within, end, middle)
    return (start + end) / 2.0


def mean_interval(mean: ArrayLike, variance: ArrayLike, n: ArrayLike, confidence: ArrayLike = 0.95) -> Interval:
    """Student's interval of a mean: `mean -+ t sqrt(variance / n)`, variance with n - 1; NaN for n < 2."""
    mean, n = np.asarray(mean, np.float64), np.asarray(n, np.float64)
    with np.errstate(all="ignore"):
        half = t_quantile(confidence, n - 1.0) * np.sqrt(np.asarray(variance, np.float64) / n)
    return mean - half, mean + half


def mean_over_windows(low: ArrayLike, high: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> float:
    """Half the width of the interval of a mean of several windows together, from Student's interval of each.

        s_w = (high_w - low_w) / 2 / t(n_w - 1)     S = sqrt(sum over w of (n_w / N)^2 s_w^2)     t(df) S

    with Satterthwaite's df = S^4 / sum of ((n_w / N)^2 s_w^2)^2 / (n_w - 1). The windows are strata: what varies is who came in
    each, and not how the windows differ. NaN if a window with events has fewer than 2. Source: Cochran, Sampling Techniques
    (1977), 5.4.
    """
    there = np.asarray(n, np.float64) > 0
    n, low, high = (np.asarray(each, np.float64)[there] for each in (n, low, high))
    with np.errstate(all="ignore"):
        errors = (high - low) / 2.0 / t_quantile(confidence, n - 1.0)
        parts = (n / n.sum() * errors) ** 2
        degrees = (
            np.maximum(parts.sum() ** 2 / (parts**2 / (n - 1.0)).sum(), (n - 1.0).min())
            if parts.sum()
            else n.sum() - 1.0
        )
        return float(t_quantile(confidence, degrees) * np.sqrt(parts.sum()))


def mean_difference(
    sample: tuple[ArrayLike, ArrayLike, ArrayLike],
    base: tuple[ArrayLike, ArrayLike, ArrayLike],
    confidence: ArrayLike = 0.95,
) -> Interval:
    """Welch's interval of a difference of means, each side `(mean, variance, n)`; NaN if either n < 2.

    `m1 - m2 -+ t sqrt(v1/n1 + v2/n2)`, degrees of freedom by Satterthwaite; B. L. Welch, Biometrika 34 (1947) 28-35.
    """
    (m1, v1, n1), (m2, v2, n2) = (tuple(np.asarray(a, np.float64) for a in side) for side in (sample, base))
    with np.errstate(all="ignore"):
        s1, s2 = v1 / n1, v2 / n2
        half = t_quantile(confidence, _satterthwaite(s1, n1, s2, n2)) * np.sqrt(s1 + s2)
    return m1 - m2 - half, m1 - m2 + half


def mean_ratio(
    sample: tuple[ArrayLike, ArrayLike, ArrayLike],
    base: tuple[ArrayLike, ArrayLike, ArrayLike],
    confidence: ArrayLike = 0.95,
) -> Interval:
    """Fieller's interval of a ratio of means m1/m2, each side `(mean, variance, n)`.

    All ratios t with `(m1 - t m2)^2 <= q2 (v1/n1 + t2 v2/n2)`; E. C. Fieller, JRSS B 16 (1954) 175-185, with Student's
    quantile at Satterthwaite's degrees of freedom (at the observed ratio). NaN where that set is not an interval, because
    m2 is not clearly different from 0, and where either n < 2.
    """
    (m1, v1, n1), (m2, v2, n2) = (tuple(np.asarray(a, np.float64) for a in side) for side in (sample, base))
    with np.errstate(all="ignore"):
        s1, s2, ratio = v1 / n1, v2 / n2, m1 / m2
        quantile = t_quantile(confidence, _satterthwaite(s1, n1, ratio**2 * s2, n2))
        g = quantile**2 * s2 / m2**2
        half = quantile / np.abs(m2) * np.sqrt(np.maximum(s1 * (1.0 - g) + ratio**2 * s2, 0.0))
        low, high = (ratio - half) / (1.0 - g), (ratio + half) / (1.0 - g)
    return np.where(g < 1.0, low, np.nan), np.where(g < 1.0, high, np.nan)


def _satterthwaite(s1: Floats, n1: Floats, s2: Floats, n2: Floats) -> Floats:
    """Degrees of freedom of `s1 + s2`, variances of means of n1 and n2; NaN if either n < 2."""
    df = (s1 + s2) ** 2 / (s1**2 / (n1 - 1.0) + s2**2 / (n2 - 1.0))
    df = np.where(s1 + s2 > 0.0, df, np.minimum(n1, n2) - 1.0)  # no spread at all: any quantile gives a half-width of 0
    return np.where((n1 > 1.0) & (n2 > 1.0), df, np.nan)
