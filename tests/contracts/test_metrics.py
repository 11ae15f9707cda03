"""What every metric in the registry promises, whatever it is.

The oracles are other libraries over the same rows (`tests/contracts/metric_oracles.py`). A new metric needs a line there, and
nothing else here.
"""

import os
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import STATES, Measured, State, Undefined
from monitor.metric import GroupMetric, Sums
from monitor.metrics import metric, names, registry
from monitor.sums import SCORE_UNIT, Ints
from tests.contracts.binned_oracles import BINNED
from tests.contracts.metric_oracles import GROUPS, SETS, SHARES, quiet
from tests.monitor.population import Person, count

ELSEWHERE = frozenset(BINNED)
"""What `test_binned_metrics.py` promises: numbers of histograms and of outcomes' values, which need other rows."""

EVERY = pytest.mark.parametrize("each", [m for n, m in registry().items() if n not in ELSEWHERE], ids=lambda m: m.name)

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "1"))
"""How many times as many random batches are tried: `FAIRDRIFT_EXAMPLES=50 pytest tests/contracts/test_metrics.py`."""

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: a MetricFrame takes its time, and shrinking would make thousands."""

PEOPLE = st.lists(
    st.builds(
        Person,
        groups=st.sampled_from([{"sex": s, "age": a} for s in ("F", "M", "X") for a in ("old", "young")]),
        decision=st.booleans(),
        label=st.booleans(),
        score=st.integers(0, 1_000_000),
        value=st.integers(1, 10_000_000),
    ),
    min_size=1,
    max_size=40,
)


OF_GROUPS = pytest.mark.parametrize("each", [m for n, m in registry().items() if n in GROUPS], ids=lambda m: m.name)

OF_BOTH = {"label_coverage"}
"""Metrics of predictions and outcomes together: see `test_label_coverage`."""


OF_POPULATIONS = {"representation_difference", "representation_ratio", "population_stability_index"}
"""Metrics that need a reference population: see tests/monitor/test_representation.py."""


def test_every_metric_has_an_oracle() -> None:
    assert {*GROUPS, *(name for name, _ in SETS), *SHARES, *OF_BOTH, *OF_POPULATIONS, *ELSEWHERE} == set(registry())
    for name, one in registry().items():
        assert name in {*ELSEWHERE, *OF_POPULATIONS} or one.of_groups == (name in {*GROUPS, *SHARES, *OF_BOTH})


def test_names_and_aliases_lead_to_the_metric() -> None:
    assert metric("tpr").name == metric("recall").name == "true_positive_rate"
    assert metric("ppv").name == "precision"
    assert set(registry()) <= set(names())


@EVERY
def test_nothing_counted_is_undefined_and_says_of_what(each: GroupMetric) -> None:
    (found,) = each.compute(Sums(each.layout, each.layout.zeros(1)))
    assert (found.state, found.value, found.low, found.high) == (State.UNDEFINED, None, None, None)
    assert found.n == 0
    if each.kind in ("rate", "mean"):
        assert found == Undefined(f"no {each.denominator}", 0, 0.0, 0.0)
    elif each.kind == "statistic":
        assert isinstance(found, Undefined)
        assert found.reason.startswith("no ")


@EVERY
@settings(max_examples=15 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(people=PEOPLE, seed=st.randoms(use_true_random=False))
def test_merge_order_does_not_matter(each: GroupMetric, people: list[Person], seed: Any) -> None:
    """To the last bit: any order of events, split over panes anywhere."""
    shuffled = list(people)
    seed.shuffle(shuffled)
    cut = seed.randint(0, len(people))
    whole = _totals(people, each)
    merged = _totals(shuffled[:cut], each) + _totals(shuffled[cut:], each)
    assert np.array_equal(whole, merged)
    found, again = (each.compute(Sums(each.layout, m, 0.01)).one(0) for m in (whole, merged))
    assert found == again


def _totals(people: list[Person], each: GroupMetric) -> np.ndarray:
    return _matrix(people, each).sum(axis=0, keepdims=True)


def _matrix(people: list[Person], each: GroupMetric) -> Ints:
    _, decisions, labels = count(people)
    both = np.concatenate([decisions, labels], axis=1)
    return {"decision": decisions, "label": labels, "both": both}[each.needs]


@OF_GROUPS
@settings(max_examples=6 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_group_and_gap_equals_the_libraries(each: GroupMetric, people: list[Person]) -> None:
    for attributes in (("sex",), ("age", "sex")):
        _compare(each, people, attributes)


def _compare(each: GroupMetric, people: list[Person], attributes: tuple[str, ...]) -> None:
    specs = tuple(DisparitySpec(a, m) for a in COMPARING for m in (Method.BETWEEN_GROUPS, Method.TO_OVERALL))
    plan = Plan("m", ((), attributes), (each.name,), specs, value_unit=0.01)
    found = assess(*count(people), plan)
    frame = _frame(each, people, attributes)
    by_group = {tuple(np.atleast_1d(key)): value for key, value in frame.by_group.items()}
    undefined = 0
    for point in found.groups:
        expected: Any = by_group.get(tuple(point.group_values.values())) if point.attribute_set else frame.overall
        estimate = point.estimate
        assert estimate.n == _events(each, people, point.group_values)
        if isinstance(estimate, Measured):
            assert estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert estimate.low is None or estimate.low <= estimate.value + 1e-12
            assert estimate.high is None or estimate.high >= estimate.value - 1e-12
            if each.kind in ("rate", "mean"):
                assert estimate.numerator == pytest.approx(estimate.value * estimate.n)
        else:
            assert not np.isfinite(expected) or expected in MADE_UP.get(each.name, (0.0,))
            undefined += 1
    if not undefined and len(by_group) > 1:
        _compare_gaps(found, frame)


MADE_UP: dict[str, tuple[float, ...]] = {
    "balanced_accuracy": tuple(k / n for n in range(1, 41) for k in range(n + 1)),  # the rate of the one class there is
    "average_odds": tuple(k / (2 * n) for n in range(1, 41) for k in range(n + 1)),  # an undefined rate as 0
    "negative_odds": tuple(k / (2 * n) for n in range(1, 41) for k in range(n + 1)),
    "average_predictive_value": tuple(k / (2 * n) for n in range(1, 41) for k in range(n + 1)),
}
"""What the libraries answer to an empty denominator, where that is not 0, NaN or infinite."""


def _compare_gaps(found: Assessment, frame: Any) -> None:
    """Where no group is undefined, of which Fairlearn makes 0."""
    for point in found.disparities:
        expected = getattr(frame, point.aggregate)(method=point.method)
        if point.estimate.value is None:
            assert point.aggregate is Aggregate.RATIO
            sides = [side.estimate.value for side in (point.lower, point.higher) if side is not None]
            assert np.isnan(expected) or not sides or any(value is not None and value <= 0.0 for value in sides)
        else:
            assert point.estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert point.lower_group != point.higher_group


def _events(each: GroupMetric, people: list[Person], groups: Any) -> int:
    """How many people the metric's denominator counts, by its meaning; the least, if it has several."""
    counted: dict[str, Callable[[Person], bool | None]] = {
        "labelled decisions": lambda p: True,
        "positive labels": lambda p: p.label,
        "negative labels": lambda p: not p.label,
        "labelled favourable decisions": lambda p: p.decision,
        "labelled unfavourable decisions": lambda p: not p.decision,
        "false positives": lambda p: p.decision and not p.label,
        "scored positive labels": lambda p: p.label,
        "scored negative labels": lambda p: not p.label,
    }
    chosen = [p for p in people if groups.items() <= p.groups.items()]
    tally = each.tally(Sums(each.layout, each.layout.zeros(1)))
    parts = getattr(tally, "parts", None) or {each.denominator: None}
    return min(sum(bool(counted.get(part, lambda p: True)(p)) for p in chosen) for part in parts)


