"""Examples in the OpenAPI document: requests and answers as they were, recorded from the service itself.

`examples.json` holds them by operation (`GET /api/v1/models`) and status. `python -m tests.streams.web.recording` writes it
again; a test sends every request to the real service and compares the answers, apart from times and identities.
"""

import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")

Recorded = Mapping[str, Mapping[str, Any]]
"""status -> what was sent (`path`, `query`, `body`) and what came back (`answer`)"""


@cache
def recorded() -> Mapping[str, Recorded]:
    """All examples, by operation."""
    found: Mapping[str, Recorded] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def problem(status: int, detail: str) -> dict[str, object]:
    """A problem as RFC 9457 has it."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def common(scope: str, *, for_browsers: bool = False) -> dict[str, dict[str, object]]:
    """The problems that are the same for every operation, by status."""
    token = (
        "this needs a token: as the password that the browser asks for, with any user name"
        if for_browsers
        else "this needs the header `Authorization: Bearer <token>`"
    )
    return {
        "401": problem(401, token),
        "403": problem(403, f"this needs a token with the scope {scope}; yours has read"),
        "408": problem(408, "the body did not arrive within 10 seconds"),
        "413": problem(413, "the body is longer than 16384 bytes"),
        "429": problem(429, "too many requests: ask less often"),
        "503": problem(503, "the database does not answer; try again"),
    }


def add(operation: dict[str, Any], found: Recorded) -> None:
    """Put the examples of an operation where OpenAPI has them: parameters, body, and each answer."""
    good = next((found[status] for status in sorted(found) if status.startswith("2")), {})
    for parameter in operation.get("parameters", ()):
        given = good.get("path" if parameter["in"] == "path" else "query", {})
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        if "body" in good:
            body["example"] = good["body"]
    browsers = {"password": []} in operation.get("security", ())
    usual = common(operation.get("x-scope", ""), for_browsers=browsers)
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if "answer" in found.get(status, {}):
                content["example"] = found[status]["answer"]
            elif status in usual and media_type == "application/problem+json":
                content["example"] = usual[status]
