"""What every metric that can be weighted promises: equal to Fairlearn's `MetricFrame` with `sample_weight`, to AIF360's gaps,
and to plain counting where all weigh the same or whole numbers of people stand behind a weight.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import isclose
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from monitor.assess import Plan
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import Measured, State, Undefined
from monitor.intervals import wilson
from monitor.metrics import metric, registry
from tests.contracts.weighed import (
    EXAMPLES,
    LARGEST,
    PEOPLE,
    QUICK,
    UNIT,
    WEIGHING,
    Weighed,
    assessed,
    matrices,
    ordered,
    plain,
)
from tests.monitor.population import Person

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its docstrings have invalid escapes
    from aif360.sklearn import metrics as aif360


def test_what_can_be_weighted() -> None:
    """Every rate and mean, the composites of a group's own rates and those of sizes; no test of counts, nothing of histograms."""
    quotients = {
        name for name, one in registry().items() if one.kind in ("rate", "mean") and one.needs not in ("score", "value")
    }
    assert {name for name in WEIGHING if metric(name).kind in ("rate", "mean")} == quotients
    assert {"f1", "equalized_odds", "equalized_odds_mean", "treatment_equality"} <= set(WEIGHING)
    assert {"root_mean_squared_error", "generalized_equalized_odds", "standardised_mean_difference"} <= set(WEIGHING)
    assert {"class_imbalance", "mutual_information_independence", "population_stability_index"} <= set(WEIGHING)
    assert {"roc_auc", "brier_score", "expected_calibration_error"} <= set(WEIGHING)
    for name in ("scoring_rate", "value_quantile_50", "differential_fairness", "selection_rate_z"):
        assert not metric(name).weighs


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """With its weights, and without the warnings that libraries give where they make a number up."""

    def call(y: Any, p: Any, sample_weight: Any) -> float:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return float(function(y, p, sample_weight=sample_weight))

    return call


FRAME: dict[str, Callable[..., Any]] = {
    "selection_rate": fairlearn.selection_rate,
    "rejection_rate": lambda y, p, sample_weight: fairlearn.selection_rate(
        y, p, pos_label=0, sample_weight=sample_weight
    ),
    "base_rate": lambda y, p, sample_weight: fairlearn.selection_rate(p, y, sample_weight=sample_weight),
    "true_positive_rate": fairlearn.true_positive_rate,
    "false_positive_rate": fairlearn.false_positive_rate,
    "true_negative_rate": fairlearn.true_negative_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
    "precision": sklearn.precision_score,
    "false_omission_rate": aif360.false_omission_rate_error,
    "accuracy": sklearn.accuracy_score,
    "error_rate": sklearn.zero_one_loss,
    "balanced_accuracy": sklearn.balanced_accuracy_score,
    "f1": sklearn.f1_score,
    "matthews_correlation": sklearn.matthews_corrcoef,
}
"""Metric to the libraries' function that takes `sample_weight`."""


ROUNDING = {"matthews_correlation": 1e-6}
"""scikit-learn loses digits where one weight is two thousand million times another: it says -1.0000000035 for -1."""


def _columns(people: Sequence[Weighed]) -> tuple[Any, Any, Any, Any]:
    y, p = (np.array([int(bool(getattr(one.person, name))) for one in people]) for name in ("label", "decision"))
    return y, p, np.array([one.weight * UNIT for one in people]), np.array([one.person.groups["sex"] for one in people])


