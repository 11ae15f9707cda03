"""What a worker's parts tell, put into metrics and marks of progress.

The parts know nothing of Prometheus: a worker hands them the methods of a `Telemetry`, or calls them. What belongs to the
whole installation (alerts, outbox, watermarks) is looked up in the database when Prometheus asks; every worker tells the same,
so that queries take `max` over them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.outbox import backlog
from alerts.retries import Result
from monitor.sums import QUALITY, Basis, Book
from monitor.times import LATEST
from streams.exporter import METRICS, CollectedName, Exporter
from streams.health import Activity, Probe, State
from streams.session import Commit

_CLOCKS = sa.text("""
select stream, min(prediction_clock) filter (where not prediction_idle), min(outcome_clock) filter (where not outcome_idle)
from fairdrift.positions group by stream
""")
_FIRING = sa.text("""
select model, coalesce(labels ->> 'severity', ''), count(*) from fairdrift.alert_states where state = 'firing' group by 1, 2
""")
_TRANSITIONS = sa.text("""
select model, rule, to_state, count(*), count(*) filter (where labels ->> 'severity' = 'page' or payload ->> 'severity' = 'page')
from fairdrift.alert_transitions group by 1, 2, 3
""")

TopicPart = tuple[str, int]


class SessionView(Protocol):
    """Of a session: where it reads next in each topic."""

    @property
    def offsets(self) -> tuple[int, int]: ...


class StreamView(Protocol):
    """Of a stream: its name."""

    @property
    def name(self) -> str: ...


class PartitionView(Protocol):
    """Of an owned partition: its stream, its (topic, number) pairs and its session."""

    @property
    def stream(self) -> StreamView: ...
    @property
    def topics(self) -> tuple[TopicPart, TopicPart]: ...
    @property
    def session(self) -> SessionView: ...


class Evaluated(Protocol):
    """Of a model's progress in one round of evaluation."""

    @property
    def model(self) -> str: ...
    @property
    def panes(self) -> int: ...
    @property
    def evidence(self) -> int: ...
    @property
    def evidence_seconds(self) -> float: ...


class Telemetry:
    """The receiver of everything that a worker tells. Safe to call from any thread."""

    def __init__(self, exporter: Exporter, probe: Probe) -> None:
        self._exporter, self._probe = exporter, probe
        self._offsets: dict[TopicPart, int] = {}

    def committed(self, stream: str, topics: tuple[str, str], commit: Commit, seconds: float) -> None:
        """A commit is written. `seconds`: from freezing to the store's batch."""
        self._exporter.count("fairdrift_commits_total", stream=stream, result="committed")
        self._exporter.observe("fairdrift_commit_seconds", seconds, stream=stream)
        rows = sum(len(of_basis.start) for of_basis in commit.rows.values())
        self._exporter.count("fairdrift_commit_rows_total", rows, stream=stream)
        for (topic, outcome), events in outcomes(commit).items():
            self._exporter.count("fairdrift_events_total", events, topic=topics[topic], outcome=outcome)
        for (topic, reason), letters in Counter(
            (topic, letter.reason) for topic, letter in commit.dead_letters
        ).items():
            self._exporter.count("fairdrift_dead_letters_total", letters, topic=topics[topic], reason=str(reason))

    def lost(self, stream: str) -> None:
        """A commit was refused: another worker owns the partition."""
        self._exporter.count("fairdrift_commits_total", stream=stream, result="lost")

    def records_gone(self, topic: str, records: int) -> None:
        """Records were deleted before they were counted."""
        self._exporter.count("fairdrift_lost_records_total", records, topic=topic)

    def retried(self, dependency: str, activity: Activity | None = None) -> None:
        """A dependency (`postgres`, `kafka`) did not answer and will be tried again; alive, and not ready."""
        self._exporter.count("fairdrift_retries_total", dependency=dependency)
        if activity is not None:
            self._probe.blocked(activity, dependency)

    def evaluated(self, models: Iterable[Evaluated], seconds: float) -> None:
        """A round of evaluation is done."""
        worked = [model for model in models if model.panes]
        if worked:
            self._exporter.observe("fairdrift_evaluation_seconds", seconds)
        for model in worked:
            self._exporter.count("fairdrift_evaluated_panes_total", model.panes, model=model.model)
            self._exporter.count("fairdrift_evidence_panes_total", model.evidence, model=model.model)
            self._exporter.count("fairdrift_evidence_seconds_total", model.evidence_seconds, model=model.model)
        self._probe.done(Activity.EVALUATE)

    def notified(self, receiver: str, result: Result) -> None:
        """One attempt to notify: the `observe` of `alerts.outbox.Dispatcher`."""
        self._exporter.count("fairdrift_notifications_total", receiver=receiver, result=str(result))

    def looked(
        self,
        streams: Iterable[str],
        partitions: Sequence[PartitionView],
        ends: Mapping[TopicPart, int],
        held: bool = False,
    ) -> None:
        """Where all owned partitions stand, and the ends of their logs; `streams` are the configured ones.

        Marks the consumer's progress, but only if something moved or everything is at its end: a consumer that silently
        stopped would otherwise look alive. `held`: nothing more is read until Postgres has taken what there is.
        """
        here = {topic: offset for p in partitions for topic, offset in zip(p.topics, p.session.offsets, strict=True)}
        moved = any(self._offsets.get(topic) != offset for topic, offset in here.items())
        at_end = all(offset >= ends.get(topic, offset + 1) for topic, offset in here.items())
        for name, part in self._offsets.keys() - here.keys():
            self._exporter.forget("fairdrift_lag_records", [name, str(part)])
        for (name, part), offset in here.items():
            if (name, part) in ends:
                lag = max(0, ends[name, part] - offset)
                self._exporter.set("fairdrift_lag_records", lag, topic=name, partition=str(part))
        owned = Counter(partition.stream.name for partition in partitions)
        for stream in streams:
            self._exporter.set("fairdrift_partitions_owned", owned[stream], stream=stream)
        self._offsets = here
        if moved or at_end:
            self._probe.done(Activity.CONSUME)
        elif held:
            self._probe.blocked(Activity.CONSUME, "postgres")


