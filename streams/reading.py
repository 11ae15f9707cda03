"""Reading ahead: full chunks become columns in a process of their own, while the worker joins and counts the one before.

Python's lock lets one thread of a process work at a time, and reading is a good part of what the worker does for an event.
What is read is a function of the records and the configuration alone, so it does not matter which process does it: a chunk that
is small or finds no free slot is read by the worker when its turn comes, and nobody can tell. Plain batches go over as they came
from Kafka (`batches.py`), so that they are unpacked there too.

Requests and answers lie in memory that both processes see, cut into slots; through the pipes goes only which slot, and how
much of it. The process ends when its pipe closes, however the worker ended. If it ends by itself, so does the worker.
"""

import asyncio
import mmap
import os
import pickle
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from faust.types import TP

from monitor.chunk import PlainRecords
from monitor.reader import Read
from streams.batches import Packed
from streams.errors import StreamsError
from streams.reading_process import PLACE, Answer, Request
from streams.stream import Stream
from streams.transport import Fetched

LEAST = 500
"""A chunk of fewer records is read by the worker at once: it is not short of time then."""
SLOTS = 12
SLOT_BYTES = 8 << 20
ENDING_SECONDS = 5.0
BEGINNING = "from streams.heap import spare_arrow; spare_arrow(); from streams.reading_process import main; main()"

Promise = asyncio.Future[Read | None]
"""What a chunk held; None: it is to be read again, here."""


class ReaderGone(StreamsError):
    """The process that reads ahead has ended by itself; the worker is to be started again."""


@dataclass(slots=True)
class _Process:
    """The process, the memory it shares with us, and which promise waits for which slot."""

    process: asyncio.subprocess.Process
    memory: mmap.mmap
    free: list[int] = field(default_factory=lambda: list(range(SLOTS)))
    promised: dict[int, tuple[Stream, Promise]] = field(default_factory=dict)

    def ask(self, stream: Stream, request: bytes) -> Promise:
        """Have a request answered. One slot must be free."""
        promise: Promise = asyncio.get_running_loop().create_future()
        slot = self.free.pop()
        begin = slot * SLOT_BYTES
        self.memory[begin : begin + len(request)] = request
        self.promised[slot] = stream, promise
        self.write(PLACE.pack(slot, len(request)))
        return promise

    def write(self, words: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words)

    async def answered(self) -> tuple[int, int]:
        """Slot and bytes of the next answer."""
        assert self.process.stdout is not None
        slot, used = PLACE.unpack(await self.process.stdout.readexactly(PLACE.size))
        return slot, used

    async def keep_promise(self) -> None:
        """Take the next answer."""
        slot, used = await self.answered()
        stream, promise = self.promised.pop(slot)
        begin = slot * SLOT_BYTES
        answer: Answer | None = pickle.loads(self.memory[begin : begin + used]) if used else None  # noqa: S301 - our own process wrote it
        self.free.append(slot)
        if answer is not None:
            stream.cells.add(answer.cells)
        if not promise.done():
            promise.set_result(answer.read if answer is not None else None)

    async def end(self) -> None:
        """Break what is promised, close the pipe and wait; a process that does not end is killed."""
        for _, promise in self.promised.values():
            promise.cancel()
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), ENDING_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class ReadAhead:
    """The process that reads for this worker. The first full chunk starts it, so a worker with little to do has none."""

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._streams = list(streams)
        self._by_topic = {name: (n, topic) for n, s in enumerate(self._streams) for topic, name in enumerate(s.topics)}
        self._ready: _Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, tp: TP, fetched: Fetched) -> Fetched:
        """The same chunk; where that is of use, with the promise of what it holds."""
        if len(fetched.records) < LEAST or tp.topic not in self._by_topic:
            return fetched
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        if self._ready is None or not self._ready.free:
            return fetched
        records = fetched.records.wires() if isinstance(fetched.records, Packed) else PlainRecords.of(fetched.records)
        if records is None:
            return fetched
        number, topic = self._by_topic[tp.topic]
        request = pickle.dumps(Request(number, topic, tp.partition, records), 5)
        if len(request) > SLOT_BYTES:
            return fetched
        return fetched._replace(read=self._ready.ask(self._streams[number], request))

    async def close(self) -> None:
        """End the process."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        try:
            process = await _started()
            try:
                with suppress(asyncio.IncompleteReadError, ConnectionError):
                    await self._serve(process)
            finally:
                self._ready = None
                await process.end()
            self.failed.set_exception(ReaderGone(_farewell(process.process.returncode)))
        except Exception as error:  # noqa: BLE001 - it ends the worker, through `failed`
            self.failed.set_exception(error)

    async def _serve(self, process: _Process) -> None:
        process.write(pickle.dumps([stream.recipe for stream in self._streams], 5))
        await process.answered()  # it is ready
        self._ready = process
        while True:
            await process.keep_promise()


def _farewell(code: int | None) -> str:
    why = (
        "it was killed, perhaps for want of memory"
        if code == -signal.SIGKILL
        else f"exit code {code}, and what it said is above"
    )
    return f"the process that reads ahead has ended by itself: {why}"


async def _started() -> _Process:
    shared = _shared_memory(SLOTS * SLOT_BYTES)
    try:
        words = [sys.executable, "-c", BEGINNING, str(shared), str(SLOT_BYTES)]
        child = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, pass_fds=(shared,))
        return _Process(child, mmap.mmap(shared, SLOTS * SLOT_BYTES))
    finally:
        os.close(shared)


def _shared_memory(size: int) -> int:
    """A descriptor of memory that is gone once nobody has it open. Where there is none such, an unlinked file."""
    if hasattr(os, "memfd_create"):
        shared = os.memfd_create("fairdrift-reading")
    else:
        with tempfile.TemporaryFile() as file:
            shared = os.dup(file.fileno())
    os.ftruncate(shared, size)
    return shared
