"""The best group of the past, as the reference of "between any two groups": predictable, so any choice keeps the guarantee.

`min over max >= t` means `p_g >= t p_r` for every pair; whoever is chosen as r before the pane, the null holds for them. Taking
the pane's own maximum would be cheating. The choice is made again every hour of panes with events.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.spec import Reference
from monitor.evidence.state import State
from monitor.sums import Ints

PATIENCE = 3600
"""Seconds between choices."""

KNOWN = 50.0
"""Past events that a group needs (if two have so many): three lucky people are nobody's measure."""

SURE = 2.0
"""Standard errors that are taken off a group's rate before comparing."""


def terms(layout: Layout, numbers: Floats) -> list[int]:
    """Where in `numbers` (panes) a new hour begins; [0] alone if no family chooses."""
    if Reference.BEST not in layout.mode:
        return [0]
    hours = numbers * layout.pane // PATIENCE
    return [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist()]


def choose(layout: Layout, state: State, pane: float) -> None:
    """Choose for the hour of `pane`, if it was not chosen in it yet."""
    if Reference.BEST not in layout.mode:
        return
    hour = pane * layout.pane // PATIENCE
    for family in np.flatnonzero([mode == Reference.BEST for mode in layout.mode]).tolist():
        if state.term[family] == hour:
            continue
        state.term[family] = hour
        for low in (True, False):
            mine = np.flatnonzero((layout.family == family) & (layout.low == low))
            if len(mine):
                _choose(layout, state, mine, 1.0 if low else -1.0)


def _choose(layout: Layout, state: State, mine: Ints, sign: float) -> None:
    """The groups of one side: everybody against the best, the best against the second."""
    strata = layout.strata
    k, n = state.memory[2 * strata : 2 * strata + 2, mine]
    known = n >= (KNOWN if (n >= KNOWN).sum() >= 2 else 1.0)
    if known.sum() < 2:
        return
    rate = (k + 0.5) / (n + 1.0)
    sure = np.where(known, sign * rate - SURE * np.sqrt(rate * (1.0 - rate) / (n + 1.0)), -np.inf)
    best, second = np.argsort(-sure, kind="stable")[:2]
    state.chosen[mine] = layout.column[mine[best]] - layout.first[mine[0]]
    state.chosen[mine[best]] = layout.column[mine[second]] - layout.first[mine[0]]
