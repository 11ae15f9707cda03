"""Reading ahead, with the real process: what it reads is what the worker itself would have read."""

import asyncio
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import create_autospec

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.types import TP

from monitor.cells import Cells
from monitor.chunk import LogRecord
from monitor.events import MESSAGE_BYTES
from monitor.reader import RETENTION_MS, Read
from monitor.terms import Terms
from streams.batches import Packed, Wire, chunks, span
from streams.hashing import IdHasher
from streams.ledger import Ledger
from streams.reading import BEGINNING, LEAST, SLOT_BYTES, SLOTS, ReadAhead, ReaderGone
from streams.reading_process import Recipe
from streams.session import QualityCells
from streams.stream import Stream
from streams.transport import Fetched
from tests.monitor.records import Record, credit, outcome, prediction, records

PREDICTED, CAME = TP("predictions", 3), TP("outcomes", 3)
PARTS = 8


def stream() -> Stream:
    model = credit()
    terms = Terms(model.join_horizon, model.dedup_horizon, model.max_lateness, model.watermark_delay, model.pane)
    cells, recipe = Cells(), Recipe((model,), IdHasher(bytes(range(32))), RETENTION_MS, PARTS)
    quality = QualityCells((cells.quality("credit"),), cells.quality(""))
    ledger = create_autospec(Ledger, instance=True)
    return Stream(
        "credit", (PREDICTED.topic, CAME.topic), terms, cells, recipe.reader(cells), recipe, ledger, quality, PARTS
    )


def of_every_kind(make: Callable[..., dict[str, Any]], count: int) -> list[Record]:
    """Good events and bad ones, alone and in batches, and messages that hold none."""
    rng = random.Random(5)
    found = []
    for n in range(count):
        event = make(id=f"a{n}")
        raw = records(event)[0].value
        kinds = [raw, raw, raw, b"{", None, b"[]", records([event, make(id=f"b{n}")])[0].value, b"[1]"]
        found.append(Record(100 + n, rng.choice(kinds)))
    return found


async def promised(reading: ReadAhead, tp: TP, found: Sequence[LogRecord]) -> Awaitable[Read | None]:
    """The promise of a chunk, as soon as the process is up."""
    for _ in range(6000):
        if (read := reading.begin(tp, Fetched(span(found)[0], found)).read) is not None:
            return read
        await asyncio.sleep(0.01)
    raise TimeoutError("the process does not start")


def plain(read: Read | None) -> Any:
    """Columns and dead letters, to be compared."""
    assert read is not None
    columns, letters = read
    lists = [(name, getattr(columns, name)) for name in columns.__slots__]
    return type(columns), [(name, c if c is None or isinstance(c, list) else c.tolist()) for name, c in lists], letters


def test_it_reads_as_the_worker_does() -> None:
    async def run() -> None:
        given = stream()
        reading = ReadAhead([given])
        try:
            for count in (LEAST, 3 * LEAST):  # some cells are new to the second
                found = of_every_kind(prediction, count), of_every_kind(outcome, count)
                ahead = [await promised(reading, tp, of) for tp, of in zip((PREDICTED, CAME), found, strict=True)]
                there = [plain(await read) for read in ahead]
                met = given.cells.since(0)
                local = given.reader.of_partition(3)
                assert there == [plain(local.predictions(found[0])), plain(local.outcomes(found[1]))]
                assert given.cells.since(0) == met
                assert len(there[0][2]) > 0
        finally:
            await reading.close()

    asyncio.run(run())


def packed(start: int, found: list[Record]) -> Packed:
    """The same records as Kafka sends them, from offset `start` on, a hundred in a batch."""
    batches = []
    for first in range(0, len(found), 100):
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, 0, 0, 1 << 20)
        for n, record in enumerate(found[first : first + 100]):
            builder.append(n, record.timestamp, None, record.value, list(record.headers))
        batches.append(struct.pack(">q", start + first) + bytes(builder.build())[8:])
    [whole] = chunks(Wire(b"".join(batches)).batches(), len(found))
    assert isinstance(whole, Packed)
    return whole


