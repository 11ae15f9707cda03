import math
import random

from monitor.change_marks import changes, page_hinkley


def series(*levels: float) -> list[float]:
    """Two hundred noisy values at each level."""
    noise = random.Random(1)
    return [level + noise.gauss(0, 0.01) for level in levels for _ in range(200)]


def test_a_step_is_marked_after_it_and_soon() -> None:
    assert [150 < at < 300 for at in changes(series(0.95, 0.7))[:1]] == [True]
    assert [200 <= at < 300 for at in page_hinkley(series(0.7, 0.95))[:1]] == [True]


def test_a_level_series_is_not_marked() -> None:
    assert changes(series(0.9, 0.9)) == []
    assert page_hinkley([0.9] * 100) == []


def test_holes_are_passed_over() -> None:
    holed = [value if at % 3 else math.nan for at, value in enumerate(series(0.95, 0.7))]
    assert changes(holed)
    assert changes([math.nan] * 50) == []
    assert page_hinkley([math.nan, 0.5]) == []
