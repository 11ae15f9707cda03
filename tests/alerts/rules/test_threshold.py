from dataclasses import replace

import pytest

from alerts.labels import Family
from alerts.rules.threshold import Bound
from alerts.verdicts import Evidence, Finding, Observation
from tests.alerts.observing import between, parity_rule, proof, ratio, side

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("observation", "evidence", "expected"),
    [
        (ratio(0.70, 0.60, 0.90), proof(13.8, "F"), Finding.BREACH),  # the interval is for reading
        (ratio(0.85, 0.60, 0.90), proof(13.8, "F"), Finding.BREACH),  # a long window lags behind
        (ratio(0.70, 0.65, 0.75), proof(13.6, "F"), Finding.UNPROVEN),
        (ratio(0.70, 0.65, 0.75), proof(), Finding.UNPROVEN),
        (ratio(0.85, 0.80, 0.90), proof(11.5, "F", warns=True), Finding.UNPROVEN),
        (ratio(0.85, 0.80, 0.90), proof(), Finding.CLEAR),
        (ratio(1.30, 1.20, 1.40), proof(), Finding.CLEAR),  # no maximum was agreed
        (ratio(0.70, 0.65, 0.75), proof(20.0, "F", stale=True), Finding.INSUFFICIENT_DATA),
        (ratio(0.70, 0.65, 0.75), proof(20.0, "F", withheld="coverage differs"), Finding.INSUFFICIENT_DATA),
        (ratio(0.70, 0.65, 0.75), None, Finding.INSUFFICIENT_DATA),
        (ratio(None, None, None), proof(20.0, "F"), Finding.INSUFFICIENT_DATA),
    ],
)
def test_one_comparison(observation: Observation, evidence: Evidence | None, expected: Finding) -> None:
    verdict = parity_rule().judge([replace(observation, evidence=evidence)], NOBODY)
    assert verdict.finding is expected
    assert verdict.evidence == evidence


def test_what_the_evidence_is_about_leads() -> None:
    """X looks worse over the window; the evidence is about F."""
    evidence = proof(14.0, "F")
    worse, proven = (replace(ratio(v, 0.1, 1.5, subject=s), evidence=evidence) for v, s in ((0.4, "X"), (0.7, "F")))
    verdict = parity_rule().judge([worse, proven], NOBODY)
    assert verdict.finding is Finding.BREACH
    assert verdict.leading is proven
    assert verdict.subjects == {"F"}


def test_the_leading_group_comes_before_other_culprits() -> None:
    evidence = proof(14.0, "F", "X")
    far, leading = (replace(ratio(v, 0.1, 1.5, subject=s), evidence=evidence) for v, s in ((0.4, "X"), (0.7, "F")))
    assert parity_rule().judge([far, leading], NOBODY).breaching == (leading, far)


def test_a_warning_is_a_ticket_beside_a_page() -> None:
    warning = parity_rule().warning()
    assert warning is not None
    assert (warning.policy.name, warning.policy.severity, warning.policy.rollback) == (
        "parity (warning)",
        "ticket",
        None,
    )
    assert warning.proven_by == parity_rule().proven_by == "parity"
    assert warning.warning() is None
    seen = ratio(0.75, 0.6, 0.9)
    some, enough = proof(11.5, "F", warns=True), proof(20.0, "F", warns=True)
    assert warning.judge([replace(seen, evidence=some)], NOBODY).finding is Finding.BREACH
    assert warning.judge([replace(seen, evidence=proof(3.0, "F"))], NOBODY).finding is Finding.UNPROVEN
    assert warning.judge([replace(seen, evidence=enough)], NOBODY).finding is Finding.UNPROVEN, (
        "the page has taken over"
    )


def test_a_maximum_of_a_difference() -> None:
    rule = parity_rule(aggregate="difference", bound=Bound(None, 0.1))
    assert rule.judge([between("difference", 0.2, side("F"), side("M"))], NOBODY).finding is Finding.BREACH
    assert rule.judge([between("difference", 0.1, side("F"), side("M"))], NOBODY).finding is Finding.CLEAR


