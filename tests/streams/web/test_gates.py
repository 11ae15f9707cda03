"""The verdict, and the two polarities."""

from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import yaml
from starlette.testclient import TestClient

from alerts.tables import alert_transitions, route_changes
from monitor.tables import evidence_states
from streams.web.gates import Decision, Standing, judge
from tests.streams import seeded
from tests.streams.web.conftest import OTHER


def alert(state: str, severity: str = "page", **labels: str) -> dict[str, object]:
    return {"to_state": state, "rule": "parity", "pane_end": None, "labels": {"severity": severity} | labels}


@pytest.mark.parametrize(
    ("standing", "decision"),
    [
        (Standing([], "live", True), Decision.PROMOTE),
        (Standing([], "canary", True), Decision.PROMOTE),
        (Standing([], "live", False), Decision.HOLD),
        (Standing([alert("insufficient_data")], "live", True), Decision.HOLD),
        (Standing([alert("firing")], "live", True), Decision.ROLLBACK),
        (Standing([alert("firing"), alert("insufficient_data")], "live", True), Decision.ROLLBACK),
        (Standing([alert("firing", "ticket")], "live", True), Decision.PROMOTE),
        (Standing([], "fallback", True), Decision.ROLLBACK),
        (Standing([], "shadow", True), Decision.ROLLBACK),
    ],
)
def test_the_verdict_follows_from_alerts_and_route(standing: Standing, decision: Decision) -> None:
    assert judge(standing).decision is decision


def test_a_version_does_not_answer_for_another() -> None:
    standing = Standing([alert("firing", version="2")], "live", True)
    assert judge(standing, "1").decision is Decision.PROMOTE
    assert judge(standing, "2").decision is Decision.ROLLBACK
    assert judge(standing).decision is Decision.ROLLBACK
    served_together = Standing([alert("firing")], "live", True)
    assert judge(served_together, "1").decision is Decision.ROLLBACK


def test_a_ticket_warns() -> None:
    verdict = judge(Standing([alert("firing", "ticket")], "live", True))
    assert verdict.warnings == ("parity",) and verdict.as_dict()["failing"] == 0


def test_open_gate(client: TestClient) -> None:
    assert client.get(f"/gate/{seeded.MODEL}").json()["data"]["ok"] is True
    assert client.post(f"/gate/{seeded.MODEL}", json={"name": "podinfo", "phase": "Progressing"}).status_code == 200
    assert client.post(f"/gate/{seeded.MODEL}/rollback").status_code == 409


def test_while_an_alert_fires_the_gate_is_shut_and_the_hook_says_roll_back(
    engine: sa.Engine, own_client: TestClient
) -> None:
    with engine.begin() as connection:
        connection.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "resolved"))
    data = own_client.get(f"/gate/{seeded.MODEL}").json()["data"]
    assert (data["ok"], data["verdict"], data["failing"], data["insufficient"]) == (False, "rollback", 1, False)
    assert data["since"] == "2026-03-01T10:30:00Z" and data["rules"] == ["limit-parity"]
    shut = own_client.post(f"/gate/{seeded.MODEL}")
    assert shut.status_code == 409 and shut.text == "rollback: firing: limit-parity"
    assert own_client.post(f"/gate/{seeded.MODEL}/rollback").status_code == 200


def test_after_the_rollback_a_resolved_alert_does_not_open_the_gate(engine: sa.Engine, own_client: TestClient) -> None:
    with engine.begin() as connection:
        connection.execute(route_changes.delete().where(route_changes.c.epoch == 2))
    assert own_client.get(f"/gate/{seeded.MODEL}").json()["data"]["verdict"] == "rollback"


def test_a_model_that_was_never_evaluated_is_neither_promoted_nor_rolled_back(client: TestClient) -> None:
    data = client.get(f"/gate/{OTHER}").json()["data"]
    assert (data["ok"], data["insufficient"]) == (False, True)
    assert client.post(f"/gate/{OTHER}").status_code == 409
    assert client.post(f"/gate/{OTHER}/rollback").status_code == 409


def test_an_unknown_model_keeps_the_gate_shut_and_is_not_rolled_back(client: TestClient) -> None:
    assert client.post("/gate/typo").status_code == 404
    assert client.post("/gate/typo/rollback").status_code == 404


