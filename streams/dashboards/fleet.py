"""The board "Fleet": every model at a glance. Which is outside its bound, what fires, what is routed away, what cannot be said."""

from grafana_foundation_sdk.builders import stat, statetimeline, table
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards import fleet_sql as queries
from streams.dashboards import panels
from streams.dashboards.board import UIDS, board, filled
from streams.dashboards.colours import CANNOT_SAY, INSIDE, NEAR, ORANGE, OUTSIDE, ROUTES, VERMILION, named, steps

STANDINGS = named({
    "0": ("cannot say", CANNOT_SAY),
    "1": ("inside", INSIDE),
    "2": ("outside, chance would do", NEAR),
    "3": ("outside beyond chance", OUTSIDE),
})  # fmt: skip
STATES = named({
    "firing": ("firing", OUTSIDE),
    "pending": ("pending", NEAR),
    "insufficient_data": ("insufficient data", CANNOT_SAY),
    "resolved": ("resolved", INSIDE),
    "inactive": ("inactive", INSIDE),
})  # fmt: skip
WAYS = named({str(place): (route, colour) for place, (route, colour) in enumerate(ROUTES.items(), 1)})
ROUTE_NAMES = named({route: (route, colour) for route, colour in ROUTES.items()})

Value = models.DynamicConfigValue


def build() -> models.Dashboard:
    """The board, in Grafana's classic schema."""
    empty = board(
        "fleet", "Fleet", "Every model: its worst disparity against its bound, alerts, routes, labels.", "now-7d"
    )
    rows = (
        ("", (_firing(), _outside(), _away(), _silent())),
        ("", (_alerts(), _worst(), _routes(), _coverage())),
    )
    return filled(empty, rows)


def _count(title: str, description: str, sql: str, colour: str) -> stat.Panel:
    return panels.number(title, description, sql, "no rule keeps evidence yet").thresholds(steps(INSIDE, (1, colour)))


def _firing() -> stat.Panel:
    return _count("Alerts firing", "At the end of the shown time.", queries.FIRING, VERMILION)


def _outside() -> stat.Panel:
    text = "Models with a disparity whose whole interval is outside the bound in force, in the newest window."
    return _count("Models outside, beyond chance", text, queries.OUTSIDE, VERMILION)


def _away() -> stat.Panel:
    text = "Models whose route is canary, shadow or fallback."
    return _count("Models not live", text, queries.AWAY, ORANGE)


def _silent() -> stat.Panel:
    text = (
        "Models with a watched disparity that has no number: no data in the shown time, too few people, no denominator."
    )
    return _count("Models that cannot say", text, queries.CANNOT_SAY, CANNOT_SAY)


def _alerts() -> table.Panel:
    text = "What fires, whom it is about, since when, and who has it. The model's name leads to its board, the rule to the alert's."
    panel = panels.rows("Alerts", text, queries.ALERTS, "No alert has changed in the shown time, and none fires.")
    panels.coloured(panel, "state", STATES)
    panels.coloured(panel, "route", ROUTE_NAMES, 90)
    panels.linked(panel, "model", "The model", f"/d/{UIDS['model']}?var-model=${{__value.raw}}&${{__url_time_range}}")
    panels.linked(
        panel, "rule", "The alert", f"/d/{UIDS['alert']}?var-alert=${{__data.fields.alert}}&${{__url_time_range}}"
    )
    panels.hidden(panel, "alert")
    panel.override_by_name("affected", [Value("custom.width", 380)])
    panel.override_by_name("since", [Value("unit", "dateTimeFromNow"), Value("custom.width", 130)])
    return panel.height(7)


def _worst() -> statetimeline.Panel:
    text = (
        "The worst of all watched disparities of each model against the bound in force: inside; outside, where the interval still"
        " reaches the bound; outside with its whole interval. Pages need evidence beside it: see the model."
    )
    return panels.timeline(
        "Worst disparity against its bound", text, queries.WORST, STANDINGS,
        "No watched disparity has a point in the shown time: is a threshold rule configured, and does a worker run?",
    )  # fmt: skip


def _routes() -> statetimeline.Panel:
    text = "What each model is asked to do. Live unless somebody or a rule changed it."
    return panels.timeline("Routes", text, queries.ROUTES, WAYS, "No model has been measured yet.").height(8)


def _coverage() -> table.Panel:
    text = "Share of decisions with a label, of the newest window whose labels were looked at (after a day, 7, 30), and the newest window."
    panel = panels.rows(
        "Label coverage and freshness", text, queries.COVERAGE, "No window was evaluated in the shown time."
    )
    gauge = Value("custom.cellOptions", {"type": "gauge", "mode": "basic"})
    panel.override_by_name("label coverage", [gauge, Value("unit", "percentunit"), Value("min", 0), Value("max", 1)])
    panel.override_by_name("decisions", [Value("decimals", 0)])
    for column in ("newest window", "coverage of the window until"):
        panel.override_by_name(column, [Value("unit", "dateTimeFromNow")])
    return panel.thresholds(steps(INSIDE))
