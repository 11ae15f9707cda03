"""A worker on real services, from the topics to the stored sums: all of it equals the batch definition, to the last unit."""

import json
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from kafka import KafkaConsumer, KafkaProducer

from streams.database import engine
from streams.embedded import Embedded
from tests.acceptance.definition import define
from tests.acceptance.logs import read_log
from tests.acceptance.parsing import Spec
from tests.acceptance.running import configuration, run, start
from tests.acceptance.stored import differences, stored_positions, stored_rows
from tests.services.topics import Topics

START = 1_763_632_800_000
MINUTE = 60_000
GARBAGE = [
    b"{broken", b"[]x", b"null", b"42", b'"text"', b"\xff\xfe", b'{"id": 1}', b"{}",
    b'{"id": "a", "model": "nobody", "time": 1763632800000, "decision": true}',
    b'{"id": "a", "model": "credit", "time": "0001-01-01T00:00:00Z", "decision": true}',
    b'{"id": "a", "model": "credit", "time": "9999-12-31T00:00:00Z", "decision": true}',
    b'{"id": "a", "model": "credit", "time": 1763632800000, "score": NaN}',
    b'{"id": "a", "model": "credit", "time": 1763632800000, "value": 1e308}',
    b'{"id": "a", "model": "credit", "time": 1763632800000, "value": Infinity}',
    b'{"id": "a", "model": "credit", "time": 1763632800000}',
    b'{"id": "' + b"x" * 10_000 + b'", "model": "credit", "time": 1763632800000, "decision": true}',
    json.dumps({"id": "a", "model": "credit", "time": START, "decision": True,
                "attributes": {f"a{n}": "x" for n in range(300)}}).encode(),
    b'[{"id": "a", "model": "credit"}, 7]',
]  # fmt: skip


def model(predictions: str, outcomes: str) -> dict[str, Any]:
    return {
        "name": "credit",
        "topics": {"predictions": predictions, "outcomes": outcomes},
        "attributes": {"sex": {"values": ["F", "M"], "reference": "M"}, "age": {"bins": [30, 50]}},
        "value": {"range": [0, 1000]},
        "metrics": ["selection_rate", "mean_value"],
        "max_lateness": "30m",
        "dedup_horizon": "1h",
        "join_horizon": "6h",
        "windows": ["5m", "1h"],
    }


@pytest.fixture
def stream(topics: Topics) -> list[str]:
    return topics.together("predictions", "outcomes", partitions=2)


class Traffic:
    """Seeded events of every kind, in rough order of time."""

    def __init__(self, kafka: str, stream: list[str], seed: int) -> None:
        self._producer = KafkaProducer(bootstrap_servers=kafka, linger_ms=20, max_request_size=11_000_000)
        self._stream, self._rng, self.now, self.sent = stream, random.Random(seed), START, 0

    def events(self, count: int) -> None:
        for _ in range(count):
            self.now += self._rng.choice((0, 0, 500, 2000, 9000))
            self._one(f"id-{self._rng.randrange(count // 2)}")
        self._producer.flush()

    def _one(self, id: str) -> None:
        rng = self._rng
        time = self.now - rng.choice((0, 0, 0, 0, 30_000, 10 * MINUTE, 50 * MINUTE))
        body: dict[str, Any] = {"id": id, "model": "credit", "time": time}
        if rng.random() < 0.4:
            self._send(1, id, body | {"label": rng.random() < 0.5, "value": round(rng.uniform(0, 900), 2)})
            return
        sex, age = rng.choice(("F", "M", "M", "X", None)), rng.choice((20, 40, 60, None, "old"))
        body |= {"decision": rng.random() < 0.5, "value": round(rng.uniform(-50, 2000), 2), "score": rng.random()}
        body |= {
            "version": rng.choice("12"),
            "arm": rng.choice(("live", "canary")),
            "attributes": {"sex": sex, "age": age},
        }
        self._send(0, id, body)

    def garbage(self) -> None:
        for value in GARBAGE:
            self.raw(self._rng.randrange(2), value)
        self._producer.flush()

    def raw(self, topic: int, value: bytes | None, key: str = "g") -> None:
        self._producer.send(self._stream[topic], value, key.encode(), timestamp_ms=self.now)

    def _send(self, topic: int, id: str, body: dict[str, Any]) -> None:
        self.sent += 1
        self.raw(topic, json.dumps(body).encode(), id)

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def traffic(kafka: str, stream: list[str]) -> Iterator[Traffic]:
    made = Traffic(kafka, stream, seed=7)
    yield made
    made.close()


