"""Judging by the shipped policies: published examples, and what each clause says when it decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitor.assess import Plan, assess
from monitor.comparisons import Aggregate
from monitor.policies import (
    SCORING_RATE,
    Answer,
    Combine,
    Context,
    Counted,
    Criterion,
    Judgement,
    Policy,
    Procedure,
    Reason,
    Reference,
    Significance,
    Status,
    compared,
    counted,
    judge,
    versions,
)
from tests.monitor.population import Person, count

FOUR_FIFTHS = versions("us-four-fifths")[-1]
LL144 = versions("nyc-local-law-144")[-1]


def rates(groups: Mapping[str, tuple[int, int]], attribute: str = "sex") -> list[Counted]:
    """Groups as k of n."""
    return [Counted({attribute: name}, n, k, k / n if n else None) for name, (k, n) in groups.items()]


def figures(
    groups: Mapping[str, tuple[int, int]], metric: str = "selection_rate"
) -> dict[tuple[str, tuple[str, ...]], Sequence[Counted]]:
    return {(metric, ("sex",)): rates(groups)}


def four_fifths(**groups: tuple[int, int]) -> Judgement:
    return judge(FOUR_FIFTHS, figures(groups))


class TestFourFifths:
    def test_question_11_is_adverse_impact(self) -> None:
        """48 of 80 and 12 of 40 hired: half the rate, three standard deviations."""
        found = four_fifths(white=(48, 80), black=(12, 40))
        assert found.answer is Answer.BREACHED
        line = next(line for line in found.lines if line.group.values == {"sex": "black"})
        assert line.value == 0.5
        assert line.reasons == (Reason.BEYOND, Reason.SIGNIFICANT)
        assert line.shortfall == 8  # .8 * .6 * 40 = 19.2: twenty, and twelve are there

    def test_question_21_is_too_small_to_say(self) -> None:
        """16 of 80 and 3 of 20: 75%, and one hire the other way would turn it round."""
        found = four_fifths(white=(16, 80), black=(3, 20))
        assert found.answer is Answer.CANNOT_SAY
        assert found.reasons == (Reason.NOT_SIGNIFICANT,)  # Fisher's p is .757; none of twenty would have .037
        line = next(line for line in found.lines if line.group.values == {"sex": "black"})
        assert line.value == pytest.approx(0.75)

    def test_three_of_twenty_men_and_one_of_ten_women(self) -> None:
        found = four_fifths(men=(3, 20), women=(1, 10))
        line = next(line for line in found.lines if line.group.values == {"sex": "women"})
        assert found.answer is Answer.CANNOT_SAY
        assert line.value == pytest.approx(2 / 3)
        assert line.reasons == (Reason.UNDETECTABLE,)  # none of ten women would have p = .53

    def test_the_flip_flop_test_holds_back_a_significant_breach(self) -> None:
        """7,999 of 10,000 against all of 10,000: significant, and one decision short of four fifths."""
        found = four_fifths(a=(10_000, 10_000), b=(7_999, 10_000))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.FLIP_FLOP, Reason.SIGNIFICANT))
        assert four_fifths(a=(10_000, 10_000), b=(7_998, 10_000)).answer is Answer.BREACHED
        assert four_fifths(a=(10_000, 10_000), b=(8_000, 10_000)).answer is Answer.CLEAR

    def test_beyond_the_bound_and_chance_may_explain_it(self) -> None:
        """30 of 100 and 23 of 100: .767 and z = 1.12."""
        found = four_fifths(a=(30, 100), b=(23, 100))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NOT_SIGNIFICANT,))

    def test_significant_inside_the_bound_is_clear_and_said(self) -> None:
        found = four_fifths(a=(5_000, 10_000), b=(4_500, 10_000))
        line = next(line for line in found.lines if line.group.values == {"sex": "b"})
        assert (found.answer, line.reasons) == (Answer.CLEAR, (Reason.SIGNIFICANT_INSIDE,))

    def test_two_percent(self) -> None:
        """19 of 1,000 are below 2%: kept in the table, not judged, and no reference though they fare best."""
        found = four_fifths(a=(490, 500), b=(470, 481), c=(19, 19))
        small = next(line for line in found.lines if line.group.values == {"sex": "c"})
        assert found.answer is Answer.CLEAR
        assert small.reasons == (Reason.EXCLUDED,)
        assert (small.group.numerator, small.group.n, small.share) == (19, 19, 0.019)
        assert {line.base.values["sex"] for line in found.lines if line.base} == {"a"}

    def test_exactly_two_percent_is_judged(self) -> None:
        found = four_fifths(a=(400, 500), b=(384, 480), c=(2, 20))
        assert found.answer is Answer.BREACHED

    def test_nobody_favoured_is_not_clear(self) -> None:
        found = four_fifths(a=(0, 100), b=(0, 100))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NOBODY_FAVOURED,))

    def test_one_group_has_nothing_to_be_compared_with(self) -> None:
        found = four_fifths(a=(50, 100))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.ALONE,))

    def test_unknown_is_counted_and_not_compared(self) -> None:
        found = four_fifths(a=(50, 100), b=(45, 100), unknown=(0, 40))
        assert found.answer is Answer.CLEAR
        assert found.unknown == {("sex",): 40}
        assert {line.group.values["sex"] for line in found.lines} == {"a", "b"}

    def test_intersections_are_not_judged(self) -> None:
        both: dict[tuple[str, tuple[str, ...]], Sequence[Counted]] = {
            **figures({"a": (50, 100), "b": (45, 100)}),
            ("selection_rate", ("age", "sex")): [
                Counted({"age": "old", "sex": "a"}, 100, 90, 0.9),
                Counted({"age": "young", "sex": "a"}, 100, 10, 0.1),
            ],
        }
        assert judge(FOUR_FIFTHS, both).answer is Answer.CLEAR

    def test_no_data_is_not_clear(self) -> None:
        found = judge(FOUR_FIFTHS, {})
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NOT_MEASURED,))

    def test_too_few_may_be_left_out_of_the_report_instead(self) -> None:
        (criterion,) = FOUR_FIFTHS.criteria
        quiet = replace(criterion, small_numbers=replace(criterion.small_numbers, action="suppress"))
        found = judge(
            replace(FOUR_FIFTHS, criteria=(quiet,)), figures({"men": (3, 20), "women": (1, 10), "x": (4, 22)})
        )
        line = next(line for line in found.lines if line.group.values == {"sex": "women"})
        assert (line.answer, line.value) == (None, None)
        assert line.reasons == (Reason.UNDETECTABLE, Reason.WITHHELD)


@st.composite
def two_groups(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int]]:
    n, other = draw(st.integers(3, 400)), draw(st.integers(3, 400))
    return (draw(st.integers(0, n)), n), (draw(st.integers(0, other)), other)


def expected(low: tuple[int, int], high: tuple[int, int]) -> Answer:
    """The guideline, read once more: with SciPy's tests and without the code above."""
    (k, n), (top, most) = low, high
    if Fraction(min(n, most), n + most) < Fraction(2, 100) or top == 0:
        return Answer.CANNOT_SAY

    def chance(k: int) -> bool:
        table = np.array([[k, n - k], [top, most - top]])
        if k + top in (0, n + most):
            return False
        least = min(n, most) * min(table.sum(axis=0)) / (n + most)
        if least < 5 or min(n, most) < 30:
            return bool(stats.fisher_exact(table).pvalue < 0.05)
        return bool(stats.chi2_contingency(table, correction=False).statistic > 4)

    ratio = Fraction(k * most, n * top)
    if not chance(k) and not chance(0):
        return Answer.CANNOT_SAY
    if ratio >= Fraction(4, 5):
        return Answer.CLEAR
    after = Fraction((k + 1) * most, n * (top - 1)) if top > 1 else Fraction(1)
    return Answer.BREACHED if chance(k) and after < Fraction(4, 5) else Answer.CANNOT_SAY


