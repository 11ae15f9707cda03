"""A canary plan in the evaluator, on a real Postgres: from shadow to live, and down again, whatever the chunks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.control import Route
from alerts.operators import NotDone, Person, Wish
from alerts.plans import Stand
from alerts.rules import make_rules
from alerts.verdicts import Finding
from monitor.estimates import State
from streams.config import parse
from streams.controls import Controls, NoPlan
from streams.database import engine
from streams.evaluator import Evaluator
from streams.planning import Findings, PointStanding
from streams.points import Point, SeriesKey
from streams.settings import Settings
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run
from tests.streams.test_evaluator import MINUTE, T0, F, M

CONFIG = """
models:
  - {name: credit, pane: 1m, windows: [5m], attributes: {sex: {values: [F, M], reference: M}}, metrics: [selection_rate],
     display_min: 1, watermark_delay: 1m}
  - {name: other, attributes: {sex: [F, M]}, topics: {predictions: p2, outcomes: o2}}
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 5m, min_n: 50}
control:
  plans:
    - model: credit
      rules: [parity]
      window: 5m
      rest: fallback
      steps:
        - {percent: 0, inside: 3m, min_n: 60}
        - {percent: 10, inside: 3m, min_n: 20}
        - {percent: 100}
"""
ADA = Person("ada", "repaired")
FAIR, UNFAIR = (20, 16), (20, 2)


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


@pytest.fixture
def settings() -> Settings:
    return parse(CONFIG)


class Story:
    """Decisions minute by minute: everybody by the fallback; version 2 in the arm that the route asks for."""

    def __init__(self, db: sa.Engine, settings: Settings) -> None:
        self.db, self.counted, self.minute = db, Counted(db), 0
        self.evaluator, self.controls = Evaluator(db, settings), Controls(db, settings)

    def decide(self, women: tuple[int, int], minutes: int = 1) -> None:
        for _ in range(minutes):
            at = T0 + self.minute * MINUTE
            for groups in (F, M):
                self.counted.decisions(at, self.counted.cell("credit", groups, "rules", "fallback"), 100, 80)
            arm = {"shadow": "shadow", "canary": "canary", "live": "live"}.get(self.route)
            if arm and self.controls.routes()[0].version == "2":
                self.counted.decisions(at, self.counted.cell("credit", F, "2", arm), *women)
                self.counted.decisions(at, self.counted.cell("credit", M, "2", arm), 20, 16)
            self.minute += 1
            self.counted.commit(T0 + (self.minute + 1) * MINUTE, idle=(False, True))
            run(self.evaluator)

    @property
    def route(self) -> str:
        return self.controls.routes()[0].route


@pytest.fixture
def story(db: sa.Engine, settings: Settings) -> Story:
    made = Story(db, settings)
    made.decide(FAIR, 3)
    made.controls.set("credit", Wish(Route.FALLBACK), Person("ada", "broken"))
    made.controls.begin("credit", "2", ADA)
    return made


HISTORY = "select epoch, to_route, percent, rest, version, changed_by from fairdrift.route_changes order by epoch"


def test_a_repaired_version_goes_from_shadow_to_live(story: Story, db: sa.Engine) -> None:
    story.decide(FAIR, 12)
    assert query(db, HISTORY) == [
        (1, "fallback", None, "live", "", "ada"),
        (2, "shadow", None, "fallback", "2", "ada"),
        (3, "canary", 10.0, "fallback", "2", "plan:2"),
        (4, "live", None, "live", "2", "plan:2"),
    ]
    # looks at every minute; the clock runs from the first clear look, which is minute 4: shadow until 7, canary until 11
    ends = query(db, "select (extract(epoch from effective_at) * 1000 - :t0) / 60000 from control_history order by epoch", t0=T0)  # fmt: skip
    assert [float(end) for (end,) in ends] == [3, 3, 7, 11]
    reason, evidence = query(db, "select reason, evidence from control_history where epoch = 3")[0]
    assert "step 1 of 3 (0%) passed" in reason
    assert evidence == {"decided": {"sex=F": 80, "sex=M": 80}, "inside_ms": 3 * MINUTE}
    shown = story.controls.plan("credit")
    assert shown is not None and (shown.status, shown.step) == ("done", 3)
    told = query(
        db, "select payload ->> 'route' from fairdrift.outbox where channel = 'rollback' order by transition_no"
    )
    assert [route for (route,) in told] == ["fallback", "shadow", "canary", "live"]


def test_a_breach_of_the_canary_drops_it_to_shadow(story: Story, db: sa.Engine) -> None:
    story.decide(FAIR, 4)
    assert story.route == "canary"
    story.decide(UNFAIR, 3)
    last = query(db, HISTORY)[-1]
    assert last == (4, "shadow", None, "fallback", "2", "plan:2")
    shown = story.controls.plan("credit")
    assert shown is not None and shown.status == "dropped"
    ((reason, evidence),) = query(db, "select reason, evidence from control_history where epoch = 4")
    assert "beyond the bound: parity over sex" in reason
    assert evidence["parity over sex"]["value"] < 0.8
    story.decide(FAIR, 10)
    assert query(db, HISTORY)[-1] == last, "only a person begins again"


def test_two_evaluators_advance_it_once(story: Story, db: sa.Engine, settings: Settings) -> None:
    other = Evaluator(db, settings)
    for _ in range(12):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda do: do(), [lambda: story.decide(FAIR), lambda: run(other)]))
    assert [row[:2] for row in query(db, HISTORY)] == [(1, "fallback"), (2, "shadow"), (3, "canary"), (4, "live")]


def test_any_chunking_makes_the_same_changes(db: sa.Engine, settings: Settings, databases: Any) -> None:
    """The same decisions, in shadow and as a canary, evaluated minute by minute and all at once."""

    def told(target: sa.Engine, piece: int) -> list[Any]:
        counted, evaluator, controls = Counted(target), Evaluator(target, settings), Controls(target, settings)
        for minute in range(20):
            for version, arm in (("rules", "fallback"), ("2", "shadow"), ("2", "canary")):
                for groups in (F, M):
                    counted.decisions(T0 + minute * MINUTE, counted.cell("credit", groups, version, arm), 20, 16)
            if minute == 2:
                counted.commit(T0 + 4 * MINUTE, idle=(False, True))
                run(evaluator)
                controls.begin("credit", "2", ADA)
            elif minute % piece == 0 and minute > 2:
                counted.commit(T0 + (minute + 2) * MINUTE, idle=(False, True))
                run(evaluator)
        counted.commit(T0 + 21 * MINUTE, idle=(False, True))
        run(evaluator)
        return query(target, "select epoch, to_route, percent, effective_at, evidence::text, reason from control_history order by 1")  # fmt: skip

    with databases.fresh() as url:
        other = engine(url)
        assert (found := told(db, 1)) == told(other, 100)
        assert len(found) == 3
        other.dispose()


def test_people_hold_advance_and_interrupt(story: Story, db: sa.Engine) -> None:
    controls = story.controls
    controls.hold("credit", ADA)
    story.decide(FAIR, 6)
    shown = controls.plan("credit")
    assert shown is not None and (shown.status, shown.passed, shown.step) == ("held", True, 1)
    controls.advance("credit", Person("bob", "seen enough"))
    assert query(db, HISTORY)[-1] == (3, "canary", 10.0, "fallback", "2", "bob")
    with pytest.raises(NotDone, match="under way"):
        controls.begin("credit", "3", ADA)
    controls.set("credit", Wish(Route.FALLBACK), ADA)
    with pytest.raises(NotDone, match="ends its plan"):
        controls.advance("credit", ADA)
    story.decide(FAIR, 2)
    shown = controls.plan("credit")
    assert shown is not None and shown.status == "interrupted"
    with pytest.raises(NoPlan):
        controls.begin("other", "3", ADA)


def test_a_freeze_holds_a_plan_back_until_it_is_lifted(story: Story) -> None:
    story.controls.freeze("*", ADA)
    story.decide(FAIR, 8)
    shown = story.controls.plan("credit")
    assert shown is not None and (shown.step, shown.status, shown.passed) == (1, "running", True)
    assert "frozen" in shown.reason
    story.controls.thaw("*", ADA)
    story.decide(FAIR)
    assert story.route == "canary"


def test_the_comparison_is_of_the_same_window(story: Story) -> None:
    story.decide((20, 14), 2)
    shown = story.controls.plan("credit")
    assert shown is not None
    found = {(side.version, side.arm): side for side in shown.comparison}
    assert set(found) == {("*", "*"), ("2", "shadow"), ("rules", "fallback")}
    mine = found["2", "shadow"]
    assert mine.value == pytest.approx(14 / 16)
    assert mine.groups == {"F": (28 / 40, 40), "M": (32 / 40, 40)}
    assert found["rules", "fallback"].value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("percent: 10,/percent: 0,", "above the one before"),
        ("percent: 100/percent: 90", "must be 100"),
        ("window: 5m\n      rest/window: 7m\n      rest", "no such window"),
        ("rules: [parity]/rules: [party]", "no threshold rule"),
        ("- model: credit/- model: nobody", "is no model"),
    ],
)
def test_a_plan_that_does_not_fit_is_told(change: str, said: str) -> None:
    old, new = change.split("/")
    assert old in CONFIG
    with pytest.raises(Exception, match=said):
        parse(CONFIG.replace(old, new))


def test_a_step_with_proof_is_not_passed_by_an_estimate(db: sa.Engine) -> None:
    """A family of one version begins unproven: three minutes inside the bound are an estimate and no proof."""
    config = CONFIG.replace("{percent: 0, inside: 3m, min_n: 60}", "{percent: 0, inside: 1m, min_n: 20, proven: true}")
    story = Story(db, parse(config))
    story.decide(FAIR, 3)
    story.controls.begin("credit", "2", ADA)
    story.decide(FAIR, 4)
    shown = story.controls.plan("credit")
    assert shown is not None
    assert (shown.step, shown.finding) == (1, "clear")
    assert shown.reason == "inside the bounds, not yet proven: parity over sex"
    found = query(db, "select finding from fairdrift.evidence_states where (version, arm) = ('2', 'shadow')")
    assert found == [("unproven",)]


def test_what_evidence_says_of_a_version_counts() -> None:
    rule = make_rules(parse(CONFIG).rules, ["credit"])[0]
    key = SeriesKey(
        "disparity", "credit", "2", "canary", "decision", ("sex",), (), "selection_rate", "ratio", "to_reference"
    )

    def stand(value: float, low: float, high: float, evidence: Finding | None) -> Stand:
        point = Point(key, 300, T0, "minute", State.MEASURED, "", value, low, high, 100, 1, 1, None, None, None)
        known: Findings = {} if evidence is None else {("parity", ("sex",), "2", "canary"): evidence}
        return PointStanding([rule], [point], known).of("2", "canary")

    assert (stand(0.9, 0.7, 1.1, Finding.CLEAR).finding, stand(0.9, 0.7, 1.1, Finding.CLEAR).proven) == ("clear", True)
    assert (stand(0.9, 0.7, 1.1, None).finding, stand(0.9, 0.7, 1.1, None).proven) == ("clear", False)
    assert stand(0.7, 0.6, 0.9, Finding.UNPROVEN).finding == "unproven"
    assert stand(0.7, 0.6, 0.9, Finding.BREACH).finding == "breach"
    assert stand(0.6, 0.5, 0.79, Finding.UNPROVEN).finding == "breach"
    assert PointStanding([rule], [], {}).of("2", "canary").finding == "insufficient_data"
