"""A worker where everything is locked: Kafka by TLS, SCRAM and access lists, Postgres by TLS and a login with least rights.

What it was not given it cannot do, what it was given is enough, and no value of an attribute, no id and no secret stands in
anything that it wrote.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ACLOperation, ResourceType
from kafka.errors import TopicAuthorizationFailedError

from streams.database import driver_url
from streams.embedded import run_folder
from tests.acceptance.running import configuration, run
from tests.acceptance.test_worker import START, model
from tests.apache import jars
from tests.services.certificates import Authority
from tests.services.secure_kafka import SecureKafka
from tests.services.tls_front import TlsFront

pytestmark = pytest.mark.apache

TOPICS = ("predictions", "outcomes")
LETTERS, CONTROL = "fairdrift.dead-letters", "fairdrift.control"
MARKS = ("MARKED-VALUE-OF-AN-ATTRIBUTE", "MARKED-ID-OF-A-PERSON", "MARKED-FACTOR")
EVENTS = 60


@dataclass(frozen=True, slots=True)
class World:
    """Both services, locked; the configuration of a worker that may in, and what must never be seen."""

    kafka: SecureKafka
    config: Path
    owner: str
    """URL of the database's owner."""
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def kafka() -> Iterator[SecureKafka]:
    users = {name: f"{name}-{secrets.token_hex(8)}" for name in ("admin", "worker", "producer")}
    with run_folder() as folder:
        broker = SecureKafka(folder, jars=jars(), passwords=users)
        broker.start()
        try:
            broker.make(*TOPICS, partitions=2)
            broker.make(LETTERS, CONTROL)
            read, write = [ACLOperation.READ, ACLOperation.DESCRIBE], [ACLOperation.WRITE, ACLOperation.DESCRIBE]
            for topic in TOPICS:
                broker.allow("worker", ResourceType.TOPIC, topic, read)
                broker.allow("producer", ResourceType.TOPIC, topic, write)
            for topic in (LETTERS, CONTROL):
                broker.allow("worker", ResourceType.TOPIC, topic, write)
            broker.allow("worker", ResourceType.GROUP, "fairdrift", [ACLOperation.READ])
            yield broker
        finally:
            broker.stop()


