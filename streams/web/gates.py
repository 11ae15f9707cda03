"""/gate: may a rollout of this model go on, and must it be taken back?

Two consumers with opposite polarity (ops notes of Argo Rollouts 1.8 and Flagger 1.40):

- Argo Rollouts' `web` metric does GET and evaluates the JSON; any other status than 2xx is an *error of measurement*.
  So GET always answers 200 for a known model; `ok` is false for both "roll back" and "cannot say", told apart by
  `insufficient`, so that neither of Argo's conditions holds and the rollout pauses.
- Flagger's confirm gates do POST: 2xx is yes, anything else halts. Its rollback hook does POST too, and there 2xx means
  DO roll back. A failing database is 503: the gate stays shut, and nothing is rolled back.

A model that is routed to its fallback does not pass its gate although its alerts resolve: they do because the fallback
decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from streams.web.endpoints import Answer, Endpoint, Parameter, ProblemError, Schema, json_response
from streams.web.queries import flag, text

_ALERTS = sa.text("""
select to_state, labels, rule, pane_end
from (select distinct on (alert) * from alert_history where model = :model order by alert, transition_no desc) newest
where to_state in ('firing', 'insufficient_data')
order by pane_end
""")
_ROUTE = sa.text("select to_route from control_history where model = :model order by epoch desc limit 1")
_FINDINGS = sa.text("""
select rule, arm, finding from fairdrift.evidence_states
where model = :model and version = :version and arm <> '*' order by rule, arm
""")
_EVALUATED = sa.text("select exists (select from fairdrift.evaluations where model = :model)")

PAGING_SEVERITY = "page"
OUT_OF_PATH = ("fallback", "shadow")


class Decision(StrEnum):
    """What a gate says."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a model: its open alerts (state, labels, rule, since), its route, whether it was ever evaluated.

    `findings`: what the evidence says of one version in each arm (rule, arm, finding), where one was asked about.
    """

    alerts: Sequence[Mapping[str, object]]
    route: str
    evaluated: bool
    findings: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer, as Argo reads it: `ok` and `insufficient` are what its conditions look at."""

    decision: Decision
    failing: tuple[str, ...]
    warnings: tuple[str, ...]
    insufficient: tuple[str, ...]
    since: object
    route: str
    reason: str

    def as_dict(self) -> dict[str, object]:
        """The JSON below `data`."""
        return {
            "ok": self.decision is Decision.PROMOTE,
            "verdict": self.decision.value,
            "failing": len(self.failing),
            "insufficient": self.decision is Decision.HOLD,
            "since": self.since,
            "route": self.route,
            "rules": sorted({*self.failing, *self.warnings, *self.insufficient}),
            "reason": self.reason,
        }


def judge(standing: Standing, version: str | None = None, *, proven: bool = False) -> Verdict:
    """The verdict about a model, or about one of its versions: alerts on another version do not count against it.

    Firing alerts that page mean roll back; so does a route out of the decision path, and evidence against the version in
    any arm. Otherwise an alert that cannot say, or a model that was never evaluated, means hold; with `proven` so does a
    version without evidence that its bounds are kept. Alerts of lesser severity warn only.
    """
    about = [a for a in standing.alerts if version is None or _labels(a).get("version", version) == version]
    firing = [a for a in about if a["to_state"] == "firing"]
    failing = [a for a in firing if _labels(a).get("severity", PAGING_SEVERITY) == PAGING_SEVERITY]
    unsure = [a for a in about if a["to_state"] == "insufficient_data"]
    against = [f for f in standing.findings if f["finding"] == "breach"]
    unproven = [f for f in standing.findings if f["finding"] != "clear"] if proven else []
    if failing:
        decision, reason, since = Decision.ROLLBACK, f"firing: {', '.join(_rules(failing))}", failing[0]["pane_end"]
    elif against:
        failing = against
        decision, reason, since = Decision.ROLLBACK, f"evidence against the version: {_arms(against)}", None
    elif standing.route in OUT_OF_PATH:
        decision, reason, since = Decision.ROLLBACK, f"the model's route is {standing.route}", None
    elif not standing.evaluated:
        decision, reason, since = Decision.HOLD, "the model has not been evaluated yet", None
    elif unsure:
        decision, reason, since = (
            Decision.HOLD,
            f"not enough data for {', '.join(_rules(unsure))}",
            unsure[0]["pane_end"],
        )
    elif unproven or (proven and not standing.findings):
        unsure = unproven
        decision, reason, since = Decision.HOLD, f"not yet proven: {_arms(unproven) or 'nothing known of it'}", None
    else:
        decision, reason, since = Decision.PROMOTE, "no alert that pages is firing", None
    warnings = [a for a in firing if a not in failing]
    return Verdict(decision, _rules(failing), _rules(warnings), _rules(unsure), since, standing.route, reason)


