"""Parity now, read from the views: what `fairdrift status` shows and prints as JSON.

"Now" is the newest point of each series within one window of the pane evaluated last, in event time, so that it means the
same while history is replayed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from alerts.config import EVERY_MODEL, RuleConfig, ThresholdConfig
from monitor.config import ModelConfig
from monitor.metrics import metric
from monitor.times import DAY, format_duration
from streams.settings import Settings

_EVALUATED = sa.text("""
select model, time_basis, to_timestamp(last_end_ms / 1000.0) as last_end from fairdrift.evaluations
where time_basis in ('decision', 'outcome')
""")
_NEWEST_ROUTES = sa.text("select distinct on (model) * from control_history order by model, epoch desc")
_OPEN_ALERTS = sa.text("""
select * from (select distinct on (alert) * from alert_history order by alert, transition_no desc) newest
where to_state in ('pending', 'firing', 'insufficient_data') order by model, rule, pane_end
""")
_PROOFS = sa.text("""
select rule, metric, attribute_set, reading, to_timestamp(pane_end_ms / 1000.0) as pane_end from fairdrift.evidence_states
where model = :model and version = '*' and arm = '*' order by rule, attribute_set
""")
_STREAMS = sa.text("""
select stream, count(*) as partitions, max(updated_at) as committed, min(prediction_clock) as slowest, max(prediction_clock) as fastest
from stream_health group by stream order by stream
""")
_OF_SERIES = """
from {view}
where model = :model and version = '*' and arm = '*' and stratum = '{{}}' and label_class = ''
  and time_basis = :basis and window_seconds = :window
  and window_end > :until - make_interval(secs => :window) and window_end <= :until
"""
_DISPARITIES = sa.text(
    "select distinct on (attribute_set, metric, aggregate, method) attribute_set, metric, aggregate, method, value, ci_low,"
    " ci_high, n, state, lower_group, higher_group, window_end"
    + _OF_SERIES.format(view="fairness_disparity")
    + "order by attribute_set, metric, aggregate, method, window_end desc"
)
_GROUPS = sa.text(
    "select distinct on (attribute_set, group_values, metric) attribute_set, group_values, metric, value, ci_low, ci_high, n,"
    " numerator, denominator, state, label_coverage, window_end"
    + _OF_SERIES.format(view="fairness_group")
    + "order by attribute_set, group_values, metric, window_end desc"
)

TREND = 24
"""So many windows beside each other make a trend."""

_TRENDS = sa.text("""
select attribute_set, metric, aggregate, method, window_end, value from fairness_disparity
where model = :model and version = '*' and arm = '*' and stratum = '{}' and label_class = ''
  and time_basis = :basis and window_seconds = :window and window_end = any(:ends)
