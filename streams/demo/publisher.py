"""Creates the demo's topics and publishes the bank's events, keyed by id, with the event's time as the record's.

Why aiokafka's batches (2026-11): a step is sent as a few ready batches, about 10 microseconds an event; one `send` of
kafka-python costs about 100, which would be a third of the demo's time.
"""

import asyncio
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.demo.bank import Message
from streams.demo.router import CONTROL
from streams.partitions import partition_of

PREDICTIONS, OUTCOMES, DEAD_LETTERS = "predictions", "outcomes", "fairdrift.dead-letters"
PARTITIONS = 2
SECONDS = 30
"""How long the broker may take for a step."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def create_topics(bootstrap: str) -> None:
    """The two topics of events, alike in partitions and kept for ever, the dead letters', and the compacted one of routes."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        kept = {"retention.ms": "-1"}
        topics = [NewTopic(name, PARTITIONS, 1, topic_configs=kept) for name in (PREDICTIONS, OUTCOMES)]
        topics.append(NewTopic(DEAD_LETTERS, 1, 1))
        admin.create_topics([*topics, NewTopic(CONTROL, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        admin.close()


def by_partition(messages: Sequence[Message]) -> dict[int, list[Message]]:
    """The messages of each partition in their order: murmur2 of the id, as Java's and kafka-python's default partitioner have it."""
    parts: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        parts[partition_of(message.key, PARTITIONS)].append(message)
    return parts


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Puts Ctrl-C and SIGTERM off until the end: what they break off within asyncio or aiokafka says so in tracebacks of its own.

    In the main thread only; others are not interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {sent: signal.signal(sent, lambda number, _: came.append(number)) for sent in INTERRUPTS}
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)
    if came:
        raise KeyboardInterrupt


class Publisher:
    """Sends the events of a step; `newest` is the time (ms) of the newest prediction in each partition."""

    def __init__(self, bootstrap: str) -> None:
        self.newest: dict[int, int] = {}
        try:
            with uninterrupted():
                self._runner = asyncio.Runner()
                self._producer: AIOKafkaProducer = self._runner.run(_started(bootstrap))
        except KeyboardInterrupt:
            self.close()
            raise

    def publish(self, predictions: Sequence[Message], outcomes: Sequence[Message]) -> None:
        """Send both, each in order of time; returns when the broker has all of them, and raises what it refused."""
        decided, known = by_partition(predictions), by_partition(outcomes)
        with uninterrupted():
            self._runner.run(asyncio.wait_for(self._publish({PREDICTIONS: decided, OUTCOMES: known}), SECONDS))
        self.newest |= {part: messages[-1].time_ms for part, messages in decided.items()}

    def close(self) -> None:
        """Give the connection back."""
        with uninterrupted():
            self._runner.run(self._producer.stop())
            self._runner.close()

    async def _publish(self, events: Mapping[str, Mapping[int, Sequence[Message]]]) -> None:
        batches = [
            (topic, part, batch)
            for topic, parts in events.items()
            for part, messages in parts.items()
            for batch in self._batches(messages)
        ]
        sent = [await self._producer.send_batch(batch, topic, partition=part) for topic, part, batch in batches]
        await asyncio.gather(*sent)

    def _batches(self, messages: Sequence[Message]) -> list[Any]:
        """The messages in as few batches as the producer's batch size allows, in their order."""
        batches = [self._producer.create_batch()]
        for message in messages:
            record = {"key": message.key, "value": message.value, "timestamp": message.time_ms}
            if batches[-1].append(**record) is None:
                batches.append(self._producer.create_batch())
                batches[-1].append(**record)
        return batches


async def _started(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=262_144)
    await producer.start()
    return producer
