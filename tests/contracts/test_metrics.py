"""What every metric in the registry promises, whatever it is.

The oracle of each is Fairlearn's `MetricFrame` over the same rows (scikit-learn's functions where Fairlearn uses them). A new
metric needs a line in `ORACLES`, and nothing else here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import STATES, Measured, State, Undefined
from monitor.metric import GroupMetric, Sums
from monitor.metrics import metric, names, registry
from monitor.sums import SCORE_UNIT
from tests.monitor.population import Person, count

ORACLES: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "selection_rate": ("decision", "decision", fairlearn.selection_rate),
    "true_positive_rate": ("label", "decision", fairlearn.true_positive_rate),
    "false_positive_rate": ("label", "decision", fairlearn.false_positive_rate),
    "false_negative_rate": ("label", "decision", fairlearn.false_negative_rate),
    "precision": ("label", "decision", lambda y, p: sklearn.precision_score(y, p, zero_division=0)),
    "accuracy": ("label", "decision", sklearn.accuracy_score),
    "mean_value": ("value", "value", fairlearn.mean_prediction),
    "mean_score": ("score", "score", fairlearn.mean_prediction),
}
"""Metric to the columns of truth and prediction, and the function over them."""

EVERY = pytest.mark.parametrize("each", registry().values(), ids=list(registry()))

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


def test_every_metric_has_an_oracle() -> None:
    assert set(ORACLES) == set(registry())


def test_names_and_aliases_lead_to_the_metric() -> None:
    assert metric("tpr").name == metric("recall").name == "true_positive_rate"
    assert metric("ppv").name == "precision"
    assert set(registry()) <= set(names())


@EVERY
def test_nothing_counted_is_undefined_and_says_of_what(each: GroupMetric) -> None:
    (found,) = each.compute(Sums(each.layout, each.layout.zeros(1)))
    assert found == Undefined(f"no {each.denominator}", 0, 0.0, 0.0)
    assert (found.state, found.value, found.low, found.high) == (State.UNDEFINED, None, None, None)


@EVERY
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    _, decisions, labels = count(people)
    matrix = decisions if each.needs == "decision" else labels
    return matrix.sum(axis=0, keepdims=True)


@EVERY
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_group_and_gap_equals_fairlearns(each: GroupMetric, people: list[Person]) -> None:
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
        expected = by_group.get(tuple(point.group_values.values())) if point.attribute_set else frame.overall
        estimate = point.estimate
        assert estimate.n == _events(each, people, point.group_values)
        if isinstance(estimate, Measured):
            assert estimate.value == pytest.approx(expected, rel=1e-9)
            assert estimate.numerator == pytest.approx(estimate.value * estimate.n)
            assert estimate.low is None or estimate.low <= estimate.value + 1e-12
            assert estimate.high is None or estimate.high >= estimate.value - 1e-12
        else:
            assert expected == 0.0  # Fairlearn's answer to an empty denominator
            undefined += 1
    if not undefined and len(by_group) > 1:
        _compare_gaps(found, frame)


def _compare_gaps(found: Assessment, frame: Any) -> None:
    """Where no group is undefined, of which Fairlearn makes 0."""
    for point in found.disparities:
        expected = getattr(frame, point.aggregate)(method=point.method)
        if point.estimate.value is None:
            assert point.aggregate is Aggregate.RATIO
            assert np.isnan(expected) or point.higher is None or point.higher.estimate.value == 0.0
        else:
            assert point.estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert point.lower_group != point.higher_group


def _events(each: GroupMetric, people: list[Person], groups: Any) -> int:
    """How many people the metric's denominator counts, by its meaning."""
    counted: dict[str, Callable[[Person], bool | None]] = {
        "true_positive_rate": lambda p: p.label,
        "false_negative_rate": lambda p: p.label,
        "false_positive_rate": lambda p: not p.label,
        "precision": lambda p: p.decision,
    }
    chosen = (p for p in people if groups.items() <= p.groups.items())
    return sum(bool(counted.get(each.name, lambda p: True)(p)) for p in chosen)


def _frame(each: GroupMetric, people: list[Person], attributes: tuple[str, ...]) -> Any:
    columns = {
        "decision": [p.decision for p in people],
        "label": [p.label for p in people],
        "score": [(p.score or 0) * SCORE_UNIT for p in people],
        "value": [(p.value or 0) * 0.01 for p in people],
    }
    truth, predicted, function = ORACLES[each.name]
    features = pd.DataFrame({name: [p.groups[name] for p in people] for name in attributes})
    return fairlearn.MetricFrame(
        metrics=function,
        y_true=np.array(columns[truth]) * 1,
        y_pred=np.array(columns[predicted]) * 1,
        sensitive_features=features,
    )


@EVERY
def test_selective_labels_make_undefined_what_needs_all_labels(each: GroupMetric) -> None:
    people = [Person({"sex": s}, decision=True, label=y, score=5, value=7) for s in "FM" for y in (True, False)] * 5
    specs = tuple(DisparitySpec(a, m) for a in COMPARING for m in Method)
    plan = Plan("m", ((), ("sex",)), (each.name,), specs, references={"sex": "M"}, labels="favourable_only")
    found = assess(*count(people), plan)
    estimates = [p.estimate for p in found.groups] + [p.estimate for p in found.disparities]
    reasons = {estimate.reason for estimate in estimates}
    assert any("selective labels" in (r or "") for r in reasons) == each.all_labels
    if each.all_labels:
        assert all(isinstance(estimate, Undefined) for estimate in estimates)


def test_metrics_that_need_all_labels_are_the_ones_that_divide_by_unfavourable_decisions_too() -> None:
    expected = {"true_positive_rate", "false_positive_rate", "false_negative_rate", "accuracy"}
    assert {m.name for m in registry().values() if m.all_labels} == expected


@EVERY
def test_arrays_and_single_estimates_agree(each: GroupMetric) -> None:
    people = [Person({"sex": s}, decision=s == "F", label=True, score=5, value=7) for s in "FFM"]
    _, decisions, labels = count(people)
    estimates = each.compute(Sums(each.layout, decisions if each.needs == "decision" else labels, 0.01))
    assert [estimates.one(at) for at in range(len(estimates))] == list(estimates)
    assert [STATES[code] for code in estimates.state] == [e.state for e in estimates]
