"""Between any two groups: compared with the best of the past, chosen before the pane."""

import numpy as np

from monitor.evidence import Panes, Reference, Spec, State, fold, trace
from tests.monitor.evidence.traffic import GROUPS, decisions, steady

SPEC = Spec(GROUPS, lower=0.8, reference=Reference.BEST)


def world(ratio_of_b: float) -> Panes:
    numbers = np.arange(600)
    ratios = steady(numbers, 0.9)
    ratios[:, 1] = ratio_of_b
    return Panes(0, *decisions(numbers, ratios, seed=3))


def test_the_best_is_found_and_compared_with_the_second() -> None:
    state, _ = fold(SPEC, State.empty(SPEC), world(1.3))

    assert state.chosen.tolist() == [1, 0, 1, 1, 1, 1, 1, 1]


def test_a_gap_to_the_best_pages_though_none_to_the_rest_would() -> None:
    _, seen = trace(SPEC, State.empty(SPEC), world(1.3))
    rest = Spec(GROUPS, lower=0.8, reference="a")
    _, alone = trace(rest, State.empty(rest), world(1.3))

    assert [happened.paged for happened in seen.transitions] == [True]
    assert not alone.transitions


def test_three_lucky_people_are_nobodys_measure() -> None:
    spec = Spec(("big", "other", "three"), lower=0.8, reference=Reference.BEST)
    n, k = np.array([[500, 500, 0]] * 130), np.array([[200, 190, 0]] * 130)
    n[5, 2], k[5, 2] = 3, 3
    state, _ = fold(spec, State.empty(spec), Panes(0, n, k))

    assert state.chosen.tolist() == [1, 0, 0]
