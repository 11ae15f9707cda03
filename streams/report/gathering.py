"""Puts an impact assessment together: reads the views in one snapshot, and works out what follows from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from alerts.config import EVERY_MODEL, PolicyConfig, ThresholdConfig
from monitor.config import ModelConfig
from monitor.metrics import metric
from monitor.policies import SCORING_RATE, Context, registry
from streams.audit.gating import configured, find
from streams.exporter import build_version
from streams.report.findings import (
    Applied,
    Assessment,
    Configured,
    Delivery,
    Incident,
    Moment,
    Period,
    RouteStep,
    Totals,
    Version,
    Watched,
    What,
)
from streams.report.incidents import Change, incidents
from streams.report.mechanism import mechanism
from streams.report.scoring import scoring
from streams.report.totals import applied, totals
from streams.report.views import Views
from streams.settings import Settings

AS_OF_NOW = timedelta(minutes=5)
"""Histograms are kept as they are counted now: a report as of an earlier time has no scoring rates."""

WEIGHED = "its figures are of weights, and policies count people"

_OUTBOX = sa.text("""
select receiver, channel, reason, sent_at, dead_at from fairdrift.outbox
where created_at <= :as_of and (alert = :alert or payload -> 'alerts' @> jsonb_build_array(jsonb_build_object('alert', cast(:alert as text))))
order by id
""")
_ACKNOWLEDGED = sa.text("""
select acknowledged_by, acknowledged_at, comment from fairdrift.acknowledgements
where alert = :alert and episode = :episode and acknowledged_at <= :as_of order by acknowledged_at
""")
_CONFIGURATIONS = sa.text("""
select version, body, first_used from fairdrift.config_versions where first_used <= :as_of order by first_used, version
""")
_USED = sa.text("""
select config_version from fairness_disparity_as_of(:as_of) where model = :model and window_end > :start and window_end <= :end
union select config_version from alert_history_as_of(:as_of) where model = :model and pane_end > :start and pane_end <= :end
""")


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: a model over a period, as of a time; `policies` by name beside those of the configuration."""

    model: ModelConfig
    period: Period
    policies: tuple[str, ...] = ()


def gather(engine: sa.Engine, settings: Settings, request: Request) -> Assessment:
    """The assessment, from one snapshot of the database."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(sa.text("set local statement_timeout = '5min'"))
        return _Gathering(Views(connection, request.model.name, request.period), settings, request).assessment()


def newest(engine: sa.Engine, model: str) -> datetime | None:
    """Up to when a model's decisions are evaluated."""
    query = sa.text(
        "select to_timestamp(max(last_end_ms) / 1000.0) from fairdrift.evaluations where model = :model and time_basis = 'decision'"
    )
    with engine.connect() as connection:
        found: datetime | None = connection.execute(query, {"model": model}).scalar()
        return found


