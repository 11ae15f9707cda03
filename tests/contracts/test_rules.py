"""What every rule type promises, whatever it looks at. A new type needs an entry in `CASES`, and nothing else here."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from alerts.config import DriftConfig, RuleConfig, ThresholdConfig
from alerts.control import RouteState
from alerts.errors import UnknownRuleType
from alerts.evaluation import Stored, evaluate
from alerts.payloads import Context
from alerts.rules import Rule, make_rules, rule_types
from alerts.rules.absence import AbsenceConfig
from alerts.rules.four_fifths import FourFifthsConfig
from alerts.rules.quality import QualityConfig
from alerts.states import State
from alerts.verdicts import Finding, Observation
from tests.alerts.observing import between, ratio, shared, side, silence, to_base

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """A configuration of the type, and observations that it must find in breach and clear."""

    config: RuleConfig
    breach: Observation
    clear: Observation


CASES: dict[str, Case] = {
    "threshold": Case(
        ThresholdConfig.model_validate(
            {
                "name": "parity", "type": "threshold", "metric": "selection_rate", "attributes": ["sex"],
                "aggregate": "ratio", "method": "to_reference", "bound": {"min": 0.8}, "window": "1d",
            }
        ),
        breach=between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60)),
        clear=between("ratio", 0.9, side("F", 100, 54), side("M", 100, 60)),
    ),
    "drift": Case(
        DriftConfig.model_validate(
            {
                "name": "drift", "type": "drift", "metric": "selection_rate", "attributes": ["sex"],
                "method": "to_reference", "baseline": {"low": 0.9, "high": 1.0, "source": "approval of March"}, "window": "1d",
            }
        ),
        breach=between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60)),
        clear=between("ratio", 0.9, side("F", 100, 54), side("M", 100, 60)),
    ),
    "quality": Case(
        QualityConfig.model_validate(
            {"name": "unknown", "type": "quality", "share": "unknown", "attributes": ["sex"], "max": 0.05, "window": "1h"}
        ),
        breach=shared("unknown_share", ("sex",), side("unknown", 1000, 200)),
        clear=shared("unknown_share", ("sex",), side("unknown", 1000, 30)),
    ),
    "absence": Case(
        AbsenceConfig.model_validate({"name": "silent", "type": "absence", "of": "predictions", "after": "10m"}),
        breach=silence(660.0),
        clear=silence(600.0),
    ),
    "four_fifths": Case(
        FourFifthsConfig.model_validate({"name": "law", "type": "four_fifths", "attributes": ["sex"], "window": "1d"}),
        breach=to_base(side("F", 500, 200), side("M", 500, 300)),
        clear=to_base(side("F", 500, 280), side("M", 500, 300)),
    ),
}  # fmt: skip


def rule_of(name: str) -> Rule:
    (rule,) = make_rules([CASES[name].config], ["credit"])
    return rule


@pytest.fixture(params=sorted(rule_types()))
def name(request: pytest.FixtureRequest) -> str:
    """Every rule type in turn."""
    return str(request.param)


def test_every_type_is_under_contract() -> None:
    assert set(rule_types()) == set(CASES)


def test_the_type_is_the_module_s_name(name: str) -> None:
    assert rule_types()[name].__module__ == f"alerts.rules.{name}"


def test_it_is_made_from_its_configuration_for_every_model() -> None:
    rules = make_rules([case.config for case in CASES.values()], ["credit", "hiring"])
    assert {rule.policy.model for rule in rules} == {"credit", "hiring"}


def test_a_type_of_nobody_is_an_error() -> None:
    with pytest.raises(UnknownRuleType, match=r"rule 'odd' is of the unknown type 'oracle'; known types: .*threshold"):
        make_rules([RuleConfig(name="odd", type="oracle")], ["credit"])


def test_nothing_observed_is_no_finding(name: str) -> None:
    verdict = rule_of(name).judge([], NOBODY)
    assert verdict.finding is Finding.INSUFFICIENT_DATA
    assert verdict.reason


def test_it_finds_breach_and_clear(name: str) -> None:
    case, rule = CASES[name], rule_of(name)
    assert rule.selects(case.breach)
    assert rule.judge([case.breach], NOBODY).finding is Finding.BREACH
    assert rule.judge([case.clear], NOBODY).finding is Finding.CLEAR


@pytest.mark.parametrize("state", ["undefined", "suppressed", "stale"])
def test_what_is_not_measured_proves_and_clears_nothing(name: str, state: str) -> None:
    case = CASES[name]
    for observation in (case.breach, case.clear):
        unmeasured = replace(observation, state=state, reason="")
        assert rule_of(name).judge([unmeasured], NOBODY).finding is Finding.INSUFFICIENT_DATA


def test_only_the_concerned_can_end_an_episode(name: str) -> None:
    case = CASES[name]
    judge: Callable[..., Finding] = lambda seen: rule_of(name).judge(seen, frozenset({case.breach.subject})).finding  # noqa: E731
    assert judge([replace(case.clear, subject="somebody else")]) is Finding.INSUFFICIENT_DATA
    assert judge([case.clear]) is Finding.CLEAR


def test_the_order_of_observations_does_not_matter(name: str) -> None:
    case = CASES[name]
    seen = [
        case.breach,
        replace(case.clear, subject="X"),
        replace(case.breach, subject="Y"),
        replace(ratio(None, None, None), subject="Z"),
    ]
    verdicts = {repr(rule_of(name).judge(order, NOBODY)) for order in itertools.permutations(seen)}
    assert len(verdicts) == 1


def test_a_rule_is_a_value(name: str) -> None:
    assert rule_of(name) == rule_of(name)
    assert rule_of(name).bound_text()
    assert rule_of(name).policy.name == CASES[name].config.name


def test_missing_data_is_a_state_of_its_own_and_resolves_nothing(name: str) -> None:
    """Nothing observed at first; then a breach, silence, what cannot be measured, and at last the bound is kept."""
    case, rule = CASES[name], rule_of(name)
    unmeasured = replace(case.clear, state="undefined", reason="no events")
    seen: list[tuple[list[Observation], State]] = [
        ([unmeasured], State.INSUFFICIENT_DATA),
        ([case.breach], State.FIRING),
        ([], State.FIRING),
        ([unmeasured], State.FIRING),
        ([replace(case.clear, subject="somebody else")], State.FIRING),
        ([case.clear], State.RESOLVED),
        ([], State.INSUFFICIENT_DATA),
    ]
    states: Mapping[str, Stored] = {}
    for pane, (observations, expected) in enumerate(seen, 1):
        done = evaluate([rule], observations, states, RouteState("credit"), Context("credit", pane * 60_000, "c1"))
        states = done.states
        (kept,) = states.values()
        assert kept.state.state is expected, observations
