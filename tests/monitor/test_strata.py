"""Conditional disparity: Berkeley's admissions of 1973, where all together say the opposite of every department."""

import numpy as np
import pytest

from monitor.assess import Assessment, Plan, assess
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.estimates import STATES, State
from monitor.strata import NO_STRATUM, Sides, difference, ratio
from tests.monitor.population import Person, count
from tests.monitor.side_by_side import assess_windows

BERKELEY = {
    "A": ((512, 825), (89, 108)),
    "B": ((353, 560), (17, 25)),
    "C": ((120, 325), (202, 593)),
    "D": ((138, 417), (131, 375)),
    "E": ((53, 191), (94, 393)),
    "F": ((22, 373), (24, 341)),
}
"""Department to (admitted, applied) of men and of women; P. J. Bickel, E. A. Hammel and J. W. O'Connell, Science 187 (1975)."""

SPECS = tuple(DisparitySpec(a, m) for a in COMPARING for m in Method)


def people(table: dict[str, tuple[tuple[int, int], tuple[int, int]]], factor: str = "department") -> list[Person]:
    return [
        Person({"sex": sex}, decision=at < admitted, stratum={factor: department})
        for department, sides in table.items()
        for sex, (admitted, applied) in zip("MF", sides, strict=True)
        for at in range(applied)
    ]


def assessed(rows: list[Person], **more: object) -> Assessment:
    plan = Plan("m", ((), ("sex",)), ("selection_rate",), SPECS, references={"sex": "M"}, **more)  # type: ignore[arg-type]
    return assess(*count(rows), plan)


def sides(table: dict[str, tuple[tuple[int, int], tuple[int, int]]]) -> Sides:
    """Women against men, per stratum one column."""
    men, women = (np.array([pair[side] for pair in table.values()], dtype=np.float64) for side in (0, 1))
    return Sides((women[:, 1:], men[:, 1:]), (women[:, :1], men[:, :1]))


def test_the_raw_gap_and_the_stratified_one_point_in_opposite_directions() -> None:
    found = assessed(people(BERKELEY))
    raw = {(g.spec.aggregate, g.spec.method): g for g in found.gaps}
    beside = {(c.raw.spec.aggregate, c.raw.spec.method): c for c in found.conditional}
    key = (Aggregate.DIFFERENCE, Method.TO_REFERENCE)
    assert raw[key].estimates.value[0, 0] == pytest.approx(557 / 1835 - 1198 / 2691)  # women are 14 points behind
    # sum w (p_F - p_M) / sum w over the departments, by hand: w = n_F n_M / N
    weights = {d: m[1] * f[1] / (m[1] + f[1]) for d, (m, f) in BERKELEY.items()}
    gaps = {d: f[0] / f[1] - m[0] / m[1] for d, (m, f) in BERKELEY.items()}
    expected = sum(weights[d] * gaps[d] for d in BERKELEY) / sum(weights.values())
    assert expected > 0
    assert beside[key].estimates.value[0, 0] == pytest.approx(expected)
    assert beside[key].reversed[0, 0]
    assert beside[key].strata[0, 0] == 6
    assert beside[key].estimates.n[0, 0] == 4526
    assert beside[key].factors == ("department",)
    of_ratio = beside[Aggregate.RATIO, Method.TO_REFERENCE]
    assert of_ratio.estimates.value[0, 0] > 1 > raw[Aggregate.RATIO, Method.TO_REFERENCE].estimates.value[0, 0]
    assert of_ratio.reversed[0, 0]
    # higher by department are the women, all together the men
    names = [g.values.get("sex") for g in found.grouping.groups]
    assert (names[beside[key].higher[0, 0]], names[raw[key].higher[0, 0]]) == ("F", "M")


def test_a_single_stratum_is_the_plain_difference_and_ratio() -> None:
    one = sides({"A": ((56, 70), (48, 80))})
    level = np.array([0.95])
    assert difference(one, level).value == pytest.approx([0.6 - 0.8])
    assert ratio(one, level).value == pytest.approx([0.75])
    low, high = ratio(one, level).low, ratio(one, level).high
    error = np.sqrt(1 / 48 - 1 / 80 + 1 / 56 - 1 / 70)  # the usual log interval (Katz)
    assert (low[0], high[0]) == pytest.approx((0.75 / np.exp(1.959964 * error), 0.75 * np.exp(1.959964 * error)))


def test_intervals_cover() -> None:
    """1,000 runs of eight small strata with a common difference or ratio: 95% intervals cover 93 to 97.5%."""
    rng = np.random.default_rng(5)
    base = np.linspace(0.2, 0.6, 8)[:, None]
    n = tuple(rng.integers(8, 40, (8, 1)).astype(float) + np.zeros((8, 1000)) for _ in range(2))
    level = np.full(1000, 0.95)
    for function, other, truth in ((difference, base + 0.1, 0.1), (ratio, base * 1.3, 1.3)):
        k = tuple(rng.binomial(size.astype(int), p).astype(float) for size, p in zip(n, (other, base), strict=True))
        found = function(Sides(n, k), level)  # type: ignore[arg-type]
        assert 0.93 <= np.mean((found.low <= truth) & (truth <= found.high)) <= 0.975


