"""The board "Parity": one model over time, each attribute set with its interval and bound, groups with their n.

Undefined, suppressed and stale numbers are null and so are gaps in the lines, never zeros; the table of groups says
which it is. Points of another revision than the newest are not shown.
"""

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards import parity_sql as queries
from streams.dashboards.sql import Annotations, Sql, datasource, variable

UID = "fairdrift-parity"

Value = models.DynamicConfigValue


def build() -> models.Dashboard:
    """The board, in Grafana's classic schema."""
    board = (
        builders.Dashboard("Parity")
        .uid(UID)
        .description("Disparities between groups of people in a model's decisions, with n, intervals and alerts.")
        .tags(["fairdrift"])
        .readonly()
        .timezone("browser")
        .refresh("1m")
        .time("now-7d", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables(_variables())
        .annotations(
            [
                Annotations("Alerts", "red", queries.ALERTS),
                Annotations("Routes", "blue", queries.ROUTES),
            ]
        )
    )
    for panel in (_now(1), _firing(2), _route(3), _coverage(4)):
        board.with_panel(panel)
    board.with_row(builders.Row("Parity over time"))
    board.with_panel(_parity(5))
    board.with_row(builders.Row("Groups"))
    board.with_panel(_groups_over_time(6))
    board.with_panel(_n_over_time(7))
    board.with_panel(_groups_table(8))
    board.with_row(builders.Row("Alerts"))
    board.with_panel(_alert_table(9))
    return board.build()


def _variables() -> list[Builder[models.VariableModel]]:
    bound = (
        builders.TextBoxVariable("bound")
        .label("Bound")
        .description("Drawn where no alert has told the bound of its rule.")
        .default_value("0.8")
        .current(models.VariableOption(selected=True, text="0.8", value="0.8"))
    )
    return [
        variable("model", "Model", queries.MODELS),
        variable("metric", "Metric", queries.METRICS),
        variable("attribute_set", "Attributes", queries.ATTRIBUTE_SETS, multi=True),
        variable("comparison", "Comparison", queries.COMPARISONS),
        variable("basis", "By time of", queries.BASES),
        variable("window", "Window", queries.WINDOWS),
        bound,
    ]


def _line(id_val: int, title: str, description: str, sql: str) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .id(id_val)
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql))
        .show_points(shapes.VisibilityMode.AUTO)
        .line_width(2)
        .fill_opacity(0)
        .span_nulls(False)
        .legend(common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    )


def _stat(id_val: int, title: str, description: str, sql: str) -> stat.Panel:
    return (
        stat.Panel()
        .id(id_val)
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql, "table"))
        .reduce_options(common.ReduceDataOptions().values(True).calcs([]))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .no_value("no data")
        .height(4)
        .span(6)
    )


def _now(id_val: int) -> stat.Panel:
    return _stat(id_val, "Now", "The newest value of each chosen attribute set.", queries.NOW).decimals(3)


def _firing(id_val: int) -> stat.Panel:
    steps = [models.Threshold(color="green"), models.Threshold(value=1, color="red")]
    thresholds = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
    text = "Alerts of this model that fire at the end of the range."
    return _stat(id_val, "Alerts firing", text, queries.FIRING).thresholds(thresholds)


def _route(id_val: int) -> stat.Panel:
    text = "What the model is asked to do: live, canary, shadow or fallback."
    every_field = common.ReduceDataOptions().values(True).calcs([]).fields("/.*/")
    return _stat(id_val, "Route", text, queries.ROUTE).reduce_options(every_field)


def _coverage(id_val: int) -> stat.Panel:
    title, text = "Label coverage", "Share of the decisions of the newest window that have a label."
    return _stat(id_val, title, text, queries.COVERAGE).unit("percentunit")


def _parity(id_val: int) -> timeseries.Panel:
    panel = _line(id_val, "$metric, $comparison: $attribute_set", "The shaded band is the interval.", queries.PARITY)
    panel.repeat("attribute_set").repeat_direction("h").height(9).span(24)
    panel.override_by_name("low", [Value("custom.lineWidth", 0), Value("custom.hideFrom", _hidden())])
    band = [Value("custom.lineWidth", 0), Value("custom.fillBelowTo", "low"), Value("custom.fillOpacity", 20)]
    panel.override_by_name("high", [*band, Value("custom.hideFrom", _hidden())])
    line = [
        Value("color", {"mode": "fixed", "fixedColor": "red"}),
        Value("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
        Value("custom.lineWidth", 1),
    ]
    return panel.override_by_regexp("/bound$/", line)


def _hidden() -> dict[str, bool]:
    return {"legend": True, "tooltip": False, "viz": False}


def _groups_over_time(id_val: int) -> timeseries.Panel:
    text = "One line per group; gaps are undefined or suppressed."
    return _line(id_val, "$metric by group", text, queries.GROUPS).height(9).span(12)


def _n_over_time(id_val: int) -> timeseries.Panel:
    return _line(id_val, "n by group", "What each number is made from.", queries.COUNTS).height(9).span(12).min(0)


def _groups_table(id_val: int) -> table.Panel:
    return (
        table.Panel()
        .id(id_val)
        .title("Groups in the newest window")
        .datasource(datasource())
        .with_target(Sql(queries.GROUP_TABLE, "table"))
        .decimals(3)
        .override_by_name("n", [Value("decimals", 0)])
        .height(9)
        .span(24)
    )


def _alert_table(id_val: int) -> table.Panel:
    return (
        table.Panel()
        .id(id_val)
        .title("Changes of state")
        .datasource(datasource())
        .with_target(Sql(queries.ALERT_TABLE, "table"))
        .height(8)
        .span(24)
    )
