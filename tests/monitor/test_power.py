"""The minimum detectable gap: by a sample-size formula from a book, and by simulation."""

import numpy as np
import pytest

from monitor.assess import Plan, assess
from monitor.comparisons import COMPARING, DisparitySpec, Method
from monitor.intervals import newcombe
from monitor.power import Side, detectable_difference
from tests.monitor.population import Person, count


def test_as_worked_by_hand() -> None:
    """300 of 1,000 against 300 of 1,000 at 95%: 2.80158 sqrt(.3 .7 2/1000) = .0574, but for the half events."""
    side = Side(np.array([300.0]), np.array([1000.0]))
    assert detectable_difference(side, side, np.array([0.95])) == pytest.approx([0.0574], abs=1e-4)


def test_a_gap_of_that_size_is_found_in_four_of_five_windows() -> None:
    rng = np.random.default_rng(3)
    n, base = 2000, 0.4
    least = detectable_difference(
        Side(np.array([n * base]), np.array([n])), Side(np.array([n * base]), np.array([n])), np.array([0.95])
    )[0]
    x, y = rng.binomial(n, base - least / 2, 4000), rng.binomial(n, base + least / 2, 4000)
    _, high = newcombe(x, n, y, n)
    assert np.mean(high < 0) == pytest.approx(0.8, abs=0.025)


def test_of_means_too() -> None:
    """1,000 a side with standard deviation 10: 2.80158 * 10 * sqrt(2/1000) = 1.2529."""
    side = Side(np.array([0.0]), np.array([1000.0]), np.array([100.0]))
    assert detectable_difference(side, side, np.array([0.95])) == pytest.approx([1.2529], abs=1e-3)


def test_none_is_claimed_of_empty_groups_and_rare_events_do_not_see_everything() -> None:
    nobody, some = Side(np.array([0.0]), np.array([0.0])), Side(np.array([0.0]), np.array([50.0]))
    level = np.array([0.95])
    assert np.isnan(detectable_difference(nobody, some, level)[0])
    assert detectable_difference(some, some, level)[0] > 0.03


def test_each_disparity_says_what_it_could_have_seen() -> None:
    rows = [Person({"sex": s}, decision=at < 30) for s in "FM" for at in range(100)]
    specs = tuple(DisparitySpec(a, Method.TO_REFERENCE) for a in COMPARING)
    found = assess(
        *count(rows), Plan("m", (("sex",),), ("selection_rate", "selection_rate_z"), specs, references={"sex": "M"})
    )
    difference, ratio = (gap.detectable[0, 0] for gap in found.gaps)
    assert difference == pytest.approx(2.80158 * np.sqrt(60.5 / 201 * 140.5 / 201 * 2 / 100), abs=1e-5)
    assert ratio == pytest.approx(1 - difference / 0.3)
    assert np.isnan(found.gaps[0].detectable[1, 0])
