"""Heartbeats and first sights of versions: once for each slot and version, whoever looks, and only while all is well."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.beats import forget
from alerts.heartbeats import Health, heartbeat_of, is_well, slot
from alerts.outbox import Dispatcher, Surroundings
from alerts.router import Router
from alerts.tables import outbox
from monitor.tables import cells
from streams.config import ConfigError, parse
from streams.database import engine
from streams.dispatching import channels_of
from streams.watching import routing_of
from tests.alerts.receiving import receiver
from tests.alerts.timelines import World

START = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)
MINUTE = 60_000
CONFIG = """
models: [{{name: credit, attributes: {{sex: [f, m]}}}}]
delivery: {{allow: [127.0.0.0/8], allow_http: true}}
receivers:
  - {{name: switch, type: webhook, url: "{url}", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4, heartbeat: 10m}}
  - {{name: hook, type: webhook, url: "{url}", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4, send_changes: true}}
routes: [{{receivers: [hook]}}]
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test")
    yield made
    made.dispose()


def told(db: sa.Engine, to: str) -> list[dict[str, Any]]:
    with db.connect() as conn:
        rows = conn.execute(sa.select(outbox.c.payload).where(outbox.c.receiver == to).order_by(outbox.c.id))
        return list(rows.scalars())


def test_slots_have_one_heartbeat_however_many_look(db: sa.Engine) -> None:
    world, settings = World(db, START, START), parse(CONFIG.format(url="https://x.example"))
    routers = [Router(db, routing_of(settings), world.clock) for _ in range(3)]
    at = []
    for minute in range(0, 31, 5):
        world.now = START + timedelta(minutes=minute)
        for router in routers:
            router.run_once()
        at.append([one["evaluated_at"] for one in told(db, "switch")])
    # only the newest waits: what nobody fetched is forgotten, so that a receiver that is back is not told of the past
    assert [len(found) for found in at] == [1] * 7
    assert [found[0][11:16] for found in at] == ["10:00", "10:00", "10:10", "10:10", "10:20", "10:20", "10:30"]
    assert told(db, "switch")[0]["next_by"] == "2026-11-20T10:52:30.000Z"


def test_nothing_is_well_while_a_notification_waits_for_longer_than_the_interval(db: sa.Engine) -> None:
    world, settings = World(db, START, START), parse(CONFIG.format(url="https://x.example"))
    router = Router(db, routing_of(settings), world.clock)
    world.fire("parity", {})
    router.run_once()
    with db.begin() as conn:
        assert conn.execute(sa.delete(outbox).where(outbox.c.receiver == "switch")).rowcount == 1
        waits = sa.update(outbox).values(created_at=sa.func.now() - sa.text("interval '11 minutes'"))
        conn.execute(waits)
    world.now += timedelta(minutes=10)
    router.run_once()
    assert told(db, "switch") == []
    with db.begin() as conn:
        conn.execute(sa.update(outbox).values(sent_at=sa.func.now()))
    world.now += timedelta(minutes=10)
    router.run_once()
    (one,) = told(db, "switch")
    assert (one["status"], one["firing"]) == ("well", 1)


def test_a_version_is_told_of_once_and_only_if_it_is_new(db: sa.Engine) -> None:
    world, settings = World(db, START, START), parse(CONFIG.format(url="https://x.example"))
    blank = {"model": "credit", "arm": "live", "cell_schema": "s", "groups": {}, "stratum": {}}
    with db.begin() as conn:
        conn.execute(sa.insert(cells).values(blank | {"id": 1, "version": "v2"}))
        old = {"id": 2, "version": "v1", "created_at": START - timedelta(days=900)}
        conn.execute(sa.insert(cells).values(blank | old))
    for minute in range(3):
        world.now = START + timedelta(minutes=minute)
        Router(db, routing_of(settings), world.clock).run_once()
    assert [one["version"] for one in told(db, "hook")] == ["v2"]


def test_what_was_sent_long_ago_is_forgotten_and_what_is_dead_is_not(db: sa.Engine) -> None:
    def row(key: str, reason: str, sent: str | None) -> dict[str, Any]:
        at = None if sent is None else datetime.now(UTC) - timedelta(**{sent.split()[1]: int(sent.split()[0])})
        told = {"alert": key, "transition_no": 1, "receiver": "a", "channel": "webhook", "payload": {}}
        return told | {"dedup_key": key, "reason": reason, "sent_at": at, "created_at": START}

    given = [
        row("old", "first notification", "91 days"), row("fresh", "first notification", "89 days"),
        row("old reminder", "repeat interval elapsed", "25 hours"), row("reminder", "repeat interval elapsed", "23 hours"),
        row("unsent", "repeat interval elapsed", None),
    ]  # fmt: skip
    with db.begin() as conn:
        conn.execute(sa.insert(outbox), given)
        assert forget(conn) == 2
        left = set(conn.execute(sa.select(outbox.c.dedup_key)).scalars())
    assert left == {"fresh", "reminder", "unsent"}


def test_the_receiver_gets_them(db: sa.Engine) -> None:
    with receiver() as there:
        settings = parse(CONFIG.format(url=there.url))
        router = Router(db, routing_of(settings))
        Dispatcher(db, channels_of(settings), around=Surroundings(router)).run_once()
        (request,) = there.got
    body = json.loads(request.body)
    assert (body["type"], body["data"]["status"]) == ("fairdrift.heartbeat", "well")


def test_well_or_not() -> None:
    assert is_well(Health(600_000, 0, {}), 10 * MINUTE)
    assert not is_well(Health(600_001, 0, {}), 10 * MINUTE)
    assert (slot(59_999, MINUTE), slot(60_000, MINUTE)) == (0, 1)
    said = heartbeat_of("switch", 0, 10 * MINUTE, Health(0, 2, {"credit": "2026-11-20T10:00:00.000Z"}))
    assert said.summary == "fairdrift is well: 2 alerts fire, judged up to 2026-11-20T10:00:00.000Z"


@pytest.mark.parametrize(
    "given",
    ["type: pagerduty, routing_key: x, heartbeat: 10m", 'type: webhook, url: "https://x", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4, heartbeat: 1s'],
)  # fmt: skip
def test_who_cannot_take_one(given: str) -> None:
    with pytest.raises(ConfigError, match="heartbeat"):
        parse(f"models: [{{name: credit, attributes: {{sex: [f, m]}}}}]\nreceivers: [{{name: a, {given}}}]")
