"""The worker on Apache Kafka itself: what Faust's and aiokafka's private parts must do, and what only a real log has."""

import asyncio
import json
from pathlib import Path

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition

from tests.acceptance.running import configuration, run
from tests.acceptance.test_worker import START, Traffic, model, scalar, wrong
from tests.apache import Apache
from tests.services.topics import Topics


def test_aborted_transactions_are_not_counted_and_their_markers_are_holes(
    apache: Apache, apache_topics: Topics, database: str, tmp_path: Path
) -> None:
    stream = apache_topics.together("predictions", "outcomes", partitions=2)
    letters = apache_topics("dead-letters")
    config = configuration(tmp_path, apache.kafka, database, [model(*stream)], letters=letters)
    traffic = Traffic(apache.kafka, stream, seed=3)
    traffic.events(400)
    asyncio.run(transactions(apache.kafka, stream[0]))
    traffic.events(400)
    traffic.close()
    done = run("worker", "--config", str(config), "--drain")
    assert done.returncode == 0, done.stderr
    assert wrong(apache.kafka, database, stream, config) == []
    versions = "select count(*) from fairdrift.cells where version = '{}'"
    assert scalar(database, versions.format("aborted")) == 0
    assert scalar(database, versions.format("committed")) == 1


def test_a_log_that_ends_in_a_marker_or_in_what_retention_took_is_read_to_its_end(
    apache: Apache, apache_topics: Topics, database: str, tmp_path: Path
) -> None:
    stream = apache_topics.together("predictions", "outcomes", partitions=2)
    config = configuration(tmp_path, apache.kafka, database, [model(*stream)], letters=apache_topics("dead-letters"))
    asyncio.run(transactions(apache.kafka, stream[0]))
    done = run("worker", "--config", str(config), "--drain")
    assert done.returncode == 0, done.stderr
    assert scalar(database, "select count(*) from fairdrift.positions where drained") == 2
    assert scalar(database, "select sum(jsonb_array_length(lost)) from fairdrift.positions") == 0

    asyncio.run(transactions(apache.kafka, stream[0]))
    admin = KafkaAdminClient(bootstrap_servers=apache.kafka)
    admin.delete_records({TopicPartition(stream[0], part): -1 for part in range(2)})
    admin.close()
    done = run("worker", "--config", str(config), "--drain")
    assert done.returncode == 0, done.stderr
    assert scalar(database, "select sum(jsonb_array_length(lost)) from fairdrift.positions") == 2
    assert scalar(database, "select count(*) from fairdrift.positions where drained") == 2


async def transactions(kafka: str, topic: str) -> None:
    """Two transactions in each partition, one of them aborted."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"of-{topic}")
    await producer.start()
    for version in ("aborted", "committed"):
        await producer.begin_transaction()
        for n in range(20):
            event = {
                "id": f"{version}-{n}",
                "model": "credit",
                "version": version,
                "time": START + 60_000,
                "decision": True,
            }
            await producer.send(topic, json.dumps(event).encode(), partition=n % 2, timestamp_ms=START + 60_000)
        await (producer.abort_transaction() if version == "aborted" else producer.commit_transaction())
    await producer.stop()
