import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from alerts.channels import ALERTS, Delivery, Ports
from alerts.errors import TransportError
from alerts.outbox import Claim, Dispatcher, DispatchPolicy, Surroundings, backlog
from alerts.retries import Result, RetryPolicy
from alerts.tables import outbox
from streams.database import engine

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
POLICY = DispatchPolicy(
    retry=RetryPolicy(delays=(1.0, 2.0, 5.0), jitter=0.0, give_up_after=3600.0), lease=60.0, poll=0.05
)


class Killed(BaseException):
    """The process is gone."""


class Clock:
    """The time of the database, in the tests' hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self, conn: sa.Connection) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Told:
    """A channel that keeps what it was told, and does first what it is told to do."""

    type: ClassVar[str] = "told"
    tells: ClassVar[str] = ALERTS

    def __init__(self, act: Callable[[Delivery], None] | None = None) -> None:
        self.act = act
        self.got: list[Delivery] = []
        self.news = threading.Condition()

    @classmethod
    def from_config(cls, config: Any, ports: Ports) -> "Told":
        raise NotImplementedError

    def send(self, delivery: Delivery) -> None:
        if self.act is not None:
            self.act(delivery)
        with self.news:
            self.got.append(delivery)
            self.news.notify_all()

    def wait(self, number: int) -> None:
        """Until it was told so often; a minute at most."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.got) >= number, 60)

    @property
    def keys(self) -> list[str]:
        return [delivery.dedup_key for delivery in self.got]


def fails(times: int, error: TransportError) -> Callable[[Delivery], None]:
    """Fails so many times, then succeeds."""
    left = iter([error] * times)

    def act(delivery: Delivery) -> None:
        failure = next(left, None)
        if failure is not None:
            raise failure

    return act


AWAY = TransportError("answered 503", permanent=False)
WRONG = TransportError("answered 400", permanent=True)


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="test", pool_size=10)
    yield made
    made.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(db: sa.Engine, *notices: tuple[str, int, str]) -> None:
    """Writes notices as (alert, transition number, receiver)."""
    rows = [
        {
            "dedup_key": f"{alert}:{number}:{receiver}", "alert": alert, "transition_no": number, "receiver": receiver,
            "channel": "told", "payload": {"n": number}, "created_at": START, "not_before": START,
        }
        for alert, number, receiver in notices
    ]  # fmt: skip
    with db.begin() as conn:
        conn.execute(sa.insert(outbox), rows)


def rows(db: sa.Engine) -> dict[str, Any]:
    with db.connect() as conn:
        return {row.dedup_key: row for row in conn.execute(sa.select(outbox))}


def test_what_is_due_is_sent_once(db: sa.Engine, clock: Clock) -> None:
    told = Told()
    dispatcher = Dispatcher(db, {"a": told}, clock, POLICY)
    put(db, ("x", 1, "a"), ("y", 1, "a"))
    assert dispatcher.run_once() == 2
    assert dispatcher.run_once() == 0
    assert told.keys == ["x:1:a", "y:1:a"]
    assert told.got[0].payload == {"n": 1}
    assert all(row.sent_at == clock.now and row.attempts == 1 for row in rows(db).values())


def test_a_failure_is_tried_again_later_and_later_under_the_same_key(db: sa.Engine, clock: Clock) -> None:
    told = Told(fails(4, AWAY))
    dispatcher = Dispatcher(db, {"a": told}, clock, POLICY)
    put(db, ("x", 1, "a"))
    for wait in (1, 2, 5, 5):
        assert dispatcher.run_once() == 1
        clock.forward(wait - 0.001)
        assert dispatcher.run_once() == 0
        clock.forward(0.001)
    assert rows(db)["x:1:a"].last_error == "answered 503"
    assert dispatcher.run_once() == 1
    assert [(delivery.dedup_key, delivery.attempt) for delivery in told.got] == [("x:1:a", 5)]
    assert rows(db)["x:1:a"].last_error is None


