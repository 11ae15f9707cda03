"""Labelled scores of weighted events: equal to scikit-learn's `sample_weight`, with Kish's number behind their intervals."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from sklearn import metrics as sklearn

from monitor.estimates import Measured, Undefined
from monitor.intervals import t_quantile
from tests.contracts.binned_oracles import hundredths
from tests.contracts.weighed import EXAMPLES, PEOPLE, QUICK, UNIT, Weighed, assessed
from tests.monitor.population import Person


class Sample(NamedTuple):
    """Labels, scores and weights."""

    y: Any
    s: Any
    w: Any


def sample(people: list[Weighed], sex: str | None) -> Sample:
    rows = [p for p in people if p.person.score is not None and (sex is None or p.person.groups["sex"] == sex)]
    return Sample(
        np.array([bool(p.person.label) for p in rows]),
        np.array([p.person.score or 0 for p in rows]) / 1e6,
        np.array([p.weight * UNIT for p in rows]),
    )


def calibration_error(s: Sample) -> float:
    tenth = np.minimum(np.floor(np.round(s.s * 10, 6)), 9)
    return float(sum(abs((s.w * (s.s - s.y))[tenth == t].sum()) for t in range(10)) / s.w.sum())


def surprise(s: Sample) -> float:
    clipped = np.clip(s.s, 5e-7, 1 - 5e-7)
    return float(sklearn.log_loss(s.y, clipped, labels=[False, True], sample_weight=s.w))


METRICS: dict[str, Callable[[Sample], float]] = {
    "roc_auc": lambda s: sklearn.roc_auc_score(s.y, hundredths(s.s), sample_weight=s.w),
    "brier_score": lambda s: sklearn.mean_squared_error(s.y.astype(float), s.s, sample_weight=s.w),
    "log_loss": surprise,
    "calibration_in_the_large": lambda s: float(np.average(s.s - s.y, weights=s.w)),
    "expected_calibration_error": calibration_error,
}


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=10 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)
@given(people=PEOPLE)
def test_every_group_equals_scikit_learns(name: str, people: list[Weighed]) -> None:
    for point in assessed(people, (name,), attribute_sets=((), ("sex",))).groups:
        s = sample(people, point.group_values.get("sex"))
        if isinstance(point.estimate, Undefined):
            assert not len(s.y) or (name == "roc_auc" and len(set(s.y.tolist())) < 2)
            continue
        assert isinstance(point.estimate, Measured)
        assert point.estimate.value == pytest.approx(METRICS[name](s), rel=1e-6, abs=2e-6)
        assert point.estimate.n == (min(s.y.sum(), (~s.y).sum()) if name == "roc_auc" else len(s.y))
        low, high = point.estimate.low, point.estimate.high
        assert low is None or low <= point.estimate.value + 1e-9
        assert high is None or high >= point.estimate.value - 1e-9


def test_a_mean_and_its_error_by_hand() -> None:
    """Scores .8 and .4 of a positive of weight 3 and a negative of weight 1, each twice: score - label are -.2 and .4.

    The mean is -.2 / 4 = -.05, the spread by weight (3 x .15^2 + .45^2) / 4 = .0675, the effective number 8^2 / 20 = 3.2: a
    variance of .0675 x 3.2 / 2.2, and 3.2 - 1 degrees of freedom.
    """
    people = [
        Weighed(Person({"sex": "F", "age": "old"}, label=label, score=score), weight * 10**6)
        for label, score, weight in ((True, 800_000, 3), (False, 400_000, 1)) * 2
    ]
    (point,) = assessed(people, ("calibration_in_the_large",), attribute_sets=((),)).groups
    half = float(t_quantile(0.95, 2.2)) * (0.0675 / 2.2) ** 0.5
    one = point.estimate
    assert (one.value, one.n, one.denominator) == pytest.approx((-0.05, 4, 8.0))
    assert one.low == pytest.approx(max(-0.05 - half, -1.0))
    assert one.high == pytest.approx(min(-0.05 + half, 1.0))


def test_an_area_by_hand() -> None:
    """Positives .9 (weight 1) and .3 (3), negatives .5 (2) and .1 (2): in order 1 x 4 + 3 x 2 of 4 x 4."""
    rows = ((True, 900_000, 1), (True, 300_000, 3), (False, 500_000, 2), (False, 100_000, 2))
    people = [Weighed(Person({"sex": "F", "age": "old"}, label=y, score=s), w * 10**6) for y, s, w in rows]
    (point,) = assessed(people, ("roc_auc",), attribute_sets=((),)).groups
    assert (point.estimate.value, point.estimate.n) == pytest.approx((10 / 16, 2))
    assert point.estimate.low is not None
