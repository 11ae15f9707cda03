"""What every mean of scores, values and errors promises where events have weights: equal to Fairlearn's `MetricFrame` with
`sample_weight`, its error that of statsmodels and of the definition event by event, to the last unit of the largest numbers.
"""

import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from monitor.assess import GroupPoint
from monitor.comparisons import COMPARING, Aggregate, Method
from monitor.deltas import weighted_columns
from monitor.estimates import Measured, Undefined
from monitor.intervals import t_quantile, wilson
from monitor.sums import WEIGHTED_DECISIONS, WEIGHTED_LABELS, Layout
from tests.acceptance.definition import weighted
from tests.acceptance.parsing import Event
from tests.contracts.weighed import EXAMPLES, LARGEST, PEOPLE, QUICK, UNIT, Weighed, assessed, ordered
from tests.monitor.population import Person

CENT, MILLIONTH = 0.01, 1e-6

Rows = list[tuple[float, float, float]]
"""Actual value (or 0), prediction, weight."""


def _values(people: Sequence[Weighed]) -> Rows:
    return [(0.0, p.person.value * CENT, p.weight * UNIT) for p in people if p.person.value is not None]


def _scores(people: Sequence[Weighed], *labels: bool) -> Rows:
    scored = [p for p in people if p.person.score is not None and p.person.label in labels]
    return [(0.0, (p.person.score or 0) * MILLIONTH, p.weight * UNIT) for p in scored]


def _errors(people: Sequence[Weighed]) -> Rows:
    """Errors are counted up to the largest number there is."""
    both = [(p.outcome, p.person.value, p.weight) for p in people if None not in (p.outcome, p.person.value)]
    return [(0.0, max(min(x - y, LARGEST), -LARGEST) * CENT, w * UNIT) for y, x, w in both if x is not None is not y]


def _mean_score(y: Any, p: Any, sample_weight: Any) -> float:
    return float(np.average(p, weights=sample_weight))


def _jain(y: Any, p: Any, sample_weight: Any) -> float:
    size = np.average(np.abs(p), weights=sample_weight)
    square = np.average(p**2, weights=sample_weight)
    return float(size**2 / square) if square else np.nan


def _pairs(people: Sequence[Weighed]) -> list[tuple[int, int, int]]:
    """Actual and predicted values and weights, in units."""
    both = [(p.outcome, p.person.value, p.weight) for p in people]
    return [(y, x, w) for y, x, w in both if x is not None is not y]


def _both(people: Sequence[Weighed]) -> Rows:
    return [(y * CENT, x * CENT, w * UNIT) for y, x, w in _pairs(people)]


