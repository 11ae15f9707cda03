"""The filter in front of the store: never a false no, seldom a false yes, and it shrinks."""

import numpy as np

from monitor.bloom import FIRST_CAPACITY, Bloom


def words(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 2), dtype=np.uint64)


def test_what_was_added_is_always_found_over_several_generations() -> None:
    bloom, chunks = Bloom(), [words(seed, 50_000) for seed in range(8)]
    for chunk in chunks:
        bloom.add(chunk, due=1)
    assert all(bloom.maybe(chunk).all() for chunk in chunks)
    assert bloom.memory <= 2 * (FIRST_CAPACITY + 4 * FIRST_CAPACITY)


def test_of_absent_keys_about_one_in_a_hundred_is_looked_up_in_vain() -> None:
    bloom = Bloom()
    bloom.add(words(1, FIRST_CAPACITY), due=1)
    assert 0.001 < bloom.maybe(words(2, 100_000)).mean() < 0.02


def test_keys_that_share_a_word_are_all_kept() -> None:
    """A plain `bits[places] |= patterns` would keep only the last of them."""
    same_place = words(3, 64)
    same_place[:, 0] = 5
    bloom = Bloom()
    bloom.add(same_place, due=1)
    assert bloom.maybe(same_place).all()


def test_an_empty_filter_knows_nothing() -> None:
    assert not Bloom().maybe(words(1, 10)).any()


def test_a_generation_goes_when_its_last_key_is_due() -> None:
    bloom, kept = Bloom(), words(1, 10)
    bloom.add(kept, due=100)
    bloom.forget(100)
    assert bloom.maybe(kept).all()
    bloom.forget(101)
    assert not bloom.maybe(kept).any()
