"""A chunk of records of one topic, decoded to events with their places, and dead letters for what does not decode.

A chunk is nearly always one JSON object a message and readable throughout: then decoding is one pass of msgspec over
the values. Whatever deviates (batches, tombstones, content types, a broken message) is sorted out record by record.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import numpy as np

from monitor.columns import Longs
from monitor.decoding import decoder
from monitor.decoding.faults import ERRORS, Unreadable
from monitor.decoding.mapping import Mapper
from monitor.events import MESSAGE_BYTES, DeadLetter, Reason
from monitor.model_reader import Places

Read = Callable[[Any], Any]
PartitionOf = Callable[[bytes], int]
"""The partition of a key."""
NO_TIMESTAMP = -1


class LogRecord(Protocol):
    """What is read of a record of Kafka; aiokafka's are such, those of its parser too."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class PlainRecord(NamedTuple):
    """A record without headers."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[()] = ()


@dataclass(frozen=True, slots=True)
class PlainRecords:
    """N records without headers, as columns."""

    offsets: Longs
    stamps: Longs
    """Milliseconds."""
    values: list[Any]

    @classmethod
    def of(cls, records: Sequence[LogRecord]) -> Self | None:
        """These records as columns; None if one of them has headers."""
        if any(record.headers for record in records):
            return None
        offsets = np.array([record.offset for record in records], np.int64)
        stamps = np.array([record.timestamp for record in records], np.int64)
        return cls(offsets, stamps, [record.value for record in records])

    def __iter__(self) -> Iterator[LogRecord]:
        return map(PlainRecord, self.offsets.tolist(), self.stamps.tolist(), self.values)


Records = Sequence[LogRecord] | PlainRecords


@dataclass(slots=True)
class Chunk:
    """N events in log order; `raws` are the bytes of each."""

    events: list[Any]
    places: Places
    raws: Sequence[Any]
    letters: list[DeadLetter] = field(default_factory=list)

    def part(self, rows: Longs) -> tuple[list[Any], Places]:
        """Some of the events, and their places."""
        places = self.places
        picked = [self.events[row] for row in rows.tolist()]
        return picked, Places(places.offset[rows], places.index[rows], places.stamp[rows])

    def refuse(self, row: int, model: str, reason: Reason, detail: str) -> None:
        """A decoded event turns out to be none."""
        at = self.places
        offset, index, stamp = int(at.offset[row]), int(at.index[row]), int(at.stamp[row])
        self.letters.append(DeadLetter(offset, index, model, reason, detail, stamp, bytes(self.raws[row])))


class _Named(msgspec.Struct):
    """The little that says whose a broken event is."""

    model: str = ""


class ChunkDecoder:
    """Decodes one topic. `mapper` reads messages of a producer's own form; `models` are the names that are known."""

    def __init__(
        self, wire: type[msgspec.Struct], models: Sequence[str], mapper: Mapper | None, partition_of: PartitionOf | None
    ) -> None:
        self._decode: Read = msgspec.json.Decoder(wire).decode
        self._read = self._decode if mapper is None else _mapped(mapper, self._decode)
        self._named: Callable[[Any], _Named] = msgspec.json.Decoder(_Named).decode
        self._models = models
        self._only = models[0] if mapper is not None else ""
        self._partition_of = partition_of

    def decode(self, records: Records, partition: int | None = None) -> Chunk:
        """The events of the records, with a dead letter for every message or element that is none.

        `partition` is where the records are from; None: ids are not looked at for whether they belong there.
        """
        try:
            plain = records if isinstance(records, PlainRecords) else PlainRecords.of(records)
            if plain is not None:
                return self._all_plain(plain)
        except (*ERRORS, TypeError, _TooLarge):
            pass
        return self._one_by_one(records, partition)

    def _all_plain(self, records: PlainRecords) -> Chunk:
        """The common case; raises as soon as anything is not as common."""
        if max(map(len, records.values), default=0) > MESSAGE_BYTES:
            raise _TooLarge
        events = list(map(self._read, records.values))
        places = Places(records.offsets, np.zeros(len(events), np.int32), records.stamps)
        return Chunk(events, places, records.values)

    def _one_by_one(self, records: Records, partition: int | None) -> Chunk:
        events: list[Any] = []
        raws: list[bytes] = []
        at: list[tuple[int, int, int]] = []
        letters: list[DeadLetter] = []
        for record in records:
            stamp = NO_TIMESTAMP if record.timestamp is None else record.timestamp
            for index, event in enumerate(self._events(record, partition)):
                raw = record.value or b""
                if isinstance(event, Unreadable):
                    raw = raw if event.raw is None else event.raw
                    model = "" if event.reason is Reason.MALFORMED else self._whose(raw)
                    letters.append(DeadLetter(record.offset, index, model, event.reason, event.detail, stamp, raw))
                else:
                    events.append(event)
                    raws.append(raw)
                    at.append((record.offset, index, stamp))
        table = np.array(at, np.int64).reshape(-1, 3)
        places = Places(table[:, 0].copy(), table[:, 1].astype(np.int32), table[:, 2].copy())
        return Chunk(events, places, raws, letters)

    def _events(self, record: LogRecord, partition: int | None) -> list[Any]:
        """The events of one message, with an `Unreadable` for each that is none."""
        raw = record.value
        if raw is None:
            return []
        if not record.headers and len(raw) <= MESSAGE_BYTES:
            try:
                return [self._read(raw)]
            except ERRORS:
                pass  # a batch, or broken: the decoder knows which
        if len(raw) > MESSAGE_BYTES:
            return [Unreadable(Reason.MESSAGE_TOO_LARGE, f"the message is longer than {MESSAGE_BYTES} bytes")]
        found = decoder(record.headers or (), raw)
        if found is None:
            return [Unreadable(Reason.UNKNOWN_CONTENT_TYPE, "no decoder reads the `content-type` of the message")]
        events = found.decode(raw, self._read)
        if partition is not None and len(events) > 1:
            events = [self._placed(event, partition) for event in events]
        return events

    def _placed(self, event: Any, partition: int) -> Any:
        """The event of a batch, if it belongs to the partition of its message."""
        if isinstance(event, Unreadable) or self._partition_of is None:
            return event
        if self._partition_of(event.id.encode()) == partition:
            return event
        detail = "`id` belongs to another partition than its message: it would never meet its other half"
        return Unreadable(Reason.MISPLACED, detail, msgspec.json.encode(event))

    def _whose(self, raw: bytes) -> str:
        """The model that a broken event names, "" if that cannot be read or is not configured."""
        if self._only or len(raw) > MESSAGE_BYTES:
            return self._only
        try:
            model = self._named(raw).model
        except ERRORS:
            return ""
        return model if model in self._models else ""


def _mapped(mapper: Mapper, decode: Read) -> Read:
    """A reader of a producer's own messages: mapped to the contract's form, then read like any other."""

    def read(raw: Any) -> Any:
        return decode(msgspec.json.encode(mapper(msgspec.json.decode(raw))))

    return read


class _TooLarge(Exception):
    """A message is too large: the chunk must be looked at record by record."""
