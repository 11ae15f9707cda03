"""Faust's aiokafka transport, delivering the records of one fetch as one chunk, each with where it began.

Faust as shipped spends a task pair per message; with one message per chunk the same agents are over ten times as fast.
Besides: partitions are assigned by range, so that partition p of both topics comes to the same worker (Faust without tables
would use round-robin, which does not); aborted transactions are not read; and a seek goes to where Postgres stands.

Every chunk carries the offset at which its fetch began. Whatever the layers in between drop (Faust discards what arrives
during a rebalance, silently), the next chunk then does not begin where the last one ended, and the session notices.

In each new assignment aiokafka begins to read at Kafka's committed offsets, until it is told where to read on. What it brings
before that is dropped here, or records that another worker counted meanwhile would seem to be a hole of the log.

This file stands on private calls of Faust and aiokafka. Both are pinned exactly, and a test against a real broker fails when
an upgrade breaks it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiokafka
import faust
from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from monitor.chunk import LogRecord
from monitor.reader import Read
from streams.batches import Piece, Wire, chunks, span

Reassign = Callable[[set[TP], int], Awaitable[Mapping[TP, int]]]
"""Takes the new assignment and its group generation; returns where to read on."""

Begin = Callable[[TP, "Fetched"], "Fetched"]
"""Is shown every chunk as soon as it is here, before its turn comes."""

CHUNK = 4_000
"""Records in a chunk at most: some milliseconds of work, so that the loop stays responsive."""

FETCH_BYTES = 2 << 20
FETCH_WAIT_MS = 250


class Fetched(NamedTuple):
    """What one fetch brought of a partition: everything that the log holds from `start` to before the end of `records`."""

    start: int
    records: Sequence[LogRecord]
    read: Awaitable[Read | None] | None = None
    """What the records hold, where that is read ahead; it gives None where it is to be read here after all."""


def in_batches(value: bytes | None) -> bytes | None:
    """Named as the `value_deserializer` of a consumer, it asks for `BatchRecords`; it is never called."""
    return value


class BatchRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a fetch, a piece for each batch: plain batches as they came, others as aiokafka's parser reads them.

    So no `ConsumerRecord` is made for each, by a generator, one at a time.
    """

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Piece]:
        for given in self._records.batches():
            if given.plain and given.start >= self.next_fetch_offset:
                self.next_fetch_offset = given.end
                yield given
                continue
            batch = given.unpacked()
            aborted = batch.producer_id is not None and self._is_aborted(batch)
            if not (aborted or batch.is_control_batch):
                found = list(batch)
                if found and found[0].offset < self.next_fetch_offset:  # a fetch brings the whole of its first batch
                    found = [record for record in found if record.offset >= self.next_fetch_offset]
                if found:
                    self.next_fetch_offset = found[-1].offset + 1
                    yield found
            self.next_fetch_offset = batch.next_offset

    def _is_aborted(self, batch: Any) -> bool:
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborted_producers)


def _install(plain: type[fetcher.PartitionRecords]) -> None:
    """aiokafka's fetcher makes `BatchRecords` for the consumers that ask for them, and for all others what it did."""

    def records_of(*given: Any) -> Any:
        return BatchRecords(*given) if in_batches in given else plain(*given)

    fetcher.PartitionRecords, fetcher.MemoryRecords = records_of, Wire


_install(fetcher.PartitionRecords)


@dataclass(slots=True)
class _Reading:
    """Up to where a partition was taken since it was told where to read on."""

    state: Any
    """aiokafka's state of the partition, of which each assignment makes a new one."""
    offset: int


class ChunkThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker. `_readings` change in it only, in the order in which things really happen."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._readings: dict[TP, _Reading] = {}

    def _reading(self, tp: TP) -> _Reading | None:
        """None in an assignment in which the partition was not told yet where to read on."""
        found = self._readings.get(tp)
        return found if found is not None and found.state is self._state(tp) else None

    def _state(self, tp: TP) -> Any:
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(TopicPartition(tp.topic, tp.partition))

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            check_crcs=False,
            value_deserializer=in_batches,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> Any:
        """Partition -> a list of `Fetched`."""
        fetch = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        fetched: dict[TP, list[Fetched]] = {}
        for tp, pieces in fetch.items():  # no await from here on: nothing comes between the fetch and the note of it
            key = TP(tp.topic, tp.partition)
            if (reading := self._reading(key)) is not None:
                for records in chunks(pieces, CHUNK):
                    fetched.setdefault(key, []).append(Fetched(reading.offset, records))
                    reading.offset = span(records)[1]
        return fetched

    def fetched_end(self, tp: TP) -> int | None:
        """Where the log ended at the last fetch of a partition that was told where to read on; None if there was none."""
        reading = self._reading(tp)
        end: int | None = None if reading is None else reading.state.highwater
        return end

    async def passed(self, tp: TP, at: int) -> int:
        """Up to where the log was read and held nothing from `at` on: markers of transactions, what compaction or retention took.

        `at` itself, unless everything that was fetched before it has been taken.
        """
        end: int = await self.call_thread(self._passed, tp, at)
        return end

    async def _passed(self, tp: TP, at: int) -> int:
        reading = self._reading(tp)
        if reading is None or reading.offset != at:
            return at
        if reading.state.has_valid_position and reading.state.position > at:
            reading.offset = reading.state.position
        return reading.offset

    async def tell(self, offsets: Mapping[TP, int]) -> None:
        """Write Kafka's committed offsets, for tools that show lag; nothing here ever reads them."""
        await self.call_thread(self._tell, offsets)

    async def _tell(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        mine = consumer.assignment()
        told = {TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        with suppress(KafkaError):
            await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in told.items() if tp in mine})

    async def read_from(self, offsets: Mapping[TP, int]) -> None:
        """Seek, in this thread."""
        await self.call_thread(self._read_from, offsets)

    async def _read_from(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            state = self._state(tp)
            if state is not None:  # else another assignment has come, and whoever owns it then says so
                consumer.seek(TopicPartition(tp.topic, tp.partition), offset)
                self._readings[tp] = _Reading(state, offset)


class ChunkConsumer(driver.Consumer):
    """Faust's consumer with one message per partition and chunk; its value is a `Fetched`."""

    app: Any
    _thread: ChunkThread

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Called at the end of every assignment: read on where Postgres stands (Kafka's own offsets tell nothing)."""
        assignment = set(self.assignment())
        offsets = await self.app.reassign(assignment, self.app.consumer_generation_id)
        await self.read_from(offsets)

    def pause(self, tp: TP, *, pause: bool) -> None:
        """Stop or go on fetching a partition."""
        if pause:
            self.pause_partitions({tp})
        elif tp in self._paused_partitions:
            self.resume_partitions({tp})

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Where the logs end. Of what is read here the last fetch knows too, and Tansu's list of offsets lags behind it."""
        return {tp: max(end, self.fetched_end(tp) or 0) for tp, end in (await self.highwaters(*tps)).items()}

    def fetched_end(self, tp: TP) -> int | None:
        """Where the log ended at the last fetch; None if there was none."""
        return self._thread.fetched_end(tp)

    async def passed(self, tp: TP, at: int) -> int:
        """Up to where the log was read and held nothing from `at` on."""
        return await self._thread.passed(tp, at)

    async def tell(self, offsets: Mapping[TP, int]) -> None:
        """Tell Kafka how far is counted, for tools that show lag."""
        await self._thread.tell(offsets)

    async def read_from(self, offsets: Mapping[TP, int]) -> None:
        """Go on reading at these offsets."""
        await self._thread.read_from(offsets)
        for tp in offsets:
            self._read_offset[tp] = None

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """The chunks of the next fetch."""
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        taken = {tp: found for tp, found in (fetched or {}).items() if active is None or tp in active}
        begun = [(tp, self.app.begin(tp, chunk)) for tp, found in taken.items() for chunk in found]
        for tp, chunk in begun:
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return
            yield tp, _message(tp, chunk, generation)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust's own book of acknowledged offsets is not used."""

    async def verify_all_partitions_active(self) -> None:
        """Faust's livelock detector looks at its own offsets and only logs: see `health.py` for ours."""


def _message(tp: TP, chunk: Any, generation: int) -> ConsumerMessage:
    """Faust's message expects bytes and hands on what it is given. Its timestamp is for windowed tables: there are none."""
    return ConsumerMessage(
        tp.topic, tp.partition, span(chunk.records)[1] - 1, 0.0, 0, [], None, chunk, None,
        0, 0, tp, generation_id=generation,
    )  # fmt: skip


class ChunkTransport(driver.Transport):
    """Faust's transport with `ChunkConsumer`."""

    Consumer = ChunkConsumer


class Passthrough(faust.Codec):
    """Hands the chunk on as it is."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s