def test_retry_after_is_honoured(db: sa.Engine, clock: Clock) -> None:
    told = Told(fails(1, TransportError("answered 429", permanent=False, retry_after=90.0)))
    dispatcher = Dispatcher(db, {"a": told}, clock, POLICY)
    put(db, ("x", 1, "a"))
    dispatcher.run_once()
    clock.forward(89)
    assert dispatcher.run_once() == 0
    clock.forward(1)
    assert dispatcher.run_once() == 1
    assert told.keys == ["x:1:a"]


def test_what_cannot_help_is_dead_at_once_and_what_never_helped_after_a_while(db: sa.Engine, clock: Clock) -> None:
    results: list[tuple[str, Result]] = []
    channels = {"wrong": Told(fails(9, WRONG)), "away": Told(fails(99, AWAY))}
    dispatcher = Dispatcher(
        db,
        channels,
        clock,
        POLICY,
        Surroundings(observe=lambda receiver, result: results.append((receiver, result))),
    )
    put(db, ("x", 1, "wrong"), ("x", 1, "away"))
    dispatcher.run_once()
    assert rows(db)["x:1:wrong"].dead_at == clock.now
    assert rows(db)["x:1:away"].dead_at is None
    clock.forward(3600)
    dispatcher.run_once()
    assert rows(db)["x:1:away"].dead_at == clock.now
    clock.forward(9999)
    assert dispatcher.run_once() == 0
    assert results == [("wrong", Result.DEAD), ("away", Result.RETRY), ("away", Result.DEAD)]


def test_a_receiver_that_is_away_for_an_hour_gets_everything_once_and_in_order(db: sa.Engine, clock: Clock) -> None:
    back = START + timedelta(hours=1)

    def act(delivery: Delivery) -> None:
        if clock.now < back:
            raise AWAY

    told, quick = Told(act), Told()
    channels = {"a": told, "quick": quick}
    dispatchers = [Dispatcher(db, channels, clock, replace(POLICY, retry=RetryPolicy())) for _ in range(2)]
    put(db, *(("x", number, "a") for number in range(1, 5)), ("x", 1, "quick"), ("y", 1, "a"))
    minutes = 0
    while backlog_of(db):
        for dispatcher in dispatchers:
            dispatcher.run_once()
        clock.forward(20)
        minutes += 1
        assert minutes < 300
    assert told.keys == ["x:1:a", "y:1:a", "x:2:a", "x:3:a", "x:4:a"]
    assert quick.keys == ["x:1:quick"]
    assert rows(db)["y:1:a"].attempts > 40
    assert clock.now - back < timedelta(minutes=4)


def test_a_fault_in_a_channel_is_tried_again_and_not_quoted(db: sa.Engine, clock: Clock) -> None:
    def broken(delivery: Delivery) -> None:
        raise KeyError("geheim")

    dispatcher = Dispatcher(db, {"a": Told(broken)}, clock, POLICY)
    put(db, ("x", 1, "a"))
    dispatcher.run_once()
    row = rows(db)["x:1:a"]
    assert (row.dead_at, row.last_error) == (None, "fault in channel told: KeyError")


def test_a_resolve_waits_for_its_trigger_and_other_receivers_do_not(db: sa.Engine, clock: Clock) -> None:
    slow, quick = Told(fails(1, AWAY)), Told()
    dispatcher = Dispatcher(db, {"slow": slow, "quick": quick}, clock, POLICY)
    put(db, ("x", 1, "slow"), ("x", 1, "quick"), ("x", 2, "slow"), ("x", 2, "quick"), ("y", 7, "slow"))
    assert dispatcher.run_once() == 3
    assert (slow.keys, quick.keys) == (["y:7:slow"], ["x:1:quick"])
    dispatcher.run_once()
    assert (slow.keys, quick.keys) == (["y:7:slow"], ["x:1:quick", "x:2:quick"])
    clock.forward(1)
    dispatcher.run_once()
    dispatcher.run_once()
    assert slow.keys == ["y:7:slow", "x:1:slow", "x:2:slow"]


def test_a_dead_trigger_does_not_hold_its_resolve_up(db: sa.Engine, clock: Clock) -> None:
    told = Told(fails(1, WRONG))
    dispatcher = Dispatcher(db, {"a": told}, clock, POLICY)
    put(db, ("x", 1, "a"), ("x", 2, "a"))
    dispatcher.run_once()
    dispatcher.run_once()
    assert told.keys == ["x:2:a"]


