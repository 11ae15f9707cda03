"""Routes as feature flags: one flag per model, whose variants are the routes.

/flagd/flags.json is a flag definition that flagd polls (https://flagd.dev/reference/flag-definitions), /ofrep/v1 the
OpenFeature Remote Evaluation Protocol (https://openfeature.dev/specification/appendix-c), so that any OpenFeature SDK
routes on `client.get_string_value("credit-limit", "live", context)`.

A canary of p percent is p percent of the targeting keys, each always on the same side, and a greater p only adds keys.
flagd hashes by its own rule, so both interfaces give the same share but not the same keys: use one of them per model.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streams.web.endpoints import Answer, Endpoint, Schema, json_response

ROUTES = ("live", "canary", "shadow", "fallback")
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
LARGEST_BODY = 65_536
"""Bytes of an evaluation context."""

_CURRENT = sa.text("""
select distinct on (model) model, to_route as route, percent, epoch, reason, changed_by, alert, effective_at
from control_history order by model, epoch desc
""")


@dataclass(frozen=True, slots=True)
class Flag:
    """The desired route of a model. `percent` belongs to a canary; epoch 0 is a model whose route never changed."""

    model: str
    route: str = "live"
    percent: float | None = None
    epoch: int = 0
    reason: str = ""
    changed_by: str = ""
    alert: str | None = None

    @property
    def split(self) -> bool:
        """Whether keys differ in their route."""
        return self.route == "canary" and self.percent is not None and self.percent < 100

    def variant(self, targeting_key: str) -> str:
        """The route of one targeting key."""
        if not self.split:
            return self.route
        digest = hashlib.blake2b(f"{self.model}\x00{targeting_key}".encode(), digest_size=8).digest()
        return "canary" if int.from_bytes(digest) < (self.percent or 0.0) / 100 * 2**64 else "live"

    @property
    def metadata(self) -> dict[str, str | int]:
        """What OpenFeature calls flag metadata: why the route is what it is."""
        given: dict[str, str | int] = {
            "epoch": self.epoch,
            "reason": self.reason,
            "changed_by": self.changed_by,
            "alert": self.alert or "",
        }
        return {name: value for name, value in given.items() if value != ""}


class Context(msgspec.Struct):
    """The evaluation context; only the targeting key is looked at."""

    targeting_key: str | None = msgspec.field(name="targetingKey", default=None)


class Evaluation(msgspec.Struct):
    """The body of an OFREP request."""

    context: Context = msgspec.field(default_factory=Context)


def definition(flags: Sequence[Flag]) -> dict[str, object]:
    """The flagd definition of all flags."""
    return {"$schema": SCHEMA, "flags": {flag.model: _flagd(flag) for flag in flags}}


def _flagd(flag: Flag) -> dict[str, object]:
    entry: dict[str, object] = {
        "state": "ENABLED",
        "variants": {route: route for route in ROUTES},
        "defaultVariant": "live" if flag.split else flag.route,
        "metadata": flag.metadata,
    }
    if flag.split:
        canary = round((flag.percent or 0.0) * 100)
        entry["targeting"] = {"fractional": [["canary", canary], ["live", 10_000 - canary]]}
    return entry


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


def read_flags(engine: sa.Engine, models: Sequence[str]) -> list[Flag]:
    """The flag of every configured model."""
    with engine.connect() as connection:
        rows = {row.model: row for row in connection.execute(_CURRENT)}
    flags = []
    for model in models:
        row = rows.get(model)
        if row is None:
            flags.append(Flag(model))
        else:
            flags.append(Flag(model, row.route, row.percent, row.epoch, row.reason, row.changed_by, row.alert))
    return flags


def endpoints(engine: sa.Engine, models: Sequence[str]) -> list[Endpoint]:
    """flagd's file, and OFREP's two calls."""

    def file(request: Request) -> Response:
        return _tagged(request, definition(read_flags(engine, models)))

    async def one(request: Request) -> Response:
        key = request.path_params["key"]
        context = await _context(request)
        if isinstance(context, str):
            return json_response({"key": key, "errorCode": "PARSE_ERROR", "errorDetails": context}, 400)
        if key not in models:
            return json_response(
                {"key": key, "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such model is configured"}, 404
            )
        (flag,) = await run_in_threadpool(read_flags, engine, [key])
        result = evaluate(flag, context)
        return json_response(result, 400 if "errorCode" in result else 200)

    async def every(request: Request) -> Response:
        context = await _context(request)
        if isinstance(context, str):
            return json_response({"errorCode": "PARSE_ERROR", "errorDetails": context}, 400)
        flags = await run_in_threadpool(read_flags, engine, models)
        return _tagged(request, {"flags": [evaluate(flag, context) for flag in flags]})

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
