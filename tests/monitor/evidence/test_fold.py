"""Folding: golden numbers of the study, and what must not matter: how panes are cut, repeated, left out or joined."""

from dataclasses import replace

import numpy as np
import pytest

from monitor.evidence import (
    Families,
    Kind,
    Measure,
    Panes,
    Phase,
    Reference,
    Spec,
    State,
    Tuning,
    fold,
    pane_number,
    read,
    together,
    trace,
)
from tests.monitor.evidence.traffic import GROUPS, decisions, steady

AS_STUDIED = Tuning(savings=0, prior_blocks=40, sigma_margin=0, few_events=0)
"""The detector as the study describes it."""


def golden_panes() -> Panes:
    """200 panes: the reference 12 of 40; b 3 of 12, from pane 120 on 2; c none of 3 every third pane, else 1."""
    n = np.array([[40, 12, 3]] * 200)
    k = np.array([[12, 3 if t < 120 else 2, 1 if t % 3 else 0] for t in range(200)])
    return Panes(1000, n, k)


@pytest.mark.parametrize(
    ("temper", "expected"),
    [
        (False, [0.011871, 3.369028, 3.938365, 4.897639, 12.600428]),
        (True, [-0.006994, 3.523090, 4.087437, 4.608773, 7.147365]),
    ],
)
def test_the_golden_fold(temper: bool, expected: list[float]) -> None:
    spec = Spec(("r", "b", "c"), lower=0.8, reference="r", tuning=replace(AS_STUDIED, temper=temper))

    state, seen = trace(spec, State.empty(spec), golden_panes())

    assert spec.needed == pytest.approx(13.669328)
    assert seen.log_evidence[[0, 59, 119, 139, 199]] == pytest.approx(expected, abs=6e-7)
    assert np.sqrt(state.unrest[3, 0]) == pytest.approx(0.049808, abs=6e-7)


SPECS = {
    "ratio": Spec(GROUPS, lower=0.8, reference="a"),
    "both sides": Spec(GROUPS, lower=0.8, upper=1.25, reference=Reference.REST),
    "difference": Spec(GROUPS, lower=-0.05, reference=Reference.OVERALL, kind=Kind.DIFFERENCE),
    "best": Spec(GROUPS, lower=0.8, reference=Reference.BEST),
    "level": Spec(GROUPS, upper=0.35, kind=Kind.LEVEL),
    "mean": Spec(GROUPS, lower=0.8, reference="a", measure=Measure.MEAN),
    "strata": Spec(GROUPS, lower=0.8, reference="a", strata=2),
}


