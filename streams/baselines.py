"""Baselines in Postgres: stored by `fairdrift audit --store-baseline`, read by rules of type `drift`.

Each is stored whole and never changed; the newest of a model is the one in force. Rows are sums per cell.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.baselines import Baseline, widened
from monitor.cells import cell_id
from monitor.grouping import CellInfo
from monitor.metric import LAYOUTS_OF, Needs
from monitor.sums import Ints, Layout
from monitor.tables import baseline_cells, baselines

BINNED: tuple[Needs, ...] = ("score", "value", "label_score", "error")
"""Kinds of sums that only some models have."""


def store_baseline(connection: sa.Connection, baseline: Baseline) -> int:
    """Store a baseline in the connection's transaction; its number. From the commit on it is the model's baseline."""
    made = connection.execute(
        baselines.insert()
        .values(
            model=baseline.model,
            source=baseline.source,
            rows=baseline.rows,
            cell_schema=baseline.cell_schema,
            value_unit=baseline.value_unit,
            labelled="label" in baseline.sums,
        )
        .returning(baselines.c.id)
    )
    number = int(made.scalar_one())
    lists = {needs: matrix.tolist() for needs, matrix in baseline.sums.items()}
    rows = [
        {
            "baseline": number,
            "cell": at,
            "version": cell.version,
            "arm": cell.arm,
            "groups": dict(cell.groups),
            "stratum": dict(cell.stratum),
            "decision": lists["decision"][at],
            "labels": lists["label"][at] if "label" in lists else [],
            "binned": {needs: matrix[at] for needs, matrix in lists.items() if needs in BINNED},
        }
        for at, cell in enumerate(baseline.cells)
    ]
    if rows:
        connection.execute(baseline_cells.insert(), rows)
    return number


def load_baseline(connection: sa.Connection, model: str, at: datetime | None = None) -> Baseline | None:
    """The model's newest baseline (stored no later than `at`, if given) with its sums per cell; None if it has none."""
    query = sa.select(baselines).where(baselines.c.model == model).order_by(baselines.c.id.desc()).limit(1)
    if at is not None:
        query = query.where(baselines.c.stored_at <= at)
    head = connection.execute(query).mappings().one_or_none()
    if head is None:
        return None
    found = connection.execute(
        sa.select(baseline_cells).where(baseline_cells.c.baseline == head["id"]).order_by(baseline_cells.c.cell)
    ).all()
    cells = tuple(
        CellInfo(
            cell_id(model, row.version, row.arm, head["cell_schema"], row.groups, row.stratum),
            row.version,
            row.arm,
            row.groups,
            row.stratum,
        )
        for row in found
    )
    return Baseline(
        model=model,
        source=head["source"],
        rows=head["rows"],
        cell_schema=head["cell_schema"],
        value_unit=head["value_unit"],
        cells=cells,
        sums=_sums(found, labelled=head["labelled"]),
        stored_at=int(head["stored_at"].astimezone(UTC).timestamp() * 1000),
    )


def _sums(rows: Sequence[sa.Row[Any]], *, labelled: bool) -> dict[Needs, Ints]:
    found: dict[Needs, Ints] = {"decision": _matrix([row.decision for row in rows], LAYOUTS_OF["decision"])}
    if labelled:
        found["label"] = _matrix([row.labels for row in rows], LAYOUTS_OF["label"])
    for needs in BINNED:
        if rows and all(needs in row.binned for row in rows):
            found[needs] = _matrix([row.binned[needs] for row in rows], LAYOUTS_OF[needs])
    return found


def _matrix(rows: list[list[int]], layout: Layout) -> Ints:
    width = len(rows[0]) if rows else len(layout)
    return widened(np.array(rows, dtype=np.int64).reshape(len(rows), width), layout)
