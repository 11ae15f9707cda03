"""Weighted shares of everybody, imbalance, information and inequality: equal to NumPy's averages, SciPy's divergences of weighted
tables and AIF360's definitions; Kish's number of everybody behind their intervals.
"""

import warnings
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy import stats
from scipy.spatial.distance import jensenshannon

from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.estimates import Measured, Undefined
from monitor.intervals import wilson
from tests.contracts.weighed import EXAMPLES, PEOPLE, QUICK, UNIT, Weighed, assessed
from tests.monitor.population import Person

POPULATION = {"F": 0.5, "M": 0.3, "X": 0.2}
MANY = settings(max_examples=8 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=QUICK)


class Sample(NamedTuple):
    """Decisions, labels, weights and groups of some people."""

    p: Any
    y: Any
    w: Any
    sex: Any

    def take(self, rows: Any) -> "Sample":
        return Sample(*(column[rows] for column in self))

    def of(self, sex: str) -> "Sample":
        return self.take(self.sex == sex)


def sample(people: Sequence[Weighed]) -> Sample:
    return Sample(
        np.array([int(bool(one.person.decision)) for one in people]),
        np.array([int(bool(one.person.label)) for one in people]),
        np.array([one.weight * UNIT for one in people]),
        np.array([one.person.groups["sex"] for one in people]),
    )


def share(flags: Any, weight: Any) -> float:
    with np.errstate(all="ignore"):
        return float((weight * flags).sum() / weight.sum())


def benefits(s: Sample) -> Any:
    return s.p - s.y + 1


def entropy_index(s: Sample) -> float:
    b = benefits(s)
    return float((np.average((b / np.average(b, weights=s.w)) ** 2, weights=s.w) - 1) / 2)


def theil(s: Sample) -> float:
    r = benefits(s) / np.average(benefits(s), weights=s.w)
    return float(np.average(np.where(r > 0, r * np.log(np.where(r > 0, r, 1.0)), 0.0), weights=s.w))


Group = Callable[[Sample, Sample, str], float]

GROUPS: dict[str, Group] = {
    "demographic_disparity": lambda s, _, sex: share(s.sex == sex, s.w * (1 - s.p)) - share(s.sex == sex, s.w * s.p),
    "label_demographic_disparity": lambda s, _, sex: (
        share(s.sex == sex, s.w * (1 - s.y)) - share(s.sex == sex, s.w * s.y)
    ),
    "representation_difference": lambda s, _, sex: share(s.sex == sex, s.w) - POPULATION[sex],
    "representation_ratio": lambda s, _, sex: share(s.sex == sex, s.w) / POPULATION[sex],
    "generalized_entropy": lambda _, own, __: entropy_index(own),
    "theil_index": lambda _, own, __: theil(own),
    "coefficient_of_variation": lambda _, own, __: np.sqrt(max(2 * entropy_index(own), 0.0)),
}
"""Everybody, the group's own and the group, to the group's number."""


@pytest.mark.parametrize("name", GROUPS)
@MANY
@given(people=PEOPLE)
def test_every_group_equals_numpys(name: str, people: list[Weighed]) -> None:
    s = sample(people)
    found = assessed(people, (name,), attribute_sets=(("sex",),), populations={"sex": POPULATION})
    assert {point.group_values["sex"] for point in found.groups if point.group_values} == set(s.sex.tolist())
    for point in found.groups:
        if (sex := point.group_values.get("sex")) is None:
            continue
        if isinstance(point.estimate, Undefined):
            side = s.p if name == "demographic_disparity" else s.y
            nobody = name in ("demographic_disparity", "label_demographic_disparity") and len(set(side.tolist())) < 2
            assert nobody or not benefits(s.of(sex)).any()
            continue
        assert isinstance(point.estimate, Measured)
        expected = GROUPS[name](s, s.of(sex), sex)
        loose = 1e-6 if name == "coefficient_of_variation" else 1e-9  # the root of a difference of nearly equal numbers
        assert point.estimate.value == pytest.approx(expected, rel=1e-7, abs=loose)
        low, high = point.estimate.low, point.estimate.high
        assert low is None or low <= point.estimate.value + 1e-9
        assert high is None or high >= point.estimate.value - 1e-9


