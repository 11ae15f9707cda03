"""Windows assessed together equal windows assessed alone."""

import numpy as np
import pytest

from monitor.assess import CellInfo, Plan, assess, attribute_sets
from monitor.batches import Window, assess_each, confident
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import Estimates, State
from monitor.sums import DECISIONS, LABELS, Ints
from tests.monitor.side_by_side import assess_windows

CELLS = [
    CellInfo(number, version, arm, {"sex": sex, "age": age})
    for number, (version, arm, sex, age) in enumerate(
        (version, arm, sex, age)
        for version, arm in (("1", "live"), ("2", "canary"), ("2", "shadow"))
        for sex in ("F", "M", "unknown")
        for age in ("<30", ">=30")
    )
]
SPECS = tuple(DisparitySpec(aggregate, method) for aggregate in COMPARING for method in Method)
PLAN = Plan(
    model="m",
    attribute_sets=attribute_sets(["sex", "age"], 2),
    metrics=("selection_rate", "mean_value", "true_positive_rate", "accuracy"),
    disparities=SPECS,
    references={"sex": "M", "age": ">=30"},
    declared={"sex": ("F", "M", "X"), "age": ("<30", ">=30")},
    display_min=8,
    per_version=True,
)


def windows(count: int, seed: int = 1) -> tuple[Ints, Ints]:
    """Random but possible sums: decisions and labels, (windows, cells, slots)."""
    draw = np.random.default_rng(seed)
    shape = (count, len(CELLS))
    events = draw.integers(0, 40, shape)
    decisions, labels = np.zeros((*shape, len(DECISIONS)), np.int64), np.zeros((*shape, len(LABELS)), np.int64)
    values = {"events": events, "decided": events, "favourable": draw.binomial(events, 0.4), "valued": events}
    values |= {"value": events * 5000, "value_sq_lo": events * 25_010_000}
    for slot, column in values.items():
        decisions[..., DECISIONS.index(slot)] = column
    labelled = draw.binomial(events, 0.7)
    positive = draw.binomial(labelled, 0.5)
    tp, fp = draw.binomial(positive, 0.8), draw.binomial(labelled - positive, 0.3)
    found = {"labelled": labelled, "positive": positive, "negative": labelled - positive, "tp": tp, "fp": fp}
    for slot, column in (found | {"fn": positive - tp, "tn": labelled - positive - fp}).items():
        labels[..., LABELS.index(slot)] = column
    return decisions, labels


def same(one: Estimates, other: Estimates) -> bool:
    """All numbers equal to the last bit, NaN included, and the same words."""
    arrays = ("value", "n", "numerator", "denominator", "low", "high", "state")
    words = [[e.reasons[code] for code in e.reason.ravel().tolist()] for e in (one, other)]
    return words[0] == words[1] and all(
        np.array_equal(getattr(one, a), getattr(other, a), equal_nan=getattr(one, a).dtype.kind == "f") for a in arrays
    )


@pytest.mark.parametrize("published", [False, True])
def test_together_as_alone(published: bool) -> None:
    decisions, labels = windows(5)
    batch = assess_windows(CELLS, decisions, labels, PLAN)
    for at in range(5):
        alone = assess(CELLS, decisions[at], labels[at], PLAN)
        alone, whole = (alone.published(), batch.shown) if published else (alone, batch.whole)
        assert same(whole.estimates.take((slice(None), batch.columns(at))), alone.estimates)
        for gap, expected in zip(whole.gaps, alone.gaps, strict=True):
            here = (slice(None), batch.segments(at))
            assert same(gap.estimates.take(here), expected.estimates)
            for side in ("lower", "higher"):
                there = getattr(gap, side)[here]
                assert np.array_equal(np.where(there < 0, -1, there - batch.columns(at).start), getattr(expected, side))


STRATA = [
    CellInfo(cell.id + 100, cell.version, cell.arm, cell.groups, {"income": "123456789"[(5 * at) % 9]})
    for at, cell in enumerate(CELLS)
]
"""Of nine strata: NumPy sums eight numbers and more in another order than one after the other."""


