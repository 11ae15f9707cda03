"""The e-value of one pane: how much likelier its counts are under an alternative than anywhere where the rule holds.

For `H0: p_g >= t p_r + c` (or `<=`) and an alternative (a, b) chosen before the pane was looked at, let (g0, r0) be the point of
the line `g0 = t r0 + c` nearest to it, `argmin n_g KL(a|g0) + n_r KL(b|r0)`. Then

    log E = k_g ln(a / g0) + (n_g - k_g) ln((1-a) / (1-g0)) + k_r ln(b / r0) + (n_r - k_r) ln((1-b) / (1-r0))

has `E[E] <= 1` wherever the pane's average rates keep the rule, since the null is convex and (g0, r0) is its first-order
optimum. All functions broadcast; logarithms are natural.

Source: Turner, Ly and Grünwald, JSPI 230 (2024) 106116; linear nulls: arXiv 2203.09785. Closed forms: Koopman, Biometrics 40
(1984) for the ratio, Farrington and Manning, Statistics in Medicine 9 (1990) for the difference.
"""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats

EDGE = 1e-12
"""Rates are kept this far from 0 and 1."""

Point = tuple[Floats, Floats]


def nearest_ratio(a: Floats, b: Floats, n_g: Floats, n_r: Floats, slope: Floats) -> Point:
    """The point of `g = slope r` nearest to (a, b): the smaller root of a quadratic."""
    total = n_g * a + n_r * b
    high = n_g * slope * (1.0 - a)
    rest = n_r * (1.0 - b)
    first = total * slope + high + slope * rest
    second = total * (1.0 + slope) + high + rest
    root = (second - np.sqrt(np.maximum(second * second - 4.0 * first * total, 0.0))) / (2.0 * first)
    return slope * root, root


def nearest_difference(a: Floats, b: Floats, n_g: Floats, n_r: Floats, offset: Floats) -> Point:
    """The point of `g = r + offset` nearest to (a, b): Farrington and Manning's cubic, and two steps of Newton."""
    theta = n_r / n_g
    one = 1.0 + theta
    two = -(one + a + theta * b + offset * (theta + 2.0))
    three = offset * offset + offset * (2.0 * a + one) + a + theta * b
    four = -a * offset * (1.0 + offset)
    third = two / (3.0 * one)
    v = third**3 - two * three / (6.0 * one * one) + four / (2.0 * one)
    u = np.where(v >= 0, 1.0, -1.0) * np.sqrt(np.maximum(third * third - three / (3.0 * one), 1e-300))
    angle = (np.pi + np.arccos(np.clip(v / u**3, -1.0, 1.0))) / 3.0
    low = np.maximum(np.maximum(-offset, 0.0) + EDGE, np.minimum(b, a - offset))
    high = np.minimum(np.minimum(1.0 - offset, 1.0) - EDGE, np.maximum(b, a - offset))
    x = np.clip(2.0 * u * np.cos(angle) - third - offset, low, high)
    for _ in range(2):
        g, h = x + offset, x
        vg, vr = g * (1.0 - g), h * (1.0 - h)
        slope = n_g * (a - g) / vg + n_r * (b - h) / vr
        bend = n_g * (vg + (a - g) * (1.0 - 2.0 * g)) / vg**2 + n_r * (vr + (b - h) * (1.0 - 2.0 * h)) / vr**2
        x = np.clip(x + slope / np.where(bend > 0, bend, np.inf), low, high)
    return x + offset, x


