import pytest

from alerts.labels import Family
from alerts.rules.threshold import Bound
from alerts.verdicts import Finding, Observation
from tests.alerts.observing import between, parity_rule, ratio, side

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (ratio(0.70, 0.65, 0.75), Finding.BREACH),
        (ratio(0.70, 0.60, 0.80), Finding.UNPROVEN),  # the bound itself is inside
        (ratio(0.70, 0.60, 0.90), Finding.UNPROVEN),
        (ratio(0.80, 0.70, 0.90), Finding.CLEAR),
        (ratio(1.30, 1.20, 1.40), Finding.CLEAR),  # no maximum was agreed
        (ratio(0.70, 0.65, 0.75, n=49), Finding.INSUFFICIENT_DATA),
        (ratio(0.70, 0.65, 0.75, n=50), Finding.BREACH),
        (ratio(None, None, None), Finding.INSUFFICIENT_DATA),
        (ratio(0.70, None, None), Finding.UNPROVEN),  # without an interval nothing is proven
    ],
)
def test_one_comparison(observation: Observation, expected: Finding) -> None:
    assert parity_rule().judge([observation], NOBODY).finding is expected


def test_a_tiny_group_with_the_worst_estimate_does_not_hide_a_proven_one() -> None:
    tiny, proven = ratio(0.4, 0.1, 1.5, n=10, subject="X"), ratio(0.7, 0.68, 0.72, n=9000, subject="F")
    verdict = parity_rule().judge([tiny, proven], NOBODY)
    assert verdict.finding is Finding.BREACH
    assert verdict.leading is proven
    assert verdict.subjects == {"F"}


def test_the_furthest_beyond_the_bound_leads() -> None:
    near, far = ratio(0.7, 0.68, 0.72, subject="F"), ratio(0.5, 0.45, 0.55, subject="X")
    verdict = parity_rule().judge([near, far], NOBODY)
    assert verdict.leading is far
    assert verdict.breaching == (far, near)


def test_both_sides_must_count_enough() -> None:
    lopsided = between("ratio", 0.5, side("F", 1000), side("M", 10))
    assert parity_rule().judge([lopsided], NOBODY).finding is Finding.INSUFFICIENT_DATA


def test_a_maximum_of_a_difference() -> None:
    rule = parity_rule(aggregate="difference", bound=Bound(None, 0.1))
    assert rule.judge([between("difference", 0.2, side("F"), side("M"))], NOBODY).finding is Finding.BREACH
    assert rule.judge([between("difference", 0.1, side("F"), side("M"))], NOBODY).finding is Finding.CLEAR


def test_only_the_concerned_group_can_end_its_episode() -> None:
    rule, others = parity_rule(), ratio(0.95, 0.9, 1.0, subject="X")
    concerned = frozenset({"F"})
    assert rule.judge([others], concerned).finding is Finding.INSUFFICIENT_DATA
    assert rule.judge([others, ratio(None, None, None)], concerned).finding is Finding.INSUFFICIENT_DATA
    assert rule.judge([others, ratio(0.9, 0.8, 1.0, n=3)], concerned).finding is Finding.INSUFFICIENT_DATA
    assert rule.judge([others, ratio(0.79, 0.7, 0.9)], concerned).finding is Finding.UNPROVEN
    assert rule.judge([others, ratio(0.9, 0.8, 1.0)], concerned).finding is Finding.CLEAR


def test_a_group_that_was_never_in_breach_does_not_hold_the_recovery_up() -> None:
    small = ratio(0.75, 0.5, 1.1, subject="X")
    assert parity_rule().judge([small, ratio(0.9, 0.8, 1.0)], frozenset({"F"})).finding is Finding.CLEAR


def test_selects_its_own_metric_window_and_attribute_set() -> None:
    rule, observation = parity_rule(), ratio(0.7, 0.6, 0.8)
    assert rule.selects(observation)
    for field, other in [("metric", "x"), ("aggregate", "difference"), ("method", "x"), ("window_ms", 1), ("arm", "a")]:
        changed = {**{name: getattr(observation, name) for name in observation.__dataclass_fields__}, field: other}
        assert not rule.selects(Observation(**changed))
    assert not parity_rule(attributes=("age",)).selects(observation)
    assert parity_rule(attributes=None).selects(observation)


def test_watches_families_of_its_name_metric_and_attributes() -> None:
    family = Family("parity", "credit", "selection_rate", ("sex",))
    assert parity_rule().watches(family)
    assert parity_rule(attributes=None).watches(family)
    assert not parity_rule(attributes=("age",)).watches(family)
    assert not parity_rule(metric="precision").watches(family)


def test_a_bound_in_words() -> None:
    assert str(Bound(0.8, 1.25)) == "at least 0.8 and at most 1.25"
    with pytest.raises(ValueError, match="a minimum, a maximum or both"):
        Bound()
