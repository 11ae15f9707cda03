"""The router on Postgres: every file of tests/alerts/routing is a timeline, in the manner of `promtool test rules`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from alerts.router import Router
from alerts.tables import alert_transitions, notices, outbox
from streams import schema
from streams.config import parse
from streams.database import engine
from streams.watching import routing_of
from tests.alerts.timelines import MODEL, run, world_of

HOOK = """
receivers: [{name: a, type: webhook, url: "https://a.example", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}]
routes: [{receivers: [a]}]
"""
FILES = sorted((Path(__file__).parent / "routing").glob("*.yaml"))


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test")
    yield made
    made.dispose()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_the_file_says_is_told(db: sa.Engine, file: Path) -> None:
    told, expected = run(db, file)
    assert told == expected


def test_what_somebody_has_cleaned_up_does_not_stop_the_others(db: sa.Engine) -> None:
    """A transition that is gone, a silence that cannot be read: told of is what can be."""
    given = {"configuration": HOOK, "until": "1h"}
    world, router = world_of(db, given)
    for name in ("gone", "there"):
        world.fire(name, {})
    world.silence({"id": "s", "for": "1h", "matchers": ["a=~("]})
    with db.begin() as conn:
        conn.execute(sa.delete(alert_transitions).where(alert_transitions.c.alert == world.id("gone")))
    assert router.run_once() == 1
    with db.connect() as conn:
        assert conn.execute(sa.select(outbox.c.alert)).scalars().all() == [world.id("there")]
    assert router.run_once() == 0


GROUPED = """
receivers:
  - {name: a, type: webhook, url: "https://a.example", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}
  - {name: b, type: webhook, url: "https://b.example", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}
route: {receiver: a, group_by: [model], group_wait: 30s, escalate: [{after: 10m, receivers: [b]}]}
"""


def test_when_nothing_more_is_coming_no_group_waits_for_it(db: sa.Engine) -> None:
    """The end of a drain. What waits for an acknowledgement still does, and what was told is not told again."""
    world, router = world_of(db, {"configuration": GROUPED})
    world.fire("x", {})
    world.fire("y", {})
    assert router.run_once() == 0
    router.hurry()
    assert router.run_once() == 1
    with db.connect() as conn:
        (row,) = conn.execute(sa.select(outbox)).all()
    assert (row.receiver, row.payload["firing"], row.payload["cycle"]) == ("a", 2, 1)
    router.hurry()
    assert router.run_once() == 0
    world.now += timedelta(minutes=10)
    assert router.run_once() == 1


def test_what_fires_since_before_there_were_groups_is_ended_once(db: sa.Engine) -> None:
    """Until 0006 the evaluator wrote to the outbox itself: 0011 lets the router know of what it told."""
    world, router = world_of(db, {"configuration": HOOK})
    with db.connect() as conn:
        settings = schema._config()
        settings.attributes["connection"] = conn
        command.downgrade(settings, "0010")
        conn.commit()
    for name in ("told", "over"):
        world.fire(name, {})
    world.resolve("over")
    key = f"{world.id('told')}:1:a"
    with db.begin() as conn:
        conn.execute(sa.delete(notices))
        conn.execute(
            sa.insert(outbox).values(
                dedup_key=key, alert=world.id("told"), transition_no=1, receiver="a", channel="webhook", payload={},
                sent_at=world.now,
            )
        )  # fmt: skip
    schema.upgrade(db)
    assert router.run_once() == 0
    world.resolve("told")
    assert router.run_once() == 1
    with db.connect() as conn:
        keys = conn.execute(sa.select(outbox.c.dedup_key).order_by(outbox.c.id)).scalars().all()
    assert keys == [key, f"{world.id('told')}:2:a"]


def test_several_routers_at_once_write_everything_once_and_in_order(db: sa.Engine) -> None:
    world, _ = world_of(db, {"configuration": HOOK})
    routing = routing_of(parse(MODEL + HOOK))
    for _ in range(5):
        for name in ("a", "b", "c"):
            world.fire(name, {})
            world.resolve(name)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda router: router.run_once(), [Router(db, routing, world.clock) for _ in range(4)]))
    Router(db, routing, world.clock).run_once()
    with db.connect() as conn:
        rows = conn.execute(sa.select(outbox.c.alert, outbox.c.transition_no).order_by(outbox.c.id)).all()
    for name in ("a", "b", "c"):
        assert [row.transition_no for row in rows if row.alert == world.id(name)] == list(range(1, 11))
