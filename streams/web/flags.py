"""Routes as feature flags: one flag per model, whose variants are the routes.

/flagd/flags.json is a flag definition that flagd polls (https://flagd.dev/reference/flag-definitions), /ofrep/v1 the
OpenFeature Remote Evaluation Protocol (https://openfeature.dev/specification/appendix-c), so that any OpenFeature SDK
routes on `client.get_string_value("credit-limit", "live", context)`.

A canary of p percent is p percent of the targeting keys, each always on the same side, and a greater p only adds keys;
both interfaces send every key the same way (`streams.web.buckets`).
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streams.web import ofrep
from streams.web.board import RouteBoard
from streams.web.endpoints import Answer, Endpoint, Schema, patience
from streams.web.routes import ROUTES, definition


def endpoints(board: RouteBoard) -> list[Endpoint]:
    """flagd's file, and OFREP's two calls."""

    def file(request: Request) -> Response:
        content = ofrep.reply_of(definition(board.flags().values()), tagged=True)
        return _response(ofrep.unchanged(content, request.headers.get("if-none-match", "")))

    async def evaluated(request: Request) -> Response:
        """What `streams.web.protocol` does not answer by itself."""
        body = await _body(request)
        held = board.held
        flags = await run_in_threadpool(board.flags) if held is None else held
        known = request.headers.get("if-none-match", "")
        return _response(ofrep.Answers(flags).reply(request.path_params.get("key", ""), body, known))

    tagged = {304: Answer("as If-None-Match has it"), 503: _UNAVAILABLE}
    bad = Answer("the request cannot be evaluated", _OFREP_ERROR)
    return [
        Endpoint("/flagd/flags.json", ("GET",), file, "Routes as a flagd definition", {200: Answer("flags", _FLAGD), **tagged}),
        Endpoint(
            "/ofrep/v1/evaluate/flags/{key}", ("POST",), evaluated, "Evaluate one flag (OFREP)",
            {200: Answer("the value", _OFREP_VALUE), 400: bad, 404: Answer("no such flag", _OFREP_ERROR), 503: _UNAVAILABLE},
            body=_OFREP_BODY,
        ),
        Endpoint(
            "/ofrep/v1/evaluate/flags", ("POST",), evaluated, "Evaluate all flags (OFREP)",
            {200: Answer("the values", _OFREP_VALUES), 400: bad, **tagged}, body=_OFREP_BODY,
        ),
    ]  # fmt: skip


async def _body(request: Request) -> bytes:
    """The body; a little more than `LARGEST_BODY` at most."""
    body = b""
    async with patience():
        async for chunk in request.stream():
            body += chunk
            if len(body) > ofrep.LARGEST_BODY:
                break
    return body


def _response(reply: ofrep.Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers)


_UNAVAILABLE = Answer(
    "the database does not answer", {"$ref": "#/components/schemas/Problem"}, "application/problem+json"
)
_OFREP_BODY: Schema = {
    "type": "object",
    "properties": {"context": {"type": "object", "properties": {"targetingKey": {"type": "string"}}}},
}
_OFREP_VALUE: Schema = {
    "type": "object",
    "required": ["key", "reason", "variant", "value", "metadata"],
    "properties": {
        "key": {"type": "string"},
        "reason": {"enum": ["STATIC", "SPLIT"]},
        "variant": {"enum": list(ROUTES)},
        "value": {"enum": list(ROUTES)},
        "metadata": {"type": "object"},
    },
}
_OFREP_ERROR: Schema = {
    "type": "object",
    "required": ["errorCode"],
    "properties": {
        "key": {"type": "string"},
        "errorCode": {"enum": ["PARSE_ERROR", "FLAG_NOT_FOUND", "TARGETING_KEY_MISSING"]},
        "errorDetails": {"type": "string"},
    },
}
_OFREP_VALUES: Schema = {
    "type": "object",
    "required": ["flags"],
    "properties": {"flags": {"type": "array", "items": {"anyOf": [_OFREP_VALUE, _OFREP_ERROR]}}},
}
_FLAGD: Schema = {
    "type": "object",
    "required": ["flags"],
    "properties": {
        "flags": {
            "type": "object",
            "additionalProperties": {"type": "object", "required": ["state", "variants", "defaultVariant"]},
        }
    },
}
