"""The partitions that this worker owns: claims them, feeds their sessions, commits them, drops them.

The I/O around `session.py`, on one event loop; what blocks (Postgres, RocksDB) runs in threads. A commit that fails in a way
that passes by itself is tried again for ever, while the partition is ours: nothing is read further ahead than
`MOST_UNCOMMITTED` events, so an outage of Postgres stops the reading and loses nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from faust.types import TP
from sqlalchemy.exc import SQLAlchemyError

from monitor.events import DeadLetter
from monitor.terms import NEVER, TOPICS
from streams.batches import span
from streams.database import backoff, is_transient
from streams.failpoints import passing
from streams.health import Activity
from streams.ledger import Lost, LostRange, Owned, Refused
from streams.rocks import RocksDisk
from streams.session import Chunk, Commit, Gap, Session
from streams.shelf import Shelf
from streams.store import Store
from streams.stream import Stream
from streams.telemetry import Telemetry, TopicPart
from streams.transport import Fetched

log = logging.getLogger(__name__)

MOST_UNCOMMITTED = 400_000
QUIET = 0.03
"""Seconds without a record after which what is there is committed at once: so a lone event does not wait for a timer."""
TOUCH_EVERY = 20.0
LONGEST_PAUSE = 5.0
"""Seconds from the end of a commit that took longer to the next: it may have waited for Postgres to come back."""
HOLE_AFTER = 1.0
"""Seconds without a record after which it is asked whether what is left of the log holds any."""
SHORT_AFTER, SHORT_AGAIN = 30.0, 600.0
"""Seconds after which, and again, it is told that a log is shorter than what was counted; a new leader may say so for a moment."""
DROPPED_AFTER = 10.0
"""Seconds after which what is left is fetched again: Faust may drop the last chunk of a rebalance, and no gap shows it where
nothing comes after."""


@dataclass(slots=True)
class Partition:
    """One owned partition of a stream."""

    stream: Stream
    owned: Owned
    session: Session
    disk: RocksDisk
    store: Store
    generation: int
    last_records: list[float] = field(default_factory=lambda: [0.0, 0.0])
    tell_short: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """From when on it is told of each topic that its log is shorter than what was counted of it."""
    idle_clocks: tuple[int, int] = (NEVER, NEVER)
    last_commit: float = 0.0
    pause: float = 0.0
    """Seconds from the end of the last commit to the next (`pause_after`)."""
    last_touch: float = 0.0
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)
    dropped: bool = False

    @property
    def topics(self) -> tuple[TP, TP]:
        """The partition in each of the two topics."""
        part = self.owned.part
        return TP(self.stream.topics[0], part), TP(self.stream.topics[1], part)


DeadLetters = Sequence[tuple[int, DeadLetter]]

Key = tuple[str, int]
"""A stream's name and a partition number."""


@dataclass(slots=True)
class Ports:
    """What the owners need of the outside: seeking and pausing the transport, the ends of the logs, dead letters."""

    read_from: Callable[[Mapping[TP, int]], Awaitable[None]]
    pause: Callable[[TP, bool], None]
    ends: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]
    beginnings: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]]
    passed: Callable[[TP, int], Awaitable[int]]
    """Up to where the log was read and held nothing from an offset on."""
    fetched_end: Callable[[TP], int | None]
    """Where the log ended at the last fetch; None if there was none."""
    bury: Callable[[tuple[str, str], int, DeadLetters], Awaitable[None]]
    telemetry: Telemetry


class Hole(NamedTuple):
    """Offsets `start` to before `end` of a topic that hold nothing, and the event times (ms) between which they lie."""

    topic: int
    start: int
    end: int
    since: int
    until: int


