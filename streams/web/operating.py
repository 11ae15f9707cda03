"""/api/v1: what people do about alerts. Acknowledge, silence, what was sent, who changed what.

Whoever changes something is the name of their token; `by` in the body says which person, where a token stands for several.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alerts import desk
from alerts.holding import Silence
from alerts.matching import Matcher
from monitor.errors import MonitorError
from monitor.times import parse_duration
from streams.tokens import Scope
from streams.web import queries
from streams.web.endpoints import (
    PROBLEM_TYPE,
    Answer,
    Endpoint,
    Parameter,
    ProblemError,
    Schema,
    caller_of,
    json_response,
    read_whole,
)
from streams.web.queries import PAGING, Source

LARGEST_BODY = 16_384
MOST_TEXT = 1000
_ID = re.compile(r"[0-9a-f]{1,64}")
_PLAIN = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*")


class Ack(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an acknowledgement; all of it may be left out."""

    comment: str = ""
    by: str = ""


class NewSilence(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a silence: matchers as in `model=~"credit.*"`; until `ends`, or `lasts` so long."""

    matchers: list[str]
    ends: datetime | None = None
    lasts: str = ""
    starts: datetime | None = None
    comment: str = ""
    by: str = ""


Body = TypeVar("Body", bound=msgspec.Struct)

_PROBLEM: Schema = {"$ref": "#/components/schemas/Problem"}


def _problem(text: str) -> Answer:
    return Answer(text, _PROBLEM, PROBLEM_TYPE)


_AWAY = {503: _problem("the database does not answer")}
_BAD = {400: _problem("the request cannot be read")}
_ITEM: Schema = {"type": "object"}
_LIST: Schema = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": _ITEM}, "next": {"type": "null"}},
}
_LISTED = {200: Answer("the list", _LIST), **_BAD, **_AWAY}
_CHANGED = {**_BAD, **_AWAY, 404: _problem("there is none such, or it is not open")}
_TEXT: Schema = {"type": "string", "maxLength": MOST_TEXT}
_ACK: Schema = {"type": "object", "properties": {"comment": _TEXT, "by": _TEXT}, "additionalProperties": False}
_SILENCE: Schema = {
    "type": "object",
    "required": ["matchers"],
    "additionalProperties": False,
    "properties": {
        "matchers": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "starts": {"type": "string", "format": "date-time"},
        "ends": {"type": "string", "format": "date-time"},
        "lasts": {"type": "string", "examples": ["2h"]},
        "comment": _TEXT,
        "by": _TEXT,
    },
}


def endpoints(engine: sa.Engine, configured: Sequence[Silence] = ()) -> list[Endpoint]:
    """Acknowledgements, silences (also those `configured`), deliveries, the audit."""
    return [*_alerts(engine, configured), *_silences(engine, configured), *_looking_back(engine)]


def _alerts(engine: sa.Engine, configured: Sequence[Silence]) -> list[Endpoint]:
    """Alerts that fire, and taking one over."""

    def open_alerts(request: Request) -> Response:
        everything = queries.flag(_given(request, "everything").get("everything", "false"), "everything")
        return _items(engine, lambda conn: desk.list_alerts(conn, configured, everything=everything))

    async def ack(request: Request) -> Response:
        given, alert = await read_body(request, Ack), _identity(request.path_params["alert"])
        by = who(request, given.by)
        changed = await _changed(engine, lambda conn: desk.acknowledge(conn, alert, by, _text(given.comment)))
        return json_response({"alert": alert, "acknowledged_by": by, "changed": changed})

    told = "Alerts that fire: who has them, what holds them back, who was told"
    every = Parameter("everything", "Also those that do not fire", {"enum": ["true", "false"]})
    taken = {200: Answer("it is yours, or was somebody's (`changed`)", _ITEM), **_CHANGED}
    path = "/api/v1/alerts/{alert}/ack"
    return [
        Endpoint("/api/v1/alerts/open", ("GET",), open_alerts, told, _LISTED, (every,)),
        Endpoint(path, ("POST",), ack, "Take an alert over", taken, body=_ACK, scope=Scope.OPERATE),
    ]


def _silences(engine: sa.Engine, configured: Sequence[Silence]) -> list[Endpoint]:
    """Silences: look, add, end."""

    def silences(request: Request) -> Response:
        over = queries.flag(_given(request, "over").get("over", "false"), "over")
        return _items(engine, lambda conn: desk.list_silences(conn, configured, over=over))

    async def add(request: Request) -> Response:
        wanted = _silencing(given := await read_body(request, NewSilence))
        by = who(request, given.by)
        shown = await _changed(engine, lambda conn: desk.add_silence(conn, wanted, by))
        return json_response(asdict(shown), 201)

    async def expire(request: Request) -> Response:
        silence, by = _identity(request.path_params["silence"]), caller_of(request).name
        await _changed(engine, lambda conn: desk.expire_silence(conn, silence, by))
        return json_response({"id": silence, "state": "expired"})

    path, operate = "/api/v1/silences", Scope.OPERATE
    over = Parameter("over", "Also those that are over", {"enum": ["true", "false"]})
    made = {201: Answer("the silence", _ITEM), **_BAD, **_AWAY}
    ended = {200: Answer("it is over", _ITEM), **_AWAY, 404: _CHANGED[404]}
    return [
        Endpoint(path, ("GET",), silences, "Silences", _LISTED, (over,)),
        Endpoint(path, ("POST",), add, "Silence alerts", made, body=_SILENCE, scope=operate),
        Endpoint(f"{path}/{{silence}}", ("DELETE",), expire, "End a silence now", ended, scope=operate),
    ]


def _looking_back(engine: sa.Engine) -> list[Endpoint]:
    """What was sent, and who changed what."""

    def deliveries(request: Request) -> Response:
        given = _given(request, "alert", "limit")
        alert = queries.text(given["alert"], "alert") if "alert" in given else ""
        return _items(engine, lambda conn: desk.list_deliveries(conn, alert, _limit(given)))

    def audit(request: Request) -> Response:
        given = _given(request, "limit")
        return _items(engine, lambda conn: desk.list_audit(conn, _limit(given)))

    sent, changes = "The newest notifications and what became of them", "The newest changes: who, what, when"
    of_one = (Parameter("alert", "Of this alert"), PAGING[0])
    return [
        Endpoint("/api/v1/deliveries", ("GET",), deliveries, sent, _LISTED, of_one),
        Endpoint("/api/v1/audit", ("GET",), audit, changes, _LISTED, (PAGING[0],), scope=Scope.OPERATE),
    ]


async def _changed(engine: sa.Engine, change: Callable[[sa.Connection], Any]) -> Any:
    def work() -> Any:
        with engine.begin() as conn:
            return change(conn)

    try:
        return await run_in_threadpool(work)
    except desk.NotThere as error:
        raise ProblemError(404, str(error)) from None
    except ValueError as error:
        raise ProblemError(400, str(error)) from None


def _items(engine: sa.Engine, read: Callable[[sa.Connection], list[Any]]) -> Response:
    with engine.connect() as conn:
        found = read(conn)
    return json_response({"items": [one if isinstance(one, dict) else asdict(one) for one in found], "next": None})


async def read_body(request: Request, of: type[Body]) -> Body:
    """The body as this struct; ProblemError (400) if it cannot be read as one."""
    body = await read_whole(request, LARGEST_BODY)
    try:
        return msgspec.json.decode(body or b"{}", type=of)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"the body cannot be read: {error}") from None


def _silencing(given: NewSilence) -> desk.Silencing:
    if (given.ends is None) == (not given.lasts):
        raise ProblemError(400, "give `ends` or `lasts`, such as 2h")
    try:
        matchers = tuple(Matcher.parse(text) for text in given.matchers)
        ends = given.ends or datetime.now().astimezone() + timedelta(milliseconds=parse_duration(given.lasts))
        if ends.tzinfo is None or (given.starts is not None and given.starts.tzinfo is None):
            raise ProblemError(400, "times need an offset, as in 2026-11-20T10:00:00Z")
    except (ValueError, OverflowError, MonitorError) as error:
        raise ProblemError(400, str(error)) from None
    return desk.Silencing(matchers, ends, _text(given.comment), given.starts)


def who(request: Request, person: str) -> str:
    """Who acts: the name of the token, and the person who uses it if it says."""
    name = caller_of(request).name
    return f"{_text(person)} ({name})" if person else name


def _text(given: str) -> str:
    if len(given) > MOST_TEXT or not _PLAIN.fullmatch(given):
        raise ProblemError(400, f"a text has at most {MOST_TEXT} characters, and no control characters")
    return given


def _identity(given: str) -> str:
    if not _ID.fullmatch(given):
        raise ProblemError(404, "an identity is made of hexadecimal digits")
    return given


def _given(request: Request, *known: str) -> dict[str, str]:
    queries.select(Source("", {}, (), ""), {k: v for k, v in request.query_params.items() if k not in known})
    return dict(request.query_params)


def _limit(given: dict[str, str]) -> int:
    return queries.select(Source("", {}, (), ""), {"limit": given["limit"]}).limit if "limit" in given else 100
