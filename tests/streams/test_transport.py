"""The records of a fetch in batches are those that aiokafka itself gives, whatever the log holds."""

import struct
from itertools import chain
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.transport import BatchRecords, in_batches

TP = TopicPartition("predictions", 3)
TRANSACTIONAL, CONTROL = 0x10, 0x20
ATTRIBUTES = 21  # where they stand in the header of a batch of format 2
ABORT = struct.pack(">hh", 0, 0)
COMMIT = struct.pack(">hh", 0, 1)


def batch(base: int, keys: list[bytes], flags: int = 0, producer: int = -1, codec: int = 0) -> bytes:
    """A record batch as it stands in the log, from offset `base` on."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=producer, producer_epoch=0, base_sequence=0,
        batch_size=1 << 16,
    )  # fmt: skip
    for n, key in enumerate(keys):
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
]
ENDS = [13, 14, 16, 17, 18, 19, 20, 27]


def unpacked(start: int, deserializer: Any) -> tuple[list[Any], int]:
    """The records from `start` on, and where the next fetch begins; made by whatever the fetcher makes."""
    fetched = [raw for raw, end in zip(LOG, ENDS, strict=True) if end > start]  # a fetch begins with a whole batch
    given = fetcher.PartitionRecords(
        TP, MemoryRecords(b"".join(fetched)), [(7, 14)], start, None, deserializer, False, fetcher.READ_COMMITTED
    )
    assert isinstance(given, BatchRecords) == (deserializer is in_batches)
    found = list(given)
    return list(chain.from_iterable(found)) if deserializer is in_batches else found, given.next_fetch_offset


@pytest.mark.parametrize("start", [10, 11, 13, 14, 15, 17, 19, 20, 26, 27])
def test_in_batches_come_the_records_that_one_by_one_would(start: int) -> None:
    (ours, ours_next), (theirs, theirs_next) = unpacked(start, in_batches), unpacked(start, None)
    seen = [[(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in each] for each in (ours, theirs)]
    assert seen[0] == seen[1]
    assert [r.offset for r in ours] == [n for n in (10, 11, 12, 13, 16, 18, 25, 26) if n >= start]
    assert ours_next == theirs_next == 27