@settings(max_examples=8 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_group_and_gap_equals_metric_frame(people: list[Weighed]) -> None:
    y, p, weight, sex = _columns(people)
    functions = {name: _plain(function) for name, function in FRAME.items()}
    weights = {name: {"sample_weight": weight} for name in FRAME}
    table = pd.DataFrame({"sex": sex})
    frame = fairlearn.MetricFrame(
        metrics=functions, y_true=y, y_pred=p, sensitive_features=table, sample_params=weights
    )
    found = assessed(people, tuple(FRAME), attribute_sets=((), ("sex",)))
    undefined: set[str] = set()
    for point in found.groups:
        expected = (
            frame.by_group[point.metric][point.group_values["sex"]]
            if point.group_values
            else frame.overall[point.metric]
        )
        if isinstance(point.estimate, Measured):
            assert point.estimate.value == pytest.approx(expected, rel=1e-9, abs=ROUNDING.get(point.metric, 1e-9))
            assert ordered(point.estimate.value, point.estimate.low, point.estimate.high)
        else:
            undefined.add(point.metric)  # where they make up 0, 1, or the rate of the one class there is
    with np.errstate(all="ignore"):
        gaps = {
            (a, m): getattr(frame, a.value)(method=m.value)
            for a in COMPARING
            for m in (Method.BETWEEN_GROUPS, Method.TO_OVERALL)
        }
    for gap in found.disparities:
        if gap.metric not in undefined and gap.estimate.value is not None:
            expected = gaps[gap.aggregate, gap.method][gap.metric]
            # a ratio of rates of a billionth, which the libraries get by subtraction from 1
            assert gap.estimate.value == pytest.approx(expected, rel=1e-5, abs=ROUNDING.get(gap.metric, 1e-9))


@settings(max_examples=8 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_odds_of_all_groups_equal_fairlearns(people: list[Weighed]) -> None:
    y, p, weight, sex = _columns(people)
    names = ("equalized_odds", "equalized_odds_mean")
    found = {(g.metric, g.aggregate): g.estimate for g in assessed(people, names, attribute_sets=(("sex",),)).disparities
             if g.method is Method.BETWEEN_GROUPS}  # fmt: skip
    whole = all(
        {(g, label) for label in (0, 1)} <= set(zip(sex.tolist(), y.tolist(), strict=True)) for g in set(sex.tolist())
    )
    if not whole or len(set(sex.tolist())) < 2:
        return  # a group without one of the labels: undefined here, and made up there
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        how = {"sensitive_features": sex, "sample_weight": weight}
        greatest, mean = (fairlearn.equalized_odds_difference(y, p, agg=agg, **how) for agg in ("worst_case", "mean"))
        ratio = fairlearn.equalized_odds_ratio(y, p, **how)
    assert found["equalized_odds", Aggregate.DIFFERENCE].value == pytest.approx(greatest, abs=1e-9)
    assert found["equalized_odds_mean", Aggregate.INDEX].value == pytest.approx(mean, abs=1e-9)
    if found["equalized_odds", Aggregate.RATIO].value is not None:
        assert found["equalized_odds", Aggregate.RATIO].value == pytest.approx(ratio, abs=1e-9)


@settings(max_examples=8 * EXAMPLES, deadline=None, phases=QUICK)
@given(people=PEOPLE)
def test_gaps_of_two_groups_equal_aif360s(people: list[Weighed]) -> None:
    people = [one for one in people if one.person.groups["sex"] != "X"]
    if len({one.person.groups["sex"] for one in people}) < 2:
        return
    y, p, weight, sex = _columns(people)
    specs = tuple(DisparitySpec(a, Method.TO_REFERENCE) for a in COMPARING)
    found = {g.aggregate: g.estimate for g in assessed(
        people, ("selection_rate",), attribute_sets=(("sex",),), references={"sex": "M"}, disparities=specs
    ).disparities}  # fmt: skip
    how = {"prot_attr": (sex == "M").astype(int), "priv_group": 1, "sample_weight": weight}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        difference = aif360.statistical_parity_difference(y, p, **how)
        ratio = aif360.disparate_impact_ratio(y, p, **how)
    assert found[Aggregate.DIFFERENCE].value == pytest.approx(difference, abs=1e-9)
    if found[Aggregate.RATIO].value is None:
        assert not (p[sex == "M"]).any()  # AIF360 says 0 then
    else:
        assert found[Aggregate.RATIO].value == pytest.approx(ratio, rel=1e-9)


CLIPPED = "weighted_absolute_percentage_error"
"""Its interval takes squares of errors as they are where they count alike, and as far as they are counted where they weigh."""


TWO_LABELLED = [Weighed(Person({"sex": "F", "age": "young"}, False, True, score), 1, None) for score in (7_420, 10_312)]
"""With a weight of which w / w^2 is not one over it in binary."""


def _beyond(people: Sequence[Weighed]) -> bool:
    """Whether an error is beyond what is counted."""
    return any(abs((one.person.value or 0) - (one.outcome or 0)) > LARGEST for one in people)


@settings(max_examples=8 * EXAMPLES, deadline=None, phases=QUICK)
@given(people=PEOPLE, weight=st.integers(1, 2**31 - 1))
@example(people=TWO_LABELLED, weight=1_197_225_775)
def test_equal_weights_change_nothing(people: list[Weighed], weight: int) -> None:
    """Value, interval and people are those of counting; of a gap the value, since equal ones may be of another pair."""
    same = assessed([replace(one, weight=weight) for one in people])
    plan = Plan("m", same.plan.attribute_sets, WEIGHING, same.plan.disparities)
    alone = plain(people, plan)
    ours, theirs = (
        [p.estimate for p in found.groups] + [p.estimate for p in found.disparities] for found in (same, alone)
    )
    for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert a.state == b.state
        assert place >= len(same.groups) or (a.n, a.reason) == (b.n, b.reason)
        far = place < len(same.groups) and same.groups[place].metric == CLIPPED and _beyond(people)
        for name in ("value", "low", "high")[: 3 if place < len(same.groups) and not far else 1]:
            left, right = getattr(a, name), getattr(b, name)
            assert (left is None) == (right is None)
            assert left is None or isclose(left, right, rel_tol=1e-7, abs_tol=1e-7)


@settings(max_examples=5 * EXAMPLES, deadline=None, phases=QUICK)
@given(people=PEOPLE, copies=st.lists(st.integers(1, 4), min_size=40, max_size=40))
def test_whole_weights_are_as_many_people(people: list[Weighed], copies: list[int]) -> None:
    """The value; the interval and `n` stand on those who are there."""
    heavy = assessed([replace(one, weight=n * 10**6) for one, n in zip(people, copies, strict=False)])
    crowd = [one for one, n in zip(people, copies, strict=False) for _ in range(n)]
    plan = Plan("m", heavy.plan.attribute_sets, WEIGHING, heavy.plan.disparities)
    counted = plain(crowd, plan)
    for gap, of_crowd in zip(heavy.disparities, counted.disparities, strict=True):
        if metric(gap.metric).kind in ("pair", "index") and metric(gap.metric).weighted is None:
            value = of_crowd.estimate.value
            assert gap.estimate.value == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9))
    many = {(p.metric, *p.group_values.items()): p for p in counted.groups}
    few = {(p.metric, *p.group_values.items()): p for p in plain(people, plan).groups}
    for point in heavy.groups:
        key = (point.metric, *point.group_values.items())
        expected = many[key].estimate.value
        assert point.estimate.value == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-12))
        assert point.estimate.n == few[key].estimate.n


