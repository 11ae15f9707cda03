"""What a worker asks of Kafka besides reading: its topics at the start, and a producer for dead letters and routes."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaConfigurationError, TopicAlreadyExistsError
from kafka.errors import KafkaError as AdminError

from alerts.errors import TransportError
from monitor.events import DeadLetter
from streams.errors import StreamsError
from streams.settings import KafkaConfig, Stream

log = logging.getLogger(__name__)

SEND_TIMEOUT = 30.0
LARGEST_LETTER = 900_000
DEAD_LETTERS = {"retention.ms": str(14 * 24 * 3_600_000)}
ROUTES = {"cleanup.policy": "compact"}


class TopicMissing(StreamsError):
    """A configured topic does not exist."""


class PartitionsDiffer(StreamsError):
    """The two topics of a stream have different numbers of partitions."""


def client_options(kafka: KafkaConfig) -> dict[str, Any]:
    """How kafka-python connects."""
    options: dict[str, Any] = {"bootstrap_servers": list(kafka.bootstrap), "security_protocol": kafka.security_protocol}
    if kafka.security_protocol.endswith("SSL"):
        options |= {"ssl_cafile": kafka.ca_file, "ssl_certfile": kafka.cert_file, "ssl_keyfile": kafka.key_file}
        options["ssl_password"] = kafka.key_password.get_secret_value() if kafka.key_password else None
    return options | _login(kafka)


def _login(kafka: KafkaConfig) -> dict[str, Any]:
    if not kafka.security_protocol.startswith("SASL"):
        return {}
    secret = kafka.password.get_secret_value() if kafka.password else None
    return {
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_plain_username": kafka.username,
        "sasl_plain_password": secret,
    }


def tls_context(kafka: KafkaConfig) -> ssl.SSLContext | None:
    """The TLS context of the configuration, None without TLS."""
    if not kafka.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=kafka.ca_file)
    if kafka.cert_file:
        password = kafka.key_password.get_secret_value() if kafka.key_password else None
        context.load_cert_chain(kafka.cert_file, kafka.key_file, password)
    return context


def partition_counts(kafka: KafkaConfig, topics: Iterable[str], waiting: Callable[[float], bool]) -> dict[str, int]:
    """The number of partitions of each topic, 0 of one that does not exist.

    Waits for a broker and says so: `waiting(seconds)` pauses, and returns False to give up (then the error is raised).
    """
    attempt = 0
    while True:
        try:
            consumer = KafkaConsumer(**client_options(kafka))
            try:
                known = consumer.topics()
                return {
                    topic: len(consumer.partitions_for_topic(topic) or ()) if topic in known else 0 for topic in topics
                }
            finally:
                consumer.close()
        except KafkaConfigurationError:
            raise
        except (AdminError, OSError) as error:
            log.warning("waiting for Kafka at %s: %s", ", ".join(kafka.bootstrap), type(error).__name__)
            if not waiting(min(5.0, 0.5 * 2**attempt)):
                raise
            attempt += 1


def parts_of(stream: Stream, counts: dict[str, int]) -> int:
    """The partitions of both topics of a stream.

    Raises:
        TopicMissing, PartitionsDiffer: with what to do about it.
    """
    found = {topic: counts[topic] for topic in (stream.predictions, stream.outcomes)}
    for topic, parts in found.items():
        if not parts:
            raise TopicMissing(f"the topic {topic} does not exist: create it with as many partitions as its partner")
    if stream.repartition:
        return max(found.values())
    if len(set(found.values())) > 1:
        told = " and ".join(f"{topic} has {parts}" for topic, parts in found.items())
        raise PartitionsDiffer(
            f"{told} partitions: a prediction and its outcome would not meet. Give both the same number, keyed by id, or set `repartition: true`"
        )
    return found[stream.predictions]


def connection(kafka: KafkaConfig) -> dict[str, Any]:
    """How aiokafka connects."""
    return {
        "bootstrap_servers": list(kafka.bootstrap),
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_context(kafka),
        **_login(kafka),
    }


STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
"""The header by which readers know the value for a CloudEvent: CloudEvents' Kafka binding 1.0.2, structured mode."""