@settings(max_examples=400, deadline=None)
@given(two_groups())
def test_any_two_groups_are_judged_as_the_guideline_reads(given_: tuple[tuple[int, int], tuple[int, int]]) -> None:
    low, high = sorted(given_, key=lambda one: Fraction(*one))
    if Fraction(*low) == Fraction(*high) or len(set(given_)) == 1:
        return  # which of two equals is the reference does not matter, and is another test's
    assert four_fifths(low=low, high=high).answer is expected(low, high)


class TestLocalLaw144:
    def table(self, context: Context = Context()) -> Judgement:  # noqa: B008
        groups = {"White": (400, 800), "Black": (60, 150), "Asian": (20, 35), "Native": (3, 15), "unknown": (10, 50)}
        race = [Counted({"race": name}, n, k, k / n) for name, (k, n) in groups.items()]
        sex = rates({"F": (200, 480), "M": (283, 520)})
        return judge(LL144, {("selection_rate", ("race",)): race, ("selection_rate", ("sex",)): sex}, context)

    def test_it_has_no_pass_mark(self) -> None:
        found = self.table()
        assert found.answer is Answer.CANNOT_SAY
        assert found.reasons[0] is Reason.NO_PASS_MARK

    def test_impact_ratios_are_to_the_most_selected(self) -> None:
        """Asian 20/35 = .5714 is the highest; Black .4 / .5714 = .7, White .5 / .5714 = .875."""
        found = {line.group.values["race"]: line for line in self.table().lines if "race" in line.group.values}
        assert {name: round(line.value or 0, 4) for name, line in found.items()} == {
            "Asian": 1.0, "Black": 0.7, "White": 0.875, "Native": 0.35,
        }  # fmt: skip
        assert found["Asian"].is_reference

    def test_two_percent_may_be_left_out_with_a_reason_only(self) -> None:
        """15 of the 1,000 whose category is known."""
        native = (("race", "Native"),)
        without = {line.group.key: line for line in self.table().lines}
        assert without[native].value is not None
        given = self.table(Context(justifications={native: "fifteen people; the rate says nothing"}))
        line = next(line for line in given.lines if line.group.key == native)
        assert line.reasons == (Reason.EXCLUDED,)
        assert (line.group.numerator, line.group.n, line.share) == (3, 15, 0.015)
        assert line.justification == "fifteen people; the rate says nothing"

    def test_a_larger_category_may_not_be_left_out(self) -> None:
        asian = (("race", "Asian"),)
        found = self.table(Context(justifications={asian: "inconvenient"}))
        line = next(line for line in found.lines if line.group.key == asian)
        assert Reason.NOT_EXCLUDED in line.reasons
        assert line.value == 1.0

    def test_the_unknown_are_stated(self) -> None:
        assert self.table().unknown == {("race",): 50, ("sex",): 0}

    def test_scoring_rates_are_judged_by_the_same_table(self) -> None:
        found = judge(LL144, {(SCORING_RATE, ("sex",)): rates({"F": (30, 100), "M": (60, 100)})})
        lines = [line for line in found.lines if line.criterion.metric == SCORING_RATE]
        assert {line.group.values["sex"]: line.value for line in lines} == {"F": 0.5, "M": 1.0}

    def test_it_says_which_attribute_is_missing(self) -> None:
        found = judge(LL144, figures({"F": (30, 100), "M": (60, 100)}))
        assert Reason.ATTRIBUTE_MISSING in found.reasons
        assert "race or ethnicity is not in the data" in found.notes

    def test_an_attribute_may_be_called_otherwise(self) -> None:
        groups: dict[tuple[str, tuple[str, ...]], Sequence[Counted]] = {
            ("selection_rate", ("sex",)): rates({"F": (30, 100), "M": (60, 100)}),
            ("selection_rate", ("origin",)): rates({"A": (30, 100), "B": (60, 100)}, "origin"),
            ("selection_rate", ("age",)): rates({"old": (30, 100), "young": (60, 100)}, "age"),
        }
        found = judge(LL144, groups, Context(roles={"race or ethnicity": "origin"}))
        assert {line.attribute_set for line in found.lines} == {("sex",), ("origin",)}


