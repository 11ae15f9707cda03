"""Who may read what, how errors look, and that the OpenAPI document tells the truth about every route."""

from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient

from streams.database import engine as make_engine
from streams.exporter import Exporter
from streams.health import Activity, Probe
from streams.web import Access, service_app, worker_app
from tests.streams import seeded
from tests.streams.web.conftest import OLD_TOKEN, OTHER, SETTINGS, TOKEN

PUBLIC = {"/health/live", "/health/ready"}


def operations(client: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    document = client.get("/openapi.json").json()
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def address(path: str) -> str:
    return path.replace("{model}", seeded.MODEL).replace("{key}", seeded.MODEL)


def test_every_route_is_documented_and_nothing_else(client: TestClient) -> None:
    served = {
        (route.path, method.lower())
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert {(path, method) for path, method, _ in operations(client)} == served


def test_everything_but_health_needs_the_token(client: TestClient) -> None:
    for path, method, _ in operations(client):
        answer = client.request(method, address(path), headers={"Authorization": ""})
        if path in PUBLIC or path.startswith("/runbooks"):  # they hold nothing about anybody
            assert answer.status_code == 200
        elif path.startswith("/pictures/"):  # signed, and off without a public address (test_pictures.py)
            assert answer.status_code == 404
        else:
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].split()[0] == ("Basic" if path == "/" else "Bearer")
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN]
)
def test_what_is_no_token(header: str) -> None:
    assert Access([TOKEN, ""]).configured(header) is None
    assert Access([TOKEN, ""]).kept(header) is None


def test_each_of_several_tokens_is_right() -> None:
    access = Access([OLD_TOKEN, TOKEN])
    assert access.configured(f"Bearer {OLD_TOKEN}") and access.configured(f"bearer {TOKEN}")
    assert TOKEN not in repr(access)
    assert Access([]).configured("Bearer ") is None


def test_even_an_unknown_path_tells_nothing_without_a_token(client: TestClient) -> None:
    assert client.get("/api/v1/secret", headers={"Authorization": ""}).status_code == 401
    assert client.get("/api/v1/secret").json()["status"] == 404
    assert client.get("/gate/credit-limit/rollback").status_code == 405


def test_every_answer_is_of_the_documented_kind(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, method, operation in operations(client):
        answer = client.request(method, address(path))
        documented = operation["responses"][str(answer.status_code)]
        ((media_type, content),) = documented["content"].items()
        assert answer.headers["content-type"].split(";")[0] == media_type, path
        if media_type == "application/json":
            jsonschema.validate(answer.json(), content["schema"] | {"components": document["components"]})


SLOW_IS_RIGHT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""Each example asks the service, between drawing and drawing: on a busy machine that takes its time."""


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW_IS_RIGHT)
@given(data=st.data())
def test_no_parameter_makes_the_service_fail(client: TestClient, data: st.DataObject) -> None:
    documented = [o for o in operations(client) if o[0] not in PUBLIC]
    path, method, operation = data.draw(st.sampled_from(documented))
    names = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"] or ["x"]
    values = st.one_of(
        st.text(max_size=20), st.integers().map(str), st.sampled_from(["", "1h", "true", "W10", "0001-01-01T00:00:00Z"])
    )
    parameters = data.draw(st.dictionaries(st.sampled_from(names), values, max_size=4))
    body = data.draw(st.binary(max_size=50)) if method == "post" else None
    answer = client.request(method, address(path), params=parameters, content=body)
    assert str(answer.status_code) in operation["responses"], (answer.status_code, answer.text)


def test_a_database_that_is_away_is_503_and_tells_no_address() -> None:
    engine = make_engine("postgresql://nobody:s3cret@127.0.0.1:1/none")
    with TestClient(service_app(engine, SETTINGS), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        answer = client.get("/api/v1/models")
        assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
        assert "127.0.0.1" not in answer.text
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        assert client.post(f"/gate/{OTHER}/rollback").status_code == 503


def test_a_database_without_the_schema_is_not_ready(engine: sa.Engine, own_client: TestClient) -> None:
    assert own_client.get("/health/ready").status_code == 200
    with engine.begin() as connection:
        connection.execute(sa.text("update fairdrift.alembic_version set version_num = 'other'"))
        connection.execute(sa.text("comment on table fairdrift.alembic_version is 'it serves others'"))
    assert own_client.get("/health/ready").status_code == 503


def test_without_tokens_only_health_is_served(seeded_engine: sa.Engine) -> None:
    open_to_nobody = SETTINGS.model_copy(update={"serve": SETTINGS.serve.model_copy(update={"tokens": ()})})
    with TestClient(service_app(seeded_engine, open_to_nobody)) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_a_worker_serves_health_and_metrics_only() -> None:
    now = [0.0]
    probe, exporter = Probe({}, lambda: now[0]), Exporter()
    probe.expect(Activity.COMMIT)
    with TestClient(worker_app(probe, exporter.registry)) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        probe.done(Activity.COMMIT)
        assert client.get("/health/ready").json() == {
            "status": "ok",
            "activities": {"commit": {"state": "ok", "seconds": 0.0}},
        }
        now[0] = 100.0
        assert client.get("/health/live").status_code == 503
        assert 'fairdrift_stalled{activity="commit"} 1.0' in client.get("/metrics").text
        assert client.get("/api/v1/models").status_code == 404
