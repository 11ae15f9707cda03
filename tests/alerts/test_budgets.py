"""The fleet's budget over its families, by hand."""

from dataclasses import replace

import pytest

from alerts.budgets import shares, warn_fraction, with_budgets
from alerts.config import BudgetConfig
from alerts.proving import Plan, plans
from alerts.rules.threshold import ThresholdRule
from monitor.config import ModelConfig
from tests.alerts.observing import parity_rule

CREDIT = ModelConfig.model_validate(
    {"name": "credit", "attributes": {"sex": {"values": ["F", "M"], "reference": "M"}, "age": {"bins": [30], "reference": ">=30"}}}
)  # fmt: skip


def families(*rules: ThresholdRule) -> list[Plan]:
    return [plan for rule in rules for plan in plans(rule, CREDIT)]


def test_what_nobody_claims_is_split_evenly() -> None:
    """Three families, one claims 0.4 of 1: the other two share 0.6."""
    other = parity_rule(attributes=("age",))
    rules = (parity_rule(budget=0.4), _named(other, "second"), _named(replace(other, method="to_rest"), "third"))
    split = with_budgets(families(*rules), rules, BudgetConfig())
    assert [plan.spec.budget for plan in split] == pytest.approx([0.4, 0.3, 0.3])
    pages = shares(families(*rules), rules, BudgetConfig())["pages"]
    assert (pages.claiming, pages.sharing, pages.adds_up) == (1, 2, True)
    assert str(pages) == "1 false page in 30 days over 3 families, 0.4 claimed by rules for 1, 0.3 for each of 2"


def test_a_rule_s_claim_is_split_over_its_families() -> None:
    """Without attributes it has sex, age, and both."""
    rule = parity_rule(attributes=None, budget=0.3)
    assert [plan.spec.budget for plan in with_budgets(families(rule), [rule], BudgetConfig())] == pytest.approx(
        [0.1] * 3
    )


def test_claims_of_more_than_there_is_do_not_add_up() -> None:
    rule = parity_rule(budget=1.5)
    assert not shares(families(rule), [rule], BudgetConfig())["pages"].adds_up


def test_another_period_is_counted_in_thirty_days() -> None:
    week = BudgetConfig.model_validate({"pages": 0.7, "tickets": 7, "period": "7d"})
    rule = parity_rule()
    assert with_budgets(families(rule), [rule], week)[0].spec.budget == pytest.approx(3.0)
    assert warn_fraction(week) == pytest.approx(0.1)


def _named(rule: ThresholdRule, name: str) -> ThresholdRule:
    return replace(rule, policy=replace(rule.policy, name=name))