@pytest.mark.parametrize("cells", [CELLS, STRATA])
def test_windows_of_different_cells_together_as_alone(cells: list[CellInfo]) -> None:
    """Of traffic so thin that every window has other cells; the last one has none."""
    decisions, labels = windows(7)
    kept = np.random.default_rng(3).random((7, len(cells))) < np.linspace(0.9, 0.0, 7)[:, None]
    thin = [
        Window(
            [cell for cell, here in zip(cells, mask, strict=True) if here],
            {"decision": decisions[at][mask], "label": labels[at][mask]},
        )
        for at, mask in enumerate(kept)
    ]
    found = {n: (batch, at) for batch, numbers in assess_each(thin, PLAN) for at, n in enumerate(numbers)}
    assert len({id(batch) for batch, _ in found.values()}) == (1 if cells is CELLS else 2)  # no cells, no factors
    for number, window in enumerate(thin):
        batch, at = found[number]
        alone = assess(window.cells, window.sums["decision"], window.sums["label"], PLAN).published()
        assert batch.ones[at].groups == alone.grouping.groups
        assert same(batch.shown.estimates.take((slice(None), batch.columns(at))), alone.estimates)
        here = (slice(None), batch.segments(at))
        for gap, expected in zip(batch.shown.gaps, alone.gaps, strict=True):
            assert same(gap.estimates.take(here), expected.estimates)
            for side in ("lower", "higher"):
                there = getattr(gap, side)[here]
                moved = np.where(there < 0, -1, there - batch.columns(at).start)
                assert np.array_equal(
                    np.where(gap.comparable[here], moved, 0), np.where(expected.comparable, getattr(expected, side), 0)
                )
        for beside, within in zip(batch.shown.conditional, alone.conditional, strict=True):
            assert same(beside.estimates.take(here), within.estimates)
        for spec in SPECS:
            compared = batch.compare("selection_rate", ("sex",), spec)[at]
            one_by_one = assess(window.cells, window.sums["decision"], window.sums["label"], PLAN)
            assert [c.estimate for c in compared] == [
                p.estimate for p in one_by_one.compare("selection_rate", ("sex",), spec)
            ]


@pytest.mark.parametrize("spec", SPECS)
def test_comparisons_together_as_alone(spec: DisparitySpec) -> None:
    decisions, labels = windows(4, seed=2)
    batch = assess_windows(CELLS, decisions, labels, PLAN)
    together = batch.compare("selection_rate", ("sex",), spec)
    for at in range(4):
        alone = assess(CELLS, decisions[at], labels[at], PLAN).compare("selection_rate", ("sex",), spec)
        assert [c.estimate for c in together[at]] == [point.estimate for point in alone]


def test_a_condition_is_told_everywhere() -> None:
    decisions, _ = windows(2)
    batch = assess_windows(CELLS, decisions, None, PLAN, (State.STALE, "log was lost"))
    ((found,), _) = batch.compare("selection_rate", ("sex",), DisparitySpec(Aggregate.RATIO, Method.BETWEEN_GROUPS))
    assert (found.estimate.state, found.estimate.reason) == (State.STALE, "log was lost")


def test_more_confidence_makes_wider_intervals() -> None:
    decisions, _ = windows(2)
    batch = assess_windows(CELLS, decisions, None, PLAN)
    wide = confident(batch, 0.999)
    assert (wide.high - wide.low >= batch.whole.estimates.high - batch.whole.estimates.low)[0, 1:4].all()


def test_windows_without_cells_are_undefined_not_absent() -> None:
    batch = assess_windows([], np.zeros((2, 0, len(DECISIONS)), np.int64), None, PLAN)
    assert {group.values.get("sex") for group in batch.ones[0].groups} >= {"F", "M", "X"}
    assert not batch.whole.estimates.n.any()
