"""Histories made by hand or drawn, for the tests of backtests."""

import numpy as np

from monitor.grouping import CellInfo
from monitor.sums import DECISIONS
from streams.backtest.history import History, Sparse

T0 = 1_763_596_800_000
"""2025-11-20T00:00:00Z."""
MINUTE = 60_000

CONFIG = """
models:
  - name: credit
    attributes:
      sex: {values: [F, M], reference: M}
      age: {bins: [40]}
    value: {range: [0, 1000], resolution: 1}
    windows: [1h, 1d]
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, window: 1h}
"""


def cells(*groups: tuple[str, str], arm: str = "live") -> tuple[CellInfo, ...]:
    """A cell of each (sex, age)."""
    return tuple(CellInfo(at, "v1", arm, {"sex": sex, "age": age}) for at, (sex, age) in enumerate(groups))


def history(n: np.ndarray, k: np.ndarray, of: tuple[CellInfo, ...]) -> History:
    """Decisions `n` and favourable ones `k`, (panes, cells)."""
    pane, cell = np.nonzero(n)
    sums = DECISIONS.zeros(len(pane))
    for slot, values in (("events", n), ("decided", n), ("favourable", k)):
        sums[:, DECISIONS.index(slot)] = values[pane, cell]
    return History("credit", MINUTE, T0, len(n), of, Sparse(DECISIONS, pane, cell, sums), None, "by hand")


def drawn(panes: int, rates: dict[tuple[str, str], float], volume: float = 40.0, seed: int = 1) -> History:
    """Poisson volumes and binomial counts at these rates."""
    random = np.random.default_rng(seed)
    n = random.poisson(volume, (panes, len(rates)))
    return history(n, random.binomial(n, list(rates.values())), cells(*rates))