def test_rows_of_receivers_that_are_not_ours_are_left_alone(db: sa.Engine, clock: Clock) -> None:
    told = Told()
    put(db, ("x", 1, "somebody-else"), ("x", 1, "a"))
    assert Dispatcher(db, {"a": told}, clock, POLICY).run_once() == 1
    assert rows(db)["x:1:somebody-else"].attempts == 0


def test_a_dead_notification_is_told_over_another_channel_once(db: sa.Engine, clock: Clock) -> None:
    other = Told()
    policy = DispatchPolicy(fallback={"a": "other"})
    dispatcher = Dispatcher(db, {"a": Told(fails(9, WRONG)), "other": other}, clock, policy)
    put(db, ("x", 1, "a"), ("y", 1, "a"), ("y", 1, "other"))
    dispatcher.run_once()
    with db.begin() as conn:
        conn.execute(sa.update(outbox).values(not_before=START))
    dispatcher.run_once()
    assert sorted(other.keys) == ["x:1:other", "y:1:other"]


STEPS = ["claim", "send", "record"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_is_lost_and_repeats_have_the_same_key(
    db: sa.Engine, clock: Clock, step: str, after: bool
) -> None:
    told = Told()

    class Mortal(Dispatcher):
        """Dies once: before a step, or just after it."""

        def claim(self, limit: int) -> list[Claim]:
            self._die("claim", before=True)
            claims = super().claim(limit)
            self._die("claim", before=False)
            return claims

        def send(self, claim: Claim) -> None:
            self._die("send", before=True)
            super().send(claim)
            self._die("send", before=False)

        def record_sent(self, claim: Claim) -> None:
            self._die("record", before=True)
            super().record_sent(claim)
            self._die("record", before=False)

        def _die(self, here: str, *, before: bool) -> None:
            if here == step and before is not after:
                raise Killed

    put(db, ("x", 1, "a"), ("x", 2, "a"), ("y", 1, "a"))
    with pytest.raises(Killed):
        Mortal(db, {"a": told}, clock, POLICY).run_once()
    clock.forward(POLICY.lease + 1)
    survivor = Dispatcher(db, {"a": told}, clock, POLICY)
    while survivor.run_once():
        pass
    assert set(told.keys) == {"x:1:a", "x:2:a", "y:1:a"}
    twice = ["x:1:a"] if (step, after) in (("send", True), ("record", False)) else []
    assert sorted(told.keys) == sorted([*set(told.keys), *twice])
    first = [told.keys.index(key) for key in ("x:1:a", "x:2:a")]
    assert first == sorted(first)
    assert all(row.sent_at is not None for row in rows(db).values())


def test_a_leased_row_is_nobody_else_s_until_the_lease_ends(db: sa.Engine, clock: Clock) -> None:
    told = Told()
    one, two = (Dispatcher(db, {"a": told}, clock, POLICY) for _ in range(2))
    put(db, ("x", 1, "a"))
    (claim,) = one.claim(10)
    assert two.claim(10) == []
    clock.forward(POLICY.lease + 1)
    (again,) = two.claim(10)
    assert (again.delivery.dedup_key, again.delivery.attempt) == (claim.delivery.dedup_key, 2)


def test_a_failure_under_a_lease_that_is_over_changes_nothing(db: sa.Engine, clock: Clock) -> None:
    one, two = (Dispatcher(db, {"a": Told()}, clock, POLICY) for _ in range(2))
    put(db, ("x", 1, "a"))
    (late,) = one.claim(1)
    clock.forward(POLICY.lease + 1)
    (now,) = two.claim(1)
    one.record_failure(late, WRONG)
    assert rows(db)["x:1:a"].dead_at is None
    two.deliver(now)
    one.record_failure(late, WRONG)
    row = rows(db)["x:1:a"]
    assert (row.sent_at, row.dead_at) == (clock.now, None)


def test_a_claim_that_has_waited_too_long_is_not_sent_under_an_ending_lease(db: sa.Engine, clock: Clock) -> None:
    told = Told()
    dispatcher = Dispatcher(db, {"a": told}, clock, DispatchPolicy(lease=0.0))
    put(db, ("x", 1, "a"))
    (claim,) = dispatcher.claim(1)
    dispatcher.deliver(claim)
    assert told.got == []


def test_several_dispatchers_send_everything_once_and_in_order(db: sa.Engine) -> None:
    told = Told()
    put(db, *((f"alert{alert}", number, "a") for number in range(1, 6) for alert in range(20)))

    def work(dispatcher: Dispatcher) -> None:
        while backlog_of(db):
            dispatcher.run_once()

    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(work, Dispatcher(db, {"a": told}, policy=POLICY)) for _ in range(4)]:
            running.result()
    assert sorted(told.keys) == sorted(rows(db))
    order: dict[str, list[int]] = defaultdict(list)
    for delivery in told.got:
        order[delivery.alert].append(delivery.transition_no)
    assert all(numbers == [1, 2, 3, 4, 5] for numbers in order.values())


