"""Where another library makes a number up: what it returns, and what is said here instead.

The window: A has 40 labelled decisions, 20 of them positive, TPR .5 and FPR .2; B has 30, none of them positive, 6 favoured.
So nothing can be said of B's TPR, nor of a gap in it. C has nobody. Aequitas', Clarify's and Veritas' answers are those
of their code (dssg/aequitas 1.1 `bias.py` and `group.py`, smclarify 0.5 `post_training.py`); the others are called.
"""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.estimates import Undefined
from tests.monitor.population import Person, count

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its docstrings have invalid escapes
    from aif360.sklearn import metrics as aif360

COUNTS = {"A": (10, 4, 10, 16), "B": (0, 6, 0, 24)}
"""Group to TP, FP, FN and TN."""


def rows(counts: dict[str, tuple[int, int, int, int]]) -> list[Person]:
    kinds = ((True, True), (True, False), (False, True), (False, False))
    return [
        Person({"g": group}, decision=decision, label=label)
        for group, many in counts.items()
        for (decision, label), n in zip(kinds, many, strict=True)
        for _ in range(n)
    ]


def ours(metric: str, counts: dict[str, tuple[int, int, int, int]] = COUNTS, **more: object) -> Assessment:
    aggregates = (Aggregate.DIFFERENCE, Aggregate.RATIO, Aggregate.INDEX)
    specs = [DisparitySpec(a, m) for a in aggregates for m in (Method.BETWEEN_GROUPS, Method.TO_REFERENCE)]
    plan = Plan("m", (("g",),), (metric,), tuple(specs), references={"g": "A"}, declared={"g": ("A", "B", "C")}, **more)  # type: ignore[arg-type]
    return assess(*count(rows(counts)), plan)


def said(found: Assessment) -> dict[str, object]:
    """Group, or aggregate and method, to the value or the reason why there is none."""

    def one(estimate: object) -> object:
        return estimate.reason if isinstance(estimate, Undefined) else estimate.value  # type: ignore[attr-defined]

    groups = {p.group_values.get("g", "everybody"): one(p.estimate) for p in found.groups}
    return groups | {f"{p.aggregate} {p.method}": one(p.estimate) for p in found.disparities}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    people = rows(COUNTS)
    return (
        np.array([int(bool(p.label)) for p in people]),
        np.array([int(bool(p.decision)) for p in people]),
        np.array([p.groups["g"] for p in people]),
    )


FEW = "fewer than two groups with enough positive labels"
BOTH = f"{FEW} and negative labels"


