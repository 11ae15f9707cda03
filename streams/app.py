"""The Faust application: one agent per topic, which hands each chunk of records to its owner.

No tables, no acknowledgements, no web: positions are in Postgres (`ledger.py`), health and metrics are ours. An error that
escapes an agent crashes the process, and whoever supervises it starts it again: Faust would restart the agent without the
events it failed on.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from faust.types import TP
from mode import CrashingSupervisor

from streams.broker import tls_context
from streams.settings import KafkaConfig
from streams.transport import Begin, ChunkTransport, Fetched, Passthrough, Reassign

Deliver = Callable[[TP, Fetched], Awaitable[None]]


class App(faust.App):
    """Faust's application on our transport."""

    reassign: Reassign
    begin: Begin

    def _new_transport(self) -> Any:
        return ChunkTransport(self.conf.broker_consumer, self)


def build_app(kafka: KafkaConfig, topics: Sequence[str], deliver: Deliver, reassign: Reassign, begin: Begin) -> App:
    """An application that reads these topics. `reassign` says where to read on after each rebalance."""
    app = App(
        kafka.group,
        broker=[f"kafka://{address}" for address in kafka.bootstrap],
        broker_credentials=credentials(kafka),
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        broker_session_timeout=kafka.session_timeout / 1000,
        broker_heartbeat_interval=min(3.0, kafka.session_timeout / 5000),
        broker_request_timeout=max(30.0, kafka.session_timeout / 1000 + 10),
        broker_rebalance_timeout=30.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=8,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        producer_linger=0.005,
    )
    app.reassign, app.begin = reassign, begin
    for topic in topics:
        _agent(app, topic, deliver)
    return app


def _agent(app: App, topic: str, deliver: Deliver) -> None:
    channel = app.topic(topic, key_serializer="raw", value_serializer=Passthrough())

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            await deliver(event.message.tp, event.value)

    app.agent(channel, name=f"read-{topic}", concurrency=1, supervisor_strategy=CrashingSupervisor)(read)


def credentials(kafka: KafkaConfig) -> Any:
    """What Faust needs to log in, None for plain text without a login."""
    context = tls_context(kafka)
    if kafka.security_protocol.startswith("SASL"):
        password = kafka.password.get_secret_value() if kafka.password else None
        return faust.SASLCredentials(
            username=kafka.username, password=password, mechanism=kafka.sasl_mechanism, ssl_context=context
        )
    return faust.SSLCredentials(context=context) if context else None
