"""The board "Service": does fairdrift itself read, commit, evaluate and tell? From /metrics, and where each partition stands.

What comes from the database is the same on every worker, hence `max`.
"""

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from streams.dashboards import panels
from streams.dashboards.board import board, filled
from streams.dashboards.colours import BLUE, GREEN, INSIDE, ORANGE, PURPLE, SKY, VERMILION, fixed, steps
from streams.dashboards.prometheus import expression, newest, prometheus_source

Value = models.DynamicConfigValue

NOTHING = "Prometheus has no sample: does it scrape the workers (deploy/prometheus/prometheus.yml)?"
HAPPENS = "It has not happened yet: the counter appears with the first time."

PARTITIONS = """
select part, prediction_offset as "next prediction", prediction_clock as "predictions until", prediction_idle as "idle",
       outcome_offset as "next outcome", outcome_clock as "outcomes until", outcome_idle as "outcomes idle",
       jsonb_array_length(lost) as "lost ranges", rolled_up_to as "by the hour before", updated_at as "last commit", stream
from stream_health order by stream, part
"""


def build() -> models.Dashboard:
    """The board, in Grafana's classic schema."""
    empty = board(
        "service", "Service", "Is fairdrift itself well: workers, lag, commits, evaluation, notifications.", "now-6h"
    )
    rows = (
        ("", (_workers(), _stalled(), _waiting(), _dead())),
        ("Reading and counting", (_events(), _lag(), _commits(), _partitions_owned(), _letters(), _clocks())),
        ("Evaluating and telling", (_evaluation(), _notifications(), _outbox(), _retries(), _store(), _memory())),
        ("Where each partition stands", (_partitions(),)),
    )
    return filled(empty, rows)


def _number(title: str, description: str, text: str, colour: models.DynamicConfigValue | None = None) -> stat.Panel:
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(prometheus_source())
        .with_target(newest(text, title))
    )
    panel.reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"])).no_value(NOTHING)
    panel.color_mode(shapes.BigValueColorMode.BACKGROUND).graph_mode(shapes.BigValueGraphMode.NONE)
    return panel.text(common.VizTextDisplayOptions().value_size(40)).height(4).span(6)


def _workers() -> stat.Panel:
    text = "Workers that answer; none counts no decision."
    return _number("Workers up", text, 'sum(up{job="fairdrift"})').thresholds(steps(VERMILION, (1, INSIDE)))


def _stalled() -> stat.Panel:
    panel = _number("Stalled activities", "Their liveness probe fails.", "sum(fairdrift_stalled)")
    return panel.thresholds(steps(INSIDE, (1, VERMILION)))


def _waiting() -> stat.Panel:
    panel = _number(
        "Oldest notification not sent", "Written, and waiting.", "max(fairdrift_outbox_oldest_seconds)"
    ).unit("s")
    return panel.thresholds(steps(INSIDE, (60, ORANGE), (300, VERMILION)))


def _dead() -> stat.Panel:
    panel = _number("Notifications given up", "Somebody was not told.", "max(fairdrift_outbox_dead)")
    return panel.thresholds(steps(INSIDE, (1, VERMILION)))


def _line(title: str, description: str, unit: str, *queries: tuple[str, str], empty: str = NOTHING) -> timeseries.Panel:
    panel = timeseries.Panel().title(title).description(description).datasource(prometheus_source()).unit(unit)
    for ref_id, (text, legend) in zip("ABCD", queries, strict=False):
        panel.with_target(expression(text, legend, ref_id))
    legend_options = common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    panel.legend(legend_options.display_mode(shapes.LegendDisplayMode.LIST)).tooltip(tooltip)
    return panel.line_width(2).fill_opacity(0).no_value(empty).min(0).height(8).span(8)


def _events() -> timeseries.Panel:
    text = "Events committed: fresh ones are counted, duplicates and late ones are not, dead letters cannot be read."
    panel = _line(
        "Events", text, "eps", ("sum by (outcome) (rate(fairdrift_events_total[$__rate_interval]))", "{{outcome}}")
    )
    for outcome, colour in (("fresh", BLUE), ("duplicate", SKY), ("late", ORANGE), ("dead_letter", VERMILION)):
        panel.override_by_name(outcome, [fixed(colour)])
    return panel


