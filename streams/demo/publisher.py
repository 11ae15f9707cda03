"""Creates the demo's topics and publishes the bank's events, keyed by id, with the event's time as the record's."""

from collections.abc import Sequence

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.producer.future import FutureRecordMetadata

from streams.demo.bank import Message
from streams.demo.router import CONTROL

PREDICTIONS, OUTCOMES = "predictions", "outcomes"
PARTITIONS = 2
SECONDS = 30
"""How long the broker may take for anything here."""


def create_topics(bootstrap: str) -> None:
    """The two topics of events, alike in partitions and kept for ever, and the compacted topic of routes."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        kept = {"retention.ms": "-1"}
        topics = [NewTopic(name, PARTITIONS, 1, topic_configs=kept) for name in (PREDICTIONS, OUTCOMES)]
        admin.create_topics([*topics, NewTopic(CONTROL, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    finally:
        admin.close()


class Publisher:
    """Sends messages; the default partitioner of kafka-python is Java's murmur2 of the key, as fairdrift expects."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=2, batch_size=131_072)
        self.newest: dict[int, int] = {}
        """Partition -> time (ms) of the newest prediction in it."""

    def publish(self, predictions: Sequence[Message], outcomes: Sequence[Message]) -> None:
        """Send both; returns when the broker has all of them, and raises what it refused."""
        sent = [self._send(PREDICTIONS, message) for message in predictions]
        rest = [self._send(OUTCOMES, message) for message in outcomes]
        self._producer.flush(timeout=SECONDS)
        for message, future in zip(predictions, sent, strict=True):
            part = future.get(timeout=SECONDS).partition
            self.newest[part] = max(message.time_ms, self.newest.get(part, 0))
        for future in rest:
            future.get(timeout=SECONDS)

    def close(self) -> None:
        """Give the connection back."""
        self._producer.close(timeout=SECONDS)

    def _send(self, topic: str, message: Message) -> FutureRecordMetadata:
        return self._producer.send(topic, key=message.key, value=message.value, timestamp_ms=message.time_ms)
