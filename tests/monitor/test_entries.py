"""Packed entries: the two descriptions of their bytes agree, and what lives is decided by both clocks."""

import dataclasses

import numpy as np
import pytest

from monitor.entries import DTYPES, KEPT, MATCHED, OUTCOME, PREDICTION, UNWEIGHED, forget_at, live, spent
from monitor.slow import FORMATS, KINDS
from monitor.terms import OUTCOMES, PREDICTIONS, TOPICS, Terms

TERMS = Terms(horizon=100, memory=20, lateness=10, delay=1, pane=5)


@pytest.mark.parametrize("topic", TOPICS)
def test_struct_and_numpy_describe_the_same_bytes(topic: int) -> None:
    names = [field.name for field in dataclasses.fields(KINDS[topic])]
    assert list(DTYPES[topic].names or ()) == names
    values = [number % 100 + 1 for number in range(len(names))]
    entry = np.zeros(1, DTYPES[topic])
    for name, value in zip(names, values, strict=True):
        entry[name] = value
    assert entry.tobytes() == FORMATS[topic].pack(*values)


def prediction(time: int, flags: int, seen: int | None = None) -> np.ndarray:
    entry = np.zeros(1, PREDICTION)
    entry["time"], entry["seen"], entry["flags"] = time, time if seen is None else seen, flags
    return entry


@pytest.mark.parametrize(
    ("flags", "clocks", "lives"),
    [
        (KEPT, (1000, 1110), True),  # waits until the outcomes' clock passes 1000 + 100 + 10
        (KEPT, (1020, 1111), True),  # waits no more, but may still unmask a duplicate: 1000 + 20
        (KEPT, (1021, 1110), True),
        (KEPT, (1021, 1111), False),
        (KEPT | MATCHED, (1020, 1000), True),
        (KEPT | MATCHED, (1021, 1000), False),
    ],
)
def test_a_prediction_lives_as_long_as_a_partner_or_a_duplicate_may_come(
    flags: int, clocks: tuple[int, int], lives: bool
) -> None:
    assert live(PREDICTIONS, prediction(1000, flags), clocks, TERMS).tolist() == [lives]


def test_a_side_is_spent_when_none_of_its_entries_lives() -> None:
    old, new = (prediction(time, KEPT).tobytes() for time in (1000, 1010))
    assert spent(PREDICTIONS, [old, old + new, new, old + old], (1100, 1115), TERMS).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert spent(PREDICTIONS, [], (0, 0), TERMS).tolist() == []


def test_due_is_when_both_clocks_have_passed_everything() -> None:
    """Unmatched: max(1000 + 20, 1000 + 100 + 10); matched: 1000 + 20; an outcome: max(1000 + 20, 1000 + 2 * 10)."""
    assert forget_at(PREDICTIONS, prediction(1000, KEPT), TERMS).tolist() == [1110]
    assert forget_at(PREDICTIONS, prediction(1000, KEPT | MATCHED), TERMS).tolist() == [1020]
    outcome = np.zeros(1, OUTCOME)
    outcome["time"], outcome["seen"], outcome["flags"] = 1000, 1005, KEPT
    assert forget_at(OUTCOMES, outcome, TERMS).tolist() == [1025]


def test_nothing_is_live_when_due() -> None:
    rng = np.random.default_rng(1)
    for topic in TOPICS:
        entries = np.zeros(500, DTYPES[topic])
        entries["time"] = rng.integers(0, 1000, 500)
        entries["seen"] = entries["time"] + rng.integers(0, 30, 500)
        entries["flags"] = rng.choice([0, KEPT, KEPT | MATCHED], 500)
        for entry, due in zip(entries, forget_at(topic, entries, TERMS).tolist(), strict=True):
            one = np.array([entry])
            assert not live(topic, one, (due + 1, due + 1), TERMS).any()


FORMAT_2 = np.dtype(
    [("seen", "<i8"), ("time", "<i8"), ("offset", "<i8"), ("booked", "<i8"), ("value", "<i8"), ("index", "<i4"),
     ("score", "<i4"), ("variant", "<i8"), ("cell", "<i8"), ("label_class", "<i2"), ("flags", "u1"), ("decision", "i1")]
)  # fmt: skip
"""Predictions as they were packed before decisions had weights."""


@pytest.mark.parametrize("value", [0, 1, -1, 2**31 - 1, -(2**31) + 1])
def test_entries_of_format_2_are_read_as_they_were_meant(value: int) -> None:
    old = np.zeros(1, FORMAT_2)
    for number, name in enumerate(FORMAT_2.names or (), 1):
        old[name] = number
    old["value"] = value
    new = np.frombuffer(old.tobytes(), PREDICTION)
    assert all(new[name] == old[name] for name in FORMAT_2.names or ())
    assert new["weight"] in (0, -1), "no weight"
    written = np.zeros(1, PREDICTION)
    written.view(UNWEIGHED)["value"] = value
    assert (written["value"][0], int(written["weight"][0]) > 0) == (value, False)