def test_means_over_strata() -> None:
    """Values of women and men in two grades: within a grade women get as much; most women are in the lower."""
    rows = [
        Person({"sex": sex}, value=value + extra, stratum={"grade": grade})
        for grade, value, women, men in (("low", 1000, 30, 10), ("high", 3000, 10, 30))
        for sex, many in (("F", women), ("M", men))
        for extra in range(many)
    ]
    plan = Plan("m", (("sex",),), ("mean_value",), (DisparitySpec(Aggregate.DIFFERENCE, Method.TO_REFERENCE),),
                references={"sex": "M"}, value_unit=1.0)  # fmt: skip
    (beside,) = assess(*count(rows), plan).conditional
    # means of F and M: low 1014.5 and 1004.5, high 3004.5 and 3014.5, both weights 30 * 10 / 40
    assert beside.estimates.value[0, 0] == pytest.approx((10 - 10) / 2, abs=1e-9)
    assert beside.raw.estimates.value[0, 0] < -900


def test_without_a_stratum_in_common_it_cannot_be_said() -> None:
    found = assessed(people({"A": ((5, 9), (0, 0)), "B": ((0, 0), (3, 7))}))
    for beside in found.conditional:
        assert [STATES[code] for code in beside.estimates.state.ravel().tolist()] == [State.UNDEFINED]
        assert beside.estimates.one((0, 0)).reason == NO_STRATUM
        assert not beside.reversed.any()


def test_without_factors_there_is_nothing_beside() -> None:
    rows = [Person({"sex": s}, decision=True) for s in "FM"]
    assert assessed(rows).conditional == ()


def test_windows_together_are_windows_alone() -> None:
    rows = people(BERKELEY)
    cells, decision, _ = count(rows)
    plan = Plan("m", (("sex",),), ("selection_rate", "rejection_rate"), SPECS, references={"sex": "M"})
    batch = assess_windows(cells, np.stack([decision, decision // 2]), None, plan)
    for window, sums in enumerate((decision, decision // 2)):
        alone = assess(cells, sums, None, plan)
        columns = batch.segments(window)
        for one, many in zip(alone.conditional, batch.whole.conditional, strict=True):
            assert np.array_equal(one.estimates.value, many.estimates.value[:, columns])
            assert np.array_equal(one.estimates.low, many.estimates.low[:, columns])
    compared = batch.compare("selection_rate", ("sex",), DisparitySpec(Aggregate.RATIO, Method.TO_REFERENCE))
    assert [found.stratified.value for (found,) in compared if found.stratified] == [
        batch.whole.conditional[5].estimates.value[0, 0], pytest.approx(1.07, abs=0.2)
    ]  # fmt: skip


def test_conditional_demographic_disparity_of_berkeley() -> None:
    """`sum n_i DD_i / n`: in each department the share of women among the refused less that among the admitted."""
    plan = Plan("m", (("sex",),), ("demographic_disparity",))
    found = assess(*count(people(BERKELEY)), plan)
    (beside,) = found.conditional_groups.values()
    names = [group.values.get("sex") for group in found.grouping.groups]
    raw = dict(zip(names, found.estimates.value[0].tolist(), strict=True))
    over = dict(zip(names, beside.value.tolist(), strict=True))
    total, expected = 0, 0.0
    for men, women in BERKELEY.values():
        n, admitted = men[1] + women[1], men[0] + women[0]
        expected += n * ((women[1] - women[0]) / (n - admitted) - women[0] / admitted)
        total += n
    assert over["F"] == pytest.approx(expected / total)
    assert over["M"] == pytest.approx(-expected / total)
    assert raw["F"] == pytest.approx(1278 / 2771 - 557 / 1755)  # refused, admitted; all together women are worse off
    assert raw["F"] > 0 > over["F"]


def test_a_stratum_of_one_kind_alone_is_left_out() -> None:
    """Clarify counts 0 for it, so that strata of which nothing can be said pull towards parity."""
    table = {"A": ((8, 10), (2, 10)), "B": ((10, 10), (10, 10))}
    found = assess(*count(people(table)), Plan("m", (("sex",),), ("demographic_disparity",)))
    (beside,) = found.conditional_groups.values()
    names = [group.values.get("sex") for group in found.grouping.groups]
    assert beside.value[names.index("F")] == pytest.approx(8 / 10 - 2 / 10)  # with B as 0 it were half of that
    assert beside.n[names.index("F")] == 10
