"""Intervals against published numbers, SciPy, and their own defining equations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from monitor.intervals import (
    mean_difference,
    mean_interval,
    mean_over_windows,
    mean_ratio,
    newcombe,
    normal_quantile,
    pairs,
    score_ratio,
    simultaneous,
    t_quantile,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_numbers(k: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"), [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090)]
)
def test_newcombe_gives_the_published_numbers(counts: tuple[int, ...], low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10."""
    assert newcombe(*counts) == pytest.approx((low, high), abs=5e-5)


def test_newcombe_turns_with_its_sides() -> None:
    low, high = newcombe(56, 70, 48, 80)
    assert newcombe(48, 80, 56, 70) == pytest.approx((-high, -low))


def test_koopmans_own_example() -> None:
    """Koopman, Biometrics 40 (1984) 513-517: 36 of 40 against 16 of 80."""
    low, high = score_ratio((36, 40), (16, 80), corrected=False)
    assert (low, high) == pytest.approx((2.94, 7.15), abs=5e-3)


def test_the_score_test_of_a_ratio_is_statsmodels() -> None:
    """z = -1.60431 of 30/100 against 0.8 x 50/100 (statsmodels 0.15.0): the interval at that level ends at 0.8."""
    level = 2 * stats.norm.cdf(1.60431) - 1
    _, high = score_ratio((30, 100), (50, 100), level, corrected=False)
    assert high == pytest.approx(0.8, abs=1e-5)


def test_miettinen_and_nurminen_are_a_little_wider_than_koopman() -> None:
    narrow, wide = score_ratio((36, 40), (16, 80), corrected=False), score_ratio((36, 40), (16, 80))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_ends_of_the_score_interval_solve_its_equation(n1: int, n2: int, data: st.DataObject) -> None:
    """At each end the statistic, with the constrained likelihood maximised by SciPy, is the critical value."""
    k1, k2 = data.draw(st.integers(1, n1)), data.draw(st.integers(1, n2))
    critical = stats.norm.ppf(0.975) ** 2 * (n1 + n2) / (n1 + n2 - 1)
    for ratio in score_ratio((k1, n1), (k2, n2)):
        assert _score(float(ratio), (k1, n1), (k2, n2)) == pytest.approx(critical, rel=2e-3)


def _score(ratio: float, counts: tuple[int, int], base: tuple[int, int]) -> float:
    (k1, n1), (k2, n2) = counts, base
    top = min(1.0, 1.0 / ratio)

    def minus_log_likelihood(rate: float) -> float:
        return -float(stats.binom.logpmf(k1, n1, min(ratio * rate, 1.0)) + stats.binom.logpmf(k2, n2, rate))

    bounds = (1e-12, top * (1.0 - 1e-12))
    rate = float(optimize.minimize_scalar(minus_log_likelihood, bounds=bounds, options={"xatol": 1e-12}).x)
    variance = ratio * rate * (1 - ratio * rate) / n1 + ratio**2 * rate * (1 - rate) / n2
    return (k1 / n1 - ratio * k2 / n2) ** 2 / variance


def test_ends_of_the_scale() -> None:
    low, high = score_ratio(([0, 5, 0], [10, 10, 10]), ([5, 0, 0], [10, 10, 10]))
    assert low[0] == 0.0
    assert 0.0 < high[0] < 1.0
    assert low[1] > 1.0
    assert np.isinf(high[1])
    assert np.isnan([low[2], high[2]]).all()


def test_nothing_counted_has_no_interval() -> None:
    for low, high in (wilson(0, 0), newcombe(0, 0, 1, 2), score_ratio((0, 0), (1, 2)), mean_interval(1.0, np.nan, 1)):
        assert np.isnan(low)
        assert np.isnan(high)


@given(st.integers(1, 10_000), st.floats(0.5, 0.99999), st.data())
def test_wilson_equals_scipys(n: int, confidence: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    expected = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999, 0.999999])
def test_quantiles_equal_scipys(confidence: float) -> None:
    degrees = np.array([1, 2, 3, 4, 5, 7, 12, 30, 100, 10_000, 1e7])
    assert t_quantile(confidence, degrees) == pytest.approx(stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-5)
    assert normal_quantile(confidence) == pytest.approx(stats.norm.ppf((1 + confidence) / 2), rel=1e-12)


