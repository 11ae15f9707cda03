"""Two windows of thirty days of a hiring model in a database, with counts that can be added by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from monitor.tables import evaluations, points, series

MODEL = "hiring"
START = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE, END = START + timedelta(days=30), START + timedelta(days=60)
LENGTH = 30 * 86_400
SEEN = END + timedelta(hours=1)
"""When the points were computed."""
REVISED = END + timedelta(days=3)
"""When the second window's women were counted again: one more was selected."""

CELLS = {
    MIDDLE: {("F", "A"): (40, 100), ("F", "B"): (10, 50), ("M", "A"): (100, 200), ("M", "B"): (15, 50)},
    END: {("F", "A"): (20, 60), ("F", "B"): (5, 30), ("M", "A"): (50, 100), ("M", "B"): (15, 30)},
}
"""window's end -> (sex, race) -> selected, of how many"""

CONFIG = """
postgres: {url: "DATABASE"}
models:
  - name: hiring
    attributes: {sex: [F, M], race: [A, B]}
    metrics: [selection_rate]
    windows: [30d]
rules:
  - {name: hired, type: threshold, model: hiring, metric: selection_rate, attributes: [sex], aggregate: ratio, bound: {min: 0.6}, window: 30d}
"""


def seed(engine: sa.Engine) -> None:
    """Write the history."""
    with engine.begin() as connection:
        for at in (MIDDLE, END):
            connection.execute(sa.text("select fairdrift.add_points_partition('day', :at)"), {"at": at})
        for names in ((), ("sex",), ("race",), ("race", "sex")):
            for groups in _groups(names):
                _write_group(connection, names, groups)
        connection.execute(
            evaluations.insert().values(
                model=MODEL,
                time_basis="decision",
                first_end_ms=0,
                last_end_ms=int(END.timestamp() * 1000),
                config_version="c1",
            )
        )


def _groups(names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    found = {
        tuple(value for name, value in zip(("sex", "race"), cell, strict=True) if name in names) for cell in CELLS[END]
    }
    order = [name for name in ("sex", "race") if name in names]
    for values in sorted(found):
        yield dict(zip(order, values, strict=True))


def _write_group(connection: sa.Connection, names: tuple[str, ...], groups: dict[str, str]) -> None:
    row = {"model": MODEL, "version": "*", "arm": "*", "time_basis": "decision", "metric": "selection_rate"}
    row |= {"kind": "group", "attribute_set": list(names), "group_values": groups}  # type: ignore[dict-item]
    number = connection.execute(series.insert().values(row).returning(series.c.id)).scalar_one()
    for end, cells in CELLS.items():
        mine = [counts for cell, counts in cells.items() if {"sex": cell[0], "race": cell[1]}.items() >= groups.items()]
        k, n = (sum(part) for part in zip(*mine, strict=True))
        connection.execute(points.insert().values(point(number, end, (k, n))))
        if groups == {"sex": "F"} and end == END:
            connection.execute(
                points.update()
                .where(points.c.series == number, points.c.window_end == end)
                .values(superseded_at=REVISED)
            )
            later = point(number, end, (k + 1, n)) | {"revision": 1, "computed_at": REVISED}
            connection.execute(points.insert().values(later))


def point(number: int, end: datetime, counts: tuple[int, int]) -> dict[str, object]:
    """The row of a point."""
    k, n = counts
    return {
        "tier": "day", "series": number, "window_seconds": LENGTH, "window_end": end, "revision": 0, "state": "measured",
        "config_version": "c1", "value": k / n, "n": n, "numerator": k, "denominator": n, "computed_at": SEEN,
    }  # fmt: skip
