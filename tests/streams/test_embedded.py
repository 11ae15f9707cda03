"""The embedded Kafka and Postgres: they work, two at once, over restarts, and leave nothing behind."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams import embedded
from streams.embedded import Embedded
from streams.processes import ServiceError
from tests.services.topics import Topics


def ask(url: str, statement: str) -> str:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else ""
    finally:
        connection.close()


def listening(pid: int) -> set[str]:
    return {found.laddr.ip for found in psutil.Process(pid).net_connections("inet") if found.status == "LISTEN"}


def test_what_is_produced_is_consumed(kafka: str, topics: Topics) -> None:
    topic = topics("words", partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(100):
        producer.send(topic, key=str(number).encode(), value=b"value %d" % number)
    producer.flush()
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    values = {next(consumer).value for _ in range(100)}
    consumer.close()

    assert values == {b"value %d" % number for number in range(100)}


def test_postgres_is_a_real_one_and_asks_for_its_password(services: Embedded) -> None:
    assert int(ask(services.postgres, "show server_version_num")) >= 180000
    assert ask(services.postgres, "show timezone") == "UTC"
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(services.postgres.replace(services.database._password, "wrong"))


def test_both_listen_on_loopback_only(services: Embedded) -> None:
    assert services.broker.pid
    assert services.database.pid
    assert listening(services.broker.pid) == {"127.0.0.1"}
    assert listening(services.database.pid) == {"127.0.0.1"}


def test_two_at_once_and_nothing_left_behind(services: Embedded) -> None:
    with Embedded() as second:
        folder, pids = second.database.folder, (second.database.pid, second.broker.pid)
        assert {second.kafka, services.kafka} == {second.kafka} | {services.kafka}
        assert second.kafka != services.kafka
        assert ask(second.postgres, "select 1") == ask(services.postgres, "select 1") == "1"
        assert all(pid and psutil.pid_exists(pid) for pid in pids)

    assert not folder.exists()
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


def test_nothing_is_left_behind_by_an_exception() -> None:
    services = Embedded()
    with suppress(ZeroDivisionError), services:
        folder, pids = services.database.folder, (services.database.pid, services.broker.pid)
        raise ZeroDivisionError

    assert not folder.exists()
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


def test_postgres_keeps_what_was_committed_when_it_is_killed() -> None:
    with Embedded() as services:
        url = services.postgres
        ask(url, "create table kept as select generate_series(1, 1000) n")

        services.database.restart(signal.SIGKILL)
        assert ask(url, "select sum(n) from kept") == "500500"

        services.database.restart()
        assert ask(url, "select sum(n) from kept") == "500500"

        services.database.stop()
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(url)


def test_the_broker_comes_back_empty_on_the_same_port() -> None:
    with Embedded() as services:
        Topics(services.kafka)("lost")
        before = services.kafka

        services.broker.restart()

        assert services.kafka == before
        assert not [name for name in Topics(before).names() if name.startswith("lost")]


def test_a_folder_with_spaces_keeps_the_data(world_readable: Path) -> None:
    folder = world_readable / "my data"
    with Embedded(folder) as services:
        ask(services.postgres, "create table kept as select 42 n")
        password = services.database._password
    with Embedded(folder) as services:
        assert ask(services.postgres, "select n from kept") == "42"
        assert services.database._password == password
    assert (folder / "postgres.password").stat().st_mode & 0o777 == 0o600


def test_a_copy_runs_where_the_wheel_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded.reachable_by_all
    monkeypatch.setattr(embedded, "reachable_by_all", lambda path: real(path) and "site-packages" not in str(path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # nor may the broker be executed in place

    with Embedded() as services:
        copied = services.database.programs.is_relative_to(services.database.folder)
        assert copied == (os.geteuid() == 0)
        assert services.broker.program.parent == services.broker.folder
        assert ask(services.postgres, "select 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")
def test_a_folder_closed_to_the_user_that_runs_postgres_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(ServiceError, match="cannot reach"), Embedded(tmp_path):
        pass
