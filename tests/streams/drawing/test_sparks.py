"""Series in one line."""

from streams.drawing.sparks import sparkline


def test_values_between_bottom_and_top() -> None:
    assert sparkline([-1, 5, 10, 99], 0, 10) == "▁▅██"  # round(3.5) is 4, the fifth block


def test_what_is_missing_is_not_the_bottom() -> None:
    assert sparkline([0.0, None, 1.0], 0, 1) == "▁·█"


def test_a_scale_without_height() -> None:
    assert sparkline([3.0, 3.0], 3.0, 3.0) == "▁▁"
