"""Changing routes over HTTP: who may, what is kept, and what other systems read of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from streams.config import parse
from streams.tokens import Scope, create
from streams.web import service_app
from streams.web.controlling import kserve_patch
from tests.streams import seeded

SETTINGS = parse(f"""
models:
  - {{name: {seeded.MODEL}, windows: [1h], attributes: {{sex: {{values: [female, male], reference: male}}}}}}
  - {{name: house-price, attributes: {{sex: [female, male]}}, topics: {{predictions: p2, outcomes: o2}}}}
rules:
  - {{name: parity, type: threshold, model: {seeded.MODEL}, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {{min: 0.8}}, window: 1h}}
control:
  plans: [{{model: {seeded.MODEL}, rules: [parity], window: 1h, rest: fallback, steps: [{{percent: 0}}, {{percent: 5}}, {{percent: 100}}]}}]
""")
BASE = f"/api/v1/control/{seeded.MODEL}"


def client_of(engine: sa.Engine, scope: Scope) -> TestClient:
    with engine.begin() as conn:
        token = create(conn, f"the-{scope}", scope, "ada")
    return TestClient(service_app(engine, SETTINGS), headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def controller(engine: sa.Engine) -> Iterator[TestClient]:
    with client_of(engine, Scope.CONTROL) as client:
        yield client


def audit(client: TestClient) -> list[tuple[Any, ...]]:
    rows = client.get("/api/v1/audit").json()["items"]
    return [(row["action"], row["subject"], row["by"], row["details"].get("why")) for row in rows]


def test_a_route_is_set_with_who_and_why_and_conditionally(controller: TestClient) -> None:
    body = {"route": "fallback", "why": "limits look wrong", "by": "ada", "epoch": 2}
    done = controller.post(f"{BASE}/route", json=body)
    assert done.status_code == 200, done.text
    shown = done.json()
    assert (shown["route"], shown["epoch"], shown["changed_by"], shown["reason"]) == (
        "fallback", 3, "ada (token:the-control)", "limits look wrong",
    )  # fmt: skip
    again = controller.post(f"{BASE}/route", json=body)
    assert again.status_code == 409 and "epoch 3, not 2" in again.json()["detail"]
    same = controller.post(f"{BASE}/route", json={"route": "fallback", "why": "x"})
    assert same.status_code == 409 and "fallback already" in same.json()["detail"]
    assert audit(controller)[0] == ("control.fallback", seeded.MODEL, "ada (token:the-control)", "limits look wrong")
    history = controller.get("/api/v1/control", params={"history": "true"}).json()["items"]
    assert history[0]["to_route"] == "fallback"


@pytest.mark.parametrize("scope", [Scope.READ, Scope.OPERATE])
def test_only_a_control_token_changes_routes(engine: sa.Engine, scope: Scope) -> None:
    with client_of(engine, scope) as client:
        for path in ("route", "freeze", "thaw", "plan", "plan/advance", "plan/hold"):
            body = {"route": "fallback", "why": "x", "version": "2"}
            assert client.post(f"{BASE}/{path}", json=body).status_code == 403
        assert client.get(f"{BASE}/plan").status_code == 200


def test_the_kill_switch(controller: TestClient) -> None:
    assert controller.post("/api/v1/control/*/freeze", json={"why": "migration"}).json() == {
        "model": "*",
        "frozen": True,
    }
    thawed = controller.post("/api/v1/control/*/thaw", json={"why": "done"})
    assert thawed.json() == {"model": "*", "frozen": False, "changed": True}
    assert controller.post("/api/v1/control/*/thaw", json={"why": "done"}).json()["changed"] is False
    assert [row[:2] for row in audit(controller)[:2]] == [("control.thaw", "*"), ("control.freeze", "*")]


def test_a_plan_is_begun_held_advanced_and_shown(controller: TestClient) -> None:
    assert controller.get(f"{BASE}/plan").json() is None
    begun = controller.post(f"{BASE}/plan", json={"version": "v7", "why": "repaired"}).json()
    assert (begun["version"], begun["status"], begun["step"], begun["steps"]) == ("v7", "running", 1, [0, 5, 100])
    assert controller.post(f"{BASE}/plan/hold", json={"why": "lunch"}).json()["status"] == "held"
    assert controller.post(f"{BASE}/plan/hold", json={"why": "back", "release": True}).json()["status"] == "running"
    assert controller.post(f"{BASE}/plan/advance", json={"why": "seen enough"}).json()["step"] == 2
    assert controller.get(f"{BASE}/kserve").json() == {"spec": {"predictor": {"canaryTrafficPercent": 5}}}
    twice = controller.post(f"{BASE}/plan", json={"version": "v8", "why": "x"})
    assert twice.status_code == 409 and "v7 is under way" in twice.json()["detail"]
    none = controller.post("/api/v1/control/house-price/plan", json={"version": "2", "why": "x"})
    assert none.status_code == 409 and "no plan is configured" in none.json()["detail"]


def test_kserve_gets_a_whole_number_never_above_what_was_agreed(controller: TestClient) -> None:
    shares = [("live", None, 100), ("canary", 25.9, 25), ("canary", 0.5, 0), ("shadow", None, 0), ("fallback", None, 0)]
    for route, percent, share in shares:
        assert kserve_patch(route, percent) == {"spec": {"predictor": {"canaryTrafficPercent": share}}}
    answer = controller.get(f"{BASE}/kserve")
    assert answer.headers["content-type"] == "application/merge-patch+json"
    assert controller.get("/api/v1/control/nobody/kserve").status_code == 404


BODIES = st.fixed_dictionaries(
    {},
    optional={
        "route": st.sampled_from(["live", "canary", "shadow", "fallback", "up", 5]),
        "why": st.text(max_size=5),
        "by": st.one_of(st.text(max_size=5), st.just("rule:x")),
        "percent": st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.none()),
        "rest": st.sampled_from(["live", "fallback", "shadow"]),
        "version": st.text(max_size=3),
        "epoch": st.integers(),
        "release": st.booleans(),
        "more": st.just(1),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, st.sampled_from(["route", "freeze", "thaw", "plan", "plan/advance", "plan/hold"]))
def test_whatever_is_sent_is_done_or_refused_in_words(controller: TestClient, body: dict[str, Any], path: str) -> None:
    answer = controller.post(f"{BASE}/{path}", json=body)
    assert answer.status_code in (200, 400, 409), answer.text
    if answer.status_code != 200:
        assert answer.json()["detail"]