def outcomes(commit: Commit) -> dict[tuple[int, str], int]:
    """(topic, outcome) -> events of a commit, from its quality sums. Topic 0 is predictions, 1 outcomes."""
    found: dict[tuple[int, str], int] = {}
    rows = commit.rows.get(Book(Basis.QUALITY))
    if rows is not None:
        total = dict(zip(QUALITY.slots, rows.sums.sum(axis=0).tolist(), strict=True))
        for topic, name in enumerate(("predictions", "outcomes")):
            late, duplicate = total[f"{name}_late"], total[f"{name}_duplicate"]
            found[topic, "late"], found[topic, "duplicate"] = late, duplicate
            found[topic, "fresh"] = total[name] - late - duplicate
    for topic, _ in commit.dead_letters:
        found[topic, "dead_letter"] = found.get((topic, "dead_letter"), 0) + 1
    return {key: events for key, events in found.items() if events}


class ProbeCollector(Collector):
    """`fairdrift_stalled`, judged when asked."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known, and values are looked up when asked only."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One sample for each announced activity."""
        stalled = _gauge("fairdrift_stalled")
        for activity, standing in self._probe.health().activities.items():
            stalled.add_metric([activity], standing.state is State.STALLED)
        yield stalled


class DiskCollector(Collector):
    """`fairdrift_join_store_bytes`: what lies below the worker's data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterable[Metric]:
        """Nothing, as above."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The sum of the files' sizes; files that vanish meanwhile count as nothing."""
        size = _gauge("fairdrift_join_store_bytes")
        size.add_metric([], sum(_size(path) for path in self._folder.rglob("*")))
        yield size


class DatabaseCollector(Collector):
    """What the database knows of the whole installation. Tells nothing while the database does not answer."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock

    def describe(self) -> Iterable[Metric]:
        """Nothing, as above: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Clocks, alerts and the outbox."""
        try:
            with self._engine.connect() as connection:
                found = [self._clocks(connection), *self._alerts(connection), *self._outbox(connection)]
        except sa.exc.SQLAlchemyError:
            return
        yield from found

    def _clocks(self, connection: sa.Connection) -> Metric:
        delay = _gauge("fairdrift_watermark_delay_seconds")
        now = self._clock()
        for stream, *clocks in connection.execute(_CLOCKS):
            for topic, clock in zip(("predictions", "outcomes"), clocks, strict=True):
                if clock is not None and 0 < clock <= LATEST:
                    delay.add_metric([stream, topic], now - clock / 1000)
        return delay

    def _alerts(self, connection: sa.Connection) -> list[Metric]:
        firing = _gauge("fairdrift_alerts_firing")
        for model, severity, count in connection.execute(_FIRING):
            firing.add_metric([model, severity], count)
        changes, pages = _counter("fairdrift_alert_transitions_total"), _counter("fairdrift_pages_total")
        for model, rule, to_state, count, paging in connection.execute(_TRANSITIONS):
            changes.add_metric([model, rule, to_state], count)
            if to_state == "firing":
                pages.add_metric([model, rule], paging)
        return [firing, changes, pages]

    def _outbox(self, connection: sa.Connection) -> list[Metric]:
        found = backlog(connection)
        families: list[Metric] = []
        values: dict[CollectedName, float] = {
            "fairdrift_outbox_waiting": found.waiting,
            "fairdrift_outbox_dead": found.dead,
            "fairdrift_outbox_oldest_seconds": found.oldest,
        }
        for name, value in values.items():
            family = _gauge(name)
            family.add_metric([], value)
            families.append(family)
        return families


def _gauge(name: CollectedName) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)


def _counter(name: CollectedName) -> CounterMetricFamily:
    return CounterMetricFamily(name.removesuffix("_total"), METRICS[name].help, labels=METRICS[name].labels)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