def read_standing(engine: sa.Engine, model: str, version: str | None = None) -> Standing:
    """What is known of a model, and of one of its versions."""
    with engine.connect() as connection:
        alerts = [dict(row) for row in connection.execute(_ALERTS, {"model": model}).mappings()]
        route = connection.execute(_ROUTE, {"model": model}).scalar()
        evaluated = bool(connection.execute(_EVALUATED, {"model": model}).scalar())
        asked = {"model": model, "version": version}
        findings = [] if version is None else [dict(row) for row in connection.execute(_FINDINGS, asked).mappings()]
    return Standing(alerts, route or "live", evaluated, findings)


def endpoints(engine: sa.Engine, models: Sequence[str]) -> list[Endpoint]:
    """The gate, and Flagger's rollback hook."""

    def verdict(request: Request) -> Verdict:
        model = request.path_params["model"]
        if model not in models:
            raise ProblemError(404, "no such model is configured")
        asked = request.query_params
        version = text(asked["version"], "version") if "version" in asked else None
        proven = flag(asked.get("proven", "false"), "proven")
        if proven and version is None:
            raise ProblemError(400, "`proven` is about a version: give `version` too")
        return judge(read_standing(engine, model, version), version, proven=proven)

    def gate(request: Request) -> Response:
        return json_response({"data": verdict(request).as_dict()})

    def confirm(request: Request) -> Response:
        found = verdict(request)
        return PlainTextResponse(
            f"{found.decision}: {found.reason}", 200 if found.decision is Decision.PROMOTE else 409
        )

    def rollback(request: Request) -> Response:
        found = verdict(request)
        return PlainTextResponse(
            f"{found.decision}: {found.reason}", 200 if found.decision is Decision.ROLLBACK else 409
        )

    path = "/gate/{model}"
    verdicts = {200: Answer("the verdict", _GATE), **_FAILURES}
    yes = {
        200: Answer("yes; the reason", _TEXT, "text/plain"),
        409: Answer("no, or cannot say; the reason", _TEXT, "text/plain"),
    }
    back = {200: Answer("DO roll back; the reason", _TEXT, "text/plain"), 409: Answer("do not", _TEXT, "text/plain")}
    return [
        Endpoint(path, ("GET",), gate, "Whether a rollout may go on (Argo Rollouts)", verdicts, (_VERSION, _PROVEN)),
        Endpoint(
            path, ("POST",), confirm, "Whether a rollout may go on (Flagger)", yes | _FAILURES, (_VERSION, _PROVEN)
        ),
        Endpoint(
            f"{path}/rollback",
            ("POST",),
            rollback,
            "Whether to take it back (Flagger)",
            back | _FAILURES,
            (_VERSION, _PROVEN),
        ),
    ]


_TEXT: Schema = {"type": "string"}
_VERSION = Parameter("version", "Judge this version: alerts on other versions do not count")
_PROVEN = Parameter(
    "proven", "Hold until there is evidence that this version keeps its bounds", {"enum": ["true", "false"]}
)
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_FAILURES = {
    400: Answer("a parameter cannot be read", _PROBLEM, "application/problem+json"),
    404: Answer("no such model", _PROBLEM, "application/problem+json"),
    503: Answer("the database does not answer", _PROBLEM, "application/problem+json"),
}
_GATE = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "object",
            "required": ["ok", "verdict", "failing", "insufficient", "since", "route", "rules", "reason"],
            "properties": {
                "ok": {"type": "boolean"},
                "verdict": {"enum": [decision.value for decision in Decision]},
                "failing": {"type": "integer"},
                "insufficient": {"type": "boolean"},
                "since": {"type": ["string", "null"]},
                "route": {"type": "string"},
                "rules": {"type": "array", "items": {"type": "string"}},
                "reason": {"type": "string"},
            },
        }
    },
}


def _labels(alert: Mapping[str, object]) -> Mapping[str, object]:
    labels = alert["labels"]
    return labels if isinstance(labels, Mapping) else {}


def _rules(alerts: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(sorted({str(alert["rule"]) for alert in alerts}))


def _arms(findings: Sequence[Mapping[str, object]]) -> str:
    return ", ".join(f"{found['rule']} in {found['arm']}" for found in findings)
