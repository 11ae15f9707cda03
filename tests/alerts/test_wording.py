"""What an alert says, whole: each text is meant to be read aloud."""

from dataclasses import replace

import msgspec
import pytest

from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.messages import AlertPayload, Baseline, Estimate, Group, Present
from alerts.payloads import Context, Telling, payload_of
from alerts.rules import Rule
from alerts.rules.absence import AbsenceConfig, AbsenceRule
from alerts.rules.four_fifths import FourFifthsConfig, FourFifthsRule
from alerts.rules.quality import QualityConfig, QualityRule
from alerts.states import AlertState, State
from alerts.verdicts import Evidence, Finding, Observation, Side, Stratified, Verdict
from alerts.wording import description, summary
from alerts.words import lasting, percent
from tests.alerts.observing import HOUR, MINUTE, T0, between, parity_rule, shared, side, silence, to_base


def said(rule: Rule, observation: Observation, *, resolved: bool = False) -> str:
    """The summary of the rule's only family after this observation."""
    states = evaluate([rule], [observation], {}, RouteState("credit"), Context("credit", T0, "c1"))
    payload = states.steps[0].payload
    assert payload.finding == "breach"
    if resolved:
        payload = msgspec.structs.replace(payload, status="resolved")
    return payload.summary if not resolved else description(payload).split(".")[0]


def quality(share: str, **more: object) -> QualityRule:
    given = {"name": "q", "type": "quality", "share": share, "max": 0.05, **more}
    return QualityRule.from_config(QualityConfig.model_validate(given), "credit")


def absence(of: str, **more: object) -> AbsenceRule:
    given = {"name": "a", "type": "absence", "of": of, **more}
    return AbsenceRule.from_config(AbsenceConfig.model_validate(given), "credit")


def test_silence() -> None:
    assert said(absence("predictions"), silence(780)) == "credit: no predictions for 13m; agreed is at most 10m"
    assert said(absence("predictions"), silence(780), resolved=True) == "credit: predictions are coming again"
    long = silence(7800, "outcome_silence")
    assert said(absence("outcomes", after="1h"), long) == "credit: no outcomes for 2h10m; agreed is at most 1h"


@pytest.mark.parametrize(
    ("share", "metric", "text"),
    [
        ("unknown", "unknown_share", "20% of the predictions have no known group of sex"),
        ("other", "other_share", "20% of the predictions have an undeclared value of sex"),
        ("late", "late_share", "20% of the predictions come too late to be counted"),
        ("duplicate", "duplicate_share", "20% of the predictions were seen before"),
        ("dead_letter", "dead_letter_share", "20% of the records cannot be read"),
    ],
)
def test_quality(share: str, metric: str, text: str) -> None:
    attributes = ("sex",) if share in ("unknown", "other") else ()
    found = shared(metric, attributes, side(share, 1000, 200))
    assert said(quality(share), found) == f"credit: {text}; agreed is at most 5%"
    assert said(quality(share), found, resolved=True) == f"credit: {text}, back within the agreed 5%"


def test_labels() -> None:
    few = Observation(
        "label_coverage", ("sex",), "", "at_age_7d", HOUR, T0, "measured", 0.8, lower=side("", 1000, 800), subject="all"
    )  # fmt: skip
    few = replace(few, lower=replace(few.lower or side(""), groups={}))
    text = "credit: of the decisions 7d old, 80% have their label; agreed is at least 95%"
    assert said(absence("labels", min_coverage=0.95), few) == text
    uneven = replace(
        few, aggregate="difference", value=0.2, lower=side("F", 1000, 700), higher=side("M", 1000, 900), subject="gap"
    )
    assert said(absence("labels", max_gap=0.05), uneven) == (
        "credit: labels come unevenly: of the decisions 7d old, sex=F 70% and sex=M 90% have one; agreed is at most 5 points apart"
    )
    assert said(absence("labels", max_gap=0.05), uneven, resolved=True).startswith(
        "credit: labels come evenly again: of"
    )
    assert said(absence("labels", min_coverage=0.95), few, resolved=True) == (
        "credit: of the decisions 7d old, 80% again have their label; agreed is at least 95%"
    )


