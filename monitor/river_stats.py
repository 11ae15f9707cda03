"""River's accumulators, built from the integer sums of panes.

Why not store them: River's merged `Var` depends in its last digits on how the events were split, and its empty `Mean`
reads 0.0 while two empty ones raise on `+`. So integers are stored and merged, and an accumulator is made of them when it
is asked for, in exact integer arithmetic up to the last division. It then equals River fed event by event (up to River's
own rounding), goes on learning with `update`, and gives every River metric that takes a confusion matrix:
`metrics.F1(cm=accumulators.confusion)`.

Nothing is built of no events: None stands for it, never an accumulator that reads 0.0.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from river import stats

from monitor.estimates import Flags, Floats
from monitor.sums import LIMB, SCORE_UNIT, Ints

if TYPE_CHECKING:
    from river import metrics


EXACT = 2.0**53
"""Whole numbers below this are floats too."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, sum and sum of squares (`hi * 2**31 + lo`) of a quantity per group, in units of `unit`."""

    n: Ints
    total: Ints
    square_hi: Ints
    square_lo: Ints
    unit: float

    @property
    def sum(self) -> Floats:
        """The sums, in the quantity's own measure."""
        return self.total.astype(np.float64) * self.unit

    @property
    def variance(self) -> Floats:
        """River's variance (n - 1) per group, as `variance` below; NaN below two events, which River reads as 0.0.

        Whole numbers up to the division, so that nothing is lost: NumPy's where they are small enough, else Python's.
        """
        n, square = self.n, (self.square_hi << LIMB) + self.square_lo
        with np.errstate(all="ignore"):
            centred = n * square - self.total * self.total
            found: Floats = np.where(n > 1, centred / (n * (n - 1)), np.nan)
        large = (n > 1) & ~self._small(centred)
        if large.any():
            found[large] = self._exactly(large)
        return found * self.unit * self.unit

    def _small(self, centred: Ints) -> Flags:
        """Where no product is cut off, and the quotient is of numbers that floats hold exactly."""
        n, total = self.n.astype(np.float64), self.total.astype(np.float64)
        squares = self.square_hi * 2.0**LIMB + self.square_lo
        held = (n * squares < 2.0**62) & (total * total < 2.0**62) & (n * n < EXACT)
        return held & (np.abs(centred) < EXACT)

    def _exactly(self, at: Flags) -> Floats:
        """The quotients by Python's integers."""
        n, total, hi, lo = (part[at].astype(object) for part in (self.n, self.total, self.square_hi, self.square_lo))
        centred = n * ((hi << LIMB) + lo) - total * total
        found: Floats = (centred / (n * (n - 1))).astype(np.float64)
        return found

    def accumulators(self) -> list[stats.Var | None]:
        """River's `Var` of each group (its `.mean` is River's `Mean`); None for a group without events."""
        return [variance(*row, self.unit) for row in self._rows()]

    def _rows(self) -> list[tuple[int, int, int, int]]:
        columns = (self.n.tolist(), self.total.tolist(), self.square_hi.tolist(), self.square_lo.tolist())
        return list(zip(*columns, strict=True))


def mean(n: int, total: int, unit: float) -> stats.Mean | None:
    """River's `Mean` of n quantities with this sum, in units of `unit`; None for n = 0."""
    return stats.Mean._from_state(n, total * unit / n) if n else None  # noqa: SLF001  # River has no other door


def variance(n: int, total: int, square_hi: int, square_lo: int, unit: float) -> stats.Var | None:
    """River's `Var` (n - 1) of n quantities, from their sum and sum of squares; None for n = 0.

    `(n * sum of squares - sum^2) / (n (n - 1))`, the numerator in exact integers: in floats it would cancel to noise
    where the spread is small beside the mean.
    """
    if not n:
        return None
    centred = n * ((square_hi << LIMB) + square_lo) - total * total
    spread = centred / (n * (n - 1)) * unit * unit if n > 1 else 0.0
    return stats.Var._from_state(n, total * unit / n, spread)  # noqa: SLF001  # River has no other door


def confusion(tp: int, fp: int, fn: int, tn: int) -> "metrics.ConfusionMatrix | None":
    """River's `ConfusionMatrix` of True and False, from the four counts; None if all are 0."""
    if not tp + fp + fn + tn:
        return None
    from river import metrics  # it loads SciPy, two seconds that only those should pay who ask for a matrix

    matrix = metrics.ConfusionMatrix()  # type: ignore[no-untyped-call]  # River has no annotations there
    for label, decision, count in ((True, True, tp), (False, True, fp), (True, False, fn), (False, False, tn)):
        if count:
            matrix.update(label, decision, w=float(count))  # type: ignore[no-untyped-call]
    matrix.n_samples = tp + fp + fn + tn  # `update` counts one sample whatever its weight
    return matrix


@dataclass(frozen=True, slots=True)
class GroupAccumulators:
    """What River can go on with, for one group; None where the group has no such event."""

    value: stats.Var | None
    error: stats.Var | None
    score: stats.Mean | None
    confusion: "metrics.ConfusionMatrix | None"


def group_accumulators(decision: dict[str, int], label: dict[str, int], unit: float) -> GroupAccumulators:
    """River's accumulators of one group, from its sums by slot name (`DECISIONS`, `LABELS`); `unit` is the value unit.

    `error` is the predicted value minus the outcome's. An absent slot counts as 0.
    """
    d, lab = decision, label

    def spread(sums: dict[str, int], count: str, quantity: str) -> stats.Var | None:
        slots = (count, quantity, f"{quantity}_sq_hi", f"{quantity}_sq_lo")
        n, total, hi, lo = (sums.get(slot, 0) for slot in slots)
        return variance(n, total, hi, lo, unit)

    return GroupAccumulators(
        value=spread(d, "valued", "value"),
        error=spread(lab, "compared", "error"),
        score=mean(d.get("scored", 0), d.get("score", 0), SCORE_UNIT),
        confusion=confusion(*(lab.get(slot, 0) for slot in ("tp", "fp", "fn", "tn"))),
    )
