"""The panes of the year, as retention leaves them: minutes of the last days, hours before, days before those.

A row is there only where something was counted: at 400 decisions an hour a minute has a row for nearly every decision, an hour for
nearly every cell of every partition.
"""

from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa

from monitor.cells import cell_id
from monitor.sums import DECISIONS, LABELS, Basis, Layout
from monitor.windows import DAY, HOUR, MINUTE
from streams.retention import KEEP_HOURS, KEEP_MINUTES, WEEK
from tests.year.copying import Columns
from tests.year.points import Rows
from tests.year.records import PARTS
from tests.year.world import CELLS, END, EVENTS_AN_HOUR, START, WEIGHTS, Ints, Model

PANES = Columns(
    "fairdrift.panes",
    {
        "basis": "int2", "pane_ms": "int4", "start_ms": "int8", "stream": "text", "part": "int4", "cell": "int8",
        "class": "int2", "sums": "int8[]", "commit_no": "int8",
    },
)  # fmt: skip
STREAM = "predictions/outcomes"
ROLLED_UP_TO = (END - KEEP_MINUTES) // HOUR * HOUR - 6 * HOUR
"""One roll-up is due."""
LABELLED = 0.6
AT_ONCE = 500
"""Panes that are made at once."""


def partitions(connection: sa.Connection) -> None:
    """Those that panes of the year need."""
    for at in range(START, END + WEEK, WEEK):
        connection.execute(sa.text("select fairdrift.add_panes_partition(:at)"), {"at": at})


def panes(model: Model, part: int) -> Iterator[Rows]:
    """Decisions and labels by the time of the decision, of one model and partition."""
    days = (END - KEEP_HOURS) // DAY * DAY
    ids = np.array([cell_id(model.name, model.versions[0][0], "live", "year", dict(cell), {}) for cell in CELLS])
    for size, low, high in ((DAY, START // DAY * DAY, days), (HOUR, days, ROLLED_UP_TO), (MINUTE, ROLLED_UP_TO, END)):
        starts = np.arange(low, high, size, dtype=np.int64)
        for first in range(0, len(starts), AT_ONCE):
            random = np.random.default_rng([model.number, part, size // MINUTE, first])
            yield from _of(random, model, starts[first : first + AT_ONCE], size, part, ids)


def _of(random: np.random.Generator, model: Model, starts: Ints, size: int, part: int, ids: Ints) -> Iterator[Rows]:
    expected = EVENTS_AN_HOUR / PARTS * (size / HOUR) * WEIGHTS
    n = random.poisson(np.broadcast_to(expected, (len(starts), len(CELLS))))
    favourable = random.binomial(n, np.clip(model.rates(starts + size), 0, 1))
    at, cell = np.nonzero(n)
    same = {"stream": STREAM, "part": part, "class": 0, "commit_no": 1, "pane_ms": size}
    decisions = DECISIONS.zeros(len(at))
    _set(decisions, DECISIONS, events=n[at, cell], decided=n[at, cell], favourable=favourable[at, cell])
    yield same | {"basis": int(Basis.DECISION), "start_ms": starts[at], "cell": ids[cell], "sums": decisions}, len(at)
    if size >= HOUR:
        labelled = random.binomial(n[at, cell], LABELLED)
        positive = random.binomial(labelled, 0.7)
        labels = LABELS.zeros(len(at))
        _set(labels, LABELS, labelled=labelled, positive=positive, negative=labelled - positive, tp=positive)
        yield (
            same | {"basis": int(Basis.LABEL_DECIDED), "start_ms": starts[at], "cell": ids[cell], "sums": labels},
            len(at),
        )


def _set(sums: Ints, layout: Layout, **slots: Ints) -> None:
    for name, values in slots.items():
        sums[:, layout.index(name)] = values
