"""The whole log of a topic's partition, as a reader with `read_committed` sees it."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.acceptance.definition import Logged


def read_log(kafka: str, topic: str) -> dict[int, list[Logged]]:
    """Partition -> its records in order, from the beginning of the log to the end it has now."""
    return asyncio.run(_read(kafka, topic))


async def _read(kafka: str, topic: str) -> dict[int, list[Logged]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=2**24,
    )
    await consumer.start()
    try:
        numbers = await _partitions(consumer, topic)
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        log: dict[int, list[Logged]] = {number: [] for number in numbers}
        while any([await consumer.position(p) < _end(consumer, p, ends[p]) for p in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                log[partition.partition] += [Logged(r.offset, r.timestamp, r.value, tuple(r.headers)) for r in records]
        return log
    finally:
        await consumer.stop()


def _end(consumer: AIOKafkaConsumer, partition: TopicPartition, listed: int) -> float:
    """Where the log ends: Tansu's list of offsets lags behind what a fetch knows, so at least one fetch is waited for."""
    fetched = consumer.highwater(partition)
    return float("inf") if fetched is None else max(listed, fetched)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    for _ in range(50):
        found = await consumer._client.fetch_all_metadata()
        if numbers := found.partitions_for_topic(topic):
            return sorted(numbers)
        await asyncio.sleep(0.2)
    raise LookupError(f"the topic {topic} has no partitions")
