"""A worker: the Faust application, the owners' commits, the evaluator, the dispatcher and the health server in one process;
beside it, once there is much to read, the one that reads ahead (`reading.py`).

It waits for Postgres and Kafka at the start and says so, and goes on when they come back. What cannot pass by itself (a
wrong schema, changed partitions, a bug) ends the process with a message, for its supervisor to start it again.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
import uvicorn
from faust.types import TP

from alerts.outbox import Dispatcher, backlog
from streams import settings as configured
from streams.app import App, build_app
from streams.broker import OwnTopic, Publisher, make_topics, own_topics, partition_counts, parts_of
from streams.database import engine as make_engine
from streams.database import retrying
from streams.dispatching import channels_of, make_dispatcher, pictures_of
from streams.evaluator import Evaluator, Progress
from streams.exporter import Exporter
from streams.gauges import parity_of
from streams.hashing import IdHasher
from streams.health import Activity, Probe
from streams.heap import give_back, spare_the_collector
from streams.keys import JOIN_STORE, shared_key
from streams.owners import Owners, Partition, Ports
from streams.reading import ReadAhead
from streams.rekeying import Rekeyer, keyed_names, keyed_stream
from streams.schema import require_head
from streams.settings import Settings
from streams.shelf import Shelf
from streams.stream import Stream, open_stream
from streams.telemetry import DatabaseCollector, DiskCollector, Telemetry
from streams.transport import ChunkConsumer
from streams.web import worker_app
from streams.web.connections import limits

log = logging.getLogger(__name__)

TICK = 0.02
LOOK_EVERY = 0.5
TELL_EVERY = 5.0


@dataclass(slots=True)
class Stopping:
    """Why and whether the worker is to stop."""

    event: asyncio.Event
    error: BaseException | None = None

    def because(self, error: BaseException | None = None) -> None:
        """Stop; the first error is the reason."""
        self.error = self.error or error
        self.event.set()


class _Observed(Evaluator):
    """An evaluator whose rounds are told."""

    def __init__(self, engine: sa.Engine, settings: Settings, telemetry: Telemetry) -> None:
        super().__init__(engine, settings)
        self._telemetry = telemetry

    def run_once(self) -> Progress:
        started = time.monotonic()
        try:
            progress = super().run_once()
        except sa.exc.SQLAlchemyError:
            self._telemetry.retried("postgres", Activity.EVALUATE)
            raise
        self._telemetry.evaluated(progress.models, time.monotonic() - started)
        return progress


class Worker:
    """One worker process."""

    def __init__(self, settings: Settings, drain: bool = False) -> None:
        self._settings, self._drain = settings, drain
        self._engine = make_engine(settings, name="fairdrift-worker", pool_size=6)
        self._probe, self._exporter = Probe(), Exporter()
        self._telemetry = Telemetry(self._exporter, self._probe)
        self._exporter.registry.register(DatabaseCollector(self._engine))
        self._exporter.registry.register(parity_of(self._engine, settings))
        self._exporter.registry.register(DiskCollector(settings.worker.data_dir))
        self._stopping = Stopping(asyncio.Event())
        self._committed = asyncio.Event()
        self._wanted: dict[TP, int] = {}
        self._rekeyers: list[Rekeyer] = []
        self._app: App

    async def run(self) -> None:
        """Work until told to stop (SIGTERM, SIGINT), drained, or broken; raises what broke it."""
        give_back()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.because)
        streams = await self._open()
        if streams is None:
            return
        publisher = Publisher(self._settings.kafka)
        shelf = Shelf(self._settings.worker.data_dir, self._settings.worker.checkpoint_dir)
        spare_the_collector()
        try:
            await self._work(streams, publisher, shelf)
        finally:
            await publisher.close()
            shelf.close()
            self._engine.dispose()
        if self._stopping.error is not None:
            raise self._stopping.error

    # --- starting

    async def _open(self) -> list[Stream] | None:
        """Wait for Postgres and Kafka; None if told to stop meanwhile."""
        try:
            return await asyncio.to_thread(self._open_streams)
        except InterruptedError:
            return None

    def _open_streams(self) -> list[Stream]:
        retrying(lambda: require_head(self._engine), on_retry=self._wait_for_postgres, sleep=self._sleep)
        hasher = IdHasher(shared_key(self._engine, JOIN_STORE))
        of = configured.streams(self._settings)
        kafka = self._settings.kafka
        keyed = [keyed_stream(kafka, stream) for stream in of if stream.repartition]
        names = [topic for stream in [*of, *keyed] for topic in (stream.predictions, stream.outcomes)]
        counts = partition_counts(kafka, names, self._waiting)
        parts = [parts_of(stream, counts) for stream in of]
        by_id = [
            OwnTopic(name, n) for s, n in zip(of, parts, strict=True) if s.repartition for name in keyed_names(kafka, s)
        ]
        make_topics(kafka, [*own_topics(kafka), *by_id])
        self._rekeyers = [Rekeyer(kafka, stream) for stream in of if stream.repartition]
        of = [keyed_stream(kafka, stream) if stream.repartition else stream for stream in of]
        parts = [counts[stream.predictions] or n for stream, n in zip(of, parts, strict=True)]
        kept = self._settings.retention.panes
        return [open_stream(s, n, self._engine, hasher, kept) for s, n in zip(of, parts, strict=True)]

    def _wait_for_postgres(self, attempt: int, error: BaseException) -> None:
        log.warning("waiting for Postgres: %s", str(getattr(error, "orig", error)).strip().splitlines()[0])

    def _sleep(self, seconds: float) -> None:
        if not self._waiting(seconds):
            raise InterruptedError

    def _waiting(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping.event.is_set():
            time.sleep(0.05)
        return not self._stopping.event.is_set()

    # --- working

    async def _work(self, streams: list[Stream], publisher: Publisher, shelf: Shelf) -> None:
        lineage = await asyncio.to_thread(streams[0].ledger.lineage)
        ports = Ports(
            read_from=self._read_from,
            pause=self._pause,
            ends=self._ends,
            beginnings=self._beginnings,
            passed=self._passed,
            fetched_end=self._fetched_end,
            bury=publisher.bury,
            telemetry=self._telemetry,
        )
        owners = Owners(streams, shelf, lineage, ports, self._settings.worker.commit_every / 1000)
        reading = ReadAhead(streams)
        topics = [topic for stream in streams for topic in stream.topics]
        self._app = build_app(self._settings.kafka, topics, owners.deliver, owners.reassign, reading.begin)
        self._app.on_partitions_revoked.connect(self._on_revoked(owners), weak=False)
        dispatcher = self._dispatcher(publisher)
        evaluator = _Observed(self._engine, self._settings, self._telemetry)
        self._probe.expect(Activity.CONSUME, Activity.COMMIT, *([] if self._drain else [Activity.EVALUATE]))
        tasks = [
            self._guarded(self._commits(owners)),
            self._guarded(self._looks(owners, evaluator, dispatcher)),
            self._guarded(self._checkpoints(owners, shelf)),
            self._guarded(self._tells(owners)),
            self._guarded(self._app_runs()),
            self._guarded(owners.failed),
            self._guarded(reading.failed),
            *(self._guarded(rekeyer.run()) for rekeyer in self._rekeyers),
        ]
        if not self._drain:
            tasks.append(self._guarded(evaluator.run(self._stopping.event, self._committed, self._evaluate_every)))
            tasks.append(self._guarded(dispatcher.run(self._stopping.event)))
        server, serving = self._serve_health()
        await self._stopping.event.wait()
        await self._stop(owners, tasks, server, serving)
        await reading.close()

    @property
    def _evaluate_every(self) -> float:
        return self._settings.worker.evaluate_every / 1000

    async def _stop(
        self, owners: Owners, tasks: list[asyncio.Task[None]], server: Any, serving: asyncio.Task[None]
    ) -> None:
        """Commit, leave the group, end the rest."""
        for task in tasks[:4]:
            task.cancel()
        try:
            async with asyncio.timeout(20):
                await owners.close()
                await self._app.stop()
        except TimeoutError:
            log.warning("stopped without a last commit: what is not committed is counted by the next owner")
        server.should_exit = True
        for task in tasks[4:]:
            task.cancel()
        await asyncio.gather(serving, *tasks, return_exceptions=True)

    def _guarded(self, work: Awaitable[Any]) -> "asyncio.Task[None]":
        """Run beside the others; an error of one ends the worker."""

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # told by whoever awaits `run`
                self._stopping.because(error)

        return asyncio.create_task(run())

    async def _app_runs(self) -> None:
        await self._app.start()
        await self._app.wait_until_stopped()
        if not self._stopping.event.is_set():
            raise self._app.crash_reason or RuntimeError("Faust stopped by itself")

    def _dispatcher(self, publisher: Publisher) -> Dispatcher:
        channels = channels_of(self._settings, publisher.publish, pictures_of(self._engine, self._settings))
        return make_dispatcher(self._engine, self._settings, channels, self._telemetry.notified)

    def _serve_health(self) -> tuple[uvicorn.Server, asyncio.Task[None]]:
        health = self._settings.worker.health
        app = worker_app(self._probe, self._exporter.registry)
        config = uvicorn.Config(
            app,
            host=health.bind,
            port=health.port,
            log_config=None,
            lifespan="off",
            access_log=False,
            ws="none",
            **limits(),
        )
        server = _Server(config)
        return server, asyncio.create_task(server.serve())

    # --- loops

    async def _commits(self, owners: Owners) -> None:
        while True:
            before = [partition.session.position.commit_no for partition in owners.partitions]
            await owners.commit_due()
            self._probe.done(Activity.COMMIT)
            if [partition.session.position.commit_no for partition in owners.partitions] != before:
                self._committed.set()
            await asyncio.sleep(TICK)

    async def _looks(self, owners: Owners, evaluator: Evaluator, dispatcher: Dispatcher) -> None:
        idle_after = self._settings.worker.idle_after / 1000
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if not await owners.look_at_ends(idle_after):
                continue
            if self._drain and await self._drained(owners):
                await asyncio.to_thread(finish, evaluator, dispatcher, self._engine)
                if owners.drained:  # what another worker has left meanwhile is ours to drain as well
                    self._stopping.because()
                    return

    async def _drained(self, owners: Owners) -> bool:
        """Whether all partitions that came to this worker stand at the ends that they had when it first fetched them."""
        if owners.claiming:  # since the ends were looked at
            return False
        mine = {tp: offset for p in owners.partitions for tp, offset in zip(p.topics, p.session.offsets, strict=True)}
        for tp in mine.keys() - self._wanted.keys():
            if (end := self._consumer.fetched_end(tp)) is None:
                return False
            self._wanted[tp] = end
        if any(mine[tp] < self._wanted[tp] for tp in mine):
            return False
        for partition in owners.partitions:
            partition.session.drain()
        await owners.commit_all()
        return True

    async def _tells(self, owners: Owners) -> None:
        """Kafka's committed offsets are for lag tools only."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            counted = {
                tp: cursor.offset
                for partition in owners.partitions
                for tp, cursor in zip(partition.topics, partition.session.position.cursors, strict=True)
            }
            if counted and not self._app.rebalancing:
                await self._consumer.tell(counted)

    async def _checkpoints(self, owners: Owners, shelf: Shelf) -> None:
        if self._settings.worker.checkpoint_dir is None:
            return
        while True:
            await asyncio.sleep(self._settings.worker.checkpoint_every / 1000)
            for partition in owners.partitions:
                await self._checkpoint(partition, shelf)

    async def _checkpoint(self, partition: Partition, shelf: Shelf) -> None:
        async with partition.committing:
            if not partition.dropped:
                await asyncio.to_thread(shelf.checkpoint, partition.stream.name, partition.owned.part, partition.disk)

    # --- the transport's ports

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast(ChunkConsumer, self._app.consumer)

    def _fetched_end(self, tp: TP) -> int | None:
        return self._consumer.fetched_end(tp)

    async def _read_from(self, offsets: Mapping[TP, int]) -> None:
        await self._consumer.read_from(offsets)

    def _pause(self, tp: TP, pause: bool) -> None:
        self._consumer.pause(tp, pause=pause)

    async def _ends(self, tps: Iterable[TP]) -> Mapping[TP, int]:
        return await self._consumer.ends(tps)

    async def _beginnings(self, tps: Iterable[TP]) -> Mapping[TP, int]:
        found: Mapping[TP, int] = await self._consumer.earliest_offsets(*tps)
        return found

    async def _passed(self, tp: TP, at: int) -> int:
        return await self._consumer.passed(tp, at)

    def _on_revoked(self, owners: Owners) -> Callable[..., Awaitable[None]]:
        async def commit(app: Any, revoked: set[TP], **_: Any) -> None:
            try:
                async with asyncio.timeout(5):
                    await owners.commit_all()
            except TimeoutError:
                log.warning("a rebalance came before the last commit was through: the next owner counts those events")

        return commit


class _Server(uvicorn.Server):
    """Leaves the signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are captured."""
        yield


def finish(evaluator: Evaluator, dispatcher: Dispatcher, engine: sa.Engine) -> None:
    """Evaluate all that is committed and send all that is due: the end of a drain."""
    while not evaluator.run_once().caught_up:
        pass
    dispatcher.hurry()
    waited = time.monotonic()
    while True:
        dispatcher.run_once()
        with engine.connect() as connection:
            left = backlog(connection)
        if not left.waiting or time.monotonic() - waited > 60:
            return
        time.sleep(0.2)
