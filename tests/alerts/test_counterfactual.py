from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from alerts.counterfactual import Shortfall, more_favourable, shortfall
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


def of(metric: str, o: Observation) -> Observation:
    return replace(o, metric=metric)


POSITIVE, NEGATIVE = "those with a favourable label", "those with an unfavourable label"


@pytest.mark.parametrize(
    ("metric", "aggregate", "expected"),
    [
        # good to have, so more for the lower group: 0.8 x 0.6 x 100 = 48 of 40; (0.6 - 0.1) x 100 = 50
        ("true_positive_rate", "ratio", Shortfall(8, {"sex": "F"}, "more favourable decisions", POSITIVE)),
        ("true_negative_rate", "difference", Shortfall(10, {"sex": "F"}, "more unfavourable decisions", NEGATIVE)),
        ("accuracy", "difference", Shortfall(10, {"sex": "F"}, "more decisions as their label says")),
        # bad to have, so fewer for the higher group: 0.4 / 0.8 x 100 = 50 of 60; (0.4 + 0.1) x 100 = 50
        ("false_negative_rate", "ratio", Shortfall(10, {"sex": "M"}, "fewer unfavourable decisions", POSITIVE)),
        ("false_positive_rate", "difference", Shortfall(10, {"sex": "M"}, "fewer favourable decisions", NEGATIVE)),
        ("rejection_rate", "ratio", Shortfall(10, {"sex": "M"}, "fewer unfavourable decisions")),
        ("error_rate", "difference", Shortfall(10, {"sex": "M"}, "fewer decisions against their label")),
    ],
)
def test_other_rates_by_hand(metric: str, aggregate: str, expected: Shortfall) -> None:
    value = 40 / 60 if aggregate == "ratio" else 0.2
    o = of(metric, between(aggregate, value, side("F", 100, 40), side("M", 100, 60)))
    assert shortfall(o, 0.8 if aggregate == "ratio" else None, 0.1 if aggregate == "difference" else None) == expected


def test_fewer_is_the_least_number_too() -> None:
    for k, n, k2, n2 in [(1, 7, 5, 9), (333, 1000, 700, 1001), (0, 50, 1, 3), (19, 100, 30, 100)]:
        o = of("error_rate", between("ratio", (k / n) / (k2 / n2), side("F", n, k), side("M", n2, k2)))
        found = shortfall(o, 0.8, None)
        assert found is not None
        assert found.decisions is not None
        lower, fewer = Fraction(k, n), found.decisions
        # lower / higher >= 0.8, written without dividing
        assert lower >= Fraction(8, 10) * Fraction(k2 - fewer, n2)
        assert lower < Fraction(8, 10) * Fraction(k2 - fewer + 1, n2)


def test_one_group_s_rate_moves_to_its_bound() -> None:
    one = replace(ratio(0.2, 0.1, 0.3), aggregate="", method="", lower=side("F", 101, 20), higher=None)
    assert shortfall(one, 0.3, None) == Shortfall(11, {"sex": "F"}, "more favourable decisions")  # 30.3, so 31
    assert more_favourable(one, 0.3, None) == 11
    wrong = of("error_rate", replace(one, value=20 / 101))
    assert shortfall(wrong, None, 0.1) == Shortfall(10, {"sex": "F"}, "fewer decisions against their label")  # 10.1: 10
    assert shortfall(one, 0.1, 0.3) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"metric": "precision"}, "the denominator of precision changes with the decisions"),
        ({"metric": "base_rate"}, "base_rate is no rate of decisions"),
        ({"method": "to_overall"}, "everybody's rate moves with the group's own"),
    ],
)
def test_where_it_has_no_meaning_the_reason_is_said(changed: dict[str, Any], reason: str) -> None:
    o = replace(between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60)), **changed)
    assert shortfall(o, 0.8, None) == Shortfall(reason=reason)


def test_of_a_mean_it_is_said_what_it_would_have_to_be() -> None:
    o = of("mean_value", between("ratio", 0.5, side("F", 100, value=50_000.0), side("M", 100, value=100_000.0)))
    found = shortfall(o, 0.8, None)
    assert found is not None
    assert found.decisions is None
    assert found.reason == "mean_value is no rate of decisions; that of sex=F would have to be at least 80,000"


def test_weights_are_no_counts() -> None:
    weighted = replace(side("F", 100, 40), numerator=40.5)
    assert shortfall(between("ratio", 40 / 60, weighted, side("M", 100, 60)), 0.8, None) is None
