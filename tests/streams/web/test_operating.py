"""Acknowledging and silencing over HTTP: by whom, with what token, and what stands in the audit."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from alerts.tables import alert_states, outbox
from streams.tokens import Scope, create
from streams.web import service_app
from tests.alerts.timelines import World
from tests.streams.web.conftest import SETTINGS

TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["a=b", 'a=~".*"', "2h", "9999w", "2099-01-01T00:00:00Z", "\x00"])
)
SILENCES = st.fixed_dictionaries(
    {"matchers": st.lists(TEXTS, max_size=3)},
    optional=dict.fromkeys(("ends", "lasts", "starts", "comment", "by"), TEXTS),
)


@pytest.fixture
def world(engine: sa.Engine) -> World:
    """One alert of the rule `parity` fires; the one of the seeded history does not."""
    with engine.begin() as conn:
        conn.execute(sa.delete(alert_states))
        now = conn.execute(sa.select(sa.func.now())).scalar_one()
    made = World(engine, now, now)
    made.fire("parity", {})
    return made


@pytest.fixture
def operator(engine: sa.Engine) -> Iterator[TestClient]:
    with engine.begin() as conn:
        token = create(conn, "oncall", Scope.OPERATE, "ada")
    with TestClient(service_app(engine, SETTINGS), headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def items(client: TestClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(path).json()["items"]
    return found


def test_an_alert_is_taken_over_once_and_by_somebody(world: World, operator: TestClient) -> None:
    alert = world.id("parity")
    path = f"/api/v1/alerts/{alert}/ack"
    first = operator.post(path, json={"comment": "looking", "by": "bob"})
    assert first.json() == {"alert": alert, "acknowledged_by": "bob (token:oncall)", "changed": True}
    assert operator.post(path).json()["changed"] is False
    (one,) = items(operator, "/api/v1/alerts/open")
    assert (one["alert"], one["acknowledged_by"]) == (alert, "bob (token:oncall)")
    done = [(row["action"], row["by"], row["subject"]) for row in items(operator, "/api/v1/audit")]
    assert done == [("alert.acknowledge", "bob (token:oncall)", alert), ("token.create", "ada", "oncall")]


def test_what_does_not_fire_cannot_be_taken_over(world: World, operator: TestClient) -> None:
    world.resolve("parity")
    assert operator.post(f"/api/v1/alerts/{world.id('parity')}/ack").status_code == 404
    assert operator.post("/api/v1/alerts/abc/ack").status_code == 404


def test_a_silence_is_made_listed_and_ended(world: World, operator: TestClient) -> None:
    made = operator.post("/api/v1/silences", json={"matchers": ["severity=page", 'model=~"c.*"'], "lasts": "2h"})
    assert made.status_code == 201
    assert made.json()["matchers"] == ['severity="page"', 'model=~"c.*"']
    assert (made.json()["state"], made.json()["created_by"]) == ("active", "token:oncall")
    name = made.json()["id"]
    assert items(operator, "/api/v1/alerts/open")[0]["silenced_by"] == [name]
    assert operator.delete(f"/api/v1/silences/{name}").status_code == 200
    assert operator.delete(f"/api/v1/silences/{name}").status_code == 404
    assert items(operator, "/api/v1/silences") == []
    assert [one["state"] for one in items(operator, "/api/v1/silences?over=true")] == ["expired"]
    actions = [one["action"] for one in items(operator, "/api/v1/audit")]
    assert actions == ["silence.expire", "silence.add", "token.create"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"matchers": [], "lasts": "1h"}, "needs a matcher"),
        ({"matchers": ['model=~".*"'], "lasts": "1h"}, "needs a matcher"),
        ({"matchers": ["team!=x"], "lasts": "1h"}, "needs a matcher"),
        ({"matchers": ["a=b"]}, "`ends` or `lasts`"),
        ({"matchers": ["a=b"], "ends": "2020-01-01T00:00:00Z"}, "in the future"),
        ({"matchers": ["a=b"], "ends": "2099-01-01T00:00:00"}, "offset"),
        ({"matchers": ["a=~("], "lasts": "1h"}, "no expression"),
        ({"matchers": ["nothing"], "lasts": "1h"}, "cannot be read"),
        ({"matchers": ["a=b"], "lasts": "soon"}, "soon"),
        ({"matchers": ["a=b"], "lasts": "1h", "comment": "x" * 1001}, "at most 1000"),
        ({"matchers": ["a=b"], "lasts": "1h", "more": 1}, "more"),
    ],
)
def test_a_silence_that_cannot_be_meant(operator: TestClient, body: dict[str, Any], told: str) -> None:
    answer = operator.post("/api/v1/silences", json=body)
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_a_token_that_may_read_may_not_operate(world: World, own_client: TestClient) -> None:
    for method, path in (
        ("POST", f"/api/v1/alerts/{world.id('parity')}/ack"),
        ("POST", "/api/v1/silences"),
        ("DELETE", "/api/v1/silences/ab"),
        ("GET", "/api/v1/audit"),
    ):
        answer = own_client.request(method, path)
        assert answer.status_code == 403, path
        assert "scope operate" in answer.json()["detail"]
    assert own_client.get("/api/v1/alerts/open").json()["items"][0]["acknowledged_by"] == ""


def test_what_was_sent_is_seen_without_what_was_said(engine: sa.Engine, operator: TestClient) -> None:
    row = {"alert": "ab", "transition_no": 1, "receiver": "a", "channel": "webhook", "payload": {"secret": "x"}}
    with engine.begin() as conn:
        conn.execute(sa.insert(outbox).values(row | {"dedup_key": "ab:1:a", "reason": "first notification"}))
    (one,) = items(operator, "/api/v1/deliveries?alert=ab")
    assert (one["result"], one["reason"], one["attempts"]) == ("waiting", "first notification", 0)
    assert "payload" not in one


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(st.binary(max_size=60), SILENCES.map(lambda given: json.dumps(given).encode())))
def test_no_body_makes_the_service_fail(operator: TestClient, body: bytes) -> None:
    assert operator.post("/api/v1/silences", content=body).status_code in (201, 400)
    assert operator.post("/api/v1/alerts/ab/ack", content=body).status_code in (400, 404)