def _relative(people: Sequence[Weighed]) -> Rows:
    """Sizes of errors over those of actual values, in millionths and as far as they are counted."""
    sizes = [(min(abs(x - y) * 10**6 // abs(y), LARGEST), w) for y, x, w in _pairs(people) if y]
    return [(0.0, size * MILLIONTH, w * UNIT) for size, w in sizes]


def _wape(y: Any, p: Any, sample_weight: Any) -> float:
    size = np.minimum(np.abs(p - y), LARGEST * CENT)
    below = np.average(np.abs(y), weights=sample_weight)
    return float(np.average(size, weights=sample_weight) / below) if below else np.nan


PARTLY = {"jain_index", "weighted_absolute_percentage_error"}
"""Undefined of some people too: where there are no errors, or all actual values are 0."""

FRAMES: dict[str, tuple[Callable[[Sequence[Weighed]], Rows], Callable[..., Any]]] = {
    "mean_value": (_values, fairlearn.mean_prediction),
    "mean_score": (lambda people: _scores(people, False, True), _mean_score),
    "generalized_true_positive_rate": (lambda people: _scores(people, True), fairlearn.mean_prediction),
    "generalized_false_positive_rate": (lambda people: _scores(people, False), fairlearn.mean_prediction),
    "mean_error": (_errors, fairlearn.mean_prediction),
    "mean_absolute_error": (_errors, sklearn.mean_absolute_error),
    "mean_squared_error": (_errors, sklearn.mean_squared_error),
    "root_mean_squared_error": (_errors, sklearn.root_mean_squared_error),
    "jain_index": (_errors, _jain),
    "mean_absolute_percentage_error": (_relative, fairlearn.mean_prediction),
    "weighted_absolute_percentage_error": (_both, _wape),
}
"""Metric to the rows it is of, and the libraries' function that takes `sample_weight`."""


def _named(people: Sequence[Weighed], sex: str | None) -> list[Weighed]:
    return [p for p in people if sex is None or p.person.groups["sex"] == sex]


@pytest.mark.parametrize("name", FRAMES)
@settings(max_examples=6 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_group_and_gap_equals_metric_frame(name: str, people: list[Weighed]) -> None:
    rows_of, function = FRAMES[name]
    found = assessed(people, (name,), attribute_sets=((), ("sex",)))
    each = {sex: rows_of(_named(people, sex)) for sex in ("F", "M", "X")}
    rows, sexes = [row for part in each.values() for row in part], [s for s, part in each.items() for _ in part]
    if not rows:
        assert all(isinstance(point.estimate, Undefined) for point in found.groups)
        return
    y, p, weight = (np.array(column) for column in zip(*rows, strict=True))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        frame = fairlearn.MetricFrame(
            metrics={name: function}, y_true=y, y_pred=p, sensitive_features=pd.DataFrame({"sex": sexes}),
            sample_params={name: {"sample_weight": weight}},
        )  # fmt: skip
        gaps = {
            (a, m): getattr(frame, a.value)(method=m.value)[name]
            for a in COMPARING
            for m in (Method.BETWEEN_GROUPS, Method.TO_OVERALL)
        }
    scale = float(np.max(np.abs(p))) ** (2 if name == "mean_squared_error" else 1) or 1.0
    scale = 1.0 if name == "weighted_absolute_percentage_error" else scale
    for point in found.groups:
        sex = point.group_values.get("sex")
        if isinstance(point.estimate, Undefined):
            assert not (rows if sex is None else each[sex]) or name in PARTLY
            continue
        expected = frame.overall[name] if sex is None else frame.by_group[name][sex]
        assert point.estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale)
        assert point.estimate.n == len(rows if sex is None else each[sex])
        assert isinstance(point.estimate, Measured)
        assert ordered(point.estimate.value, point.estimate.low, point.estimate.high)
    for gap in found.disparities:
        if name not in PARTLY and gap.estimate.value is not None:
            expected = gaps[gap.aggregate, gap.method]
            smallest = min(abs(v) for v in frame.by_group[name].dropna())
            loose = 1e-9 if gap.aggregate is Aggregate.DIFFERENCE else 1e-12 * scale / max(smallest, 1e-300)
            assert gap.estimate.value == pytest.approx(expected, rel=max(1e-9, loose), abs=1e-12 * scale)


MODERATE = st.lists(
    st.tuples(
        st.sampled_from("FM"), st.integers(-(10**4), 10**4), st.integers(-(10**4), 10**4), st.integers(10**4, 10**7)
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=10 * EXAMPLES, deadline=None, phases=QUICK)
@given(rows=MODERATE)
def test_fit_equals_scikit_learns_and_numpys(rows: list[tuple[str, int, int, int]]) -> None:
    people = [Weighed(Person({"sex": sex, "age": "old"}, value=x), w, y) for sex, x, y, w in rows]
    found = assessed(people, ("r2", "value_correlation"), attribute_sets=((), ("sex",)))
    for point in found.groups:
        y, p, w = (
            np.array(column) for column in zip(*_both(_named(people, point.group_values.get("sex"))), strict=True)
        )
        spread = [len(set(side.tolist())) > 1 for side in (y, p)]
        if isinstance(point.estimate, Undefined):
            assert not (spread[0] if point.metric == "r2" else all(spread))
            continue
        c = np.cov(y, p, aweights=w, ddof=0)
        expected = (
            sklearn.r2_score(y, p, sample_weight=w) if point.metric == "r2" else c[0, 1] / np.sqrt(c[0, 0] * c[1, 1])
        )
        assert point.estimate.value == pytest.approx(expected, rel=1e-7, abs=1e-7)
        assert point.estimate.n == len(y)
        assert point.metric != "r2" or point.estimate.low is None, "fourth powers are not kept with weights"


def test_the_error_of_wape_is_that_of_a_ratio_by_hand() -> None:
    """Sizes 2 and 1 of 10 and 5, of weights 1 and 3: 5 / 25. Deviations 2 - .2 x 10 and 1 - .2 x 5 are none: a certain .2.

    With sizes 2 and 2: 8 / 25 = .32; deviations -1.2 and .4, times their weights, squared: 1.44 + 1.44. Of everybody twice,
    four events, that is 5.76 x 4 / 3 over 50^2.
    """
    for sizes, value, error in (((2, 1), 0.2, 0.0), ((2, 2), 0.32, (5.76 * 4 / 3) ** 0.5 / 50)):
        people = [
            Weighed(Person({"sex": "F", "age": "old"}, value=y + size), w * 10**6, y)
            for y, size, w in ((10, sizes[0], 1), (5, sizes[1], 3))
        ]
        (point,) = assessed(people, ("wape",), attribute_sets=((),)).groups
        assert point.estimate.value == pytest.approx(value)
        assert point.estimate.low is None, "16 / 10 events that count alike"
        (point,) = assessed([*people, *people], ("wape",), attribute_sets=((),)).groups
        half = 1.959963985 * error
        assert point.estimate.low == pytest.approx(value - half)
        assert point.estimate.high == pytest.approx(value + half)


def _half(point: GroupPoint) -> tuple[float, float]:
    """Half the width of an interval, and how far its middle is from the value."""
    one = point.estimate
    assert one.low is not None
    assert one.high is not None
    assert one.value is not None
    return (one.high - one.low) / 2, (one.high + one.low) / 2 - one.value


@settings(max_examples=20 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
@example(people=[Weighed(Person({"sex": "F", "age": "old"}, value=v), LARGEST) for v in (LARGEST, LARGEST - 1)])
@example(people=[Weighed(Person({"sex": "F", "age": "old"}, value=-LARGEST), w) for w in (1, LARGEST, LARGEST)])
def test_the_error_is_that_of_the_definition(people: list[Weighed]) -> None:
    """n / (n - 1) sum w^2 (x - m)^2 / (sum w)^2, event by event in fractions; nothing is lost of the largest numbers."""
    (point,) = assessed(people, ("mean_value",), attribute_sets=((),)).groups
    rows = [(Fraction(p.person.value), Fraction(p.weight)) for p in people if p.person.value is not None]
    if not rows:
        assert point.estimate == Undefined("no predictions with a value", 0, 0.0, 0.0)
        return
    all_weights = sum(w for _, w in rows)
    mean = sum(w * x for x, w in rows) / all_weights
    assert point.estimate.value == pytest.approx(float(mean) * CENT, rel=1e-12)
    alike = all_weights**2 / sum(w * w for _, w in rows)
    if alike < 2:
        assert point.estimate.low is None, "one event, or one that outweighs all others, makes nothing certain"
        return
    n = len(rows)
    variance = Fraction(n, n - 1) * sum(w * w * (x - mean) ** 2 for x, w in rows) / all_weights**2
    expected = float(t_quantile(0.95, float(alike) - 1)) * float(variance) ** 0.5 * CENT
    half, off = _half(point)
    assert half == pytest.approx(expected, rel=1e-6, abs=1e-9 * abs(point.estimate.value or 0))
    assert off == pytest.approx(0.0, abs=1e-9 * abs(point.estimate.value or 0))


def _claims(values: Sequence[float], weights: Sequence[float], sex: str) -> list[Weighed]:
    return [
        Weighed(Person({"sex": sex, "age": "old"}, value=round(v * 100)), round(w * 10**6))
        for v, w in zip(values, weights, strict=True)
    ]


WOMEN = ((120, 80, 200, 150, 90, 310, 60), (1, 2.5, 0.5, 4, 1, 0.25, 3))
MEN = ((100, 140, 90, 60), (2, 1, 0.5, 1.5))


def test_the_error_is_statsmodels() -> None:
    """`WLS(x, ones, weights=w).fit(cov_type="HC1")` of statsmodels 0.15.0 says 111.63265306 with an error of 21.3717463."""
    points = {p.group_values.get("sex"): p for p in assessed(
        _claims(*WOMEN, "F") + _claims(*MEN, "M"), ("mean_value",), attribute_sets=(("sex",),)
    ).groups}  # fmt: skip
    for sex, mean, error, alike in (("F", 111.63265306, 21.3717463, 4.4711359), ("M", 95.0, 16.14517472, 10 / 3)):
        assert points[sex].estimate.value == pytest.approx(mean)
        half, _ = _half(points[sex])
        assert half == pytest.approx(float(t_quantile(0.95, alike - 1)) * error, rel=1e-7)


def test_a_gap_is_welchs_by_these_errors() -> None:
    """sqrt(21.3717463^2 + 16.14517472^2) = 26.784, with Satterthwaite's 5.59 degrees of freedom, rounded down."""
    (gap,) = (
        g
        for g in assessed(_claims(*WOMEN, "F") + _claims(*MEN, "M"), ("mean_value",), attribute_sets=(("sex",),)).disparities
        if (g.aggregate, g.method) == (Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS)
    )  # fmt: skip
    a, b = 21.3717463**2, 16.14517472**2
    degrees = (a + b) ** 2 / (a**2 / (4.4711359 - 1) + b**2 / (10 / 3 - 1))
    half = float(t_quantile(0.95, degrees)) * (a + b) ** 0.5
    assert gap.estimate.value == pytest.approx(111.63265306 - 95.0)
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx((16.63265306 - half, 16.63265306 + half), rel=1e-6)


def test_a_mean_score_has_the_interval_of_effective_events() -> None:
    """Scores 0.2 and 0.8 of weights 1 and 3: 2.6 / 4, as sure as 16 / 10 events in [0, 1]."""
    people = [Weighed(Person({"sex": "F", "age": "old"}, score=s), w * 10**6) for s, w in ((200_000, 1), (800_000, 3))]
    (point,) = assessed(people, ("mean_score",), attribute_sets=((),)).groups
    one = point.estimate
    assert (one.value, one.n, one.numerator, one.denominator) == pytest.approx((0.65, 2, 2.6, 4.0))
    assert (one.low, one.high) == pytest.approx(tuple(map(float, wilson(0.65 * 1.6, 1.6))))


def test_a_standardised_gap_by_hand() -> None:
    """Weights 3 and 1 of 0 and 4: mean 1, spread 3, times 4^2 / (4^2 - 10) is 8; of 6 and 10, twice weighing 1: 8 and 8.

    n_eff are 1.6 and 2, so the pooled variance is (0.6 x 8 + 1 x 8) / 1.6 = 8, and the gap 7 / sqrt(8).
    """
    people = _claims((0, 4), (3, 1), "F") + _claims((6, 10), (1, 1), "M")
    found = assessed(people, ("standardised_mean_difference",), attribute_sets=(("sex",),)).disparities
    (gap,) = (g for g in found if g.method is Method.BETWEEN_GROUPS and g.aggregate is Aggregate.DIFFERENCE)
    assert gap.estimate.value == pytest.approx(7 / 8**0.5)


def test_generalized_odds_are_the_worse_of_two_gaps() -> None:
    """Mean scores of positives .65 and .4, of negatives .5 and .6, by weight."""
    rows = (
        ("F", True, 200_000, 1), ("F", True, 800_000, 3), ("F", False, 500_000, 7),
        ("M", True, 400_000, 2), ("M", False, 700_000, 3), ("M", False, 300_000, 1),
    )  # fmt: skip
    people = [Weighed(Person({"sex": s, "age": "old"}, label=y, score=p), w * 10**6) for s, y, p, w in rows]
    found = assessed(people, ("generalized_equalized_odds",), attribute_sets=(("sex",),)).disparities
    (gap,) = (g for g in found if g.method is Method.BETWEEN_GROUPS and g.aggregate is Aggregate.DIFFERENCE)
    assert gap.estimate.value == pytest.approx(0.25)
    assert gap.estimate.low is not None
    assert gap.estimate.low <= 0.25


@pytest.mark.parametrize("layout", [WEIGHTED_DECISIONS, WEIGHTED_LABELS], ids=["decisions", "labels"])
@pytest.mark.parametrize("weight", [1, 10**6, LARGEST])
def test_products_are_kept_in_digits_that_leave_room(layout: Layout, weight: int) -> None:
    """Each below 2^31 in size, whatever the sizes, so that 2^32 events of the largest fit into 64 bits; equal to the definition's."""
    names = [q for q in ("value", "score", "error", "error_abs", "score_positive") if f"{q}_w_0" in layout.slots]
    for amount in (LARGEST, LARGEST - 1, 2**30, 1, 0, -1, -LARGEST):
        sums = {name: abs(amount) if name not in {"value", "error"} else amount for name in names}
        columns = {name: np.array([x]) for name, x in sums.items()}
        found = {
            slot: int(np.asarray(column)[0]) for slot, column in
            weighted_columns(layout, columns, np.array([weight])).items()
        }  # fmt: skip
        expected = weighted(Event(("i",), "m", "i", 0, weight=weight), sums)
        assert {slot: n for slot, n in found.items() if n} == {slot: n for slot, n in expected.items() if n}
        assert max(abs(n) for n in found.values()) < 2**31
