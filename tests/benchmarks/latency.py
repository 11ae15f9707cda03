"""From the event that moves the clock past a breached pane's end to the delivered page.

The window is one pane. A group is treated worse for a pane of event time; the worker has counted all of it and waits, since
the pane is still open. Then one event per partition moves the clock past its end. The time runs from the moment when the
broker has the last of these to the arrival of the page. Then parity comes back for a pane, and it begins again.
"""

import json
import time
from collections.abc import Iterator
from statistics import median

from tests.alerts.receiving import Reply, Request, receiver
from tests.benchmarks.load import DAY_MS, MODEL, Message, stamp, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import PARTITIONS, Stage, Watch

TARGET_SECONDS = 2.0
ROUNDS = 7
MINUTE_MS = 60_000
DELAY_MS = MINUTE_MS
"""`watermark_delay` by default."""
PER_MINUTE = 400
PATIENCE = 60.0

RULE = {
    "name": "parity", "type": "threshold", "model": MODEL, "metric": "selection_rate", "attributes": ["sex"],
    "aggregate": "ratio", "method": "to_reference", "bound": {"min": 0.8}, "window": "1m", "min_n": 50, "receivers": ["oncall"],
}  # fmt: skip


class World:
    """Makes decisions in event time, minute by minute."""

    def __init__(self, start_ms: int) -> None:
        self.now, self.made = start_ms, 0

    def minute(self, share_of_women: float) -> Iterator[tuple[int, Message]]:
        """The next whole minute of decisions; men are favoured in 80%."""
        begin = (self.now // MINUTE_MS + 1) * MINUTE_MS
        for n in range(PER_MINUTE):
            self.now = begin + n * MINUTE_MS // PER_MINUTE
            woman = n % 2 == 0
            share = share_of_women if woman else 0.8
            yield n, self._decision("F" if woman else "M", n // 2 % 100 < share * 100)

    def move_clock(self) -> Iterator[tuple[int, Message]]:
        """One event per partition, at the least time that closes every pane so far."""
        self.now = (self.now // MINUTE_MS + 1) * MINUTE_MS + DELAY_MS
        for part in range(PARTITIONS):
            yield part, self._decision("M", True)

    def _decision(self, sex: str, favourable: bool) -> Message:
        self.made += 1
        id = f"latency-{self.made}"
        attributes = {"sex": sex, "age": 30, "ethnicity": "white"}
        body = {"id": id, "model": MODEL, "version": "1", "time": stamp(self.now), "decision": favourable}
        return id.encode(), json.dumps(body | {"attributes": attributes}).encode(), self.now


def measure(stage: Stage) -> Iterator[Result]:
    """Median and longest of some pages and as many all-clears."""
    arrivals: list[tuple[float, str]] = []

    def arrived(request: Request) -> Reply:
        arrivals.append((time.perf_counter(), json.loads(request.body)["type"]))
        return Reply()

    topics, world = stage.topics(), World(start_of_today() - DAY_MS)
    with receiver(arrived) as pager:
        watch = stage.watch(
            topics,
            rules=[RULE],
            receivers=[
                {"name": "oncall", "type": "webhook", "url": pager.url, "secret": "whsec_" + "YmVuY2htYXJr" * 2}
            ],
            delivery={"allow": ["127.0.0.0/8"], "allow_http": True},
            model={"windows": ["1m"]},
        )
        try:
            watch.start()
            took = [seconds for _ in range(ROUNDS) for seconds in cycle(stage, watch, topics[0], world, arrivals)]
        finally:
            watch.close()
    note = f"longest {max(took):.2f} s; {ROUNDS} pages and {ROUNDS} all-clears"
    yield Result(
        "from the event that closes a breached pane to the page", median(took), "s", TARGET_SECONDS, True, note
    )


def cycle(stage: Stage, watch: Watch, topic: str, world: World, arrivals: list[tuple[float, str]]) -> Iterator[float]:
    """A pane of parity, one of a breach that pages, one of parity that resolves: the seconds of the page and the all-clear."""
    for share, wanted in ((0.8, ""), (0.3, "firing"), (0.8, "resolved")):
        stage.produce(topic, world.minute(share))
        watch.until(world.made)
        time.sleep(2.5)  # whatever may be evaluated is: only the pane at hand is left
        seen = len(arrivals)
        stage.produce(topic, world.move_clock())
        sent = time.perf_counter()
        if wanted:
            yield awaited(arrivals, seen, wanted, watch) - sent


def awaited(arrivals: list[tuple[float, str]], seen: int, wanted: str, watch: Watch) -> float:
    """When the page came."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        for at, type_ in arrivals[seen:]:
            if type_.endswith(wanted):
                return at
        time.sleep(0.005)
    raise TimeoutError(f"no {wanted} came in {PATIENCE:.0f} s; got {arrivals}\n{watch.last_words()}")
