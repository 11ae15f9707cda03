"""The assessment of a window: groups, disparities, slices, and what must not be computed."""

from collections import Counter

import numpy as np
import pytest

from monitor.assess import REST, Assessment, DisparityPoint, GroupPoint, Plan, assess, attribute_sets
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import Measured, Stale, State, Undefined
from monitor.grouping import CellInfo
from monitor.intervals import newcombe, score_ratio
from monitor.metric import MetricError
from monitor.sums import DECISIONS, LABELS
from tests.monitor.population import Person, count

EVERY_SPEC = tuple(DisparitySpec(a, m) for a in COMPARING for m in Method)


def people(counts: dict[str, tuple[int, int]], **more: str) -> list[Person]:
    """`{group: (favourable, decided)}` of the attribute sex."""
    return [
        Person({"sex": sex}, decision=at < favourable, **more)  # type: ignore[arg-type]
        for sex, (favourable, decided) in counts.items()
        for at in range(decided)
    ]


def plan(**more: object) -> Plan:
    settings = {
        "model": "m",
        "attribute_sets": ((), ("sex",)),
        "metrics": ("selection_rate",),
        "disparities": EVERY_SPEC,
    }
    return Plan(**{**settings, **more})  # type: ignore[arg-type]


def gap(found: Assessment, aggregate: Aggregate, method: Method) -> DisparityPoint:
    (point,) = (p for p in found.disparities if (p.aggregate, p.method) == (aggregate, method))
    return point


def group(found: Assessment, metric: str = "selection_rate", **values: str) -> GroupPoint:
    (point,) = (p for p in found.groups if p.metric == metric and p.group_values == values and p.version == "*")
    return point


# Newcombe's first example as two groups: 56 of 70 and 48 of 80, .8 and .6.
TWO = people({"F": (48, 80), "M": (56, 70)})


def test_every_group_and_everybody() -> None:
    found = assess(*count(TWO), plan())
    estimate = group(found, sex="F").estimate
    assert (estimate.value, estimate.n, estimate.numerator, estimate.denominator) == (0.6, 80, 48.0, 80.0)
    assert (estimate.low, estimate.high) == pytest.approx((0.4904, 0.7004), abs=1e-4)  # Wilson
    assert group(found).estimate.value == pytest.approx(104 / 150)
    assert group(found).attribute_set == ()
    assert len(found.groups) == 3


@pytest.mark.parametrize(
    ("aggregate", "method", "value", "lower", "higher"),
    [
        (Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS, 0.2, {"sex": "F"}, {"sex": "M"}),
        (Aggregate.RATIO, Method.BETWEEN_GROUPS, 0.75, {"sex": "F"}, {"sex": "M"}),
        (Aggregate.DIFFERENCE, Method.TO_OVERALL, 0.8 - 104 / 150, {}, {"sex": "M"}),
        (Aggregate.RATIO, Method.TO_OVERALL, 0.6 / (104 / 150), {"sex": "F"}, {}),
        (Aggregate.DIFFERENCE, Method.TO_REFERENCE, -0.2, {"sex": "F"}, {"sex": "M"}),
        (Aggregate.RATIO, Method.TO_REFERENCE, 0.75, {"sex": "F"}, {"sex": "M"}),
        (Aggregate.DIFFERENCE, Method.TO_REST, -0.2, {"sex": "F"}, REST),
        (Aggregate.RATIO, Method.TO_REST, 0.75, {"sex": "F"}, REST),
    ],
)
def test_two_groups(aggregate: Aggregate, method: Method, value: float, lower: object, higher: object) -> None:
    point = gap(assess(*count(TWO), plan(references={"sex": "M"})), aggregate, method)
    assert point.estimate.value == pytest.approx(value)
    assert (point.lower_group, point.higher_group) == (lower, higher)
    assert point.estimate.n == 150
    assert point.lower is not None and point.higher is not None
    assert point.lower.group_values == lower
    assert point.lower.estimate.value is not None and point.higher.estimate.value is not None
    assert point.lower.estimate.value < point.higher.estimate.value