@dataclass(frozen=True, slots=True)
class _Gathering:
    views: Views
    settings: Settings
    request: Request

    def assessment(self) -> Assessment:
        model, period = self.request.model, self.request.period
        all_routes = [_step(row) for row in self.views.routes()]
        versions = [_version(row) for row in self.views.versions()]
        summed = list(self._totals())
        return Assessment(
            model=model.name,
            period=period,
            made_at=datetime.now(UTC),
            program=build_version(),
            attributes={name: tuple(each.groups) for name, each in model.attributes.items()},
            references={name: each.reference for name, each in model.attributes.items() if each.reference},
            factors=tuple(model.factors),
            labels=str(model.labels),
            display_min=model.display_min,
            watched=tuple(self._watched()),
            incidents=tuple(self._incidents(all_routes, versions)),
            routes=tuple(_inside(all_routes, period)),
            versions=tuple(versions),
            totals=tuple(summed),
            applied=tuple(self._applied(summed)),
            configurations=tuple(self._configurations()),
            budget=_budget(self.settings),
            weighted=model.weight_unit is not None,
        )

    # --- rules over the period

    def _watched(self) -> Iterator[Watched]:
        model = self.request.model
        for rule in self.settings.rules:
            if not isinstance(rule, ThresholdConfig) or rule.model not in (EVERY_MODEL, model.name):
                continue
            sets = [rule.attributes] if rule.attributes is not None else [(name,) for name in sorted(model.attributes)]
            for attributes in sets:
                yield self._of_rule(rule, attributes)

    def _of_rule(self, rule: ThresholdConfig, attributes: tuple[str, ...]) -> Watched:
        basis = "decision" if metric(rule.metric).needs in ("decision", "score", "value") else "outcome"
        method = rule.method if rule.aggregate else ""
        what = What(metric(rule.metric).name, rule.aggregate or "", method, attributes, rule.window // 1000, basis)
        period, views = self.request.period, self.views
        evidence, needed = views.evidence(rule.name, what)
        first = views.oldest(what, period.start + what.window) if rule.aggregate else None
        last = views.newest(what, period.end) if rule.aggregate else None
        return Watched(
            rule.name, rule.severity, what, rule.bound.min, rule.bound.max,
            tuple(views.gaps(what) if rule.aggregate else views.levels(what)), evidence, needed,
            None if first is None else views.moment("at the beginning", what, first),
            None if last is None or last <= period.start else views.moment("at the end", what, last),
        )  # fmt: skip

    # --- incidents

    def _incidents(self, routes: Sequence[RouteStep], versions: Sequence[Version]) -> Iterator[Incident]:
        changes = [
            Change(row["alert"], row["rule"], row["labels"], row["to_state"], row["pane_end"], row["payload"])
            for row in self.views.history()
        ]
        for one in incidents(changes, routes, self.request.period.start):
            told, acknowledged = self._told(one)
            found = replace(one, told=told, acknowledged=acknowledged)
            moments = self._moments(found)
            at = next((each for each in moments if each.called == AT), None)
            before = next((each for each in moments if each.called == BEFORE), None)
            said = () if at is None else mechanism(found, before, at, versions)
            yield replace(found, moments=tuple(moments), mechanism=said)

    def _moments(self, one: Incident) -> list[Moment]:
        """Before it began, at the page, and after it ended (or the newest, while it goes on)."""
        what, views = one.what, self.views
        if what is None:
            return []
        found = []
        before = views.newest(what, one.began or one.fired - what.window)
        if before is not None:
            found.append(views.moment(BEFORE, what, before))
        at = views.newest(what, one.fired)
        if at is not None and at != before:
            found.append(views.moment(AT, what, at, versions=True))
        after = None if one.ended is None else views.oldest(what, one.ended + what.window)
        called = AFTER
        if after is None:  # no whole window lies after it
            called, after = NOW, views.newest(what, self.request.period.end)
        if after is not None and after > one.fired:
            found.append(views.moment(called, what, after))
        return found

    def _told(self, one: Incident) -> tuple[tuple[Delivery, ...], tuple[str, ...]]:
        values = {"alert": one.alert, "as_of": self.request.period.as_of, "episode": one.payload.get("episode", 1)}
        rows = self.views.connection.execute(_OUTBOX, values).mappings().all()
        told = tuple(_delivery(row, self.request.period.as_of) for row in rows)
        acknowledged = tuple(
            f"{row.acknowledged_by}, {row.acknowledged_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            + (f": {row.comment}" if row.comment else "")
            for row in self.views.connection.execute(_ACKNOWLEDGED, values)
        )
        return told, acknowledged

    # --- totals and policies

    def _totals(self) -> Iterator[Totals]:
        model = self.request.model
        for name in model.metrics or ("selection_rate", "mean_value", "mean_score"):
            one = metric(name)
            if one.kind not in ("rate", "mean") or one.name == SCORING_RATE:  # medians of windows differ
                continue
            found = totals(self.views, model, one.name, "decision" if one.needs != "label" else "outcome")
            if found is not None:
                yield found
        if datetime.now(UTC) - self.request.period.as_of < AS_OF_NOW:
            found = scoring(self.views.connection, model, self.request.period)
            if found is not None:
                yield found

    def _applied(self, summed: Sequence[Totals]) -> Iterator[Applied]:
        model, last = self.request.model, (self.request.period.end - timedelta(milliseconds=1)).date()
        references = {name: each.reference for name, each in model.attributes.items() if each.reference}
        mine = [one for one in self.settings.policies if model.name in one.models and one.policy]
        wanted: Mapping[str, PolicyConfig | None] = {
            **dict.fromkeys((*standing(), *self.request.policies)),
            **{one.name: one for one in mine},
        }
        for name, given in wanted.items():
            if given is None and any(one.policy == name for one in mine):
                continue
            asked = configured(given) if given is not None else None
            context = asked.context if asked is not None else Context()
            context = replace(context, references={**references, **context.references})
            versions = asked.versions if asked is not None else find(name)
            if model.weight_unit is not None:
                yield Applied(name, None, WEIGHED, versions[-1].report.heading)
            else:
                yield applied(name, versions, context, summed, last)

    # --- configuration

    def _configurations(self) -> Iterator[Configured]:
        period = self.request.period
        values = {"as_of": period.as_of, "model": self.request.model.name, "start": period.start, "end": period.end}
        used = set(self.views.connection.execute(_USED, values).scalars())
        before: Mapping[str, object] | None = None
        for row in self.views.connection.execute(_CONFIGURATIONS, {"as_of": period.as_of}):
            body = row.body
            if row.version in used:
                changed = (
                    ()
                    if before is None
                    else tuple(sorted(key for key in {*body, *before} if body.get(key) != before.get(key)))
                )
                yield Configured(row.version, row.first_used, changed)
                used.discard(row.version)
            before = body


def standing() -> list[str]:
    """The policies whose tables every report has."""
    return [name for name, versions in registry().items() if versions[-1].report.standing]


BEFORE, AT, AFTER, NOW = "before", "when it fired", "after", "at the end"


def _budget(settings: Settings) -> str:
    pages, tickets = settings.budget.pages, settings.budget.tickets
    return f"{pages:g} false {'page' if pages == 1 else 'pages'} and {tickets:g} false {'ticket' if tickets == 1 else 'tickets'}"


def _step(row: sa.RowMapping) -> RouteStep:
    return RouteStep(
        row["effective_at"],
        row["from_route"],
        row["to_route"],
        row["percent"],
        row["changed_by"],
        row["reason"],
        row["alert"],
    )


def _inside(routes: Sequence[RouteStep], period: Period) -> list[RouteStep]:
    """The changes in the period, and the last one before it: what was in force at its beginning."""
    earlier = [step for step in routes if step.at < period.start]
    return [*earlier[-1:], *(step for step in routes if step.at >= period.start)]


def _version(row: sa.RowMapping) -> Version:
    return Version(row["version"], row["arm"], row["first"], row["last"])


def _delivery(row: sa.RowMapping, as_of: datetime) -> Delivery:
    sent = row["sent_at"] is not None and row["sent_at"] <= as_of
    status = (
        "sent" if sent else "failed for good" if row["dead_at"] is not None and row["dead_at"] <= as_of else "waiting"
    )
    return Delivery(row["receiver"], row["channel"], status, row["sent_at"] if sent else None, row["reason"])
