"""The materiality gate: does the present break the bound too? The window is the longer of an hour and 50 group events.

It is kept in four generations: one that fills and three full ones, each at least a third of both; so it holds between one and one and
a third of what is asked for.
"""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.layout import Layout
from monitor.evidence.spec import Kind
from monitor.evidence.state import GENERATIONS, State

ROWS = 5
"""Of a generation: k, n, reference k, reference n, panes."""

AGE = 4


def enter(layout: Layout, state: State, totals: Floats) -> None:
    """A pane's (k, n, reference k, reference n), by detector."""
    window, tuning = state.window, layout.tuning
    full = GENERATIONS - 1
    window[:AGE] += totals
    window[AGE] += 1.0
    old = window[AGE] >= tuning.gate_window * 60 / layout.pane / full
    old &= window[1] >= tuning.gate_events / full
    (here,) = old.nonzero()
    if len(here):
        window[ROWS:, here] = window[:-ROWS, here]
        window[:ROWS, here] = 0.0


def estimates(state: State) -> Floats:
    """(5, D): n, k, reference n and k in the window, and its length in panes (empty ones included)."""
    k, n, k_r, n_r, panes = state.window.reshape(GENERATIONS, ROWS, -1).sum(axis=0)
    return np.stack([n, k, n_r, k_r, panes])


def violated(layout: Layout, state: State) -> Flags:
    """Which detectors' bounds are broken by the window's estimates; not where there is nothing to estimate from."""
    n, k, n_r, k_r, _ = estimates(state)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = k / n
        other = k_r / n_r if layout.overall is None else np.where(layout.overall, (k + k_r) / (n + n_r), k_r / n_r)
        if layout.kind is Kind.RATIO:
            line = layout.bound * other
        else:
            line = layout.bound + (other if layout.kind is Kind.DIFFERENCE else 0.0)
        broken: Flags = np.where(layout.low, own < line, own > line)
    return broken
