from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rules.quality import QualityConfig, QualityRule
from alerts.verdicts import Finding, Observation
from tests.alerts.observing import shared, side

NOBODY: frozenset[str] = frozenset()


def rule(**changes: Any) -> QualityRule:
    given = {"name": "unknown", "type": "quality", "share": "unknown", "max": 0.05, **changes}
    return QualityRule.from_config(QualityConfig.model_validate(given), "credit")


def unknown(k: int, n: int) -> Observation:
    return shared("unknown_share", ("sex",), side("unknown", n, k))


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [
        (50, 1000, Finding.CLEAR),  # the bound itself is inside
        (51, 1000, Finding.UNPROVEN),
        (100, 1000, Finding.BREACH),  # Wilson at 1 - 1e-6: z = 4.892, low = 0.0624
        (80, 1000, Finding.UNPROVEN),  # low = 0.0472
        (99, 99, Finding.INSUFFICIENT_DATA),
        (0, 0, Finding.INSUFFICIENT_DATA),
    ],
)
def test_a_share_against_its_bound(k: int, n: int, expected: Finding) -> None:
    assert rule().judge([unknown(k, n)], NOBODY).finding is expected


def test_records_and_groups_are_families_of_their_own() -> None:
    assert rule(share="late").families()[0].attributes == ()
    assert [f.attributes for f in rule(attributes=["sex", "age"]).families()] == [("age",), ("sex",)]
    assert rule().families() == ()  # every attribute, once it was observed
    assert rule(share="late", of="outcomes").families()[0].metric == "outcomes_late_share"


def test_what_makes_no_sense_is_told() -> None:
    with pytest.raises(ValidationError, match="outcomes have no groups"):
        rule(of="outcomes")
    with pytest.raises(ValidationError, match="records have none"):
        rule(share="late", attributes=["sex"])
    with pytest.raises(ValidationError, match="at most 1d"):
        rule(share="late", window="7d")
