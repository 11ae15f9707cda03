"""Start mass: no more is ever started than the guarantee covers, and it goes where something looks odd."""

import math

import numpy as np
import pytest

from monitor.evidence import Families, Panes, Spec, State, Tuning, fold, trace
from monitor.evidence.detector import by_presence, by_volume
from monitor.evidence.layout import layout_of
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.savings import income, spend, suspect
from monitor.evidence.scoring import suspicions
from tests.monitor.evidence.traffic import DAY, GROUPS, decisions, steady

SPEC = Spec(("r", "b", "c"), lower=0.8, reference="r", tuning=Tuning(savings=100, base_share=0.25, spend_rate=1.0))
LAYOUT = layout_of(SPEC)


def test_the_threshold_covers_what_may_be_saved() -> None:
    assert SPEC.needed == pytest.approx(math.log((43_200 + 100) / 0.05))


def test_full_savings_start_everything_evenly_and_empty_ones_a_quarter() -> None:
    state = State.empty(SPEC)
    assert income(LAYOUT, state, 1.0) == pytest.approx([1.0])
    state.savings[:] = 10.0

    assert income(LAYOUT, state, 4.0) == pytest.approx([1.0])
    assert state.savings == pytest.approx([13.0])
    assert income(LAYOUT, state, 200.0) == pytest.approx([50.0 + 150.0 - 87.0]), "what does not fit is started"
    assert state.savings == pytest.approx([100.0])


def test_an_alarm_spends_two_thirds_and_each_further_nat_as_much_again() -> None:
    state = State.empty(SPEC)
    distance, level = np.full_like(state.suspicion, 0.1), np.full(3, math.exp(5.0) / 0.1**2)
    assert spend(LAYOUT, state, distance, level) is None
    state.suspicion[2, 1], state.lead[2, 1] = 5.0 + 1e-12, 2.0

    first = spend(LAYOUT, state, distance, level)
    assert first is not None
    assert first[2, 1] == pytest.approx(100 * (1 - math.exp(-1)))
    assert first.sum() == first[2, 1]
    assert spend(LAYOUT, state, distance, level) is None, "only what is new is spent for"

    state.suspicion[2, 1] = 6.0
    second = spend(LAYOUT, state, distance, level)
    assert second is not None
    assert second.sum() == pytest.approx(100 * math.exp(-1) * (1 - math.exp(-1)))
    assert first.sum() + second.sum() + state.savings[0] == pytest.approx(100)


def test_nothing_is_spent_before_the_bound_looks_broken() -> None:
    """Past at 0.9 of a reference at 0.3, 22 of 100 where 27 were usual: x = 0.05, v = 0.27 x 0.73 / 100 + 0.81 x 0.21 / 1000 = 0.0021411.

    The bound is l = 0.03 from the past, which makes it l (x - l / 2) / v = 0.49040 nats a pane likelier than that; the alternative at 0.93 of
    the bound d = 0.0468, which makes it d (x - d / 2) / v = 0.58142: 10 panes tell 0.910 nats between the two, 11 tell 1.001. The
    alternatives before and behind it, at 0.97 and 0.86, tell half as much.
    """
    spec = Spec(("r", "b"), lower=0.8, reference="r", tuning=Tuning(savings=100))
    layout, state = layout_of(spec), State.empty(spec)
    flat = [np.array([[value, value]]) for value in (0.27, 1.0, 0.9, 100.0, 1000.0, 0.1971, 0.21)]
    learned = Learned(np.full((1, 1, 2), 0.3), *flat)
    counts = Counts(*(np.array([[[0.0, value]]]) for value in (100.0, 22.0, 1000.0, 300.0, 22.0, 300.0)))
    drift = suspicions(layout, counts, learned)
    assert drift.news[0, 1, 1] == pytest.approx(0.58142, abs=1e-5)
    assert drift.lead[0, 1] == pytest.approx(0.49040, abs=1e-5)

    for _ in range(10):
        suspect(state, drift.news[0], drift.lead[0])
    assert state.suspicion[1, 1] == pytest.approx(5.8142, abs=1e-4)
    assert spend(layout, state, drift.distance[0], np.ones(2)) is None, "however loud"
    suspect(state, drift.news[0], drift.lead[0])
    spent = spend(layout, state, drift.distance[0], np.ones(2))
    assert spent is not None
    assert np.argwhere(spent > 0).tolist() == [[1, 1]]

    suspect(state, drift.news[0], np.array([0.0, 9.0]))
    assert not state.lead[:, 1].any(), "what is past is past"


def test_an_alarm_is_over_when_suspicion_is() -> None:
    state = State.empty(SPEC)
    state.suspicion[2, 1], state.peak[2, 1] = 3.0, 1.0
    suspect(state, np.full_like(state.suspicion, -4.0), np.zeros(3))

    assert not state.suspicion.any()
    assert not state.peak.any()