def rates(x: Sample, y: Sample) -> tuple[Any, Any]:
    return tuple(np.array([1 - share(s.y, s.w), share(s.y, s.w)]) for s in (x, y))  # type: ignore[return-value]


def imbalance(one: float, other: float) -> float:
    return abs(one - other) / (one + other) if one + other else np.nan


PAIRS: dict[str, Callable[[Sample, Sample], float]] = {
    "class_imbalance": lambda x, y: imbalance(x.w.sum(), y.w.sum()),
    "equal_parity": lambda x, y: imbalance((x.w * x.p).sum(), (y.w * y.p).sum()),
    "label_js_divergence": lambda x, y: float(jensenshannon(*rates(x, y)) ** 2),
    "label_lp_norm": lambda x, y: float(np.linalg.norm(np.subtract(*rates(x, y)))),
    "label_total_variation_distance": lambda x, y: float(np.abs(np.subtract(*rates(x, y))).sum() / 2),
}


@pytest.mark.parametrize("name", PAIRS)
@MANY
@given(people=PEOPLE)
def test_every_pair_equals_the_librarys(name: str, people: list[Weighed]) -> None:
    s = sample(people)
    spec = DisparitySpec(Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS)
    (gap,) = assessed(people, (name,), attribute_sets=(("sex",),), disparities=(spec,)).disparities
    with np.errstate(all="ignore"):
        values = [PAIRS[name](s.of(a), s.of(b)) for a, b in combinations(sorted(set(s.sex.tolist())), 2)]
    known = [value for value in values if not np.isnan(value)]
    if not known:
        assert isinstance(gap.estimate, Undefined)
        return
    assert gap.estimate.value == pytest.approx(max(known), rel=1e-7, abs=1e-9)
    assert gap.estimate.low is None or gap.estimate.low <= max(known) + 1e-9
    assert gap.estimate.high is None or gap.estimate.high >= max(known) - 1e-9


def test_kullback_leibler_is_scipys() -> None:
    """Of base rates 3/4 and 1/3 by weight; signed by which is compared with which, so against a reference."""
    rows = (("F", True, 3), ("F", False, 1), ("M", True, 2), ("M", False, 4))
    people = [Weighed(Person({"sex": s, "age": "old"}, label=y), w * 10**6) for s, y, w in rows]
    spec = DisparitySpec(Aggregate.DIFFERENCE, Method.TO_REFERENCE)
    (gap,) = assessed(
        people, ("label_kl_divergence",), attribute_sets=(("sex",),), references={"sex": "M"}, disparities=(spec,)
    ).disparities
    assert gap.estimate.value == pytest.approx(stats.entropy([1 / 3, 2 / 3], [3 / 4, 1 / 4]))


def groups_of(s: Sample) -> list[str]:
    return sorted(set(s.sex.tolist()))


def between(s: Sample, of: Callable[[Any], Any]) -> float:
    """AIF360's: everybody's benefit replaced by the mean of the group."""
    means = {sex: np.average(benefits(s.of(sex)), weights=s.of(sex).w) for sex in groups_of(s)}
    b = np.array([means[sex] for sex in s.sex.tolist()])
    mean = np.average(b, weights=s.w)
    return float(np.average(of(b / mean), weights=s.w)) if mean > 0 else np.nan


def information(s: Sample, given: Any, of: Any) -> float:
    """SciPy's relative entropy of a weighted table from that of its margins, over the entropy of the group, within each value of `given`."""
    total, entropy, found = s.w.sum(), 0.0, 0.0
    for value in sorted(set(given.tolist())):
        rows = given == value
        part, flags = s.take(rows), of[rows]
        table = np.array([[part.w[(part.sex == sex) & (flags == x)].sum() for x in (0, 1)] for sex in groups_of(part)])
        apart = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        found += part.w.sum() / total * stats.entropy(table.ravel(), apart.ravel())
        entropy += part.w.sum() / total * stats.entropy(table.sum(axis=1))
    return found / entropy if entropy > 0 else np.nan


