"""The way back: a page is resolved by evidence that the bound is kept again, not by evidence running out.

The mirror detector tests "still broken", `p_g <= t p_r + c`, from the page on, for every group of the page. All of them must
reach `resolve_evidence`, and the page must have stood for `min_hold`.
"""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.detector import FARTHEST, GREATEST, MOST
from monitor.evidence.layout import Layout, part_of
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.scoring import log_evalues
from monitor.evidence.state import State
from monitor.sums import Ints


@dataclass(slots=True)
class Mirrors:
    """The mirror detectors of a stretch of panes: reckoned only for groups that a page is about, which are few."""

    layout: Layout
    counts: Counts
    learned: Learned
    here: Ints | None = None
    """Which detectors; None before the first page."""
    factors: Floats | None = None
    """(T, M, H): what each pane multiplies them by."""

    def recover(self, state: State, at: int) -> None:
        """Pane `at` of the stretch."""
        about = state.implicated > 0
        if self.here is None or np.count_nonzero(about) > np.count_nonzero(about[self.here]):
            self.here = np.flatnonzero(about)
            self.factors = self._factors(self.here)
        if self.factors is None or not len(self.here):
            return
        grown = (state.mirror[:, self.here] + 1.0 / self.layout.mirrors) * self.factors[at]
        state.mirror[:, self.here] = np.where(about[self.here], np.minimum(grown, MOST), 0.0)

    def _factors(self, here: Ints) -> Floats:
        learned = self.learned.part(here)
        log_e = log_evalues(part_of(self.layout, here), self.counts.part(here), learned, mirrored=True)
        factors: Floats = np.exp(np.clip(log_e, -FARTHEST, GREATEST) / learned.phi[:, None, :])
        return factors


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
    for values in (state.evidence, state.plain, state.start, state.suspicion, state.peak, state.lead, state.mirror):
        values[:, mine] = 0.0
    state.implicated[mine] = 0.0
    state.firing[families] = 0.0
