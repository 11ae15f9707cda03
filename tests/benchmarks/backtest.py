"""How long a backtest takes: thirty days of one-minute panes of a model with 24 cells, one family and several.

Run as `python -m tests.benchmarks.backtest`. Seconds of processor time of `fairdrift backtest`'s own work, from the sums of the
panes to what would have fired when, on a history that is drawn; `measure()` returns the same. Ten seconds are the target.
"""

import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from monitor.grouping import CellInfo
from monitor.sums import DECISIONS
from streams.backtest.history import History, Sparse
from streams.backtest.rulesets import rule_set
from streams.backtest.running import backtest

MINUTE, PANES = 60_000, 30 * 1_440
T0 = 1_763_596_800_000
GROUPS = {"sex": ["F", "M"], "age": ["<30", "30-45", "45-60", ">=60"], "education": ["high", "middle", "low"]}
"""24 cells."""

SETS = [["sex"], ["age"], ["education"], ["age", "sex"], ["age", "education", "sex"]]

CONFIG = """
models:
  - name: credit
    attributes:
      sex: {values: [F, M], reference: M}
      age: {bins: [30, 45, 60], reference: 30-45}
      education: {values: [high, middle, low], reference: middle}
    intersections: 3
    windows: [1h, 1d]
rules:
"""
RULE = """  - {{name: {name}, type: threshold, model: credit, metric: selection_rate, attributes: [{attributes}],
     aggregate: ratio, method: to_reference, bound: {{min: 0.8}}, window: 1d}}
"""


def configuration(sets: list[list[str]]) -> str:
    """A rule on each attribute set."""
    rules = [RULE.format(name=f"parity-{at}", attributes=", ".join(names)) for at, names in enumerate(sets)]
    return CONFIG + "".join(rules)


def history(panes: int = PANES, seed: int = 1) -> History:
    """A million decisions in thirty days, more by day than by night, at equal rates."""
    random = np.random.default_rng(seed)
    cells = tuple(
        CellInfo(at, "v1", "live", dict(zip(GROUPS, values, strict=True))) for at, values in enumerate(product(*GROUPS.values()))
    )  # fmt: skip
    daily = 1.0 + 0.6 * np.sin(np.arange(panes) * (2.0 * np.pi / 1_440))
    n = random.poisson(daily[:, None] * np.linspace(0.2, 1.8, len(cells)))
    k = random.binomial(n, 0.3)
    pane, cell = np.nonzero(n)
    sums = DECISIONS.zeros(len(pane))
    for slot, values in (("events", n), ("decided", n), ("favourable", k)):
        sums[:, DECISIONS.index(slot)] = values[pane, cell]
    return History("credit", MINUTE, T0, panes, cells, Sparse(DECISIONS, pane, cell, sums), None, "drawn")


def measure() -> dict[str, float]:
    """Seconds of processor time, by how many families there are."""
    of, found = history(), {}
    with tempfile.TemporaryDirectory() as folder:
        for sets in (SETS[-1:], SETS):
            path = Path(folder) / "fairdrift.yaml"
            path.write_text(configuration(sets))
            rules, settings = rule_set(None, path)
            began = time.process_time()
            backtest(of, settings.models[0], [rules])
            found[f"{len(sets)} famil{'y' if len(sets) == 1 else 'ies'}"] = time.process_time() - began
    return found


if __name__ == "__main__":
    for what, seconds in measure().items():
        print(f"{what:<12} {seconds:6.2f} s")