def test_fewer_than_one_degree_of_freedom_has_no_quantile() -> None:
    assert np.isnan(t_quantile(0.95, [0.0, 0.9, np.nan])).all()


def test_a_means_interval_equals_scipys() -> None:
    sample = np.array([3.0, 5.0, 4.0, 7.0, 10.0, 12.0])
    expected = stats.t.interval(0.9, 5, sample.mean(), stats.sem(sample))
    assert mean_interval(sample.mean(), sample.var(ddof=1), 6, 0.9) == pytest.approx(expected, rel=1e-6)


def test_a_difference_of_means_is_welchs_with_degrees_of_freedom_rounded_down() -> None:
    first, second = np.array([3.0, 5.0, 4.0, 7.0, 10.0, 12.0]), np.array([1.0, 2.0, 2.5, 9.0])
    test = stats.ttest_ind(first, second, equal_var=False)
    half = stats.t.ppf(0.975, np.floor(test.df)) * (first.mean() - second.mean()) / test.statistic
    expected = (first.mean() - second.mean() - half, first.mean() - second.mean() + half)
    assert mean_difference(_moments(first), _moments(second)) == pytest.approx(expected, rel=1e-6)


def test_the_ends_of_a_ratio_of_means_solve_fiellers_equation() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(70.0, 20.0, 60), rng.normal(100.0, 30.0, 80)
    (m1, v1, n1), (m2, v2, n2) = _moments(first), _moments(second)
    s1, s2 = v1 / n1, (m1 / m2) ** 2 * v2 / n2
    degrees = np.floor((s1 + s2) ** 2 / (s1**2 / (n1 - 1) + s2**2 / (n2 - 1)))
    for ratio in mean_ratio((m1, v1, n1), (m2, v2, n2)):
        squared = (m1 - ratio * m2) ** 2 / (v1 / n1 + ratio**2 * v2 / n2)
        assert squared == pytest.approx(stats.t.ppf(0.975, degrees) ** 2, rel=1e-5)


def test_a_ratio_to_a_mean_that_may_be_zero_has_no_interval() -> None:
    assert np.isnan(mean_ratio((5.0, 1.0, 30), (0.1, 4.0, 30))).all()


def test_no_spread_gives_an_interval_of_one_point_without_a_warning() -> None:
    assert mean_difference((3.0, 0.0, 5), (2.0, 0.0, 9)) == pytest.approx((1.0, 1.0))
    assert mean_ratio((3.0, 0.0, 5), (2.0, 0.0, 9)) == pytest.approx((1.5, 1.5))


def _moments(sample: np.ndarray) -> tuple[float, float, int]:
    return float(sample.mean()), float(sample.var(ddof=1)), len(sample)


def test_bonferroni_splits_what_may_go_wrong() -> None:
    assert pairs([2, 3, 24]).tolist() == [1.0, 3.0, 276.0]
    assert simultaneous(0.95, [0, 1, 10]) == pytest.approx([0.95, 0.95, 0.995])


def test_a_mean_over_windows_takes_each_window_as_a_stratum() -> None:
    """By hand: windows of 4 and 9 events with standard errors 1 and 2, so S^2 = (4/13)^2 + (18/13)^2 and 10.3 degrees."""
    ends = [float(stats.t.ppf(0.975, 3)) * 1.0, float(stats.t.ppf(0.975, 8)) * 2.0]
    parts = [(4 / 13) ** 2, (18 / 13) ** 2]
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 8)
    expected = float(stats.t.ppf(0.975, math.floor(degrees))) * math.sqrt(sum(parts))
    lows, highs = [10 - end for end in ends], [10 + end for end in ends]
    assert mean_over_windows(lows, highs, [4, 9]) == pytest.approx(expected, rel=1e-4)
    assert mean_over_windows([*lows, np.nan], [*highs, np.nan], [4, 9, 0]) == pytest.approx(expected, rel=1e-4)
    assert math.isnan(mean_over_windows([*lows, np.nan], [*highs, np.nan], [4, 9, 1])), "one event has no variance"
    assert mean_over_windows([7.0], [9.0], [30]) == pytest.approx(1.0), "one window: its own interval"
    assert mean_over_windows([7.0, 8.0], [7.0, 8.0], [5, 5]) == 0.0, "nothing varies inside the windows"
