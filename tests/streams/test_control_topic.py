"""The control topic as others read it: by CloudEvents' own SDK, and by a webhook's own library."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from kafka import KafkaConsumer, TopicPartition
from standardwebhooks.webhooks import Webhook

from alerts.channels import Channel
from alerts.control import Route
from alerts.operators import Person, Wish
from alerts.outbox import Dispatcher
from streams.broker import Publisher
from streams.config import parse
from streams.controls import Controls
from streams.dispatching import channels_of
from tests.alerts.receiving import receiver
from tests.services.topics import Topics

SECRET = "c2VjcmV0LW9mLTI0LWJ5dGVzLXh4"


def test_a_change_of_route_is_read_by_the_sdk_and_by_a_signed_webhook(
    empty_engine: sa.Engine, kafka: str, topics: Topics
) -> None:
    topic = topics("control", partitions=1)
    with receiver() as hook:
        settings = parse(f"""
kafka: {{bootstrap: "{kafka}", control_topic: {topic}}}
models: [{{name: credit, attributes: {{sex: [F, M]}}}}]
receivers:
  - {{name: ours, type: webhook, url: "{hook.url}", secret: {SECRET}, send_changes: true}}
  - {{name: control, type: rollback}}
delivery: {{allow: [127.0.0.0/8], allow_http: true}}
""")
        controls = Controls(empty_engine, settings)
        controls.set("credit", Wish(Route.FALLBACK), Person("ada", "limits look wrong"))
        controls.set("credit", Wish(Route.CANARY, 5.0, Route.FALLBACK, "v7"), Person("ada", "repaired"))

        async def send() -> None:
            publisher = Publisher(settings.kafka)
            channels: dict[str, Channel] = channels_of(settings, publisher.publish)
            dispatcher = Dispatcher(empty_engine, channels)
            while await asyncio.to_thread(dispatcher.run_once):
                pass
            await publisher.close()

        asyncio.run(send())
        bodies = [Webhook(SECRET).verify(request.body, dict(request.headers)) for request in hook.got]
    assert [(body["type"], body["data"]["route"]) for body in bodies] == [
        ("fairdrift.control.route", "fallback"), ("fairdrift.control.route", "canary"),
    ]  # fmt: skip
    records = read(kafka, topic)
    events = [from_structured_event(KafkaMessage(dict(r.headers), r.key, r.value)) for r in records]
    assert [(e.get_id(), e.get_type(), e.get_subject()) for e in events] == [
        (f"control:credit:{epoch}:control", "fairdrift.control.route", "credit") for epoch in (1, 2)
    ]
    newest = events[-1]
    when, data = newest.get_time(), newest.get_data()
    assert when is not None
    assert when <= datetime.now(UTC)
    told: Any = json.loads(data) if isinstance(data, bytes | str) else data
    assert (told["route"], told["percent"], told["rest"], told["version"], told["reason"]) == (
        "canary", 5.0, "fallback", "v7", "repaired",
    )  # fmt: skip
    assert [record.key for record in records] == [b"credit", b"credit"]


def read(kafka: str, topic: str) -> list:
    """The two records of the topic."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    found: list = []
    while len(found) < 2:
        found += [record for records in consumer.poll(timeout_ms=1000).values() for record in records]
    consumer.close()
    return found
