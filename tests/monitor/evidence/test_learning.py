"""Tempering: calm traffic is recognised as calm, restless traffic as restless."""

import numpy as np
import pytest

from monitor.evidence import Kind, Measure, Panes, Spec, State, Tuning, fold, read
from monitor.evidence.layout import layout_of
from monitor.evidence.learning import Decays
from tests.monitor.evidence.traffic import DAY, GROUPS, decisions, steady

WEEK = np.arange(7 * DAY)
SPEC = Spec(GROUPS, lower=0.8, reference="a")


def restless(deviation: float, minutes: int, seed: int) -> np.ndarray:
    """Ratios around 0.9 that are drawn again every so often, each group's its own."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(1.0, deviation, (len(WEEK) // minutes + 1, 8))
    return steady(WEEK, 0.9) * np.repeat(steps, minutes, axis=0)[: len(WEEK)]


@pytest.mark.parametrize(
    "tuning", [Tuning(), Tuning(savings=0, prior_blocks=40, sigma_margin=0)], ids=["ours", "study"]
)
def test_calm_traffic_is_known_as_calm_after_a_week(tuning: Tuning) -> None:
    spec = Spec(GROUPS, lower=0.8, reference="a", tuning=tuning)
    _, reading = fold(spec, State.empty(spec), Panes(0, *decisions(WEEK, steady(WEEK, 0.9), seed=1)))

    assert reading.sigma < 0.015


def test_unrest_is_measured() -> None:
    """5% for 15 minutes is 5% / sqrt(60 / 15) = 2.5% in blocks of an hour."""
    _, reading = fold(SPEC, State.empty(SPEC), Panes(0, *decisions(WEEK, restless(0.05, 15, seed=2), seed=3)))

    assert reading.sigma == pytest.approx(0.025, rel=0.25)
    assert reading.leading.phi > 1.3


def test_unrest_at_the_bound_pages_nobody_when_tempered_and_somebody_when_not() -> None:
    n, k = decisions(WEEK, restless(0.08, 30, seed=2) * steady(WEEK, 0.82 / 0.9), seed=3)
    bare = Spec(GROUPS, lower=0.8, reference="a", tuning=Tuning(temper=False))

    assert not fold(SPEC, State.empty(SPEC), Panes(0, n, k))[1].paged
    assert fold(bare, State.empty(bare), Panes(0, n, k))[1].paged


def test_the_reference_rate_of_a_new_family_is_a_half() -> None:
    state = State.empty(SPEC)

    assert (state.memory[0] / state.memory[1] == 0.5).all()


def test_untempered_evidence_warns_only_while_the_unrest_is_not_known() -> None:
    spec = Spec(("r", "b"), lower=0.8, reference="r")
    state = State.empty(spec)
    state.plain[:] = np.exp(spec.needed)
    for blocks, expected in ((0.0, True), (23.0, True), (24.0, False)):
        state.unrest[2] = blocks
        assert read(spec, state).warn is expected


def test_a_group_of_few_is_remembered_for_a_week_and_one_of_many_for_a_day() -> None:
    """After a day without a decision half is left of what is known of the many, 2^(-1/7) of what is known of the few."""
    spec = Spec(("r", "b", "c"), lower=0.8, reference="r")
    state, _ = fold(spec, State.empty(spec), Panes(0, [[9000, 3000, 1000]], [[2700, 900, 300]]))
    before = state.memory[2:4].copy()
    state, _ = fold(spec, state, Panes(DAY, [[0, 1, 1]], [[0, 0, 0]]))

    assert before.tolist() == [[2700.0, 900.0, 300.0], [9000.0, 3000.0, 1000.0]]
    left = 0.5 ** (np.array([1.0, 1.0, 1 / 7]))
    assert state.memory[2] == pytest.approx(before[0] * left, rel=1e-3)
    assert state.memory[3] == pytest.approx(before[1] * left + [0, 1, 1], rel=1e-3)


CITY = tuple(f"g{number}" for number in range(1200))


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        Spec(CITY, lower=0.8, reference="g0"),
        Spec(CITY, lower=0.8, reference="g0", strata=3),
        Spec(CITY, lower=0.8, reference="g0", measure=Measure.MEAN),
        Spec(CITY, upper=0.3, kind=Kind.LEVEL, pane=3600),
    ],
    ids=["few", "counts", "strata", "means", "level"],
)
def test_fading_row_by_row_is_the_product_with_a_table_to_the_last_bit(spec: Spec) -> None:
    """Rows are k and n of the reference per stratum, four of the own past, two volumes, and two sums of squares of means."""
    decays = Decays.of(layout_of(spec))
    memory = np.random.default_rng(1).uniform(0.0, 4000.0, State.empty(spec).memory.shape)
    many = memory[2 * spec.strata + 1] >= 2000.0
    assert 0 < many.sum() < len(many)
    minutes = spec.pane / 60
    quick, own, slow = (0.5 ** (minutes / half_life) for half_life in (120.0, 1440.0, 7 * 1440.0))
    volume = 0.9772**minutes
    rows = [quick] * (2 * spec.strata) + [own] * 4 + [volume] * 2 + [own] * (len(memory) - 2 * spec.strata - 6)
    table = np.array([np.full(len(many), left) if left != own else np.where(many, own, slow) for left in rows])
    expected = memory * table

    decays.fade(memory)

    assert memory.tobytes() == expected.tobytes()
