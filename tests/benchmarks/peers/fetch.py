"""aiokafka's `getmany` alone: the limit of anything that reads through it."""

import asyncio
import uuid

from aiokafka import AIOKafkaConsumer

from tests.benchmarks.peers.timing import arguments


async def main() -> None:
    kafka, topic, watch = arguments()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=f"bench-{uuid.uuid4()}", auto_offset_reset="earliest",
        enable_auto_commit=False, fetch_max_bytes=2**24, max_partition_fetch_bytes=2**20,
    )  # fmt: skip
    await consumer.start()
    try:
        while not watch.tick(sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))):
            pass
        watch.report()
    finally:
        await consumer.stop()


asyncio.run(main())
