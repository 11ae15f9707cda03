"""The table of names and signs elsewhere: Fairlearn's and AIF360's numbers are what it says they are of ours."""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.metrics import registry
from monitor.namesakes import LIBRARIES, NAMESAKES, NOTES, Form, Namesake, Relation, document
from monitor.not_given import NOT_GIVEN
from tests.monitor.population import Person, count

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from aif360 import metrics as classic
    from aif360.datasets import BinaryLabelDataset
    from aif360.sklearn import metrics as aif360

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"a": 60, "b": 45}


def test_the_page_is_made_from_the_data() -> None:
    page = (ROOT / "deploy" / "metric-names.md").read_text(encoding="utf-8")
    assert page == document(), "run `python -m monitor.namesakes deploy/metric-names.md`"


def test_every_entry_is_of_a_metric_that_has_such_a_number() -> None:
    for one in NAMESAKES:
        metric = registry()[one.metric]
        assert one.library in LIBRARIES
        aggregate, _, method = one.form.partition(" ")
        if aggregate in ("difference", "ratio"):
            assert metric.offers(DisparitySpec(Aggregate(aggregate), Method(method))), one
        elif one.form is Form.INDEX:
            assert metric.kind == "index"
        elif one.form is Form.STRATIFIED:
            assert metric.over_strata is not None
        else:
            assert metric.of_groups


@cache
def people() -> tuple[Person, ...]:
    """Two groups, b the privileged one."""
    rng = np.random.default_rng(21)
    made = []
    for group, n in SIZES.items():
        for label, decision in zip(rng.random(n) < 0.5, rng.random(n) < (0.4 if group == "a" else 0.6), strict=True):
            score = int(rng.integers(1, 10**6))
            made.append(Person({"g": group}, decision=bool(decision), label=bool(label), score=score, value=score))
    return tuple(made)


@cache
def ours() -> Assessment:
    chosen = tuple(name for name, one in registry().items() if one.needs in ("decision", "label"))
    specs = [DisparitySpec(a, m) for a in COMPARING for m in (Method.BETWEEN_GROUPS, Method.TO_REFERENCE)]
    specs.append(DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS))
    plan = Plan("m", ((), ("g",)), chosen, tuple(specs), references={"g": "b"}, value_unit=1e-6)
    return assess(*count(people()), plan)


def number(one: Namesake) -> float:
    """The entry's number, ours."""
    aggregate, _, method = one.form.partition(" ")
    if aggregate in ("difference", "ratio", "index"):
        (found,) = (
            p.estimate.value
            for p in ours().disparities
            if (p.metric, p.aggregate, p.method) == (one.metric, aggregate, method or "between_groups")
        )
    else:
        values = {p.group_values.get("g"): p.estimate.value for p in ours().groups if p.metric == one.metric}
        if one.form is Form.VALUE:
            found = values[None]
        else:
            found = (min if one.form is Form.LEAST else max)(v for g, v in values.items() if g and v is not None)
    assert found is not None
    return found


def same(one: Namesake, theirs: float) -> bool:
    ours: dict[Relation, Callable[[float], float]] = {
        Relation.OPPOSITE: lambda x: -x,
        Relation.SIGNED: abs,
        Relation.INVERSE: lambda x: 1.0 / x,
        Relation.COMPLEMENT: lambda x: 1.0 - x,
    }
    return number(one) == pytest.approx(ours.get(one.relation, lambda x: x)(theirs), rel=1e-9)


def entries(library: str) -> list[Namesake]:
    computed = {name for name, one in registry().items() if one.needs in ("decision", "label")}
    wanted = (one for one in NAMESAKES if one.library == library and one.relation is not Relation.OTHER)
    return [one for one in wanted if one.metric in computed and not one.metric.startswith(("mean_abs", "mean_squared"))]


@pytest.mark.parametrize("one", entries("Fairlearn"), ids=lambda one: f"{one.name} {one.form}")
def test_fairlearn(one: Namesake) -> None:
    function: Callable[..., float] = getattr(fairlearn, one.name)
    label, decision = ([getattr(p, column) for p in people()] for column in ("label", "decision"))
    if one.name == "mean_prediction":
        assert same(one, function(label, np.array([p.value for p in people()]) * 1e-6))
        return
    groups = {} if one.form is Form.VALUE else {"sensitive_features": [p.groups["g"] for p in people()]}
    assert same(one, float(function(label, decision, **groups)))


