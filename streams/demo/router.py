"""A router that obeys fairdrift, short enough to copy: which arm decides the next application of one model?

The signal is state: the compacted topic `fairdrift.control` holds the newest route of each model (a CloudEvents message,
the key is the model). So a router reads the topic from its beginning when it starts, keeps the route with the highest
epoch, and polls now and then. If fairdrift is away, the last route stays in force.
"""

import json

from kafka import KafkaConsumer, TopicPartition

CONTROL = "fairdrift.control"


class Router:
    """Follows the route of one model; `fallback` and `shadow` both mean that the model does not decide."""

    def __init__(self, bootstrap: str, model: str) -> None:
        self.model = model
        self.route = "live"
        self.epoch = 0
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        parts = [TopicPartition(CONTROL, part) for part in self._consumer.partitions_for_topic(CONTROL) or {0}]
        self._consumer.assign(parts)
        self._consumer.seek_to_beginning(*parts)

    def poll(self, timeout_ms: int = 0) -> None:
        """Read what is new on the control topic, and obey it."""
        for records in self._consumer.poll(timeout_ms=timeout_ms).values():
            for record in records:
                if record.key == self.model.encode() and record.value is not None:
                    self.obey(record.value)

    def obey(self, message: bytes) -> None:
        """Take over the route if it is newer than the one in force: a repeated or an older message changes nothing."""
        route = json.loads(message)["data"]
        if route["epoch"] > self.epoch:
            self.route, self.epoch = route["route"], route["epoch"]

    @property
    def model_decides(self) -> bool:
        """False while the model is out of the decision path."""
        return self.route not in ("fallback", "shadow")

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()