def _table(people: list[Person], attributes: tuple[str, ...]) -> pd.DataFrame:
    """The rows, with attributes and their intersection as `group`."""
    table = pd.DataFrame(
        {
            "decision": [int(bool(p.decision)) for p in people],
            "label": [int(bool(p.label)) for p in people],
            "score": [(p.score or 0) * SCORE_UNIT for p in people],
            "value": [(p.value or 0) * 0.01 for p in people],
            "group": [" ".join(p.groups[name] for name in attributes) for p in people],
        }
    )
    for name in attributes:
        table[name] = [p.groups[name] for p in people]
    return table


def _frame(each: GroupMetric, people: list[Person], attributes: tuple[str, ...]) -> Any:
    truth, predicted, function = GROUPS[each.name]
    table = _table(people, attributes)
    return fairlearn.MetricFrame(
        metrics=quiet(function),
        y_true=table[truth].to_numpy(),
        y_pred=table[predicted].to_numpy(),
        sensitive_features=table[list(attributes)],
    )


@pytest.mark.parametrize(("name", "aggregate"), list(SETS), ids=str)
@settings(max_examples=12 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_number_of_several_groups_equals_the_libraries(name: str, aggregate: str, people: list[Person]) -> None:
    spec = DisparitySpec(Aggregate(aggregate), Method.BETWEEN_GROUPS)
    for attributes in (("sex",), ("age", "sex")):
        found = assess(*count(people), Plan("m", (attributes,), (name,), (spec,)))
        (point,) = found.disparities
        table = _table(people, attributes)
        taking = [group for group, rows in table.groupby("group") if _takes_part(name, rows)]
        table = table[table["group"].isin(taking)]
        if len(taking) < 2:
            assert isinstance(point.estimate, Undefined)
            continue
        expected = _quietly(SETS[name, aggregate], table)
        assert point.estimate.n == _standing(name, aggregate, table, point)
        if point.estimate.value is None:
            assert not np.isfinite(expected) or _zero_over_zero(name, aggregate, table)
        else:
            assert point.estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert point.lower_group is not None
            assert point.lower_group != point.higher_group
            assert point.estimate.low is None or point.estimate.low <= point.estimate.value + 1e-9
            assert point.estimate.high is None or point.estimate.high >= point.estimate.value - 1e-9


def _zero_over_zero(name: str, aggregate: str, table: pd.DataFrame) -> bool:
    """Whether one of the rates is 0 in every group: Fairlearn leaves that ratio out, or counts it as 0."""
    rates = [table[(table["label"] == y) & (table["decision"] == 1)] for y in (0, 1)]
    return name.startswith("equalized_odds") and "ratio" in name + aggregate and any(rate.empty for rate in rates)


def _quietly(function: Callable[[pd.DataFrame], float], table: pd.DataFrame) -> float:
    return float(quiet(lambda rows, _: function(rows))(table, None))


def _takes_part(name: str, rows: pd.DataFrame) -> bool:
    """Whether no denominator of the group is empty: those with an empty one would be made up."""
    return "odds" not in name or rows["label"].nunique() == 2


def _standing(name: str, aggregate: str, table: pd.DataFrame, point: Any) -> int:
    """The events behind both groups, or behind all of them: of each group the least of its denominators."""
    least = {
        g: min(rows["label"].value_counts()) if "odds" in name else len(rows) for g, rows in table.groupby("group")
    }
    if aggregate == "index":
        return sum(least.values())
    return sum(least[" ".join(side.values())] for side in (point.lower_group, point.higher_group))


@settings(max_examples=12 * EXAMPLES, deadline=None, phases=QUICK)
@given(people=PEOPLE)
def test_shares(people: list[Person]) -> None:
    """A group's part of everybody, counted one by one."""
    chosen = tuple(sorted(SHARES))
    found = assess(
        *count(people), Plan("m", (("sex",),), chosen, (DisparitySpec(Aggregate.DIFFERENCE, Method.TO_REST),))
    )
    assert not found.disparities
    for point in found.groups:
        mine = [p for p in people if point.group_values.items() <= p.groups.items()]
        sums = {
            "representation": (len(mine), len(people)),
            "share_of_selected": (sum(bool(p.decision) for p in mine), sum(bool(p.decision) for p in people)),
        }
        if point.metric in sums:
            part, whole = sums[point.metric]
            assert point.estimate.value == (pytest.approx(part / whole) if whole else None)
            continue
        side: Callable[[Person], bool] = (
            (lambda p: bool(p.label)) if "label" in point.metric else (lambda p: bool(p.decision))
        )
        good, bad = ([p for p in people if side(p) is wanted] for wanted in (True, False))
        expected = None
        if good and bad and mine:
            expected = len([p for p in mine if not side(p)]) / len(bad) - len([p for p in mine if side(p)]) / len(good)
        assert point.estimate.value == (None if expected is None else pytest.approx(expected))


def test_label_coverage() -> None:
    people = [Person({"sex": s}, decision=True, label=y) for s, y in (("F", True), ("F", None), ("M", False))]
    found = assess(*count(people), Plan("m", (("sex",),), ("label_coverage",)))
    assert [p.estimate.value for p in found.groups] == [2 / 3, 0.5, 1.0]
    assert [(p.aggregate.value, p.estimate.value) for p in found.disparities] == [("difference", 0.5), ("ratio", 0.5)]


@EVERY
def test_one_event_makes_nothing_certain(each: GroupMetric) -> None:
    """Where there is an interval it has a width, whatever happened to the one person of each group."""
    specs = (*(DisparitySpec(a, Method.BETWEEN_GROUPS) for a in COMPARING), INDEX)
    plan = Plan("m", (("sex",),), (each.name,), specs, value_unit=1.0)
    for decided, labelled, decided_too, labelled_too in product((True, False), repeat=4):
        people = [
            Person({"sex": "F"}, decision=decided, label=labelled, score=500_000, value=7),
            Person({"sex": "M"}, decision=decided_too, label=labelled_too, score=500_000, value=9),
        ]
        found = assess(*count(people), plan)
        for estimate in [p.estimate for p in found.groups] + [p.estimate for p in found.disparities]:
            assert estimate.low is None or estimate.high is None or estimate.low < estimate.high


INDEX = DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS)


