"""Many families at once: the same fold over joined arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from monitor.evidence.fold import Record, Run
from monitor.evidence.layout import alike, lay_out
from monitor.evidence.reading import Reading, reading_of
from monitor.evidence.spec import Spec
from monitor.evidence.state import ARRAYS, State


class Families:
    """Families that are `alike` (kind, measure, strata, pane, tuning) and at the same pane, folded together.

    The states that come out equal, bit for bit, those of folding each family alone. Raises ValueError if they are not alike or not at the
    same pane.
    """

    def __init__(self, specs: Sequence[Spec], states: Sequence[State]) -> None:
        if len({alike(spec) for spec in specs}) != 1:
            raise ValueError("families that are folded together have the same kind, measure, strata, pane and tuning")
        if len({state.position for state in states}) != 1 or len(states) != len(specs):
            raise ValueError("families that are folded together are at the same pane, one state each")
        self.layout = lay_out(specs)
        joined = [np.concatenate([getattr(state, name) for state in states], axis=-1) for name in ARRAYS]
        self.state = State(states[0].position, *joined)
        self.record = Record()

    def fold(self, pane: int, n: ArrayLike, k: ArrayLike) -> None:
        """One pane; `n` and `k` are (groups of all families, in order) or (groups, strata). Known panes are passed over."""
        layout, state = self.layout, self.state
        if state.position < 0:
            state.position = pane
        if pane < state.position:
            return
        shape = (1, -1, layout.strata)
        counts, hits = (np.asarray(values, np.float64).reshape(shape).transpose(0, 2, 1) for values in (n, k))
        state.pending += pane - state.position
        edges = np.cumsum([0, *(len(spec.groups) for spec in layout.specs)])[:-1]
        busy = np.add.reduceat(counts[0].sum(axis=0), edges) > 0
        if busy.all():
            self._run(Run(layout, state, record=self.record), pane, counts, hits)
        elif busy.any():
            self._some(np.flatnonzero(busy), pane, counts, hits)
        state.pending[~busy] += 1.0
        state.position = pane + 1

    def _run(self, run: Run, pane: int, n: np.ndarray, k: np.ndarray) -> None:
        gaps = run.state.pending.copy()[None]
        run.state.pending[:] = 0.0
        run.block(n, k, np.array([float(pane)]), gaps)

    def _some(self, busy: np.ndarray, pane: int, n: np.ndarray, k: np.ndarray) -> None:
        """Only the families that had events."""
        layout = lay_out([self.layout.specs[family] for family in busy.tolist()])
        mine = np.isin(self.layout.family, busy)
        columns = np.unique(self.layout.column[mine])
        parts = {}
        for name in ARRAYS:
            values = getattr(self.state, name)
            parts[name] = values[..., busy] if name in FAMILY else values[..., mine]
        state = State(self.state.position, **parts)
        self._run(Run(layout, state, record=self.record), pane, n[..., columns], k[..., columns])
        for name in ARRAYS:
            getattr(self.state, name)[..., busy if name in FAMILY else mine] = getattr(state, name)

    def states(self) -> list[State]:
        """Each family's own state."""
        split = []
        for index in range(len(self.layout.specs)):
            mine = self.layout.family == index
            arrays = [getattr(self.state, name) for name in ARRAYS]
            at = slice(index, index + 1)
            split.append(
                State(
                    self.state.position,
                    *(
                        np.ascontiguousarray(values[..., at] if name in FAMILY else values[..., mine])
                        for name, values in zip(ARRAYS, arrays, strict=True)
                    ),
                )
            )
        return split

    def readings(self) -> list[Reading]:
        """Each family's reading."""
        return [reading_of(self.layout, self.state, family) for family in range(len(self.layout.specs))]

    def log_evidence(self) -> np.ndarray:
        """(families,): nats."""
        with np.errstate(divide="ignore"):
            return np.log(self.layout.sums(self.state.evidence.sum(axis=0)))


FAMILY = {"pending", "firing", "fired", "unrest", "elapsed", "savings"}
"""Arrays of a state that are by family."""