class Owners:
    """All partitions of this worker."""

    def __init__(
        self, streams: Iterable[Stream], shelf: Shelf, lineage: str, ports: Ports, commit_every: float
    ) -> None:
        self._by_topic = {name: (s, topic) for s in streams for topic, name in enumerate(s.topics)}
        self._streams = sorted({s.name for s, _ in self._by_topic.values()})
        self._shelf, self._lineage, self._ports, self._commit_every = shelf, lineage, ports, commit_every
        self._partitions: dict[Key, Partition] = {}
        self._wanted: dict[Key, tuple[Stream, int]] = {}
        self._decided = False
        self._claims: dict[Key, asyncio.Task[None]] = {}
        self._closing: dict[Key, asyncio.Task[None]] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def partitions(self) -> list[Partition]:
        """Those that are claimed now."""
        return list(self._partitions.values())

    @property
    def drained(self) -> bool:
        """Whether nothing more is to come to any partition that is, or is to be, this worker's."""
        return not self.claiming and all(partition.session.drained for partition in self.partitions)

    @property
    def claiming(self) -> bool:
        """Whether the group has not decided yet, or assigned partitions are still to be claimed."""
        return not self._decided or self._wanted.keys() != self._partitions.keys()

    # --- assignment

    async def reassign(self, assignment: set[TP], generation: int) -> Mapping[TP, int]:
        """The group has decided anew. Partitions that stay go on at once; new ones are claimed in the background."""
        wanted: dict[Key, tuple[Stream, int]] = {}
        for tp in assignment:
            if tp.topic in self._by_topic:
                stream = self._by_topic[tp.topic][0]
                wanted[stream.name, tp.partition] = (stream, generation)
        self._wanted, self._decided = wanted, True
        for key in self._partitions.keys() - wanted.keys():
            await self.drop(key)
        offsets: dict[TP, int] = {}
        for key, (stream, _) in wanted.items():
            if (partition := self._partitions.get(key)) is not None:
                partition.generation, partition.last_touch = generation, 0.0
                offsets.update(zip(partition.topics, partition.session.offsets, strict=True))
            else:
                self._start_claim(key, stream)
        return offsets

    def _start_claim(self, key: Key, stream: Stream) -> None:
        if (running := self._claims.get(key)) is None or running.done():
            self._claims[key] = asyncio.create_task(self._claim(key, stream))

    async def _claim(self, key: Key, stream: Stream) -> None:
        """Claim until it succeeds or the partition is not ours any more. The local store of an earlier claim is closed first.

        One task at a time: what is lost, or given up and given again, while it still says where to read on, it claims anew.
        """
        attempt = 0
        while key in self._wanted and key not in self._partitions:
            if (closing := self._closing.pop(key, None)) is not None:
                await asyncio.shield(closing)
                continue
            generation = self._wanted[key][1]
            try:
                partition = await asyncio.to_thread(self._open, stream, key[1], generation)
            except Refused as error:
                log.info("%s; waiting for the next assignment", error)
            except Exception as error:  # noqa: BLE001  # it ends the worker, through `failed`
                if not is_transient(error):
                    self._fail(error)
                    return
                log.warning("cannot claim partition %s of %s yet: Postgres is away", key[1], key[0])
                self._ports.telemetry.retried("postgres", Activity.CONSUME)
            else:
                await self._begin(key, partition)
                attempt = 0
                continue
            await asyncio.sleep(backoff(attempt))
            attempt += 1

    def _open(self, stream: Stream, part: int, generation: int) -> Partition:
        token, position = stream.ledger.claim(part, generation)
        disk, store = self._shelf.open(stream.name, part, self._lineage, position, stream.terms)
        session = Session(stream.terms, position, store, stream.reader.of_partition(part), stream.quality)
        if session.rebuilt and position.commit_no:
            log.info("partition %s of %s has no usable local store: rebuilding it from the log", part, stream.name)
        return Partition(stream, Owned(part, token), session, disk, store, generation)

    async def _begin(self, key: Key, partition: Partition) -> None:
        if key not in self._wanted:
            partition.disk.close()
            return
        partition.last_commit = partition.last_touch = now = time.monotonic()
        partition.pause = self._commit_every
        partition.last_records[:] = now, now
        partition.tell_short[:] = now + SHORT_AFTER, now + SHORT_AFTER
        self._partitions[key] = partition
        await self._ports.read_from(dict(zip(partition.topics, partition.session.offsets, strict=True)))

    async def drop(self, key: Key) -> None:
        """Let go of a partition; what is not committed is lost here and counted by the next owner."""
        if (partition := self._partitions.pop(key, None)) is None:
            return
        await asyncio.shield(self._let_go(key, partition))

    def _let_go(self, key: Key, partition: Partition) -> "asyncio.Task[None]":
        """Close its local store once the commit that is under way is through, whoever waits for that or gives up waiting."""
        partition.dropped = True

        async def close() -> None:
            async with partition.committing:
                await asyncio.to_thread(partition.disk.close)

        self._closing[key] = task = asyncio.create_task(close())
        return task

    async def close(self) -> None:
        """Commit what is there and let go of everything."""
        await self.commit_all()
        self._wanted = {}
        for task in self._claims.values():
            task.cancel()
        for key in list(self._partitions):
            await self.drop(key)

    # --- records

    async def deliver(self, tp: TP, fetched: Fetched) -> None:
        """Take a chunk. Waits while too much is uncommitted: so nothing is read that Postgres cannot take."""
        stream, topic = self._by_topic[tp.topic]
        partition = self._partitions.get((stream.name, tp.partition))
        if partition is None:
            return
        while partition.session.uncommitted > MOST_UNCOMMITTED and not partition.dropped:  # noqa: ASYNC110  # commits, drops end it
            await asyncio.sleep(0.01)  # commits, drops and catching up all end this
        read = await fetched.read if fetched.read is not None else None
        first, end = span(fetched.records)
        if fetched.start <= (at := partition.session.offsets[topic]) < first:
            since = partition.session.join.position()[topic].clock
            until = fetched.records[0].timestamp
            await self._check_hole(partition, Hole(topic, at, first, since, until))
        if partition.dropped:
            return
        try:
            partition.session.deliver(Chunk(topic, fetched.start, end, fetched.records, read))
        except Gap as gap:
            log.info("partition %s of %s: %s", tp.partition, tp.topic, gap)
            await self._ports.read_from({tp: partition.session.offsets[topic]})
            return
        partition.last_records[topic] = time.monotonic()
        for waiting, of in enumerate(partition.topics):
            self._ports.pause(of, partition.session.waiting(waiting))

    async def _check_hole(self, partition: Partition, hole: Hole) -> None:
        """Compaction and transaction markers leave holes; so does retention that overtook us: those records are lost.

        What was deleted before counting began is not ours, and what is only needed to rebuild the join is counted already.
        It is told before the hole is passed: whatever happens in between, it is told once more then.
        """
        tp, base = partition.topics[hole.topic], partition.session.base
        first = max(hole.start, base.cursors[hole.topic].offset)
        last = min((await self._ports.beginnings([tp])).get(tp, 0), hole.end)
        if first >= last or (first == 0 and not base.commit_no):
            return
        log.error(
            "partition %s of %s: offsets %s to %s were deleted before they were counted",
            tp.partition, tp.topic, first, last - 1,
        )  # fmt: skip
        lost = LostRange(hole.topic, first, last, hole.since, hole.until)
        await asyncio.to_thread(partition.stream.ledger.lose, partition.owned, lost)
        self._ports.telemetry.records_gone(tp.topic, last - first)

    async def _pass_hole(self, partition: Partition, topic: int) -> None:
        """Go on past a hole after which nothing has come yet: the marker that ends a transaction, or all that retention left."""
        session, tp = partition.session, partition.topics[topic]
        at, since = session.offsets[topic], session.join.position()[topic].clock
        to = await self._ports.passed(tp, at)
        if partition.dropped:
            return
        if to <= at:
            if time.monotonic() - partition.last_records[topic] >= DROPPED_AFTER and not session.uncommitted:
                partition.last_records[topic] = time.monotonic()
                await self._ports.read_from({tp: at})
            return
        await self._check_hole(partition, Hole(topic, at, to, since, int(time.time() * 1000)))
        if at == session.offsets[topic] and not partition.dropped:
            session.deliver(Chunk(topic, at, to, []))

    # --- commits

    async def commit_due(self) -> None:
        """Commit the partitions whose time has come, all at once."""
        await asyncio.gather(*(self._commit_due(partition) for partition in self.partitions))

    async def _commit_due(self, partition: Partition) -> None:
        """Commit when the pause is over; sooner if the topics fall silent, or before so much is read that reading would stop."""
        now = time.monotonic()
        since = now - partition.last_commit
        full = since >= self._commit_every and partition.session.uncommitted >= MOST_UNCOMMITTED // 2
        if full or since >= partition.pause or (since >= QUIET and self._quiet(partition, now)):
            await self.commit(partition)
        if now - partition.last_touch >= TOUCH_EVERY:
            partition.last_touch = now
            await self._touch(partition)

    def _quiet(self, partition: Partition, now: float) -> bool:
        """Whether a commit now holds all that is known to be there. A worker that catches up would write twice as often
        else: the chunks of a partition come together, and then those of others do."""
        if not partition.session.uncommitted or now - max(partition.last_records) < QUIET:
            return False
        ends = (self._ports.fetched_end(tp) or 0 for tp in partition.topics)
        return all(offset >= end for offset, end in zip(partition.session.offsets, ends, strict=True))

    async def commit_all(self) -> None:
        """Commit every partition now."""
        await asyncio.gather(*(self.commit(partition) for partition in self.partitions))

    async def commit(self, partition: Partition) -> None:
        """Write what has changed: dead letters to Kafka, then Postgres, then the local store.

        What was begun is finished, even if whoever waits for it is cancelled: a frozen commit belongs nowhere else.
        """
        await asyncio.shield(asyncio.create_task(self._commit(partition)))

    async def _commit(self, partition: Partition) -> None:
        async with partition.committing:
            if partition.dropped or (commit := partition.session.freeze()) is None:
                return
            started, of = time.monotonic(), partition.stream
            try:
                await self._write(partition, commit)
                if commit.counted:
                    self._ports.telemetry.committed(of.name, of.topics, commit, time.monotonic() - started)
            except Lost as lost:
                log.warning("%s", lost)
                self._ports.telemetry.lost(of.name)
                self._lost(partition)
            except Exception as error:
                self._fail(error)
                raise
            partition.last_commit = time.monotonic()
            took = partition.last_commit - started if commit.counted else 0.0  # what is caught up waits in memory
            partition.pause = pause_after(took, self._commit_every)

    async def _write(self, partition: Partition, commit: Commit) -> None:
        rolled_up_to = None
        if commit.dead_letters:
            await self._ports.bury(partition.stream.topics, partition.owned.part, commit.dead_letters)
            passing("after-dead-letters")
        if commit.counted:
            passing("before-postgres")
            rolled_up_to = await self._to_postgres(partition, commit)
            passing("after-postgres")
        passing("before-store")
        await asyncio.to_thread(partition.store.write, commit.batch, commit.position.cursors)
        passing("after-store")
        partition.session.written(commit, rolled_up_to)

    async def _to_postgres(self, partition: Partition, commit: Commit) -> int:
        ledger, attempt, unsure = partition.stream.ledger, 0, False
        while True:
            try:
                if unsure and (done := await asyncio.to_thread(ledger.settled, partition.owned, commit)) is not None:
                    return done
                return await asyncio.to_thread(ledger.commit, partition.owned, commit)
            except Exception as error:
                if not is_transient(error):
                    raise
                unsure = True
                log.warning("commit of partition %s failed, trying again: %s", partition.owned.part, _brief(error))
                self._ports.telemetry.retried("postgres", Activity.COMMIT)
            if partition.dropped:
                raise Lost(f"partition {partition.owned.part} was given up while Postgres was away")
            await asyncio.sleep(backoff(attempt))
            attempt += 1

    async def _touch(self, partition: Partition) -> None:
        try:
            await asyncio.to_thread(partition.stream.ledger.touch, partition.owned, partition.generation)
        except Lost as lost:
            log.warning("%s", lost)
            self._lost(partition)
        except Exception as error:
            if not is_transient(error):
                raise

    def _lost(self, partition: Partition) -> None:
        """Drop the session and write nothing more; claim again if the group still says that it is ours.

        A commit and a touch may both find out, one after the other: only the first counts.
        """
        if partition.dropped:
            return
        key = partition.stream.name, partition.owned.part
        if self._partitions.get(key) is partition:
            del self._partitions[key]
        self._let_go(key, partition)
        self._start_claim(key, partition.stream)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    # --- the ends of the logs

    async def look_at_ends(self, idle_after: float) -> bool:
        """Declare silent topics idle and pass holes at the end of a catch-up. True if everything is at its end.

        The clocks that idle partitions take are read before their own ends are looked at (`monitor/watermarks.py`).
        """
        at_end, found = not self.claiming, dict[TopicPart, int]()
        clocks = await self._clocks()
        for partition in self.partitions:
            ends = await self._ports.ends(partition.topics)
            found |= {(tp.topic, tp.partition): end for tp, end in ends.items()}
            for topic, tp in enumerate(partition.topics):
                silent = time.monotonic() - partition.last_records[topic] >= HOLE_AFTER
                if silent and partition.session.offsets[topic] < ends.get(tp, 0):
                    await self._pass_hole(partition, topic)
            idle = [self._look(partition, topic, ends, idle_after) for topic in TOPICS]
            at_end = at_end and None not in idle and not partition.session.uncommitted
            await self._record_idle(partition, idle, clocks.get(partition.stream.name))
        if not self.claiming:
            held = any(partition.session.uncommitted > MOST_UNCOMMITTED for partition in self.partitions)
            self._ports.telemetry.looked(self._streams, self.partitions, found, held)
        return at_end

    def _look(self, partition: Partition, topic: int, ends: Mapping[TP, int], idle_after: float) -> bool | None:
        """Whether a topic is at its end and silent; None if it is not at its end. After a drain it is where it is to be."""
        session, end = partition.session, ends.get(partition.topics[topic])
        if session.drained:
            return False
        if end is None:
            return None
        self._look_for_short(partition, topic, end)
        session.at_end(topic, end)
        there = session.offsets[topic] >= end and not session.behind()
        idle = there and time.monotonic() - partition.last_records[topic] >= idle_after
        session.declare_idle(topic, idle)
        return idle if there else None

    def _look_for_short(self, partition: Partition, topic: int, end: int) -> None:
        """A topic that was made anew begins at 0 again: its records are below the cursor, and passed over."""
        now, counted = time.monotonic(), partition.session.offsets[topic]
        if counted <= end:
            partition.tell_short[topic] = now + SHORT_AFTER
        elif now >= partition.tell_short[topic]:
            partition.tell_short[topic] = now + SHORT_AGAIN
            log.error(
                "partition %s of %s ends at offset %s, and was read up to %s: it was made anew, or its broker has lost records."
                " What comes below that offset is not counted: give the models topics of another name",
                partition.owned.part, partition.stream.topics[topic], end, counted,
            )  # fmt: skip

    async def _clocks(self) -> Mapping[str, tuple[int, int]]:
        """Per stream the committed clocks; nothing while Postgres is away."""
        ledgers = {partition.stream.name: partition.stream.ledger for partition in self.partitions}
        try:
            return {name: await asyncio.to_thread(ledger.clocks) for name, ledger in ledgers.items()}
        except SQLAlchemyError as error:
            if not is_transient(error):
                raise
            return {}

    async def _record_idle(
        self, partition: Partition, idle: Sequence[bool | None], clocks: tuple[int, int] | None
    ) -> None:
        """Tell the evaluator up to where idle topics are complete; the session is told first, before anything can come."""
        session = partition.session
        declared = session.position.idle
        if clocks is None or not any(now and before for now, before in zip(idle, declared, strict=True)):
            return
        low, high = (clocks[topic] if idle[topic] and declared[topic] else NEVER for topic in TOPICS)
        if (low, high) == partition.idle_clocks:
            return
        at = [0 if clock == NEVER else session.seal(topic, clock) for topic, clock in ((0, low), (1, high))]
        if at[0] is None or at[1] is None:
            return
        try:
            if await asyncio.to_thread(partition.stream.ledger.idle, partition.owned, (at[0], at[1]), (low, high)):
                partition.idle_clocks = (low, high)  # else the commit that says so is still under way: again, next time
        except SQLAlchemyError as error:
            if not is_transient(error):
                raise


def pause_after(took: float, commit_every: float) -> float:
    """Seconds from the end of a commit that took so long to the next.

    At least as long: a worker that reads a backlog then commits for at most half of the time, and writes rows once that labels of
    the same hours share.
    """
    return max(commit_every, min(took, LONGEST_PAUSE))


def _brief(error: BaseException) -> str:
    """The first line of a driver's message: no statement, no values."""
    return str(getattr(error, "orig", error)).strip().splitlines()[0] if str(error) else type(error).__name__
