"""Distances of weighted scores and values: equal to SciPy's with weights, and to people counted as often as they weigh."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from monitor.assess import Plan, assessed
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.estimates import Undefined
from monitor.grouping import grouping
from monitor.metric import LAYOUTS_OF, WEIGHTED, Needs
from monitor.sums import Ints
from tests.acceptance.definition import weighted_score_sums, weighted_value_sums
from tests.acceptance.parsing import Event
from tests.contracts.binned_oracles import CELLS, HIGH, LOW, PAIRS, Sample, hundredths, ordered, placed, slot, tenths
from tests.contracts.binned_oracles import UNIT as VALUE_UNIT
from tests.contracts.weighed import EXAMPLES, QUICK

UNIT = 1e-6


class Row(NamedTuple):
    """A decision: score in millionths, value and weight in units."""

    sex: str
    score: int
    value: int
    weight: int


ROWS = st.lists(
    st.builds(
        Row,
        sex=st.sampled_from("FMX"),
        score=st.one_of(st.sampled_from([0, 500_000, 10**6]), st.integers(0, 10**6)),
        value=st.one_of(st.integers(-100, 1000), st.integers(200, 230)),
        weight=st.one_of(st.sampled_from([1, 10**6, 2**31 - 1]), st.integers(1, 2**31 - 1)),
    ),
    min_size=1,
    max_size=40,
)


def sums_of(rows: list[Row]) -> dict[Needs, Ints]:
    found: dict[Needs, list[Counter[str]]] = {needs: [Counter() for _ in CELLS] for needs in ("score", "value")}
    for row in rows:
        at = "FMX".index(row.sex)
        event = Event(("x",), "m", "x", 0, score=row.score, value=row.value, slot=slot(row.value), weight=row.weight)
        found["score"][at].update(weighted_score_sums(event))
        found["value"][at].update(weighted_value_sums(event))
    return {
        needs: np.array([[cell[name] for name in WEIGHTED[needs].slots] for cell in cells], dtype=np.int64)
        for needs, cells in found.items()
    }


def plan(name: str, *methods: Method) -> Plan:
    specs = tuple(DisparitySpec(Aggregate.DIFFERENCE, method) for method in methods)
    return Plan(
        "m", (("sex",),), (name,), specs, value_unit=VALUE_UNIT, value_range=(LOW * VALUE_UNIT, HIGH * VALUE_UNIT),
        weight_unit=UNIT,
    )  # fmt: skip


def columns(rows: list[Row], sex: str) -> tuple[Any, Any, Any]:
    chosen = [row for row in rows if row.sex == sex]
    scores, values, weights = (np.array([getattr(r, name) for r in chosen]) for name in ("score", "value", "weight"))
    return hundredths(scores / 1e6), values * VALUE_UNIT, weights * UNIT


def farthest(one: tuple[Any, Any], other: tuple[Any, Any]) -> float:
    """The greatest difference of two distribution functions by weight."""
    at = np.concatenate([one[0], other[0]])[:, None]
    reached = [(weight * (rows <= at)).sum(axis=1) / weight.sum() for rows, weight in (one, other)]
    return float(np.abs(reached[0] - reached[1]).max())


def moved(one: tuple[Any, Any], other: tuple[Any, Any]) -> float:
    return float(stats.wasserstein_distance(one[0], other[0], one[1], other[1]))


def drifted(one: tuple[Any, Any], other: tuple[Any, Any]) -> float:
    """The tenths hold as much weight each, so the mean of their means is the mean."""
    return float(abs(np.average(one[0], weights=one[1]) - np.average(other[0], weights=other[1])))


DISTANCES: dict[str, tuple[int, Callable[[Any], Any], Callable[..., float]]] = {
    "score_ks_distance": (0, lambda rows: rows, farthest),
    "score_wasserstein_distance": (0, lambda rows: rows, moved),
    "value_ks_distance": (1, ordered, farthest),
    "value_wasserstein_distance": (1, placed, moved),
    "quantile_demographic_drift": (1, placed, drifted),
}
QUICKLY = settings(
    max_examples=10 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK
)


@pytest.mark.parametrize("name", DISTANCES)
@QUICKLY
@given(rows=ROWS)
def test_the_farthest_pair_equals_scipys(name: str, rows: list[Row]) -> None:
    given_plan = plan(name, Method.BETWEEN_GROUPS)
    (gap,) = assessed(grouping(CELLS, given_plan.shape()), sums_of(rows), given_plan).disparities
    column, change, distance = DISTANCES[name]
    sides = {sex: columns(rows, sex) for sex in sorted({row.sex for row in rows})}
    known = [
        distance((change(sides[a][column]), sides[a][2]), (change(sides[b][column]), sides[b][2]))
        for a, b in combinations(sides, 2)
    ]
    if not known:
        assert isinstance(gap.estimate, Undefined)
        return
    assert gap.estimate.value == pytest.approx(max(known), rel=1e-6, abs=1e-6)
    assert gap.estimate.low is None or 0 <= gap.estimate.low <= max(known) + 1e-6
    assert gap.estimate.high is None or gap.estimate.high >= max(known) - 1e-6


@pytest.mark.parametrize("name", [*DISTANCES, "largest_quantile_gap"])
@QUICKLY
@given(rows=ROWS, copies=st.lists(st.integers(1, 4), min_size=40, max_size=40))
def test_whole_weights_are_as_many_people(name: str, rows: list[Row], copies: list[int]) -> None:
    """The value; `n` is of those who are there."""
    heavy = [row._replace(weight=n * 10**6) for row, n in zip(rows, copies, strict=False)]
    given_plan = plan(name, Method.BETWEEN_GROUPS)
    (gap,) = assessed(grouping(CELLS, given_plan.shape()), sums_of(heavy), given_plan).disparities
    crowd: dict[str, Sample] = {}
    for sex in sorted({row.sex for row in rows}):
        many = [row for row, n in zip(rows, copies, strict=False) for _ in range(n) if row.sex == sex]
        nothing = np.array([])
        scores, values = np.array([r.score for r in many]) / 1e6, np.array([r.value for r in many]) * VALUE_UNIT
        crowd[sex] = Sample(scores, nothing, nothing, values, nothing, nothing)
    function = (
        (lambda a, b: np.abs(tenths(a.values) - tenths(b.values)).max())
        if name == "largest_quantile_gap"
        else PAIRS[name][1]
    )
    known = [function(crowd[a], crowd[b]) for a, b in combinations(crowd, 2)]
    if known:
        assert gap.estimate.value == pytest.approx(max(known), rel=1e-6, abs=1e-6)
        assert gap.estimate.n <= len(rows)


@pytest.mark.parametrize("name", [*DISTANCES, "largest_quantile_gap"])
@QUICKLY
@given(rows=ROWS, weight=st.integers(1, 2**31 - 1))
def test_equal_weights_change_nothing(name: str, rows: list[Row], weight: int) -> None:
    """Of two groups, so that it is one pair: value and interval."""
    rows = [row._replace(sex="F" if row.sex == "X" else row.sex, weight=weight) for row in rows]
    given_plan, found = plan(name, Method.BETWEEN_GROUPS), []
    weighty = sums_of(rows)
    plain = {needs: np.round(sums[:, 3:] / weight).astype(np.int64) for needs, sums in weighty.items()}
    for sums, unit in ((weighty, UNIT), (plain, None)):
        its = replace(given_plan, weight_unit=unit)
        found.append(assessed(grouping(CELLS, its.shape()), sums, its).disparities[0].estimate)
    assert all(sums.shape[1] == len(LAYOUTS_OF[needs]) for needs, sums in plain.items())
    one, other = found
    assert (one.n, one.state) == (other.n, other.state)
    for end in ("value", "low", "high"):
        left, right = getattr(one, end), getattr(other, end)
        assert (left is None) == (right is None)
        assert left is None or left == pytest.approx(right, rel=1e-7, abs=1e-7)