def _lag() -> timeseries.Panel:
    text = "Records between the committed position and the log's end; FairdriftLag fires from 100,000 that do not become fewer."
    query = "sum by (topic) (max by (topic, partition) (fairdrift_lag_records))"
    return _line("Lag", text, "short", (query, "{{topic}}")).thresholds(steps(INSIDE, (100_000, VERMILION)))


def _quantiles(title: str, text: str, metric: str) -> timeseries.Panel:
    def at(quantile: float) -> str:
        return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"

    panel = _line(title, text, "s", (at(0.99), "99 in 100"), (at(0.5), "half"))
    panel.override_by_name("99 in 100", [fixed(ORANGE)])
    return panel.override_by_name("half", [fixed(BLUE)])


def _commits() -> timeseries.Panel:
    text = "Time of a commit; a page is later by as much. FairdriftCommitsSlow fires above 5 s."
    return _quantiles("Commits", text, "fairdrift_commit_seconds")


def _partitions_owned() -> timeseries.Panel:
    text = "An unowned partition holds back the clock of every rule on its stream."
    return _line("Partitions owned", text, "short", ("sum by (stream) (fairdrift_partitions_owned)", "{{stream}}"))


def _letters() -> timeseries.Panel:
    text = "Events that could not be read, by reason; the dead-letter topic has each."
    query = "sum by (topic, reason) (rate(fairdrift_dead_letters_total[$__rate_interval]))"
    return _line("Dead letters", text, "eps", (query, "{{topic}}: {{reason}}"), empty=HAPPENS)


def _clocks() -> timeseries.Panel:
    text = "How far each topic's event time is behind the wall clock; large while history is replayed."
    query = "max by (stream, topic) (fairdrift_watermark_delay_seconds)"
    return _line("Watermark delay", text, "s", (query, "{{topic}} of {{stream}}"))


def _evaluation() -> timeseries.Panel:
    return _quantiles(
        "Evaluation", "Time of one round over all models that found work.", "fairdrift_evaluation_seconds"
    )


def _notifications() -> timeseries.Panel:
    text = "Attempts to notify: sent, to be tried again, given up."
    query = "sum by (result) (increase(fairdrift_notifications_total[$__rate_interval]))"
    panel = _line("Notifications", text, "short", (query, "{{result}}"), empty=HAPPENS)
    for result, colour in (("sent", BLUE), ("retry", ORANGE), ("dead", VERMILION)):
        panel.override_by_name(result, [fixed(colour)])
    return panel


def _outbox() -> timeseries.Panel:
    text = "Notifications written and not yet sent."
    return _line("Outbox", text, "short", ("max(fairdrift_outbox_waiting)", "waiting"))


def _retries() -> timeseries.Panel:
    text = "Attempts to reach Kafka or Postgres that failed and were repeated."
    query = "sum by (dependency) (rate(fairdrift_retries_total[$__rate_interval]))"
    panel = _line("Retries", text, "eps", (query, "{{dependency}}"), empty=HAPPENS)
    return panel.override_by_name("postgres", [fixed(PURPLE)]).override_by_name("kafka", [fixed(GREEN)])


def _store() -> timeseries.Panel:
    text = "The join stores on disk: they grow with the predictions that still wait for an outcome."
    return _line("Join store", text, "bytes", ("fairdrift_join_store_bytes", "{{instance}}"))


def _memory() -> timeseries.Panel:
    text = "Resident memory of each worker."
    return _line("Memory", text, "bytes", ('process_resident_memory_bytes{job="fairdrift"}', "{{instance}}"))


def _partitions() -> table.Panel:
    text = "From the database: how far each partition is counted. A lost range makes its windows stale."
    panel = panels.rows("Partitions", text, PARTITIONS, "No worker has ever claimed a partition of this database.")
    for column in ("part", "next prediction", "next outcome", "lost ranges"):
        panel.override_by_name(column, [Value("decimals", 0)])
    return panel
