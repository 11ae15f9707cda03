"""Predictions from Kafka to committed panes, beside what others do with the same topic; and the same with two workers.

The topic is filled first. Each figure begins after a warm-up, at the commit that passes it, and ends at the commit that
passes the last event, with as many to come as the warm-up had: what is read ahead of the commits is as much at both. Peers
measure themselves after a warm-up too.
"""

from collections.abc import Generator, Iterator

from tests.benchmarks.load import DAY_MS, Load, numbered, predictions, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import Sample, Stage, Watch, peer

TARGET = 90_000
TIMES_FAUST = 6
WITHIN = 1.15
"""What an event may cost with two workers, in terms of what it costs with one."""

PEERS = {
    "fetch": ("aiokafka getmany alone", 1.0),
    "quix": ("Quix Streams: a callback that only counts", 0.4),
    "faust_agent": ("plain Faust agent: decodes JSON and counts", 0.06),
}
"""What each is called, and which share of the topic it reads: each should take some ten seconds."""


def measure(stage: Stage, events: int) -> Iterator[Result]:
    """Worker and peers on `events` predictions after a warm-up of a fifth of that."""
    warm = events // 5
    topics = stage.topics()
    load = Load(warm + events + warm, start_ms=start_of_today() - DAY_MS)
    stage.produce(topics[0], numbered(predictions(load)))
    ours, cost = yield from worker(stage, topics, warm, events)
    for name, (words, share) in PEERS.items():
        count = int(events * share)
        report = peer(name, [stage.kafka, topics[0], str(count // 5), str(count)])
        rate = report["events"] / report["seconds"]
        yield Result(
            words, rate, "events/s", note=f"{report['cpu_seconds'] / report['events'] * 1e6:.1f} µs of CPU per event"
        )
        if name == "faust_agent":
            yield Result("worker, in terms of the plain Faust agent", ours / rate, "times", TIMES_FAUST)
    yield from two_workers(stage, topics, warm, events, cost)


def worker(
    stage: Stage, topics: tuple[str, str], warm: int, events: int
) -> Generator[Result, None, tuple[float, float]]:
    """One worker; returns its rate and its CPU seconds per event."""
    watch = stage.watch(topics)
    try:
        start, end = counted(watch, 1, warm, events)
        rate, cost = rates(start, end)
        note = (
            f"{cost * 1e6:.1f} µs of CPU per event; {end.events - start.events:,} events in {end.at - start.at:.1f} s"
        )
        yield Result("worker: predictions to committed panes", rate, "events/s", TARGET, note=note)
        yield Result("worker: resident memory after it", watch.memory() / 2**20, "MB")
        return rate, cost
    finally:
        watch.close()


def two_workers(stage: Stage, topics: tuple[str, str], warm: int, events: int, alone: float) -> Iterator[Result]:
    """CPU seconds per event of two workers: wall time says little where two cores carry broker and Postgres too."""
    watch = stage.watch(topics)
    try:
        start, end = counted(watch, 2, warm, events)
        rate, cost = rates(start, end)
        note = f"{cost * 1e6:.1f} µs of CPU per event, {rate:,.0f} events/s together"
        yield Result(
            "two workers: cost of an event, in terms of one worker's", cost / alone, "times", WITHIN, True, note
        )
    finally:
        watch.close()


def counted(watch: Watch, workers: int, warm: int, events: int) -> tuple[Sample, Sample]:
    """Start workers on a full topic; the samples at the end of the warm-up and at the end."""
    watch.start(workers)
    return watch.until(warm), watch.until(warm + events)


def rates(start: Sample, end: Sample) -> tuple[float, float]:
    """Events a second, and CPU seconds per event."""
    events = end.events - start.events
    return events / (end.at - start.at), (end.cpu - start.cpu) / events
