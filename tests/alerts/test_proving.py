"""From a rule's bound to what its families test."""

from dataclasses import replace
from typing import Any

import pytest

from alerts.proving import plans, problems
from alerts.rules.threshold import Bound
from monitor.config import ModelConfig
from monitor.evidence import Kind, Measure, Reference
from tests.alerts.observing import parity_rule


def credit(**changes: Any) -> ModelConfig:
    sex = {"values": ["F", "M"], "reference": "M"}
    return ModelConfig.model_validate({"name": "credit", "attributes": {"sex": sex}} | changes)


def test_four_fifths_of_the_reference() -> None:
    (plan,) = plans(parity_rule(), credit())
    assert (plan.spec.groups, plan.spec.reference, plan.spec.kind) == (("F", "M"), "M", Kind.RATIO)
    assert (plan.spec.lower, plan.spec.upper, plan.spec.pane) == (0.8, None, 60)
    assert plan.name() == "parity / credit / selection_rate / sex"
    assert plan.name("2", "canary") == "parity / credit / selection_rate / sex / 2 / canary"


def test_the_greatest_difference_between_groups_is_each_against_the_best_so_far() -> None:
    rule = parity_rule(aggregate="difference", method="between_groups", bound=Bound(None, 0.1))
    (plan,) = plans(rule, credit())
    assert (plan.spec.lower, plan.spec.upper, plan.spec.reference) == (-0.1, None, Reference.BEST)


def test_a_bound_on_a_mean_is_scaled_to_the_range() -> None:
    """A difference of 5,000 in values from 10,000 to 60,000 is a tenth of the range."""
    rule = parity_rule(metric="mean_value", aggregate="difference", bound=Bound(-5000.0, None))
    (plan,) = plans(rule, credit(value={"range": [10000, 60000], "resolution": 1}))
    assert plan.spec.measure is Measure.MEAN
    assert plan.spec.lower == pytest.approx(-0.1)


def test_precision_is_proven_by_hours_of_decisions_and_true_positives_by_minutes_of_outcomes() -> None:
    found = [next(iter(plans(parity_rule(metric=name), credit()))) for name in ("precision", "true_positive_rate")]
    assert [(plan.matured, plan.spec.pane) for plan in found] == [(True, 3600), (False, 60)]


@pytest.mark.parametrize(
    ("changes", "model", "told"),
    [
        ({"metric": "mean_value"}, {}, "mean_value needs the range of the values of credit"),
        (
            {"metric": "mean_value"},
            {"value": {"range": [-5, 5]}},
            "a ratio of means needs values that are not negative",
        ),
        ({"metric": "accuracy"}, {"labels": "favourable_only"}, "accuracy needs the labels of all"),
        ({"method": "between_groups", "bound": Bound(None, 1.2)}, {}, "give a `min` below 1"),
        ({"aggregate": "", "bound": Bound(1.5, None)}, {}, "a rate lies between 0 and 1"),
    ],
)
def test_what_cannot_be_proven_is_said(changes: dict[str, Any], model: dict[str, Any], told: str) -> None:
    rule = replace(parity_rule(), **changes)
    assert any(told in text for _, text in problems(rule, credit(**model)))
    with pytest.raises(ValueError, match=told.split("`", maxsplit=1)[0][:20]):
        list(plans(rule, credit(**model)))
