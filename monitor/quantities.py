"""Numbers and labels of events as columns of integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.config import LabelsConfig
from monitor.sums import LARGEST

Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Flags = NDArray[np.bool_]

ABSENT = -1
UNDECLARED = -2

_TIE = 8 * np.finfo(np.float64).eps
"""How near to a half, relative to the quotient, is taken for one: a division is off by less than an ulp, as are its sides."""


def quantised(amounts: Floats, resolution: float) -> Floats:
    """The nearest whole number of `resolution` for each amount, halves to even, as the decimal that was written.

    0.575 is no binary fraction and 0.575 / 0.01 gives 57.49999999999999; it is meant as 57.5 and becomes 58.
    """
    quotient = amounts / resolution
    nearest = np.rint(quotient)
    floor = np.floor(quotient)
    tie = np.abs(quotient - floor - 0.5) <= _TIE * np.abs(quotient)
    if tie.any():
        nearest[tie] = (floor + (floor % 2))[tie]
    return nearest


def column(numbers: Sequence[float | None]) -> tuple[Floats, Flags]:
    """The numbers with 0 for None, and which are there."""
    if numbers.count(None) == len(numbers):
        return np.zeros(len(numbers)), np.zeros(len(numbers), np.bool_)
    amounts = np.array(numbers, np.float64)
    there = ~np.isnan(amounts)
    if not there.all():
        amounts[~there] = 0.0
    return amounts, there


def units(amounts: Floats, resolution: float) -> tuple[Longs, Flags]:
    """The amounts in whole units, and which are too large to be counted (and are 0 then)."""
    nearest = quantised(amounts, resolution)
    large = np.abs(nearest) > LARGEST
    if large.any():
        nearest[large] = 0
    return nearest.astype(np.int64), large


class Weights(dict[bytes, float]):
    """How much a decision counts, from the JSON of its weight: a number above 0, or 1 where there is none."""

    def __init__(self, unit: float) -> None:
        super().__init__({b"": 1.0, b"null": 1.0})
        self.unit = unit

    def __missing__(self, raw: bytes) -> float:
        try:
            return float(raw)  # JSON's numbers are Python's; no other JSON is one
        except ValueError:
            return 0.0

    def column(self, given: Sequence[Any]) -> Integers:
        """Each in whole units; 0 for what is no weight."""
        amounts = np.fromiter(map(self.__getitem__, map(bytes, given)), np.float64, len(given))
        counted = quantised(np.minimum(amounts, self.unit * 2.0**32), self.unit)
        return np.where((counted > 0) & (counted <= LARGEST), counted, 0).astype(np.int32)


class Labels(dict[Any, int]):
    """What a decision or a label means: 1 favourable or positive, 0 not, ABSENT, or UNDECLARED.

    Booleans, and 0 and 1, mean themselves unless they are configured.
    """

    def __init__(self, config: LabelsConfig) -> None:
        super().__init__({None: ABSENT, False: 0, True: 1})
        classes = any(not isinstance(label, bool) for label in config.favourable)
        self._otherwise = 0 if classes and not config.unfavourable else UNDECLARED
        if any(label in (0, 1) for label in (*config.favourable, *config.unfavourable)):
            self |= dict.fromkeys((False, True), self._otherwise if classes else 0)
        self |= dict.fromkeys(config.unfavourable, 0) | dict.fromkeys(config.favourable, 1)

    def __missing__(self, label: Any) -> int:
        return self._otherwise

    def column(self, labels: Sequence[Any]) -> NDArray[np.int8]:
        """The meaning of each."""
        return np.fromiter(map(self.__getitem__, labels), np.int8, len(labels))


class Classes(dict[Any, int]):
    """Which class a label is, as a code: the number of classes in the high byte, the class's own in the low one.

    Classes count from 1 in the order of the configuration; 0 is any other label, or none.
    """

    def __init__(self, names: Sequence[Any]) -> None:
        self._none = len(names) << 8
        super().__init__({name: self._none + number for number, name in enumerate(names, 1)})

    def __missing__(self, label: Any) -> int:
        return self._none

    def column(self, labels: Sequence[Any]) -> NDArray[np.int16]:
        """The code of each."""
        return np.fromiter(map(self.__getitem__, labels), np.int16, len(labels))
