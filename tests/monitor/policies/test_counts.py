"""Tests of two counts: exact at the edge, and equal to SciPy where SciPy has them."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.comparisons import Aggregate
from monitor.policies import Criterion, Procedure, Reference, Significance
from monitor.policies.counts import Counts, chance, deviations, fisher, flips, shortfall, small

RATIO = Criterion("selection_rate", Aggregate.RATIO, Reference.HIGHEST, low=Fraction(4, 5))
RULE = Significance(Procedure.POOLED_Z)


@st.composite
def tables(draw: st.DrawFn) -> Counts:
    n, base_n = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    return Counts(draw(st.integers(0, n)), n, draw(st.integers(0, base_n)), base_n)


@given(tables())
def test_fisher_is_scipys(c: Counts) -> None:
    expected = stats.fisher_exact([[c.k, c.n - c.k], [c.base_k, c.base_n - c.base_k]]).pvalue
    assert fisher(c) == pytest.approx(expected, rel=1e-9)


def test_fisher_of_large_groups() -> None:
    c = Counts(2, 900_000, 4, 500_000)
    expected = stats.fisher_exact([[2, 899_998], [4, 499_996]]).pvalue
    assert fisher(c) == pytest.approx(expected, rel=1e-6)


def test_standard_deviations_by_hand() -> None:
    """UGESP Question 11: 48 of 80 and 12 of 40: (.3 - .6) / sqrt(.5 * .5 * (1/40 + 1/80)) = -3.0984."""
    c = Counts(12, 40, 48, 80)
    assert deviations(c) == pytest.approx(-0.3 / math.sqrt(0.25 * (1 / 40 + 1 / 80)))
    found = chance(c, RULE)
    assert (found.test, found.significant) == ("z", True)
    assert found.p == pytest.approx(2 * stats.norm.sf(3.0983866769659336))


def test_two_standard_deviations_are_not_more_than_two() -> None:
    """40 of 100 and 60 of 100 would be 2.83; 45 and 55 of 100 give sqrt(2); 50 and 70 of 200 in 400... exactly 2: 80 of
    200 and 100 of 200: (.1)^2 / (.45 * .55 * .01) = 4.0404; so the exact case is 4 of 16 against 8 of 16 with z^2 = 2."""
    exactly = Counts(0, 4, 2, 4)  # (0 - 8)^2 * 8 / (4 * 4 * 2 * 6) = 512 / 192 = 8/3
    rule = Significance(Procedure.POOLED_Z, deviations=Fraction(2), exact_below_expected=Fraction(0), exact_below_n=0)
    assert chance(exactly, rule).significant is False
    square = Counts(1, 4, 4, 4)  # (4 - 16)^2 * 8 / (4 * 4 * 5 * 3) = 1152 / 240 = 4.8
    assert chance(square, rule).significant is True
    at_two = Counts(0, 2, 2, 2)  # (0 - 4)^2 * 4 / (2 * 2 * 2 * 2) = 4: two standard deviations, not more
    assert deviations(at_two) == -2.0
    assert chance(at_two, rule).significant is False


@pytest.mark.parametrize(
    ("c", "is_small"),
    [
        (Counts(12, 40, 48, 80), False),  # least expected cell 40 * 60 / 120 = 20
        (Counts(5, 100, 5, 100), False),  # exactly 5 expected
        (Counts(4, 100, 5, 100), True),  # 4.5 expected
        (Counts(15, 29, 50, 100), True),  # a group of 29
        (Counts(15, 30, 50, 100), False),
    ],
)
def test_small_tables_go_to_fisher(c: Counts, is_small: bool) -> None:
    assert small(c, RULE) is is_small
    assert chance(c, RULE).test == ("fisher" if is_small else "z")


@pytest.mark.parametrize("c", [Counts(0, 10, 0, 10), Counts(10, 10, 20, 20)])
def test_where_nothing_varies_there_is_no_test(c: Counts) -> None:
    found = chance(c, RULE)
    assert (found.significant, found.test, found.p) == (False, "", None)


def test_shortfall_is_whole_and_exact() -> None:
    """15 of 20 in the base: 4/5 of .75 of 20 are exactly 12, where 0.8 * 15 / 20 * 20 rounds up to 13 in floats."""
    assert shortfall(Counts(9, 20, 15, 20), RATIO) == 3
    assert shortfall(Counts(12, 20, 15, 20), RATIO) == 0
    assert shortfall(Counts(1, 10, 3, 20), RATIO) == 1  # UGESP: .8 * .15 * 10 = 1.2, so two women; one is there
    points = Criterion("selection_rate", Aggregate.DIFFERENCE, Reference.REST, low=Fraction(-1, 20))
    assert shortfall(Counts(30, 100, 80, 200), points) == 5  # .4 - .05 = .35 of 100


def _reaches(c: Counts) -> bool:
    """The ratio is at least 4/5, in whole numbers."""
    return 5 * c.k * c.base_n >= 4 * c.base_k * c.n


@given(tables())
def test_the_shortfall_is_the_least_that_reaches_the_bound(c: Counts) -> None:
    missing = shortfall(c, RATIO)
    assert _reaches(Counts(c.k + missing, c.n, c.base_k, c.base_n))
    assert missing == 0 or not _reaches(Counts(c.k + missing - 1, c.n, c.base_k, c.base_n))


def test_flip_flop() -> None:
    assert flips(Counts(1, 10, 3, 20), RATIO)  # 2/10 to 2/20: twice as high
    assert flips(Counts(3, 20, 16, 80), RATIO)  # UGESP Question 21: 20% to 18.75%
    assert not flips(Counts(12, 40, 48, 80), RATIO)  # 13/40 to 47/80: .553
