"""What a family sees of the world: sums per group of consecutive panes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from monitor.estimates import Floats
from monitor.evidence.spec import Spec


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


def shaped(spec: Spec, values: ArrayLike) -> Floats:
    """As an array (panes, strata, groups) of doubles. Raises ValueError if the shape is another."""
    array = np.asarray(values, dtype=np.float64)
    groups = len(spec.groups)
    if array.ndim == 2 and spec.strata == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[1:] != (groups, spec.strata):
        raise ValueError(f"panes have shape {array.shape}, expected (panes, {groups} groups, {spec.strata} strata)")
    return np.ascontiguousarray(array.transpose(0, 2, 1))
