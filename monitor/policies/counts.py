"""Tests of two counts, exact where a threshold decides: k1 of n1 favoured in the group, k2 of n2 in the other.

Whether a ratio is below 4/5, a deviation above 2, or how many decisions are missing is decided in whole numbers, since a
float is off by one where it matters: `ceil(0.8 * 15 / 20 * 20)` is 13.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from monitor.comparisons import Aggregate
from monitor.policies.policy import Criterion, Significance

_EQUAL = 1.0 + 1e-7
"""Tables at most as likely as the one seen, up to rounding: the tolerance of R's and SciPy's Fisher test."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A group's k of n and its base's."""

    k: int
    n: int
    base_k: int
    base_n: int

    @property
    def difference(self) -> Fraction:
        """k/n - base_k/base_n; both n are above 0."""
        return Fraction(self.k, self.n) - Fraction(self.base_k, self.base_n)

    def value(self, aggregate: Aggregate) -> Fraction | None:
        """The difference or the ratio; None for a ratio to 0."""
        if aggregate is Aggregate.DIFFERENCE:
            return self.difference
        return Fraction(self.k * self.base_n, self.n * self.base_k) if self.base_k else None


@dataclass(frozen=True, slots=True)
class Chance:
    """What a test of chance found."""

    significant: bool
    test: str
    """`z` or `fisher`; empty if nothing varies."""
    deviations: float | None
    """Signed pooled z; below 0 where the group fares worse."""
    p: float | None
    """Two-sided."""


def squared_deviations(c: Counts) -> Fraction | None:
    """The square of pooled z, exactly; None where all or none are favoured.

    `z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2))`: the "standard deviations" of the Uniform Guidelines' case law.
    """
    favoured, everybody = c.k + c.base_k, c.n + c.base_n
    refused = everybody - favoured
    if not favoured or not refused:
        return None
    return Fraction((c.k * c.base_n - c.base_k * c.n) ** 2 * everybody, c.n * c.base_n * favoured * refused)


def deviations(c: Counts) -> float | None:
    """Pooled z, signed."""
    squared = squared_deviations(c)
    return None if squared is None else math.copysign(math.sqrt(squared), c.difference)


def fisher(c: Counts) -> float:
    """Two-sided p of Fisher's exact test: of all tables with these margins, those not more likely than this one."""
    favoured, everybody = c.k + c.base_k, c.n + c.base_n
    first, last = max(0, favoured - c.base_n), min(favoured, c.n)
    whole = _choose(everybody, favoured)
    logs = [_choose(c.n, k) + _choose(c.base_n, favoured - k) - whole for k in range(first, last + 1)]
    limit = logs[c.k - first] + math.log(_EQUAL)
    return min(1.0, math.fsum(math.exp(log) for log in logs if log <= limit))


def _choose(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def small(c: Counts, rule: Significance) -> bool:
    """Whether a cell of the table expects too few, or a group has too few, for the normal approximation."""
    favoured, everybody = c.k + c.base_k, c.n + c.base_n
    least = Fraction(min(c.n, c.base_n) * min(favoured, everybody - favoured), everybody)
    return least < rule.exact_below_expected or min(c.n, c.base_n) < rule.exact_below_n


def chance(c: Counts, rule: Significance) -> Chance:
    """Whether chance explains the difference, by pooled z or, for small counts, by Fisher's test."""
    z, squared = deviations(c), squared_deviations(c)
    if z is None or squared is None:
        return Chance(False, "", None, None)
    if small(c, rule):
        p = fisher(c)
        return Chance(p < rule.exact_level, "fisher", z, p)
    return Chance(squared > rule.deviations**2, "z", z, math.erfc(abs(z) / math.sqrt(2.0)))


def detectable(c: Counts, rule: Significance) -> bool:
    """Whether the group is large enough that at least one result, none favoured, would be significant."""
    return chance(Counts(0, c.n, c.base_k, c.base_n), rule).significant


def bounds(criterion: Criterion, base: Fraction) -> tuple[Fraction | None, Fraction | None]:
    """The bound in the units of the value."""
    scale = base if criterion.of_reference else Fraction(1)
    return tuple(None if end is None else end * scale for end in (criterion.low, criterion.high))  # type: ignore[return-value]


def inside(value: Fraction, ends: tuple[Fraction | None, Fraction | None]) -> bool:
    """Whether a value is within the bound, ends included."""
    low, high = ends
    return (low is None or value >= low) and (high is None or value <= high)


def flips(c: Counts, criterion: Criterion) -> bool:
    """Whether one favourable decision, moved from the side that fares better to the other, brings it inside the bound."""
    step = 1 if c.difference < 0 else -1
    moved = Counts(c.k + step, c.n, c.base_k - step, c.base_n)
    if not (0 <= moved.k <= moved.n and 0 <= moved.base_k <= moved.base_n):
        return False
    value = moved.value(criterion.aggregate)
    if value is None:
        return True
    low, high = bounds(criterion, Fraction(moved.base_k, moved.base_n))
    # beyond the other side of the bound is not a breach of this one
    return (low is None or value >= low) if step == 1 else (high is None or value <= high)


def shortfall(c: Counts, criterion: Criterion) -> int:
    """How many more favourable decisions in the group would reach the lower bound, the base as it is; 0 if none are missing.

    For a ratio `ceil(low * base_k * n / base_n) - k`, as aedt-audit has it, in whole numbers.
    """
    low, _ = bounds(criterion, Fraction(c.base_k, c.base_n))
    if low is None:
        return 0
    base = Fraction(c.base_k, c.base_n)
    wanted = low * base if criterion.aggregate is Aggregate.RATIO else base + low
    return max(0, math.ceil(wanted * c.n) - c.k)
