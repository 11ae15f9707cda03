"""A history: the sums of each pane and cell, as evidence saw them; sparse, since most cells are empty most of the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.grouping import SERVED, CellInfo
from monitor.sums import Ints, Layout
from streams.errors import StreamsError

Rows = NDArray[np.intp]


class BacktestError(StreamsError):
    """The history, the rules or the way they are put together is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """N rows: the number of the pane since the history's first, the place of the cell, and N x slots sums."""

    layout: Layout
    pane: Rows
    cell: Rows
    sums: Ints

    def column(self, slot: str) -> Ints:
        """One slot of every row."""
        column: Ints = self.sums[:, self.layout.index(slot)]
        return column


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Panes of `pane` ms from `first` (ms) on, `panes` of them; decisions, and labels as they arrived (None: none)."""

    model: str
    pane: int
    first: int
    panes: int
    cells: tuple[CellInfo, ...]
    decisions: Sparse
    labels: Sparse | None = None
    source: str = ""
    """Where it comes from, in words."""

    @property
    def end(self) -> int:
        """Where it ends, in ms."""
        return self.first + self.panes * self.pane

    def of(self, needs: str) -> Sparse | None:
        """The sums that metrics of decisions, or of labels, are computed from."""
        return self.decisions if needs == "decision" else self.labels

    def group_of(self, groups: Sequence[Mapping[str, str]]) -> Rows:
        """The place of each cell's group among these, -1 for none of them and for what is not served."""
        place = {tuple(sorted(group.items())): at for at, group in enumerate(groups)}
        names = sorted(groups[0]) if groups else []
        found = [
            place.get(tuple((name, cell.groups.get(name, "")) for name in names), -1) if cell.arm in SERVED else -1
            for cell in self.cells
        ]
        return np.array(found, dtype=np.intp)

    def by_group(self, needs: str, groups: Sequence[Mapping[str, str]], slots: Sequence[str]) -> Ints | None:
        """The sums of each pane and group, (panes x groups, slots) in the order of `slots`; None without such sums."""
        sparse = self.of(needs)
        if sparse is None:
            return None
        which = self.group_of(groups)[sparse.cell]
        some = which >= 0
        code = sparse.pane[some] * len(groups) + which[some]
        size = self.panes * len(groups)
        out = np.zeros((size, len(slots)), dtype=np.int64)
        for at, slot in enumerate(slots):
            np.add.at(out[:, at], code, sparse.column(slot)[some])
        return out

    def changed(self, decisions: Sparse, labels: Sparse | None) -> "History":
        """The same cells and panes with other sums."""
        return replace(self, decisions=decisions, labels=labels)
