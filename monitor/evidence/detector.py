"""The e-detectors: panes' e-values into evidence since a change, whenever it was.

    R <- (R + start mass) E^(1/phi)

Shiryaev-Roberts, mixed over groups and alternatives by their shares of one pane's start mass. The family's sum has
`E[R at any stopping time] <= E[panes until then]` while the rule holds, whatever the groups' dependence; so a threshold of
`panes in 30 days / budget` keeps the expected number of false pages.
"""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Learned
from monitor.evidence.state import State

FARTHEST = 600.0
"""Log e-values are cut here: above, which only loses evidence; below, where nothing is left of it anyway."""

MOST = 1e250
"""Evidence is cut here, so that it stays a number."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What each pane multiplies the detectors by, (T, K, D): tempered and plain."""

    tempered: Floats
    plain: Floats

    @classmethod
    def of(cls, log_e: Floats, learned: Learned) -> "Factors":
        """From log e-values (T, K, D)."""
        cut = np.clip(log_e, -FARTHEST, FARTHEST)
        return cls(np.exp(cut / learned.phi[:, None, :]), np.exp(cut))


def advance(layout: Layout, state: State, tempered: Floats, plain: Floats, pane: float) -> None:
    """One pane: mass starts in it, and all of it is multiplied."""
    stakes = layout.stakes
    state.evidence += layout.weight / stakes
    state.evidence *= tempered
    np.minimum(state.evidence, MOST, out=state.evidence)
    begin(state, 1.0 / stakes, pane)
    state.plain *= plain
    np.minimum(state.plain, MOST, out=state.plain)


def begin(state: State, mass: Floats | float, pane: Floats | float) -> None:
    """Start mass for the plain detectors, and the mean start of all they hold."""
    state.start *= state.plain
    state.start += mass * pane
    state.plain += mass
    state.start /= state.plain


def idle(layout: Layout, state: State, gaps: Floats, position: float) -> None:
    """Empty panes before `position`: e-values of 1, so mass is added and nothing else. `gaps` (F,)."""
    by_detector = gaps[layout.family]
    state.evidence += layout.weight / layout.stakes * by_detector
    waiting = by_detector > 0
    if waiting.any():
        mass = by_detector / layout.stakes
        middle = position - (by_detector + 1.0) / 2.0
        state.start *= state.plain
        state.start += mass * middle
        state.plain += mass
        np.divide(state.start, state.plain, out=state.start, where=state.plain > 0)
    state.window[-1] += by_detector