def log_ratio(k: Floats, n: Floats, alternative: Floats, null: Floats) -> Floats:
    """Log likelihood ratio of `k` of `n` under two rates."""
    total = k * np.log(alternative / null)
    total += (n - k) * np.log((1.0 - alternative) / (1.0 - null))
    return total


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a bounded number in [0, 1]: events, sum, sum of squares; and what was known before: a centre (between 0 and 1) and one
    event's variance around it, which matters for the stake only.
    """

    n: Floats
    total: Floats
    squares: Floats
    centre: Floats
    variance: Floats

    @property
    def spread(self) -> Floats:
        """Sum of squared distances to the centre."""
        return self.squares - 2.0 * self.centre * self.total + self.n * self.centre * self.centre

    def reach(self, sign: Floats) -> Floats:
        """How far an event can lie from the centre against a bet on `sign`."""
        return np.where(sign > 0, self.centre, 1.0 - self.centre)


def log_mean(x: Sums, y: Sums | None, line: Point, stake: Floats, sign: Floats) -> Floats:
    """The e-value of bounded means for `H0: sign (mean x - slope mean y - offset) <= 0`: empirical Bernstein.

        c sign (mean x - slope mean y - offset) - cost(slope c / n_y, B_y) V_y - cost(c / n_x, B_x) V_x

    with V the sum of squared distances to the centre, B how far an event can lie on the losing side of it, and the stake c
    below `most(...)`, so that no event can cost everything; `sign` is 1 or -1; without `y` the bound is `offset` alone.

    Why `E[E] <= 1`: for z >= -B and 0 <= l < 1/B, `exp(l z - cost(l, B) z^2) <= 1 + l z` (Fan et al. for z / B). With z = sign
    (x - centre) and l = c / n_x for events of x, z = -sign (y - centre) and l = slope c / n_y for those of y, the expectation of the
    product over independent events is at most `prod(1 + l E z) <= exp(sum l E z)`; the centres cancel, and what is left is
    `exp(c sign (mean of E x - slope mean of E y - offset)) <= 1` under H0. So only the pane's average means have to keep the rule,
    and centres, variances and stakes may be anything that was known before the pane (and its volumes).

    Source: Fan, Grama and Liu, EJP 20 (2015) no. 1, 1-22; Waudby-Smith and Ramdas, JRSS B 86 (2024).
    """
    slope, offset = line
    rate = stake / x.n
    cost_x = cost(rate, x.reach(sign)) * x.spread
    if y is None:
        return sign * rate * (x.total - offset * x.n) - cost_x
    gain = stake * (x.total / x.n - slope * y.total / y.n - offset)
    return sign * gain - cost(slope * stake / y.n, y.reach(-sign)) * y.spread - cost_x


def cost(rate: Floats, reach: Floats) -> Floats:
    """What a bet of `rate` costs per squared distance: `(-ln(1 - l B) - l B) / B^2`; about `l^2 / 2` where l B is small."""
    share = rate * reach
    return (-np.log1p(-share) - share) / (reach * reach)


ALL_IN = 0.95
"""The most of what it has that a bet may lose at one event."""


def best_stake(x: Sums, y: Sums | None, slope: Floats, gap: Floats, sign: Floats) -> Floats:
    """The stake that grows fastest where the means lie `gap` beyond the line and the variances are as expected.

    The maximum over c of `c gap - n_x cost(c / n_x, B_x) v_x - n_y cost(slope c / n_y, B_y) v_y`, whose derivative is
    `gap - c s_x / (1 - c w_x) - c s_y / (1 - c w_y)`, with s = v / n and w = B / n (times slope^2 and slope for y): a first guess
    that is exact if both w are alike, and two steps of Newton. For a small gap it is `gap / (s_x + s_y)`.
    """
    s_x, w_x = x.variance / x.n, x.reach(sign) / x.n
    if y is None:
        return np.minimum(gap / (s_x + gap * w_x), ALL_IN / w_x)
    s_y, w_y = slope * slope * y.variance / y.n, slope * y.reach(-sign) / y.n
    total = s_x + s_y
    limit = ALL_IN / np.maximum(w_x, w_y)
    c = np.minimum(gap / (total + gap * (s_x * w_x + s_y * w_y) / total), limit)
    for _ in range(2):
        left_x, left_y = 1.0 - c * w_x, 1.0 - c * w_y
        slack = gap - c * (s_x / left_x + s_y / left_y)
        c = np.clip(c + slack / (s_x / (left_x * left_x) + s_y / (left_y * left_y)), 0.0, limit)
    return c