class Publisher:
    """A producer on the worker's loop, callable from its threads too."""

    def __init__(self, kafka: KafkaConfig) -> None:
        self._kafka = kafka
        self._loop = asyncio.get_running_loop()
        self._producer: aiokafka.AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def _started(self) -> aiokafka.AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = aiokafka.AIOKafkaProducer(
                    acks="all",
                    linger_ms=2,
                    max_request_size=12 << 20,
                    **connection(self._kafka),
                )
                await producer.start()
                self._producer = producer
        return self._producer

    async def bury(self, topics: tuple[str, str], part: int, letters: Sequence[tuple[int, DeadLetter]]) -> None:
        """Send dead letters to their topic, and return when the broker has all of them. Tries for ever."""
        records = [_record(topics[topic], part, letter) for topic, letter in letters]
        while True:
            try:
                producer = await self._started()
                topic = self._kafka.dead_letter_topic
                sent = [await producer.send(topic, value, key, headers=headers) for key, value, headers in records]
                await asyncio.gather(*sent)
                return
            except (KafkaError, OSError) as error:
                log.warning("dead letters cannot be sent yet: %s", type(error).__name__)
                await asyncio.sleep(1.0)

    def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """Publish a CloudEvent (in structured mode) from another thread; returns when the broker has acknowledged it.

        Raises:
            TransportError: it has not, in time; another attempt may help.
        """
        future = asyncio.run_coroutine_threadsafe(self._send(topic, key, value), self._loop)
        try:
            future.result(SEND_TIMEOUT)
        except (KafkaError, OSError, TimeoutError) as error:
            future.cancel()
            raise TransportError(
                f"Kafka did not take a record of {topic}: {type(error).__name__}", permanent=False
            ) from error

    async def _send(self, topic: str, key: bytes, value: bytes) -> None:
        producer = await self._started()
        await producer.send_and_wait(topic, value, key, headers=STRUCTURED)

    async def close(self) -> None:
        """Send what is under way and close."""
        if self._producer is not None:
            await self._producer.stop()


def _record(topic: str, part: int, letter: DeadLetter) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of a dead letter. A message that is larger than topics usually take is cut, and says so."""
    told = {
        "reason": letter.reason, "detail": letter.detail, "model": letter.model, "topic": topic, "partition": str(part),
        "offset": str(letter.offset), "index": str(letter.index), "bytes": str(len(letter.raw)),
    }  # fmt: skip
    headers = [(f"fairdrift-{name}", value.encode()) for name, value in told.items()]
    return f"{topic}/{part}/{letter.offset}/{letter.index}".encode(), letter.raw[:LARGEST_LETTER], headers


@dataclass(frozen=True, slots=True)
class OwnTopic:
    """A topic that the service makes for itself."""

    name: str
    partitions: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


def own_topics(kafka: KafkaConfig) -> list[OwnTopic]:
    """The topics for dead letters and routes."""
    return [OwnTopic(kafka.dead_letter_topic, 1, DEAD_LETTERS), OwnTopic(kafka.control_topic, 1, ROUTES)]


def make_topics(kafka: KafkaConfig, topics: Iterable[OwnTopic]) -> None:
    """Make those that are missing, where we may; else only say so."""
    admin = KafkaAdminClient(**client_options(kafka))
    try:
        there = set(admin.list_topics())
        for topic in topics:
            if topic.name in there:  # who may not make topics is refused those that exist, too
                continue
            try:
                admin.create_topics([NewTopic(topic.name, topic.partitions, -1, topic_configs=dict(topic.settings))])
            except TopicAlreadyExistsError:
                continue
            except AdminError as error:
                log.warning(
                    "the topic %s could not be made (%s): make it, or allow it", topic.name, type(error).__name__
                )
    finally:
        admin.close()
