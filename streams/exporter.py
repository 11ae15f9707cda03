"""The service's own Prometheus metrics: every name, its labels and what it means, in this one table.

They tell how the service does, and the newest disparities (`streams/gauges.py`); groups, counts and history are in the SQL
views, and no label here ever holds an attribute's value or an id. Names follow Prometheus (base units, `_total` for counters).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.metrics import MetricWrapperBase

CounterName = Literal[
    "fairdrift_events_total",
    "fairdrift_dead_letters_total",
    "fairdrift_commits_total",
    "fairdrift_commit_rows_total",
    "fairdrift_lost_records_total",
    "fairdrift_evaluated_panes_total",
    "fairdrift_evidence_panes_total",
    "fairdrift_evidence_seconds_total",
    "fairdrift_notifications_total",
    "fairdrift_retries_total",
]
GaugeName = Literal[
    "fairdrift_build_info",
    "fairdrift_partitions_owned",
    "fairdrift_lag_records",
]
CollectedName = Literal[
    "fairdrift_stalled",
    "fairdrift_join_store_bytes",
    "fairdrift_watermark_delay_seconds",
    "fairdrift_alerts_firing",
    "fairdrift_alert_transitions_total",
    "fairdrift_pages_total",
    "fairdrift_outbox_waiting",
    "fairdrift_outbox_dead",
    "fairdrift_outbox_oldest_seconds",
    "fairdrift_disparity",
    "fairdrift_disparity_low",
    "fairdrift_disparity_high",
    "fairdrift_disparity_events",
    "fairdrift_disparity_measured",
]
"""Looked up when Prometheus asks (`streams/telemetry.py`), not counted as it happens."""

HistogramName = Literal[
    "fairdrift_commit_seconds",
    "fairdrift_evaluation_seconds",
]
Name = CounterName | GaugeName | HistogramName | CollectedName

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Buckets of the histograms: a commit is made every second, a page is promised within two."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One exported metric: its help text and the names of its labels."""

    help: str
    labels: tuple[str, ...] = ()


_PARITY = ("model", "metric", "aggregate", "method", "attributes", "window")

METRICS: dict[Name, Metric] = {
    "fairdrift_events_total": Metric(
        "Events committed, by what became of them: fresh (counted), duplicate, late (not counted), dead_letter.",
        ("topic", "outcome"),
    ),
    "fairdrift_dead_letters_total": Metric("Events that could not be read, by reason.", ("topic", "reason")),
    "fairdrift_commits_total": Metric(
        "Commits of a partition, by result: committed, or lost to another owner (its session is dropped).",
        ("stream", "result"),
    ),
    "fairdrift_commit_rows_total": Metric("Pane rows written by commits.", ("stream",)),
    "fairdrift_lost_records_total": Metric(
        "Records that the log had deleted before they were counted: their windows are stale.", ("topic",)
    ),
    "fairdrift_evaluated_panes_total": Metric("Pane ends that rules have been judged at.", ("model",)),
    "fairdrift_evidence_panes_total": Metric("Panes folded into evidence, each family's for itself.", ("model",)),
    "fairdrift_evidence_seconds_total": Metric("Time spent on folding panes into evidence.", ("model",)),
    "fairdrift_notifications_total": Metric(
        "Attempts to notify, by result: sent, retry (it will be tried again), dead (given up).", ("receiver", "result")
    ),
    "fairdrift_retries_total": Metric("Attempts to reach a dependency that failed and were repeated.", ("dependency",)),
    "fairdrift_build_info": Metric("Always 1; the version is a label.", ("version",)),
    "fairdrift_partitions_owned": Metric("Partition numbers that this worker owns.", ("stream",)),
    "fairdrift_lag_records": Metric(
        "Records between the committed position and the log's end.", ("topic", "partition")
    ),
    "fairdrift_commit_seconds": Metric(
        "Time of one commit: the Postgres transaction and the store's batch.", ("stream",)
    ),
    "fairdrift_evaluation_seconds": Metric("Time of one round over all models that found work: read, judge, write."),
    "fairdrift_stalled": Metric("1 while an activity has made no progress for longer than allowed.", ("activity",)),
    "fairdrift_join_store_bytes": Metric("Size of this worker's join stores on disk."),
    "fairdrift_watermark_delay_seconds": Metric(
        "How far a topic's clock (event time) is behind the wall clock; large when history is replayed."
        " From the database, so the same on every worker.",
        ("stream", "topic"),
    ),
    "fairdrift_alerts_firing": Metric("Alerts that fire now. From the database.", ("model", "severity")),
    "fairdrift_alert_transitions_total": Metric(
        "Changes of the state of alerts. From the database.", ("model", "rule", "to_state")
    ),
    "fairdrift_pages_total": Metric(
        "Times that alerts of severity page began to fire. From the database.", ("model", "rule")
    ),
    "fairdrift_outbox_waiting": Metric("Notifications that are written and not yet sent. From the database."),
    "fairdrift_outbox_dead": Metric("Notifications that were given up and need a person. From the database."),
    "fairdrift_outbox_oldest_seconds": Metric("Age of the oldest notification not yet sent. From the database."),
    "fairdrift_disparity": Metric(
        "Newest disparity of everything served, in event time; no sample where it cannot be said. From the database.",
        _PARITY,
    ),
    "fairdrift_disparity_low": Metric("Lower end of its simultaneous interval. From the database.", _PARITY),
    "fairdrift_disparity_high": Metric("Upper end of its simultaneous interval. From the database.", _PARITY),
    "fairdrift_disparity_events": Metric("Events that it stands on. From the database.", _PARITY),
    "fairdrift_disparity_measured": Metric(
        "1 where the newest disparity is measured, 0 where it is undefined, suppressed or stale. From the database.",
        _PARITY,
    ),
}


class Exporter:
    """The metrics on a registry of their own: `count`, `set`, `observe`, each checked against the table.

    Safe to call from any thread. A wrong name or label is an error of the programmer (KeyError, ValueError).
    """

    __slots__ = ("_metrics", "registry")

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._metrics: dict[Name, MetricWrapperBase] = {}
        for name in get_args(CounterName):
            self._metrics[name] = Counter(name, METRICS[name].help, METRICS[name].labels, registry=self.registry)
        for name in get_args(GaugeName):
            self._metrics[name] = Gauge(name, METRICS[name].help, METRICS[name].labels, registry=self.registry)
        for name in get_args(HistogramName):
            metric = METRICS[name]
            self._metrics[name] = Histogram(name, metric.help, metric.labels, buckets=SECONDS, registry=self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.set("fairdrift_build_info", 1, version=build_version())

    def count(self, name: CounterName, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        metric = self._metrics[name]
        assert isinstance(metric, Counter)
        (metric.labels(**labels) if labels else metric).inc(amount)

    def set(self, name: GaugeName, value: float, **labels: str) -> None:
        """Set a gauge."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)
        (metric.labels(**labels) if labels else metric).set(value)

    def observe(self, name: HistogramName, seconds: float, **labels: str) -> None:
        """Record a duration."""
        metric = self._metrics[name]
        assert isinstance(metric, Histogram)
        (metric.labels(**labels) if labels else metric).observe(seconds)

    def forget(self, name: GaugeName, values: Sequence[str]) -> None:
        """Drop one labelled gauge, such as the lag of a partition that has moved to another worker."""
        metric = self._metrics[name]
        try:
            metric.remove(*values)
        except KeyError:
            return


def build_version() -> str:
    """The installed version of the distribution; `0` when run from a tree that was not installed."""
    try:
        return version("fairdrift")
    except PackageNotFoundError:
        return "0"
