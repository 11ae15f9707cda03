"""The counts that convinced, as two sides."""

from dataclasses import replace

import pytest

from alerts.present import present_of
from alerts.proving import plans
from alerts.rules.threshold import Bound
from monitor.evidence import Side
from monitor.evidence.reading import Leading
from tests.alerts.observing import parity_rule
from tests.alerts.test_proving import credit

WOMEN = Leading(
    "F", Side.LOW, 14.0, 1.0, n=80, k=48, reference_n=70, reference_k=56, panes=65, variance=0.04, reference_variance=0.04,
    since=0.0, reference="M",
)  # fmt: skip


def test_newcombe_s_own_example() -> None:
    """48 of 80 beside 56 of 70: a difference of -0.2, between -0.3339 and -0.0524 (Newcombe 1998, method 10)."""
    rule = parity_rule(aggregate="difference", bound=Bound(-0.1, None))
    (plan,) = plans(rule, credit())
    found = present_of(plan, WOMEN)
    assert found is not None
    assert found.value == pytest.approx(-0.2)
    assert [found.low, found.high] == pytest.approx([-0.3339, -0.0524], abs=1e-4)
    assert found.higher is not None
    assert (found.lower.groups, found.lower.numerator, found.higher.groups) == ({"sex": "F"}, 48, {"sex": "M"})


def test_between_groups_a_difference_is_the_greater_less_the_lesser() -> None:
    rule = parity_rule(aggregate="difference", method="between_groups", bound=Bound(None, 0.1))
    (plan,) = plans(rule, credit())
    found = present_of(plan, WOMEN)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=1e-4)


def test_everybody_is_both() -> None:
    """0.6 of 104 of 150: 0.865."""
    (plan,) = plans(parity_rule(method="to_overall"), credit())
    found = present_of(plan, replace(WOMEN, reference="*overall"))
    assert found is not None
    assert found.higher is not None
    assert found.value == pytest.approx(0.6 / (104 / 150))
    assert (found.higher.groups, found.higher.n) == ({}, 150)


def test_a_mean_is_told_in_its_own_units() -> None:
    """Sums of shares of 0 to 60,000: 48 of 80 are 36,000 each, 56 of 70 are 48,000."""
    rule = parity_rule(metric="mean_value")
    (plan,) = plans(rule, credit(value={"range": [0, 60000], "resolution": 1}))
    found = present_of(plan, WOMEN)
    assert found is not None
    assert found.higher is not None
    assert [found.lower.value, found.higher.value, found.value] == pytest.approx([36_000, 48_000, 0.75])
    assert found.low is not None
    assert found.high is not None
    assert 0.6 < found.low < 0.75 < found.high < 0.9
    assert found.window_ms == 65 * 60_000


def test_nothing_counted_is_nothing_said() -> None:
    (plan,) = plans(parity_rule(), credit())
    assert present_of(plan, replace(WOMEN, n=0, k=0)) is None
    assert present_of(plan, replace(WOMEN, reference_n=0, reference_k=0)) is None