def backlog_of(db: sa.Engine) -> int:
    with db.connect() as conn:
        return backlog(conn).waiting


def test_the_backlog_counts_what_waits_and_what_is_dead(db: sa.Engine, clock: Clock) -> None:
    with db.connect() as conn:
        assert backlog(conn).oldest == 0.0
    put(db, ("x", 1, "wrong"), ("y", 1, "away"))
    Dispatcher(db, {"wrong": Told(fails(1, WRONG)), "away": Told(fails(1, AWAY))}, clock, POLICY).run_once()
    with db.connect() as conn:
        found = backlog(conn)
    assert (found.waiting, found.dead) == (1, 1)
    assert found.oldest != 0.0


def running(dispatcher: Dispatcher, meanwhile: Callable[[], None]) -> None:
    """Runs the dispatcher's loop while something happens in another thread; then stops it."""

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(dispatcher.run(stop))
        try:
            await asyncio.to_thread(meanwhile)
        finally:
            stop.set()
        await asyncio.wait_for(task, 60)

    asyncio.run(main())


def test_a_receiver_that_hangs_delays_nobody_else(db: sa.Engine) -> None:
    release = threading.Event()

    def hang(delivery: Delivery) -> None:
        assert release.wait(60)

    hanging, quick = Told(hang), Told()
    dispatcher = Dispatcher(db, {"hanging": hanging, "quick": quick}, policy=POLICY)
    put(db, *((f"x{n}", 1, "hanging") for n in range(20)), *((f"x{n}", 1, "quick") for n in range(20)))

    def meanwhile() -> None:
        quick.wait(20)
        assert hanging.got == []
        release.set()
        hanging.wait(20)

    running(dispatcher, meanwhile)
    assert all(row.sent_at is not None for row in rows(db).values())


def test_it_is_woken_by_whoever_writes(db: sa.Engine) -> None:
    told = Told()
    dispatcher = Dispatcher(db, {"a": told}, policy=DispatchPolicy(poll=3600.0))

    def meanwhile() -> None:
        put(db, ("x", 1, "a"))
        dispatcher.wake()
        told.wait(1)

    running(dispatcher, meanwhile)


def test_it_outlives_an_outage_of_the_database(db: sa.Engine) -> None:
    told, outages = Told(), iter([True, True, False])

    class Shaken(Dispatcher):
        def claim(self, limit: int) -> list[Claim]:
            if next(outages, False):
                raise sa.exc.OperationalError("select", {}, Exception("server closed the connection"))
            return super().claim(limit)

    put(db, ("x", 1, "a"))
    running(Shaken(db, {"a": told}, policy=POLICY), lambda: told.wait(1))


def test_stopping_waits_for_what_is_under_way(db: sa.Engine) -> None:
    started, release = threading.Event(), threading.Event()

    def act(delivery: Delivery) -> None:
        started.set()
        assert release.wait(60)

    told = Told(act)
    put(db, ("x", 1, "a"))

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Dispatcher(db, {"a": told}, policy=POLICY).run(stop))
        assert await asyncio.to_thread(started.wait, 60)
        stop.set()
        asyncio.get_running_loop().call_later(0.05, release.set)
        await asyncio.wait_for(task, 60)

    asyncio.run(main())
    assert rows(db)["x:1:a"].sent_at is not None
