"""From the event that moves the clock past a breached pane's end to the delivered page.

A group is treated worse, pane by pane of event time, until there is evidence enough. Each time the worker has counted all
of the pane and waits, since it is still open; then one event per partition moves the clock past its end. The time runs from
the moment when the broker has the last of these to the arrival of the page.

Each page is the first of a new worker on a new database: minutes that leap between parity and breach are unrest to a rule
that is judged by evidence, which then waits for more of it.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.alerts.receiving import Reply, Request, receiver
from tests.benchmarks.load import DAY_MS, MODEL, Message, stamp, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import PARTITIONS, Stage, Watch

TARGET_SECONDS = 2.0
ROUNDS = 3
MINUTE_MS = 60_000
DELAY_MS = MINUTE_MS
"""`watermark_delay` by default."""
PER_MINUTE = 400
PATIENCE = 60.0
MOST_MINUTES = 60
NOTICES = "select count(*) from fairdrift.notices where labels ->> 'alertname' = 'parity'"

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
    """Median and longest of the first pages of some workers."""
    took = [page(stage) for _ in range(ROUNDS)]
    note = f"longest {max(took):.2f} s of {ROUNDS}"
    yield Result(
        "from the event that closes a breached pane to the page", median(took), "s", TARGET_SECONDS, True, note
    )


def page(stage: Stage) -> float:
    """Seconds to the first page of a new worker on a new database."""
    arrivals: list[tuple[float, str]] = []

    def arrived(request: Request) -> Reply:
        arrivals.append((time.perf_counter(), json.loads(request.body)["data"]["rule"]))
        return Reply()

    topics = stage.topics()
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
            sent = until_it_tells(Turn(stage, watch, topics[0], World(start_of_today() - DAY_MS)), 0.3, NOTICES)
            return awaited(arrivals, RULE["name"], watch) - sent
        finally:
            watch.close()


@dataclass(frozen=True, slots=True)
class Turn:
    """Where minutes are made and watched."""

    stage: Stage
    watch: Watch
    topic: str
    world: World


def until_it_tells(turn: Turn, share: float, counted: str) -> float:
    """Minutes of this share, one after the other, until one of them makes `counted` grow; when its pane was closed.

    How many it takes is the rule's affair: evidence adds up.
    """
    before = turn.watch.number(counted)
    for _ in range(MOST_MINUTES):
        turn.stage.produce(turn.topic, turn.world.minute(share))
        turn.watch.until(turn.world.made)
        time.sleep(2.5)  # whatever may be evaluated is: only the pane at hand is left
        turn.stage.produce(turn.topic, turn.world.move_clock())
        sent = time.perf_counter()
        turn.watch.until_evaluated(turn.world.now - DELAY_MS)
        if turn.watch.number(counted) > before:
            return sent
    raise TimeoutError(f"nothing came of {MOST_MINUTES} minutes of {share}\n{turn.watch.last_words()}")


def awaited(arrivals: list[tuple[float, str]], rule: object, watch: Watch) -> float:
    """When the page of the rule came; its warning is another's."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        for at, whose in arrivals:
            if whose == rule:
                return at
        time.sleep(0.005)
    raise TimeoutError(f"no page came in {PATIENCE:.0f} s; got {arrivals}\n{watch.last_words()}")
