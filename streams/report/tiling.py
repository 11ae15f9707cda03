"""Windows side by side: which stored windows cover a period, without overlap, so that sums over it are exact. Pure.

The views hold sliding windows. A sum over those that touch and do not overlap is the sum over the period, and every part of
it can be looked up. Covered is as much of the period as can be; among covers of the same length the one with the fewest
windows is taken, since a group that is withheld in one of them (too few people) is withheld in the sum.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple


class Tile(NamedTuple):
    """A window: its length and its end, ms."""

    length: int
    end: int

    @property
    def start(self) -> int:
        """Its first instant."""
        return self.end - self.length


def cover(start: int, end: int, stored: Iterable[Tile]) -> list[Tile]:
    """The windows, in order, that cover most of `[start, end)` with the fewest, each inside of it."""
    usable = sorted({tile for tile in stored if start <= tile.start and tile.end <= end}, key=lambda tile: tile.end)
    ends = [0] * len(usable)
    best: list[
        tuple[int, int, int]
    ] = []  # covered, less windows, place of the last tile (-1: none): up to each tile's end
    for at, tile in enumerate(usable):
        ends[at] = tile.end
        before = bisect_right(ends, tile.start, 0, at) - 1
        covered, fewer, _ = best[before] if before >= 0 else (0, 0, -1)
        taken = (covered + tile.length, fewer - 1, at)
        best.append(max(best[-1], taken, key=lambda one: one[:2]) if best else taken)
    found: list[Tile] = []
    at = len(usable) - 1
    while at >= 0:
        last = best[at][2]
        if last < 0:
            break
        found.append(usable[last])
        at = bisect_right(ends, usable[last].start, 0, len(ends)) - 1
    return found[::-1]