@pytest.mark.parametrize("headers", [(), (("content-type", b"text/plain"),), (("trace", b"1"),)])
def test_it_reads_whole_batches_as_the_worker_does(headers: tuple[tuple[str, bytes], ...]) -> None:
    async def run() -> None:
        given = stream()
        reading = ReadAhead([given])
        try:
            found = of_every_kind(prediction, 3 * LEAST)
            found[7].headers = headers
            whole = packed(found[0].offset, found)
            ahead = plain(await (await promised(reading, PREDICTED, whole)))
            local = given.reader.of_partition(3)
            assert ahead == plain(local.predictions(found)) == plain(local.predictions(whole))
        finally:
            await reading.close()

    asyncio.run(run())


def test_what_it_leaves_to_the_worker() -> None:
    async def run() -> None:
        reading = ReadAhead([stream()])
        plenty = records(*[prediction(id=f"a{n}") for n in range(LEAST)])
        few = Fetched(0, plenty[:-1])
        try:
            assert reading.begin(PREDICTED, few) is few
            assert reading._task is None, "a worker with little to do starts no process"
            await (await promised(reading, PREDICTED, plenty))
            with_headers = Fetched(0, [*plenty, Record(LEAST, b"{}", headers=[("content-type", b"text/plain")])])
            large = Fetched(
                0, [*plenty, *(Record(LEAST + n, bytes(MESSAGE_BYTES)) for n in range(SLOT_BYTES // MESSAGE_BYTES))]
            )
            elsewhere = Fetched(0, plenty)
            assert reading.begin(PREDICTED, with_headers) is with_headers
            assert reading.begin(PREDICTED, large) is large
            assert reading.begin(TP("dead-letters", 0), elsewhere) is elsewhere
            begun = [reading.begin(PREDICTED, Fetched(0, plenty)).read for _ in range(SLOTS + 4)]
            assert [read is None for read in begun] == [False] * SLOTS + [True] * 4, "there are so many slots"
            assert {len(plain(await read)[1][0][1]) for read in begun if read is not None} == {LEAST}
        finally:
            await reading.close()

    asyncio.run(run())


def test_an_answer_that_does_not_fit_is_read_by_the_worker() -> None:
    """A message that holds many short elements, none of them an event: each becomes a dead letter with the whole message."""

    async def run() -> None:
        given = stream()
        reading = ReadAhead([given])
        many = b"[" + b",".join([b"1"] * 250) + b"]"
        try:
            await (await promised(reading, PREDICTED, records(*[prediction(id=f"a{n}") for n in range(LEAST)])))
            new = records(*[prediction(id=f"b{n}", version="2") for n in range(LEAST)])
            read = reading.begin(PREDICTED, Fetched(0, [*new, *(Record(LEAST + n, many) for n in range(LEAST))])).read
            assert read is not None
            assert await read is None
            again = reading.begin(PREDICTED, Fetched(0, new)).read
            assert again is not None
            await again
            assert "2" in {cell.version for cell in given.cells.since(0)}, "though nobody has read the first of the two"
        finally:
            await reading.close()

    asyncio.run(run())


def test_its_end_ends_the_worker() -> None:
    async def run() -> None:
        reading = ReadAhead([stream()])
        plenty = records(*[prediction(id=f"a{n}") for n in range(LEAST)])
        await (await promised(reading, PREDICTED, plenty))
        assert reading._ready is not None
        child = reading._ready.process
        child.kill()
        with pytest.raises(ReaderGone, match="ended by itself: it was killed"):
            await reading.failed
        await reading.close()
        assert child.returncode == -9

    asyncio.run(run())


def test_closing_ends_it() -> None:
    async def run() -> None:
        reading = ReadAhead([stream()])
        await reading.close()
        await promised(reading, PREDICTED, records(*[prediction(id=f"a{n}") for n in range(LEAST)]))
        assert reading._ready is not None
        child = reading._ready.process
        await reading.close()
        assert child.returncode == 0

    asyncio.run(run())


def test_of_a_worker_that_is_killed_at_once_it_says_nothing() -> None:
    with tempfile.TemporaryFile() as shared:
        shared.truncate(SLOT_BYTES)
        words = [sys.executable, "-c", BEGINNING, str(shared.fileno()), str(SLOT_BYTES)]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, pass_fds=(shared.fileno(),), capture_output=True, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
