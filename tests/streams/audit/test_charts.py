"""Scales with round ends, and dots that stay inside of the picture."""

import pytest

from monitor.estimates import Measured, Undefined
from streams.audit.charts import MARGIN, WIDTH, Axis, axis_of, whisker


def rate(value: float, low: float, high: float) -> Measured:
    return Measured(value, 10, None, None, low, high)


@pytest.mark.parametrize(
    ("ends", "axis", "title"),
    [
        ([(0.5, 0.42, 0.58), (0.7, 0.61, 0.79)], (0.4, 0.8), "0.4 to 0.8"),
        ([(0.5, 0.5, 0.5)], (0.4, 0.6), "0.4 to 0.6"),
        ([(0.0, 0.0, 0.0)], (-1.0, 1.0), "-1 to 1"),
        ([(167_484, 166_016, 168_953)], (166_000, 169_000), "166,000 to 169,000"),
        ([(1.0, 0.9999, 1.0)], (0.9999, 1.0), "0.9999 to 1"),
    ],
)
def test_ends_are_round(ends: list[tuple[float, float, float]], axis: tuple[float, float], title: str) -> None:
    found = axis_of([rate(*each) for each in ends])
    assert (found.low, found.high) == pytest.approx(axis)
    assert found.title == title


def test_nothing_measured_has_a_scale_too() -> None:
    assert axis_of([Undefined("no decisions", 0, None, None)]) == Axis(0.0, 1.0)


def test_values_beyond_the_scale_stay_inside() -> None:
    axis = Axis(0.0, 1.0)
    assert (axis.x(-5.0), axis.x(0.5), axis.x(7.0)) == (MARGIN, WIDTH / 2, WIDTH - MARGIN)
    assert "<circle" in whisker(axis, 0.5, None, None)
    assert 'x2="314.0"' in whisker(axis, 0.5, 0.25, None)  # an interval without an end runs to that of the scale
