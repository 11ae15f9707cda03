"""/api/v1/control: what people do to routes and canary plans; and the route as a patch for KServe.

Every change needs a token with the scope `control`, and says why. Whoever changes something is the name of their token;
`by` says which person, where a token stands for several. `epoch` makes a change conditional on what the caller has seen.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alerts.control import Route
from alerts.operators import NotDone, Person, Wish
from streams.controls import Controls, NoPlan, UnknownModel
from streams.tokens import Scope
from streams.web.endpoints import PROBLEM_TYPE, Answer, Endpoint, Handler, ProblemError, Schema, json_response
from streams.web.operating import read_body, who


class NewRoute(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a change of route. `percent`, `rest` and `version` belong to a canary (`version` to a shadow too)."""

    route: Route
    why: str
    percent: float | None = None
    rest: Route = Route.LIVE
    version: str = ""
    epoch: int | None = None
    by: str = ""


class NewPlan(msgspec.Struct, forbid_unknown_fields=True):
    """The body that begins the configured canary plan for a version."""

    version: str
    why: str
    by: str = ""


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """The body of every other change. `release` ends a hold."""

    why: str
    by: str = ""
    release: bool = False


Result = TypeVar("Result")


def endpoints(controls: Controls) -> list[Endpoint]:
    """Routes, freezes, plans."""
    return [*_routes(controls), *_plans(controls)]


def _routes(controls: Controls) -> list[Endpoint]:
    """The route itself, the kill switch, and the route as KServe takes it."""

    async def set_route(request: Request) -> Response:
        given, model = await read_body(request, NewRoute), _model(request)
        return json_response(await _done(lambda: controls.set(model, wish_of(given), _person(request, given))))

    async def freeze(request: Request) -> Response:
        given, model = await read_body(request, Reason), _model(request)
        await _done(lambda: controls.freeze(model, _person(request, given)))
        return json_response({"model": model, "frozen": True})

    async def thaw(request: Request) -> Response:
        given, model = await read_body(request, Reason), _model(request)
        was = await _done(lambda: controls.thaw(model, _person(request, given)))
        return json_response({"model": model, "frozen": False, "changed": was})

    async def kserve(request: Request) -> Response:
        model = controls.known(request.path_params["model"]) if request.path_params["model"] in controls.models else ""
        if not model:
            raise ProblemError(404, "no such model is configured")
        (shown,) = [one for one in await _done(controls.routes) if one.model == model]
        return Response(msgspec.json.encode(kserve_patch(shown.route, shown.percent)), media_type=MERGE_PATCH)

    patch = {200: Answer("the patch", _ITEM, MERGE_PATCH), **_LOOKED}
    words = "The route as a merge patch of a KServe InferenceService"
    return [
        _change("/route", set_route, "Set a model's route, or restore it", _ROUTE_BODY),
        _change("/freeze", freeze, "The kill switch: nothing changes by itself; `*` for every model", _REASON, always=True),
        _change("/thaw", thaw, "Lift a freeze", _REASON, always=True),
        Endpoint(f"{BASE}/kserve", ("GET",), kserve, words, patch),
    ]  # fmt: skip


def _plans(controls: Controls) -> list[Endpoint]:
    """Canary plans."""

    async def plan(request: Request) -> Response:
        return json_response(await _done(lambda: controls.plan(_model(request))))

    async def begin(request: Request) -> Response:
        given, model = await read_body(request, NewPlan), _model(request)
        await _done(lambda: controls.begin(model, given.version, _person(request, given)))
        return await plan(request)

    async def advance(request: Request) -> Response:
        given, model = await read_body(request, Reason), _model(request)
        await _done(lambda: controls.advance(model, _person(request, given)))
        return await plan(request)

    async def hold(request: Request) -> Response:
        given, model = await read_body(request, Reason), _model(request)
        await _done(lambda: controls.hold(model, _person(request, given), held=not given.release))
        return await plan(request)

    shown = {200: Answer("the plan; null if there never was one", {"type": ["object", "null"]}), **_LOOKED}
    words = "The newest canary plan, and how its version compares on the same window"
    return [
        Endpoint(f"{BASE}/plan", ("GET",), plan, words, shown),
        _change("/plan", begin, "Begin the configured canary plan for a version", _PLAN_BODY),
        _change("/plan/advance", advance, "Put the plan's next step in force, passed or not", _REASON),
        _change("/plan/hold", hold, "Hold the plan, or release it", _REASON),
    ]


