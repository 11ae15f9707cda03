"""Which partition a key belongs to."""

from kafka.partitioner.default import murmur2


def partition_of(key: bytes, parts: int) -> int:
    """The partition of a key as Java's and kafka-python's default partitioners choose it: murmur2."""
    return int(murmur2(key) & 0x7FFFFFFF) % parts