INDICES: dict[str, Callable[[Sample], float]] = {
    "between_group_generalized_entropy": lambda s: between(s, lambda r: (r**2 - 1) / 2),
    "between_group_theil_index": lambda s: between(s, lambda r: np.where(r > 0, r * np.log(np.where(r > 0, r, 1)), 0)),
    "mutual_information_independence": lambda s: information(s, np.zeros(len(s.p)), s.p),
    "mutual_information_separation": lambda s: information(s, s.y, s.p),
    "mutual_information_sufficiency": lambda s: information(s, s.p, s.y),
    "population_stability_index": lambda s: sum(
        (share(s.sex == sex, s.w) - q) * np.log(share(s.sex == sex, s.w) / q) for sex, q in POPULATION.items()
    ),
}


@pytest.mark.parametrize("name", INDICES)
@MANY
@given(people=PEOPLE)
def test_every_index_equals_the_librarys(name: str, people: list[Weighed]) -> None:
    people = [
        Weighed(one.person, max(one.weight, 10**4), one.outcome) for one in people
    ]  # tables that keep their digits
    s = sample(people)
    spec = DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS)
    (gap,) = assessed(
        people, (name,), attribute_sets=(("sex",),), disparities=(spec,), populations={"sex": POPULATION}
    ).disparities
    if isinstance(gap.estimate, Undefined):
        few = len(groups_of(s)) < 3 if name == "population_stability_index" else len(groups_of(s)) < 2
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            assert few or np.isnan(INDICES[name](s))
        return
    assert isinstance(gap.estimate, Measured)
    assert gap.estimate.value == pytest.approx(INDICES[name](s), rel=1e-6, abs=1e-8)
    assert gap.estimate.low is None or gap.estimate.low <= gap.estimate.value + 1e-8
    assert gap.estimate.high is None or gap.estimate.high >= gap.estimate.value - 1e-8


def test_a_share_stands_on_kishs_number_of_everybody() -> None:
    """Weights 1 and 3: of F a quarter, as sure as 16 / 10 decisions; a population of a half is a quarter away."""
    people = [Weighed(Person({"sex": s, "age": "old"}, decision=True), w * 10**6) for s, w in (("F", 1), ("M", 3))]
    found = assessed(
        people, ("representation_difference",), attribute_sets=(("sex",),), populations={"sex": {"F": 0.5, "M": 0.5}}
    )
    (point,) = (p for p in found.groups if p.group_values == {"sex": "F"})
    low, high = (float(end) - 0.5 for end in wilson(0.25 * 1.6, 1.6))
    assert (point.estimate.value, point.estimate.n) == (-0.25, 2)
    assert (point.estimate.low, point.estimate.high) == pytest.approx((low, high))


def test_a_small_group_is_withheld_by_its_people_and_not_by_weights() -> None:
    """Two women of weight 100 are two."""
    people = [Weighed(Person({"sex": "F", "age": "old"}, decision=True), 10**8)] * 2
    people += [Weighed(Person({"sex": "M", "age": "old"}, decision=True), 10**6)] * 20
    found = assessed(
        people, ("representation_ratio",), attribute_sets=(("sex",),), populations={"sex": {"F": 0.5, "M": 0.5}},
        display_min=5,
    ).published()  # fmt: skip
    (point,) = (p for p in found.groups if p.group_values == {"sex": "F"})
    assert point.estimate.value is None


def test_conditional_demographic_disparity_weighs_strata_by_their_weights() -> None:
    """Clarify's over departments a and b: women are 2/4 of the refused weight of a and 3/6 of the selected, 6/8 and 1/4 of b.

    Disparities 0 and 1/2, of departments that weigh 10 and 12: 6 / 22.
    """
    rows = (
        ("a", "F", False, 2), ("a", "M", False, 2), ("a", "F", True, 3), ("a", "M", True, 3),
        ("b", "F", False, 6), ("b", "M", False, 2), ("b", "F", True, 1), ("b", "M", True, 3),
    )  # fmt: skip
    people = [
        Weighed(Person({"sex": s, "age": "old"}, decision=d, stratum={"dept": at}), w * 10**6) for at, s, d, w in rows
    ]
    found = assessed(people, ("demographic_disparity",), attribute_sets=(("sex",),))
    assert found.strata is not None
    at = next(n for n, group in enumerate(found.grouping.groups) if group.values == {"sex": "F"})
    one = found.conditional_groups[0].one(at)
    assert one.value == pytest.approx(6 / 22)
    assert one.n == 4
    assert one.low is not None
    assert one.low < 6 / 22 < (one.high or 0)
