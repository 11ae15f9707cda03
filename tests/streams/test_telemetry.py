"""From what a worker tells to metrics and marks of progress."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from prometheus_client import generate_latest

from alerts.retries import Result
from alerts.tables import alert_states, outbox
from monitor.deltas import Rows
from monitor.events import DeadLetter, Reason
from monitor.sums import QUALITY, Basis, Book
from monitor.terms import Cursor, Position
from streams.changed import Batch
from streams.database import engine as make_engine
from streams.exporter import Exporter
from streams.health import Activity, Probe, State
from streams.session import Commit
from streams.telemetry import DatabaseCollector, DiskCollector, Telemetry, outcomes
from tests.streams import seeded

TOPICS = ("predictions", "outcomes")


def commit() -> Commit:
    """Two quality rows: 10 + 5 predictions of which 2 late and 1 + 2 duplicate; 4 outcomes; and three dead letters."""
    sums = QUALITY.zeros(2)
    for row, slot, value in [
        (0, "predictions", 10), (1, "predictions", 5), (0, "predictions_late", 2), (0, "predictions_duplicate", 1),
        (1, "predictions_duplicate", 2), (1, "outcomes", 4),
    ]:  # fmt: skip
        sums[row, QUALITY.index(slot)] = value
    rows = {Book(Basis.QUALITY): Rows(np.zeros(2, np.int64), np.zeros(2, np.int64), sums)}
    first, second = list(Reason)[:2]
    letters = tuple(
        (topic, DeadLetter(n, 0, "", reason, "", 0, b""))
        for n, (topic, reason) in enumerate([(0, first), (0, first), (1, second)])
    )
    return Commit((Cursor(), Cursor()), Position(), rows, Batch(), letters, 19)


def test_what_became_of_the_events() -> None:
    assert outcomes(commit()) == {
        (0, "fresh"): 10, (0, "late"): 2, (0, "duplicate"): 3, (0, "dead_letter"): 2, (1, "fresh"): 4, (1, "dead_letter"): 1,
    }  # fmt: skip


def test_a_commit_is_counted() -> None:
    exporter = Exporter()
    telemetry = Telemetry(exporter, Probe())
    telemetry.committed("a/b", TOPICS, commit(), 0.02)
    telemetry.committed("a/b", TOPICS, commit(), 0.02)
    telemetry.lost("a/b")
    value = exporter.registry.get_sample_value
    assert value("fairdrift_events_total", {"topic": "predictions", "outcome": "fresh"}) == 20
    assert value("fairdrift_events_total", {"topic": "outcomes", "outcome": "dead_letter"}) == 2
    assert value("fairdrift_dead_letters_total", {"topic": "predictions", "reason": str(next(iter(Reason)))}) == 4
    assert value("fairdrift_commit_rows_total", {"stream": "a/b"}) == 4
    assert value("fairdrift_commit_seconds_count", {"stream": "a/b"}) == 2
    assert value("fairdrift_commits_total", {"stream": "a/b", "result": "lost"}) == 1


@dataclass
class Partition:
    """An owned partition, as far as it is looked at."""

    topics: tuple[tuple[str, int], tuple[str, int]]
    offsets: tuple[int, int]

    name: str = "a/b"

    @property
    def session(self) -> "Partition":
        return self

    @property
    def stream(self) -> "Partition":
        return self


def test_progress_is_that_something_moves_or_all_is_read() -> None:
    now = [0.0]
    probe, exporter = Probe({}, lambda: now[0]), Exporter()
    telemetry = Telemetry(exporter, probe)
    probe.expect(Activity.CONSUME)
    partition = Partition((("predictions", 0), ("outcomes", 0)), (10, 5))
    ends = {("predictions", 0): 100, ("outcomes", 0): 5}
    telemetry.looked(["a/b"], [partition], ends)
    assert exporter.registry.get_sample_value("fairdrift_partitions_owned", {"stream": "a/b"}) == 1
    assert exporter.registry.get_sample_value("fairdrift_lag_records", {"topic": "predictions", "partition": "0"}) == 90
    for _ in range(10):
        now[0] += 10
        telemetry.looked(["a/b"], [partition], ends)
    assert probe.health().activities["consume"].state is State.STALLED
    partition.offsets = (11, 5)
    telemetry.looked(["a/b"], [partition], ends)
    assert probe.health().live
    partition.offsets = (100, 5)
    for _ in range(10):
        now[0] += 10
        telemetry.looked(["a/b"], [partition], ends)
    assert probe.health().live
    telemetry.looked(["a/b"], [], ends)
    assert (
        exporter.registry.get_sample_value("fairdrift_lag_records", {"topic": "predictions", "partition": "0"}) is None
    )
    assert exporter.registry.get_sample_value("fairdrift_partitions_owned", {"stream": "a/b"}) == 0


def test_a_retried_dependency_blocks_and_a_round_of_evaluation_unblocks() -> None:
    @dataclass
    class Model:
        model: str
        panes: int
        evidence: int = 12
        evidence_seconds: float = 0.5

    probe, exporter = Probe(), Exporter()
    telemetry = Telemetry(exporter, probe)
    telemetry.retried("postgres", Activity.EVALUATE)
    assert probe.health().live and not probe.health().ready
    telemetry.evaluated([Model("credit", 3), Model("idle", 0)], 0.1)
    assert probe.health().ready
    assert exporter.registry.get_sample_value("fairdrift_evaluated_panes_total", {"model": "credit"}) == 3
    assert exporter.registry.get_sample_value("fairdrift_evidence_panes_total", {"model": "credit"}) == 12
    assert exporter.registry.get_sample_value("fairdrift_evidence_seconds_total", {"model": "credit"}) == 0.5
    assert exporter.registry.get_sample_value("fairdrift_retries_total", {"dependency": "postgres"}) == 1
    telemetry.notified("oncall", Result.SENT)
    sent = {"receiver": "oncall", "result": "sent"}
    assert exporter.registry.get_sample_value("fairdrift_notifications_total", sent) == 1


def test_the_size_of_the_join_store(tmp_path: Path) -> None:
    (tmp_path / "part-0").mkdir()
    (tmp_path / "part-0" / "000001.sst").write_bytes(b"x" * 1000)
    (tmp_path / "CURRENT").write_bytes(b"y" * 24)
    exporter = Exporter()
    exporter.registry.register(DiskCollector(tmp_path))
    assert exporter.registry.get_sample_value("fairdrift_join_store_bytes") == 1024
    gone = Exporter()
    gone.registry.register(DiskCollector(tmp_path / "none"))
    assert gone.registry.get_sample_value("fairdrift_join_store_bytes") == 0


def test_what_the_database_knows(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(alert_states.update().values(state="firing"))
        waiting = {"alert": "a", "transition_no": 1, "receiver": "oncall", "channel": "webhook", "payload": {}}
        connection.execute(outbox.insert(), [waiting | {"dedup_key": f"k{n}"} for n in range(3)])
        connection.execute(outbox.update().where(outbox.c.dedup_key == "k0").values(dead_at=sa.func.now()))
        connection.execute(
            sa.text("update fairdrift.positions set outcome_clock = -4611686018427387904 where part = 0")
        )
    exporter = Exporter()
    exporter.registry.register(DatabaseCollector(engine, clock=lambda: seeded.END.timestamp() + 90))
    value = exporter.registry.get_sample_value
    assert value("fairdrift_watermark_delay_seconds", {"stream": "predictions/outcomes", "topic": "predictions"}) == 90
    assert value("fairdrift_watermark_delay_seconds", {"stream": "predictions/outcomes", "topic": "outcomes"}) is None
    assert value("fairdrift_alerts_firing", {"model": seeded.MODEL, "severity": "page"}) == 1
    assert value("fairdrift_pages_total", {"model": seeded.MODEL, "rule": "limit-parity"}) == 1
    resolved = {"model": seeded.MODEL, "rule": "limit-parity", "to_state": "resolved"}
    assert value("fairdrift_alert_transitions_total", resolved) == 1
    assert value("fairdrift_outbox_waiting") == 2 and value("fairdrift_outbox_dead") == 1


def test_a_database_that_is_away_leaves_the_other_metrics() -> None:
    away = make_engine("postgresql://127.0.0.1:1/none")
    exporter = Exporter()
    exporter.registry.register(DatabaseCollector(away))
    text = generate_latest(exporter.registry).decode()
    assert "fairdrift_build_info" in text and "fairdrift_outbox_waiting" not in text
    away.dispose()
