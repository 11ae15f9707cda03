"""River built from sums equals River fed event by event."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics, stats

from monitor.river_stats import Moments, confusion, group_accumulators, mean, variance
from monitor.sums import LIMB

CENTS = st.integers(-(2**31) + 1, 2**31 - 1)
PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def sums(values: list[int]) -> tuple[int, int, int, int]:
    """n, sum, and the sum of squares in two parts."""
    squares = [v * v for v in values]
    return len(values), sum(values), sum(s >> LIMB for s in squares), sum(s % 2**LIMB for s in squares)


@given(st.lists(CENTS, min_size=1, max_size=50))
def test_mean_and_variance_equal_rivers(values: list[int]) -> None:
    fed = stats.Var()
    for value in values:
        fed.update(value * 0.01)
    built = variance(*sums(values), 0.01)
    assert built is not None
    assert built.n == fed.n
    assert built.mean.get() == pytest.approx(fed.mean.get(), rel=1e-9, abs=1e-6)
    assert built.get() == pytest.approx(fed.get(), rel=1e-9, abs=1e-6)
    alone = mean(len(values), sum(values), 0.01)
    assert alone is not None
    assert alone.get() == built.mean.get()


@given(st.lists(CENTS, min_size=1, max_size=20), st.lists(CENTS, min_size=1, max_size=20))
def test_it_goes_on_learning(before: list[int], after: list[int]) -> None:
    built, fed = variance(*sums(before), 0.01), stats.Var()
    assert built is not None
    for value in before:
        fed.update(value * 0.01)
    for value in after:
        built.update(value * 0.01)
        fed.update(value * 0.01)
    assert built.get() == pytest.approx(fed.get(), rel=1e-9, abs=1e-6)


def test_a_small_spread_beside_a_large_mean_is_exact() -> None:
    """1,000,000.00 and 1,000,000.01, half a million times each: in floats the squares cancel to noise."""
    values = [100_000_000] * 500 + [100_000_001] * 500
    built = variance(*sums(values), 0.01)
    assert built is not None
    assert built.get() == pytest.approx(0.25 * 1000 / 999 * 1e-4, rel=1e-12)


def test_nothing_is_built_of_nothing() -> None:
    """River's empty Mean reads 0.0, and two empty ones raise on `+`."""
    assert mean(0, 0, 0.01) is None
    assert variance(0, 0, 0, 0, 0.01) is None
    assert confusion(0, 0, 0, 0) is None
    empty = group_accumulators({}, {}, 0.01)
    assert (empty.value, empty.error, empty.score, empty.confusion) == (None, None, None, None)


def test_one_event_has_a_mean_and_no_variance() -> None:
    built = variance(*sums([1234]), 0.01)
    assert built is not None
    assert built.mean.get() == pytest.approx(12.34)
    assert built.get() == 0.0  # River's reading; a Tally says NaN
    n, total, hi, lo = (np.array([number]) for number in sums([1234]))
    moments = Moments(n, total, hi, lo, 0.01)
    assert math.isnan(moments.variance[0])


@given(PAIRS)
def test_the_confusion_matrix_equals_rivers(events: list[tuple[bool, bool]]) -> None:
    fed = metrics.ConfusionMatrix()
    for label, decision in events:
        fed.update(label, decision)
    built = confusion(
        tp=events.count((True, True)),
        fp=events.count((False, True)),
        fn=events.count((True, False)),
        tn=events.count((False, False)),
    )
    assert built is not None
    assert built.n_samples == fed.n_samples
    assert built.total_weight == fed.total_weight
    for label in (True, False):
        for decision in (True, False):
            assert built[label][decision] == fed[label][decision]
    for each in (metrics.F1, metrics.BalancedAccuracy, metrics.MCC, metrics.Accuracy):
        assert each(cm=built).get() == pytest.approx(each(cm=fed).get())


def test_the_accumulators_of_a_group() -> None:
    decision = {"valued": 2, "value": 300, "value_sq_lo": 50_000, "scored": 2, "score": 1_000_000}
    label = {"tp": 3, "tn": 1, "compared": 1, "error": -150, "error_sq_lo": 22_500}
    found = group_accumulators(decision, label, 0.01)
    assert found.value is not None and found.value.get() == pytest.approx(0.5)  # 1.00 and 2.00
    assert found.error is not None and found.error.mean.get() == pytest.approx(-1.5)
    assert found.score is not None and found.score.get() == pytest.approx(0.5)
    assert metrics.F1(cm=found.confusion).get() == 1.0
