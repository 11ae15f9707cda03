"""Schemathesis against the OpenAPI document: whatever it thinks of, no 5xx, and every answer is a documented one.

A few examples of each operation here; `FAIRDRIFT_EXAMPLES=500` asks for more. It is used as a library: its pytest plugin is off
(pyproject.toml), since every session of tests would load it.
"""

import os
from typing import Any

import hypothesis
import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.settings import Settings
from streams.tokens import hashed
from streams.web import service_app
from tests.streams import seeded

ALL = "a-token-that-may-do-everything"

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "6"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # Schemathesis' own strategies
def test_no_request_that_the_document_allows_or_forbids_breaks_the_service(engine: sa.Engine) -> None:
    """With a token that may do everything, on a database of its own."""
    named = {"name": "fuzzer", "sha256": hashed(ALL), "scope": "control"}
    settings = Settings.model_validate(
        {
            "models": [{"name": seeded.MODEL, "attributes": {"sex": ["F", "M"]}}],
            "serve": {"tokens": [named], "requests_per_second": 10_000},
        }
    )
    app = service_app(engine, settings)
    headers = {"Authorization": f"Bearer {ALL}"}
    schema = schemathesis.openapi.from_dict(TestClient(app, headers=headers).get("/openapi.json").json())
    schema.app = without_lifespan(app)
    found: list[Any] = list(schema.get_all_operations())
    assert len(found) > 20
    for one in found:
        _fuzz(one.ok(), headers)


def without_lifespan(app: ASGIApp) -> ASGIApp:
    """The application as it is while it runs: Schemathesis would start and stop it for every request."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    return inner


def _fuzz(operation: Any, headers: dict[str, str]) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
