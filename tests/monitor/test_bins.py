"""Bins, logarithms and relative errors against decimals and fractions."""

from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bins import label_slot, relative_error, score_bin, split_product, surprise, value_slot
from monitor.sums import LABEL_SCORES, LARGEST, VALUES

UNITS = st.integers(-(2**31) + 1, 2**31 - 1)


@pytest.mark.parametrize(
    ("score", "expected"), [(0, 0), (9_999, 0), (10_000, 1), (570_000, 57), (999_999, 99), (1_000_000, 99)]
)
def test_a_bin_holds_its_lower_edge_and_the_last_one_too(score: int, expected: int) -> None:
    assert score_bin(np.array([score])).tolist() == [expected]


def test_a_labelled_score_is_in_the_bin_of_its_label() -> None:
    slots = label_slot(np.array([True, False]), np.array([570_000, 570_000]))
    assert [LABEL_SCORES.slots[slot] for slot in slots] == ["positive_bin_57", "negative_bin_57"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1, "below_range"),
        (0, "value_bin_0"),
        (49, "value_bin_9"),
        (499, "value_bin_99"),
        (500, "value_bin_99"),
        (501, "above_range"),
    ],
)
def test_a_value_is_in_a_hundredth_of_the_range_or_out_of_it(value: int, expected: str) -> None:
    assert VALUES.slots[value_slot(np.array([value]), 0, 500)[0]] == expected


@given(value=UNITS, low=UNITS, width=st.integers(1, 2**31))
def test_edges_of_values_are_exact(value: int, low: int, width: int) -> None:
    found = VALUES.slots[value_slot(np.array([value]), low, low + width)[0]]
    share = Fraction(value - low, width)
    if not 0 <= share <= 1:
        assert found == ("below_range" if share < 0 else "above_range")
    else:
        number = int(found.removeprefix("value_bin_"))
        assert Fraction(number, 100) <= share < Fraction(number + 1, 100) or (number == 99 and share == 1)


def test_the_surprise_of_a_score_is_minus_its_logarithm() -> None:
    scores = np.array([0, 1, 367_879, 500_000, 999_999, 1_000_000])
    getcontext().prec = 40
    exact = [min(max(Decimal(int(s)), Decimal("0.5")), Decimal("999999.5")) / 10**6 for s in scores]
    expected = [int((-e.ln() * 10**6).to_integral_value(ROUND_HALF_EVEN)) for e in exact]
    assert surprise(scores).tolist() == expected


def test_no_logarithm_is_so_near_a_tie_that_a_library_could_decide() -> None:
    """In extended precision, whose own error is far below the distance that is asked for."""
    scores = np.arange(1, 10**6).astype(np.longdouble)
    exact = -np.log(scores / np.longdouble(10**6)) * 10**6
    distance = np.abs(exact - np.floor(exact) - np.longdouble(0.5))
    assert distance.min() > 1e-8
    assert np.array_equal(surprise(np.arange(1, 10**6)), np.rint(exact).astype(np.int64))


@given(error=st.integers(-LARGEST, LARGEST), outcome=UNITS)
def test_relative_errors_are_rounded_down_and_bounded(error: int, outcome: int) -> None:
    (found,) = relative_error(np.array([error]), np.array([outcome])).tolist()
    assert found == (min(abs(error) * 10**6 // abs(outcome), LARGEST) if outcome else 0)


@given(one=UNITS, other=UNITS)
def test_a_product_in_two_parts_is_the_product(one: int, other: int) -> None:
    hi, lo = split_product(np.array([one]), np.array([other]))
    assert int(hi[0]) * 2**31 + int(lo[0]) == one * other
    assert 0 <= lo[0] < 2**31
