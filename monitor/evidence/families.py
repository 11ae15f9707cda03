"""Many families at once: the same fold over joined arrays."""

from collections.abc import Sequence

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.fold import CHUNK, Record, Run, Trace
from monitor.evidence.layout import alike, lay_out
from monitor.evidence.panes import Panes, Triple
from monitor.evidence.reading import Reading, reading_of
from monitor.evidence.spec import Spec
from monitor.evidence.state import ARRAYS, State


def together(specs: Sequence[Spec], states: Sequence[State]) -> list[list[int]]:
    """Which of them can be folded together (alike, and at the same pane): their places, in order."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, (spec, state) in enumerate(zip(specs, states, strict=True)):
        groups.setdefault((*alike(spec), state.position), []).append(place)
    return list(groups.values())


class Families:
    """Families that are `alike` (kind, measure, strata, pane, tuning, sides) and at the same pane, folded together.

    The states that come out equal, bit for bit, those of folding each family alone. Raises ValueError if they are not alike or not at the
    same pane.
    """

    def __init__(self, specs: Sequence[Spec], states: Sequence[State]) -> None:
        if len({alike(spec) for spec in specs}) != 1:
            raise ValueError(
                "families that are folded together have the same kind, measure, strata, pane, tuning and sides"
            )
        if len({state.position for state in states}) != 1 or len(states) != len(specs):
            raise ValueError("families that are folded together are at the same pane, one state each")
        self.layout = lay_out(specs)
        joined = [np.concatenate([getattr(state, name) for state in states], axis=-1) for name in ARRAYS]
        self.state = State(states[0].position, *joined)
        self.record = Record(keep=False)
        self._together = Run(self.layout, self.state, record=self.record)

    def fold(self, panes: Panes) -> None:
        """Panes of all families side by side: their groups in the order of the specs. Known panes are passed over."""
        state, groups = self.state, np.asarray(panes.n).shape[1]
        sums = panes.sums_of(groups, self.layout.strata, self.layout.means)
        if state.position < 0:
            state.position = panes.first
        count = len(sums[0])
        at = min(max(state.position - panes.first, 0), count)
        if at == count:
            return
        state.pending += panes.first + at - state.position
        busy = self.layout.group_sums(sums[0].sum(axis=1)) > 0
        size = max(1, CHUNK // (self.layout.stakes * self.layout.size * self.layout.strata))
        while at < count:
            together = max(1, int(np.argmin(np.append(busy[at : at + size].all(axis=1), False))))
            part = sums[0][at : at + together], sums[1][at : at + together], sums[2][at : at + together]
            self._some(busy[at], panes.first + at, part)
            at += together
            state.position = panes.first + at

    def trace(self, panes: Panes) -> list[Trace]:
        """`fold` that keeps the evidence of each family after each of its panes with events, as `trace` does for one family alone.

        For live folding of all families of a model that are alike: one call instead of one for each, with `states` to store. A pane
        in which some of the families had no events is cut out for the others; those only count it.
        """
        self.record = self._together.record = Record()
        self.fold(panes)
        return self.record.traces(self.layout.specs)

    def _some(self, busy: Flags, pane: int, sums: Triple) -> None:
        """Panes in which the same families had events."""
        whole, count = self.state, len(sums[0])
        if busy.all():
            self._run(self._together, pane, sums)
        elif busy.any():
            layout = lay_out([self.layout.specs[family] for family in np.flatnonzero(busy).tolist()])
            mine = busy[self.layout.family]
            columns = np.unique(self.layout.column[mine])
            places = {name: busy if name in FAMILY else mine for name in ARRAYS}
            state = State(whole.position, *(getattr(whole, name)[..., places[name]] for name in ARRAYS))
            some = sums[0][..., columns], sums[1][..., columns], sums[2][..., columns]
            self._run(Run(layout, state, record=self.record, names=np.flatnonzero(busy)), pane, some)
            for name in ARRAYS:
                getattr(whole, name)[..., places[name]] = getattr(state, name)
        whole.pending[~busy] += count

    def _run(self, run: Run, pane: int, sums: Triple) -> None:
        count, pending = len(sums[0]), run.state.pending
        gaps = np.zeros((count, len(pending)))
        gaps[0] = pending
        pending[:] = 0.0
        run.block(sums, np.arange(pane, pane + count, dtype=np.float64), gaps)

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

    def log_evidence(self) -> Floats:
        """(families,): nats."""
        with np.errstate(divide="ignore"):
            evidence: Floats = np.log(self.layout.sums(self.state.evidence.sum(axis=0)))
        return evidence


FAMILY = {"pending", "firing", "fired", "unrest", "term", "elapsed", "savings"}
"""Arrays of a state that are by family."""
