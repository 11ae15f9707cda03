"""The kinds of panel that the boards are made of, each with its empty state in words."""

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards.colours import GREY, ORANGE, VERMILION, by_value, fixed, missing, steps
from streams.dashboards.sql import Sql, datasource

Value = models.DynamicConfigValue

HIDDEN = Value("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False})
HIDDEN_HERE = {"legend": False, "tooltip": False, "viz": True}
DASHED = Value("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})


def told(title: str, description: str, sql: str, empty: str) -> stat.Panel:
    """Words in large letters: every field of the first row."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql, "table"))
        .reduce_options(common.ReduceDataOptions().values(True).calcs([]).fields("/.*/"))
        .color_mode(shapes.BigValueColorMode.NONE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
        .text(common.VizTextDisplayOptions().value_size(18).title_size(12))
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
        .no_value(empty)
        .height(5)
        .span(6)
    )


def number(title: str, description: str, sql: str, empty: str) -> stat.Panel:
    """One number, coloured by its thresholds."""
    panel = told(title, description, sql, empty)
    panel.color_mode(shapes.BigValueColorMode.BACKGROUND).text_mode(shapes.BigValueTextMode.VALUE)
    return panel.text(common.VizTextDisplayOptions().value_size(40)).height(4)


def line(title: str, description: str, sql: str, empty: str) -> timeseries.Panel:
    """Lines over time; gaps are gaps."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql))
        .show_points(shapes.VisibilityMode.AUTO)
        .line_width(2)
        .fill_opacity(0)
        .span_nulls(False)
        .no_value(empty)
        .legend(
            common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.BOTTOM)
            .display_mode(shapes.LegendDisplayMode.LIST)
        )
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
        .height(9)
        .span(12)
    )  # fmt: skip


def many_lines(panel: timeseries.Panel) -> timeseries.Panel:
    """For more lines than a palette has colours: coloured by their last value, with a legend in that order."""
    legend = common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.RIGHT)
    legend.display_mode(shapes.LegendDisplayMode.TABLE).calcs(["lastNotNull", "min", "max"])
    legend.sort_by("Last *").sort_desc(True)
    return panel.legend(legend).color_scheme(by_value(models.FieldColorModeId.CONTINUOUS_BL_YL_RD))


def counts(sql: str, empty: str) -> timeseries.Panel:
    """How many there are behind each group's number, one line per group."""
    text = "How many decisions or labels each number stands on."
    return many_lines(line("n by group", text, sql, empty)).unit("short").min(0)


def banded(panel: timeseries.Panel, value: str, colour: str) -> timeseries.Panel:
    """A line `value` in a band from `low` to `high`, with dashed lines for bounds."""
    panel.override_by_name(value, [fixed(colour), Value("custom.lineWidth", 2)])
    panel.override_by_name("low", [fixed(colour), Value("custom.lineWidth", 0), HIDDEN])
    band = [Value("custom.lineWidth", 0), Value("custom.fillBelowTo", "low"), Value("custom.fillOpacity", 20)]
    panel.override_by_name("high", [fixed(colour), *band, HIDDEN])
    return panel.override_by_regexp("/bound$/", [fixed(VERMILION), DASHED, Value("custom.lineWidth", 1)])


def timeline(
    title: str, description: str, sql: str, mappings: list[models.ValueMapping], empty: str
) -> statetimeline.Panel:
    """One row of states for each series."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql))
        .mappings([*mappings, missing("no data")])
        .thresholds(steps(GREY))
        .show_value(shapes.VisibilityMode.AUTO)
        .row_height(0.85)
        .merge_values(True)
        .fill_opacity(85)
        .line_width(0)
        .no_value(empty)
        .legend(common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.BOTTOM))
        .height(10)
        .span(24)
    )  # fmt: skip


def rows(title: str, description: str, sql: str, empty: str) -> table.Panel:
    """A table."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(datasource())
        .with_target(Sql(sql, "table"))
        .show_header(True)
        .decimals(3)
        .no_value(empty)
        .height(8)
        .span(24)
    )


def coloured(panel: table.Panel, column: str, mappings: list[models.ValueMapping], width: int = 130) -> table.Panel:
    """With the words of a column on their colours."""
    cell = Value("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    shown = [mapping.to_json() for mapping in mappings]
    return panel.override_by_name(column, [cell, Value("mappings", shown), Value("custom.width", width)])


def linked(panel: table.Panel, column: str, title: str, url: str) -> table.Panel:
    """With a link on a column."""
    return panel.override_by_name(column, [Value("links", [{"title": title, "url": url, "targetBlank": False}])])


def hidden(panel: table.Panel, column: str) -> table.Panel:
    """With a column that only links read; said in both ways, that of Grafana 11 and that of later ones."""
    return panel.override_by_name(column, [Value("custom.hidden", True), Value("custom.hideFrom", HIDDEN_HERE)])


def share(panel: timeseries.Panel) -> timeseries.Panel:
    """A share between 0 and 1, shown in percent; below half of it is worth a look."""
    return panel.unit("percentunit").min(0).max(1).thresholds(steps(ORANGE, (0.5, GREY)))
