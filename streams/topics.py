"""Looking at topics from outside, without a group and without changing anything, by kafka-python.

What a broker does not tell (the embedded one knows no settings of topics, and finds offsets by its own clock) is None here,
never a guess.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.broker import client_options
from streams.errors import StreamsError
from streams.settings import KafkaConfig

TAIL = 20
"""Offsets to look back from the end of a partition: the last ones may be markers of transactions, which are no records."""

POLL_MS = 3_000
BOOTSTRAP_MS = 8_000
CONNECT_SECONDS = 3.0


class KafkaAway(StreamsError):
    """Kafka cannot be reached."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic: where it is, its key, value and time (ms)."""

    part: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """The settings of a topic that matter here; None for what the broker does not tell. Times in ms, -1 is for ever."""

    retention_ms: int | None = None
    retention_bytes: int | None = None
    cleanup: str | None = None
    timestamps: str | None = None


class Topics:
    """The topics of one Kafka."""

    def __init__(self, consumer: Any, admin: Any) -> None:
        self._consumer, self._admin = consumer, admin

    def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """The number of partitions of each topic; 0 of one that does not exist, or may not be seen."""
        known = self._consumer.topics()
        return {
            topic: len(self._consumer.partitions_for_topic(topic) or ()) if topic in known else 0 for topic in topics
        }

    def settings(self, topic: str) -> TopicSettings:
        """What the broker tells of a topic's settings."""
        try:
            answer = self._admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
            )
        except KafkaError:
            return TopicSettings()
        told = {name: entry.get("value") for name, entry in answer.get("topic", {}).get(topic, {}).items()}
        return TopicSettings(
            _number(told.get("retention.ms")),
            _number(told.get("retention.bytes")),
            told.get("cleanup.policy"),
            told.get("message.timestamp.type"),
        )

    def newest(self, topic: str) -> dict[int, int]:
        """The greatest time among the last records of each partition that has any, ms."""
        found: dict[int, int] = {}
        for record in self.last(topic, TAIL):
            found[record.part] = max(record.time, found.get(record.part, record.time))
        return found

    def last(self, topic: str, count: int) -> list[Record]:
        """The records among the last `count` offsets of each partition; a few more where the broker tells its end too low.

        The embedded broker does: it tells the first offset of the last batch, plus one.
        """
        parts = [TopicPartition(topic, part) for part in range(self.partitions([topic])[topic])]
        if not parts:
            return []
        begins, ends = self._consumer.beginning_offsets(parts), self._consumer.end_offsets(parts)
        wanted = {part: max(begins[part], ends[part] - count) for part in parts if ends[part] > begins[part]}
        if not wanted:
            return []
        self._consumer.assign(list(wanted))
        for part, offset in wanted.items():
            self._consumer.seek(part, offset)
        found: list[Record] = []
        for part, records in self._polled(wanted, ends):
            found += [
                Record(part.partition, record.offset, record.key, record.value, record.timestamp)
                for record in records
                if record.offset >= wanted[part]
            ]
        return found

    def create(self, topics: Sequence[str], partitions: int, settings: Mapping[str, str]) -> None:
        """Create topics that are not there; one that is there is left as it is."""
        for topic in topics:
            try:
                self._admin.create_topics([NewTopic(topic, partitions, -1, topic_configs=dict(settings))])
            except TopicAlreadyExistsError:
                continue

    def _polled(self, wanted: Mapping[Any, int], ends: Mapping[Any, int]) -> Iterator[tuple[Any, list[Any]]]:
        """What polling brings until every partition is at its end, or brings nothing for a while."""
        while any(self._consumer.position(part) < ends[part] for part in wanted):
            batch = self._consumer.poll(timeout_ms=POLL_MS)
            if not batch:
                return
            yield from batch.items()


@contextmanager
def open_topics(kafka: KafkaConfig) -> Iterator[Topics]:
    """A look at the topics; KafkaAway with the addresses if there is no broker. Waits for none."""
    addresses = ", ".join(kafka.bootstrap)
    if not any(_answers(address) for address in kafka.bootstrap):
        raise KafkaAway(f"nothing listens at {addresses}: see kafka.bootstrap")
    options = client_options(kafka) | {"bootstrap_timeout_ms": BOOTSTRAP_MS}
    try:
        consumer = KafkaConsumer(**options, enable_auto_commit=False)
    except (KafkaError, OSError) as error:
        raise KafkaAway(f"no Kafka answers at {addresses} ({type(error).__name__}): see the section kafka") from error
    try:
        admin = KafkaAdminClient(**options)
        try:
            yield Topics(consumer, admin)
        finally:
            admin.close()
    finally:
        consumer.close()


def _answers(address: str) -> bool:
    """Whether something listens there. kafka-python itself would try for its whole time-out, and leave a socket open."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str | int) and str(value).lstrip("-").isdecimal() else None
