"""The dispatcher: takes notifications from the outbox and sends them, at least once, each under one dedup key.

Before it looks for what to send it lets the router write what is new (`alerts.router`).

One notification goes through three steps, each of which may be the last before a crash:

1. claim: a transaction leases the row for `lease` seconds and counts the attempt;
2. send: the channel is called, outside any transaction;
3. record: a transaction notes it as sent, or when to try again, or as dead.

After a crash the lease runs out and the row is claimed again, by whichever dispatcher comes first: nothing is lost, and
what is repeated bears the same key. Any number of dispatchers may work on one outbox (`for update skip locked`).

Order: a row is claimed only when every earlier transition of the same alert to the same receiver is sent or dead, so
that a resolve never overtakes its trigger. A sender that was stopped in the middle of a call for longer than its
lease can still deliver a stale trigger; PagerDuty's key is per episode for that reason.

A notification that is given up is written out again for the receiver that `fallback` names, once.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.channels import Channel, Delivery
from alerts.errors import TransportError
from alerts.heartbeats import HEARTBEAT
from alerts.retries import Result, RetryPolicy
from alerts.router import Clock, Passing, Router, database_clock
from alerts.tables import notices, outbox

log = logging.getLogger(__name__)

ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class DispatchPolicy:
    """How many at once, for how long, how often; seconds.

    The lease must exceed the longest send (`HttpPolicy.deadline`) twice.
    """

    workers: int = 8
    per_receiver: int = 3
    lease: float = 60.0
    poll: float = 0.5
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    fallback: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a dispatcher works among: the router that it runs first, who counts the results, where a test may kill it."""

    router: Router | None = None
    observe: Callable[[str, Result], None] = lambda receiver, result: None
    passing: Passing = lambda step: None


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased row: what to send, until when it is ours, and since when it waits."""

    id: int
    delivery: Delivery
    channel: str
    leased_until: datetime
    created_at: datetime
    taken: float


class Dispatcher:
    """Sends what is due to the receivers that this process knows; rows of others are left to those who do."""

    def __init__(
        self,
        engine: sa.Engine,
        channels: Mapping[str, Channel],
        clock: Clock = database_clock,
        policy: DispatchPolicy | None = None,
        around: Surroundings | None = None,
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._clock = clock
        self._policy = policy or DispatchPolicy()
        self._around = around or Surroundings()
        self._chance = random.random
        self._busy: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def run_once(self) -> int:
        """Routes what is new and sends what is due, one after the other; the number of attempts. For drains and tests."""
        self.route()
        claims = self.claim(self._policy.workers)
        for claim in claims:
            self.deliver(claim)
        return len(claims)

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set, several at once; then waits for those under way.

        Outlives outages of the database.
        """
        self._loop = asyncio.get_running_loop()
        stopper = asyncio.create_task(self._wake_on(stop))
        flying: set[asyncio.Future[None]] = set()
        pool = ThreadPoolExecutor(self._policy.workers, thread_name_prefix="dispatcher")
        try:
            while not stop.is_set():
                self._woken.clear()
                for claim in await self._claim_or_none(self._policy.workers - len(flying)):
                    flying.add(self._launch(pool, claim, flying))
                await self._pause()
        finally:
            stopper.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
            pool.shutdown()

    def wake(self) -> None:
        """There is something new: look at once. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def route(self) -> None:
        """Lets the router write what is new."""
        if self._around.router is not None:
            self._around.router.run_once()

    def hurry(self) -> None:
        """Lets the router tell what waits only for more to come: nothing does."""
        if self._around.router is not None:
            self._around.router.run_once()
            self._around.router.hurry()

    def claim(self, limit: int) -> list[Claim]:
        """Leases up to `limit` due rows, the oldest first and few of each receiver."""
        known = [name for name in self._channels if self._busy[name] < self._policy.per_receiver]
        if limit <= 0 or not known:
            return []
        with self._engine.begin() as conn:
            now = self._clock(conn)
            until = now + timedelta(seconds=self._policy.lease)
            rows = conn.execute(_due(now, known, self._policy.per_receiver, limit)).all()
            if not rows:
                return []
            ids = [row.id for row in rows]
            taken = sa.update(outbox).where(outbox.c.id.in_(ids))
            conn.execute(taken.values(leased_until=until, attempts=outbox.c.attempts + 1))
        started = time.monotonic()
        self._around.passing("after-claim")
        return [_claim(row, until, started) for row in rows]

    def deliver(self, claim: Claim) -> None:
        """Sends one claim and records what became of it."""
        if time.monotonic() - claim.taken > self._policy.lease / 2:
            return  # the lease may end while we send; let it, and send under the next
        try:
            self.send(claim)
        except TransportError as error:
            self.record_failure(claim, error)
        else:
            self._around.passing("after-send")
            self.record_sent(claim)

    def send(self, claim: Claim) -> None:
        """Calls the channel; anything but a TransportError is a fault of ours, tried again and not quoted."""
        try:
            self._channels[claim.delivery.receiver].send(claim.delivery)
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one channel must not stop the others
            raise TransportError(f"fault in channel {claim.channel}: {type(error).__name__}", permanent=False) from None

    def record_sent(self, claim: Claim) -> None:
        """Notes that the receiver has it: also when the lease has passed to another meanwhile, for it is true."""
        with self._engine.begin() as conn:
            mine = sa.update(outbox).where(outbox.c.id == claim.id, outbox.c.sent_at.is_(None))
            conn.execute(mine.values(sent_at=self._clock(conn), leased_until=None, last_error=None))
            self._around.passing("in-record")
        self._around.passing("after-record")
        self._told(claim, Result.SENT, None)

    def record_failure(self, claim: Claim, error: TransportError) -> None:
        """Notes when to try again, or that it is dead, unless the lease has passed to another meanwhile."""
        retry = self._policy.retry
        with self._engine.begin() as conn:
            now = self._clock(conn)
            result = retry.outcome(permanent=error.permanent, age=(now - claim.created_at).total_seconds())
            wait = retry.delay(claim.delivery.attempt, self._chance(), error.retry_after)
            mine = sa.update(outbox).where(outbox.c.id == claim.id, outbox.c.leased_until == claim.leased_until)
            values: dict[str, Any] = {"leased_until": None, "last_error": str(error)[:ERROR_LENGTH]}
            if result is Result.DEAD:
                values["dead_at"] = now
            else:
                values["not_before"] = now + timedelta(seconds=wait)
            ours = conn.execute(mine.where(outbox.c.sent_at.is_(None)).values(values)).rowcount
            if ours and result is Result.DEAD:
                self._fall_back(conn, claim)
        self._told(claim, result, error)

    def _fall_back(self, conn: sa.Connection, claim: Claim) -> None:
        """Writes the dead notification out for another receiver, unless that one knows as much or more already."""
        delivery = claim.delivery
        other = self._policy.fallback.get(delivery.receiver)
        if other is None or other not in self._channels or delivery.alert.startswith(HEARTBEAT):
            return
        knows = sa.select(sa.literal(1)).where(
            outbox.c.alert == delivery.alert,
            outbox.c.receiver == other,
            outbox.c.transition_no >= delivery.transition_no,
        )
        if conn.execute(knows.limit(1)).first() is not None:
            return
        row = {
            "dedup_key": f"{delivery.alert}:{delivery.transition_no}:{other}",
            "alert": delivery.alert,
            "transition_no": delivery.transition_no,
            "receiver": other,
            "channel": self._channels[other].type,
            "payload": dict(delivery.payload),
            "reason": f"{delivery.receiver} could not be told",
        }
        conn.execute(insert(outbox).values(row).on_conflict_do_nothing())

    def _told(self, claim: Claim, result: Result, error: TransportError | None) -> None:
        self._around.observe(claim.delivery.receiver, result)
        level = {Result.SENT: logging.INFO, Result.RETRY: logging.WARNING, Result.DEAD: logging.ERROR}[result]
        why = f": {error}" if error is not None else ""
        log.log(level, "notification %s to %s: %s%s", claim.delivery.dedup_key, claim.delivery.receiver, result, why)

    def _launch(
        self, pool: ThreadPoolExecutor, claim: Claim, flying: set["asyncio.Future[None]"]
    ) -> "asyncio.Future[None]":
        receiver = claim.delivery.receiver
        self._busy[receiver] += 1
        started: Future[None] = pool.submit(self.deliver, claim)
        flight = asyncio.wrap_future(started)

        def landed(done: "asyncio.Future[None]") -> None:
            self._busy[receiver] -= 1
            flying.discard(done)
            self._woken.set()
            if not done.cancelled() and (error := done.exception()) is not None:
                log.warning("notification %s: not recorded (%s)", claim.delivery.dedup_key, type(error).__name__)

        flight.add_done_callback(landed)
        return flight

    async def _claim_or_none(self, limit: int) -> list[Claim]:
        try:
            return await asyncio.to_thread(self._route_and_claim, limit)
        except sa.exc.SQLAlchemyError as error:
            log.warning("the outbox cannot be read now (%s); trying again", type(error).__name__)
            return []

    def _route_and_claim(self, limit: int) -> list[Claim]:
        self.route()
        return self.claim(limit)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), self._policy.poll)
        except TimeoutError:
            return

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._woken.set()


def _due(now: datetime, known: Collection[str], per_receiver: int, limit: int) -> sa.Select[Any]:
    """The rows to claim: due, not leased, none earlier of the same alert and receiver open; locked, the locked ones
    skipped.

    The conditions stand outside the ranking too, where Postgres checks them again after it has waited for a lock.
    """
    ranked = (
        sa.select(
            outbox.c.id,
            sa.func.row_number().over(partition_by=outbox.c.receiver, order_by=outbox.c.id).label("rank"),
        )
        .where(_open(outbox, now), outbox.c.receiver.in_(known), ~_earlier_open())
        .subquery("ranked")
    )
    few = sa.select(ranked.c.id).where(ranked.c.rank <= per_receiver)
    chosen = sa.select(outbox).where(outbox.c.id.in_(few), _open(outbox, now))
    return chosen.order_by(outbox.c.id).limit(limit).with_for_update(skip_locked=True)


def _open(table: sa.FromClause, now: datetime) -> sa.ColumnElement[bool]:
    c = table.c
    unleased = sa.or_(c.leased_until.is_(None), c.leased_until < now)
    return sa.and_(c.sent_at.is_(None), c.dead_at.is_(None), c.not_before <= now, unleased)


def _earlier_open() -> sa.ColumnElement[bool]:
    earlier = outbox.alias("earlier")
    return sa.exists().where(
        earlier.c.alert == outbox.c.alert,
        earlier.c.receiver == outbox.c.receiver,
        sa.or_(
            earlier.c.transition_no < outbox.c.transition_no,
            sa.and_(earlier.c.transition_no == outbox.c.transition_no, earlier.c.id < outbox.c.id),
        ),
        earlier.c.sent_at.is_(None),
        earlier.c.dead_at.is_(None),
    )


def _claim(row: sa.Row[Any], until: datetime, taken: float) -> Claim:
    delivery = Delivery(
        dedup_key=row.dedup_key,
        alert=row.alert,
        transition_no=row.transition_no,
        receiver=row.receiver,
        payload=row.payload,
        attempt=row.attempts + 1,
        reason=row.reason,
    )
    return Claim(row.id, delivery, row.channel, until, row.created_at, taken)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is in the outbox: not yet sent (or not yet routed), dead, and the oldest unsent's age in seconds, or 0."""

    waiting: int
    dead: int
    oldest: float


def backlog(conn: sa.Connection) -> Backlog:
    """The state of the outbox, for health and metrics."""
    c = outbox.c
    waiting = sa.and_(c.sent_at.is_(None), c.dead_at.is_(None))
    age = sa.func.extract("epoch", sa.func.clock_timestamp() - sa.func.min(c.created_at).filter(waiting))
    row = conn.execute(
        sa.select(sa.func.count().filter(waiting), sa.func.count().filter(c.dead_at.is_not(None)), age)
    ).one()
    unrouted = sa.select(sa.func.count()).where(notices.c.routed_at.is_(None))
    return Backlog(row[0] + conn.execute(unrouted).scalar_one(), row[1], float(row[2] or 0.0))
