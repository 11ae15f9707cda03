"""Keyed hashes that stand for the ids of people in the join store: 128 bits of SipHash-2-4, a whole column at a time.

Without the key, which lives in the database, a hash says nothing about its id and cannot be recomputed from a list of
candidates. The keys of a model are derived from the project's key, so that equal ids of two models have unrelated hashes.

Why pandas (2026-11): `hashlib` takes .85 us an id, mostly to make objects; `pandas.util.hash_array` is SipHash-2-4 in C over a
column (.1 us an id), followed by a bijection (splitmix64's mixer), which takes nothing from it. Its 64 bits are too few
for ten million ids, so there are two of them under two keys. The values are known answers of the algorithm's authors, checked whenever a
hasher is made: a pandas that hashed differently would no longer recognise what is stored. Source: Aumasson and
Bernstein, SipHash: a fast short-input PRF (2012).
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

from streams.errors import StreamsError

KEY_BYTES = 32
HASH_BYTES = 16

_ANSWER = bytes.fromhex("60312204b58dde57")
"""Of the empty text under the key 00, 01, ..., 0f: the authors' 310e0edd47db6f72, mixed."""

Keys = tuple[str, str]


class HashChanged(StreamsError):
    """The installed pandas hashes differently: install a version that the constraints allow."""


class IdHasher:
    """Hashes ids under one key. The same key, model and id give the same 16 bytes on every machine.

    Raises ValueError if the key has not `KEY_BYTES`, HashChanged if the library no longer gives the known answer.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of id hashes has {KEY_BYTES} bytes, not {len(key)}")
        if _hashes([""], "".join(map(chr, range(16)))).tobytes() != _ANSWER:
            raise HashChanged(
                "pandas.util.hash_array no longer gives the known answer of SipHash-2-4: stored ids would be lost"
            )
        self._key = key
        self._of_model: dict[str, Keys] = {}

    def __repr__(self) -> str:
        return "IdHasher(<key>)"

    def hash(self, model: str, id: str) -> bytes:
        """The hash of one id."""
        return self.hash_ids(model, [id])[0]

    def hash_ids(self, model: str, ids: Sequence[str]) -> list[bytes]:
        """The hashes of ids of one model, in order."""
        keys = self._of_model.get(model)
        if keys is None:
            keys = self._of_model[model] = self._derived(model)
        halves = np.empty((len(ids), 2), "<u8")
        for half, key in enumerate(keys):
            halves[:, half] = _hashes(ids, key)
        hashes: list[bytes] = halves.view("V16").ravel().tolist()
        return hashes

    def _derived(self, model: str) -> Keys:
        """Two keys of 16 ASCII characters (112 bits each), which is the form that pandas takes."""
        secret = hashlib.blake2b(model.encode(), key=self._key, digest_size=32, person=b"fairdrift ids").digest()
        text = "".join(chr(byte & 0x7F) for byte in secret)
        return text[:16], text[16:]


def _hashes(ids: Sequence[str], key: str) -> NDArray[np.uint64]:
    column = np.empty(len(ids), object)
    column[:] = ids
    hashes: NDArray[np.uint64] = hash_array(column, hash_key=key, categorize=False)
    return hashes
