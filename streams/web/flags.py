"""Routes as feature flags: one flag per model, whose variants are the routes.

/flagd/flags.json is a flag definition that flagd polls (https://flagd.dev/reference/flag-definitions), /ofrep/v1 the
OpenFeature Remote Evaluation Protocol (https://openfeature.dev/specification/appendix-c), so that any OpenFeature SDK
routes on `client.get_string_value("credit-limit", "live", context)`.

A canary of p percent is p percent of the targeting keys, each always on the same side, and a greater p only adds keys;
both interfaces send every key the same way (`streams.web.buckets`).
"""

import hashlib
from collections.abc import Mapping

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streams.web.board import RouteBoard
from streams.web.endpoints import Answer, Endpoint, Schema, json_response
from streams.web.routes import ROUTES, Flag, definition

LARGEST_BODY = 65_536
"""Bytes of an evaluation context."""


class Context(msgspec.Struct):
    """The evaluation context; only the targeting key is looked at."""

    targeting_key: str | None = msgspec.field(name="targetingKey", default=None)


class Evaluation(msgspec.Struct):
    """The body of an OFREP request."""

    context: Context = msgspec.field(default_factory=Context)


def evaluate(flag: Flag, context: Context) -> dict[str, object]:
    """One OFREP result: the value with its reason, or the error that a targeting key is missing."""
    if flag.split and not context.targeting_key:
        return {
            "key": flag.model,
            "errorCode": "TARGETING_KEY_MISSING",
            "errorDetails": "a canary is split by targetingKey",
        }
    variant = flag.variant(context.targeting_key or "")
    reason = "SPLIT" if flag.split else "STATIC"
    return {"key": flag.model, "reason": reason, "variant": variant, "value": variant, "metadata": flag.metadata}


def endpoints(board: RouteBoard) -> list[Endpoint]:
    """flagd's file, and OFREP's two calls."""

    def file(request: Request) -> Response:
        return _tagged(request, definition(board.flags().values()))

    async def one(request: Request) -> Response:
        key = request.path_params["key"]
        context = await _context(request)
        if isinstance(context, str):
            return json_response({"key": key, "errorCode": "PARSE_ERROR", "errorDetails": context}, 400)
        flags = await _flags(board)
        flag = flags.get(key)
        if flag is None:
            return json_response(
                {"key": key, "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such model is configured"}, 404
            )
        result = evaluate(flag, context)
        return json_response(result, 400 if "errorCode" in result else 200)

    async def every(request: Request) -> Response:
        context = await _context(request)
        if isinstance(context, str):
            return json_response({"errorCode": "PARSE_ERROR", "errorDetails": context}, 400)
        flags = await _flags(board)
        return _tagged(request, {"flags": [evaluate(flag, context) for flag in flags.values()]})

    tagged = {304: Answer("as If-None-Match has it"), 503: _UNAVAILABLE}
    bad = Answer("the request cannot be evaluated", _OFREP_ERROR)
    return [
        Endpoint("/flagd/flags.json", ("GET",), file, "Routes as a flagd definition", {200: Answer("flags", _FLAGD), **tagged}),
        Endpoint(
            "/ofrep/v1/evaluate/flags/{key}", ("POST",), one, "Evaluate one flag (OFREP)",
            {200: Answer("the value", _OFREP_VALUE), 400: bad, 404: Answer("no such flag", _OFREP_ERROR), 503: _UNAVAILABLE},
            body=_OFREP_BODY,
        ),
        Endpoint(
            "/ofrep/v1/evaluate/flags", ("POST",), every, "Evaluate all flags (OFREP)",
            {200: Answer("the values", _OFREP_VALUES), 400: bad, **tagged}, body=_OFREP_BODY,
        ),
    ]  # fmt: skip


async def _flags(board: RouteBoard) -> Mapping[str, Flag]:
    """The flags, without leaving the event loop where they are held."""
    held = board.held
    return await run_in_threadpool(board.flags) if held is None else held


async def _context(request: Request) -> Context | str:
    """The evaluation context, or in words why it cannot be read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return f"the body is larger than {LARGEST_BODY} bytes"
    try:
        return msgspec.json.decode(bytes(body), type=Evaluation).context if body.strip() else Context()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)


def _tagged(request: Request, content: object) -> Response:
    """JSON with an ETag, or 304 if the client has it."""
    body = msgspec.json.encode(content)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, headers={"ETag": tag, "Cache-Control": "no-cache"}, media_type="application/json")


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
