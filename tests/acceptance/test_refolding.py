"""The check of the chaos run on what an evaluator has stored: it finds nothing wrong, and finds what was made wrong."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from streams.config import parse
from streams.database import engine
from streams.evaluator import Evaluator
from tests.chaos.refolding import refolded
from tests.streams.counted import Counted

PANE, HOUR = 300_000, 3_600_000
T0 = 1_700_006_400_000

CONFIG = """
models:
  - {name: credit, pane: 5m, windows: [1h], attributes: {sex: {values: [F, M], reference: M}}, metrics: [selection_rate], per_version: false}
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 1h, for: 5m}
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


def test_folded_anew_from_what_is_stored(db: sa.Engine) -> None:
    """Six hours of 20% beside 60%, then fourteen of 90%; read in two pieces, by two evaluators."""
    counted = Counted(db, pane=PANE)
    women, men = counted.cell("credit", {"sex": "F"}), counted.cell("credit", {"sex": "M"})
    for part in (range(50), range(50, 240)):
        for number in part:
            counted.decisions(T0 + number * PANE, women, 50, 10 if number < 72 else 45)
            counted.decisions(T0 + number * PANE, men, 50, 30)
        counted.commit(T0 + (part[-1] + 1) * PANE + 60_000)
        evaluator = Evaluator(db, parse(CONFIG))
        while evaluator.run_once().behind:
            pass
    with db.begin() as connection:
        told = sa.text(
            "select to_state from fairdrift.alert_transitions where rule = 'parity' and to_state <> 'pending' order by 1"
        )
        assert connection.execute(told).scalars().all() == ["firing", "resolved"]
        assert list(refolded(connection, parse(CONFIG))) == []
        moved = "update fairdrift.alert_transitions set pane_end = to_timestamp(:at / 1000.0) where to_state = :state and rule = 'parity'"
        connection.execute(sa.text(moved), {"at": T0 + PANE, "state": "firing"})
        connection.execute(sa.text("update fairdrift.panes set sums[2] = sums[2] + 1 where start_ms = :at"), {"at": T0})
        wrong = list(refolded(connection, parse(CONFIG)))
    assert len(wrong) == 2
    assert "is not what its panes make" in wrong[0]
    assert wrong[1].startswith(f"fired at {T0 + PANE}")