def panes_for(spec: Spec, seed: int = 1, count: int = 400) -> Panes:
    """Traffic with a change in the middle and three hours of silence."""
    numbers = np.arange(count)
    ratios = steady(numbers, 0.9)
    ratios[count // 2 :, 3] = 0.5
    n, k = decisions(numbers, ratios, seed, a_day=2e5)
    n[100:280], k[100:280] = 0, 0
    if spec.strata == 2:
        half, part = n // 2, np.minimum(k, n // 2)
        n, k = np.stack([half, n - half], axis=2), np.stack([part, k - part], axis=2)
    return Panes(5000, n, k, np.asarray(k) * 0.7 if spec.measure is Measure.MEAN else None)


def cut(panes: Panes, begin: int, end: int) -> Panes:
    squares = None if panes.squares is None else np.asarray(panes.squares)[begin:end]
    return Panes(panes.first + begin, np.asarray(panes.n)[begin:end], np.asarray(panes.k)[begin:end], squares)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_how_panes_are_cut_does_not_matter_to_the_last_bit(spec: Spec) -> None:
    panes = panes_for(spec)
    whole, _ = fold(spec, State.empty(spec), panes)
    state, rng, at = State.empty(spec), np.random.default_rng(3), 0
    while at < 400:
        length = int(rng.integers(1, 30))
        state, _ = fold(spec, State.from_bytes(spec, state.to_bytes(spec)), cut(panes, at, at + length))
        at += length

    assert state.to_bytes(spec) == whole.to_bytes(spec)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_known_panes_are_passed_over_and_panes_left_out_are_empty(spec: Spec) -> None:
    panes = panes_for(spec)
    whole, reading = fold(spec, State.empty(spec), panes)

    again, same = fold(spec, whole, cut(panes, 50, 400))
    left_out, _ = fold(spec, State.empty(spec), cut(panes, 0, 100))
    left_out, _ = fold(spec, left_out, cut(panes, 280, 400))
    overlapping, _ = fold(spec, State.empty(spec), cut(panes, 0, 350))
    overlapping, _ = fold(spec, overlapping, cut(panes, 90, 400))

    assert again.to_bytes(spec) == left_out.to_bytes(spec) == overlapping.to_bytes(spec) == whole.to_bytes(spec)
    assert same.log_evidence == reading.log_evidence


def test_a_fold_leaves_the_old_state_as_it_was() -> None:
    spec = SPECS["ratio"]
    before, _ = fold(spec, State.empty(spec), cut(panes_for(spec), 0, 50))
    stored = before.to_bytes(spec)

    fold(spec, before, cut(panes_for(spec), 50, 400))

    assert before.to_bytes(spec) == stored


@pytest.mark.parametrize("name", ["ratio", "both sides", "best", "mean", "level"])
def test_families_folded_together_are_those_folded_alone(name: str) -> None:
    spec = SPECS[name]
    specs = [spec, replace(spec, budget=0.01), replace(spec, groups=tuple(reversed(GROUPS)))]
    worlds = [panes_for(one, seed) for seed, one in enumerate(specs)]
    quiet = np.asarray(worlds[1].n).copy()
    quiet[20:40] = 0
    worlds[1] = Panes(5000, quiet, np.minimum(worlds[1].k, quiet), worlds[1].squares if name == "mean" else None)
    families = Families(specs, [State.empty(one) for one in specs])
    sides = [
        np.concatenate([np.asarray(getattr(world, part)) for world in worlds], axis=1)
        for part in (("n", "k", "squares") if name == "mean" else ("n", "k"))
    ]
    first = families.trace(Panes(5000, *(side[:37] for side in sides)))
    then = families.trace(Panes(5030, *(side[30:] for side in sides)))

    for place, (one, world) in enumerate(zip(specs, worlds, strict=True)):
        alone, seen = trace(one, State.empty(one), world)
        assert families.states()[place].to_bytes(one) == alone.to_bytes(one)
        assert families.readings()[place] == read(one, alone)
        for what in ("panes", "log_evidence", "warns"):
            both = [getattr(traces[place], what) for traces in (first, then)]
            assert np.array_equal(np.concatenate(both), getattr(seen, what))
        happened = [*first[place].transitions, *then[place].transitions]
        assert [(at.pane, at.paged) for at in happened] == [(at.pane, at.paged) for at in seen.transitions]


def test_what_is_alike_and_at_the_same_pane_goes_together() -> None:
    specs = [SPECS["ratio"], SPECS["mean"], replace(SPECS["ratio"], groups=("a", "b")), SPECS["ratio"]]
    states = [State.empty(spec) for spec in specs]
    states[3].position = 7

    assert together(specs, states) == [[0, 2], [1], [3]]


def test_what_leads_is_told_with_the_sums_of_the_gate() -> None:
    """An hour in thirds of 20 panes: after 90 panes of 10 and 40 events 10 of the fourth part and three full ones, 70 panes."""
    spec = Spec(("r", "b"), lower=0.8, reference="r")
    _, reading = fold(spec, State.empty(spec), Panes(100, [[40, 10]] * 90, [[12, 2]] * 90))
    leading = reading.leading

    assert (leading.group, leading.panes) == ("b", 70)
    assert (leading.n, leading.k, leading.reference_n, leading.reference_k) == (700, 140, 2800, 840)
    assert leading.variance == pytest.approx(0.2 * 0.8, abs=1e-3)
    assert leading.reference_variance == pytest.approx(0.3 * 0.7, abs=1e-3)


def test_a_gap_is_found_led_by_its_group_and_dated() -> None:
    spec = SPECS["ratio"]
    _, seen = trace(spec, State.empty(spec), panes_for(spec))

    page = seen.transitions[0]
    assert page.paged
    assert page.pane >= 5200 + 80
    assert page.reading.phase is Phase.FIRING
    assert page.reading.culprits == ("d",)
    assert page.reading.leading.group == "d"
    assert page.reading.leading.since is not None
    assert 5095 <= page.reading.leading.since <= 5285, "somewhere in the three hours of silence"
    assert page.reading.stands and page.reading.material and page.reading.warn


def test_the_change_is_dated() -> None:
    spec, numbers = SPECS["ratio"], np.arange(1200)
    ratios = steady(numbers, 0.9)
    ratios[900:, 3] = 0.6
    n, k = decisions(numbers, ratios, seed=4)
    _, seen = trace(spec, State.empty(spec), Panes(0, n, k))

    since = seen.transitions[0].reading.leading.since
    assert since is not None
    assert since == pytest.approx(900, abs=20)


def test_a_page_can_be_held_back() -> None:
    spec = SPECS["ratio"]
    _, reading = fold(spec, State.empty(spec), panes_for(spec), may_page=False)

    assert reading.stands
    assert not reading.paged
    assert reading.phase is Phase.WATCHING


def test_improvement_is_no_evidence() -> None:
    spec = SPECS["ratio"]
    n, k = decisions(np.arange(300), steady(np.arange(300), 1.2), seed=2)
    _, reading = fold(spec, State.empty(spec), Panes(0, n, k))

    assert reading.log_evidence < 2.0
    assert not reading.warn


def test_nothing_happened_is_no_evidence() -> None:
    spec = SPECS["ratio"]
    state, reading = fold(spec, State.empty(spec), Panes.none(spec, 77, 5))

    assert reading.pane == 81
    assert reading.log_evidence == -np.inf
    assert reading.leading.since is None
    assert not reading.material
    assert state.position == 82


@pytest.mark.parametrize(
    "wrong",
    [Panes(0, [[1, 2]], [[1, 2]]), Panes(0, [[1] * 8], [[1] * 8, [1] * 8])],
    ids=["other groups", "other panes"],
)
def test_panes_that_do_not_fit_are_refused(wrong: Panes) -> None:
    with pytest.raises(ValueError, match="panes"):
        fold(SPECS["ratio"], State.empty(SPECS["ratio"]), wrong)


def test_the_state_of_another_rule_is_refused() -> None:
    spec = SPECS["ratio"]
    stored = State.empty(spec).to_bytes(spec)

    assert State.from_bytes(replace(spec, budget=1.0), stored).position == -1
    for other in (replace(spec, lower=0.9), replace(spec, groups=GROUPS[:7])):
        with pytest.raises(ValueError, match="another rule"):
            State.from_bytes(other, stored)
    with pytest.raises(ValueError, match="another rule"):
        State.from_bytes(spec, stored[:-8])


def test_a_state_takes_a_few_hundred_bytes_a_group() -> None:
    spec = Spec(tuple(map(str, range(100))), lower=0.8)

    assert len(State.empty(spec).to_bytes(spec)) / 100 < 700


def test_the_number_of_a_pane() -> None:
    assert pane_number(SPECS["ratio"], 120.5) == 2


def test_overwhelming_evidence_stays_a_number() -> None:
    """A million events a pane that are as unequal as can be, for a while; then as many that are equal: no overflow, and an end."""
    spec = Spec(("r", "b"), lower=0.8, reference="r", tuning=Tuning(temper=False))
    n, unequal, equal = [[1e6, 1e6]] * 40, [[9e5, 1e5]] * 40, [[9e5, 9e5]] * 40
    state, reading = fold(spec, State.empty(spec), Panes(0, n, unequal))
    assert reading.phase is Phase.FIRING
    assert np.isfinite(reading.log_evidence)
    _, reading = fold(spec, state, Panes(40, n, equal))
    assert reading.resolved
