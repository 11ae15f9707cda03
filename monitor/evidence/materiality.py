"""The materiality gate: does the present break the bound too? The window is the longer of an hour and 50 group events.

It is kept in four generations: one that fills and three full ones, each at least a third of both; so it holds between one and one and
a third of what is asked for.
"""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.layout import Layout
from monitor.evidence.spec import Kind
from monitor.evidence.state import GENERATIONS, State

AGE = 4 * GENERATIONS


def enter(layout: Layout, state: State, totals: Floats) -> None:
    """A pane's (k, n, reference k, reference n), by detector."""
    window, tuning = state.window, layout.tuning
    full = GENERATIONS - 1
    window[:4] += totals
    window[AGE] += 1.0
    old = window[AGE] >= tuning.gate_window * 60 / layout.pane / full
    if old.any():
        old &= window[1] >= tuning.gate_events / full
        if old.any():
            window[4:AGE, old] = window[: AGE - 4, old]
            window[:4, old] = 0.0
            window[AGE, old] = 0.0


def estimates(state: State) -> Floats:
    """(4, D): n, k, reference n and k in the window."""
    k, n, k_r, n_r = state.window[:AGE].reshape(GENERATIONS, 4, -1).sum(axis=0)
    return np.stack([n, k, n_r, k_r])


def violated(layout: Layout, state: State) -> Flags:
    """Which detectors' bounds are broken by the window's estimates; not where there is nothing to estimate from."""
    n, k, n_r, k_r = estimates(state)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = k / n
        other = k_r / n_r if layout.overall is None else np.where(layout.overall, (k + k_r) / (n + n_r), k_r / n_r)
        if layout.kind is Kind.RATIO:
            line = layout.bound * other
        else:
            line = layout.bound + (other if layout.kind is Kind.DIFFERENCE else 0.0)
        broken: Flags = np.where(layout.low, own < line, own > line)
    return broken
