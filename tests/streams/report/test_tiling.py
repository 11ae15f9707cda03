"""Which windows cover a period."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.report.tiling import Tile, cover


def test_the_longest_side_by_side() -> None:
    day = 24
    stored = [Tile(day, end) for end in range(day, 10 * day + 1, day)] + [
        Tile(7 * day, 7 * day),
        Tile(7 * day, 8 * day),
    ]
    assert cover(0, 10 * day, stored) == [Tile(7 * day, 7 * day), Tile(day, 192), Tile(day, 216), Tile(day, 240)]


def test_only_what_lies_inside() -> None:
    assert cover(10, 30, [Tile(10, 15), Tile(10, 25), Tile(10, 35)]) == [Tile(10, 25)]
    assert cover(0, 5, [Tile(10, 10)]) == []


TILES = st.lists(st.builds(Tile, st.integers(1, 5), st.integers(1, 12)), max_size=7, unique=True)


@given(TILES)
def test_no_choice_covers_more_or_as_much_with_fewer(stored: list[Tile]) -> None:
    found = cover(0, 12, stored)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert set(found) <= set(stored) and all(tile.start >= 0 for tile in found)
    usable = [tile for tile in stored if tile.start >= 0]
    best = max(
        (sum(t.length for t in chosen), -len(chosen))
        for size in range(len(usable) + 1)
        for chosen in combinations(sorted(usable, key=lambda t: t.end), size)
        if all(a.end <= b.start for a, b in pairwise(chosen))
    )
    assert (sum(t.length for t in found), -len(found)) == best