def test_no_more_mass_is_started_than_there_is() -> None:
    """E-values of 1 (a reference without events) leave the mass as it is: savings + evidence = what came in."""
    state = State.empty(SPEC)
    state, _ = fold(SPEC, state, Panes(0, [[0, 5, 5]] * 300, [[0, 1, 1]] * 300))

    assert state.evidence.sum() + state.savings[0] == pytest.approx(300 + 100)


def test_saved_mass_finds_a_change_sooner() -> None:
    numbers = np.arange(2 * DAY + 600)
    ratios = steady(numbers, 0.9)
    ratios[2 * DAY :, 3] = 0.7
    n, k = decisions(numbers, ratios, seed=6)
    delays = {}
    for savings in (0.0, 7.0 * DAY):
        spec = Spec(GROUPS, lower=0.8, reference="a", tuning=Tuning(savings=savings))
        _, seen = trace(spec, State.empty(spec), Panes(0, n, k))
        delays[savings] = seen.transitions[0].pane - 2 * DAY

    assert 0 < delays[7.0 * DAY] < 0.8 * delays[0.0]


def test_the_budget_holds_with_everything_saved_and_spent() -> None:
    """500 families at the bound, 1,500 panes: at most (1,500 + 1,500) / A = 0.15 pages each, whatever is spent when.

    The base rate swings by a third, which rings alarms and must not page.
    """
    tuning = Tuning(temper=False, savings=1500, gate_window=1, gate_events=1, min_hold=1, resolve_evidence=2)
    spec = Spec(("r", "b", "c"), lower=0.8, reference="r", budget=44_700 / 20_000, tuning=tuning)
    assert math.exp(spec.needed) == pytest.approx(20_000)
    rng, runs, panes = np.random.default_rng(8), 500, 1500
    rate = 0.3 * (1 + 0.33 * np.sin(np.arange(panes) / 80))[:, None] * np.tile([1.0, 0.8, 0.8], runs)
    n = rng.poisson(np.tile([60.0, 20.0, 4.0], runs), (panes, 3 * runs))
    families = Families([spec] * runs, [State.empty(spec)] * runs)
    families.fold(Panes(0, n, rng.binomial(n, rate)))

    pages = sum(happened.paged for happened in families.record.transitions)
    assert families.state.savings.mean() < 1400, "savings were spent"
    assert 0 < pages / runs <= 0.15


def test_start_mass_by_volume_is_shared_by_roots() -> None:
    spec = Spec(("r", "b", "c"), lower=0.8, reference="r", tuning=Tuning(savings=0, volume_weights=True))
    shares = by_volume(layout_of(spec), np.array([[100.0, 16.0, 4.0], [0.0, 0.0, 0.0]]))

    assert shares == pytest.approx(np.array([[0.0, 2 / 3, 1 / 3], [0.0, 0.5, 0.5]]))
    state, _ = fold(spec, State.empty(spec), Panes(0, [[0, 5, 5]] * 30, [[0, 1, 1]] * 30))
    assert state.evidence.sum() == pytest.approx(30)


def test_groups_that_nobody_belongs_to_take_no_start_mass() -> None:
    """Of three groups c comes in the fourth pane; d never does, and has a third of the first pane's mass, when nobody was known."""
    spec = Spec(("r", "b", "c", "d"), lower=0.8, reference="r", tuning=Tuning(savings=0, temper=False))
    n = np.array([[40, 12, 0, 0]] * 3 + [[40, 12, 5, 0]] * 2)
    k = np.zeros_like(n)
    states = [State.empty(spec)]
    for pane in range(5):
        state, _ = fold(spec, states[-1], Panes(100 + pane, n[pane : pane + 1], k[pane : pane + 1]))
        states.append(state)
    shares = [by_presence(layout_of(spec), state) for state in states]

    assert shares[0] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3]), "nobody was seen"
    assert shares[1] == pytest.approx([0, 1, 0, 0])
    assert shares[3] == pytest.approx([0, 1, 0, 0])
    assert shares[4] == pytest.approx([0, 0.5, 0.5, 0]), "from the pane after its first"
    assert states[5].evidence[:, 3].sum() == pytest.approx(1 / 3)


def test_a_family_with_empty_groups_needs_no_more_evidence_than_one_without() -> None:
    n, k = decisions(np.arange(600), steady(np.arange(600), 0.6), seed=9, a_day=5e4)
    read = []
    for more in (0, 40):
        spec = Spec((*GROUPS, *(f"empty {number}" for number in range(more))), lower=0.8, reference="a")
        none = np.zeros((600, more))
        state, _ = fold(spec, State.empty(spec), Panes(10, np.hstack([n, none]), np.hstack([k, none])))
        read.append(float(np.log(state.evidence[:, :8].sum())))

    assert read[1] == pytest.approx(read[0], abs=0.7)
