"""Predictions and outcomes with the join, where labels belong to decisions of the last 30 days.

First a worker counts and evaluates the history: predictions spread evenly over 30 days of event time. Then, measured: ten
minutes of new predictions and, read beside them, an outcome for each prediction of the history. So each commit restates hour
panes of all 30 days, as a fleet does whose labels take weeks: 50 cells x 720 hours x 4 partitions, so nearly every label
overwrites a row of its own.

What is read is far ahead of what is committed, since commits are long. So the figure is of the events between the commit that
passes a fifth of them and the one that passes four fifths: as much is read ahead at its end as at its beginning.
"""

from collections.abc import Iterator
from random import Random

from tests.benchmarks.load import DAY_MS, Load, Message, numbered, outcomes, predictions, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import Stage
from tests.benchmarks.throughput import rates

TARGET = 60_000
DAYS = 30
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
FEW = 1_000


def measure(stage: Stage, events: int) -> Iterator[Result]:
    """`events` in all: as many predictions as outcomes; without histograms, and with them."""
    yield _joined(stage, events, "predictions and outcomes, joined", False)
    yield _joined(stage, events, "the same with histograms of scores, values and errors", True)


def _joined(stage: Stage, events: int, what: str, histograms: bool) -> Result:
    half = events // 2
    topics = stage.topics()
    now = start_of_today()
    history = Load(half, start_ms=now - DAYS * DAY_MS, step_ms=DAYS * DAY_MS / half)
    stage.produce(topics[0], numbered(predictions(history)))
    watch = stage.watch(topics, model={"windows": ["24h", "7d"], "histograms": histograms})
    try:
        watch.start()
        watch.until(half)
        watch.until_evaluated(now - 2 * HOUR_MS)
        last = Load(FEW, events, now - MINUTE_MS, MINUTE_MS / FEW)  # the commit of these rolls the month up
        stage.produce(topics[0], numbered(predictions(last), half))
        counted = watch.until(half + FEW).events
        watch.stop()
        fresh = Load(half, half, now, 10 * MINUTE_MS / half)
        stage.produce(topics[0], numbered(predictions(fresh), half + FEW))
        stage.produce(topics[1], arriving(history, now))
        watch.start()
        start = watch.until(counted + events // 5)
        end = watch.until(counted + events * 4 // 5)
        rate, cost = rates(start, end)
        note = f"{cost * 1e6:.1f} µs of CPU per event; labels of decisions of {DAYS} days"
        return Result(f"worker: {what}", rate, "events/s", None if histograms else TARGET, note=note)
    finally:
        watch.close()


def arriving(history: Load, now: int) -> Iterator[tuple[int, Message]]:
    """The outcomes of the history in random order, all within ten minutes from now; (number of the prediction, message)."""
    rng = Random(history.seed)
    last = history.start_ms + history.count * history.step_ms
    instant = Load(history.count, history.first, now, 0.0, history.seed)
    assert last <= now + MINUTE_MS
    return outcomes(instant, lambda _: rng.randrange(10 * MINUTE_MS))
