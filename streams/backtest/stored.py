"""A history from the evidence panes in Postgres, which are kept by the minute for 35 days."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from alerts.proving import MEANS
from monitor.config import ModelConfig
from monitor.grouping import CellInfo
from monitor.metrics import metric
from monitor.sums import LAYOUTS, Basis
from monitor.times import format_time
from streams.backtest.history import BacktestError, History, Sparse

CELLS = "select id, version, arm, groups, stratum from fairdrift.cells where model = :model order by id"

SPAN = """
select min(p.start_ms), max(p.start_ms + p.pane_ms) from fairdrift.panes p
where p.basis = any(:bases) and p.stream = :stream and p.cell = any(:cells) and p.start_ms >= :low and p.start_ms < :high
"""

PANES = """
copy (select start_ms, cell, {sums} from fairdrift.panes
where basis = {basis} and class = 0 and stream = '{stream}' and start_ms >= {low} and start_ms < {high} and cell = any('{cells}'::bigint[])
group by 1, 2 order by 1, 2) to stdout with csv
"""

ALWAYS = frozenset({"events", "decided", "favourable", "labelled", "tp", "fp", "fn", "tn", "value", "valued"})
"""What is read whatever is asked: volumes, and what a shift is put into."""

BASES = (Basis.EVIDENCE_DECISION, Basis.EVIDENCE_LABEL)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when, in ms; None for as far as there is anything."""

    low: int | None = None
    high: int | None = None


def read_stored(connection: sa.Connection, model: ModelConfig, stretch: Stretch, metrics: Sequence[str]) -> History:
    """The stored history of a model, as far as these metrics look at it; BacktestError if there is none."""
    stream = f"{model.topics.predictions}/{model.topics.outcomes}"
    connection.execute(sa.text("set local statement_timeout = '10min'"))  # a month of a busy model is millions of rows
    rows = connection.execute(sa.text(CELLS), {"model": model.name}).all()
    cells = tuple(CellInfo(row.id, row.version, row.arm, row.groups, row.stratum) for row in rows)
    low, high = stretch.low or 0, stretch.high or 2**62
    values = {
        "bases": [int(basis) for basis in BASES], "stream": stream, "cells": [cell.id for cell in cells],
        "low": low, "high": high,
    }  # fmt: skip
    began, ended = connection.execute(sa.text(SPAN), values).one()
    if began is None:
        raise BacktestError(f"{model.name} has no stored evidence between these times: is it counted already?")
    first = began // model.pane * model.pane
    panes = -(-(ended - first) // model.pane)
    place = {cell.id: at for at, cell in enumerate(cells)}
    span = (first, ended)
    slots = slots_of(metrics)
    decisions = _sums(connection, (Basis.EVIDENCE_DECISION, slots), (stream, model.pane), span, place)
    labels = _sums(connection, (Basis.EVIDENCE_LABEL, slots), (stream, model.pane), span, place)
    source = f"stored, {format_time(first)} to {format_time(ended)}"
    return History(model.name, model.pane, first, panes, cells, decisions, labels if len(labels.pane) else None, source)


def _sums(
    connection: sa.Connection,
    what: tuple[Basis, frozenset[str]],
    of: tuple[str, int],
    span: tuple[int, int],
    place: dict[int, int],
) -> Sparse:
    """All panes of one basis, over all partitions. COPY of what is looked at, since a million rows are read."""
    (basis, slots), (stream, pane) = what, of
    layout = LAYOUTS[basis]
    wanted = [at for at, slot in enumerate(layout.slots) if slot in slots]
    sums = ", ".join(f"sum(coalesce(sums[{at + 1}], 0))::bigint" for at in wanted)
    query = PANES.format(
        sums=sums, basis=int(basis), stream=stream.replace("'", "''"), low=span[0], high=span[1],
        cells="{" + ",".join(map(str, place)) + "}",
    )  # fmt: skip
    found = io.StringIO()
    cursor: Any = connection.connection.cursor()
    cursor.copy_expert(query, found)
    cursor.close()
    if not found.tell():
        return Sparse(layout, np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), layout.zeros(0))
    found.seek(0)
    table = pd.read_csv(found, header=None, dtype=np.int64).to_numpy()
    ids, which = np.unique(table[:, 1], return_inverse=True)
    cells = np.array([place[id] for id in ids.tolist()], dtype=np.intp)[which]
    found_sums = layout.zeros(len(table))
    found_sums[:, wanted] = table[:, 2:]
    return Sparse(layout, ((table[:, 0] - span[0]) // pane).astype(np.intp), cells, found_sums)


class _Asked:
    """Stands in for sums, to learn which slots a metric reads."""

    def __init__(self) -> None:
        self.slots: set[str] = set()

    def __getattr__(self, slot: str) -> Any:
        self.slots.add(slot)
        return np.zeros(1, dtype=np.int64)


def slots_of(metrics: Sequence[str]) -> frozenset[str]:
    """The slots that a backtest of these metrics needs: theirs, and what says how many there are."""
    asked = _Asked()
    for name in metrics:
        if name in MEANS:
            count, quantity = MEANS[name]
            asked.slots |= {count, quantity, f"{quantity}_sq_hi", f"{quantity}_sq_lo"}
        elif metric(name).kind == "rate":
            metric(name).tally(asked)  # type: ignore[arg-type]  # it only reads slots
    return frozenset(asked.slots | ALWAYS)
