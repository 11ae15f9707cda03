"""Clarify's pre-training measures, worked by hand."""

import math

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.stats import entropy

from monitor.label_skew import label_skew

YES_NO = (True, False)


def test_by_hand() -> None:
    """10 in d, 2 positive; 30 in a, 15 positive: P_d = (.2, .8), P_a = (.5, .5)."""
    found = label_skew(np.array([2, 8]), np.array([15, 15]), YES_NO)
    assert (found.n, found.rest, found.class_imbalance) == (10, 30, 0.5)
    assert found.difference == pytest.approx(0.3)
    assert found.kullback_leibler == pytest.approx(0.5 * math.log(0.5 / 0.2) + 0.5 * math.log(0.5 / 0.8))
    assert found.total_variation == pytest.approx(0.3)
    assert found.kolmogorov_smirnov == pytest.approx(0.3)
    assert found.lp_norm == pytest.approx(math.sqrt(0.18))
    assert found.conditional_disparity is None


def test_equals_scipy_for_several_labels() -> None:
    d, a = np.array([5, 20, 25, 50]), np.array([40, 30, 20, 110])
    found = label_skew(d, a, (True, False, False, False))
    assert found.kullback_leibler == pytest.approx(entropy(a / 200, d / 100))
    assert found.jensen_shannon == pytest.approx(distance.jensenshannon(a / 200, d / 100) ** 2)


def test_a_label_that_the_group_never_has() -> None:
    """Clarify divides by zero here."""
    found = label_skew(np.array([0, 10]), np.array([5, 5]), YES_NO)
    assert found.kullback_leibler is None
    assert found.jensen_shannon is not None
    assert found.difference == 0.5


def test_nobody_in_the_group() -> None:
    found = label_skew(np.array([0, 0]), np.array([5, 5]), YES_NO)
    assert found.class_imbalance == 1.0
    assert (found.difference, found.jensen_shannon, found.total_variation) == (None, None, None)


def test_conditional_disparity_is_weighted_over_strata() -> None:
    """First stratum 40 people: d is 8 of 20 rejected and 2 of 20 accepted, +.3; second 60: 6 of 30 and 12 of 30, -.2."""
    strata = np.array([[[2, 8], [18, 12]], [[12, 6], [18, 24]]])
    found = label_skew(np.array([14, 14]), np.array([36, 36]), YES_NO, strata)
    assert found.conditional_disparity == pytest.approx((40 * 0.3 - 60 * 0.2) / 100)


def test_strata_that_say_nothing_are_left_out() -> None:
    only = np.array([[[2, 0], [18, 0]], [[12, 6], [18, 24]]])
    assert label_skew(np.array([14, 6]), np.array([36, 24]), YES_NO, only).conditional_disparity == pytest.approx(-0.2)
    none = np.array([[[2, 0], [18, 0]]])
    assert label_skew(np.array([2, 0]), np.array([18, 0]), YES_NO, none).conditional_disparity is None
