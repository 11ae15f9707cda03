from typing import Any

import pytest

from alerts.config import DriftConfig
from alerts.rules.drift import DriftRule, drift_bound
from alerts.rules.threshold import Bound
from alerts.verdicts import Before, Finding
from tests.alerts.observing import between, side

NOBODY: frozenset[str] = frozenset()
BREACH = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))


def rule(**changes: Any) -> DriftRule:
    given = {
        "name": "drift", "type": "drift", "metric": "selection_rate", "attributes": ["sex"], "method": "to_reference",
        "window": "1d", **changes,
    }  # fmt: skip
    return DriftRule.from_config(DriftConfig.model_validate(given), "credit")


def test_without_a_baseline_there_is_nothing_to_say() -> None:
    verdict = rule().judge([BREACH], NOBODY)
    assert (verdict.finding, verdict.reason) == (Finding.INSUFFICIENT_DATA, "there is no baseline yet")


def test_with_one_its_bound_is_judged_and_told() -> None:
    before = Before("audit of March", 0.95, 0.9, 1.0)
    drifting = rule().against(before)
    assert drifting.bounds()[0] == pytest.approx(0.855)  # 0.95 of 0.9
    verdict = drifting.judge([BREACH], NOBODY)
    assert (verdict.finding, verdict.baseline) == (Finding.BREACH, before)
    assert drifting.policy.severity == "ticket"


def test_an_agreed_baseline_needs_no_database() -> None:
    agreed = rule(baseline={"low": 0.9, "high": 1.0, "source": "minutes of 3 March"}, tolerance=0.1)
    assert agreed.baseline == Before("minutes of 3 March", None, 0.9, 1.0)
    assert agreed.bounds()[0] == pytest.approx(0.81)


@pytest.mark.parametrize(
    ("aggregate", "low", "high", "expected"),
    [
        ("ratio", 0.9, 1.1, Bound(minimum=0.95 * 0.9)),
        ("ratio", None, None, None),
        ("ratio", 0.0, 1.0, None),  # an interval down to 0 allows everything
        ("difference", 0.01, 0.05, Bound(maximum=0.1)),
        ("difference", 0.9, 0.97, None),
    ],
)
def test_the_bound_that_a_baseline_makes(
    aggregate: str, low: float | None, high: float | None, expected: Bound | None
) -> None:
    found = drift_bound(aggregate, Before("", None, low, high), 0.05)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.minimum == pytest.approx(expected.minimum)
        assert found.maximum == pytest.approx(expected.maximum)


def test_a_baseline_that_says_nothing_leaves_the_rule_without_one() -> None:
    assert rule().against(Before("tiny audit", 0.5, None, None)).baseline is None
