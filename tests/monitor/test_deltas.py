"""What is gathered between commits: whatever the order and the split, the same integers, equal to NumPy's over the rows."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.deltas import (
    Deltas,
    error_columns,
    label_score_columns,
    power_columns,
    score_histogram,
    weighted_error_columns,
    weighted_label_score_columns,
)
from monitor.sums import LAYOUTS, Basis, Book
from tests.acceptance.definition import (
    error_sums,
    hundredth,
    label_score_sums,
    power_sums,
    weighted_error_sums,
    weighted_label_score_sums,
)
from tests.acceptance.parsing import Event

HOUR = 3_600_000


class Pair(NamedTuple):
    """A labelled prediction."""

    time: int
    cell: int
    score: int
    label: bool
    value: int
    outcome: int
    weight: int


PAIRS = st.lists(
    st.builds(
        Pair,
        time=st.integers(0, 5 * HOUR),
        cell=st.sampled_from([7, 2**60, 11]),
        score=st.one_of(st.sampled_from([0, 10**6]), st.integers(0, 10**6)),
        label=st.booleans(),
        value=st.integers(-(2**31) + 1, 2**31 - 1),
        outcome=st.one_of(st.just(0), st.integers(-(2**31) + 1, 2**31 - 1)),
        weight=st.one_of(st.just(1), st.integers(1, 2**31 - 1)),
    ),
    min_size=1,
    max_size=40,
)

BASES = (
    Basis.SCORES,
    Basis.LABEL_SCORES_DECIDED,
    Basis.ERRORS_DECIDED,
    Basis.ERROR_POWERS_DECIDED,
    Basis.WEIGHTS_ERRORS_DECIDED,
    Basis.WEIGHTS_SCORES_DECIDED,
)


def counted(parts: list[list[Pair]]) -> dict[tuple[Basis, int, int], dict[str, int]]:
    """What `Deltas` makes of the parts, one after the other."""
    deltas = Deltas(60_000)
    for part in parts:
        columns = [np.array(column) for column in zip(*part, strict=True)]
        if not columns:
            continue
        time, cell, score, label, value, outcome, weight = columns
        deltas.add(Basis.SCORES, time, cell, {}, score_histogram(score))
        deltas.add(Basis.LABEL_SCORES_DECIDED, time, cell, *label_score_columns(label, score))
        deltas.add(Basis.ERRORS_DECIDED, time, cell, error_columns(value, outcome))
        deltas.add(Basis.ERROR_POWERS_DECIDED, time, cell, power_columns(value, outcome))
        deltas.add(Basis.WEIGHTS_ERRORS_DECIDED, time, cell, weighted_error_columns(value, outcome, weight))
        weighted = weighted_label_score_columns(label, score, weight)
        deltas.add(Basis.WEIGHTS_SCORES_DECIDED, time, cell, *weighted)
    return {
        (book.basis, start, of): {slot: n for slot, n in zip(LAYOUTS[book.basis].slots, sums, strict=True) if n}
        for book, rows in deltas.take().items()
        for start, of, sums in zip(rows.start.tolist(), rows.cell.tolist(), rows.sums.tolist(), strict=True)
    }


def one_by_one(pairs: list[Pair]) -> dict[tuple[Basis, int, int], dict[str, int]]:
    """By the definition, in Python's integers."""
    rows: dict[tuple[Basis, int, int], Counter[str]] = {}
    for pair in pairs:
        prediction = event(score=pair.score, value=pair.value, weight=pair.weight)
        outcome = event(decision=pair.label, value=pair.outcome)
        raised = (
            {f"score_bin_{hundredth(pair.score)}": 1},
            label_score_sums(prediction, outcome),
            error_sums(prediction, outcome),
            power_sums(prediction, outcome),
            weighted_error_sums(prediction, outcome),
            weighted_label_score_sums(prediction, outcome),
        )
        for basis, sums in zip(BASES, raised, strict=True):
            rows.setdefault((basis, pair.time // HOUR * HOUR, pair.cell), Counter()).update(sums)
    return {row: {slot: n for slot, n in sums.items() if n} for row, sums in rows.items()}


def event(**said: Any) -> Event:
    return Event(("x",), "m", "x", 0, **said)


@settings(max_examples=300, deadline=None)
@given(pairs=PAIRS, seed=st.randoms(use_true_random=False))
def test_any_order_and_any_split_gives_the_same_and_the_right_sums(pairs: list[Pair], seed: Any) -> None:
    shuffled = list(pairs)
    seed.shuffle(shuffled)
    cuts = sorted(seed.randint(0, len(pairs)) for _ in range(3))
    parts = [shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, len(pairs)], strict=True)]
    assert counted([pairs]) == counted(parts) == one_by_one(pairs)


def test_books_of_one_basis_are_kept_apart_by_class() -> None:
    deltas = Deltas(60_000)
    time, cell = np.array([0, 60_000]), np.array([1, 1])
    deltas.add(Basis.DECISION, time, cell, {"events": 1})
    deltas.add(Book(Basis.DECISION, 2), time[:1], cell[:1], {"events": 1})
    taken = deltas.take()
    assert {book: rows.start.tolist() for book, rows in taken.items()} == {
        Book(Basis.DECISION): [0, 60_000],
        Book(Basis.DECISION, 2): [0],
    }
    assert deltas.take() == {}
