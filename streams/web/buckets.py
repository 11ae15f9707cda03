"""Which keys a canary takes: flagd's rule, so that OFREP and flagd send every key the same way.

    share      floor(h w / 2^32) < canary's weight, h = murmur3_32(CBOR([flag, targeting key])), w the sum of the weights

A key always falls on the same side, and a greater weight only adds keys. Source: flagd's specification of custom
operations (fractional), https://flagd.dev/reference/specifications/custom-operations/fractional-operation-spec; murmur3
by Austin Appleby (public domain).
"""

WEIGHTS = 10_000
"""The sum of the weights: a hundredth of a percent is one."""

_MASK = 0xFFFFFFFF


def weight(percent: float) -> int:
    """The canary's weight, never above what was agreed."""
    return int(percent * WEIGHTS / 100 + 1e-9)


def taken(flag: str, targeting_key: str, of: int) -> bool:
    """Whether the key is among those that a weight of `of` takes."""
    return (murmur3_32(_cbor(flag, targeting_key)) * WEIGHTS) >> 32 < of


def _cbor(*texts: str) -> bytes:
    """An array of texts as canonical CBOR (RFC 8949); up to 23 of them."""
    return bytes([0x80 | len(texts)]) + b"".join(_head(len(raw)) + raw for raw in (text.encode() for text in texts))


def _head(length: int) -> bytes:
    """Major type 3, with the length in as few bytes as it takes."""
    if length < 24:
        return bytes([0x60 | length])
    for code, size in ((0x78, 1), (0x79, 2), (0x7A, 4)):
        if length < 1 << (8 * size):
            return bytes([code]) + length.to_bytes(size, "big")
    raise ValueError("a text of four gigabytes is no key")


def murmur3_32(data: bytes) -> int:
    """MurmurHash3 x86 32, seed 0, unsigned."""
    hashed, whole = 0, len(data) & ~3
    for at in range(0, whole, 4):
        hashed ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        hashed = (hashed << 13 | hashed >> 19) & _MASK
        hashed = (hashed * 5 + 0xE6546B64) & _MASK
    hashed ^= _mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashed = (hashed ^ hashed >> shift) * factor & _MASK
    return hashed ^ hashed >> 16


def _mixed(word: int) -> int:
    word = word * 0xCC9E2D51 & _MASK
    return (word << 15 | word >> 17) * 0x1B873593 & _MASK
