"""The process that reads ahead for a worker (`reading.py`): it takes records out of shared memory and leaves columns there.

It knows the configuration of the streams and the key of the ids' hashes, which come through its standard input. It unpacks
Kafka's batches, and talks neither to Kafka nor to Postgres.
"""

import mmap
import os
import pickle
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO

from monitor.cells import Cell, Cells
from monitor.chunk import PlainRecords, Records
from monitor.config import ModelConfig
from monitor.reader import Read, Reader
from monitor.terms import PREDICTIONS
from streams.batches import unpacked
from streams.hashing import IdHasher
from streams.heap import spare_the_collector
from streams.partitions import partition_of

PLACE = struct.Struct("<ii")
"""A slot of the shared memory, and how many of its bytes are used. None: there is no room for the answer."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the reader of a stream is made of. Panes are kept for `retention` ms."""

    models: tuple[ModelConfig, ...]
    hasher: IdHasher
    retention: int
    parts: int

    def reader(self, cells: Cells) -> Reader:
        """A reader that notes in `cells` the cells that it meets."""
        of = partial(partition_of, parts=self.parts)
        return Reader(self.models, self.hasher.hash_ids, cells, self.retention, of)


@dataclass(frozen=True, slots=True)
class Request:
    """Records of one partition of a stream, which is given by its place in the list of recipes."""

    stream: int
    topic: int
    partition: int
    records: PlainRecords | list[bytes]
    """As columns, or as whole batches."""

    def unpacked(self) -> Records:
        """The records themselves."""
        return unpacked(self.records) if isinstance(self.records, list) else self.records


@dataclass(frozen=True, slots=True)
class Answer:
    """What they held, and the cells that no earlier answer has told of."""

    read: Read
    cells: list[Cell]


class _Answering:
    """A stream's reader, and how many of its cells were told."""

    def __init__(self, recipe: Recipe) -> None:
        self._cells, self._told = Cells(), 0
        self._reader = recipe.reader(self._cells)

    def answer(self, request: Request) -> Answer:
        read = self._reader.predictions if request.topic == PREDICTIONS else self._reader.outcomes
        found = read(request.unpacked(), request.partition)
        return Answer(found, self._cells.since(self._told))

    def told(self) -> None:
        """The last answer went over. One that does not fit tells of no cell: the worker may never read that chunk itself."""
        self._told = len(self._cells)


def serve(asked: IO[bytes], told: IO[bytes], memory: mmap.mmap, slot_bytes: int) -> None:
    """Answer until the pipe is closed."""
    streams = [_Answering(recipe) for recipe in pickle.load(asked)]  # noqa: S301 - the worker wrote it
    spare_the_collector()
    told.write(PLACE.pack(-1, 0))
    told.flush()
    while len(place := asked.read(PLACE.size)) == PLACE.size:
        slot, used = PLACE.unpack(place)
        begin = slot * slot_bytes
        request: Request = pickle.loads(memory[begin : begin + used])  # noqa: S301 - likewise
        answering = streams[request.stream]
        answer = pickle.dumps(answering.answer(request), 5)
        fits = len(answer) <= slot_bytes
        if fits:
            memory[begin : begin + len(answer)] = answer
            answering.told()
        told.write(PLACE.pack(slot, len(answer) if fits else 0))
        told.flush()


def main() -> None:
    """Serve on standard input and output. Arguments: the descriptor of the memory, the size of a slot in bytes.

    Signals to the whole group (Ctrl-C, a supervisor's SIGTERM) are the worker's to obey: it closes the pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    shared, slot_bytes = map(int, sys.argv[1:])
    memory = mmap.mmap(shared, os.fstat(shared).st_size)
    with suppress(BrokenPipeError, EOFError):  # the worker was killed, perhaps before it said what to read
        serve(sys.stdin.buffer, sys.stdout.buffer, memory, slot_bytes)
    os._exit(0)  # nothing is left to write, and nobody to read it
