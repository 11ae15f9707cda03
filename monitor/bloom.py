"""A filter in memory that says which keys a store cannot hold, so that new ids cost no look-up on disk.

A register-blocked Bloom filter (Putze, Sanders and Singler 2007): a key sets four bits of one 64-bit word. At 16 bits a key
about one absent key in a hundred is looked up in vain. Keys are never taken out; instead the filter is a list of
generations, each with the latest time at which one of its keys can be forgotten, and a generation goes when that has passed.
So memory is two bytes for each key that is remembered.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

FIRST_CAPACITY = 1 << 18
LARGEST_CAPACITY = 1 << 24
_ONE, _MASK = np.uint64(1), np.uint64(63)
_SHIFTS = tuple(np.uint64(shift) for shift in (0, 6, 12, 18))


@dataclass(slots=True)
class _Generation:
    bits: Words
    capacity: int
    keys: int = 0
    due: int = 0


class Bloom:
    """Which of the keys may be present. Keys are pairs of random words (a hash)."""

    def __init__(self) -> None:
        self._generations = [_new(FIRST_CAPACITY)]

    @property
    def memory(self) -> int:
        """Bytes held."""
        return sum(generation.bits.nbytes for generation in self._generations)

    def add(self, words: Words, due: int) -> None:
        """Add N x 2 words, none of which is forgotten before `due` (ms)."""
        last = self._generations[-1]
        if last.keys >= last.capacity:
            last = _new(min(last.capacity * 4, LARGEST_CAPACITY))
            self._generations.append(last)
        np.bitwise_or.at(last.bits, _places(words, last.bits), _patterns(words))
        last.keys += len(words)
        last.due = max(last.due, due)

    def maybe(self, words: Words) -> NDArray[np.bool_]:
        """Whether each of the keys may have been added; False is certain."""
        patterns = _patterns(words)
        found = np.zeros(len(words), dtype=bool)
        for generation in self._generations:
            if generation.keys:
                found |= (generation.bits[_places(words, generation.bits)] & patterns) == patterns
        return found

    def forget(self, clock: int) -> None:
        """Drop the generations whose keys have all been forgotten when both topics' clocks have passed `clock`."""
        kept = [generation for generation in self._generations if generation.due >= clock]
        self._generations = kept or [_new(FIRST_CAPACITY)]


def _new(capacity: int) -> _Generation:
    return _Generation(np.zeros(capacity // 4, dtype=np.uint64), capacity)


def _places(words: Words, bits: Words) -> NDArray[np.intp]:
    return (words[:, 0] & np.uint64(len(bits) - 1)).astype(np.intp)


def _patterns(words: Words) -> Words:
    second = words[:, 1]
    patterns = np.zeros(len(words), dtype=np.uint64)
    for shift in _SHIFTS:
        patterns |= _ONE << ((second >> shift) & _MASK)
    return patterns
