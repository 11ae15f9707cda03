"""An estimate: a number that may also say that it cannot be given.

A plain float has to lie when a rate has no denominator (as 0, as NaN, or by being absent; Fairlearn answers 0.0, AIF360
NaN, Aequitas 10.0). So an estimate is one of four:

- `Measured`: value, `n`, numerator, denominator, and an interval where one can be given;
- `Undefined`: which denominator is empty, or why else there is no value;
- `Suppressed`: withheld, because too few people stand behind it;
- `Stale`: computed, but from data known to be incomplete.

All four have the same attributes (`value`, `low`, `high`, `n`, `numerator`, `denominator`, `state`, `reason`), so that a
row can be written without asking which it is. `Estimates` is the same for whole arrays of groups.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.sums import Ints

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]


class State(StrEnum):
    """Whether an estimate has a value, and if not, why. Stored under these names."""

    MEASURED = "measured"
    UNDEFINED = "undefined"
    SUPPRESSED = "suppressed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value. `low` and `high` are None where the sums give no bounded interval (a mean of one, for instance)."""

    value: float
    n: int
    numerator: float | None
    denominator: float | None
    low: float | None
    high: float | None
    state: ClassVar[State] = State.MEASURED
    reason: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Undefined:
    """No value exists: `reason` names the empty denominator ("no positive labels") or the other cause."""

    reason: str
    n: int
    numerator: float | None
    denominator: float | None
    state: ClassVar[State] = State.UNDEFINED
    value: ClassVar[None] = None
    low: ClassVar[None] = None
    high: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A value exists and is withheld; so are its counts, and `n` reads 0 for that reason alone."""

    reason: str
    n: ClassVar[int] = 0
    state: ClassVar[State] = State.SUPPRESSED
    value: ClassVar[None] = None
    numerator: ClassVar[None] = None
    denominator: ClassVar[None] = None
    low: ClassVar[None] = None
    high: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Stale:
    """What the known part of the data gives, with the reason why it is not all of it. No rule may conclude from it."""

    reason: str
    value: float | None
    n: int
    numerator: float | None
    denominator: float | None
    low: float | None
    high: float | None
    state: ClassVar[State] = State.STALE


Estimate = Measured | Undefined | Suppressed | Stale

STATES = (State.MEASURED, State.UNDEFINED, State.SUPPRESSED, State.STALE)
"""The codes of `Estimates.state`, by position."""

MEASURED, UNDEFINED, SUPPRESSED, STALE = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Estimates of equal shape, one array per attribute; NaN where a number cannot be given.

    `state` holds positions in `STATES`; `reason` holds positions in `reasons`, whose first is the empty reason.
    """

    value: Floats
    n: Ints
    numerator: Floats
    denominator: Floats
    low: Floats
    high: Floats
    state: NDArray[np.int8]
    reason: NDArray[np.int16]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Estimate]:
        """One by one; arrays of one dimension only."""
        floats = (self.value, self.numerator, self.denominator, self.low, self.high)
        value, numerator, denominator, low, high = (_numbers(array) for array in floats)
        reasons = [self.reasons[at] for at in self.reason.tolist()]
        columns = zip(
            self.state.tolist(), self.n.tolist(), numerator, denominator, value, low, high, reasons, strict=True
        )
        for state, n, top, bottom, middle, left, right, reason in columns:
            if state == MEASURED:
                yield Measured(middle, n, top, bottom, left, right)
            elif state == UNDEFINED:
                yield Undefined(reason, n, top, bottom)
            elif state == SUPPRESSED:
                yield Suppressed(reason)
            else:
                yield Stale(reason, middle, n, top, bottom, left, right)

    def one(self, at: int | tuple[int, ...]) -> Estimate:
        """The estimate at one place; arrays of more than one dimension take a tuple."""
        index = at if isinstance(at, tuple) else (at,)
        (found,) = self.take((*index[:-1], slice(index[-1], index[-1] + 1)))
        return found

    def take(self, at: Any) -> "Estimates":
        """The estimates at `at`, any index of NumPy's that leaves an array."""
        return Estimates(
            value=self.value[at],
            n=self.n[at],
            numerator=self.numerator[at],
            denominator=self.denominator[at],
            low=self.low[at],
            high=self.high[at],
            state=self.state[at],
            reason=self.reason[at],
            reasons=self.reasons,
        )

    def where(self, mask: Flags, state: State, reason: str) -> "Estimates":
        """These, with another state and reason where `mask` holds. What is undefined stays so when it goes stale."""
        mask = mask & (self.state != UNDEFINED) if state is State.STALE else mask
        if not mask.any():
            return self
        reasons = self.reasons if reason in self.reasons else (*self.reasons, reason)
        return replace(
            self,
            state=np.where(mask, np.int8(STATES.index(state)), self.state),
            reason=np.where(mask, np.int16(reasons.index(reason)), self.reason),
            reasons=reasons,
        )


def _numbers(values: Floats) -> list[Any]:
    """As `number`, for all."""
    out = values.astype(object)
    out[~np.isfinite(values)] = None
    found: list[Any] = out.tolist()
    return found


def number(value: float) -> float | None:
    """The float, or None for NaN and the infinities: what an estimate shows where there is no number."""
    return value if -math.inf < value < math.inf else None
