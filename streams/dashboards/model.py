"""The board "Model": for whoever was just woken. Is it real, who is affected, since when, what has been done; then everything else.

Undefined, suppressed and stale numbers are null and so are gaps in the lines, never zeros; the table of groups says
which it is. Points of another revision than the newest are not shown, but what was restated is listed.
"""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards import model_sql as queries
from streams.dashboards import panels
from streams.dashboards.board import UIDS, board, filled
from streams.dashboards.colours import BLUE, GREEN, ORANGE, VERMILION, by_value, fixed, missing
from streams.dashboards.fleet import STATES
from streams.dashboards.sql import Annotations, variable

Value = models.DynamicConfigValue

NO_POINTS = (
    "No points in the shown time: choose a longer one, another window, or see under Service whether a worker runs."
)


def build() -> models.Dashboard:
    """The board, in Grafana's classic schema."""
    text = "Parity of one model between groups of people, with n, intervals, evidence, alerts and what was done."
    empty = board("model", "Model", text, "now-7d").variables(_variables()).annotations(annotations())
    rows = (
        ("", (_real(), _affected(), _since(), _done())),
        ("Parity", (_parity(), _evidence(), _stratified())),
        ("Groups", (_groups_table(), _intersections(), _groups_over_time(), panels.counts(queries.COUNTS, NO_POINTS))),
        ("Labels and restatements", (_labels(), _restated())),
        ("History", (_changes(),)),
    )
    return filled(empty, rows)


def _variables() -> list[Builder[models.VariableModel]]:
    return [
        variable("model", "Model", queries.MODELS),
        variable("metric", "Metric", queries.METRICS),
        variable("attribute_set", "Attributes", queries.ATTRIBUTE_SETS, multi=True),
        variable("comparison", "Comparison", queries.COMPARISONS),
        variable("basis", "By time of", queries.BASES),
        variable("window", "Window", queries.WINDOWS),
        variable("version", "Version", queries.VERSIONS),
        variable("arm", "Arm", queries.ARMS),
    ]


def annotations() -> list[Builder[models.AnnotationQuery]]:
    """Alerts, routes and deployments."""
    return [
        Annotations("Alerts", VERMILION, queries.ALERTS),
        Annotations("Routes", BLUE, queries.ROUTES),
        Annotations("Deployments", GREEN, queries.DEPLOYMENTS),
    ]


def _real() -> stat.Panel:
    text = "Whether an alert fires, and the evidence of the family that has the most of what a page needs."
    return panels.told("Is it real?", text, queries.REAL, "This model has no alert and keeps no evidence.")


def _affected() -> stat.Panel:
    text = "The groups of the alert that fires, with their values and counts; else the two furthest apart."
    return panels.told("Who is affected?", text, queries.AFFECTED_NOW, NO_POINTS)


def _since() -> stat.Panel:
    text = "Since when it fires, and when the change most likely was."
    return panels.told("Since when?", text, queries.SINCE, "It never fired.")


def _done() -> stat.Panel:
    return panels.told("What has been done?", "The route in force, and who has the alert.", queries.DONE, "Nothing.")


def _parity() -> timeseries.Panel:
    text = "The disparity with its simultaneous interval, and the bound of the rule that watches it (dashed)."
    panel = panels.line("$metric, $comparison: $attribute_set", text, queries.PARITY, NO_POINTS)
    panel.repeat("attribute_set").repeat_direction("h").height(9).span(24)
    return panels.banded(panel, "value", BLUE)


def _evidence() -> timeseries.Panel:
    text = "Evidence against the bound, in natural logarithms, and what a page needs (dashed). Below 0 nothing speaks for a breach."
    empty = "No rule keeps evidence on this metric and these attributes."
    panel = panels.line("Evidence", text, queries.EVIDENCE, empty).unit("none").decimals(1)
    needed = [fixed(VERMILION), panels.DASHED, Value("custom.lineWidth", 1)]
    return panel.override_by_regexp("/^needed/", needed).color_scheme(
        by_value(models.FieldColorModeId.CONTINUOUS_BLUES)
    )


def _stratified() -> timeseries.Panel:
    text = "The gap as it is, and within levels of the legitimate factors, put together again. A gap that vanishes is explained by them."
    panel = panels.line("Raw beside stratified", text, queries.STRATIFIED, NO_POINTS)
    panel.override_by_regexp("/raw/", [fixed(BLUE)])
    return panel.override_by_regexp("/within/", [fixed(ORANGE), panels.DASHED])


def _groups_table() -> table.Panel:
    text = "Every group of the chosen attributes; a number that is missing says why in its state."
    panel = panels.rows("Groups in the newest window", text, queries.GROUP_TABLE, NO_POINTS)
    for column in ("n", "numerator", "denominator"):
        panel.override_by_name(column, [Value("decimals", 0), Value("custom.width", 100)])
    panel.override_by_name("label coverage", [Value("unit", "percentunit"), Value("decimals", 0)])
    hidden = [missing("hidden or undefined").to_json()]
    for column in ("value", "low", "high"):
        panel.override_by_name(column, [Value("mappings", hidden)])
    return panel.height(9).span(14)


def _intersections() -> table.Panel:
    text = "The metric of each intersection of two attributes in the newest window: blue is low, red is high."
    panel = panels.rows(
        "Intersections", text, queries.INTERSECTIONS, "This model stores no intersections of two attributes."
    )
    matrix = {"columnField": "second", "rowField": "first", "valueField": "value", "emptyValue": "null"}
    panel.with_transformation(models.DataTransformerConfig(id_val="groupingToMatrix", options=matrix))
    cell = {"type": "color-background", "mode": "basic"}
    panel.override_by_field_type("number", [Value("custom.cellOptions", cell)])
    panel.mappings([missing("too few")]).color_scheme(by_value(models.FieldColorModeId.CONTINUOUS_BL_YL_RD))
    return panel.height(9).span(10)


def _groups_over_time() -> timeseries.Panel:
    text = "One line per group, coloured by its newest value; gaps are undefined or suppressed."
    return panels.many_lines(panels.line("$metric by group", text, queries.GROUPS, NO_POINTS))


def _labels() -> timeseries.Panel:
    text = (
        "Share of decisions with a label, known a day after the window at the earliest. Labels arrive late: new windows have"
        " few, and uneven ones suspend outcome rules."
    )
    empty = "Not known: the model has no metric of labels, or no window in the shown time is a day old yet."
    return panels.share(panels.many_lines(panels.line("Label coverage", text, queries.LABELS, empty)))


def _restated() -> table.Panel:
    text = "Windows that later events changed: what was read first, and what is read now."
    panel = panels.rows("Restatements", text, queries.RESTATED, "Nothing was restated in the shown time.")
    for column in ("more events", "revision"):
        panel.override_by_name(column, [Value("decimals", 0)])
    return panel.height(9).span(12)


def _changes() -> table.Panel:
    text = "Every change of state of this model's alerts; the rule leads to the alert."
    panel = panels.rows("Changes of state", text, queries.CHANGES, "No alert of this model changed in the shown time.")
    panels.coloured(panel, "to", STATES)
    panels.linked(
        panel, "rule", "The alert", f"/d/{UIDS['alert']}?var-alert=${{__data.fields.alert}}&${{__url_time_range}}"
    )
    panels.hidden(panel, "alert")
    return panel.override_by_name("summary", [Value("custom.width", 480)])