def _change(path: str, handler: Handler, summary: str, body: Schema, *, always: bool = False) -> Endpoint:
    """A change of a model; `always`: there is no state in which it is none."""
    answers = {200: Answer("it is done", _ITEM), **_FAILURES}
    if not always:
        answers[409] = _problem("it is no change, or was overtaken")
    return Endpoint(f"{BASE}{path}", ("POST",), handler, summary, answers, body=body, scope=Scope.CONTROL)


BASE = "/api/v1/control/{model}"
MERGE_PATCH = "application/merge-patch+json"


def kserve_patch(route: str, percent: float | None) -> dict[str, object]:
    """The merge patch that gives a KServe InferenceService this route.

    `canaryTrafficPercent` is a whole number, never above what was agreed; 0 sends everything to the revision that was
    rolled out before, and 100 promotes. Source: KServe's documentation of canary rollouts (serverless mode).
    """
    share = {"live": 100.0, "canary": percent or 0.0}.get(route, 0.0)
    return {"spec": {"predictor": {"canaryTrafficPercent": int(share)}}}


def wish_of(given: NewRoute) -> Wish:
    """The wish, if it makes sense: ProblemError (400) otherwise."""
    if (given.route is Route.CANARY) != (given.percent is not None and 0 < given.percent < 100):
        raise ProblemError(400, "a canary needs a `percent` between 0 and 100, and nothing else has one")
    if given.rest not in (Route.LIVE, Route.FALLBACK):
        raise ProblemError(400, "`rest` is live or fallback")
    return Wish(given.route, given.percent, given.rest, given.version, given.epoch)


async def _done(change: Callable[[], Result]) -> Result:
    try:
        return await run_in_threadpool(change)
    except (NotDone, NoPlan) as error:
        raise ProblemError(409, str(error)) from None
    except UnknownModel as error:
        raise ProblemError(404, str(error)) from None


def _person(request: Request, given: NewRoute | NewPlan | Reason) -> Person:
    try:
        return Person(who(request, given.by), given.why)
    except ValueError as error:
        raise ProblemError(400, str(error)) from None


def _model(request: Request) -> str:
    name: str = request.path_params["model"]
    if "\x00" in name:
        raise ProblemError(404, "no such model is configured")
    return name


def _problem(words: str) -> Answer:
    return Answer(words, {"$ref": "#/components/schemas/Problem"}, PROBLEM_TYPE)


_FAILURES = {
    400: _problem("the request cannot be read"),
    404: _problem("no such model is configured"),
    503: _problem("the database does not answer"),
}
_LOOKED = {status: answer for status, answer in _FAILURES.items() if status != 400}
_ITEM: Schema = {"type": "object"}
_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 1000}
_WHO: Schema = {"type": "string", "maxLength": 1000}
_REASON: Schema = {
    "type": "object",
    "required": ["why"],
    "additionalProperties": False,
    "properties": {"why": _TEXT, "by": _WHO, "release": {"type": "boolean"}},
}
_PLAN_BODY: Schema = {
    "type": "object",
    "required": ["version", "why"],
    "additionalProperties": False,
    "properties": {"version": _TEXT, "why": _TEXT, "by": _WHO},
}
_ROUTE_BODY: Schema = {
    "type": "object",
    "required": ["route", "why"],
    "additionalProperties": False,
    "properties": {
        "route": {"enum": [route.value for route in Route]},
        "why": _TEXT,
        "by": _WHO,
        "percent": {"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 100},
        "rest": {"enum": ["live", "fallback"]},
        "version": {"type": "string", "maxLength": 1000},
        "epoch": {"type": ["integer", "null"]},
    },
}