@EVERY
def test_selective_labels_make_undefined_what_needs_all_labels(each: GroupMetric) -> None:
    people = [Person({"sex": s}, decision=True, label=y, score=5, value=7) for s in "FM" for y in (True, False)] * 5
    specs = tuple(DisparitySpec(a, m) for a in COMPARING for m in Method)
    plan = Plan("m", ((), ("sex",)), (each.name,), specs, references={"sex": "M"}, labels="favourable_only")
    found = assess(*count(people), plan)
    estimates = [p.estimate for p in found.groups] + [p.estimate for p in found.disparities]
    reasons = {estimate.reason for estimate in estimates}
    assert any("selective labels" in (r or "") for r in reasons) == (each.all_labels and bool(estimates))
    if each.all_labels:
        assert all(isinstance(estimate, Undefined) for estimate in estimates)


def test_metrics_that_need_all_labels_are_the_ones_that_look_at_unfavourable_decisions_too() -> None:
    some = {"precision", "false_discovery_rate"}
    assert {n for n, m in registry().items() if m.needs == "label" and not m.all_labels} - ELSEWHERE == some


@EVERY
def test_arrays_and_single_estimates_agree(each: GroupMetric) -> None:
    people = [Person({"sex": s}, decision=s == "F", label=True, score=5, value=7) for s in "FFM"]
    estimates = each.compute(Sums(each.layout, _matrix(people, each), 0.01))
    assert [estimates.one(at) for at in range(len(estimates))] == list(estimates)
    assert [STATES[code] for code in estimates.state] == [e.state for e in estimates]
