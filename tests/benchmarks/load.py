"""Events for the benchmarks, and a way to get a million of them into a topic in seconds.

Predictions of the shape in the README: three attributes, about 270 bytes, distinct ids. Record n goes to partition
n % partitions in whole batches (`send_batch`), with the event's time as the record's timestamp.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

MODEL = "credit-limit"
SEXES, ETHNICITIES = ("F", "M"), ("asian", "black", "hispanic", "white", "mixed")
BATCH_BYTES = 512 * 1024
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Load:
    """`count` events from `first` on (their ids go on where another load ended), in event time `start_ms` + n * `step_ms`."""

    count: int
    first: int = 0
    start_ms: int = 0
    step_ms: float = 3.0
    seed: int = 7


def start_of_today() -> int:
    """Midnight of the present day in UTC: loads lie in the days before it."""
    return int(time.time() * 1000) // DAY_MS * DAY_MS


def stamp(ms: int) -> str:
    """RFC 3339 with milliseconds, as producers write it."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


Message = tuple[bytes, bytes, int]
"""Key, value, timestamp in ms."""


def predictions(load: Load) -> Iterator[Message]:
    """Predictions with distinct ids; times rise steadily."""
    rng = random.Random(load.seed)
    people = [_person(rng) for _ in range(10_007)]  # drawn once: drawing is slower than what is measured
    for n in range(load.first, load.first + load.count):
        ms = load.start_ms + int((n - load.first) * load.step_ms)
        id = _id(n)
        body = f'{{"id":"{id}","model":"{MODEL}","version":"2026-11-01","time":"{_stamped(ms)}",{people[n % 10_007]}}}'
        yield id.encode(), body.encode(), ms


def outcomes(load: Load, delay_ms: Callable[[random.Random], int]) -> Iterator[tuple[int, Message]]:
    """The outcomes of the same load in order of their time, each with the number of its prediction."""
    rng = random.Random(load.seed + 1)
    drawn = [
        (load.start_ms + int((n - load.first) * load.step_ms) + delay_ms(rng), n)
        for n in range(load.first, load.first + load.count)
    ]
    for ms, n in sorted(drawn):
        id = _id(n)
        label = "true" if n * 7 % 10 < 6 else "false"
        body = f'{{"id":"{id}","model":"{MODEL}","time":"{_stamped(ms)}","label":{label},"value":{n % 9000}.5}}'
        yield n, (id.encode(), body.encode(), ms)


def _person(rng: random.Random) -> str:
    sex, ethnicity, score = rng.choice(SEXES), rng.choice(ETHNICITIES), rng.random()
    return (
        f'"decision":{"true" if score > 0.4 else "false"},"score":{score:.6f},"value":{rng.randrange(1000, 200000)}.0,'
        f'"attributes":{{"sex":"{sex}","age":{rng.randrange(18, 90)},"ethnicity":"{ethnicity}"}},"factors":{{}},"arm":"live","weight":1.0'
    )


def _id(n: int) -> str:
    """36 characters in the shape of a UUID, different for each n below 2**32."""
    mixed = f"{n * 2654435761 % 2**32:08x}"
    return f"{mixed}-{mixed[:4]}-4{mixed[4:7]}-8{mixed[5:8]}-{n:012x}"


_last: tuple[int, str] = (-1, "")


def _stamped(ms: int) -> str:
    """`stamp`, remembering the second: formatting a date is the slowest part of an event."""
    global _last
    second = ms // 1000
    if second != _last[0]:
        _last = second, stamp(ms)[:19]
    return f"{_last[1]}.{ms % 1000:03d}Z"


async def produce(kafka: str, topic: str, partitions: int, messages: Iterator[tuple[int, Message]]) -> int:
    """Send (number, message) pairs, message n to partition n % partitions; returns how many. Order is kept per partition."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, max_batch_size=BATCH_BYTES, acks=1, max_request_size=2**21)
    await producer.start()
    sent = 0
    try:
        batches = [producer.create_batch() for _ in range(partitions)]
        for n, (key, value, ms) in messages:
            part, sent = n % partitions, sent + 1
            if batches[part].append(key=key, value=value, timestamp=ms) is None:
                await producer.send_batch(batches[part], topic, partition=part)
                batches[part] = producer.create_batch()
                batches[part].append(key=key, value=value, timestamp=ms)
                await asyncio.sleep(0)
        for part, batch in enumerate(batches):
            if batch.record_count():
                await producer.send_batch(batch, topic, partition=part)
        await producer.flush()
    finally:
        await producer.stop()
    return sent


def numbered(messages: Iterator[Message], first: int = 0) -> Iterator[tuple[int, Message]]:
    """Messages with their numbers, as `produce` wants them."""
    return enumerate(messages, first)
