"""Every finding: what is wrong, and what to do about it."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner

from alerts.errors import TransportError
from monitor.times import DAY
from streams import config
from streams.checks import Finding, Level, run_checks
from streams.checks import policies as policy_checks
from streams.checks import receivers as receiver_checks
from streams.checks import routes as route_checks
from streams.checks.kafka import placement
from streams.cli import build_app
from streams.database import engine as make_engine
from streams.partitions import partition_of
from streams.publishing import Publisher
from streams.replay import Message
from streams.settings import KafkaConfig, Settings, streams
from streams.topics import Record, open_topics
from tests.apache import Apache
from tests.services.databases import Databases
from tests.services.topics import Topics


def settings(
    kafka: str = "127.0.0.1:1", postgres: str = "postgresql://127.0.0.1:1/x", **others: object
) -> dict[str, object]:
    model = {"name": "credit", "attributes": {"sex": ["F", "M"]}}
    return {"kafka": {"bootstrap": kafka}, "postgres": {"url": postgres}, "models": [model]} | others


def parsed(**others: object) -> Settings:
    return config.parse(yaml.safe_dump(settings() | others))


def findings(tmp_path: Path, content: dict[str, object]) -> list[Finding]:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(yaml.safe_dump(content))
    return list(run_checks(path))


def failures(found: list[Finding]) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in found if finding.level is Level.FAILURE]


# --- configuration


def test_every_mistake_of_the_configuration_is_a_finding(tmp_path: Path) -> None:
    found = findings(tmp_path, {"models": [{"name": "a b", "attributes": {}}], "rulez": []})
    assert len(found) >= 3 and all(finding.level is Level.FAILURE and finding.remedy for finding in found)
    assert any("rulez" in finding.what for finding in found)


def test_services_that_are_away_are_findings_and_are_not_waited_for(tmp_path: Path) -> None:
    found = findings(tmp_path, settings())
    assert [line.partition(":")[0] for line in failures(found)] == ["postgres", "kafka"]
    assert all(finding.remedy for finding in found if finding.level is not Level.OK)
    assert any("nothing will alert" in finding.what for finding in found)


# --- topics


def record(key: str | None, part: int, value: bytes | None = None) -> Record:
    body = json.dumps({"id": key, "model": "m"}).encode() if value is None and key is not None else value
    return Record(part, 0, None if key is None else key.encode(), body, 0)


def placed(records: list[Record], parts: int = 4, **model: object) -> Finding:
    base: dict[str, object] = {"name": "credit", "attributes": {"sex": ["F", "M"]}}
    (stream,) = streams(parsed(models=[base | model]))
    (finding,) = placement("predictions", records, parts, stream)
    return finding


def test_ids_where_murmur2_puts_them() -> None:
    right = [record(str(n), partition_of(str(n).encode(), 4)) for n in range(50)]
    assert placed(right) == Finding(Level.OK, "predictions", "50 sampled ids are in their partitions")


def test_ids_of_another_partitioner_are_told_without_naming_one() -> None:
    wrong = [record(f"person-{n}", n % 4) for n in range(50)]
    finding = placed(wrong)
    misplaced = sum(partition_of(f"person-{n}".encode(), 4) != n % 4 for n in range(50))
    assert finding.level is Level.FAILURE and f"{misplaced} of 50" in finding.what
    assert "person-" not in finding.what and "murmur2_random" in finding.remedy


def test_arrays_are_looked_into_and_mapped_messages_judged_by_key() -> None:
    here, there = "7", next(str(n) for n in range(99) if partition_of(str(n).encode(), 4) != partition_of(b"7", 4))
    part = partition_of(here.encode(), 4)
    mixed = record(here, part, json.dumps([{"id": here}, {"id": there}]).encode())
    assert "1 of 2" in placed([mixed]).what
    mapping = {"prediction": {"id": "$.who", "time": "$.at", "decision": "$.yes"}}
    assert placed([record(here, part, b'{"who": "x"}')], mapping=mapping).level is Level.OK


def test_what_cannot_be_judged() -> None:
    assert placed([]).level is Level.UNKNOWN
    assert placed([record("1", 0, b"garbage")]).level is Level.UNKNOWN
    assert placed([record("1", 0)], repartition=True).level is Level.OK
    assert "2 have no key" in placed([record(None, (partition_of(b"5", 4) + 1) % 4, b'{"id": "5"}')] * 2).what


def test_topics_that_differ_or_are_missing(tmp_path: Path, kafka: str, topics: Topics, database: str) -> None:
    predictions, outcomes = topics("predictions", partitions=3), topics("outcomes", partitions=2)
    model = {
        "name": "credit",
        "attributes": {"sex": ["F"]},
        "topics": {"predictions": predictions, "outcomes": outcomes},
    }
    found = findings(tmp_path, settings(kafka, database, models=[model]))
    (told,) = failures(found)
    assert "has 3 partitions" in told and "do not meet" in told
    model["topics"] = {"predictions": predictions, "outcomes": "no-such-topic"}
    (told,) = failures(findings(tmp_path, settings(kafka, database, models=[model])))
    assert told.startswith("no-such-topic: the topic does not exist")


def test_all_is_well(tmp_path: Path, kafka: str, topics: Topics, database: str) -> None:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=2)
    publisher = Publisher(KafkaConfig(bootstrap=(kafka,)), predictions)
    events = [
        (partition_of(str(n).encode(), 2), Message(str(n).encode(), json.dumps({"id": str(n)}).encode(), n + 1), 1)
        for n in range(20)
    ]
    publisher.publish(events, lambda _: None)
    publisher.close()
    model = {
        "name": "credit",
        "attributes": {"sex": ["F"]},
        "topics": {"predictions": predictions, "outcomes": outcomes},
    }
    content = settings(kafka, database, models=[model])
    found = findings(tmp_path, content)
    assert failures(found) == []
    assert Finding(Level.OK, predictions, "20 sampled ids are in their partitions") in found
    result = CliRunner().invoke(build_app("check"), ["check", "--config", str(tmp_path / "fairdrift.yaml"), "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["ok"] is True


def test_a_changed_number_of_partitions(tmp_path: Path, kafka: str, topics: Topics, database: str) -> None:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=2)
    engine = make_engine(database)
    with engine.begin() as connection:
        columns = {"stream": f"{predictions}/outcomes"}
        connection.execute(
            sa.text(
                "insert into fairdrift.positions (stream, part, parts, token, generation, commit_no, prediction_offset,"
                " prediction_clock, outcome_offset, outcome_clock, marks, prediction_idle, outcome_idle, rolled_up_to)"
                " values (:stream, 0, 8, gen_random_uuid(), 1, 1, 0, 0, 0, 0, '{}', false, false, 0)"
            ),
            columns | {"stream": f"{predictions}/{outcomes}"},
        )
    engine.dispose()
    model = {
        "name": "credit",
        "attributes": {"sex": ["F"]},
        "topics": {"predictions": predictions, "outcomes": outcomes},
    }
    (told,) = failures(findings(tmp_path, settings(kafka, database, models=[model])))
    assert "have 2 partitions now and had 8" in told


# --- database


def test_a_database_without_the_schema(tmp_path: Path, databases: Databases) -> None:
    with databases.empty() as url:
        found = findings(tmp_path, settings(postgres=url))
    behind = next(finding for finding in found if finding.where == "postgres" and finding.level is Level.FAILURE)
    assert "no fairdrift schema" in behind.what and "fairdrift migrate" in behind.remedy


def test_a_user_without_rights(tmp_path: Path, databases: Databases) -> None:
    with databases.fresh() as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("drop role if exists checked_guest"))
            connection.execute(sa.text("create role checked_guest login password 'guest'"))
            connection.execute(sa.text("grant usage on schema fairdrift to checked_guest"))
            connection.execute(
                sa.text("grant select on fairdrift.alembic_version, fairdrift.positions to checked_guest")
            )
        guest = sa.make_url(url).set(username="checked_guest", password="guest").render_as_string(hide_password=False)
        found = findings(tmp_path, settings(postgres=guest))
        with engine.begin() as connection:
            connection.execute(sa.text("drop owned by checked_guest"))
            connection.execute(sa.text("drop role checked_guest"))
        engine.dispose()
    told = next(line for line in failures(found) if line.startswith("postgres"))
    assert "insert on panes" in told and "select on positions" not in told


# --- receivers


def address(url: str, addresses: list[str] | None = None, **delivery: object) -> Finding:
    receiver = {"name": "hook", "type": "webhook", "url": url, "secret": "0123456789abcdef0123456789abcdef"}
    checked = parsed(receivers=[receiver], delivery={"allow_http": False} | delivery)

    def resolve(host: str, port: int) -> list[str]:
        if addresses is None:
            raise TransportError(f"the name {host!r} cannot be resolved", permanent=False)
        return addresses

    (finding,) = receiver_checks.check(checked, resolve)
    assert "s3cret" not in finding.what + finding.remedy
    return finding


def test_an_address_that_may_be_told() -> None:
    assert address("https://hooks.example.org/s3cret", ["93.184.215.14"]).level is Level.OK
    assert address("http://10.0.0.5:8080/s3cret", ["10.0.0.5"], allow=["10.0.0.0/8"], allow_http=True).level is Level.OK


@pytest.mark.parametrize(
    ("url", "addresses", "told"),
    [
        ("http://hooks.example.org/s3cret", ["93.184.215.14"], "plain http"),
        (
            "https://hooks.example.org/s3cret",
            ["93.184.215.14", "169.254.169.254"],
            "169.254.169.254, which is not public",
        ),
        ("https://localhost/s3cret", ["::1"], "::1, which is not public"),
        ("https://typo.example.org/s3cret", None, "cannot be resolved"),
        ("https://user:s3cret@hooks.example.org/", ["93.184.215.14"], "user name or password"),
        ("https:///s3cret", ["93.184.215.14"], "with a host"),
        ("https://[bad/s3cret", ["93.184.215.14"], "cannot be read"),
    ],
)
def test_an_address_that_is_refused(url: str, addresses: list[str] | None, told: str) -> None:
    finding = address(url, addresses)
    assert finding.level is Level.FAILURE and told in finding.what and finding.remedy


# --- Apache Kafka itself tells its topics' settings


def test_how_long_topics_are_kept(tmp_path: Path, apache: Apache, apache_topics: Topics, database: str) -> None:
    predictions = apache_topics("predictions", partitions=2, retention_ms=str(7 * DAY))
    outcomes = apache_topics("outcomes", partitions=2, retention_ms="-1", cleanup_policy="compact")
    control = apache_topics("control")
    kafka = {"bootstrap": apache.kafka, "control_topic": control}
    model = {
        "name": "credit",
        "attributes": {"sex": ["F"]},
        "topics": {"predictions": predictions, "outcomes": outcomes},
    }
    content = settings(postgres=database, models=[model]) | {"kafka": kafka}
    found = findings(tmp_path, content)
    short, compacted = failures(found)
    # reach = join_horizon 60 d + dedup_horizon 1 d + 3 x max_lateness 1 d
    assert (
        short == f"{predictions}: it keeps records for 7d, the join looks back 64d: a lost join store cannot be rebuilt"
    )
    assert compacted == f"{control}: the topic is not compacted: routes would be forgotten"
    assert [f.where for f in found if f.level is Level.WARNING and "compacted" in f.what] == [outcomes]
    content["worker"] = {"checkpoint_dir": str(tmp_path)}
    assert [line for line in failures(findings(tmp_path, content)) if line.startswith(predictions)] == []


def test_the_end_of_a_topic_is_where_apache_says(apache: Apache, apache_topics: Topics) -> None:
    name = apache_topics("looked", partitions=1)
    look_at = KafkaConfig(bootstrap=(apache.kafka,))
    publisher = Publisher(look_at, name)
    publisher.publish([(0, Message(b"k", b"{}", 1000 + n), 1) for n in range(50)], lambda _: None)
    publisher.close()
    with open_topics(look_at) as look:
        assert [record.offset for record in look.last(name, 3)] == [47, 48, 49]
        assert look.newest(name) == {0: 1049}
        assert look.settings(name).timestamps == "CreateTime"


# --- routing


def routed(**sections: object) -> list[tuple[Level, str]]:
    hook = {"type": "webhook", "url": "https://x", "secret": "0123456789abcdef0123456789abcdef"}
    rule = {"type": "threshold", "metric": "selection_rate", "bound": {"min": 0.1}}
    given: dict[str, object] = {
        "rules": [rule | {"name": "loud"}, rule | {"name": "quiet", "severity": "ticket"}],
        "receivers": [hook | {"name": "a"}, hook | {"name": "b"}],
    }
    return [(finding.level, finding.what) for finding in route_checks.check(parsed(**given | sections))]


def test_a_rule_that_tells_nobody_and_a_receiver_that_nothing_goes_to() -> None:
    (silent, idle) = routed(route={"routes": [{"match": {"severity": "page"}, "receiver": "a"}]})
    assert silent[0] is idle[0] is Level.WARNING
    assert silent[1].startswith("nobody is told of quiet of ") and "loud" not in silent[1]
    assert idle[1] == "nothing goes to b"


def test_somebody_is_told_of_each() -> None:
    (only,) = routed(routes=[{"receivers": ["a"]}], route={"receiver": "b"})
    assert only == (Level.OK, "somebody is told of each of 2 rules")


def test_figures_are_kept_as_long_as_a_policy_wants() -> None:
    period = {
        "name": "eu",
        "models": ["credit"],
        "policy": "eu-difference",
        "starts": "2026-01-01T00:00:00Z",
        "ends": "2026-04-01T00:00:00Z",
    }
    short = parsed(policies=[period], retention={"panes": "120d"})
    (found,) = policy_checks.check(short)
    assert (found.level, found.remedy) == (Level.WARNING, "set `retention: {panes: 184d}`")
    assert "184 days" in found.what and "kept for 120d" in found.what
    assert [one.level for one in policy_checks.check(parsed(policies=[period]))] == [Level.OK]
    assert not list(policy_checks.check(parsed(policies=[period | {"policy": "uk-difference"}])))