@pytest.fixture
def world(kafka: SecureKafka, database: str, tmp_path: Path) -> Iterator[World]:
    password = secrets.token_hex(16)
    login = f"worker_{secrets.token_hex(4)}"
    owner = sa.create_engine(driver_url(database), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with owner.connect() as connection:
        connection.execute(sa.text(f"create role {login} login password '{password}' in role fairdrift_writer"))
    url, issued = sa.make_url(database), Authority(tmp_path, "database").issue("postgres")
    assert url.host is not None
    assert url.port is not None
    with TlsFront((url.host, url.port), issued) as front:
        ours = f"postgresql://{login}:{password}@127.0.0.1:{front.port}/{url.database}?sslmode=verify-full"
        path = configuration(tmp_path, kafka.address, f"{ours}&sslrootcert={tmp_path}/database.pem", [model(*TOPICS)])
        body = yaml.safe_load(path.read_text())
        body["models"][0]["factors"] = {"region": ["north", "south"]}
        body["kafka"] |= {
            "group": "fairdrift", "dead_letter_topic": LETTERS, "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512", "username": "worker", "password": kafka.passwords["worker"],
            "ca_file": str(kafka.authority.certificate),
        }  # fmt: skip
        path.write_text(yaml.safe_dump(body))
        yield World(kafka, path, database, (password, *kafka.passwords.values()))
    with owner.connect() as connection:
        connection.execute(
            sa.text("select pg_terminate_backend(pid) from pg_stat_activity where usename = :login"), {"login": login}
        )
        connection.execute(sa.text(f"drop role {login}"))
    owner.dispose()


def changed(world: World, section: str, **values: Any) -> Path:
    """The configuration with other values in one section."""
    body = yaml.safe_load(world.config.read_text())
    body[section] |= values
    path = world.config.with_name(f"changed-{secrets.token_hex(4)}.yaml")
    path.write_text(yaml.safe_dump(body))
    return path


def events() -> Iterator[tuple[str, str, bytes]]:
    """Topic, key and value: good ones with marked values, and bad ones of several kinds that hold the same marks."""
    attribute, person, factor = MARKS
    for n in range(EVENTS):
        id = f"{person}-{n}"
        attributes = {"sex": "F" if n % 2 else attribute, "age": attribute if n % 5 == 0 else 40}
        body = {"id": id, "model": "credit", "time": START + n * 1000, "decision": n % 3 == 0, "attributes": attributes}
        yield TOPICS[0], id, json.dumps(body | {"factors": {"region": factor}}).encode()
        yield TOPICS[1], id, json.dumps({"id": id, "model": "credit", "time": START + n * 1000, "label": True}).encode()
    for bad in (
        {"id": person, "model": "credit", "time": attribute, "decision": True, "attributes": {"sex": attribute}},
        {"id": person, "model": "credit", "time": START, "decision": attribute, "attributes": {"sex": attribute}},
        {"id": person, "model": attribute, "time": START, "decision": True},
        {"id": person, "model": "credit", "time": START, "score": attribute},
        {"id": person, "model": "credit", "time": START, "attributes": attribute},
        {"id": person, "model": "credit", "time": START, "decision": True, "arm": attribute},
    ):
        yield TOPICS[0], person, json.dumps(bad).encode()
    yield TOPICS[0], person, f'{{"id": "{person}", "attributes": {{"sex": "{attribute}"'.encode()
    yield TOPICS[1], person, f"[{attribute}]".encode()


def publish(kafka: SecureKafka) -> None:
    producer = KafkaProducer(**kafka.client("producer"), enable_idempotence=False)
    for topic, key, value in events():
        producer.send(topic, value, key.encode(), timestamp_ms=START + EVENTS * 1000)
    producer.flush()
    producer.close()


def read(kafka: SecureKafka, user: str) -> list[bytes]:
    """The dead letters, as far as the user may read them."""
    options = kafka.client(user) | {"group_id": None, "auto_offset_reset": "earliest", "consumer_timeout_ms": 5000}
    consumer = KafkaConsumer(LETTERS, **options)
    try:
        return [record.value for record in consumer]
    finally:
        consumer.close()


def test_a_worker_counts_with_least_rights_and_logs_no_person(world: World) -> None:
    publish(world.kafka)
    done = run("worker", "--config", str(world.config), "--drain", "--log-format", "json")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    with sa.create_engine(driver_url(world.owner), poolclass=sa.NullPool).connect() as connection:
        counted = connection.execute(sa.text("select sum(sums[1]) from fairdrift.panes where basis = 0")).scalar_one()
    assert counted >= EVENTS
    assert len(read(world.kafka, "admin")) == 8
    for hidden in (*MARKS, *world.secrets):
        assert hidden not in told
    assert "could not be made" not in told


def test_check_says_that_all_is_well_or_who_does_not_trust_whom(world: World) -> None:
    assert run("check", "--config", str(world.config)).returncode == 0
    stranger = Authority(world.config.parent, "stranger").certificate
    for section, values, said in (
        ("kafka", {"password": "wrong"}, "kafka"),
        ("kafka", {"ca_file": str(stranger)}, "kafka"),
        ("postgres", {"url": yaml.safe_load(world.config.read_text())["postgres"]["url"].replace("database.pem", "stranger.pem")}, "certificate verify failed"),
        ("postgres", {"url": yaml.safe_load(world.config.read_text())["postgres"]["url"].replace("verify-full", "disable")}, "the database does not answer"),
    ):  # fmt: skip
        done = run("check", "--config", str(changed(world, section, **values)))
        assert done.returncode == 1, done.stdout
        assert said in done.stdout.lower()
        assert all(secret not in done.stdout + done.stderr for secret in world.secrets)


def test_a_worker_s_login_can_forge_no_event(kafka: SecureKafka) -> None:
    producer = KafkaProducer(**kafka.client("worker"), enable_idempotence=False)
    for topic in TOPICS:
        with pytest.raises(TopicAuthorizationFailedError):
            producer.send(topic, b"{}", b"x").get(timeout=20)
    producer.close()


def test_a_producer_can_set_no_route_and_read_nobody(kafka: SecureKafka) -> None:
    producer = KafkaProducer(**kafka.client("producer"), enable_idempotence=False)
    with pytest.raises(TopicAuthorizationFailedError):
        producer.send(CONTROL, b"{}", b"credit").get(timeout=20)
    producer.close()
    assert read(kafka, "producer") == []
