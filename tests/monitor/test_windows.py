"""Windows against adding up every pane, over random traffic."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.sums import Ints
from monitor.windows import DAY, HOUR, MINUTE, Cube, Window

WIDTH = 3


def row(cell: int, *sums: int) -> tuple[Ints, Ints]:
    return np.array([cell], dtype=np.int64), np.array([sums], dtype=np.int64)


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (5 * MINUTE, MINUTE),  # a sixtieth is 5 s: at least a pane
        (HOUR, MINUTE),
        (DAY, 24 * MINUTE),
        (2 * DAY, 48 * MINUTE),
        (7 * DAY, 3 * HOUR),  # 2.8 hours, whole hours
        (30 * DAY, 12 * HOUR),
    ],
)
def test_steps_are_a_sixtieth_of_the_window(length: int, step: int) -> None:
    assert Window(length).step == step
    assert DAY % step == 0


def test_steps_are_whole_panes() -> None:
    assert Window(HOUR, pane=15 * MINUTE).step == 15 * MINUTE
    assert Window(DAY, pane=15 * MINUTE).step == 30 * MINUTE  # 24 minutes do not make whole panes


def test_long_windows_start_at_an_hour() -> None:
    assert Window(7 * DAY).span(7 * DAY + HOUR + 5 * MINUTE) == (HOUR, 7 * DAY + HOUR + 5 * MINUTE)
    assert Window(DAY).span(DAY + 5 * MINUTE) == (5 * MINUTE, DAY + 5 * MINUTE)


def test_a_window_shorter_than_a_pane_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than a pane"):
        Window(MINUTE, pane=HOUR)


def test_ends_over_are_the_points_that_hold_the_pane() -> None:
    window = Window(5 * MINUTE)
    assert list(window.ends_over(10 * MINUTE, until=DAY)) == [minute * MINUTE for minute in (11, 12, 13, 14, 15, 16)]
    assert list(window.ends_over(10 * MINUTE, until=12 * MINUTE)) == [11 * MINUTE, 12 * MINUTE]


def test_panes_enter_and_leave() -> None:
    window = Window(2 * MINUTE)
    cube = Cube(WIDTH, (window,))
    cube.put(0, *row(7, 1, 2, 3))
    cube.put(MINUTE, *row(8, 10, 20, 30))
    cube.advance(MINUTE)
    assert cube.sums(window).tolist() == [[1, 2, 3], [0, 0, 0]]
    cube.advance(2 * MINUTE)
    assert cube.sums(window).tolist() == [[1, 2, 3], [10, 20, 30]]
    cube.advance(3 * MINUTE)
    assert cube.sums(window).tolist() == [[0, 0, 0], [10, 20, 30]]
    assert list(cube.cells) == [7, 8]


def test_a_restated_pane_changes_the_windows_that_hold_it() -> None:
    short, long = Window(MINUTE), Window(HOUR)
    cube = Cube(WIDTH, (short, long))
    cube.put(0, *row(7, 1, 1, 1))
    cube.advance(2 * MINUTE)
    unchanged = cube.changes(short)
    assert cube.put(0, *row(7, 5, 0, 1))
    assert not cube.put(0, *row(7, 5, 0, 1)), "the same again is no news"
    assert cube.sums(short).tolist() == [[0, 0, 0]]
    assert cube.changes(short) == unchanged
    assert cube.sums(long).tolist() == [[5, 0, 1]]


def test_panes_that_have_not_closed_wait() -> None:
    window = Window(HOUR)
    cube = Cube(WIDTH, (window,))
    cube.advance(MINUTE)
    cube.put(MINUTE, *row(7, 1, 1, 1))
    assert not cube.sums(window).any()
    cube.advance(2 * MINUTE)
    assert cube.sums(window).tolist() == [[1, 1, 1]]


def test_merging_changes_no_sum() -> None:
    window = Window(3 * DAY)
    cube = Cube(WIDTH, (window,))
    for minute in range(0, 180, 7):
        cube.put(minute * MINUTE, *row(minute % 3, minute, 1, 2))
    cube.advance(3 * DAY)
    before = cube.sums(window).copy()
    cube.merge(2 * HOUR + 30 * MINUTE, HOUR)
    assert cube.starts(0, 3 * HOUR)[:2] == [0, HOUR]
    assert (cube.sums(window) == before).all()
    cube.advance(3 * DAY + HOUR)
    assert cube.sums(window)[:, 1].sum() == sum(minute >= 60 for minute in range(0, 180, 7))


def test_forgetting_keeps_what_a_window_holds() -> None:
    window = Window(2 * MINUTE)
    cube = Cube(WIDTH, (window,))
    for minute in range(5):
        cube.put(minute * MINUTE, *row(7, 1, 1, 1))
    cube.advance(5 * MINUTE)
    cube.forget(DAY)
    assert cube.first == 3 * MINUTE
    assert cube.sums(window).tolist() == [[2, 2, 2]]


panes = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 3), st.tuples(*[st.integers(-5, 2**40)] * WIDTH)), max_size=60
)


@given(panes, st.lists(st.integers(1, 45), min_size=1, max_size=15), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_running_sums_are_the_sums(
    rows: list[tuple[int, int, tuple[int, ...]]], ends: list[int], order: Random
) -> None:
    """Whatever is put when, again or late, and wherever the windows move: the sums are those of the panes held."""
    windows = (Window(3 * MINUTE), Window(10 * MINUTE), Window(HOUR))
    cube = Cube(WIDTH, windows)
    held: dict[int, tuple[int, tuple[int, ...]]] = {}
    steps: list[tuple[int, int, tuple[int, ...]] | int] = [*rows, *ends]
    order.shuffle(steps)
    cube.advance(MINUTE)
    at = 1
    for step in steps:
        if isinstance(step, int):
            at = step
            cube.advance(at * MINUTE)
        else:
            cube.put(step[0] * MINUTE, *row(step[1], *step[2]))
            held[step[0]] = step[1:]
        for window in windows:
            inside = [held[m] for m in held if at - window.length // MINUTE <= m < at]
            expected = {cell: [0] * WIDTH for cell in cube.cells}
            for cell, sums in inside:
                expected[cell] = [a + b for a, b in zip(expected[cell], sums, strict=True)]
            assert cube.sums(window).tolist() == list(expected.values())


@given(panes)
@settings(max_examples=30, deadline=None)
def test_a_replay_gives_what_the_windows_showed(rows: list[tuple[int, int, tuple[int, ...]]]) -> None:
    window = Window(5 * MINUTE)
    cube = Cube(WIDTH, (window,))
    for minute, cell, sums in rows:
        cube.put(minute * MINUTE, *row(cell, *sums))
    shown = {}
    for end in range(1, 50):
        cube.advance(end * MINUTE)
        shown[end * MINUTE] = cube.sums(window).tolist()
    again = {end: sums.tolist() for end, sums in cube.replay(window, list(shown))}
    assert again == shown
