from dataclasses import replace

from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.orphans import orphans, retire_alert
from alerts.payloads import Context, summary_of
from tests.alerts.observing import MINUTE, T0, between, parity_rule, side

BREACH = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))
CONTEXT = Context("credit", T0, "c1")
(STEP,) = evaluate([parity_rule()], [BREACH], {}, RouteState("credit"), CONTEXT).steps
FIRING = {STEP.alert: replace(STEP.stored, summary=summary_of(STEP.payload))}
LATER = Context("credit", T0 + MINUTE, "c2")


def test_an_alert_is_an_orphan_when_no_rule_watches_its_family() -> None:
    (alert,) = FIRING
    assert orphans([parity_rule()], FIRING) == []
    assert orphans([], FIRING) == [alert]
    assert orphans([parity_rule(attributes=("age",))], FIRING) == [alert]
    assert orphans([parity_rule(metric="precision")], FIRING) == [alert]


def test_retiring_tells_those_who_were_told_and_happens_once() -> None:
    (alert,) = FIRING
    step = retire_alert(alert, FIRING[alert], LATER)
    assert step is not None
    assert (step.payload.status, step.payload.transition, step.payload.config_version) == ("resolved", 2, "c2")
    assert "no longer configured" in step.payload.description
    assert step.transition is not None and step.transition.notifies
    assert retire_alert(alert, step.stored, LATER) is None
