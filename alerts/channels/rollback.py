"""`rollback`: the desired route of a model as a record of a compacted topic, keyed by model.

The value is CloudEvents 1.0 in JSON (`alerts.messages.CloudEvent`). The record is state, not an event: whoever reads
the topic from its start knows the route of every model, and a repeated delivery says the same again. A reader keeps
the greatest epoch it has seen per model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from alerts.channels import ROUTES, Delivery, Ports, Publish
from alerts.errors import TransportError
from alerts.receiver_config import RollbackReceiverConfig

TOPIC = "fairdrift.control"
EVENT_TYPE = "fairdrift.control.route"
SOURCE = "fairdrift"


@dataclass(frozen=True, slots=True)
class RollbackChannel:
    """Publishes to one topic through a producer that it is given."""

    type: ClassVar[str] = "rollback"
    tells: ClassVar[str] = ROUTES

    name: str
    publish: Publish | None = field(repr=False)
    topic: str = TOPIC

    def send(self, delivery: Delivery) -> None:
        if self.publish is None:
            raise TransportError(f"rollback {self.name!r} has no producer in this process", permanent=False)
        key = str(delivery.payload["model"]).encode()
        self.publish(self.topic, key, event_of(delivery))

    @classmethod
    def from_config(cls, config: RollbackReceiverConfig, ports: Ports) -> "RollbackChannel":
        topic = config.topic if "topic" in config.model_fields_set else ports.control_topic
        return cls(config.name, ports.publish, topic)


def event_of(delivery: Delivery) -> bytes:
    """The CloudEvent of a change of route: the same bytes at every attempt."""
    data: Mapping[str, Any] = delivery.payload
    event = {
        "specversion": "1.0",
        "id": delivery.dedup_key,
        "source": SOURCE,
        "type": EVENT_TYPE,
        "subject": data["model"],
        "time": data["effective_at"],
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


CHANNEL = RollbackChannel