class TestOthers:
    @pytest.mark.parametrize(
        ("women", "answer"),
        [
            ((40, 100), Answer.CLEAR),
            ((60, 100), Answer.CLEAR),
            ((39, 100), Answer.BREACHED),
            ((61, 100), Answer.BREACHED),
        ],
    )
    def test_veritas_is_two_sided_and_exact_at_its_ends(self, women: tuple[int, int], answer: Answer) -> None:
        policy = versions("veritas-p-rule")[-1]
        found = judge(policy, figures({"F": women, "M": (50, 100)}), Context(references={"sex": "M"}))
        assert found.answer is answer

    def test_veritas_needs_to_know_who_is_privileged(self) -> None:
        found = judge(versions("veritas-p-rule")[-1], figures({"F": (40, 100), "M": (50, 100)}))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NO_REFERENCE,))

    def test_clarify_calls_an_interval_that_overlaps_clear(self) -> None:
        policy = versions("clarify-ranges")[-1]
        assert judge(policy, figures({"F": (35, 100), "M": (50, 100)})).answer is Answer.CANNOT_SAY
        assert judge(policy, figures({"F": (350, 1000), "M": (500, 1000)})).answer is Answer.BREACHED
        assert judge(policy, figures({"F": (45, 100), "M": (50, 100)})).answer is Answer.CLEAR

    def test_the_difference_policies_are_clear_only_when_the_interval_is_inside(self) -> None:
        for name in ("uk-difference", "eu-difference"):
            policy = versions(name)[-1]
            assert judge(policy, figures({"F": (49, 100), "M": (50, 100)})).answer is Answer.CANNOT_SAY
            assert judge(policy, figures({"F": (4950, 10_000), "M": (5000, 10_000)})).answer is Answer.CLEAR
            assert judge(policy, figures({"F": (4000, 10_000), "M": (5000, 10_000)})).answer is Answer.BREACHED

    def test_either_of_two_may_be_enough(self) -> None:
        rule = Significance(Procedure.POOLED_Z)
        either = Criterion(
            "selection_rate",
            Aggregate.RATIO,
            Reference.HIGHEST,
            low=Fraction(4, 5),
            significance=rule,
            combine=Combine.OR,
        )
        sides = rates({"b": (4_500, 10_000), "a": (5_000, 10_000)})
        assert compared(either, ("sex",), (sides[0], sides[1])).answer is Answer.BREACHED
        few = rates({"b": (23, 100), "a": (30, 100)})
        assert compared(either, ("sex",), (few[0], few[1])).answer is Answer.BREACHED

    def test_means_are_judged_by_their_value_and_not_by_tests_of_counts(self) -> None:
        bare = Criterion("mean_value", Aggregate.RATIO, Reference.NAMED, low=Fraction(4, 5))
        low, high = Counted({"sex": "F"}, 100, None, 70.0), Counted({"sex": "M"}, 100, None, 100.0)
        assert compared(bare, ("sex",), (low, high)).answer is Answer.BREACHED
        tested = Criterion(
            "mean_value",
            Aggregate.RATIO,
            Reference.NAMED,
            low=Fraction(4, 5),
            significance=Significance(Procedure.POOLED_Z),
        )
        assert compared(tested, ("sex",), (low, high)).reasons == (Reason.NO_COUNTS,)

    def test_a_policy_without_a_criterion_judges_nothing(self) -> None:
        status = Status("", "", FOUR_FIFTHS.status.date)
        found = judge(Policy("x", "x", "x", "x", "x", status, "x"), figures({"a": (5, 10), "b": (5, 10)}))
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NO_PASS_MARK,))


def test_the_figures_of_an_assessment() -> None:
    people = [Person({"sex": "F"}, decision=at < 3, score=500_000) for at in range(10)]
    people += [Person({"sex": "M"}, decision=at < 5, score=500_000) for at in range(10)]
    cells, decision, labels = count(people)
    found = counted(
        assess(cells, decision, labels, Plan("m", (("sex",),), ("selection_rate", "mean_score", "precision")))
    )
    assert [(g.values, g.n, g.numerator) for g in found["selection_rate", ("sex",)]] == [
        ({"sex": "F"}, 10, 3),
        ({"sex": "M"}, 10, 5),
    ]
    assert found["mean_score", ("sex",)][0].numerator is None
    assert ("precision", ("sex",)) not in found, "nobody is labelled"
