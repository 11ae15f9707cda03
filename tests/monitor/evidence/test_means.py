"""Means of bounded values: what a page about credit limits needs, and that none comes without a reason."""

import math

import numpy as np
import pytest

from monitor.evidence import Kind, Measure, Panes, Spec, State, Tuning, expected_events, expected_panes, fold
from tests.benchmarks.evidence.values import CHANCES, LEVELS, Values, hours, information, pages


def test_the_simulated_limits_are_what_they_say() -> None:
    mean = float(CHANCES @ LEVELS)
    assert mean == pytest.approx(0.35)
    assert math.sqrt(CHANCES @ (LEVELS - mean) ** 2) / mean == pytest.approx(0.30, abs=0.005)


def test_limits_that_drop_by_a_third_page_within_the_hour() -> None:
    """16,000 decisions a day and one family with a page a month; a fixed stake took most of a day (at 4,000: 20 hours)."""
    found = hours(Values(16_000, 10.25, before=1.0, after=0.7, changed=10), 8, seed=3, budget=1.0)

    assert np.all(found > 0)
    assert np.median(found) <= 1.0


def test_the_budget_holds_for_means_at_the_bound() -> None:
    """150 families exactly at 0.8 and a threshold of 2,000: 600 panes and 600 saved ones allow 0.6 pages each at most."""
    tuning = Tuning(temper=False, savings=600 * 5, gate_window=5, gate_events=1, min_hold=5, resolve_evidence=2)
    budget = (30 * 288 + 600) / 2_000
    begun = pages(Values(30_000, 600 / 288, before=0.8), 150, 7, budget, tuning)

    assert 0 < sum(map(len, begun)) / 150 <= 0.6


def test_the_information_is_that_of_a_small_gap() -> None:
    """Near the bound the best bet grows by gap^2 / (2 v): 0.79 against 0.8, v = 0.01125 (0.79^2 + 0.64 x 50/32) of one woman."""
    gap, v = 0.01 * 0.35, 0.01125 * (0.79**2 + 0.64 / 0.64)
    assert information(0.79) == pytest.approx(gap**2 / (2 * v), rel=0.02)
    assert information(0.7) == pytest.approx((10 * gap) ** 2 / (2 * 0.01125 * (0.49 + 1.0)), rel=0.15)


@pytest.mark.parametrize("kind", [Kind.RATIO, Kind.DIFFERENCE, Kind.LEVEL])
def test_expected_panes_of_means_follow_the_variance(kind: Kind) -> None:
    """Values that scatter less are judged sooner, and never sooner than the best bet allows."""
    lower, broken = {Kind.RATIO: (0.8, 0.6), Kind.DIFFERENCE: (-0.05, -0.12), Kind.LEVEL: (0.25, 0.2)}[kind]
    spec = Spec(("r", "b"), lower, reference="r", kind=kind, measure=Measure.MEAN)
    waited = []
    for variance in (0.01, 0.05):
        n, k = np.array([[800.0, 200.0]] * 300), np.array([[240.0, 60.0]] * 300)
        state, _ = fold(spec, State.empty(spec), Panes(0, n, k, n * (0.09 + variance)))
        waited.append(expected_panes(spec, state, "b", broken))

    assert 0 < waited[0] < waited[1] < math.inf


def test_expected_events_of_means_by_hand() -> None:
    """A level of 0.19 against 0.2, variance 0.01: the best stake is 0.01 / (0.01 + 0.01 x 0.81), about 0.5525, and grows by
    0.0055249 - (-ln(1 - 0.4475138) - 0.4475138) / 0.6561 x 0.01 = 0.0033024 nats.
    """
    spec = Spec(("a",), lower=0.2, kind=Kind.LEVEL, measure=Measure.MEAN, tuning=Tuning(savings=0))
    needed = math.log(864_000 * 6)

    assert expected_events(spec, 0.19, 0.0, 1.0, (0.01, 0.01)) == pytest.approx(needed / 0.0033024, rel=1e-4)
