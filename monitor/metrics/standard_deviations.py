"""Gaps in standard deviations: the pooled two-proportion z (the "standard deviations" of US agencies) and Cohen's d.

Holistic AI's `z_test_diff`, `z_test_ratio` and `cohen_d`. A z grows with the number of decisions: read it beside the gap, never alone.
Of groups of one rate the larger is farther in z from any third; in d it may be the larger or the smaller, since a pooled
variance moves one way with the size of a group (`monitor.tallies.Outer`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.metric import GroupMetric, Sums
from monitor.parts import Rate, sloped
from monitor.tallies import Contrast, Outer, Pair

Slopes = Sequence[tuple[Floats, Rate]]


def z(x: Sums, y: Sums) -> Contrast:
    """|p_i - p_j| / sqrt(p (1 - p) (1/n_i + 1/n_j)), p over both; undefined where p is 0 or 1.

    The interval is that of the z which rates like these have at these numbers (delta method).
    """
    (k, n), (h, m) = (x.favourable, x.decided), (y.favourable, y.decided)
    with np.errstate(all="ignore"):
        pooled = (k + h) / (n + m)
        error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
        value = (k / n - h / m) / np.where(error > 0.0, error, np.nan)

    def sides() -> Slopes:
        bend = value * (1.0 - 2.0 * pooled) / (2.0 * pooled * (1.0 - pooled))
        return (1.0 / error - bend * n / (n + m), (k, n)), (-1.0 / error - bend * m / (n + m), (h, m))

    return sloped(value, sides)


class Counted:
    """Favourable and decided of each group, and the logarithm of the rate; the sides of a pair."""

    def __init__(self, favourable: Floats, decided: Floats, logs: Floats) -> None:
        self.favourable, self.decided, self.logs = favourable, decided, logs

    def take(self, at: Any) -> "Counted":
        """The groups at `at`."""
        return Counted(self.favourable[at], self.decided[at], self.logs[at])


def log_ratio_z(x: Counted, y: Counted) -> Contrast:
    """|ln(p_i / p_j)| / sqrt((1 - p) / p (1/n_i + 1/n_j)), p over both; undefined where either rate is 0, or p is 1."""
    (k, n), (h, m) = (x.favourable, x.decided), (y.favourable, y.decided)
    with np.errstate(all="ignore"):
        pooled = (k + h) / (n + m)
        error = np.sqrt((1.0 - pooled) / pooled * (1.0 / n + 1.0 / m))
        value = (x.logs - y.logs) / np.where((error > 0.0) & (k > 0.0) & (h > 0.0), error, np.nan)

    def sides() -> Slopes:
        bend = value / (2.0 * pooled * (1.0 - pooled))
        first, second = 1.0 / (error * k / n) + bend * n / (n + m), -1.0 / (error * h / m) + bend * m / (n + m)
        return (first, (k, n)), (second, (h, m))

    return sloped(value, sides)


def _log_pair(s: Sums) -> Pair:
    favourable, decided = s.favourable.astype(np.float64), s.decided.astype(np.float64)
    with np.errstate(all="ignore"):
        rate = favourable / decided
        sides = Counted(favourable, decided, np.log(rate))
    return Pair(sides, {"decisions": s.decided}, log_ratio_z, outer=Outer(rate, more=(decided,), upper_alone=True))


def cohen(x: Sums, y: Sums) -> Contrast:
    """|p_i - p_j| / s, s^2 = (n_i p_i (1 - p_i) + n_j p_j (1 - p_j)) / (n_i + n_j - 2); undefined without any spread.

    Interval by the delta method.
    """
    (k, n), (h, m) = (x.favourable, x.decided), (y.favourable, y.decided)
    with np.errstate(all="ignore"):
        p, q = k / n, h / m
        spread = (n * p * (1.0 - p) + m * q * (1.0 - q)) / (n + m - 2)
        value = (p - q) / np.sqrt(spread)

    def sides() -> Slopes:
        bends = [value / (2.0 * spread) * size * (1.0 - 2.0 * rate) / (n + m - 2) for size, rate in ((n, p), (m, q))]
        return (1.0 / np.sqrt(spread) - bends[0], (k, n)), (-1.0 / np.sqrt(spread) - bends[1], (h, m))

    return sloped(value, sides)


def _pair(s: Sums, distance: Callable[[Sums, Sums], Contrast], outer: Callable[[Floats, Floats], Outer]) -> Pair:
    with np.errstate(all="ignore"):
        return Pair(
            s, {"decisions": s.decided}, distance, outer=outer(s.favourable / s.decided, s.decided.astype(np.float64))
        )


METRICS = (
    GroupMetric(
        name="selection_rate_z",
        definition="abs(p_i - p_j) / sqrt(p (1 - p) (1/n_i + 1/n_j)), p of both together",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=lambda s: _pair(s, z, lambda rate, n: Outer(rate, more=(n,))),
        aliases=("z_test_difference", "z_test_diff"),
    ),
    GroupMetric(
        name="selection_rate_log_ratio_z",
        definition="abs(ln(p_i / p_j)) / sqrt((1 - p) / p (1/n_i + 1/n_j)), p of both together",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=_log_pair,
        aliases=("z_test_ratio",),
    ),
    GroupMetric(
        name="selection_rate_cohens_d",
        definition="abs(p_i - p_j) / pooled standard deviation",
        needs="decision",
        kind="pair",
        denominator="decisions",
        tally=lambda s: _pair(s, cohen, lambda rate, n: Outer(rate, either=(n,))),
        aliases=("cohen_d", "cohens_d"),
    ),
)
