"""/api/v1: models, metrics, alerts, control. Each list is one of the SQL views, with its columns and filters."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from monitor.comparisons import Method
from streams.web import queries
from streams.web.endpoints import Answer, Endpoint, Parameter, Schema, json_response
from streams.web.queries import PAGING, Select, Source

_SERIES_KEY = {
    "window_end": "timestamptz",
    "window_seconds": "int",
    "model": "text",
    "version": "text",
    "arm": "text",
    "time_basis": "text",
    "metric": "text",
    "attribute_set": "text[]",
    "stratum": "jsonb",
    "label_class": "text",
}
_SERIES_EQUAL = ("model", "version", "arm", "time_basis", "metric", "label_class", "state")

METRICS = {
    "group": Source("fairness_group", _SERIES_KEY | {"group_values": "jsonb"}, _SERIES_EQUAL, "window_end"),
    "disparity": Source(
        "fairness_disparity",
        _SERIES_KEY | {"aggregate": "text", "method": "text"},
        (*_SERIES_EQUAL, "aggregate", "method"),
        "window_end",
    ),
}
_ALERT_KEY = {"pane_end": "timestamptz", "alert": "text", "transition_no": "int"}
_NEWEST_ALERTS = "(select distinct on (alert) * from alert_history order by alert, transition_no desc) newest"
ALERTS = Source(_NEWEST_ALERTS, _ALERT_KEY, ("model", "rule", "alert"), "pane_end")
ALERT_HISTORY = Source("alert_history", _ALERT_KEY, ("model", "rule", "alert"), "pane_end")
_CONTROL_KEY = {"effective_at": "timestamptz", "model": "text", "epoch": "bigint"}
_NEWEST_ROUTES = "(select distinct on (model) * from control_history order by model, epoch desc) newest"
CONTROL = Source(_NEWEST_ROUTES, _CONTROL_KEY, ("model",), "effective_at")
CONTROL_HISTORY = Source("control_history", _CONTROL_KEY, ("model",), "effective_at")

_MODELS = sa.text("""
select e.model, jsonb_object_agg(e.time_basis, to_char(to_timestamp(e.last_end_ms / 1000.0) at time zone 'UTC',
                                 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) as evaluated_to
from fairdrift.evaluations e where e.time_basis in ('decision', 'outcome') group by e.model
""")
_FIRING = sa.text("""
select model, count(*) as firing from (
    select distinct on (alert) model, to_state from alert_history order by alert, transition_no desc) newest
where to_state = 'firing' group by model
""")
_ROUTES = sa.text("""
select distinct on (model) model, to_route as route, percent, epoch from control_history order by model, epoch desc
""")

_PAGE: Schema = {
    "type": "object",
    "required": ["items", "next"],
    "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next": {"type": ["string", "null"]}},
}
_ANSWERS = {
    200: Answer("a page; `next` is null on the last one", _PAGE),
    400: Answer("a parameter cannot be read", {"$ref": "#/components/schemas/Problem"}, "application/problem+json"),
    503: Answer("the database does not answer", {"$ref": "#/components/schemas/Problem"}, "application/problem+json"),
}
_TIMES = (
    Parameter("from", "Earliest time, included: RFC 3339 or epoch milliseconds"),
    Parameter("to", "Latest time, included"),
)
_BOOLEAN: Schema = {"enum": ["true", "false"]}


def endpoints(engine: sa.Engine, models: Sequence[str]) -> list[Endpoint]:
    """The four lists."""

    def read_models(request: Request) -> Response:
        queries.select(Source("", {}, (), ""), request.query_params)
        return json_response({"items": model_rows(engine, models), "next": None})

    def read_metrics(request: Request) -> Response:
        return _answer(engine, metrics_statement(request.query_params))

    def read_alerts(request: Request) -> Response:
        return _answer(engine, _historic(request.query_params, ALERTS, ALERT_HISTORY, "state", "to_state"))

    def read_control(request: Request) -> Response:
        return _answer(engine, _historic(request.query_params, CONTROL, CONTROL_HISTORY, "route", "to_route"))

    one = {200: _ANSWERS[200], 400: _ANSWERS[400], 503: _ANSWERS[503]}
    return [
        Endpoint(
            "/api/v1/models", ("GET",), read_models, "Models, how far they are evaluated, their alerts and route", one
        ),
        Endpoint("/api/v1/metrics", ("GET",), read_metrics, "Metric points, newest first", one, _metric_parameters()),
        Endpoint(
            "/api/v1/alerts", ("GET",), read_alerts, "Alerts as they are, or every change", one, _alert_parameters()
        ),
        Endpoint(
            "/api/v1/control", ("GET",), read_control, "Routes as they are, or every change", one, _control_parameters()
        ),
    ]


def model_rows(engine: sa.Engine, models: Sequence[str]) -> list[dict[str, object]]:
    """Every configured model, and those that the database knows besides."""
    with engine.connect() as connection:
        evaluated = {row.model: row.evaluated_to for row in connection.execute(_MODELS)}
        firing = {row.model: row.firing for row in connection.execute(_FIRING)}
        routes = {row.model: row for row in connection.execute(_ROUTES)}
    rows: list[dict[str, object]] = []
    for model in sorted({*models, *evaluated, *routes}):
        route = routes.get(model)
        rows.append(
            {
                "model": model,
                "configured": model in models,
                "evaluated_to": evaluated.get(model, {}),
                "alerts_firing": firing.get(model, 0),
                "route": route.route if route else "live",
                "percent": route.percent if route else None,
                "epoch": route.epoch if route else 0,
            }
        )
    return rows


def metrics_statement(given: Mapping[str, str]) -> Select:
    """The statement of /api/v1/metrics: groups or disparities, now or as they read at `as_of`."""
    kind = queries.choice(given.get("kind", "disparity"), "kind", tuple(METRICS))
    source = METRICS[kind]
    statement = queries.select(source, given, ("kind", "attributes", "window", "as_of"))
    if "attributes" in given:
        names = sorted(name for name in queries.text(given["attributes"], "attributes").split(",") if name)
        statement.restrict("attribute_set = cast(:attributes as text[])", attributes=names)
    if "window" in given:
        statement.restrict("window_seconds = :window", window=queries.seconds(given["window"], "window"))
    if "as_of" in given:
        statement.source = f"{source.view}_as_of(to_timestamp(:as_of_ms / 1000.0))"
        statement.values["as_of_ms"] = queries.moment(given["as_of"], "as_of")
    return statement


def _historic(given: Mapping[str, str], now: Source, history: Source, name: str, column: str) -> Select:
    source = history if queries.flag(given.get("history", "false"), "history") else now
    statement = queries.select(source, given, ("history", name))
    if name in given:
        statement.restrict(f"{column} = :{column}", **{column: queries.text(given[name], name)})
    return statement


def _answer(engine: sa.Engine, statement: Select) -> Response:
    with engine.connect() as connection:
        rows = connection.execute(sa.text(statement.sql()), statement.values).mappings().all()
    return json_response(queries.page([dict(row) for row in rows], statement))


def _metric_parameters() -> tuple[Parameter, ...]:
    return (
        Parameter(
            "kind", "Metrics of groups, or disparities between them", {"enum": list(METRICS), "default": "disparity"}
        ),
        Parameter("model", "Name of the model"),
        Parameter("metric", "Name of the metric"),
        Parameter("attributes", "Attribute set, names separated by commas; empty for everybody"),
        Parameter("window", "Length of the window, such as 1h"),
        Parameter("version", "Version of the model; * is everything served together"),
        Parameter("arm", "live, canary, shadow or fallback; * is everything served together"),
        Parameter("time_basis", "By which time windows are cut", {"enum": ["decision", "outcome"]}),
        Parameter("label_class", "Class of the label; empty is the favourable one"),
        Parameter("state", "measured, undefined, suppressed or stale"),
        Parameter("aggregate", "Of disparities", {"enum": ["difference", "ratio", "index"]}),
        Parameter("method", "Of disparities", {"enum": [method.value for method in Method]}),
        Parameter("as_of", "What was known at that time: RFC 3339 or epoch milliseconds"),
        *_TIMES,
        *PAGING,
    )


def _alert_parameters() -> tuple[Parameter, ...]:
    return (
        Parameter("history", "Every change of state instead of the newest of each alert", _BOOLEAN),
        Parameter("model", "Name of the model"),
        Parameter("rule", "Name of the rule"),
        Parameter("alert", "Identity of the alert"),
        Parameter("state", "State: inactive, pending, firing, resolved or insufficient_data"),
        *_TIMES,
        *PAGING,
    )


def _control_parameters() -> tuple[Parameter, ...]:
    return (
        Parameter("history", "Every change of route instead of the newest of each model", _BOOLEAN),
        Parameter("model", "Name of the model"),
        Parameter("route", "Route: live, canary, shadow or fallback"),
        *_TIMES,
        *PAGING,
    )
