from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rules.absence import AbsenceConfig, AbsenceRule
from alerts.verdicts import Finding, Observation, Side
from tests.alerts.observing import HOUR, T0, side, silence

NOBODY: frozenset[str] = frozenset()


def rule(**changes: Any) -> AbsenceRule:
    given = {"name": "absent", "type": "absence", "of": "predictions", **changes}
    return AbsenceRule.from_config(AbsenceConfig.model_validate(given), "credit")


def group(now: tuple[int, int], before: tuple[int, int]) -> Observation:
    """The group F: k of n now, k of n before."""
    return Observation(
        "group_presence", ("sex",), "ratio", "before_7d", HOUR, T0, "measured", 0.0,
        lower=_side("F", *now), higher=_side("F", *before), subject="sex=F",
    )  # fmt: skip


def _side(name: str, k: int, n: int) -> Side:
    return replace(side(name, n, k) if n else side(name, 0), n=k, numerator=float(k), denominator=float(n))


def coverage(value: float, lower: Side, higher: Side | None = None) -> Observation:
    return Observation(
        "label_coverage", ("sex",), "" if higher is None else "difference", "at_age_7d", HOUR, T0, "measured", value,
        lower=lower, higher=higher, subject="everybody" if higher is None else "difference",
    )  # fmt: skip


def test_silence_is_longer_than_agreed() -> None:
    assert rule().judge([silence(600)], NOBODY).finding is Finding.CLEAR
    assert rule().judge([silence(601)], NOBODY).finding is Finding.BREACH
    assert rule(after="1h").judge([silence(3600)], NOBODY).finding is Finding.CLEAR
    assert rule().bound_text() == "at most 10m"


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((0, 100), (500, 2000), Finding.BREACH),  # a quarter of 100: 25 were to be expected
        ((0, 99), (500, 2000), Finding.INSUFFICIENT_DATA),
        ((1, 10_000), (500, 2000), Finding.CLEAR),
        ((0, 10_000), (0, 2000), Finding.INSUFFICIENT_DATA),  # it never had any
    ],
)
def test_a_group_vanishes_when_chance_does_not_explain_it(
    now: tuple[int, int], before: tuple[int, int], expected: Finding
) -> None:
    assert rule(of="groups").judge([group(now, before)], NOBODY).finding is expected


def test_a_group_that_is_gone_is_not_back_because_nobody_else_comes_either() -> None:
    verdict = rule(of="groups").judge([group((0, 3), (500, 2000))], frozenset({"sex=F"}))
    assert verdict.finding is Finding.INSUFFICIENT_DATA


def test_labels_are_too_few() -> None:
    asked = rule(of="labels", min_coverage=0.9)
    assert asked.judge([coverage(0.9, side("", 1000, 900))], NOBODY).finding is Finding.CLEAR
    assert asked.judge([coverage(0.89, side("", 1000, 890))], NOBODY).finding is Finding.UNPROVEN
    assert asked.judge([coverage(0.80, side("", 1000, 800))], NOBODY).finding is Finding.BREACH
    assert asked.judge([coverage(0.5, side("", 99, 49))], NOBODY).finding is Finding.INSUFFICIENT_DATA


def test_labels_are_uneven() -> None:
    asked = rule(of="labels", max_gap=0.05)
    uneven = coverage(0.2, side("F", 1000, 700), side("M", 1000, 900))
    assert asked.judge([uneven], NOBODY).finding is Finding.BREACH
    assert asked.judge([coverage(0.06, side("F", 1000, 840), side("M", 1000, 900))], NOBODY).finding is Finding.UNPROVEN
    assert asked.judge([coverage(0.05, side("F", 1000, 850), side("M", 1000, 900))], NOBODY).finding is Finding.CLEAR
    assert asked.judge([uneven, coverage(0.1, side("", 2000, 200))], NOBODY).subjects == {"difference"}


def test_what_makes_no_sense_is_told() -> None:
    with pytest.raises(ValidationError, match="min_coverage, max_gap or both"):
        rule(of="labels")
    with pytest.raises(ValidationError, match="longer than `window`"):
        rule(of="groups", window="7d", before="7d")
    with pytest.raises(ValidationError, match="whole hours"):
        rule(of="labels", max_gap=0.05, age="90m")