def test_a_difference_has_newcombes_published_interval() -> None:
    """Two groups are one pair: 56/70 - 48/80 is .0524 to .3339 (Newcombe 1998)."""
    point = gap(assess(*count(TWO), plan()), Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS)
    assert (point.estimate.low, point.estimate.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_sides_carry_their_own_counts() -> None:
    point = gap(assess(*count(TWO), plan()), Aggregate.RATIO, Method.BETWEEN_GROUPS)
    assert point.lower is not None and point.higher is not None
    assert (point.lower.estimate.numerator, point.lower.estimate.n) == (48.0, 80)
    assert (point.higher.estimate.numerator, point.higher.estimate.n) == (56.0, 70)


def test_the_interval_holds_for_all_pairs_at_once() -> None:
    counts = {"a": (40, 80), "b": (50, 80), "c": (60, 80), "d": (30, 80)}
    point = gap(assess(*count(people(counts)), plan()), Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS)
    assert (point.estimate.low, point.estimate.high) == pytest.approx(newcombe(60, 80, 30, 80, 1 - 0.05 / 6))
    point = gap(assess(*count(people(counts)), plan(references={"sex": "a"})), Aggregate.RATIO, Method.TO_REFERENCE)
    assert point.estimate.value == pytest.approx(1.5)  # c; d's .75 is nearer to 1
    assert (point.estimate.low, point.estimate.high) == pytest.approx(
        tuple(map(float, score_ratio((60, 80), (40, 80), 1 - 0.05 / 3)))
    )


def test_true_parity_is_rarely_called_a_gap() -> None:
    """24 cells of 200: the plain interval of the greatest gap excludes zero in 96% of windows, the simultaneous in few."""
    rng = np.random.default_rng(11)
    cells = [CellInfo(at, "v1", "live", {"sex": f"g{at:02}"}) for at in range(24)]
    wrong = plain = 0
    for _ in range(300):
        decision = DECISIONS.zeros(24)
        decision[:, DECISIONS.index("decided")] = 200
        decision[:, DECISIONS.index("favourable")] = rng.binomial(200, 0.3, 24)
        spec = (DisparitySpec(Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS),)
        (point,) = assess(cells, decision, None, plan(disparities=spec)).disparities
        favourable = decision[:, DECISIONS.index("favourable")]
        plain += bool(newcombe(favourable.max(), 200, favourable.min(), 200)[0] > 0)
        assert point.estimate.low is not None
        wrong += point.estimate.low > 0
    assert plain > 0.9 * 300
    assert wrong <= 0.05 * 300


def test_overall_is_not_independent_of_the_group() -> None:
    """The interval against everybody is the one against the rest, carried over: (1 - w)(m_g - m_rest)."""
    point = gap(assess(*count(TWO), plan()), Aggregate.DIFFERENCE, Method.TO_OVERALL)
    low, high = newcombe(56, 70, 48, 80, 1 - 0.05 / 2)
    assert (point.estimate.low, point.estimate.high) == pytest.approx((80 / 150 * low, 80 / 150 * high))
    point = gap(assess(*count(TWO), plan()), Aggregate.RATIO, Method.TO_OVERALL)
    low, high = (r / (80 / 150 * r + 70 / 150) for r in score_ratio((48, 80), (56, 70), 1 - 0.05 / 2))
    assert (point.estimate.low, point.estimate.high) == pytest.approx((low, high))


def test_equal_groups_are_two_groups() -> None:
    point = gap(assess(*count(people({"F": (3, 9), "M": (3, 9)})), plan()), Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS)
    assert point.estimate.value == 0.0
    assert {str(point.lower_group), str(point.higher_group)} == {"{'sex': 'F'}", "{'sex': 'M'}"}


def test_unknown_is_shown_and_not_compared() -> None:
    everybody = TWO + people({"unknown": (0, 30)})
    found = assess(*count(everybody), plan(references={"sex": "M"}))
    assert group(found, sex="unknown").estimate.value == 0.0
    assert group(found).estimate.n == 180
    for point in found.disparities:
        assert {"sex": "unknown"} not in (point.lower_group, point.higher_group)
    compared = assess(*count(everybody), plan(excluded=frozenset()))
    assert gap(compared, Aggregate.RATIO, Method.BETWEEN_GROUPS).lower_group == {"sex": "unknown"}


def test_small_groups_need_not_drive() -> None:
    specs = tuple(DisparitySpec(a, m, min_n=50) for a in COMPARING for m in Method)
    small = TWO + people({"X": (0, 2)})
    found = assess(*count(small), plan(disparities=specs, references={"sex": "M"}))
    assert gap(found, Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS).estimate.value == pytest.approx(0.2)
    assert gap(assess(*count(small), plan()), Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS).lower_group == {"sex": "X"}


@pytest.mark.parametrize("spec", EVERY_SPEC, ids=lambda s: f"{s.aggregate}-{s.method}")
def test_one_group_compares_with_nobody(spec: DisparitySpec) -> None:
    found = assess(*count(people({"F": (3, 9)})), plan(disparities=(spec,), references={"sex": "F"}))
    (point,) = found.disparities
    assert isinstance(point.estimate, Undefined)
    assert (point.lower_group, point.higher_group) == (None, None)


def test_without_its_reference_a_gap_is_undefined_and_says_so() -> None:
    for references in ({}, {"sex": "nobody"}):
        point = gap(assess(*count(TWO), plan(references=references)), Aggregate.RATIO, Method.TO_REFERENCE)
        assert isinstance(point.estimate, Undefined)
        assert "reference" in point.estimate.reason


def test_nobody_selected_has_a_difference_and_no_ratio() -> None:
    """Fairlearn's ratio is NaN, Clarify's 0.0, AIF360's infinite (metrics.md 4)."""
    found = assess(*count(people({"F": (0, 9), "M": (0, 9)})), plan(references={"sex": "M"}))
    for method in Method:
        assert gap(found, Aggregate.DIFFERENCE, method).estimate.value == 0.0
        ratio = gap(found, Aggregate.RATIO, method).estimate
        assert isinstance(ratio, Undefined)
        assert "0" in ratio.reason


def test_an_empty_denominator_is_undefined_and_no_gap() -> None:
    """The window of metrics.md 4: B has no positive label. Fairlearn says TPR 0.0 and a gap of 0.5."""
    rows = [Person({"sex": "A"}, decision=at < 10, label=True) for at in range(20)]
    rows += [Person({"sex": "A"}, decision=at < 4, label=False) for at in range(20)]
    rows += [Person({"sex": "B"}, decision=at < 6, label=False) for at in range(30)]
    found = assess(*count(rows), plan(metrics=("tpr", "fpr", "ppv")))
    assert group(found, "true_positive_rate", sex="A").estimate.value == 0.5
    assert group(found, "true_positive_rate", sex="B").estimate == Undefined("no positive labels", 0, 0.0, 0.0)
    assert group(found, "false_positive_rate", sex="A").estimate.value == 0.2
    gaps = {p.metric: p.estimate for p in found.disparities if p.method is Method.BETWEEN_GROUPS}
    assert isinstance(gaps["true_positive_rate"], Undefined)
    assert gaps["precision"].state is State.MEASURED  # 10/14 against 0/6
    point = next(p for p in found.disparities if p.metric == "precision" and p.aggregate is Aggregate.DIFFERENCE)
    assert point.estimate.value == pytest.approx(0.714, abs=5e-4)


def test_declared_groups_are_shown_before_they_have_any_event() -> None:
    found = assess(*count(TWO), plan(declared={"sex": ("F", "M", "X")}))
    assert group(found, sex="X").estimate == Undefined("no decisions", 0, 0.0, 0.0)


def test_no_cells_at_all() -> None:
    found = assess([], DECISIONS.zeros(0), LABELS.zeros(0), plan())
    assert [type(p.estimate) for p in found.groups] == [Undefined]
    assert all(isinstance(p.estimate, Undefined) for p in found.disparities)
    assert assess([], DECISIONS.zeros(0), None, plan(attribute_sets=((),))).disparities == []


def test_served_together_is_everything_but_shadow() -> None:
    rows = TWO + people({"F": (0, 40)}, version="v2", arm="shadow") + people({"F": (5, 5)}, version="v2", arm="canary")
    found = assess(*count(rows), plan(per_version=True))
    counted = {(p.version, p.arm): p.estimate.n for p in found.groups if not p.group_values}
    assert counted == {("*", "*"): 155, ("v1", "live"): 150, ("v2", "shadow"): 40, ("v2", "canary"): 5}
    slices = Counter((p.version, p.arm) for p in found.disparities)
    assert slices == {key: len(EVERY_SPEC) for key in counted}
    assert {p.version for p in assess(*count(rows), plan()).groups} == {"*"}


def test_strata_are_summed_over() -> None:
    rows = [Person({"sex": s}, decision=True, stratum={"income": i}) for s in "FM" for i in "123"]
    found = assess(*count(rows), plan())
    assert group(found, sex="F").estimate.n == 3


def test_intersections_up_to_a_depth() -> None:
    assert attribute_sets(["sex", "age", "education"], 2) == (
        (), ("age",), ("education",), ("sex",), ("age", "education"), ("age", "sex"), ("education", "sex"),
    )  # fmt: skip
    rows = [Person({"sex": s, "age": a}, decision=s == a) for s in "ab" for a in "ab" for _ in range(4)]
    found = assess(
        *count(rows), plan(attribute_sets=attribute_sets(["sex", "age"], 2), references={"sex": "a", "age": "a"})
    )
    assert {p.attribute_set for p in found.groups} == {(), ("age",), ("sex",), ("age", "sex")}
    assert group(found, sex="a", age="b").estimate.value == 0.0
    pair = next(p for p in found.disparities if p.attribute_set == ("age", "sex") and p.method is Method.TO_REFERENCE)
    assert pair.higher_group == {"age": "a", "sex": "a"}
    assert pair.estimate.value == -1.0


def test_a_ratio_of_means_has_an_interval_and_needs_means_above_zero() -> None:
    rows = [
        Person({"sex": s}, value=v) for s, values in (("F", (600, 700, 800)), ("M", (900, 1000, 1100))) for v in values
    ]
    found = assess(*count(rows), plan(metrics=("mean_value",), references={"sex": "M"}))
    ratio = gap(found, Aggregate.RATIO, Method.TO_REFERENCE).estimate
    assert ratio.value == pytest.approx(0.7)
    assert (ratio.numerator, ratio.denominator) == pytest.approx((7.0, 10.0))
    assert ratio.low is not None and ratio.low < 0.7
    rows += [Person({"sex": "F"}, value=-9_000)]
    found = assess(*count(rows), plan(metrics=("mean_value",), references={"sex": "M"}))
    assert isinstance(gap(found, Aggregate.RATIO, Method.TO_REFERENCE).estimate, Undefined)
    assert gap(found, Aggregate.DIFFERENCE, Method.TO_REFERENCE).estimate.state is State.MEASURED


def test_a_mean_of_one_has_a_value_and_no_interval() -> None:
    found = assess(*count([Person({"sex": "F"}, value=1234)]), plan(metrics=("mean_value",)))
    assert group(found, "mean_value", sex="F").estimate == Measured(12.34, 1, 12.34, 1.0, None, None)


def test_every_comparison_for_a_rule_to_judge() -> None:
    counts = {"a": (40, 80), "b": (50, 80), "c": (60, 80), "unknown": (1, 80)}
    found = assess(*count(people(counts)), plan(references={"sex": "a"}))
    points = found.compare("selection_rate", ["sex"], DisparitySpec(Aggregate.RATIO, Method.TO_REFERENCE))
    assert {p.subject["sex"]: p.estimate.value for p in points} == pytest.approx({"b": 1.25, "c": 1.5})
    assert points[0].estimate.low == pytest.approx(score_ratio((50, 80), (40, 80), 1 - 0.05 / 2)[0])
    worst = gap(found, Aggregate.RATIO, Method.TO_REFERENCE)
    assert worst.estimate == points[1].estimate
    assert (worst.lower_group, worst.higher_group) == ({"sex": "a"}, {"sex": "c"})
    (pair,) = found.compare("selection_rate", ["sex"], DisparitySpec(Aggregate.RATIO, Method.BETWEEN_GROUPS))
    assert pair == gap(found, Aggregate.RATIO, Method.BETWEEN_GROUPS)
    assert pair.subject == {}
    assert found.compare("selection_rate", ["sex"], EVERY_SPEC[0], version="v9", arm="live") == []
    with pytest.raises(MetricError, match="not part of this assessment"):
        found.compare("accuracy", ["sex"], EVERY_SPEC[0])


@pytest.mark.parametrize("spec", EVERY_SPEC, ids=lambda s: f"{s.aggregate}-{s.method}")
def test_the_worst_comparison_is_one_of_them(spec: DisparitySpec) -> None:
    counts = {"a": (40, 80), "b": (50, 90), "c": (75, 80), "d": (0, 20)}
    found = assess(*count(people(counts)), plan(references={"sex": "a"}, disparities=(spec,)))
    (worst,) = found.disparities
    assert worst in found.compare("selection_rate", ["sex"], spec)


def test_label_coverage_is_of_the_same_events() -> None:
    rows = [Person({"sex": "F"}, decision=True, label=at < 3 or None) for at in range(4)]
    cells, decision, labels = count(rows)
    found = assess(cells, decision, labels, plan(metrics=("accuracy", "selection_rate")))
    assert group(found, "accuracy", sex="F").label_coverage == 0.75
    assert group(found, sex="F").label_coverage is None
    arrived = assess(cells, None, labels, plan(metrics=("accuracy", "selection_rate")))
    assert {p.metric for p in arrived.groups} == {"accuracy"}
    assert group(arrived, "accuracy", sex="F").label_coverage is None


def test_lost_data_makes_all_of_it_stale() -> None:
    found = assess(*count(TWO), plan()).conditioned(State.STALE, "12 records lost")
    estimate = group(found, sex="F").estimate
    assert isinstance(estimate, Stale)
    assert (estimate.value, estimate.reason) == (0.6, "12 records lost")
    assert {p.estimate.state for p in found.disparities if p.method is not Method.TO_REFERENCE} == {State.STALE}


def test_a_window_over_two_schemas_is_undefined() -> None:
    found = assess(*count(TWO), plan()).conditioned(State.UNDEFINED, "schema changed")
    assert (
        {p.estimate.reason for p in found.groups}
        == {p.estimate.reason for p in found.disparities}
        == {"schema changed"}
    )


def test_mistakes_are_explained() -> None:
    cells, decision, labels = count(TWO)
    with pytest.raises(MetricError, match="there is no metric 'f2'; there are accuracy"):
        assess(cells, decision, labels, plan(metrics=("f2",)))
    with pytest.raises(MetricError, match="1 cells of 14 slots"):
        assess(cells[:1], decision, labels, plan())
    with pytest.raises(MetricError, match="can be computed"):
        assess(cells, None, labels, plan())


def test_rivers_accumulators_of_a_group() -> None:
    rows = [Person({"sex": "F"}, decision=True, label=True, score=400_000, value=v) for v in (100, 300)]
    found = assess(*count(rows), plan())
    river = found.accumulators(1)
    assert river.value is not None and river.value.mean.get() == 2.0
    assert river.value.get() == 2.0
    assert river.score is not None and river.score.get() == pytest.approx(0.4)
    assert river.confusion is not None and river.confusion[True][True] == 2.0