def wrong(kafka: str, postgres: str, stream: list[str], config: Path) -> list[str]:
    """How the stored sums differ from the definition on the whole log, and partitions that are not at its end."""
    spec = Spec.of(yaml.safe_load(config.read_text())["models"])
    logs = [read_log(kafka, topic) for topic in stream]
    db = engine(postgres)
    with db.connect() as connection:
        rows, positions = stored_rows(connection, "/".join(stream)), stored_positions(connection, "/".join(stream))
    db.dispose()
    found = []
    for part in range(2):
        ends = tuple(log[part][-1].offset + 1 if log[part] else 0 for log in logs)
        if positions[part].offsets != ends:
            found.append(f"partition {part} stands at {positions[part].offsets}, the log ends at {ends}")
        defined = define(spec, [log[part] for log in logs], positions[part].marks, positions[part].seals)
        found += differences(rows.get(part, {}), defined, spec.terms.pane)
    return found


def scalar(postgres: str, query: str) -> Any:
    db = engine(postgres)
    with db.connect() as connection:
        found = connection.execute(sa.text(query)).scalar()
    db.dispose()
    return found


def test_what_is_stored_equals_the_definition_whatever_comes(
    kafka: str, database: str, stream: list[str], traffic: Traffic, topics: Topics, tmp_path: Path
) -> None:
    letters = topics("dead-letters")
    config = configuration(tmp_path, kafka, database, [model(*stream)], letters=letters)
    traffic.events(1500)
    traffic.garbage()
    traffic.raw(0, None)
    traffic.events(500)
    first = run("worker", "--config", str(config), "--drain")
    assert first.returncode == 0, first.stderr
    assert wrong(kafka, database, stream, config) == []

    traffic.events(800)
    second = run("worker", "--config", str(config), "--drain")
    assert second.returncode == 0, second.stderr
    assert "rebuilding" not in second.stderr
    assert wrong(kafka, database, stream, config) == []

    for kept in (tmp_path / "state").glob("worker-0/*/0"):
        kept.rename(kept.with_name("lost"))
    traffic.events(300)
    third = run("worker", "--config", str(config), "--drain")
    assert third.returncode == 0, third.stderr
    assert "rebuilding it from the log" in third.stderr
    assert wrong(kafka, database, stream, config) == []

    consumer = KafkaConsumer(letters, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    buried = list(consumer)
    consumer.close()
    assert len(buried) == scalar(database, "select sum(sums[9]) from fairdrift.panes where basis = 3")
    reasons = {dict(letter.headers)["fairdrift-reason"].decode() for letter in buried}
    assert {"malformed", "unknown_model", "time_ahead", "time_too_old", "bad_value", "nothing_to_count"} <= reasons
    logged = first.stderr + second.stderr + third.stderr
    assert "id-" not in logged
    assert '"F"' not in logged


def test_a_new_key_of_id_hashes_counts_nothing_twice(
    kafka: str, database: str, stream: list[str], traffic: Traffic, topics: Topics, tmp_path: Path
) -> None:
    """As README says: stop, delete the key, empty the stores, start. Ids of before are still recognised, and joined."""
    config = configuration(tmp_path, kafka, database, [model(*stream)], letters=topics("dead-letters"))
    traffic.events(300)
    assert run("worker", "--config", str(config), "--drain").returncode == 0
    hashing = engine(database)
    with hashing.begin() as connection:
        old = connection.execute(sa.text("delete from fairdrift.keys returning key")).scalar_one()
    shutil.rmtree(tmp_path / "state")
    traffic.events(300)
    done = run("worker", "--config", str(config), "--drain")
    assert done.returncode == 0, done.stderr
    assert wrong(kafka, database, stream, config) == []
    with hashing.connect() as connection:
        assert connection.execute(sa.text("select key from fairdrift.keys")).scalar_one() != old
    hashing.dispose()


def test_a_message_of_ten_megabytes_is_a_dead_letter_and_stops_nothing(
    kafka: str, database: str, stream: list[str], traffic: Traffic, topics: Topics, tmp_path: Path
) -> None:
    config = configuration(tmp_path, kafka, database, [model(*stream)], letters=topics("dead"))
    traffic.raw(0, b'{"id": "' + b"x" * 10_000_000 + b'"}')
    traffic.events(50)
    done = run("worker", "--config", str(config), "--drain")
    assert done.returncode == 0, done.stderr
    assert wrong(kafka, database, stream, config) == []
    assert scalar(database, "select sum(sums[9]) from fairdrift.panes where basis = 3") == 1


def test_unequal_partitions_are_refused_with_what_to_do(
    kafka: str, database: str, topics: Topics, tmp_path: Path
) -> None:
    pair = [topics("predictions", partitions=2), topics("outcomes", partitions=3)]
    config = configuration(tmp_path, kafka, database, [model(*pair)])
    done = run("worker", "--config", str(config))
    assert done.returncode == 2
    assert "has 2 and" in done.stderr
    assert "Give both the same number" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_schema_that_is_behind_is_refused_with_what_to_do(
    kafka: str, databases: Any, stream: list[str], tmp_path: Path
) -> None:
    with databases.empty() as url:
        config = configuration(tmp_path, kafka, url, [model(*stream)])
        done = run("worker", "--config", str(config))
    assert done.returncode == 2
    assert "fairdrift migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_waits_for_postgres_and_kafka_and_goes_on(tmp_path: Path) -> None:
    with Embedded() as services:
        pair = Topics(services.kafka).together("predictions", "outcomes", partitions=2)
        config = configuration(tmp_path, services.kafka, services.postgres, [model(*pair)])
        assert run("migrate", "--config", str(config)).returncode == 0
        services.database.stop()
        with start("worker", "--config", str(config)) as worker:
            assert worker.stderr is not None
            told = until(worker.stderr, "waiting for Postgres")
            services.database.start()
            traffic = Traffic(services.kafka, pair, seed=1)
            traffic.events(200)
            traffic.close()
            counted = "select count(*) from fairdrift.positions where commit_no > 0 having count(*) = 2"
            while not scalar(services.postgres, counted):
                assert worker.poll() is None, told + worker.stderr.read()
            worker.send_signal(signal.SIGTERM)
            _, rest = worker.communicate(timeout=60)
            assert worker.returncode == 0, rest
        done = run("worker", "--config", str(config), "--drain")
        assert done.returncode == 0, done.stderr
        assert wrong(services.kafka, services.postgres, pair, config) == []


def until(stream: Any, words: str) -> str:
    """Read lines until one holds the words."""
    told = ""
    for line in stream:
        told += line
        if words in line:
            return told
    raise AssertionError(f"it ended without {words!r}:\n{told}")


def test_events_that_are_not_keyed_by_id_are_published_again(
    kafka: str, database: str, topics: Topics, tmp_path: Path
) -> None:
    """Unequal partitions, arrays and any keys: `repartition` brings a prediction and its outcome together."""
    pair = [topics("predictions", partitions=3), topics("outcomes", partitions=2)]
    config = configuration(tmp_path, kafka, database, [model(*pair) | {"repartition": True}])
    producer = KafkaProducer(bootstrap_servers=kafka)
    for n in range(200):
        event = {"id": f"id-{n}", "model": "credit", "time": START + n}
        decided = json.dumps(
            [event | {"decision": True, "attributes": {"sex": "F"}}, event | {"id": f"x{n}", "value": 1}]
        )
        producer.send(pair[0], decided.encode(), timestamp_ms=START, partition=n % 3)
        producer.send(pair[1], json.dumps(event | {"label": True}).encode(), timestamp_ms=START, partition=n % 2)
    producer.send(pair[0], b"{garbage", timestamp_ms=START, partition=1)
    producer.flush()
    producer.close()
    counted = "select coalesce(sum(sums[1]), 0) from fairdrift.panes where basis = {}"
    with start("worker", "--config", str(config)) as worker:
        while scalar(database, counted.format(0)) < 400 or scalar(database, counted.format(1)) < 200:
            assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=60)
    assert worker.returncode == 0, told
    assert scalar(database, counted.format(0)) == 400
    assert scalar(database, counted.format(1)) == 200
    assert scalar(database, "select sum(sums[9]) from fairdrift.panes where basis = 3") == 1