@settings(max_examples=5 * EXAMPLES, deadline=None, phases=QUICK)
@given(people=PEOPLE, seed=st.randoms(use_true_random=False))
def test_any_order_and_split_gives_the_same(people: list[Weighed], seed: Any) -> None:
    """Weights at the very greatest included: sums are integers that do not overflow."""
    shuffled = list(people)
    seed.shuffle(shuffled)
    cut = seed.randint(0, len(people))
    parts = [matrices(part)[1] for part in (shuffled[:cut], shuffled[cut:]) if part]
    for needs, whole in matrices(people)[1].items():
        assert np.array_equal(whole.sum(axis=0), sum(part[needs].sum(axis=0) for part in parts))


def test_the_interval_is_that_of_the_effective_number_by_hand() -> None:
    """Weights 1, 1 and 2, the last favoured: 2 of 4 by weight; (1 + 1 + 2)^2 / (1 + 1 + 4) = 16/6 decisions that count alike."""
    people = [
        Weighed(Person({"sex": "F", "age": "old"}, decision=bool(d)), w * 10**6) for d, w in ((0, 1), (0, 1), (1, 2))
    ]
    (point, *_) = assessed(people, ("selection_rate",), attribute_sets=((),)).groups
    one = point.estimate
    assert (one.value, one.n, one.numerator, one.denominator) == (0.5, 3, 2.0, 4.0)
    alike = float(Fraction(16, 6))
    assert (one.low, one.high) == pytest.approx(tuple(map(float, wilson(alike / 2, alike))))


