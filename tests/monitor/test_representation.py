"""Who the decisions are about, against a reference population; numbers worked by hand."""

from math import log

import numpy as np
import pytest

from monitor.assess import Assessment, Plan, assess, attribute_sets
from monitor.baselines import Baseline, populations
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.config import AttributeConfig, ModelConfig
from monitor.estimates import Estimate, State
from monitor.intervals import wilson
from tests.monitor.population import Person, count

METRICS = ("representation", "representation_difference", "representation_ratio", "population_stability_index")
PSI = DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS)
CENSUS = {"sex": {"F": 0.5, "M": 0.4, "X": 0.1}}


def found(sizes: dict[str, int], shares: dict[str, dict[str, float]] = CENSUS, minimum: int = 0) -> Assessment:
    people = [Person({"sex": sex, "age": "old"}, decision=True) for sex, n in sizes.items() for _ in range(n)]
    plan = Plan(
        "m",
        attribute_sets(["sex", "age"], 2),
        METRICS,
        (PSI,),
        populations=shares,
        declared={"sex": ("F", "M", "X")},
        display_min=minimum,
    )
    return assess(*count(people), plan)


def of(made: Assessment, metric: str, **groups: str) -> Estimate:
    (point,) = (p for p in made.groups if p.metric == metric and p.group_values == groups)
    return point.estimate


def psi(made: Assessment, *attributes: str) -> Estimate:
    (point,) = (p for p in made.disparities if p.attribute_set == attributes)
    return point.estimate


def test_shares_against_the_population() -> None:
    """30 of 100 are women, who are half of the population; whose sex is unknown is in neither."""
    made = found({"F": 30, "M": 60, "X": 10, "unknown": 50})
    gap, ratio = (of(made, f"representation_{what}", sex="F") for what in ("difference", "ratio"))
    low, high = (float(end) for end in wilson(30, 100))
    assert [gap.value, gap.low, gap.high] == pytest.approx([-0.2, low - 0.5, high - 0.5])
    assert [ratio.value, ratio.low, ratio.high] == pytest.approx([0.6, low / 0.5, high / 0.5])
    assert gap.n == 100
    assert of(made, "representation", sex="unknown").value == pytest.approx(50 / 150)


def test_population_stability_index() -> None:
    made = found({"F": 30, "M": 60, "X": 10, "unknown": 50})
    estimate = psi(made, "sex")
    assert estimate.value == pytest.approx((0.3 - 0.5) * log(0.3 / 0.5) + (0.6 - 0.4) * log(0.6 / 0.4))
    (point,) = (p for p in made.disparities if p.attribute_set == ("sex",))
    assert (point.lower_group, point.higher_group) == ({"sex": "F"}, {"sex": "M"})
    assert estimate.n == 100


def test_an_empty_group_is_no_infinity() -> None:
    made = found({"F": 30, "M": 70})
    assert psi(made, "sex").state is State.UNDEFINED
    assert of(made, "representation_difference", sex="X").value == pytest.approx(-0.1)
    assert of(made, "representation_ratio", sex="X").value == 0.0


def test_what_no_population_names_is_undefined() -> None:
    made = found({"F": 30, "M": 60, "X": 10, "unknown": 50})
    for groups in ({"sex": "unknown"}, {"age": "old"}, {"sex": "F", "age": "old"}, {}):
        assert of(made, "representation_difference", **groups).state is State.UNDEFINED
    assert psi(made, "age").state is psi(made, "age", "sex").state is State.UNDEFINED
    assert psi(found({"F": 30, "M": 60}, {}), "sex").state is State.UNDEFINED


def test_a_withheld_group_leaves_the_index_unsaid() -> None:
    made = found({"F": 30, "M": 60, "X": 3}, minimum=10).published()
    assert of(made, "representation_difference", sex="X").state is State.SUPPRESSED
    assert psi(made, "sex").state is not State.MEASURED


@pytest.mark.parametrize("shares", [(0.5, 0.4, 0.1), (0.4, 0.45, 0.15)], ids=str)
def test_the_interval_holds_the_truth(shares: tuple[float, ...]) -> None:
    rng, truth = (
        np.random.default_rng(5),
        sum((p - q) * log(p / q) for p, q in zip(shares, (0.5, 0.4, 0.1), strict=True)),
    )
    held = []
    for drawn in rng.multinomial(400, shares, 300).tolist():
        estimate = psi(found(dict(zip(("F", "M", "X"), drawn, strict=True))), "sex")
        assert estimate.low is not None and estimate.high is not None
        held.append(estimate.low - 1e-12 <= truth <= estimate.high)
    assert np.mean(held) >= 0.92


def test_the_population_of_a_baseline() -> None:
    people = [Person({"sex": sex}, decision=True) for sex in "FFFM"] + [Person({"sex": "unknown"}, decision=True)] * 5
    people += [Person({"sex": "X"}, decision=True, arm="shadow")]
    cells, decision, _ = count(people)
    baseline = Baseline("m", "an audit", 10, "", 0.01, tuple(cells), {"decision": decision})
    assert populations(baseline, ["sex", "age"]) == {"sex": {"F": 0.75, "M": 0.25}}


def test_the_configured_population() -> None:
    given = AttributeConfig.model_validate({"values": ["F", "M", 1], "population": {"F": 0.5, "M": 0.4, 1: 0.1}})
    model = ModelConfig(name="m", attributes={"sex": given})
    assert model.populations == {"sex": {"F": 0.5, "M": 0.4, "1": 0.1}}
    for population, problem in (
        ({"F": 0.5, "M": 0.4}, "sum to 0.9 and not to 1"),
        ({"F": 1.0, "M": 0.0}, "above 0"),
        ({"F": 0.5, "W": 0.5}, "no group 'W'"),
    ):
        with pytest.raises(ValueError, match=problem):
            AttributeConfig.model_validate({"values": ["F", "M"], "population": population})
