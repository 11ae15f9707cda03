"""Sums over the period: their intervals come from the windows' own, and are missing where one of those is."""

from typing import Any

import pytest

from streams.report.totals import _of_mean, _of_nothing, _of_rate, _total

GROUP = {"sex": "female"}


def window(n: int, total: float, half: float | None) -> Any:
    """A row of `fairness_group`: a mean with its interval."""
    mean = total / n if n else None
    ends = (
        {"ci_low": None, "ci_high": None}
        if half is None or mean is None
        else {"ci_low": mean - half, "ci_high": mean + half}
    )
    return {
        "n": n,
        "numerator": total,
        "denominator": float(n),
        "state": "measured" if n else "undefined",
        **ends,
    }


def test_the_mean_of_a_period_has_an_interval_around_it() -> None:
    found = _total(GROUP, [window(100, 1000.0, 1.0), window(300, 6000.0, 2.0)], _of_mean)
    assert (found.n, found.value) == (400, 17.5)
    # t(99) = 1.98422, t(299) = 1.96793: S = sqrt((.25 / 1.98422)^2 + (.75 * 2 / 1.96793)^2) = .77257; 314 degrees: 1.96755
    assert found.high == pytest.approx(17.5 + 1.52006, abs=1e-4)
    assert found.low == pytest.approx(17.5 - 1.52006, abs=1e-4)


def test_an_empty_window_takes_nothing_away() -> None:
    full = _total(GROUP, [window(100, 1000.0, 1.0)], _of_mean)
    assert _total(GROUP, [window(100, 1000.0, 1.0), window(0, 0.0, None)], _of_mean) == full
    assert full.low == pytest.approx(9.0) and full.high == pytest.approx(11.0)


def test_a_window_of_one_event_has_no_variance_and_the_sum_no_interval() -> None:
    found = _total(GROUP, [window(100, 1000.0, 1.0), window(1, 12.0, None)], _of_mean)
    assert found.value == pytest.approx(1012 / 101)
    assert (found.low, found.high) == (None, None)


def test_a_withheld_window_withholds_the_sum() -> None:
    found = _total(
        GROUP, [window(100, 1000.0, 1.0), window(3, 30.0, None) | {"state": "suppressed", "n": None}], _of_mean
    )
    assert (found.n, found.value, found.low) == (None, None, None)


def test_a_rate_has_wilson_s_interval_and_weights_have_none() -> None:
    found = _total(GROUP, [window(60, 20.0, None), window(40, 30.0, None)], _of_rate)
    assert found.low == pytest.approx(0.40383, abs=1e-5)  # 50 of 100
    assert found.high == pytest.approx(0.59617, abs=1e-5)
    assert _total(GROUP, [window(60, 20.0, None)], _of_nothing).low is None
