"""Batches of records as Kafka sends them, unpacked where somebody looks: here, or in the process that reads ahead.

A fetch brings whole batches. Their headers say which offsets they hold; of a plain one (version 2, no transaction, no hole)
that is all the worker has to know before its turn comes. Unpacking a record costs about as much as decoding its JSON.

Source: Kafka's protocol guide, "Record batch": https://kafka.apache.org/documentation/#recordbatch
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, overload

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from monitor.chunk import LogRecord

_LENGTH = struct.Struct(">8xi")
"""After the base offset: how many bytes follow."""
_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader's epoch, version, checksum, attributes, last offset's distance, base and greatest timestamp,
producer, its epoch, base sequence, number of records."""
_SHORTEST = 14
"""Bytes that follow the length in the shortest record of any version."""
_TRANSACTION_OR_CONTROL = 0x10 | 0x20


class WireBatch(NamedTuple):
    """One batch: its bytes, and the offsets that it holds from `start` to before `end` if it is plain."""

    wire: memoryview
    start: int = 0
    end: int = 0

    @property
    def plain(self) -> bool:
        """Whether it holds a record at each of its offsets, outside of transactions."""
        return self.end > self.start

    def unpacked(self) -> Any:
        """aiokafka's batch."""
        return MemoryRecords(bytes(self.wire)).next_batch()


class Wire(MemoryRecords):  # type: ignore[misc]
    """aiokafka's view of what a fetch brought of a partition, which keeps the bytes."""

    def __init__(self, wire: bytes) -> None:
        super().__init__(wire)
        self._wire = memoryview(wire)

    def batches(self) -> Iterator[WireBatch]:
        """All whole batches; a fetch may end within one.

        Raises:
            CorruptRecordException: a length that no batch has.
        """
        at = 0
        while len(self._wire) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._wire, at)
            if length < _SHORTEST:
                raise CorruptRecordException(f"a batch of records says that it is {length} bytes long")
            begin, at = at, at + _LENGTH.size + length
            if at > len(self._wire):
                return
            yield _batch(self._wire[begin:at])


class Packed(Sequence[LogRecord]):
    """The records of one or more plain batches, which hold each offset from `start` to before `end`."""

    __slots__ = ("_records", "_wires", "end", "start")

    def __init__(self, batches: Sequence[WireBatch]) -> None:
        self.start, self.end = batches[0].start, batches[-1].end
        self._wires = [batch.wire for batch in batches]
        self._records: list[LogRecord] | None = None

    def wires(self) -> list[bytes]:
        """The bytes of each batch, for `unpacked`."""
        return [bytes(wire) for wire in self._wires]

    def __len__(self) -> int:
        return self.end - self.start

    @overload
    def __getitem__(self, at: int) -> LogRecord: ...
    @overload
    def __getitem__(self, at: slice) -> list[LogRecord]: ...
    def __getitem__(self, at: int | slice) -> LogRecord | list[LogRecord]:
        return self._all()[at]

    def __iter__(self) -> Iterator[LogRecord]:
        return iter(self._all())

    def _all(self) -> list[LogRecord]:
        if self._records is None:
            self._records = unpacked(self.wires())
        return self._records


def unpacked(wires: Iterable[bytes]) -> list[LogRecord]:
    """The records of these batches."""
    return list(chain.from_iterable(MemoryRecords(wire).next_batch() for wire in wires))


def span(records: Sequence[LogRecord]) -> tuple[int, int]:
    """Offsets of the first record, and after the last. There must be one."""
    if isinstance(records, Packed):
        return records.start, records.end
    return records[0].offset, records[-1].offset + 1


Piece = WireBatch | list[LogRecord]
"""Of what a fetch brought: a plain batch, or the records of another."""


def chunks(pieces: Iterable[Piece], most: int) -> Iterator[Sequence[LogRecord]]:
    """The records of the pieces in order, at most `most` at a time; as many whole batches together as that allows."""
    packed: list[WireBatch] = []
    loose: list[LogRecord] = []
    for piece in pieces:
        if isinstance(piece, WireBatch) and piece.end - piece.start <= most:
            yield from _cut(loose, most)
            loose = []
            if packed and (packed[-1].end != piece.start or piece.end - packed[0].start > most):
                yield Packed(packed)
                packed = []
            packed.append(piece)
        else:
            if packed:
                yield Packed(packed)
                packed = []
            loose += unpacked([bytes(piece.wire)]) if isinstance(piece, WireBatch) else piece
    if packed:
        yield Packed(packed)
    yield from _cut(loose, most)


def _cut(records: list[LogRecord], most: int) -> Iterator[list[LogRecord]]:
    for begin in range(0, len(records), most):
        yield records[begin : begin + most]


def _batch(wire: memoryview) -> WireBatch:
    if len(wire) < _HEADER.size:
        return WireBatch(wire)
    base, _, _, version, _, attributes, distance, _, _, _, _, _, count = _HEADER.unpack_from(wire)
    if version != 2 or attributes & _TRANSACTION_OR_CONTROL or count != distance + 1:
        return WireBatch(wire)
    return WireBatch(wire, base, base + count)
