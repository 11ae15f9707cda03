"""A baseline: what a model's parity was when somebody looked at it and agreed, kept as the sums of its cells.

Sums and not metrics, so that every metric, group and comparison can be asked of a baseline that is asked of a window, also
one that nobody thought of when it was stored: `baseline.assess(plan)` is the same assessment as of a window.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from monitor.assess import Assessment, Plan, assessed
from monitor.config import OTHER, UNKNOWN
from monitor.grouping import SERVED, CellInfo, grouping
from monitor.metric import LAYOUTS_OF, Needs
from monitor.sums import Ints, Layout


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A model's reference sums: N cells, and for each kind of sums an N x slots matrix."""

    model: str
    source: str
    """Where it comes from, in words: a file that was audited, a period."""
    rows: int
    """How many events were counted."""
    cell_schema: str
    """`monitor.cells.cell_schema` of the configuration it was counted under: compare only with panes of the same."""
    value_unit: float
    cells: tuple[CellInfo, ...]
    sums: Mapping[Needs, Ints]
    """By what metrics need, in the layouts of `monitor.metric.LAYOUTS_OF`: `decision` always, `label` where labels were
    known, the others where there were scores, values of a declared range, values with outcomes."""
    stored_at: int | None = None
    """Milliseconds; None before it is stored."""

    @property
    def decision(self) -> Ints:
        """The sums of decisions."""
        return self.sums["decision"]

    @property
    def labels(self) -> Ints | None:
        """The sums of labelled decisions; None where no labels were known."""
        return self.sums.get("label")

    def assess(self, plan: Plan) -> Assessment:
        """Every metric of the plan over the baseline; MetricError as `monitor.assess.assess`."""
        return assessed(grouping(self.cells, plan.shape()), self.sums, replace(plan, value_unit=self.value_unit))


def widened(sums: Ints, layout: Layout) -> Ints:
    """Sums that were stored when the layout had fewer slots: slots are only ever added at the end, and were 0."""
    if sums.shape[1] >= len(layout):
        return sums[:, : len(layout)]
    return np.hstack([sums, np.zeros((len(sums), len(layout) - sums.shape[1]), dtype=np.int64)])


def populations(baseline: Baseline, attributes: Collection[str]) -> dict[str, dict[str, float]]:
    """Of each attribute the shares of its groups among those of known group; no group that had nobody."""
    at, found = LAYOUTS_OF["decision"].index("events"), {}
    for name in attributes:
        counts: dict[str, int] = {}
        for cell, events in zip(baseline.cells, baseline.decision[:, at].tolist(), strict=True):
            group = cell.groups.get(name, UNKNOWN)
            if cell.arm in SERVED and group not in (UNKNOWN, OTHER) and events:
                counts[group] = counts.get(group, 0) + events
        total = sum(counts.values())
        if total:
            found[name] = {group: count / total for group, count in sorted(counts.items())}
    return found
