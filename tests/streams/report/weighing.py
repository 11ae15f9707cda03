"""Two windows of thirty days of a model whose claims weigh, with sums that can be added by hand."""

import sqlalchemy as sa

from monitor.tables import evaluations, points, series
from tests.streams.report import hiring

MODEL = "claims"

SUMS = {
    hiring.MIDDLE: {"F": (4.5, 12.0, 10), "M": (6.0, 10.0, 8), "": (10.5, 22.0, 18)},
    hiring.END: {"F": (1.5, 8.0, 5), "M": (4.0, 10.0, 9), "": (5.5, 18.0, 14)},
}
"""window's end -> sex (empty: everybody) -> weight of the paid, weight of all, people"""

CONFIG = """
postgres: {url: "DATABASE"}
models:
  - name: claims
    weights: true
    attributes: {sex: [F, M]}
    metrics: [selection_rate]
    windows: [30d]
"""


def seed(engine: sa.Engine) -> None:
    """Write the history; the partitions are there (`hiring.seed`)."""
    with engine.begin() as connection:
        for sex in ("F", "M", ""):
            groups = {"sex": sex} if sex else {}
            row = {"model": MODEL, "version": "*", "arm": "*", "time_basis": "decision", "metric": "selection_rate"}
            row |= {"kind": "group", "attribute_set": list(groups), "group_values": groups}  # type: ignore[dict-item]
            number = connection.execute(series.insert().values(row).returning(series.c.id)).scalar_one()
            for end, sums in SUMS.items():
                top, below, people = sums[sex]
                point = {"numerator": top, "denominator": below, "n": people, "value": top / below}
                connection.execute(points.insert().values(hiring.point(number, end, (1, 1)) | point))
        last = int(hiring.END.timestamp() * 1000)
        connection.execute(
            evaluations.insert().values(
                model=MODEL, time_basis="decision", first_end_ms=0, last_end_ms=last, config_version="c1"
            )
        )
