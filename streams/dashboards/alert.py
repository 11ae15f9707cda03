"""The board "Alert": one alert, with its evidence over time. Pages link to it."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards import alert_sql as queries
from streams.dashboards import panels
from streams.dashboards.board import board, filled
from streams.dashboards.colours import BLUE, GREEN, VERMILION, fixed
from streams.dashboards.fleet import STATES
from streams.dashboards.sql import Annotations, variable

Value = models.DynamicConfigValue

CHOOSE = "No alert is chosen, or it has nothing in the shown time: choose one above, or a longer time."


def build() -> models.Dashboard:
    """The board, in Grafana's classic schema."""
    text = "One alert: is it real, who is affected, since when, what has been done, and its evidence over time."
    empty = board("alert", "Alert", text, "now-2d").variables([variable("alert", "Alert", queries.ALERTS)])
    empty.annotations(
        [
            Annotations("Firing", VERMILION, queries.REGIONS),
            Annotations("Routes", BLUE, queries.ROUTES),
            Annotations("Deployments", GREEN, queries.DEPLOYMENTS),
        ]
    )
    rows = (
        ("", (_told("Is it real?", queries.REAL), _told("Who is affected?", queries.WHO),
              _told("Since when?", queries.SINCE), _told("What has been done?", queries.DONE))),
        ("", (_evidence(), _gap(), _groups(), panels.counts(queries.COUNTS, CHOOSE))),
        ("", (_story(), _actions())),
    )  # fmt: skip
    return filled(empty, rows)


def _told(title: str, sql: str) -> stat.Panel:
    return panels.told(title, "As it stood at the end of the shown time.", sql, CHOOSE)


def _evidence() -> timeseries.Panel:
    text = "Evidence against the bound, in natural logarithms, and what a page needs (dashed)."
    empty = "This rule keeps no evidence, or it has none in the shown time."
    panel = panels.line("Evidence", text, queries.EVIDENCE, empty).decimals(1)
    panel.override_by_name("evidence", [fixed(BLUE)])
    return panel.override_by_name("needed", [fixed(VERMILION), panels.DASHED, Value("custom.lineWidth", 1)])


def _gap() -> timeseries.Panel:
    text = "The disparity that the rule watches, with its interval and the bound that it broke (dashed)."
    return panels.banded(panels.line("The gap", text, queries.GAP, CHOOSE), "value", BLUE)


def _groups() -> timeseries.Panel:
    text = "Every group of the attribute set; coloured by the newest value."
    return panels.many_lines(panels.line("By group", text, queries.GROUPS, CHOOSE))


def _story() -> table.Panel:
    text = "Every change of state, and what was told: raw and within strata of the legitimate factors side by side."
    panel = panels.rows("Changes of state", text, queries.STORY, CHOOSE)
    panels.coloured(panel, "to", STATES)
    return panel.override_by_name("what was told", [Value("custom.width", 480)])


def _actions() -> table.Panel:
    text = "Routes, acknowledgements and deployments of the model."
    return panels.rows("What was done, and by whom", text, queries.ACTIONS, "Nothing has been done yet.")
