from dataclasses import replace

from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.messages import AlertPayload
from alerts.payloads import OTHERS_SHOWN, Context, summary_of
from alerts.verdicts import Observation
from tests.alerts.observing import T0, parity_rule, proof, ratio, side


def payload(*observations: Observation) -> AlertPayload:
    rule = parity_rule(policy=replace(parity_rule().policy, receivers=()))
    context = Context("credit", T0, "c1")
    return evaluate([rule], observations, {}, RouteState("credit"), context).steps[0].payload


def test_no_number_that_json_lacks_is_kept() -> None:
    kept = summary_of(payload(replace(ratio(0.7, float("-inf"), 0.75), lower=side("F", 100, value=float("nan")))))
    assert kept["estimate"] == {"value": 0.7, "low": None, "high": 0.75}
    assert isinstance(kept["lower"], dict)
    assert kept["lower"]["value"] is None


def test_other_groups_in_breach_are_named_up_to_a_limit() -> None:
    names = [f"G{n:02}" for n in range(OTHERS_SHOWN + 10)]
    many = [replace(ratio(0.5, 0.4, 0.6, subject=name), evidence=proof(20.0, *names)) for name in names]
    told = payload(*many)
    assert len(told.others) == OTHERS_SHOWN
    assert told.lower is not None
    assert told.lower.groups not in told.others
    assert "Also outside: sex=G01; sex=G02;" in told.description


def test_without_any_observation_it_says_that_nothing_is_measured() -> None:
    told = payload()
    assert (told.estimate, told.window, told.lower, told.finding) == (None, None, None, "insufficient_data")
    assert told.summary == "credit: selection_rate is not measured; the bound is at least 0.8"
