"""A router that obeys fairdrift, short enough to copy: who decides the next request of one model?

The signal is state: the compacted topic `fairdrift.control` holds the newest route of each model (a CloudEvents message,
the key is the model). So a router reads the topic from its beginning when it starts, keeps the route with the highest
epoch, and polls now and then. If fairdrift is away, the last route stays in force.

    router = Router("127.0.0.1:9092", "credit-limit")
    router.poll()                        # now and then: before each request, or every second
    arm = router.arm(client_id)          # "live", "canary" or "fallback": who decides, and the `arm` to report
    if router.shadow: ...                # let router.version score too, and report that with the arm "shadow"
"""

import json
import zlib

from kafka import KafkaConsumer, TopicPartition

LIVE = {"route": "live", "percent": None, "rest": "live", "version": "", "epoch": 0}


class Router:
    """Follows the route of one model."""

    def __init__(self, bootstrap: str, model: str, topic: str = "fairdrift.control") -> None:
        self.model, self.state = model, LIVE
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        parts = [TopicPartition(topic, part) for part in self._consumer.partitions_for_topic(topic) or {0}]
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
        state = json.loads(message)["data"]
        if state["epoch"] > self.state["epoch"]:
            self.state = LIVE | state

    def arm(self, key: str) -> str:
        """Who decides for this key. In a canary always the same, and a greater percentage only adds keys."""
        route = self.state["route"]
        if route == "canary" and zlib.crc32(f"{self.model}:{key}".encode()) % 10_000 < self.state["percent"] * 100:
            return "canary"
        return self.state["rest"] if route in ("canary", "shadow") else route

    @property
    def shadow(self) -> bool:
        """Whether `version` scores too, without deciding."""
        return self.state["route"] == "shadow" and bool(self.state["version"])

    @property
    def version(self) -> str:
        """The version in canary or in shadow, or that has come out of one; empty where nobody said which."""
        return self.state["version"]

    @property
    def epoch(self) -> int:
        """Counts the changes of the route."""
        return self.state["epoch"]

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()
