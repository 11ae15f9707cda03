"""The way back: a page is resolved by evidence that the bound is kept again, not by evidence running out.

The mirror detector tests "still broken", `p_g <= t p_r + c`, from the page on, for every group of the page. All of them must
reach `resolve_evidence`, and the page must have stood for `min_hold`.
"""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.detector import FARTHEST, GREATEST, MOST
from monitor.evidence.layout import Layout
from monitor.evidence.state import State


def recover(layout: Layout, state: State, log_e: Floats, phi: Floats) -> None:
    """One pane of the mirror detectors, (M, D)."""
    about = state.implicated > 0
    grown = (state.mirror + 1.0 / layout.mirrors) * np.exp(np.clip(log_e, -FARTHEST, GREATEST) / phi)
    state.mirror[:] = np.where(about, np.minimum(grown, MOST), 0.0)


def recovered(layout: Layout, state: State, pane: float) -> Flags:
    """(F,): which standing pages are over."""
    held = pane - state.fired >= layout.tuning.min_hold * 60 / layout.pane
    waiting = (state.firing > 0) & held
    if not waiting.any():
        return waiting
    enough = state.mirror.sum(axis=0) >= layout.recovery_needed[layout.family]
    over: Flags = waiting & (layout.sums(np.where(state.implicated > 0, ~enough, False).astype(np.float64)) == 0)
    return over


def clear(layout: Layout, state: State, families: Flags) -> None:
    """Start from nothing after a resolve."""
    mine = families[layout.family]
    for values in (state.evidence, state.plain, state.start, state.suspicion, state.peak, state.mirror):
        values[:, mine] = 0.0
    state.lead[mine], state.implicated[mine] = 0.0, 0.0
    state.firing[families] = 0.0
