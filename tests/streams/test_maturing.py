"""What comes of age when."""

import itertools

import pytest

from monitor.windows import DAY, HOUR, Window
from streams.maturing import ENDS_AT_ONCE, Due, ages, due

WINDOW = Window(HOUR, pane=HOUR)
HORIZON = 10 * DAY


def test_ages_end_with_the_horizon() -> None:
    assert ages(HORIZON) == (0, DAY, 7 * DAY, HORIZON)
    assert ages(60 * DAY) == (0, DAY, 7 * DAY, 30 * DAY, 60 * DAY)
    assert ages(DAY) == (0, DAY)


def ends(found: list[Due]) -> list[int]:
    return sorted(end for group in found for end in group.ends)


def test_an_hour_makes_one_end_of_each_age_due() -> None:
    now = 100 * DAY + 5 * HOUR
    found = due(WINDOW, ages(HORIZON), now - HOUR, now, began=0)
    assert ends(found) == [now - HORIZON, now - 7 * DAY, now - DAY, now]


def test_what_ended_before_the_first_pane_is_not_due() -> None:
    now = 100 * DAY
    assert ends(due(WINDOW, ages(HORIZON), now - HOUR, now, began=now - 2 * DAY)) == [now - DAY, now]


def test_an_end_that_reached_two_ages_is_due_once() -> None:
    now = 100 * DAY
    found = ends(due(WINDOW, ages(HORIZON), now - 2 * DAY, now, began=0))
    assert len(found) == len(set(found))
    assert now - DAY in found


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_whatever_the_pieces_every_end_comes_of_age(pieces: int) -> None:
    """Each end is due at least once, and last when it reaches the horizon."""
    began, until = 50 * DAY, 70 * DAY
    marks = [began + (until - began) * n // pieces for n in range(pieces + 1)]
    found = [end for was, now in itertools.pairwise(marks) for end in ends(due(WINDOW, ages(HORIZON), was, now, began))]
    assert set(found) == set(range(began + HOUR, until + 1, HOUR))


@pytest.mark.parametrize("length", [HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 100 * DAY + 12 * HOUR, 365 * DAY])
def test_memory_does_not_grow_with_the_window(length: int) -> None:
    """Held at once are some sixty merged panes and those of the ends (of windows over a season: days), and no window
    begins or ends inside a merged pane."""
    window = Window(length, pane=HOUR)
    whole = Due(window, tuple(range(400 * DAY // window.step * window.step, 420 * DAY, window.step)))
    parts = list(whole.parts(ENDS_AT_ONCE))
    assert tuple(end for part in parts for end in part.ends) == whole.ends
    for part in parts:
        low, high = part.span
        assert (high - low) // part.coarse <= 60 + ENDS_AT_ONCE or window.edge == DAY
        assert all(edge % part.coarse == 0 for end in part.ends for edge in window.span(end))
