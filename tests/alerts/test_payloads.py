from dataclasses import replace

from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.messages import AlertPayload, Estimate, Group
from alerts.payloads import OTHERS_SHOWN, Context, summary_of
from alerts.verdicts import Observation, Present, Side
from tests.alerts.observing import T0, between, parity_rule, proof, ratio, side


def payload(*observations: Observation) -> AlertPayload:
    rule = parity_rule(policy=replace(parity_rule().policy, receivers=()))
    context = Context("credit", T0, "c1")
    return evaluate([rule], observations, {}, RouteState("credit"), context).steps[0].payload


def test_no_number_that_json_lacks_is_kept() -> None:
    kept = summary_of(payload(replace(ratio(0.7, float("-inf"), 0.75), lower=side("F", 100, value=float("nan")))))
    assert kept["estimate"] == {"value": 0.7, "low": None, "high": 0.75, "reason": ""}
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


def present(lower: Side, higher: Side) -> Present:
    return Present(3_600_000, 0.5, 0.3, 0.7, lower, higher)


def test_figures_of_few_are_not_told() -> None:
    """50 a side are asked for: neither the window's 7 nor the 49 that convinced are shown, nor what follows from them."""
    few = replace(
        ratio(None, None, None), reason="fewer than 50 on a side", counted=True, lower=side("F", 7, 2), higher=side("M", 30, 20)
    )  # fmt: skip
    told = payload(replace(few, evidence=proof(14.0, "F", present=present(side("F", 49, 10), side("M", 50, 20)))))
    assert told.finding == "breach"
    assert (told.estimate, told.more_favourable, told.shortfall) == (Estimate(reason="fewer than 50"), None, None)
    assert told.lower == Group(groups={"sex": "F"}, n=0, reason="fewer than 50")
    assert told.evidence is not None
    assert told.evidence.present is not None
    assert told.evidence.present.lower == told.lower
    assert told.evidence.present.higher == Group(
        groups={"sex": "M"}, n=50, value=0.4, numerator=20.0, denominator=50.0
    )  # fmt: skip
    assert told.evidence.present.estimate == Estimate(reason="fewer than 50")
    assert told.summary == (
        "credit: selection_rate ratio of sex=F to sex=M is outside the bound of at least 0.8;"
        " its figures are not shown (fewer than 50)"
    )
    assert "sex=F: fewer than 50; sex=M: 20 of 50 (40.0%);" in told.description
    assert not [number for number in ("2 of 7", "10 of 49", "20.4%") if number in told.description]


def test_what_convinced_is_told_where_it_is_enough() -> None:
    few = replace(ratio(None, None, None), counted=True, lower=side("F", 7, 2), higher=side("M", 30, 20))
    told = payload(replace(few, evidence=proof(14.0, "F", present=present(side("F", 50, 10), side("M", 50, 20)))))
    assert told.summary.endswith("ratio of sex=F to sex=M is 0.5, outside the bound of at least 0.8")
    assert told.more_favourable == 6  # 0.8 x 0.4 x 50 = 16
    assert "Over the 1d to 2025-11-20 10:00 UTC it has no figure to show (fewer than 50)." in told.description


def test_the_model_s_display_minimum_holds_for_every_rule() -> None:
    rule = parity_rule(min_n=1)
    seen = between("ratio", 0.5, side("F", 9, 2), side("M", 90, 40))
    shown, hidden = (
        evaluate([rule], [seen], {}, RouteState("credit"), Context("credit", T0, "c1", display_min=least))
        .steps[0]
        .payload
        for least in (9, 10)
    )
    assert (shown.estimate and shown.estimate.value, shown.lower and shown.lower.n) == (0.5, 9)
    assert (hidden.estimate and hidden.estimate.value, hidden.lower and hidden.lower.n) == (None, 0)
