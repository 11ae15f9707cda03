"""Topics of their own for each test, made by kafka-python's administration client."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient, NewTopic


class Topics:
    """Makes topics with unique names on one broker: `topics("predictions", partitions=4)` -> the name.

    Why a client for each call (2026-11): kafka-python leaks a socket with every attempt to reconnect, and tests stop brokers.
    """

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka
        self.made: list[str] = []

    def __call__(self, stem: str = "topic", partitions: int = 1, **settings: str) -> str:
        """Make a topic called `stem` and a random suffix, with the given settings (`cleanup_policy="compact"`)."""
        return self.together(stem, partitions=partitions, **settings)[0]

    def together(self, *stems: str, partitions: int = 1, **settings: str) -> list[str]:
        """Several topics that share one suffix, a number of partitions and settings: a stream's pair, in one request."""
        suffix = secrets.token_hex(4)
        names = [f"{stem}-{suffix}" for stem in stems]
        wanted = {key.replace("_", "."): value for key, value in settings.items()}
        new = [NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=wanted) for name in names]
        with self._admin() as admin:
            admin.create_topics(new)
        self.made += names
        return names

    def names(self) -> list[str]:
        """All topics of the broker."""
        with self._admin() as admin:
            return list(admin.list_topics())

    def close(self) -> None:
        """Delete what was made, so that a long session does not keep it in memory."""
        if self.made:
            with self._admin() as admin:
                admin.delete_topics(self.made)

    @contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        admin = KafkaAdminClient(bootstrap_servers=self.kafka, client_id="tests")
        try:
            yield admin
        finally:
            admin.close()
