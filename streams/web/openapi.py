"""The OpenAPI document, made from the endpoints that are served."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from streams.exporter import build_version
from streams.tokens import Scope
from streams.web import examples
from streams.web.endpoints import PROBLEM_TYPE, Answer, Endpoint, json_response

SCOPES = "A token has a scope: read, operate (acknowledge, silence) or control (routes), each with those before it."

PROBLEM: dict[str, object] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, object]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in endpoints:
        for method in endpoint.methods:
            told = _operation(endpoint)
            examples.add(told, examples.recorded().get(f"{method} {endpoint.path}", {}))
            paths.setdefault(endpoint.path, {})[method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fairdrift",
            "version": build_version(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": SCOPES},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "A token as the password; any user name.",
                },
            },
            "schemas": {"Problem": PROBLEM},
        },
        "security": [{"token": []}],
    }


def document_endpoint(endpoints: Sequence[Endpoint]) -> Endpoint:
    """/openapi.json, which documents itself too."""

    def openapi(request: Request) -> Response:
        return json_response(document([*endpoints, itself]))

    itself = Endpoint(
        "/openapi.json", ("GET",), openapi, "This document", {200: Answer("OpenAPI 3.1", {"type": "object"})}
    )
    return itself


def _operation(endpoint: Endpoint) -> dict[str, object]:
    responses: dict[str, object] = {str(status): _response(answer) for status, answer in endpoint.answers.items()}
    needs_token = not (endpoint.public or endpoint.signed)
    if needs_token:
        responses["401"] = _response(Answer("no right token", {"$ref": "#/components/schemas/Problem"}, PROBLEM_TYPE))
        responses["429"] = _response(_refused("too many requests: see Retry-After"))
    if endpoint.body is not None:
        responses["408"] = _response(_refused("the body did not arrive in time"))
        if not endpoint.path.startswith("/ofrep/"):  # there it cannot be evaluated: 400
            responses["413"] = _response(_refused("the body is too long"))
    if endpoint.scope is not Scope.READ:
        told = Answer(
            f"the token lacks the scope {endpoint.scope}", {"$ref": "#/components/schemas/Problem"}, PROBLEM_TYPE
        )
        responses["403"] = _response(told)
    operation: dict[str, object] = {"summary": endpoint.summary, "responses": responses}
    if needs_token:
        operation["x-scope"] = endpoint.scope.value
    if endpoint.description:
        operation["description"] = endpoint.description
    parameters = [_path_parameter(name) for name in _names_in(endpoint.path)] + [
        {"name": p.name, "in": "query", "description": p.description, "schema": p.schema} for p in endpoint.parameters
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": endpoint.body}}}
    if not needs_token:
        operation["security"] = []
    elif endpoint.page:
        operation["security"] = [{"token": []}, {"password": []}]
    return operation


def _refused(words: str) -> Answer:
    return Answer(words, {"$ref": "#/components/schemas/Problem"}, PROBLEM_TYPE)


def _response(answer: Answer) -> dict[str, object]:
    if answer.schema is None:
        return {"description": answer.description}
    return {"description": answer.description, "content": {answer.media_type: {"schema": answer.schema}}}


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameter(name: str) -> dict[str, object]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
