"""Delivery killed with SIGKILL at each of its steps, on a real Postgres, with a real receiver: nothing is lost, and a repeat
bears the same key; no end comes before its beginning; whoever comes next, one or several at once, finishes it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa

from alerts.router import DeliveryStep
from alerts.tables import alert_groups, notices, outbox
from streams.database import engine
from tests.alerts.receiving import Receiver, Reply, Request, receiver
from tests.alerts.timelines import World

CONFIG = """
postgres: {{url: "{url}"}}
models: [{{name: credit, attributes: {{sex: [f, m]}}}}]
delivery: {{allow: [127.0.0.0/8], allow_http: true}}
receivers:
  - {{name: one, type: webhook, url: "{hook}/one", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}}
  - {{name: two, type: webhook, url: "{hook}/two", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}}
routes: [{{receivers: [one]}}]
route: {{receiver: two, group_by: [model], group_wait: 0s, group_interval: 0s}}
"""
PLACES = [*(f"{step}:1" for step in get_args(DeliveryStep)), "after-send:2"]


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def world(database: str) -> Iterator[World]:
    db = engine(database, name="test")
    with db.connect() as conn:
        now = conn.execute(sa.select(sa.func.now())).scalar_one()
    made = World(db, now, now)
    made.fire("a", {})
    made.fire("b", {})
    made.resolve("a")
    made.fire("a", {})
    made.resolve("a")
    yield made
    db.dispose()


@pytest.fixture
def config(database: str, there: Receiver, tmp_path: Path) -> Path:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(CONFIG.format(url=database, hook=there.url))
    return path


def start(config: Path, failpoint: str = "") -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "FAIRDRIFT_FAILPOINT": failpoint}
    return subprocess.Popen([sys.executable, "-m", "tests.alerts.delivering_process", str(config)], env=environment)


@pytest.mark.parametrize("place", PLACES)
def test_killed_at_any_step_everything_arrives_in_order_under_one_key(
    world: World, config: Path, there: Receiver, place: str
) -> None:
    assert start(config, place).wait(120) == -signal.SIGKILL
    survivors = [start(config) for _ in range(2)]
    assert [one.wait(120) for one in survivors] == [0, 0]
    keys = [request.headers["webhook-id"] for request in there.got]
    a, b = world.id("a"), world.id("b")
    alone = {f"{a}:1:one", f"{a}:2:one", f"{a}:3:one", f"{a}:4:one", f"{b}:1:one"}
    assert {key for key in keys if key.endswith(":one")} == alone
    first = [keys.index(f"{a}:{number}:one") for number in (1, 2, 3, 4)]
    assert first == sorted(first), "an end came before its beginning"
    repeated = len(keys) - len(set(keys))
    assert repeated <= (2 if place.startswith(("after-send", "in-record")) else 0), keys
    with world.db.connect() as conn:
        assert conn.execute(sa.select(sa.func.count()).where(outbox.c.sent_at.is_(None))).scalar_one() == 0
        assert conn.execute(sa.select(sa.func.count()).where(notices.c.routed_at.is_(None))).scalar_one() == 0
        groups = conn.execute(sa.select(alert_groups.c.alerts).where(alert_groups.c.receiver == "two")).scalars().all()
    assert groups == [[b]]


def test_a_receiver_that_is_away_for_a_while_misses_nothing(world: World, config: Path, there: Receiver) -> None:
    """It is away for a dozen answers; a whole hour is in test_outbox, by the clock in hand."""
    left = [503] * 12
    there.answer = lambda request: Reply(left.pop() if left else 200)
    assert start(config).wait(120) == 0
    taken: dict[str, Request] = {}
    for request in there.got[12:]:
        taken.setdefault(request.headers["webhook-id"], request)
    assert sum(key.endswith(":one") for key in taken) == 5
    numbers = [int(key.split(":")[1]) for key in taken if key.startswith(world.id("a")) and key.endswith(":one")]
    assert numbers == [1, 2, 3, 4]
