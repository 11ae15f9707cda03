"""Backtests of drawn histories: what fires, when, and how soon a shift is found."""

from pathlib import Path

import pytest

from streams.backtest.families import Family, Skipped, families
from streams.backtest.history import BacktestError, History
from streams.backtest.injecting import Shift, inject
from streams.backtest.page import page
from streams.backtest.results import Backtest, Delays
from streams.backtest.rulesets import rule_set
from streams.backtest.running import Asked, RuleSet, backtest
from streams.config import ConfigError
from streams.settings import Settings
from tests.streams.backtest.histories import CONFIG, MINUTE, T0, drawn

HOUR = 60
SHIFT = Shift({"sex": "F"}, T0 + 12 * HOUR * MINUTE, ratio=0.6)
TEXT = "ratio=0.6,group=sex:F,from=2025-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "fairdrift.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def rules(configuration: Path) -> tuple[RuleSet, Settings]:
    return rule_set(None, configuration)


@pytest.fixture(scope="module")
def healthy() -> History:
    """A day of equal rates."""
    return drawn(24 * HOUR, {("F", "<40"): 0.3, ("M", "<40"): 0.3}, volume=200.0)


def run(of: History, rules: tuple[RuleSet, Settings], asked: Asked | None = None) -> Backtest:
    return backtest(of, rules[1].models[0], [rules[0]], asked)


def test_a_healthy_day_fires_nothing(healthy: History, rules: tuple[RuleSet, Settings]) -> None:
    found = run(healthy, rules)
    (family,) = found.sets[0].families
    assert family.incidents == ()
    assert family.groups == ("sex=F", "sex=M")
    assert family.budget == 1.0  # the fleet's one page in 30 days, all for the only family
    assert 10.6 < family.needed < 12.0  # ln(43200) is 10.67
    assert found.weeks == pytest.approx(1 / 7)


def test_a_gap_fires_once_about_its_group_and_ends(healthy: History, rules: tuple[RuleSet, Settings]) -> None:
    until = Shift({"sex": "F"}, SHIFT.start, T0 + 16 * HOUR * MINUTE, ratio=0.5)
    (family,) = run(inject(healthy, until, rules[1].models[0], seed=1), rules).sets[0].families
    (incident,) = family.incidents
    assert incident.groups == ("sex=F",)
    assert SHIFT.start < incident.began < SHIFT.start + HOUR * MINUTE
    assert incident.ended is not None
    assert until.end is not None
    assert until.end < incident.ended < until.end + 8 * HOUR * MINUTE
    assert incident.changed_at is not None
    assert abs(incident.changed_at - SHIFT.start) < 10 * MINUTE


def test_the_delay_of_a_shift_is_timed(healthy: History, rules: tuple[RuleSet, Settings]) -> None:
    asked = Asked(SHIFT, TEXT, runs=3, seed=5)
    found = run(healthy, rules, asked)
    (family,) = found.sets[0].families
    assert family.incidents == ()  # the history itself is left as it is
    assert family.delays is not None
    assert len(family.delays.found) == 3
    assert all(0 < delay < 3 * HOUR * MINUTE for delay in family.delays.found)
    assert family.delays == run(healthy, rules, asked).sets[0].families[0].delays
    assert family.shifted is not None
    assert family.shifted.ends[0] > SHIFT.start


def test_the_delay_is_that_of_the_whole_history_with_the_shift_in_it(
    healthy: History, rules: tuple[RuleSet, Settings]
) -> None:
    (one,) = run(healthy, rules, Asked(SHIFT, TEXT, runs=1, seed=9)).sets[0].families
    (other,) = run(inject(healthy, SHIFT, rules[1].models[0], seed=9), rules).sets[0].families
    assert one.delays is not None
    assert one.delays.found == (other.incidents[0].began - SHIFT.start,)


def test_for_waits_and_what_is_over_before_is_not_told(
    healthy: History, rules: tuple[RuleSet, Settings], configuration: Path
) -> None:
    until = Shift({"sex": "F"}, SHIFT.start, T0 + 16 * HOUR * MINUTE, ratio=0.5)
    ill = inject(healthy, until, rules[1].models[0], seed=1)
    (at_once,) = run(ill, rules).sets[0].families[0].incidents
    assert at_once.ended is not None
    for wait, fires in ((60, True), (12 * HOUR, False)):
        path = configuration.with_name("patient.yaml")
        path.write_text(
            f"rules:\n{CONFIG.split('rules:')[1].rstrip()[1:].replace('window: 1h}', f'window: 1h, for: {wait}m}}')}\n"
        )
        patient = run(ill, rule_set(path, configuration)).sets[0].families[0].incidents
        assert [one.began - at_once.began for one in patient] == ([wait * MINUTE] if fires else [])


def test_rules_that_are_not_judged_by_evidence_are_told(healthy: History, configuration: Path) -> None:
    path = configuration.with_name("others.yaml")
    path.write_text(
        "rules:\n  - {name: silent, type: absence, model: credit}\n"
        "  - {name: tpr, type: threshold, model: credit, metric: tpr, bound: {min: 0.5}, window: 1h}\n"
    )
    chosen, _ = rule_set(path, configuration)
    found = families(chosen.of("credit"), healthy)
    assert found == [
        Skipped("silent", "rules of type absence are not judged by evidence"),
        Skipped("tpr", "true_positive_rate needs labels, and this history has none"),
    ]


def test_every_attribute_set_is_a_family_of_its_own(configuration: Path) -> None:
    of = drawn(5, {("F", "<40"): 0.3, ("M", "<40"): 0.3, ("F", ">=40"): 0.3, ("unknown", ">=40"): 0.3})
    path = configuration.with_name("sets.yaml")
    path.write_text(
        "rules:\n  - {name: all, type: threshold, model: credit, metric: selection_rate, aggregate: difference,\n"
        "     bound: {max: 0.1}, window: 1h}\n"
    )
    chosen, _ = rule_set(path, configuration)
    found = families(chosen.of("credit"), of)
    assert [each.groups for each in found if isinstance(each, Family)][:2] == [
        ("age=<40", "age=>=40"),
        ("sex=F", "sex=M"),
    ]
    assert [each.attributes for each in found if isinstance(each, Family)] == [("age",), ("sex",), ("age", "sex")]


def test_mistakes_of_a_file_of_rules_are_told(configuration: Path) -> None:
    path = configuration.with_name("wrong.yaml")
    path.write_text("rules: [{name: x, type: threshold, model: nobody, metric: selection_rate, bound: {min: 1}}]")
    with pytest.raises(ConfigError, match="no model is named nobody"):
        rule_set(path, configuration)
    path.write_text("rulez: []")
    with pytest.raises(BacktestError, match=r"wrong\.yaml has no `rules`"):
        rule_set(path, configuration)


def test_the_median_counts_what_was_missed() -> None:
    assert Delays(3, (60_000, 120_000, 180_000)).middle == 120_000
    assert Delays(3, (60_000, 120_000)).middle == 120_000
    assert Delays(3, (60_000,)).middle is None


def test_the_page_needs_nothing_else(healthy: History, rules: tuple[RuleSet, Settings]) -> None:
    text = page(run(healthy, rules, Asked(SHIFT, TEXT, runs=1)))
    assert text.startswith("<!doctype html>")
    assert "parity: selection_rate by sex" in text
    assert "injected" in text
    assert "http" not in text
    assert "<script" not in text
    assert text.count("<svg") == 1
