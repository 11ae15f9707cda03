"""The rule against the guidelines' own examples; the policy's arithmetic has tests of its own (tests/monitor/policies)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rules.four_fifths import FourFifthsConfig, FourFifthsRule
from alerts.verdicts import Finding, Observation, Verdict
from tests.alerts.observing import ratio, side

NOBODY: frozenset[str] = frozenset()


def rule(**changes: Any) -> FourFifthsRule:
    given = {"name": "law", "type": "four_fifths", "attributes": ["sex"], "window": "1d", **changes}
    return FourFifthsRule.from_config(FourFifthsConfig.model_validate(given), "credit")


def groups(**counts: tuple[int, int]) -> list[Observation]:
    """Each group's own selection rate, k of n."""
    return [
        replace(
            ratio(k / n if n else None, None, None), aggregate="", method="", lower=side(name, n, k), higher=None,
            subject=f"sex={name}",
        )
        for name, (k, n) in counts.items()
    ]  # fmt: skip


def judged(**counts: tuple[int, int]) -> Verdict:
    return rule().judge(groups(**counts), NOBODY)


def test_below_four_fifths_and_more_than_chance() -> None:
    verdict = judged(F=(200, 500), M=(300, 500))
    assert verdict.finding is Finding.BREACH
    assert verdict.subjects == {"sex=F"}
    assert verdict.leading is not None
    assert verdict.leading.value == pytest.approx(2 / 3)
    assert (verdict.leading.lower, verdict.leading.higher) == (side("F", 500, 200), side("M", 500, 300))
    assert "chance does not explain" in verdict.reason


def test_the_example_of_question_21_is_too_few_to_tell() -> None:
    """3 of 20 men and 1 of 10 women: a ratio of 2/3, on numbers so small that it says nothing."""
    assert judged(M=(3, 20), F=(1, 10)).finding in (Finding.UNPROVEN, Finding.INSUFFICIENT_DATA)


def test_four_fifths_exactly_is_inside() -> None:
    assert judged(F=(240, 500), M=(300, 500)).finding is Finding.CLEAR


def test_the_highest_group_is_what_others_are_compared_with() -> None:
    verdict = judged(A=(300, 500), B=(390, 500), C=(380, 500))
    assert verdict.subjects == {"sex=A"}
    assert verdict.leading is not None
    assert verdict.leading.higher == side("B", 500, 390)


def test_a_tiny_group_hides_nothing_and_is_not_judged_itself() -> None:
    """Less than 2% of all is counted and not judged, though it has the lowest rate."""
    assert judged(F=(200, 500), M=(300, 500), X=(0, 10)).subjects == {"sex=F"}
    assert judged(F=(290, 500), M=(300, 500), X=(0, 10)).finding is Finding.CLEAR


def test_unknown_is_nobody() -> None:
    assert judged(F=(290, 500), M=(300, 500), unknown=(10, 500)).finding is Finding.CLEAR


def test_before_the_guidelines_nobody_can_say() -> None:
    early = [replace(o, window_end=0) for o in groups(F=(200, 500), M=(300, 500))]  # 1970; they are of 1978
    verdict = rule().judge(early, NOBODY)
    assert verdict.finding is Finding.INSUFFICIENT_DATA
    assert "no version of the policy was in force" in verdict.reason


def test_it_never_pages() -> None:
    assert rule().policy.severity == "ticket"
    with pytest.raises(ValidationError, match="must not page"):
        rule(severity="page")
    with pytest.raises(ValidationError, match="no policy"):
        rule(policy="nobody-s-rule")


@pytest.mark.parametrize(
    ("period", "end", "since"),
    [
        ("year_to_date", "2026-11-20T10:00", "2026-01-01T00:00"),
        ("year_to_date", "2027-01-01T00:00", "2026-01-01T00:00"),
        ({"since": "2026-03-01"}, "2026-11-20T10:00", "2026-03-01T00:00"),
        ("policy", "2026-11-20T10:00", "2025-11-20T00:00"),
    ],
)
def test_a_period_of_its_own(period: Any, end: str, since: str) -> None:
    """us-four-fifths asks for a year at least; the last moment of a year belongs to it."""
    ends, began = (int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000) for text in (end, since))
    law = rule(period=period)
    assert law.since(ends) == began
    (seen, _) = groups(F=(200, 500), M=(300, 500))
    assert law.selects(replace(seen, window_end=ends, window_ms=ends - began))
    assert not law.selects(replace(seen, window_end=ends, window_ms=86_400_000))


def test_a_policy_without_a_period_needs_one() -> None:
    with pytest.raises(ValidationError, match="eu-difference names no period"):
        rule(policy="eu-difference", period="policy")