""")


class Parity(msgspec.Struct, frozen=True):
    """One disparity now. `judged_by` are the rules that look at it."""

    attributes: list[str]
    metric: str
    aggregate: str
    method: str
    state: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    lower_group: dict[str, str] | None
    higher_group: dict[str, str] | None
    window_end: datetime
    judged_by: list[str]
    minimum: float | None = None
    """The narrowest bound of the rules that look at it."""
    maximum: float | None = None
    trend: list[float | None] = []
    """Its value in each of the last windows beside each other, the newest last; null where there is none."""


class Group(msgspec.Struct, frozen=True):
    """One metric of one group now."""

    attributes: list[str]
    groups: dict[str, str]
    metric: str
    state: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    numerator: float | None
    denominator: float | None
    label_coverage: float | None
    window_end: datetime


class Window(msgspec.Struct, frozen=True):
    """One window of one time basis."""

    window: str
    time_basis: str
    parity: list[Parity]
    groups: list[Group]


class Alert(msgspec.Struct, frozen=True):
    """An alert that is pending, firing, or cannot say."""

    rule: str
    state: str
    since: datetime
    severity: str
    attributes: str
    summary: str


class Proof(msgspec.Struct, frozen=True):
    """How much evidence a rule has against what a page needs (nats), for one attribute set; `stands` from page to recovery."""

    rule: str
    metric: str
    attributes: list[str]
    log_evidence: float
    needed: float
    stands: bool
    leading_group: dict[str, str]
    pane_end: datetime


class Route(msgspec.Struct, frozen=True):
    """What the model is asked to do."""

    route: str
    percent: float | None
    epoch: int
    reason: str
    changed_by: str
    since: datetime | None


class Model(msgspec.Struct, frozen=True):
    """One model."""

    model: str
    evaluated_to: dict[str, datetime]
    route: Route
    alerts: list[Alert]
    windows: list[Window]
    evidence: list[Proof] = []


class StreamState(msgspec.Struct, frozen=True):
    """One pair of topics: when something was last committed, and the event times of its slowest and fastest partition."""

    stream: str
    partitions: int
    committed: datetime
    slowest: datetime | None
    fastest: datetime | None


class Status(msgspec.Struct, frozen=True):
    """Everything that `fairdrift status` tells."""

    at: datetime
    models: list[Model]
    streams: list[StreamState]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: one model or all (empty), these windows (ms) or those of the rules (empty), all metrics or the judged."""

    model: str = ""
    windows: tuple[int, ...] = ()
    everything: bool = False


