"""Publishing a file's events: whether a topic may take them, and the producer.

Old events in a topic that already holds newer ones would be too late to count (their clock has passed), and the broker may
delete them at once, since it compares its retention with the record's own time. So both are refused before the first record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from monitor.times import format_duration, format_time
from streams.broker import client_options
from streams.errors import StreamsError
from streams.partitions import partition_of
from streams.replay import Message, Survey
from streams.settings import KafkaConfig
from streams.topics import TopicSettings

OWN = ".replay"
"""Added to the names of live topics for those that take history."""

KEEP = {"retention.ms": "-1", "retention.bytes": "-1"}
"""Settings of the topics that are made for history."""

ARRAY_BYTES = 200_000
"""Bytes of a message of several events at most: well below what topics usually take."""


class PublishError(StreamsError):
    """The broker did not take the events."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Destination:
    """A topic as it was found: its partitions, the newest time in each that is not empty (ms), its settings."""

    topic: str
    partitions: int
    newest: Mapping[int, int]
    settings: TopicSettings


def refusals(found: Survey, into: Destination, max_lateness: int, now: int, going_on: bool = False) -> list[str]:
    """Why the events should not be published there, in words; empty if they may. Times and `now` in ms.

    `going_on`: the file's first rows are there already, from before an interruption.
    """
    told = []
    newest = max(into.newest.values(), default=None)
    if newest is not None and newest > found.earliest and not going_on:
        told.append(
            f"{into.topic} already holds events up to {format_time(newest)}, newer than the file's first at"
            f" {format_time(found.earliest)}: they would be late or not counted at all. Use --own-topics, or another topic"
        )
    keeps = into.settings.retention_ms
    if keeps is not None and keeps >= 0 and now - found.earliest > keeps:
        told.append(
            f"{into.topic} keeps records for {format_duration(keeps)} by their own time: the broker would delete these at once."
            " Use --own-topics, or set retention.ms=-1"
        )
    if into.settings.timestamps == "LogAppendTime":
        told.append(f"{into.topic} replaces the records' times by its own: set message.timestamp.type=CreateTime")
    if found.disorder > max_lateness:
        told.append(
            f"row {found.disorder_row} is {format_duration(found.disorder)} older than a row before it, more than max_lateness,"
            f" {format_duration(max_lateness)}: it would not be counted. Sort the file by time"
        )
    return told


def batched(events: Iterable[Message], partitions: int, size: int) -> Iterator[tuple[int, Message, int]]:
    """(partition, message, number of events): each event alone, or up to `size` of one partition in a JSON array.

    The events of a partition keep their order. The key of an array is its first id, its time the newest.
    """
    waiting: dict[int, list[Message]] = {}
    for event in events:
        part = partition_of(event.key, partitions)
        if size == 1:
            yield part, event, 1
            continue
        group = waiting.setdefault(part, [])
        group.append(event)
        if len(group) >= size or sum(len(e.value) for e in group) > ARRAY_BYTES:
            yield part, _array(waiting.pop(part)), len(group)
    for part, group in sorted(waiting.items()):
        yield part, _array(group), len(group)


def _array(events: list[Message]) -> Message:
    value = b"[" + b",".join(event.value for event in events) + b"]"
    return Message(events[0].key, value, max(event.time for event in events))


class Publisher:
    """Sends messages, acknowledged by all replicas; remembers the first that the broker refused."""

    def __init__(self, kafka: KafkaConfig, topic: str) -> None:
        self._topic = topic
        self._refused: BaseException | None = None
        try:
            self._producer: Any = KafkaProducer(
                **client_options(kafka), acks="all", linger_ms=20, batch_size=262_144, max_request_size=4 << 20
            )
        except (KafkaError, OSError) as error:
            raise PublishError(f"no Kafka answers at {', '.join(kafka.bootstrap)}: {type(error).__name__}") from error

    def publish(self, batches: Iterable[tuple[int, Message, int]], sent: Callable[[int], None]) -> int:
        """Send all of them and tell `sent` how many events each was; returns their number when the broker has them.

        Raises PublishError on the first that it refused.
        """
        total = 0
        for part, message, events in batches:
            future = self._producer.send(
                self._topic, partition=part, key=message.key, value=message.value, timestamp_ms=message.time
            )
            future.add_errback(self._on_error)
            self._raise_if_refused()
            total += events
            sent(events)
        self._producer.flush()
        self._raise_if_refused()
        return total

    def close(self) -> None:
        """Send what is under way and close."""
        self._producer.close()

    def _on_error(self, error: BaseException) -> None:
        self._refused = self._refused or error

    def _raise_if_refused(self) -> None:
        if self._refused is not None:
            raise PublishError(f"Kafka refused events for {self._topic}: {self._refused}") from self._refused
