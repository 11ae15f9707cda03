"""What a family sees of the world: sums per group of consecutive panes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from monitor.estimates import Floats
from monitor.evidence.spec import Measure, Spec

Triple = tuple[Floats, Floats, Floats]
"""n, k, sums of squares."""


def pane_number(spec: Spec, start: float) -> int:
    """The number of the pane that starts at (or holds) `start`, seconds since 1970."""
    return int(start // spec.pane)


@dataclass(frozen=True, slots=True)
class Panes:
    """Consecutive panes: `n` events and `k` favourable ones (or the sum) of each group, in the order of the spec.

    Shapes are (panes, groups) or (panes, groups, strata); `squares` (the sum of squares) is needed for means only.
    """

    first: int
    n: ArrayLike
    k: ArrayLike
    squares: ArrayLike | None = None

    @classmethod
    def none(cls, spec: Spec, first: int, count: int = 1) -> Self:
        """Panes in which nothing happened, or in which the data cannot be trusted: an e-value of 1."""
        zeros = np.zeros((count, len(spec.groups), spec.strata))
        return cls(first, zeros, zeros, zeros)

    def sums(self, spec: Spec) -> Triple:
        """n, k and squares as arrays (panes, strata, groups). Raises ValueError if they do not fit the spec."""
        return self.sums_of(len(spec.groups), spec.strata, spec.measure is Measure.MEAN)

    def sums_of(self, groups: int, strata: int, means: bool) -> Triple:
        """The same for any number of groups."""
        if means and self.squares is None:
            raise ValueError("a mean needs sums of squares")
        n, k = shaped(self.n, groups, strata), shaped(self.k, groups, strata)
        squares = shaped(self.squares, groups, strata) if means and self.squares is not None else k
        if not len(n) == len(k) == len(squares):
            raise ValueError(f"{len(n)} panes of n, {len(k)} of k, {len(squares)} of squares")
        return n, k, squares


def shaped(values: ArrayLike, groups: int, strata: int) -> Floats:
    """As an array (panes, strata, groups) of doubles. Raises ValueError if the shape is another."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 2 and strata == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[1:] != (groups, strata):
        raise ValueError(f"panes have shape {array.shape}, expected (panes, {groups} groups, {strata} strata)")
    return np.ascontiguousarray(array.transpose(0, 2, 1))