def read_status(engine: sa.Engine, settings: Settings, wanted: Wanted = Wanted()) -> Status:
    """What the views know now, in one snapshot."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        at = connection.execute(sa.text("select now()")).scalar_one()
        evaluated: dict[str, dict[str, datetime]] = {}
        for row in connection.execute(_EVALUATED):
            evaluated.setdefault(row.model, {})[row.time_basis] = row.last_end
        routes = {row["model"]: row for row in connection.execute(_NEWEST_ROUTES).mappings()}
        alerts = list(connection.execute(_OPEN_ALERTS).mappings())
        models = [
            Model(
                model.name,
                evaluated.get(model.name, {}),
                _route(routes.get(model.name)),
                [_alert(row) for row in alerts if row["model"] == model.name],
                list(_windows(connection, settings, model, (evaluated.get(model.name, {}), wanted))),
                [_proof(row) for row in connection.execute(_PROOFS, {"model": model.name}).mappings()],
            )
            for model in settings.models
            if wanted.model in ("", model.name)
        ]
        streams = [StreamState(**row) for row in connection.execute(_STREAMS).mappings()]
    return Status(at, models, streams)


def shown_windows(model: ModelConfig, rules: Sequence[RuleConfig], wanted: Wanted) -> tuple[int, ...]:
    """The windows to show, in ms: those asked for, else those that rules look at, else the one nearest to a day."""
    if wanted.windows:
        return wanted.windows
    judged = {
        rule.window for rule in rules if isinstance(rule, ThresholdConfig) and rule.model in (EVERY_MODEL, model.name)
    }
    return tuple(sorted(judged & set(model.windows))) or (min(model.windows, key=lambda window: abs(window - DAY)),)


def judged_by(rules: Sequence[RuleConfig], model: str, window: int, point: sa.RowMapping) -> list[ThresholdConfig]:
    """The rules that look at a disparity."""
    return [
        rule
        for rule in rules
        if isinstance(rule, ThresholdConfig)
        and rule.model in (EVERY_MODEL, model)
        and rule.window == window
        and (metric(rule.metric).name, rule.aggregate, rule.method)
        == (point["metric"], point["aggregate"], point["method"])
        and (
            list(rule.attributes) == point["attribute_set"]
            if rule.attributes is not None
            else bool(point["attribute_set"])
        )
    ]


def _windows(
    connection: sa.Connection, settings: Settings, model: ModelConfig, what: tuple[Mapping[str, datetime], Wanted]
) -> Iterator[Window]:
    evaluated, wanted = what
    for window in shown_windows(model, settings.rules, wanted):
        for basis, until in sorted(evaluated.items()):
            values = {"model": model.name, "basis": basis, "window": window // 1000, "until": until}
            points = connection.execute(_DISPARITIES, values).mappings().all()
            trends = _trends(connection, values, points)
            parity = [
                _parity(row, judged_by(settings.rules, model.name, window, row), trends.get(_series(row), []))
                for row in points
            ]
            shown = [one for one in parity if one.judged_by or wanted.everything or not settings.rules]
            of = {(tuple(one.attributes), one.metric) for one in shown}
            groups = [
                _group(row)
                for row in connection.execute(_GROUPS, values).mappings()
                if wanted.everything or (tuple(row["attribute_set"]), row["metric"]) in of
            ]
            if shown or groups:
                yield Window(format_duration(window), basis, shown, groups)


Series = tuple[tuple[str, ...], str, str, str]


def _series(row: sa.RowMapping) -> Series:
    return tuple(row["attribute_set"]), row["metric"], row["aggregate"], row["method"]


def _trends(
    connection: sa.Connection, values: Mapping[str, object], points: Sequence[sa.RowMapping]
) -> dict[Series, list[float | None]]:
    """Of each series its values in windows beside each other, back from the newest."""
    if not points:
        return {}
    newest = max(row["window_end"] for row in points)
    length = timedelta(seconds=int(str(values["window"])))
    ends = [newest - at * length for at in reversed(range(TREND))]
    place = {end: at for at, end in enumerate(ends)}
    found: dict[Series, list[float | None]] = {}
    for row in connection.execute(_TRENDS, {**values, "ends": ends}).mappings():
        found.setdefault(_series(row), [None] * TREND)[place[row["window_end"]]] = row["value"]
    return {series: trend[_first(trend) :] for series, trend in found.items()}


def _first(trend: Sequence[float | None]) -> int:
    """Where anything is known first."""
    return next((at for at, value in enumerate(trend) if value is not None), len(trend))


def _parity(row: sa.RowMapping, rules: Sequence[ThresholdConfig], trend: list[float | None]) -> Parity:
    least = [rule.bound.min for rule in rules if rule.bound.min is not None]
    most = [rule.bound.max for rule in rules if rule.bound.max is not None]
    return Parity(
        row["attribute_set"], row["metric"], row["aggregate"], row["method"], row["state"], row["value"], row["ci_low"],
        row["ci_high"], row["n"], row["lower_group"], row["higher_group"], row["window_end"], [rule.name for rule in rules],
        max(least, default=None), min(most, default=None), trend,
    )  # fmt: skip


def _group(row: sa.RowMapping) -> Group:
    return Group(
        row["attribute_set"], row["group_values"], row["metric"], row["state"], row["value"], row["ci_low"], row["ci_high"],
        row["n"], row["numerator"], row["denominator"], row["label_coverage"], row["window_end"],
    )  # fmt: skip


def _alert(row: sa.RowMapping) -> Alert:
    labels, payload = row["labels"], row["payload"]
    severity = str(labels.get("severity") or payload.get("severity") or "")
    return Alert(
        row["rule"],
        row["to_state"],
        row["pane_end"],
        severity,
        str(labels.get("attributes", "")),
        str(payload.get("summary") or ""),
    )


def _proof(row: sa.RowMapping) -> Proof:
    reading = row["reading"]
    return Proof(
        row["rule"], row["metric"], row["attribute_set"], reading["log_evidence"], reading["needed"], reading["stands"],
        reading["leading"], row["pane_end"],
    )  # fmt: skip


def _route(row: sa.RowMapping | None) -> Route:
    if row is None:
        return Route("live", None, 0, "", "", None)
    return Route(row["to_route"], row["percent"], row["epoch"], row["reason"], row["changed_by"], row["effective_at"])
