"""The four kinds of estimate."""

import numpy as np

from monitor.estimates import Estimates, Measured, Stale, State, Suppressed, Undefined


def two() -> Estimates:
    """One measured, one undefined."""
    return Estimates(
        value=np.array([0.5, np.nan]),
        n=np.array([4, 0]),
        numerator=np.array([2.0, 0.0]),
        denominator=np.array([4.0, 0.0]),
        low=np.array([0.1, np.nan]),
        high=np.array([np.inf, np.nan]),
        state=np.array([0, 1], dtype=np.int8),
        reason=np.array([0, 1], dtype=np.int16),
        reasons=("", "no decisions"),
    )


def test_all_kinds_have_the_columns_of_a_row() -> None:
    kinds = (
        Measured(0.5, 4, 2.0, 4.0, 0.1, 0.9),
        Undefined("no decisions", 0, 0.0, 0.0),
        Suppressed("fewer than 10"),
        Stale("12 records lost", 0.5, 4, 2.0, 4.0, 0.1, 0.9),
    )
    assert [kind.state for kind in kinds] == list(State)
    for kind in kinds:
        for column in ("value", "n", "numerator", "denominator", "low", "high", "state", "reason"):
            assert hasattr(kind, column)


def test_arrays_give_single_estimates_and_no_infinity() -> None:
    assert list(two()) == [Measured(0.5, 4, 2.0, 4.0, 0.1, None), Undefined("no decisions", 0, 0.0, 0.0)]
    assert two().one(1) == Undefined("no decisions", 0, 0.0, 0.0)


def test_what_is_withheld_takes_its_counts_along() -> None:
    first, second = two().where(np.array([True, False]), State.SUPPRESSED, "fewer than 10")
    assert first == Suppressed("fewer than 10")
    assert (first.value, first.n, first.numerator) == (None, 0, None)
    assert second.state is State.UNDEFINED


def test_undefined_does_not_go_stale() -> None:
    first, second = two().where(np.array([True, True]), State.STALE, "12 records lost")
    assert first == Stale("12 records lost", 0.5, 4, 2.0, 4.0, 0.1, None)
    assert second == Undefined("no decisions", 0, 0.0, 0.0)


def test_undefined_beats_measured_with_its_new_reason() -> None:
    assert [e.reason for e in two().where(np.array([True, True]), State.UNDEFINED, "schema changed")] == [
        "schema changed",
        "schema changed",
    ]
    assert two().where(np.array([False, False]), State.UNDEFINED, "never").reasons == ("", "no decisions")
