"""A Quix Streams callback that only counts: nothing is decoded."""

import os
import uuid

from quixstreams import Application

from tests.benchmarks.peers.timing import arguments

kafka, topic, watch = arguments()
app = Application(
    broker_address=kafka, consumer_group=f"bench-{uuid.uuid4()}", auto_offset_reset="earliest", auto_create_topics=False,
    loglevel="ERROR",
)  # fmt: skip


def count(_: bytes) -> None:
    if watch.tick():
        watch.report()
        os._exit(0)


app.dataframe(app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")).update(count)
app.run()
