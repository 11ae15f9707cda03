"""The director's world made of real parts: broker, database, worker, webhook receiver and router."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.operators import Person
from streams.controls import Controls
from streams.demo.bank import MODEL, Message
from streams.demo.director import Change, Page
from streams.demo.fairness import Fairness, waiting
from streams.demo.picture import Reading
from streams.demo.processes import Patience, Worker
from streams.demo.publisher import PARTITIONS, Publisher
from streams.demo.receiver import Receiver
from streams.demo.router import Routed

PANE_MS = 30 * 60_000
WATERMARK_DELAY_MS = 60_000
"""Both as in deploy/demo/fairdrift.yaml; a test compares them."""

SECONDS = 90.0
"""How long a step may take at most: the first includes the worker's start."""


@dataclass(slots=True)
class RealWorld:
    """Implements `streams.demo.director.World`."""

    publisher: Publisher
    worker: Worker
    fairness: Fairness
    receiver: Receiver
    router: Routed
    controls: Controls
    _sent_at: float = 0.0
    _pages: int = 0

    def publish(self, predictions: Sequence[Message], outcomes: Sequence[Message]) -> None:
        self._sent_at = time.monotonic()
        self.publisher.publish(predictions, outcomes)

    def settle(self) -> None:
        target = closed_until(self.publisher.newest)
        waiting(lambda: self.fairness.evaluated_ms() >= target, Patience(self.worker, SECONDS, "the evaluation"))
        waiting(lambda: self.fairness.undelivered() == 0, Patience(self.worker, SECONDS, "the notifications"))
        self._obey()

    def readings(self) -> list[Reading]:
        return self.fairness.readings()

    def changes(self) -> list[Change]:
        return self.fairness.changes()

    def pages(self) -> list[Page]:
        new = self.receiver.deliveries[self._pages :]
        self._pages += len(new)
        alerts = [(one.body["data"], one.arrived) for one in new if one.body["type"].startswith("fairdrift.alert.")]
        return [Page(data["status"], data["summary"], arrived - self._sent_at) for data, arrived in alerts]

    def routed(self) -> Routed:
        return self.router

    def begin(self, version: str) -> None:
        """As `fairdrift control plan credit-limit --start limits-3 --by ada --why ...` does."""
        self.controls.begin(MODEL, version, Person("ada", "the mistake in limits-2 is repaired"))
        self._obey()

    def counted(self) -> int:
        return self.fairness.counted()

    def repaid(self) -> dict[str, float]:
        return self.fairness.repaid()

    def _obey(self) -> None:
        """Wait until the router has heard of the newest route."""
        epoch = self.fairness.epoch()
        waiting(lambda: self._heard(epoch), Patience(self.worker, SECONDS, "the change of route"))

    def _heard(self, epoch: int) -> bool:
        if self.router.epoch < epoch:
            self.router.poll(timeout_ms=100)
        return self.router.epoch >= epoch


def closed_until(newest: dict[int, int]) -> int:
    """The end (ms) of the last pane that can be evaluated, from each partition's newest event time: 0 until every partition has one."""
    if len(newest) < PARTITIONS:
        return 0
    return (min(newest.values()) - WATERMARK_DELAY_MS) // PANE_MS * PANE_MS