def test_a_tpr_without_positive_labels(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, p, g = arrays
    assert fairlearn.true_positive_rate(y[g == "B"], p[g == "B"]) == 0.0
    assert fairlearn.true_positive_rate_difference(y, p, sensitive_features=g) == 0.5  # "an unequal opportunity"
    assert fairlearn.true_positive_rate_ratio(y, p, sensitive_features=g) == 0.0
    assert aif360.equal_opportunity_difference(y, p, prot_attr=g, priv_group="A") == -0.5
    found = said(ours("true_positive_rate"))
    assert (found["A"], found["B"], found["C"]) == (0.5, "no positive labels", "no positive labels")
    assert found["difference between_groups"] == found["ratio between_groups"] == FEW
    assert found["difference to_reference"] == FEW  # smclarify's RD is 0.5: it divides 0 by 0 to 0


def test_a_composite_with_an_undefined_part(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, p, g = arrays
    assert fairlearn.equalized_odds_difference(y, p, sensitive_features=g) == 0.5
    assert fairlearn.equalized_odds_difference(y, p, sensitive_features=g, agg="mean") == 0.25
    assert aif360.average_odds_error(y, p, prot_attr=g, priv_group="A") == 0.25
    for name in ("equalized_odds", "average_absolute_odds"):
        assert said(ours(name))["difference between_groups"] == BOTH
    assert said(ours("equalized_odds_mean"))["index between_groups"] == BOTH
    assert said(ours("average_odds"))["B"] == "no positive labels"


def test_scores_of_one_sided_labels(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, p, g = arrays
    y, p = y[g == "B"], p[g == "B"]
    assert sklearn.balanced_accuracy_score(y, p) == 0.8  # the TNR alone
    assert sklearn.f1_score(y, p) == 0.0
    assert sklearn.matthews_corrcoef(y, p) == 0.0  # "no better than chance"
    for name in ("balanced_accuracy", "f1", "matthews_correlation"):
        assert said(ours(name))["B"] == "no positive labels"


NOBODY = {"A": (0, 0, 10, 30), "B": (0, 0, 5, 25)}


def test_nobody_is_selected() -> None:
    people = rows(NOBODY)
    y, p = (np.array([int(bool(getattr(one, name))) for one in people]) for name in ("label", "decision"))
    g = np.array([one.groups["g"] for one in people])
    assert np.isnan(fairlearn.demographic_parity_ratio(y, p, sensitive_features=g))
    assert fairlearn.demographic_parity_difference(y, p, sensitive_features=g) == 0.0  # right, and so is ours
    found = said(ours("selection_rate", NOBODY))
    assert found["difference between_groups"] == 0.0
    assert found["ratio between_groups"] == "the value to divide by is 0"  # smclarify's DI is 0.0
    assert sklearn.precision_score(y, p, zero_division=0.0) == 0.0
    assert said(ours("precision", NOBODY))["A"] == "no labelled favourable decisions"
    assert said(ours("conditional_acceptance", NOBODY))["A"] == "no labelled favourable decisions"  # Clarify: infinite


def test_a_reference_of_zero() -> None:
    """smclarify publishes infinity as 2.348543e108, AIF360 infinity, Aequitas 10.0 (`fill_divbyzero`)."""
    counts = {"A": (0, 0, 10, 30), "B": (6, 0, 4, 20)}
    people = rows(counts)
    y, p = (np.array([int(bool(getattr(one, name))) for one in people]) for name in ("label", "decision"))
    g = np.array([one.groups["g"] for one in people])
    assert (
        aif360.disparate_impact_ratio(y, p, prot_attr=g, priv_group="A", zero_division=0) == 0.0
    )  # may be made up at will
    found = said(ours("selection_rate", counts))
    assert found["ratio to_reference"] == "the value to divide by is 0"
    assert found["difference to_reference"] == pytest.approx(0.2)
    assert found["ratio between_groups"] == 0.0


def test_treatment_equality_without_false_positives() -> None:
    """smclarify divides by zero to infinity, and 0 by 0 to 0."""
    found = said(ours("treatment_equality", {"A": (5, 0, 3, 5), "B": (5, 0, 0, 5)}))
    assert (found["A"], found["B"]) == ("no false positives", "no false positives")


def test_a_single_row() -> None:
    """Fairlearn: a demographic parity difference of .8 from one person. Here it is said, with its interval: it reaches to 0."""
    counts = {"A": (4, 4, 16, 16), "B": (1, 0, 0, 0)}
    (gap,) = [
        p
        for p in ours("selection_rate", counts).disparities
        if (p.aggregate, p.method) == ("difference", "between_groups")
    ]
    assert gap.estimate.value == pytest.approx(0.8)
    assert gap.estimate.low is not None
    assert gap.estimate.low < 0.05
    assert said(ours("selection_rate", counts, display_min=10).published())["B"] is None


def test_aif360s_equalized_odds_of_an_undefined_rate_is_parity() -> None:
    """`max(0.0, nan)` is 0.0 in Python, so its `equalized_odds_difference` finds none; a composite keeps what is undefined."""
    assert max(0.0, np.nan) == 0.0
    assert said(ours("equalized_odds"))["difference to_reference"] == BOTH


def test_selective_labels_say_what_they_can() -> None:
    """Credit: only those who got it can repay. Precision is an outcome test; what needs the refused is undefined."""
    people = [
        Person({"g": g}, decision=True, label=at < good, score=600_000)
        for g, good in (("A", 90), ("B", 70))
        for at in range(100)
    ] + [Person({"g": g}, decision=False) for g in "AB" for _ in range(50)]
    metrics = (
        "precision",
        "false_discovery_rate",
        "selection_rate",
        "true_positive_rate",
        "accuracy",
        "f1",
        "base_rate",
    )
    plan = Plan("m", (("g",),), metrics, labels="favourable_only")
    found = assess(*count(people), plan)
    values = {(p.metric, p.group_values.get("g")): p.estimate for p in found.groups}
    assert values["precision", "A"].value == 0.9
    assert values["false_discovery_rate", "B"].value == pytest.approx(0.3)
    assert values["selection_rate", "A"].value == pytest.approx(2 / 3)
    for name in ("true_positive_rate", "accuracy", "f1", "base_rate"):
        assert values[name, "A"].reason == "selective labels: only favourable decisions are ever labelled"
    # Fairlearn on the labelled: a TPR of 1 for everybody, the very sign of parity
    labelled = [p for p in people if p.label is not None]
    y, p = (np.array([int(bool(getattr(one, name))) for one in labelled]) for name in ("label", "decision"))
    assert (
        fairlearn.true_positive_rate_difference(y, p, sensitive_features=[one.groups["g"] for one in labelled]) == 0.0
    )
