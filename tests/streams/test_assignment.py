"""Where reading goes on after a rebalance, with Faust's consumer and real groups: where we say, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.types import TP
from kafka import KafkaProducer

from streams.app import build_app
from streams.settings import KafkaConfig
from streams.transport import ChunkConsumer, Fetched
from tests.services.topics import Topics

PATIENCE = 60


class Reader:
    """A worker as far as Kafka sees it; it notes what it is assigned and what is delivered."""

    def __init__(self, kafka: str, topic: str) -> None:
        self.assigned: asyncio.Queue[set[TP]] = asyncio.Queue()
        self.delivered: asyncio.Queue[tuple[TP, Fetched]] = asyncio.Queue()
        config = KafkaConfig.model_validate({"bootstrap": kafka, "group": f"group-of-{topic}", "session_timeout": "6s"})
        self.app = build_app(config, [topic], self._deliver, self._reassign, lambda _, fetched: fetched)

    @property
    def consumer(self) -> ChunkConsumer:
        assert isinstance(self.app.consumer, ChunkConsumer)
        return self.app.consumer

    async def owns(self, tps: Iterable[TP]) -> None:
        """Wait until these are its partitions."""
        while await self.assigned.get() != set(tps):
            pass

    async def _deliver(self, tp: TP, fetched: Fetched) -> None:
        self.delivered.put_nowait((tp, fetched))

    async def _reassign(self, assignment: set[TP], _: int) -> Mapping[TP, int]:
        """Claims take a while: where to read on is told later."""
        self.assigned.put_nowait(assignment)
        return {}


@asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[Reader]:
    await reader.app.start()
    try:
        yield reader
    finally:
        await reader.app.stop()


def send(kafka: str, topic: str, partition: int, values: Iterable[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    for value in values:
        producer.send(topic, value=value, partition=partition)
    producer.close()


async def counted_by_another(kafka: str, topic: str) -> int:
    """Another worker joins, gets one of the two partitions, tells Kafka that it has counted up to offset 8, and leaves."""
    other = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=f"group-of-{topic}", enable_auto_commit=False,
        partition_assignment_strategy=[RangePartitionAssignor], session_timeout_ms=6_000, heartbeat_interval_ms=500,
    )  # fmt: skip
    await other.start()
    while len(mine := other.assignment()) != 1:  # noqa: ASYNC110  # aiokafka has no event for it
        await asyncio.sleep(0.05)
    (tp,) = mine
    await asyncio.to_thread(send, kafka, topic, tp.partition, [b"6", b"7", b"8", b"9", b"10"])
    await other.commit({TopicPartition(topic, tp.partition): 8})
    await other.stop()
    return int(tp.partition)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_rebalance_nothing_is_taken_before_it_is_told_where_to_read_on(kafka: str, topics: Topics) -> None:
    """aiokafka begins at Kafka's committed offset, which another worker may have told: records that stand between there and
    where this worker has read to, in an assignment of long ago, are no hole of the log."""
    topic = topics("predictions", partitions=2)

    async def run() -> None:
        both = [TP(topic, 0), TP(topic, 1)]
        for tp in both:
            await asyncio.to_thread(send, kafka, topic, tp.partition, [b"1", b"2", b"3", b"4", b"5"])
        async with running(Reader(kafka, topic)) as reader, asyncio.timeout(PATIENCE):
            await reader.owns(both)
            await reader.consumer.read_from(dict.fromkeys(both, 0))
            first = dict([await reader.delivered.get(), await reader.delivered.get()])
            assert {tp: (found.start, len(found.records)) for tp, found in first.items()} == dict.fromkeys(both, (0, 5))

            tp = TP(topic, await counted_by_another(kafka, topic))
            await reader.owns(both)
            while await reader.consumer.position(tp) != 10:  # noqa: ASYNC110  # nor for this
                await asyncio.sleep(0.05)
            assert reader.delivered.empty()

            await reader.consumer.read_from({tp: 5})
            _, found = await reader.delivered.get()
            assert (found.start, [record.value for record in found.records]) == (5, [b"6", b"7", b"8", b"9", b"10"])

    asyncio.run(run())