def test_a_group_that_vanished() -> None:
    now, before = Side({"sex": "F"}, 0, 0.0, numerator=0.0, denominator=400.0), side("F", 2000, 400)
    gone = Observation(
        "group_presence", ("sex",), "ratio", "before_7d", HOUR, T0, "measured", 0.0, lower=now, higher=before
    )
    assert said(absence("groups"), gone) == (
        "credit: no decision of sex=F in the 1h to 2025-11-20 10:00 UTC; before, 20% of the decisions were"
    )


def firing() -> AlertPayload:
    """Everything that a payload can hold."""
    o = between(
        "ratio",
        40 / 60,
        replace(side("F", 100, 40), label_coverage=0.8),
        replace(side("M", 100, 60), label_coverage=0.9),
    )
    o = replace(
        o, low=0.5, high=0.78, label_coverage=0.8,
        stratified=Stratified(("income_band",), 0.93, 0.88, 0.99, 5, "mantel_haenszel"),
    )  # fmt: skip
    evidence = Evidence(14.21, 13.67, 0.05, 1.3, T0 - 90 * MINUTE, {"sex": "F"}, ({"sex": "F"},))
    verdict = Verdict(Finding.BREACH, "", o, (o,), evidence)
    rule = parity_rule()
    (family,) = rule.families()
    state = AlertState(State.FIRING, 1, 1, pending_since=T0 - 30 * MINUTE, firing_since=T0, last_pane_end=T0)
    context = Context("credit", T0, "c1", versions=("v2",), arms=("live",))
    return payload_of(Telling("a1", rule, family, state, verdict), context, None)


def test_a_page_says_everything() -> None:
    assert firing().description == (
        "credit: selection_rate ratio of sex=F to sex=M is 0.667, outside the bound of at least 0.8 "
        "(95% interval 0.5 to 0.78). sex=F: 40 of 100 (40.0%); sex=M: 60 of 100 (60.0%); in the 1d to 2025-11-20 10:00 UTC. "
        "Proven since 2025-11-20 09:30 UTC; it most likely began at 2025-11-20 08:30 UTC. "
        "Evidence 14.2 of 13.7 needed: by chance alone such an alert comes at most once in 600 days "
        "(divided by 1.30, since this traffic varies more than chance). "
        "Within 5 strata of income_band the ratio is 0.93 (0.88 to 0.99); without them 0.667. "
        "8 more favourable decisions for sex=F in this window would bring it back to the bound. "
        "Labels have arrived for 80% of the decisions (sex=F 80%, sex=M 90%). "
        "Versions v2; arms live."
    )


def test_a_page_tells_the_counts_that_convinced() -> None:
    """The day lags behind and is still inside the bound."""
    sides = [
        Group(groups={"sex": sex}, n=50, value=k / 50, numerator=k, denominator=50) for sex, k in (("F", 20), ("M", 40))
    ]
    present = Present(seconds=3900, estimate=Estimate(value=0.5, low=0.34, high=0.71), lower=sides[0], higher=sides[1])
    payload = firing()
    assert payload.evidence is not None
    lagging = Estimate(value=0.85, low=0.7, high=1.0)
    payload = msgspec.structs.replace(
        payload, estimate=lagging, evidence=msgspec.structs.replace(payload.evidence, present=present), summary=""
    )
    text = description(payload)
    assert text.startswith(
        "credit: selection_rate ratio of sex=F to sex=M is 0.5, outside the bound of at least 0.8 (95% interval 0.34 to 0.71). "
        "sex=F: 20 of 50 (40.0%); sex=M: 40 of 50 (80.0%); in the 1h5m to 2025-11-20 10:00 UTC. "
        "Over the 1d to 2025-11-20 10:00 UTC it is 0.85 (0.7 to 1). Proven since"
    )
    over = msgspec.structs.replace(payload, status="resolved", finding="clear")
    assert "is 0.85, back inside the bound" in description(over)


def test_strata_that_point_the_other_way_are_told() -> None:
    payload = firing()
    assert payload.stratified is not None
    turned = msgspec.structs.replace(payload, stratified=msgspec.structs.replace(payload.stratified, value=1.1))
    assert "the ratio is 1.1 (0.88 to 0.99); without them 0.667, which points the other way." in description(turned)


def test_a_warning_says_that_it_is_not_enough() -> None:
    payload = firing()
    assert payload.evidence is not None
    early = msgspec.structs.replace(payload, evidence=msgspec.structs.replace(payload.evidence, log_evidence=5.5))
    assert "Suspected since 2025-11-20 09:30 UTC" in description(early)
    assert "Evidence 5.5 of 13.7 needed (divided by" in description(early)
    assert summary(early).endswith("outside the bound of at least 0.8; not proven yet, evidence 5.5 of 13.7 needed")


