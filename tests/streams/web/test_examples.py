"""The examples of the OpenAPI document: every operation and every error has one, and the real service answers so."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from alerts.pictures import PATH
from streams.database import engine as make_engine
from streams.web import service_app
from streams.web.examples import common, recorded
from tests.services.databases import Databases
from tests.streams.web.recording import AWAY, TOKEN, Sent, Services, ours, read, requests, settled

NO_EXAMPLE = {("get", "/health/live", "503"), ("get", "/openapi.json", "200")}
"""A service that answers is live; and the document is its own example."""


@pytest.fixture(scope="module")
def api(databases: Databases) -> Iterator[Services]:
    with databases.fresh() as url:
        engine: sa.Engine = make_engine(url)
        yield Services(engine)
        engine.dispose()


@pytest.fixture(scope="module")
def document(api: Services) -> dict[str, Any]:
    answer = api.ask(Sent("GET", "/openapi.json", 200), api.reads)
    found: dict[str, Any] = answer.json()
    return found


def answers(document: dict[str, Any]) -> Iterator[tuple[str, str, str, str, dict[str, Any]]]:
    """(method, path, status, media type, what is documented)"""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                for media_type, content in answer.get("content", {}).items():
                    yield method, path, status, media_type, content


def test_every_answer_has_an_example(document: dict[str, Any]) -> None:
    missing = [
        (method, path, status)
        for method, path, status, media_type, content in answers(document)
        if "example" not in content and media_type != "image/png"  # a picture is looked at
    ]
    assert set(missing) == NO_EXAMPLE


def test_every_body_and_every_name_in_a_path_has_an_example(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for body in operation.get("requestBody", {}).get("content", {}).values():
                assert "example" in body, path
            for parameter in operation.get("parameters", ()):
                assert parameter["in"] == "query" or "example" in parameter, path


def test_the_service_answers_as_the_examples_say(api: Services) -> None:
    """In order, since some change what later ones see. `python -m tests.streams.web.recording` records them again."""
    for sent in requests():
        answer = api.ask(sent, api.controls)
        assert answer.status_code == sent.status, (sent, answer.text)
        if answer.headers["content-type"] == "image/png":
            assert answer.content.startswith(b"\x89PNG")
        elif sent.operation != "GET /openapi.json":
            example = recorded()[sent.operation][str(sent.status)]["answer"]
            assert settled(read(answer)) == settled(example), sent
    lines = ours(api.ask(Sent("GET", "/metrics", 200), api.reads).text)
    shown = recorded()["GET /metrics"]["200"]["answer"].splitlines()
    assert [line.split()[:3] for line in shown if line.startswith("#")] == [
        line.split()[:3] for line in lines[: len(shown)] if line.startswith("#")
    ]


def test_the_problems_that_every_operation_has(api: Services, document: dict[str, Any]) -> None:
    """Without a token, with one that may too little, with a body that is too long, and while the database is away."""

    def long(sent: Sent) -> Any:
        headers = {"Authorization": f"Bearer {api.controls}"}
        return api.client.request(sent.method, api.address(sent), content=b" " * 17_000, headers=headers)

    askers = {
        "401": lambda sent: api.stranger(sent, f"{sent.method} {sent.address}"),
        "403": lambda sent: api.ask(sent, api.reads),
        "413": long,
        "503": lambda sent: api.away.request(sent.method, api.address(sent), params=sent.query, json=sent.body),
    }
    good = {sent.operation: sent for sent in requests() if sent.status < 300}
    for method, path, status, media_type, content in answers(document):
        if (path, status) == (PATH, "403"):  # of a signature and no scope: one of the requests above
            continue
        if status in askers and media_type == "application/problem+json":
            sent = good.get(f"{method.upper()} {path}", Sent(method.upper(), path, 200))
            answer = askers[status](sent)
            assert (str(answer.status_code), answer.json()) == (status, content["example"]), (method, path, answer.text)


def test_who_asks_too_often() -> None:
    serve = AWAY.serve.model_copy(update={"requests_per_second": 1e-9})
    app = service_app(make_engine("postgresql://127.0.0.1:1/none"), AWAY.model_copy(update={"serve": serve}))
    client = TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})
    refused = next(answer for _ in range(9) if (answer := client.get("/api/v1/models")).status_code != 503)
    assert refused.json() == common("")["429"]
