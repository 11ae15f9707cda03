"""Apache Kafka of the tests: it keeps its log when it is killed, and says what is missing where it cannot run."""

import shutil
import signal

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.processes import ServiceError
from tests import apache as module
from tests.apache import EXTERNAL, Apache, missing_tools
from tests.services.topics import Topics


def test_it_keeps_its_log_when_it_is_killed(apache: Apache, apache_topics: Topics) -> None:
    topic = apache_topics("kept")
    producer = KafkaProducer(bootstrap_servers=apache.kafka, acks="all")
    assert producer.send(topic, b"before").get(timeout=20).offset == 0
    producer.close()
    address, pid = apache.kafka, apache.process.pid

    apache.process.restart(signal.SIGKILL)

    assert apache.kafka == address
    assert apache.process.pid != pid
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    consumer.assign([TopicPartition(topic, 0)])
    assert next(consumer).value == b"before"
    consumer.close()


def test_it_listens_on_loopback_only(apache: Apache) -> None:
    found = psutil.Process(apache.process.pid).net_connections("inet")

    assert {one.laddr.ip.removeprefix("::ffff:") for one in found if one.status == "LISTEN"} == {"127.0.0.1"}


def test_an_external_one_is_used_and_never_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXTERNAL, "127.0.0.1:9092")

    with Apache() as broker:
        assert broker.kafka == "127.0.0.1:9092"
        with pytest.raises(ServiceError, match="not ours to stop"):
            broker.process.stop()


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXTERNAL, raising=False)
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    monkeypatch.setattr(module, "JARS", module.ROOT / "no such folder")

    assert missing_tools().startswith("java and mvn not found")
    with pytest.raises(ServiceError, match="java and mvn not found"), Apache():
        pass