def test_a_composite_stands_on_one_effective_number_for_the_group() -> None:
    """TPR 3/4 and TNR 1/2 by weight; 1 + 3 + 2 + 2 = 8 of squares 18 are 64/18 alike, half of each label."""
    rows = ((True, False, 1), (True, True, 3), (False, True, 2), (False, False, 2))  # label, decision, weight
    people = [Weighed(Person({"sex": "F", "age": "old"}, decision=d, label=y), w * 10**6) for y, d, w in rows]
    (point, *_) = assessed(people, ("balanced_accuracy",), attribute_sets=((),)).groups
    assert (point.estimate.value, point.estimate.n) == (0.625, 2)
    half = 64 / 18 / 2
    ends = [wilson(rate * half, half) for rate in (0.75, 0.5)]
    below, above = (
        0.5 * np.hypot(*(rate - end[side] for rate, end in zip((0.75, 0.5), ends, strict=True))) for side in (0, 1)
    )
    assert point.estimate.low == pytest.approx(0.625 - below)
    assert point.estimate.high == pytest.approx(0.625 + above)


def test_nothing_counted_and_one_sided_labels_are_undefined() -> None:
    people = [Weighed(Person({"sex": "F", "age": "old"}, decision=True, label=True), 5)]
    found = {
        (p.metric, p.group_values.get("sex")): p.estimate for p in assessed(people, declared={"sex": ("F", "M")}).groups
    }
    assert found["true_positive_rate", "F"].value == 1.0
    assert found["false_positive_rate", "F"] == Undefined("no negative labels", 0, 0.0, 0.0)
    assert found["balanced_accuracy", "F"].reason == "no negative labels"
    assert found["selection_rate", "M"].state is State.UNDEFINED


def test_strata_are_put_together_by_effective_numbers() -> None:
    """Equal weights in a stratum leave its rates alone, so the weighted difference is that of Mantel and Haenszel."""
    people = [
        Weighed(Person({"sex": sex, "age": "old"}, decision=n < k, stratum={"dept": dept}), weight)
        for sex, dept, k, of, weight in (
            ("F", "a", 8, 10, 10**6), ("M", "a", 6, 10, 10**6), ("F", "b", 2, 20, 7 * 10**6), ("M", "b", 1, 10, 7 * 10**6),
        )
        for n in range(of)
    ]  # fmt: skip
    spec = DisparitySpec(Aggregate.DIFFERENCE, Method.TO_REFERENCE)
    how: dict[str, Any] = {"attribute_sets": (("sex",),), "references": {"sex": "M"}, "disparities": (spec,)}
    (found,) = assessed(people, ("selection_rate",), **how).conditional
    a, b = 10 * 10 / 20, 20 * 10 / 30
    assert found.estimates.value[0, 0] == pytest.approx((a * 0.2 + b * 0.0) / (a + b))
    assert found.estimates.n[0, 0] == 50


def test_metrics_that_cannot_be_weighted_are_left_out() -> None:
    people = [Weighed(Person({"sex": "F", "age": "old"}, decision=True, score=5, value=5), 10**6)]
    assert assessed(people, ("selection_rate", "selection_rate_z", "scoring_rate")).metrics == ("selection_rate",)
