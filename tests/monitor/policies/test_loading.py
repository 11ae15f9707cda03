"""The shipped policies are whole, and a file with mistakes is told all of them."""

import tomllib
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.policies import Policy, PolicyError, in_force, parse, registry, stretches, versions

ROOT = Path(__file__).resolve().parents[3]

EVERY = pytest.mark.parametrize("policy", [p for each in registry().values() for p in each], ids=lambda p: p.id)


def test_shipped() -> None:
    assert set(registry()) == {
        "us-four-fifths", "nyc-local-law-144", "veritas-p-rule", "clarify-ranges", "uk-difference", "eu-difference", "us-ecoa",
    }  # fmt: skip


@EVERY
def test_each_says_where_it_comes_from(policy: Policy) -> None:
    assert policy.status.source
    assert policy.citation
    assert len(policy.explanation) > 100


def test_the_files_are_package_data() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "*.yaml" in packages["package-data"]["monitor.policies"]


def test_decimals_are_exact() -> None:
    criterion, ratio, *_ = versions("clarify-ranges")[-1].criteria
    assert (criterion.low, criterion.high) == (Fraction(-1, 10), Fraction(1, 10))
    assert (ratio.low, ratio.high) == (Fraction(4, 5), Fraction(5, 4))


def test_clarifys_ranges_are_of_all_its_rates() -> None:
    """DPPL, DI, AD, RD, SD, DAR, DRR; without labels the last five are left out."""
    found = versions("clarify-ranges")[-1].criteria
    assert [(one.metric, one.required) for one in found] == [
        ("selection_rate", True), ("selection_rate", True), ("accuracy", False), ("true_positive_rate", False),
        ("true_negative_rate", False), ("precision", False), ("negative_predictive_value", False),
    ]  # fmt: skip


def test_a_decision_of_last_year_is_judged_by_the_policy_of_last_year() -> None:
    ecoa = versions("us-ecoa")
    before, after = in_force(ecoa, date(2026, 7, 20)), in_force(ecoa, date(2026, 7, 21))
    assert before is not None
    assert after is not None
    assert len(before.criteria) == 1
    assert after.criteria == ()


def test_a_period_over_a_change_is_cut_there() -> None:
    ecoa = versions("us-ecoa")
    found = stretches(ecoa, date(2026, 7, 1), date(2026, 7, 31))
    assert [(one.first, one.last) for one in found] == [
        (date(2026, 7, 1), date(2026, 7, 20)),
        (date(2026, 7, 21), date(2026, 7, 31)),
    ]
    assert [one.policy for one in found] == list(ecoa)


def test_days_before_the_first_version_have_none() -> None:
    found = stretches(versions("nyc-local-law-144"), date(2023, 7, 1), date(2023, 7, 5))
    assert [(one.first, one.last, one.policy is None) for one in found] == [
        (date(2023, 7, 1), date(2023, 7, 4), True),
        (date(2023, 7, 5), date(2023, 7, 5), False),
    ]


def test_a_period_without_days() -> None:
    with pytest.raises(ValueError, match="no days"):
        stretches(versions("us-ecoa"), date(2026, 7, 2), date(2026, 7, 1))


BODY = """
id: mine
title: Mine
jurisdiction: here
instrument: house rule
citation: none
explanation: none
status: {text: ours, source: us, date: 2026-01-01}
criteria:
  - {metric: selection_rate, aggregate: ratio, reference: highest, low: 0.9}
"""


def test_a_file_of_ones_own() -> None:
    (found,) = parse(BODY, "mine.yaml")
    assert found.criteria[0].low == Fraction(9, 10)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("low: 0.9", "lowest: 0.9"), "criteria.0.lowest: unknown key"),
        (("title: Mine", ""), "title: is missing"),
        (
            ("reference: highest", "reference: best"),
            "criteria.0.reference: must be 'highest', 'named', 'rest' or 'overall'",
        ),
        (("selection_rate", "selection_speed"), "there is no metric selection_speed; there are "),
        (("low: 0.9", "low: 0.9, high: 0.8"), "`low` must be below `high`"),
        (("id: mine", "id: [mine"), "is no YAML"),
        (("id: mine", "id: mine\nretention: {days: 0, source: us}"), "retention: `days` must be above 0"),
        (("id: mine", "id: mine\nreport: {header: x}"), "report.header: unknown key"),
        (("criteria:", "versions: [{effective_to: 2026-01-02}, {effective_from: 2026-01-02}]\ncriteria:"), "overlaps"),
    ],
)
def test_mistakes_are_told(change: tuple[str, str], told: str) -> None:
    with pytest.raises(PolicyError) as raised:
        parse(BODY.replace(*change), "mine.yaml")
    assert told in str(raised.value)
    assert "mine.yaml" in str(raised.value)


def test_no_such_policy() -> None:
    with pytest.raises(PolicyError, match="there are clarify-ranges, eu-difference"):
        versions("us-five-sixths")


def test_how_a_policy_is_reported_and_how_long_its_figures_are_kept() -> None:
    (found,) = parse(
        BODY + "report: {heading: Ours, standing: true}\nretention: {days: 30, source: our board}\n", "mine.yaml"
    )
    assert (found.report.heading, found.report.standing) == ("Ours", True)
    assert found.retention is not None
    assert (found.retention.days, found.retention.source) == (30, "our board")
    (plain,) = parse(BODY, "mine.yaml")
    assert (plain.report.heading, plain.report.standing, plain.retention) == ("", False, None)
    assert [name for name, each in registry().items() if each[-1].report.standing] == ["nyc-local-law-144"]
    assert versions("eu-difference")[0].retention is not None
