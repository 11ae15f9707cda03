"""The table of metrics is the whole truth about what is exported."""

from typing import get_args

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.exporter import METRICS, CollectedName, CounterName, Exporter, GaugeName, HistogramName


def test_every_name_has_a_row_and_every_row_a_name() -> None:
    kinds = (CounterName, GaugeName, HistogramName, CollectedName)
    names = [name for kind in kinds for name in get_args(kind)]
    assert sorted(names) == sorted(METRICS)
    assert all(metric.help.endswith(".") for metric in METRICS.values())
    assert all(name.endswith("_total") for name in get_args(CounterName))


def test_no_label_can_hold_a_group_or_a_person() -> None:
    allowed = {
        "topic", "outcome", "reason", "stream", "result", "model", "rule", "to_state", "receiver",
        "dependency", "version", "partition", "severity", "activity",
        "metric", "aggregate", "method", "attributes", "window",  # of disparities: names of attributes, never groups
    }  # fmt: skip
    assert {label for metric in METRICS.values() for label in metric.labels} <= allowed


def test_what_is_counted_is_exported() -> None:
    exporter = Exporter()
    exporter.count("fairdrift_events_total", 3, topic="predictions", outcome="fresh")
    exporter.count("fairdrift_events_total", topic="predictions", outcome="fresh")
    exporter.set("fairdrift_lag_records", 7, topic="predictions", partition="0")
    exporter.observe("fairdrift_commit_seconds", 0.02, stream="predictions/outcomes")
    registry = exporter.registry
    assert registry.get_sample_value("fairdrift_events_total", {"topic": "predictions", "outcome": "fresh"}) == 4
    assert registry.get_sample_value("fairdrift_lag_records", {"topic": "predictions", "partition": "0"}) == 7
    bucket = {"stream": "predictions/outcomes", "le": "0.025"}
    assert registry.get_sample_value("fairdrift_commit_seconds_bucket", bucket) == 1
    families = {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert {"fairdrift_events", "fairdrift_build_info", "process_resident_memory_bytes"} <= families


def test_a_partition_that_moved_away_has_no_lag() -> None:
    exporter = Exporter()
    exporter.set("fairdrift_lag_records", 7, topic="predictions", partition="0")
    exporter.forget("fairdrift_lag_records", ["predictions", "0"])
    exporter.forget("fairdrift_lag_records", ["predictions", "1"])
    assert (
        exporter.registry.get_sample_value("fairdrift_lag_records", {"topic": "predictions", "partition": "0"}) is None
    )


def test_two_exporters_do_not_meet() -> None:
    first, second = Exporter(), Exporter()
    first.set("fairdrift_partitions_owned", 5, stream="a/b")
    assert second.registry.get_sample_value("fairdrift_partitions_owned", {"stream": "a/b"}) is None


def test_a_wrong_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="label"):
        Exporter().count("fairdrift_events_total", topic="predictions")
