"""The hashes of ids: known answers, independence of chunking, nothing revealed."""

import pytest

from streams.hashing import HASH_BYTES, IdHasher, _hashes

KEY = bytes(range(32))
MASK = 2**64 - 1


def mixed(word: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014), in plain integers."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


@pytest.mark.parametrize(
    ("text", "vector"),
    [("", "310e0edd47db6f72"), ("\x00", "fd67dc93c539f874"), ("\x00\x01", "5a4fa9d909806c0d")],
)
def test_the_authors_vectors(text: str, vector: str) -> None:
    """vectors_sip64 of the reference implementation, key 00 01 ... 0f, message 00 01 ..."""
    expected = mixed(int.from_bytes(bytes.fromhex(vector), "little"))
    assert _hashes([text], "".join(map(chr, range(16)))).tolist() == [expected]


def test_a_hash_does_not_depend_on_its_chunk() -> None:
    ids = [f"client-{n}" + "é" * (n % 5) + "\x00" * (n % 3) for n in range(300)]
    hasher = IdHasher(KEY)
    together = hasher.hash_ids("credit", ids)
    assert together == [hasher.hash("credit", id) for id in ids]
    assert together == IdHasher(KEY).hash_ids("credit", ids)
    assert len(set(together)) == 300
    assert {len(hash) for hash in together} == {HASH_BYTES}


def test_models_and_keys_have_hashes_of_their_own() -> None:
    hasher = IdHasher(KEY)
    hashes = {hasher.hash("a", "1"), hasher.hash("b", "1"), IdHasher(bytes(32)).hash("a", "1")}
    assert len(hashes) == 3


def test_no_ids_no_hashes() -> None:
    assert IdHasher(KEY).hash_ids("a", []) == []


def test_a_key_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        IdHasher(b"short")


def test_the_key_is_not_shown() -> None:
    assert repr(IdHasher(b"K" * 32)) == "IdHasher(<key>)"