def test_only_evidence_of_recovery_ends_an_episode() -> None:
    rule, concerned = parity_rule(), frozenset({"F"})
    standing = replace(ratio(0.95, 0.9, 1.0), evidence=proof(5.0, "F", stands=True, recovery=3.0))
    assert rule.judge([standing], concerned).finding is Finding.BREACH, "inside the bound, and not proven to be"
    over = replace(ratio(0.79, 0.7, 0.9), evidence=proof())
    assert rule.judge([over], concerned).finding is Finding.CLEAR, "the window lags behind the recovery"


def test_what_cannot_be_measured_of_the_concerned_ends_nothing() -> None:
    rule, concerned, others = parity_rule(), frozenset({"F"}), ratio(0.95, 0.9, 1.0, subject="X")
    assert rule.judge([others], concerned).finding is Finding.INSUFFICIENT_DATA
    assert rule.judge([others, ratio(None, None, None)], concerned).finding is Finding.INSUFFICIENT_DATA
    assert rule.judge([others, ratio(0.9, 0.8, 1.0)], concerned).finding is Finding.CLEAR


THIN = replace(ratio(None, None, None, n=7), reason="fewer than 50 on a side", counted=True)


def test_a_thin_window_blocks_neither_an_earned_page_nor_its_earned_end() -> None:
    """`min_n` hides figures; a page and its end are made by evidence."""
    rule, concerned = parity_rule(), frozenset({"F"})
    page = rule.judge([replace(THIN, evidence=proof(13.8, "F"))], NOBODY)
    assert page.finding is Finding.BREACH
    assert page.subjects == {"F"}
    assert rule.judge([replace(THIN, evidence=proof(13.8, "F", stands=True))], concerned).finding is Finding.BREACH
    assert rule.judge([replace(THIN, evidence=proof())], concerned).finding is Finding.CLEAR


def test_a_thin_window_without_evidence_says_nothing() -> None:
    found = parity_rule().judge([replace(THIN, evidence=proof(3.0))], NOBODY)
    assert (found.finding, found.reason) == (Finding.INSUFFICIENT_DATA, "fewer than 50 on a side")
    warned = parity_rule().judge([replace(THIN, evidence=proof(11.5, "F", warns=True))], NOBODY)
    assert warned.finding is Finding.UNPROVEN


def test_a_thin_window_makes_a_warning_too() -> None:
    warning = parity_rule().warning()
    assert warning is not None
    some = replace(THIN, evidence=proof(11.5, "F", warns=True))
    assert warning.judge([some], NOBODY).finding is Finding.BREACH


@pytest.mark.parametrize("changed", [{"stale": True}, {"withheld": "coverage differs"}])
def test_a_thin_window_does_not_make_up_for_missing_data(changed: dict[str, object]) -> None:
    """Whatever the evidence says: nothing counted, evidence withheld or stale ends and begins nothing."""
    rule, concerned = parity_rule(), frozenset({"F"})
    for amount in (0.0, 20.0):
        thin = replace(THIN, evidence=proof(amount, "F", **changed))
        assert rule.judge([thin], concerned).finding is Finding.INSUFFICIENT_DATA
        gone = replace(THIN, counted=False, evidence=proof(amount, "F"))
        assert rule.judge([gone], concerned).finding is Finding.INSUFFICIENT_DATA
        other = replace(ratio(0.9, 0.8, 1.0, subject="X"), evidence=proof(amount, "F"))
        assert rule.judge([other], concerned).finding is Finding.INSUFFICIENT_DATA


def test_figures_lead_before_what_has_none() -> None:
    evidence = proof(14.0, "F", "X")
    far = replace(ratio(0.4, 0.1, 1.5, subject="X"), evidence=evidence)
    thin = replace(THIN, evidence=evidence, subject="Y", lower=side("Y", 7))
    assert parity_rule().judge([thin, far], NOBODY).breaching == (far,)


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
