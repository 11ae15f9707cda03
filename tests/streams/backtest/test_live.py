"""What a backtest folds of stored evidence panes is what the evaluator folded of them live, to the last bit."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.evidence import State
from streams.backtest.families import Family, families, seen_by
from streams.backtest.rulesets import rule_set
from streams.backtest.running import Joined, Watching, backtest
from streams.backtest.stored import Stretch, read_stored
from streams.database import engine
from streams.evaluator import Evaluator
from tests.streams.counted import Counted

MINUTE = 60_000
T0 = 1_700_006_400_000
CONFIG = """
models:
  - name: credit
    windows: [5m, 1h]
    attributes: {sex: {values: [F, M], reference: M}}
    metrics: [selection_rate]
    per_version: false
    display_min: 1
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 5m, for: 2m}
  - {name: strict, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.9}, window: 5m}
  - {name: gap, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: difference,
     method: between_groups, bound: {max: 0.1}, window: 5m, severity: ticket}
"""
ROWS = [(16, 16)] * 6 + [(4, 16)] * 24 + [(20, 16)] * 30
"""Favourable ones of 20 women and of 20 men, minute by minute."""

KEPT = "select rule, state from fairdrift.evidence_states where version = '*' order by rule"
FIRED = """
select rule, (extract(epoch from pane_end) * 1000)::bigint as at from alert_history
where to_state = 'firing' and rule in ('parity', 'strict', 'gap') order by rule
"""


@pytest.mark.parametrize("piece", [60, 7])
def test_a_backtest_is_the_live_fold(database: str, tmp_path: Path, piece: int) -> None:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(CONFIG)
    made, (rules, settings) = engine(database, name="tests"), rule_set(None, path)
    counted, evaluator = Counted(made), Evaluator(made, settings)
    cells = [counted.cell("credit", {"sex": sex}) for sex in "FM"]
    for minute, row in enumerate(ROWS):
        for cell, favourable in zip(cells, row, strict=True):
            counted.decisions(T0 + minute * MINUTE, cell, 20, favourable)
        if minute % piece == piece - 1 or minute == len(ROWS) - 1:
            counted.commit(T0 + (minute + 2) * MINUTE, idle=(False, True))
            while evaluator.run_once().behind:
                pass
    with made.connect() as connection:
        live = {rule: bytes(state) for rule, state in connection.execute(sa.text(KEPT))}
        fired = {row.rule: row.at for row in connection.execute(sa.text(FIRED))}
        history = read_stored(connection, settings.models[0], Stretch(), ["selection_rate"])
    made.dispose()
    for family in families(rules.of("credit"), history):
        assert isinstance(family, Family)
        alone = Watching(family, seen_by(family, history, settings.models[0]))
        joined = Joined([alone], history, [State.empty(family.spec)])
        joined.go(0, history.panes)
        joined.finish()
        assert alone.state is not None
        assert alone.state.to_bytes(family.spec) == live[family.rule.policy.name]
    (found,) = backtest(history, settings.models[0], [rules]).sets
    told = {one.rule: one.incidents[0].began for one in found.families if one.incidents}
    assert told == fired
    assert set(told) == {"parity", "strict", "gap"}
