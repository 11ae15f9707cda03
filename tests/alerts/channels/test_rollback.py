import json

import pytest

from alerts.channels.rollback import RollbackChannel
from alerts.errors import TransportError
from tests.alerts.delivering import delivery, route_payload


class Topic:
    """A compacted topic in memory: the newest value of each key, and how often something was published."""

    def __init__(self) -> None:
        self.newest: dict[tuple[str, bytes], bytes] = {}
        self.published = 0

    def __call__(self, topic: str, key: bytes, value: bytes) -> None:
        self.newest[topic, key] = value
        self.published += 1


def test_the_record_is_a_cloud_event_keyed_by_model() -> None:
    topic = Topic()
    told = delivery(route_payload(), dedup_key="control:credit:3:control")
    RollbackChannel("control", topic).send(told)
    event = json.loads(topic.newest["fairdrift.control", b"credit"])
    assert event == {
        "specversion": "1.0",
        "id": "control:credit:3:control",
        "source": "fairdrift",
        "type": "fairdrift.control.route",
        "subject": "credit",
        "time": "2026-11-20T10:00:00.000Z",
        "datacontenttype": "application/json",
        "data": route_payload(),
    }


def test_a_repeat_says_the_same_again() -> None:
    topic = Topic()
    channel = RollbackChannel("control", topic, "other.topic")
    channel.send(delivery(route_payload()))
    first = dict(topic.newest)
    channel.send(delivery(route_payload(), attempt=2))
    assert topic.newest == first
    assert topic.published == 2


def test_without_a_producer_it_waits_for_a_process_that_has_one() -> None:
    with pytest.raises(TransportError, match="no producer") as raised:
        RollbackChannel("control", None).send(delivery(route_payload()))
    assert not raised.value.permanent
