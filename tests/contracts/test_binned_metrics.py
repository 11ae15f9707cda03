"""Metrics of histograms and of outcomes' values: each equals NumPy's, scikit-learn's or SciPy's over the rows.

The oracles are in `tests/contracts/binned_oracles.py`. Batches include groups without anybody, without labels, with labels
of one side, and single rows.
"""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.assess import Plan, assessed
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.estimates import Measured, Undefined
from monitor.grouping import grouping
from monitor.metric import GroupMetric, Sums
from monitor.metrics import metric
from tests.contracts.binned_oracles import (
    BINNED,
    CELLS,
    GROUPS,
    HIGH,
    LEVEL,
    LOW,
    PAIRS,
    QUANTILES,
    ROWS,
    UNIT,
    Row,
    defined,
    ordered,
    sample,
    sums_of,
)

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "1"))
"""How many times as many random batches are tried."""

MANY = settings(max_examples=25 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def plan(name: str, *methods: Method) -> Plan:
    specs = tuple(DisparitySpec(Aggregate.DIFFERENCE, method) for method in methods)
    return Plan(
        "m", ((), ("sex",)), (name,), specs, value_unit=UNIT, value_range=(LOW * UNIT, HIGH * UNIT),
        references={"sex": "M"}, declared={"sex": ("F", "M", "X")},
    )  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
@MANY
@given(rows=ROWS)
def test_every_group_equals_the_librarys(name: str, rows: list[Row]) -> None:
    given_plan = plan(name, Method.BETWEEN_GROUPS)
    found = assessed(grouping(CELLS, given_plan.shape()), sums_of(rows), given_plan)
    everybody = sample(rows)
    for point in found.groups:
        group = sample([r for r in rows if point.group_values.items() <= {"sex": r.sex}.items()])
        if not defined(name, group):
            assert isinstance(point.estimate, Undefined), point
            continue
        assert isinstance(point.estimate, Measured), point
        expected = GROUPS[name][1](group, everybody)
        assert point.estimate.value == pytest.approx(expected, rel=1e-6, abs=2e-6)
        low, high = point.estimate.low, point.estimate.high
        assert low is None or low <= point.estimate.value + 1e-9
        assert high is None or high >= point.estimate.value - 1e-9


@pytest.mark.parametrize("name", PAIRS)
@MANY
@given(rows=ROWS)
def test_every_pair_equals_the_librarys(name: str, rows: list[Row]) -> None:
    given_plan = plan(name, Method.BETWEEN_GROUPS, Method.TO_REFERENCE)
    found = assessed(grouping(CELLS, given_plan.shape()), sums_of(rows), given_plan)
    column, function = PAIRS[name]
    samples = {sex: sample([r for r in rows if r.sex == sex]) for sex in "FMX"}
    there = [sex for sex in "FMX" if len(getattr(samples[sex], column))]
    pairs = [(a, b) for a in there for b in there if a < b]
    values = {pair: function(*(samples[sex] for sex in pair)) for pair in pairs}
    known = {pair: value for pair, value in values.items() if not np.isnan(value)}
    (gap,) = [d for d in found.disparities if d.method is Method.BETWEEN_GROUPS]
    if not known:
        assert isinstance(gap.estimate, Undefined)
    else:
        assert gap.estimate.value == pytest.approx(max(known.values()), rel=1e-6, abs=1e-9)
        assert gap.estimate.low is None or 0 <= gap.estimate.low <= (gap.estimate.value or 0) + 1e-12
    for against in found.compare(name, ("sex",), DisparitySpec(Aggregate.DIFFERENCE, Method.TO_REFERENCE)):
        sex = against.subject.get("sex")
        pair = tuple(sorted((sex or "", "M")))
        if isinstance(against.estimate, Measured):
            assert against.estimate.value == pytest.approx(known[pair], rel=1e-6, abs=1e-9)  # type: ignore[index]
        else:
            assert pair not in known


@pytest.mark.parametrize(("name", "share"), QUANTILES.items())
@MANY
@given(rows=ROWS)
def test_a_quantile_is_within_a_bin_of_the_samples(name: str, share: float, rows: list[Row]) -> None:
    given_plan = plan(name)
    found = assessed(grouping(CELLS, given_plan.shape()), sums_of(rows), given_plan)
    for point in found.groups:
        values = sample([r for r in rows if point.group_values.items() <= {"sex": r.sex}.items()]).values
        if not len(values):
            assert isinstance(point.estimate, Undefined)
            continue
        exact = np.quantile(values, share, method="inverted_cdf")
        if isinstance(point.estimate, Measured):
            assert abs(point.estimate.value - exact) <= 10 * UNIT
            assert point.estimate.n == len(values)
        else:
            assert not LOW * UNIT <= exact <= HIGH * UNIT, "a quantile out of the range is unknown"


def highest_cut(own: Any, others: Any) -> float:
    """Holistic AI's search, over the edges of the bins: down from the top to the first ratio within 0.8 and 1.2."""
    for edge in range(HIGH, LOW, -10):
        passing = [(ordered(side) > edge * UNIT).mean() for side in (own, others)]  # what is on an edge is above it
        if passing[1] > 0 and 0.8 < passing[0] / passing[1] < 1.2:
            return edge * UNIT
    return LOW * UNIT


@MANY
@given(rows=ROWS)
def test_the_highest_cut_without_disparate_impact(rows: list[Row]) -> None:
    found = assessed(grouping(CELLS, plan(LEVEL).shape()), sums_of(rows), plan(LEVEL))
    for point in found.groups:
        sides = [
            [r for r in rows if (point.group_values.items() <= {"sex": r.sex}.items()) is own] for own in (True, False)
        ]
        own, others = (sample(side).values for side in sides)
        if not len(own) or not len(others):
            assert isinstance(point.estimate, Undefined)
            continue
        assert isinstance(point.estimate, Measured)
        assert point.estimate.value == pytest.approx(highest_cut(own, others))
        assert point.estimate.n == min(len(own), len(others))
        assert (point.estimate.low or 0.0) <= point.estimate.value + 1e-9
        assert point.estimate.high is not None
        assert point.estimate.high >= point.estimate.value - 1e-9


@pytest.mark.parametrize("name", BINNED)
@settings(max_examples=15 * EXAMPLES, deadline=None)
@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_merge_order_does_not_matter(name: str, rows: list[Row], seed: Any) -> None:
    """To the last bit: any order of events, split over panes anywhere."""
    shuffled = list(rows)
    seed.shuffle(shuffled)
    cut = seed.randint(0, len(rows))
    each, given_plan = metric(name), plan(name, Method.BETWEEN_GROUPS)
    whole = sums_of(rows)
    merged = {needs: one + sums_of(shuffled[cut:])[needs] for needs, one in sums_of(shuffled[:cut]).items()}
    assert np.array_equal(whole[each.needs], merged[each.needs])
    one, other = (assessed(grouping(CELLS, given_plan.shape()), sums, given_plan) for sums in (whole, merged))
    assert [p.estimate for p in one.groups] == [p.estimate for p in other.groups]
    assert [p.estimate for p in one.disparities] == [p.estimate for p in other.disparities]


@pytest.mark.parametrize("name", [*GROUPS, *QUANTILES, LEVEL])
def test_nothing_counted_is_undefined_and_says_of_what(name: str) -> None:
    each: GroupMetric = metric(name)
    (found,) = each.compute(Sums(each.layout, each.layout.zeros(1)))
    assert isinstance(found, Undefined)
    parts = getattr(each.tally(Sums(each.layout, each.layout.zeros(1))), "parts", (each.denominator,))
    assert found.reason == f"no {next(iter(parts))}"


@pytest.mark.parametrize(
    ("name", "value", "outcome", "reason"),
    [
        ("r2", 5, 7, "no spread of actual values"),
        ("value_correlation", 5, 7, "no spread of predicted and actual values"),
        ("weighted_absolute_percentage_error", 5, 0, "no actual values other than 0"),
        ("jain_index", 5, 5, "no errors"),
        ("value_quantile_50", HIGH + 1, None, "no such value within the declared range"),
    ],
)
def test_what_lacks_where_people_do_not(name: str, value: int, outcome: int | None, reason: str) -> None:
    each = metric(name)
    rows = [Row("F", None, None, value, outcome)] * 3
    found = each.compute(Sums(each.layout, sums_of(rows)[each.needs][:1], UNIT, span=(LOW * UNIT, HIGH * UNIT))).one(0)
    assert isinstance(found, Undefined)
    assert (found.n, found.reason) == (3, reason)


def test_an_area_by_hand() -> None:
    """Positives .5 and .9, negatives .5 and .1: three pairs in order and one tie of four."""
    rows = [Row("F", 500_000, True, None, None), Row("F", 900_000, True, None, None)]
    rows += [Row("F", 500_000, False, None, None), Row("F", 100_000, False, None, None)]
    each = metric("auc")
    estimate = each.compute(Sums(each.layout, sums_of(rows)["label_score"][:1])).one(0)
    assert estimate.value == 3.5 / 4
    # V10 = (.75, 1), V01 = (.75, 1): each has variance 1/32, so the error is sqrt(2/64).
    logit = np.log(7) - 1.959964 * np.sqrt(1 / 32) / (0.875 * 0.125)
    assert estimate.low == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)


def test_a_perfect_area_has_an_interval_that_few_events_leave_wide() -> None:
    rows = [Row("F", 900_000, True, None, None)] * 3 + [Row("F", 100_000, False, None, None)] * 8
    each = metric("auc")
    estimate = each.compute(Sums(each.layout, sums_of(rows)["label_score"][:1])).one(0)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.4385, abs=1e-4)  # Wilson, 3 of 3: 1 / (1 + 1.96^2 / 3)
