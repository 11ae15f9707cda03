"""Windows of the same cells, assessed together."""

from collections.abc import Sequence

from monitor.assess import CellInfo, Plan
from monitor.batches import Batch, Condition, Window, assess_each
from monitor.metric import Needs
from monitor.sums import Ints


def assess_windows(
    cells: Sequence[CellInfo], decision: Ints | None, labels: Ints | None, plan: Plan, condition: Condition = None
) -> Batch:
    """K windows: `decision` and `labels` are (K, cells, slots), or None as in `monitor.assess.assess`."""
    offered: dict[Needs, Ints | None] = {"decision": decision, "label": labels}
    given = {needs: matrix for needs, matrix in offered.items() if matrix is not None}
    times = len(next(iter(given.values())))
    windows = [Window(cells, {needs: matrix[at] for needs, matrix in given.items()}) for at in range(times)]
    ((batch, _),) = assess_each(windows, plan, condition)
    return batch