def finding(finding: str, arm: str = "canary") -> dict[str, object]:
    return {"rule": "parity", "arm": arm, "finding": finding}


@pytest.mark.parametrize(
    ("findings", "proven", "decision"),
    [
        (["breach"], False, Decision.ROLLBACK),
        (["clear", "breach"], True, Decision.ROLLBACK),
        (["unproven"], False, Decision.PROMOTE),
        (["unproven", "clear"], True, Decision.HOLD),
        (["insufficient_data"], True, Decision.HOLD),
        (["clear"], True, Decision.PROMOTE),
        ([], True, Decision.HOLD),
        ([], False, Decision.PROMOTE),
    ],
)
def test_the_evidence_about_a_version_counts(findings: list[str], proven: bool, decision: Decision) -> None:
    standing = Standing([], "live", True, [finding(one) for one in findings])
    verdict = judge(standing, "2", proven=proven)
    assert verdict.decision is decision
    assert verdict.as_dict()["insufficient"] == (decision is Decision.HOLD)


def test_the_evidence_is_read_of_that_version(engine: sa.Engine, own_client: TestClient) -> None:
    row = {
        "family": "f", "rule": "parity", "model": seeded.MODEL, "metric": "selection_rate", "attribute_set": ["sex"],
        "version": "2", "arm": "canary", "time_basis": "decision", "pane_end_ms": 0, "state": b"", "finding": "breach", "reading": {},
        "config_version": "c",
    }  # fmt: skip
    with engine.begin() as connection:
        columns = {column.name for column in evidence_states.columns}
        connection.execute(evidence_states.insert().values({k: v for k, v in row.items() if k in columns}))
    ask = lambda **given: own_client.get(f"/gate/{seeded.MODEL}", params=given).json()["data"]  # noqa: E731
    told = ask(version="2")
    assert (told["verdict"], told["reason"]) == ("rollback", "evidence against the version: parity in canary")
    assert ask(version="1")["verdict"] == "promote"
    assert ask(version="1", proven="true")["verdict"] == "hold"
    assert own_client.get(f"/gate/{seeded.MODEL}", params={"proven": "true"}).status_code == 400


EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples" / "rollouts"


@pytest.mark.parametrize(
    ("standing", "measured"),
    [
        (Standing([], "live", True), "Successful"),
        (Standing([alert("firing")], "live", True), "Failed"),
        (Standing([alert("insufficient_data")], "live", True), "Inconclusive"),
        (Standing([], "live", False), "Inconclusive"),
    ],
)
def test_argo_reads_the_example_as_documented(standing: Standing, measured: str) -> None:
    """Argo: failed if the failure condition holds, else successful if the success condition does, else inconclusive."""
    (metric,) = yaml.safe_load((EXAMPLES / "argo-rollouts.yaml").read_text())["spec"]["metrics"]
    assert metric["provider"]["web"]["jsonPath"] == "{$.data}"

    def holds(condition: str) -> bool:
        """Argo's expressions of this form, as Python's."""
        words = condition.replace("&&", "and").replace("true", "True").replace("false", "False")
        return bool(eval(words, {"result": SimpleNamespace(**judge(standing).as_dict())}))

    failed, good = holds(metric["failureCondition"]), holds(metric["successCondition"])
    assert measured == ("Failed" if failed else "Successful" if good else "Inconclusive")


def test_flagger_s_hooks_of_the_example_are_served_with_their_polarity(client: TestClient) -> None:
    hooks = yaml.safe_load((EXAMPLES / "flagger.yaml").read_text())["spec"]["analysis"]["webhooks"]
    body = {
        "name": "credit-limit",
        "namespace": "prod",
        "phase": "Progressing",
        "checksum": "85d557f47b",
        "metadata": {},
    }
    answers = {}
    for hook in hooks:
        assert hook["url"].endswith("/rollback") == (hook["type"] == "rollback")
        answers[hook["type"]] = client.post(urlsplit(hook["url"]).path, json=body).status_code
    assert answers == {"confirm-traffic-increase": 200, "confirm-promotion": 200, "rollback": 409}
