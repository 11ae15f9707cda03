"""Evaluators that take over from one another, or start anew: no restatement of a closed pane is forgotten or undone."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from streams.config import parse
from streams.evaluation import ModelEvaluator, ModelProgress
from streams.evaluator import Evaluator
from streams.points import Points
from streams.rounds import Round
from streams.watching import watched
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run

MINUTE = 60_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
IDLE = (False, True)

CONFIG = """
models:
  - name: credit
    pane: 1m
    windows: [5m]
    attributes: {sex: {values: [F, M], reference: M}}
    metrics: [selection_rate]
    display_min: 1
    watermark_delay: 1m
"""

WOMEN = """
select numerator, denominator, revision from fairness_group
where version = '*' and window_seconds = 300 and window_end = to_timestamp(:end / 1000.0) and group_values ->> 'sex' = 'F'
"""


@pytest.fixture
def counted(empty_engine: sa.Engine) -> Counted:
    """Ten closed minutes, each with ten decisions about women, of which four are favourable."""
    made = Counted(empty_engine)
    for minute in range(10):
        decide(made, minute, 10, 4)
    made.commit(T0 + 11 * MINUTE, idle=IDLE)
    return made


def decide(counted: Counted, minute: int, decided: int, favourable: int) -> None:
    counted.decisions(T0 + minute * MINUTE, counted.cell("credit", {"sex": "F"}), decided, favourable)


def late(counted: Counted, decided: int, favourable: int, clock: int = 11) -> None:
    """The third minute, long closed, is now this; the windows that end with minutes 3 to 7 hold it."""
    decide(counted, 2, decided, favourable)
    counted.commit(T0 + clock * MINUTE, idle=IDLE)


def evaluator(counted: Counted) -> Evaluator:
    return Evaluator(counted.engine, parse(CONFIG))


def women(counted: Counted, minute: int) -> tuple[int, int, int]:
    """Favourable, decided and revision, of the window that ends with the minute."""
    (found,) = query(counted.engine, WOMEN, end=T0 + minute * MINUTE)
    return found[0], found[1], found[2]


@pytest.mark.parametrize("seen", [False, True])
def test_a_restatement_that_waits_for_its_revision_survives_a_restart(
    counted: Counted, monkeypatch: pytest.MonkeyPatch, seen: bool
) -> None:
    """`seen`: the evaluator that ended had taken it up, but revisions are written every half minute only."""
    first = evaluator(counted)
    run(first)
    late(counted, 11, 5)
    if seen:
        run(first)
    assert women(counted, 7) == (20, 50, 0)
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    run(evaluator(counted))
    assert women(counted, 7) == (21, 51, 1)
    assert women(counted, 8) == (20, 50, 0), "no window that ends later holds the pane"


def test_who_follows_another_revises_what_that_one_has_left(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    follower, other = evaluator(counted), evaluator(counted)
    run(follower)
    decide(counted, 10, 10, 4)
    counted.commit(T0 + 12 * MINUTE, idle=IDLE)
    run(other)  # has closed the eleventh minute, and will not come back
    decide(counted, 10, 12, 6)
    counted.commit(T0 + 12 * MINUTE, idle=IDLE)
    assert women(counted, 11) == (20, 50, 0)
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    follower._models[0]._revise_at = 0.0
    run(follower)
    assert women(counted, 11) == (22, 52, 1)


class Interrupted(ModelEvaluator):
    """Another worker comes between its evaluation and its revision."""

    meanwhile: Callable[[], object]

    def _in_transaction(self, work: Callable[[Round], None]) -> ModelProgress:
        if work == self._revise:
            self.meanwhile()
        return super()._in_transaction(work)


def test_a_revision_is_not_undone_by_one_that_knows_less(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    (of,) = watched(parse(CONFIG))
    slow = Interrupted(counted.engine, of, Points(counted.engine))
    slow.meanwhile = lambda: None
    slow.round()
    late(counted, 11, 5)

    def meanwhile() -> None:
        late(counted, 12, 6)
        run(evaluator(counted))

    slow.meanwhile = meanwhile
    slow.round()
    assert women(counted, 7) == (22, 52, 1)
