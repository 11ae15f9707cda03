"""Change marks in what is told of a drift: River's detectors annotate, and what is not a drift is left alone."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from alerts.config import DriftConfig
from alerts.control import RouteState
from alerts.evaluation import Step, evaluate
from alerts.payloads import Context
from alerts.rules import Rule
from alerts.rules.drift import DriftRule
from streams.marking import ADWIN, PAGE_HINKLEY, marked
from tests.alerts.observing import DAY, T0, between, parity_rule, side

HOUR = 3_600_000
BROKEN = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))


class Series:
    """A connection that has the points of one series, newest first: 300 hours of 0.95, then 300 of 0.70."""

    asked = 0

    def execute(self, _: object, values: dict[str, Any]) -> "Series":
        assert (values["metric"], values["attributes"], values["window"]) == ("selection_rate", ["sex"], DAY // 1000)
        self.asked += 1
        return self

    def all(self) -> list[SimpleNamespace]:
        values = [0.95] * 300 + [0.70] * 300
        return [SimpleNamespace(end_ms=T0 + at * HOUR, value=value) for at, value in enumerate(values)][::-1]


def drift() -> DriftRule:
    agreed = {"low": 0.9, "high": 1.0}
    given = {"name": "d", "type": "drift", "metric": "selection_rate", "attributes": ["sex"], "method": "to_reference"}
    return DriftRule.from_config(DriftConfig.model_validate(given | {"baseline": agreed}), "credit")


def steps(rule: Rule) -> tuple[Step, ...]:
    return evaluate([rule], [BROKEN], {}, RouteState("credit"), Context("credit", T0, "c1")).steps


def test_a_drift_says_where_its_series_changed() -> None:
    rule = drift()
    (step,) = marked(Series(), steps(rule), [rule])  # type: ignore[arg-type]
    assert step.payload.status == "firing"
    change = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(hours=300)
    for name in (ADWIN, PAGE_HINKLEY):
        seen = datetime.fromisoformat(step.payload.annotations[name])
        assert abs(seen - change) < timedelta(hours=100), name


def test_other_rules_are_not_asked_about() -> None:
    series, rule = Series(), parity_rule()
    (step,) = marked(series, steps(rule), [rule])  # type: ignore[arg-type]
    assert series.asked == 0
    assert ADWIN not in step.payload.annotations
