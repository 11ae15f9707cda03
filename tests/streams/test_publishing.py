"""Whether a topic may take a file's events, and what is published."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka.partitioner.default import murmur2
from typer.testing import CliRunner, Result

from monitor.times import DAY, HOUR
from streams.cli import build_app
from streams.partitions import partition_of
from streams.publishing import Destination, Publisher, batched, refusals
from streams.replay import Message, ReplayError, Survey
from streams.settings import KafkaConfig
from streams.topics import KafkaAway, TopicSettings, open_topics
from tests.services.topics import Topics

NOW = 1_767_225_600_000
FOUND = Survey(rows=10, earliest=NOW - 30 * DAY, latest=NOW - DAY, disorder=0, disorder_row=0)
EMPTY = Destination("predictions", 4, {}, TopicSettings(retention_ms=-1))


def test_an_empty_topic_that_keeps_everything_takes_history() -> None:
    assert refusals(FOUND, EMPTY, DAY, NOW) == []
    unknown = Destination("predictions", 4, {}, TopicSettings())
    assert refusals(FOUND, unknown, DAY, NOW) == []


@pytest.mark.parametrize(
    ("found", "into", "told"),
    [
        (
            FOUND,
            Destination("p", 2, {0: FOUND.earliest - 5, 1: FOUND.earliest + 1}, TopicSettings()),
            "already holds events up to",
        ),
        (FOUND, Destination("p", 2, {}, TopicSettings(retention_ms=7 * DAY)), "keeps records for 7d"),
        (
            FOUND,
            Destination("p", 2, {}, TopicSettings(timestamps="LogAppendTime")),
            "message.timestamp.type=CreateTime",
        ),
        (Survey(9, NOW - DAY, NOW, DAY + HOUR, 7), EMPTY, "row 7 is 1d1h older"),
    ],
)
def test_why_not(found: Survey, into: Destination, told: str) -> None:
    (reason,) = refusals(found, into, DAY, NOW)
    assert told in reason


def test_a_topic_that_ends_where_the_file_begins_is_continued() -> None:
    into = Destination("p", 1, {0: FOUND.earliest}, TopicSettings())
    assert refusals(FOUND, into, DAY, NOW) == []
    ahead = Destination("p", 1, {0: FOUND.latest}, TopicSettings())
    assert refusals(FOUND, ahead, DAY, NOW, going_on=True) == []


def test_the_partition_is_javas() -> None:
    # Apache Kafka's own UtilsTest: murmur2("21") = -973932308, murmur2("foobar") = -790332482
    assert partition_of(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
    assert partition_of(b"foobar", 7) == (-790332482 & 0x7FFFFFFF) % 7


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_batches_keep_the_order_of_a_partition_and_mix_none(size: int) -> None:
    events = [Message(str(n).encode(), json.dumps({"id": str(n)}).encode(), 1000 + n) for n in range(100)]
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for part, message, count in batched(events, 3, size):
        read = json.loads(message.value)
        ids = [int(each["id"]) for each in (read if size > 1 else [read])]
        assert len(ids) == count <= size
        assert all(partition_of(str(n).encode(), 3) == part for n in ids)
        assert message.time == 1000 + max(ids) and message.key == str(ids[0]).encode()
        seen[part] += ids
    assert sorted(n for ids in seen.values() for n in ids) == list(range(100))
    assert all(ids == sorted(ids) for ids in seen.values())


def test_a_broker_that_is_away_is_told_at_once() -> None:
    with pytest.raises(KafkaAway, match=r"127\.0\.0\.1:1"), open_topics(KafkaConfig(bootstrap=("127.0.0.1:1",))):
        pass


def test_looking_at_topics(kafka: str, topics: Topics) -> None:
    name, empty = topics("looked", partitions=2), topics("empty", partitions=3)
    config = KafkaConfig(bootstrap=(kafka,))
    publisher = Publisher(config, name)
    keys = [str(n).encode() for n in range(50)]
    sent: list[int] = []
    publisher.publish(
        [(partition_of(key, 2), Message(key, b"{}", 1000 + n), 1) for n, key in enumerate(keys)], sent.append
    )
    publisher.close()
    assert sum(sent) == 50
    with open_topics(config) as look:
        assert look.partitions([name, empty, "no-such-topic"]) == {name: 2, empty: 3, "no-such-topic": 0}
        assert look.newest(empty) == {} and look.newest("no-such-topic") == {}
        by_part = {part: max(1000 + n for n, key in enumerate(keys) if partition_of(key, 2) == part) for part in (0, 1)}
        assert look.newest(name) == by_part
        last = look.last(name, 3)
        assert len(last) >= 6 and all(record.key in keys for record in last)
        assert all((murmur2(record.key) & 0x7FFFFFFF) % 2 == record.part for record in last)


# --- the command


def configured(tmp_path: Path, kafka: str, predictions: str, outcomes: str) -> Path:
    path = tmp_path / "fairdrift.yaml"
    model = {
        "name": "credit",
        "attributes": {"sex": ["F", "M"]},
        "topics": {"predictions": predictions, "outcomes": outcomes},
    }
    path.write_text(yaml.safe_dump({"kafka": {"bootstrap": kafka}, "models": [model]}))
    return path


def run(config: Path, file: Path, *options: str) -> Result:
    given = [
        "--set",
        "model=credit",
        "--map",
        "id=client",
        "--map",
        "decision=granted",
        "--time",
        "at",
        "--attribute",
        "sex",
    ]
    return CliRunner().invoke(
        build_app("replay"), ["replay", str(file), "--config", str(config), *given, "--json", *options]
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    rows = "".join(f"{n},{NOW - 30 * DAY + n * 1000},{n % 2},{'FM'[n % 2]}\n" for n in range(200))
    path.write_text("client,at,granted,sex\n" + rows)
    return path


def read(kafka: str, topic: str) -> list[Any]:
    with open_topics(KafkaConfig(bootstrap=(kafka,))) as look:
        return sorted(look.last(topic, 10_000), key=lambda record: (record.time, record.key))


def test_history_goes_to_topics_of_its_own(tmp_path: Path, kafka: str, topics: Topics, file: Path) -> None:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=3)
    topics.made += [f"{predictions}.replay", f"{outcomes}.replay"]
    config = configured(tmp_path, kafka, predictions, outcomes)
    result = run(config, file, "--own-topics")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"topic": f"{predictions}.replay", "partitions": 3, "published": 200}
    records = read(kafka, f"{predictions}.replay")
    assert [record.key for record in records] == [str(n).encode() for n in range(200)]
    assert all(record.part == partition_of(record.key, 3) for record in records)
    assert json.loads(records[1].value) == {
        "id": "1", "model": "credit", "time": NOW - 30 * DAY + 1000, "decision": 1, "attributes": {"sex": "M"},
    }  # fmt: skip
    assert records[1].time == NOW - 30 * DAY + 1000
    with open_topics(KafkaConfig(bootstrap=(kafka,))) as look:
        assert look.partitions([f"{outcomes}.replay"]) == {f"{outcomes}.replay": 3}


def test_old_events_are_kept_out_of_live_topics_unless_forced(
    tmp_path: Path, kafka: str, topics: Topics, file: Path
) -> None:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=1)
    live = Publisher(KafkaConfig(bootstrap=(kafka,)), predictions)
    live.publish([(0, Message(b"x", b"{}", NOW), 1)], lambda _: None)
    live.close()
    config = configured(tmp_path, kafka, predictions, outcomes)
    refused = run(config, file)
    assert refused.exit_code == 1 and "already holds events" in " ".join(refused.stderr.split())
    assert len(read(kafka, predictions)) == 1
    forced = run(config, file, "--force", "--batch", "50")
    assert forced.exit_code == 0, forced.output
    records = read(kafka, predictions)
    assert len(records) == 5 and len(json.loads(records[0].value)) == 50
    continued = run(config, file, "--skip", "150")
    assert json.loads(continued.stdout)["published"] == 50


def test_what_is_missing_is_told_before_anything_is_read(
    tmp_path: Path, kafka: str, topics: Topics, file: Path
) -> None:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=1)
    config = configured(tmp_path, kafka, predictions, outcomes)
    nothing = CliRunner().invoke(build_app("replay"), ["replay", str(file), "--config", str(config)])
    assert isinstance(nothing.exception, ReplayError)
    assert "--map id=COLUMN" in str(nothing.exception) and "--set model=NAME" in str(nothing.exception)
    missing = run(config, file, "--topic", "no-such-topic")
    assert isinstance(missing.exception, ReplayError) and "does not exist" in str(missing.exception)
    unknown = run(config, file, "--map", "idd")
    assert isinstance(unknown.exception, ReplayError) and "NAME=COLUMN" in str(unknown.exception)