def missing(library: str, names: Iterable[str]) -> list[str]:
    """Those that are neither in the table nor said not to be given."""
    known = {one.name for one in NAMESAKES if one.library == library}
    known |= {name for key in NOT_GIVEN.get(library, ()) for name in re.findall("`([^`]+)`", key)}
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in known)]


def test_every_name_of_fairlearn_is_told_of() -> None:
    tools = {"MetricFrame", "make_derived_metric", "plot_model_comparison", "plot_roc_curve_by_group"}
    assert missing("Fairlearn", set(fairlearn.__all__) - tools) == []
    assert all(hasattr(fairlearn, one.name) for one in NAMESAKES if one.library == "Fairlearn")


def test_every_name_of_aif360_is_told_of() -> None:
    tools = {
        "difference",
        "ratio",
        "total",
        "average",
        "maximum",
        "dataset",
        "intersection",
        "one_vs_rest",
        "make_scorer",
    }
    classes = (classic.ClassificationMetric, classic.RegressionDatasetMetric, classic.SampleDistortionMetric,
               classic.MDSSClassificationMetric)  # fmt: skip
    methods = {name for one in classes for name in vars(one) | vars(classic.BinaryLabelDatasetMetric)}
    functions = {
        name
        for name, one in vars(aif360).items()
        if getattr(one, "__module__", "").startswith("aif360.sklearn.metrics")
    }
    assert missing("AIF360", sorted(n for n in (methods | functions) - tools if not n.startswith("_"))) == []


def test_notes_are_of_names_in_the_table() -> None:
    assert set(NOTES) <= {(one.library, one.name) for one in NAMESAKES}
    assert set(NOT_GIVEN) == set(LIBRARIES)


@cache
def measured() -> tuple[Any, Any]:
    """AIF360's metrics of labels and decisions, and of the decisions alone."""
    table = pd.DataFrame(
        {"g": [float(p.groups["g"] == "b") for p in people()], "y": [float(bool(p.label)) for p in people()]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = BinaryLabelDataset(df=table, label_names=["y"], protected_attribute_names=["g"])
        predicted = truth.copy()
        predicted.labels = np.array([[float(bool(p.decision))] for p in people()])
        predicted.scores = np.array([[(p.score or 0) * 1e-6] for p in people()])
        sides = {"unprivileged_groups": [{"g": 0}], "privileged_groups": [{"g": 1}]}
        return (
            classic.ClassificationMetric(truth, predicted, **sides),
            classic.BinaryLabelDatasetMetric(predicted, **sides),
        )


@pytest.mark.parametrize("one", entries("AIF360"), ids=lambda one: f"{one.name} {one.form}")
def test_aif360(one: Namesake) -> None:
    of_both, of_decisions = measured()
    asked = of_decisions if one.name.startswith(("smoothed", "mean_difference")) else of_both
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs = getattr(asked, one.name)() if hasattr(asked, one.name) else function_of(one)
    assert same(one, float(theirs))


def function_of(one: Namesake) -> float:
    """What the function of this name in `aif360.sklearn` says."""
    function: Callable[..., Any] = getattr(aif360, one.name)
    label = np.array([float(bool(p.label)) for p in people()])
    column = "score" if "probas_pred" in inspect.signature(function).parameters else "decision"
    predicted = np.array([float(getattr(p, column) or 0) for p in people()]) * (1e-6 if column == "score" else 1.0)
    how = {"prot_attr": np.array([p.groups["g"] for p in people()]), "priv_group": "b"}
    wanted = {name: given for name, given in how.items() if name in inspect.signature(function).parameters}
    of_labels = one.metric.startswith("label_") or one.metric == "class_imbalance"
    return float(function(label, **wanted) if of_labels else function(label, predicted, **wanted))


def test_aif360s_conditional_demographic_disparity_is_another_number() -> None:
    """It takes the groups themselves for strata."""
    assert "prot_attr" in inspect.signature(aif360.conditional_demographic_disparity).parameters
