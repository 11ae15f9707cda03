"""Folding: golden numbers of the study, and what must not matter: how panes are cut, repeated, left out or joined."""

import numpy as np
import pytest

from monitor.evidence import Panes, Spec, State, Tuning, fold, trace


def golden_panes() -> Panes:
    """200 panes: the reference 12 of 40; b 3 of 12, from pane 120 on 2; c none of 3 every third pane, else 1."""
    n = np.array([[40, 12, 3]] * 200)
    k = np.array([[12, 3 if t < 120 else 2, 1 if t % 3 else 0] for t in range(200)])
    return Panes(1000, n, k)


def golden_spec(temper: bool = True) -> Spec:
    return Spec(("r", "b", "c"), lower=0.8, reference="r", tuning=Tuning(temper=temper, savings=0))


@pytest.mark.parametrize(
    ("temper", "expected"),
    [
        (False, [0.011871, 3.369028, 3.938365, 4.897639, 12.600428]),
        (True, [-0.006994, 3.523090, 4.087437, 4.608773, 7.147365]),
    ],
)
def test_the_golden_fold(temper: bool, expected: list[float]) -> None:
    spec = golden_spec(temper)

    state, seen = trace(spec, State.empty(spec), golden_panes())

    assert seen.log_evidence[[0, 59, 119, 139, 199]] == pytest.approx(expected, abs=6e-7)
    assert np.sqrt(state.unrest[3, 0]) == pytest.approx(0.049808, abs=6e-7)


def test_pane_by_pane_and_all_at_once_are_the_same_bytes() -> None:
    spec, panes = golden_spec(), golden_panes()
    n, k = np.asarray(panes.n), np.asarray(panes.k)
    state = State.empty(spec)
    for pane in range(200):
        state, _ = fold(
            spec,
            State.from_bytes(spec, state.to_bytes(spec)),
            Panes(1000 + pane, n[pane : pane + 1], k[pane : pane + 1]),
        )

    at_once, _ = fold(spec, State.empty(spec), panes)

    assert state.to_bytes(spec) == at_once.to_bytes(spec)