def resolved(**more: object) -> AlertPayload:
    payload = firing()
    assert payload.evidence is not None
    after = msgspec.structs.replace(payload.evidence, log_evidence=-99.0, recovery_needed=11.51)
    over = {"status": "resolved", "finding": "clear", "resolved_at": "2025-11-20T16:00:00.000Z", "evidence": after}
    return msgspec.structs.replace(payload, **{**over, "more_favourable": None, "shortfall": None, **more})


def test_an_end_says_what_ended_it() -> None:
    text = description(resolved())
    assert "Fired from 2025-11-20 10:00 UTC to 2025-11-20 16:00 UTC." in text
    assert "There was evidence enough that the bound is kept again (11.5 was needed)." in text
    assert not [word for word in ("Suspected", "Proven", "13.7", "began") if word in text]


def test_an_end_by_evidence_does_not_deny_what_the_window_still_shows() -> None:
    assert summary(resolved()) == (
        "credit: selection_rate ratio of sex=F to sex=M is back inside the bound of at least 0.8;"
        " over the 1d, which lags behind, it is 0.667"
    )
    well = Estimate(value=0.9, low=0.8, high=1.0)
    assert summary(resolved(estimate=well)).endswith("is 0.9, back inside the bound of at least 0.8")


def test_the_end_of_a_warning_is_no_recovery() -> None:
    labels = {"tier": "warning"}
    text = description(resolved(rule="parity (warning)", labels=labels))
    assert "The evidence is no longer enough for a warning: 0.0 of 13.7 needed." in text


def test_a_window_that_is_inside_is_not_called_outside() -> None:
    """Of an alert at rest, for the status; and of a page that only evidence has made yet."""
    well = Estimate(value=0.85, low=0.7, high=1.0)
    rest = msgspec.structs.replace(firing(), status="inactive", finding="clear", estimate=well)
    assert summary(rest).endswith("is 0.85, inside the bound of at least 0.8")
    page = msgspec.structs.replace(firing(), estimate=well)
    assert summary(page).endswith("is outside the bound of at least 0.8; over the 1d, which lags behind, it is 0.85")


def test_what_cannot_be_judged_says_why() -> None:
    stale = msgspec.structs.replace(firing(), finding="insufficient_data", finding_reason="too few have come since")
    assert "It cannot be judged now: too few have come since." in description(stale)


def test_silence_says_when_the_last_came() -> None:
    states = evaluate([absence("predictions")], [silence(780)], {}, RouteState("credit"), Context("credit", T0, "c1"))
    assert "10m. The last came at 2025-11-20 09:47 UTC." in states.steps[0].payload.description


def test_a_regulation_s_test_is_named() -> None:
    given = {"name": "law", "type": "four_fifths", "attributes": ["sex"], "window": "1d"}
    rule = FourFifthsRule.from_config(FourFifthsConfig.model_validate(given), "credit")
    seen = to_base(side("F", 500, 200), side("M", 500, 300))
    states = evaluate([rule], [seen], {}, RouteState("credit"), Context("credit", T0, "c1"))
    text = states.steps[0].payload.description
    assert "By us-four-fifths: beyond the bound; chance does not explain the difference." in text
    assert "40 more favourable decisions for sex=F in this window would bring it back to the bound." in text


def test_a_drift_names_its_baseline() -> None:
    payload = msgspec.structs.replace(
        firing(), baseline=Baseline(source="audit of 2026-01", value=0.97, low=0.9, high=1.05)
    )
    assert "In the baseline (audit of 2026-01) it was 0.97 (0.9 to 1.05)." in description(payload)
    agreed = msgspec.structs.replace(payload, baseline=Baseline(source="minutes of 3 March", low=0.9, high=1.0))
    text = "The bound comes from the baseline (minutes of 3 March), where it was between 0.9 and 1."
    assert text in description(agreed)


def test_small_words() -> None:
    assert (percent(0.0934), percent(0.4), percent(0.05), percent(None)) == ("9.3%", "40%", "5%", "not measured")
    assert (lasting(45.9), lasting(119), lasting(86_460), lasting(None)) == ("45s", "1m", "1d1m", "not measured")
