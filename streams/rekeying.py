"""`repartition: true`: for producers that cannot key by id, the events are published again, keyed, to topics of our own.

Each worker takes part, in a consumer group beside its own. A record's offset is committed only when the broker has all that
was published for it, so nothing is lost; what a crash publishes twice has the same identity and is recognised as a
duplicate. Record timestamps are kept, so that lateness is judged as at the source. A message that cannot be read is passed
on as it is, and buried where it is counted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError

from monitor.decoding import decoder
from monitor.decoding.mapping import compile_field
from streams.broker import connection
from streams.settings import KafkaConfig, Stream

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes]]


def keyed_topic(kafka: KafkaConfig, topic: str) -> str:
    """The internal topic that holds a topic's events keyed by id."""
    return f"{kafka.group}.{topic}.by-id"


def keyed_names(kafka: KafkaConfig, stream: Stream) -> tuple[str, str]:
    """The internal topics of a stream."""
    return keyed_topic(kafka, stream.predictions), keyed_topic(kafka, stream.outcomes)


def keyed_stream(kafka: KafkaConfig, stream: Stream) -> Stream:
    """The stream as it is counted: of the same name, on the internal topics."""
    predictions, outcomes = keyed_names(kafka, stream)
    return replace(stream, predictions=predictions, outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """One event on its way to the internal topic."""

    key: bytes | None
    value: bytes | None


class Keys:
    """Finds the id of each event in a message: the field `id`, or where the models' mapping says."""

    def __init__(self, path: str | None) -> None:
        self._get: Callable[[Any], Any] = compile_field(path) if path else lambda body: body.get("id")

    def split(self, value: bytes | None, headers: Headers, key: bytes | None) -> Iterator[Rekeyed]:
        """The events of a message, each with its id as key; a message that cannot be read as it came."""
        read_by = decoder(headers, value) if value else None
        if value is None or read_by is None:
            yield Rekeyed(key, value)
            return
        events: list[Rekeyed] = []

        def read(raw: Any) -> Rekeyed:
            event = Rekeyed(self._key(raw) or key, bytes(raw))
            events.append(event)
            return event

        found = read_by.decode(value, read)
        if len(events) == len(found) and events:
            yield from events
        else:
            yield Rekeyed(key, value)

    def _key(self, raw: Any) -> bytes | None:
        try:
            id = self._get(msgspec.json.decode(raw))
        except (msgspec.DecodeError, AttributeError):
            return None
        return id.encode() if isinstance(id, str) else None


class Rekeyer:
    """Publishes the events of one stream's topics again, keyed by id."""

    def __init__(self, kafka: KafkaConfig, stream: Stream) -> None:
        self._kafka = kafka
        mapping = stream.models[0].mapping
        prediction, outcome = (mapping.prediction, mapping.outcome) if mapping else (None, None)
        self._keys = {
            stream.predictions: Keys(prediction.id if prediction else None),
            stream.outcomes: Keys(outcome.id if outcome else None),
        }

    async def run(self) -> None:
        """Until cancelled. An outage of Kafka is waited out: what was not acknowledged is read again."""
        while True:
            try:
                await self._run()
            except (KafkaError, OSError) as error:
                log.warning("publishing by id is interrupted: %s", type(error).__name__)
                await asyncio.sleep(1.0)

    async def _run(self) -> None:
        consumer = aiokafka.AIOKafkaConsumer(
            *self._keys,
            group_id=f"{self._kafka.group}.by-id",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._kafka.session_timeout,
            heartbeat_interval_ms=min(3000, self._kafka.session_timeout // 5),
            **connection(self._kafka),
        )
        producer = aiokafka.AIOKafkaProducer(
            acks="all", linger_ms=10, max_request_size=12 << 20, **connection(self._kafka)
        )
        try:
            await producer.start()
            await consumer.start()
            while True:
                fetched = await consumer.getmany(timeout_ms=500, max_records=5000)
                records = [record for of_partition in fetched.values() for record in of_partition]
                if records:
                    await self._publish(producer, records)
                    await consumer.commit()
        finally:
            await consumer.stop()
            await producer.stop()

    async def _publish(self, producer: aiokafka.AIOKafkaProducer, records: Sequence[Any]) -> None:
        sent = []
        for record in records:
            topic = keyed_topic(self._kafka, record.topic)
            for event in self._keys[record.topic].split(record.value, record.headers, record.key):
                headers = list(record.headers)
                sent.append(
                    await producer.send(topic, event.value, event.key, timestamp_ms=record.timestamp, headers=headers)
                )
        await asyncio.gather(*sent)
