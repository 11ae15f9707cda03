from fractions import Fraction

import pytest

from alerts.counterfactual import more_favourable
from alerts.verdicts import Observation
from tests.alerts.observing import between, ratio, side


def test_a_ratio_by_hand() -> None:
    # 60 of 100 against 40 of 100: at least 0.8 x 0.6 x 100 = 48 are needed, 8 more.
    assert more_favourable(between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60)), 0.8, None) == 8


def test_a_difference_by_hand() -> None:
    # 0.6 - 0.1 = 0.5 of 150 is 75, and 45 are there.
    assert more_favourable(between("difference", 0.3, side("F", 150, 45), side("M", 100, 60)), None, 0.1) == 30


def test_a_ratio_above_one_is_bounded_from_above() -> None:
    # higher / lower <= 1.25: 60 / 1.25 = 48.
    assert more_favourable(between("ratio", 1.5, side("M", 100, 40), side("F", 100, 60)), 0.8, 1.25) == 8


def test_a_negative_difference_is_bounded_from_below() -> None:
    assert more_favourable(between("difference", -0.3, side("F", 150, 45), side("M", 100, 60)), -0.1, 0.1) == 30


def test_the_number_is_the_least_that_reaches_the_bound() -> None:
    for k, n, k2, n2 in [(1, 7, 5, 9), (333, 1000, 700, 1001), (0, 50, 1, 3), (19, 100, 30, 100)]:
        o = between("ratio", (k / n) / (k2 / n2), side("F", n, k), side("M", n2, k2))
        more = more_favourable(o, 0.8, None)
        assert more is not None
        rates = [Fraction(k + m, n) / Fraction(k2, n2) for m in (more, more - 1)]
        assert rates[0] >= Fraction(8, 10) > rates[1]


@pytest.mark.parametrize(
    "observation",
    [
        ratio(0.9, 0.85, 0.95),  # inside
        ratio(None, None, None),
        ratio(0.5, 0.4, 0.6),  # the sides carry no counts of a rate
        between("ratio", 0.1, side("F", 0, None), side("M", 100, 60)),
    ],
)
def test_none_where_it_has_no_meaning(observation: Observation) -> None:
    assert more_favourable(observation, 0.8, None) is None
