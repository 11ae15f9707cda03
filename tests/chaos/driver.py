"""Sends the traffic to Kafka at a pace, in a thread of its own, whatever the broker is doing."""

import threading
import time
from collections.abc import Iterable
from random import Random

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from tests.chaos.traffic import BREACH, CALM, HOUR, MINUTE, Message, Traffic

SPEED = 1440
"""Simulated seconds in one real second: a day a minute, for a page needs hours of evidence in so little traffic."""

TICK = 0.1
PHASES = ((CALM, 14.0), (BREACH, 12.0))
"""Real seconds of each phase: six hours, and five in which one group is treated worse."""

MESSAGE_BYTES = 4 * 2**20


class Driver(threading.Thread):
    """Runs until `stop`. Simulated time stands still while the broker does not take messages.

    `breaches` counts the phases in which a group was treated worse, from beginning to end.
    """

    def __init__(self, kafka: str, topics: dict[str, str], partitions: int, traffic_seed: int, days: float) -> None:
        super().__init__(name="driver", daemon=True)
        self._kafka, self._topics, self._partitions = kafka, topics, partitions
        self._rng = Random(traffic_seed + 1)
        start = int(time.time() * 1000) - int(days * 24) * HOUR  # the future is not ours: Kafka refuses its timestamps
        self.traffic = Traffic(traffic_seed, start // MINUTE * MINUTE, self.partition_of)
        self.breaches, self.sent, self.failed = 0, 0, 0
        self.error: BaseException | None = None
        self._over = threading.Event()
        self._producer = self._connect()

    def partition_of(self, key: bytes) -> int:
        """Java's partitioner."""
        return (murmur2(key) & 0x7FFFFFFF) % self._partitions

    def run(self) -> None:
        try:
            while not self._over.is_set():
                for phase, seconds in PHASES:
                    self._phase(phase, seconds)
            self._phase(CALM, PHASES[0][1], to_the_end=True)
            self._producer.close(timeout=30)
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        """End the phase, then a last calm one, so that what fired can resolve; returns when all is sent."""
        self._over.set()
        self.join()
        if self.error:
            raise self.error

    def _phase(self, phase: str, seconds: float, *, to_the_end: bool = False) -> None:
        """A phase lasts its full simulated time even if sending it takes longer."""
        traffic = self.traffic
        traffic.phase = phase
        traffic.outcomes_silent = phase == CALM and self._rng.random() < 0.3
        self.breaches += phase == BREACH
        for n in range(int(seconds / TICK)):
            started = time.monotonic()
            burst = self._rng.random() < 0.01
            self._send(traffic.step(int(TICK * SPEED * 1000), self._rng.randrange(10, 40) * (40 if burst else 1)))
            if phase == CALM and n == int(seconds / TICK / 2) and not to_the_end:
                self._pause()
            time.sleep(max(0.0, TICK - (time.monotonic() - started)))
        traffic.outcomes_silent = False

    def _pause(self) -> None:
        """In the middle of a calm phase: hours pass, or the topics are silent for seconds, or neither."""
        choice = self._rng.random()
        if choice < 0.6:
            self._send(self.traffic.jump(self._rng.randrange(HOUR, 20 * HOUR)))
        elif choice < 0.8:
            self._over.wait(self._rng.uniform(2, 6))

    def _send(self, messages: Iterable[Message]) -> None:
        sending = [(message, self._sent(message)) for message in messages]
        for _, future in sending:
            try:
                if future is None:
                    raise KafkaError("not taken")
                future.get(timeout=120)
                self.sent += 1
            except KafkaError:  # what the log has is what counts; it is read in the end
                self.failed += 1

    def _sent(self, message: Message):  # kafka-python has no types
        try:
            return self._producer.send(
                self._topics[message.topic], value=message.value, key=message.key, partition=message.partition,
                timestamp_ms=message.timestamp,
            )  # fmt: skip
        except KafkaError:
            return None

    def _connect(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self._kafka, acks="all", retries=100, linger_ms=5, max_request_size=MESSAGE_BYTES,
            request_timeout_ms=10_000, delivery_timeout_ms=110_000, max_block_ms=60_000, compression_type=None,
        )  # fmt: skip
