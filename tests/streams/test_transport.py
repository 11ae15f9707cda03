"""The records of a fetch in batches are those that aiokafka itself gives, whatever the log holds."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.batches import Packed, chunks, span
from streams.transport import BatchRecords, in_batches

TP = TopicPartition("predictions", 3)
TRANSACTIONAL, CONTROL = 0x10, 0x20
ATTRIBUTES = 21  # where they stand in the header of a batch of format 2
ABORT = struct.pack(">hh", 0, 0)
COMMIT = struct.pack(">hh", 0, 1)


def batch(base: int, keys: list[bytes | None], flags: int = 0, producer: int = -1, codec: int = 0) -> bytes:
    """A record batch as it stands in the log, from offset `base` on; of None compaction has taken the record."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=producer, producer_epoch=0, base_sequence=0,
        batch_size=1 << 16,
    )  # fmt: skip
    for n, key in enumerate(keys):
        if key is None:
            continue
        builder.append(n, timestamp=1_700_000_000_000 + base + n, key=key, value=b"{}", headers=[("h", b"1")] * (n % 2))
    raw = bytearray(builder.build())
    raw[:8] = struct.pack(">q", base)
    (attributes,) = struct.unpack_from(">h", raw, ATTRIBUTES)
    struct.pack_into(">h", raw, ATTRIBUTES, attributes | flags)
    return bytes(raw)


LOG = [
    batch(10, [b"a", b"b", b"c"]),
    batch(13, [b"d"], codec=1),
    batch(14, [b"aborted", b"aborted too"], TRANSACTIONAL, producer=7),
    batch(16, [b"of another"], TRANSACTIONAL, producer=8),
    batch(17, [ABORT], TRANSACTIONAL | CONTROL, producer=7),
    batch(18, [b"committed"], TRANSACTIONAL, producer=7),
    batch(19, [COMMIT], TRANSACTIONAL | CONTROL, producer=7),
    batch(25, [b"after a hole", b"e"]),
    batch(27, [b"f", None, None, b"g"]),
    batch(31, [b"h", b"i"]),
    batch(33, [b"j"]),
]
ENDS = [13, 14, 16, 17, 18, 19, 20, 27, 31, 33, 34]
OFFSETS = [10, 11, 12, 13, 16, 18, 25, 26, 27, 30, 31, 32, 33]


def unpacked(start: int, deserializer: Any, most: int = 4) -> tuple[list[Sequence[Any]], int]:
    """The records from `start` on in chunks, and where the next fetch begins; made by whatever the fetcher makes."""
    fetched = [raw for raw, end in zip(LOG, ENDS, strict=True) if end > start]  # a fetch begins with a whole batch
    wire = b"".join(fetched) + LOG[-1][:-1]  # and may end within one
    given = fetcher.PartitionRecords(
        TP, fetcher.MemoryRecords(wire), [(7, 14)], start, None, deserializer, False, fetcher.READ_COMMITTED
    )
    assert isinstance(given, BatchRecords) == (deserializer is in_batches)
    found = list(given)
    return list(chunks(found, most)) if deserializer is in_batches else [found], given.next_fetch_offset


@pytest.mark.parametrize("most", [1, 2, 3, 4_000])
@pytest.mark.parametrize("start", [10, 11, 13, 14, 15, 17, 19, 20, 26, 27, 28, 31, 34])
def test_in_batches_come_the_records_that_one_by_one_would(start: int, most: int) -> None:
    (ours, ours_next), (theirs, theirs_next) = unpacked(start, in_batches, most), unpacked(start, None)
    seen = [
        [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for chunk in each for r in chunk]
        for each in (ours, theirs)
    ]
    assert seen[0] == seen[1]
    assert [r.offset for chunk in ours for r in chunk] == [n for n in OFFSETS if n >= start]
    assert ours_next == theirs_next == 34
    assert [(len(chunk), span(chunk)) for chunk in ours] == [
        (len(list(chunk)), (chunk[0].offset, chunk[-1].offset + 1)) for chunk in ours
    ]
    assert all(0 < len(chunk) <= most for chunk in ours)


def test_plain_batches_stay_as_they_came() -> None:
    """Two that follow each other go together; others are read by aiokafka's parser at once."""
    ours, _ = unpacked(10, in_batches, 4)
    assert [(*span(chunk), isinstance(chunk, Packed)) for chunk in ours] == [
        (10, 14, True), (16, 19, False), (25, 27, True), (27, 31, False), (31, 34, True)
    ]  # fmt: skip
    assert [chunk.wires() for chunk in ours if isinstance(chunk, Packed)] == [LOG[:2], [LOG[7]], LOG[9:]]


def test_a_length_that_no_batch_has_is_corrupt() -> None:
    broken = bytearray(LOG[0])
    struct.pack_into(">i", broken, 8, 5)
    with pytest.raises(CorruptRecordException, match="says that it is 5 bytes long"):
        list(fetcher.MemoryRecords(bytes(LOG[0] + broken)).batches())
