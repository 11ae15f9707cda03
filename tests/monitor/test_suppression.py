"""What is withheld, and that it cannot be computed from what is shown."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.assess import Assessment, Plan, assess, attribute_sets
from monitor.comparisons import COMPARING, DisparitySpec, Method
from monitor.estimates import State, Suppressed
from tests.monitor.population import Person, count

SPECS = tuple(DisparitySpec(a, m) for a in COMPARING for m in Method)


def found(
    people: Sequence[Person], attributes: Sequence[str], minimum: int, *, per_version: bool = False
) -> Assessment:
    plan = Plan(
        "m",
        attribute_sets(attributes, 2),
        ("selection_rate",),
        SPECS,
        display_min=minimum,
        references={"sex": "M"},
        per_version=per_version,
    )
    return assess(*count(people), plan).published()


def persons(n: int, **groups: str) -> list[Person]:
    return [Person(groups, decision=at % 2 == 0) for at in range(n)]


def shown(assessment: Assessment) -> dict[tuple[str, ...], State]:
    return {tuple(p.group_values.values()): p.estimate.state for p in assessment.groups}


def test_a_small_group_is_withheld_and_the_next_smallest_with_it() -> None:
    people = persons(40, sex="F") + persons(50, sex="M") + persons(3, sex="X")
    states = shown(found(people, ["sex"], 10))
    assert states == {
        (): State.MEASURED, ("F",): State.SUPPRESSED, ("M",): State.MEASURED, ("X",): State.SUPPRESSED,
    }  # fmt: skip


def test_what_is_withheld_says_why_and_nothing_else() -> None:
    people = persons(40, sex="F") + persons(50, sex="M") + persons(3, sex="X")
    estimates = {p.group_values.get("sex"): p.estimate for p in found(people, ["sex"], 10).groups}
    assert estimates["X"] == Suppressed("fewer than 10")
    assert estimates["F"] == Suppressed("withheld so that a smaller group cannot be computed from it")
    assert (estimates["X"].n, estimates["X"].numerator, estimates["X"].denominator) == (0, None, None)


def test_withheld_groups_together_must_be_enough() -> None:
    """Two groups of 3 and 4: their sum of 7 can be computed, so a third goes with them."""
    people = persons(40, sex="F") + persons(50, sex="M") + persons(3, sex="X") + persons(4, sex="Y")
    assert shown(found(people, ["sex"], 10))[("F",)] is State.SUPPRESSED


def test_nobody_is_no_secret() -> None:
    people = [*persons(40, sex="F"), Person({"sex": "M"}, value=3)]  # M has a value and no decision
    assert shown(found(people, ["sex"], 10))[("M",)] is State.UNDEFINED


def test_a_disparity_shows_only_groups_that_are_shown() -> None:
    people = (
        persons(40, sex="F") + persons(50, sex="M") + persons(60, sex="N") + [Person({"sex": "X"}, decision=False)] * 3
    )
    assessment = found(people, ["sex"], 10)
    for point in assessment.disparities:
        assert {"sex": "X"} not in (point.lower_group, point.higher_group)
        assert point.estimate.state is State.MEASURED
    two = found(persons(40, sex="F") + persons(3, sex="M"), ["sex"], 10)
    assert {p.estimate.state for p in two.disparities} == {State.SUPPRESSED}


def test_rules_judge_what_was_counted() -> None:
    people = persons(40, sex="F") + persons(3, sex="M")
    plan = Plan("m", attribute_sets(["sex"], 1), ("selection_rate",), SPECS, display_min=10, references={"sex": "M"})
    whole = assess(*count(people), plan)
    assert {p.estimate.state for p in whole.groups} == {p.estimate.state for p in whole.disparities} == {State.MEASURED}


def test_versions_do_not_give_away_a_group() -> None:
    people = persons(40, sex="F") + persons(50, sex="M")
    people += [Person({"sex": "F"}, decision=True, version="v2", arm="canary")] * 3
    people += [Person({"sex": "M"}, decision=True, version="v2", arm="canary")] * 30
    states = {
        (p.version, p.group_values.get("sex")): p.estimate.state
        for p in found(people, ["sex"], 10, per_version=True).groups
    }
    assert states["v2", "F"] is State.SUPPRESSED
    assert State.SUPPRESSED in (states["v1", "F"], states["*", "F"])


ROWS = st.lists(
    st.tuples(st.sampled_from("FMX"), st.sampled_from("abc"), st.sampled_from(["v1", "v2"]), st.integers(1, 30)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(2, 15))
def test_no_total_gives_anything_away(rows: list[tuple[str, str, str, int]], minimum: int) -> None:
    """Every line of which a reader sees all parts hides nothing, or at least two numbers and `minimum` events."""
    people = [
        Person({"sex": sex, "age": age}, decision=True, version=version)
        for sex, age, version, n in rows
        for _ in range(n)
    ]
    assessment = found(people, ["sex", "age"], minimum, per_version=True)
    counts = {
        (p.version, tuple(sorted(p.group_values.items()))): (int(n), p.estimate.state is State.SUPPRESSED)
        for p, n in zip(assessment.groups, assessment.field.groups.n[0], strict=True)
    }
    assert all(hidden for n, hidden in counts.values() if 0 < n < minimum)
    for (version, values), (total, total_hidden) in counts.items():
        for names in (("age",), ("sex",), ("age", "sex")):
            line = [
                counts[key]
                for key in counts
                if key[0] == version and tuple(n for n, _ in key[1]) == names and set(values) < set(key[1])
            ]
            _safe(line, total, total_hidden, minimum)
        if version == "*":
            _safe([counts[key] for key in counts if key[0] != "*" and key[1] == values], total, total_hidden, minimum)


def _safe(line: list[tuple[int, bool]], total: int, total_hidden: bool, minimum: int) -> None:
    if not line:
        return
    assert sum(n for n, _ in line) == total
    secret = [n for n, hidden in line if hidden and n]
    assert len(secret) + total_hidden != 1
    assert total_hidden or not secret or sum(secret) >= minimum


def test_without_a_minimum_nothing_is_withheld() -> None:
    assessment = found(persons(1, sex="F") + persons(50, sex="M"), ["sex"], 0)
    assert not np.any(assessment.hidden)
    assert {p.estimate.state for p in assessment.groups} == {State.MEASURED}


def test_a_composite_of_whom_no_group_has_both_parts_does_not_go_round_for_ever() -> None:
    """Balanced accuracy stands on 3 of everybody and on none of either sex: what it stands on is no sum of groups."""
    people = [Person({"sex": "F"}, decision=True, label=True)] * 3 + [Person({"sex": "M"}, True, label=False)] * 3
    plan = Plan("m", attribute_sets(["sex"], 1), ("balanced_accuracy",), display_min=10)
    states = shown(assess(*count(people), plan).published())
    assert states == {(): State.SUPPRESSED, ("F",): State.UNDEFINED, ("M",): State.UNDEFINED}
