"""Apache Kafka with TLS, SCRAM logins and access lists: what a production cluster asks of its clients."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection
from typing import Any

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    NewTopic,
    ResourcePattern,
    ResourceType,
)

from streams.processes import LOOPBACK
from tests.apache import KafkaServer
from tests.services.certificates import Authority

ADMIN = "admin"


class SecureKafka(KafkaServer):
    """One listener, SASL_SSL with SCRAM-SHA-512; nobody but `admin` may do anything until `allow` says so."""

    def __init__(self, folder: Path, *, jars: Path, passwords: Mapping[str, str]) -> None:
        super().__init__(folder, jars=jars)
        self.passwords = passwords
        self.authority = Authority(folder)

    def is_ready(self) -> bool:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        try:
            with (
                create_connection((LOOPBACK, self.port), timeout=2) as plain,
                context.wrap_socket(plain, server_hostname=LOOPBACK),
            ):
                return True
        except OSError:
            return False

    def client(self, user: str) -> dict[str, Any]:
        """How kafka-python connects as a user."""
        return {
            "bootstrap_servers": self.address,
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.authority.certificate),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords[user],
        }

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """An administrator's client."""
        client = KafkaAdminClient(**self.client(ADMIN))
        try:
            yield client
        finally:
            client.close()

    def make(self, *topics: str, partitions: int = 1) -> None:
        """Make topics that keep everything: tests write events of long ago."""
        forever = {"retention.ms": "-1"}
        with self.admin() as admin:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=forever) for name in topics])

    def allow(self, user: str, kind: ResourceType, name: str, operations: Sequence[ACLOperation]) -> None:
        """Let a user do something to one topic or group."""
        acls = [
            ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
            for operation in operations
        ]
        with self.admin() as admin:
            admin.create_acls(acls)

    def _users(self) -> list[str]:
        return [
            word
            for name, password in self.passwords.items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]

    def _settings(self, data: Path, controller: int) -> dict[str, str]:
        server = self.authority.issue("kafka")
        both = self.folder / "kafka-both.pem"
        both.write_text(server.key.read_text() + server.certificate.read_text())
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        return super()._settings(data, controller) | {
            "listeners": f"SASL_SSL://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"SASL_SSL://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                f'{login} username="{ADMIN}" password="{self.passwords[ADMIN]}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",  # ANONYMOUS is the controller's own listener
        }
