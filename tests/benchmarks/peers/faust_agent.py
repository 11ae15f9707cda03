"""A plain Faust agent that decodes JSON and counts, as the documentation shows it."""

import os
import uuid
from typing import Any

import faust

from tests.benchmarks.peers.timing import arguments

kafka, topic, watch = arguments()
app = faust.App(
    f"bench-{uuid.uuid4()}", broker=f"kafka://{kafka}", store="memory://", web_enabled=False, broker_session_timeout=6.0, broker_heartbeat_interval=2.0,
    topic_disable_leader=True, topic_allow_declare=False, consumer_auto_offset_reset="earliest",
)  # fmt: skip


@app.agent(app.topic(topic, value_serializer="json"))
async def count(stream: Any) -> None:
    async for _ in stream:
        if watch.tick():
            watch.report()
            os._exit(0)


faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False).execute_from_commandline()
