"""A board's statements as Grafana sends them to the made-up year: with a choice of variables and a shown time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from alerts.labels import alert_id
from streams.dashboards.files import board
from tests.streams.dashboards.grafana_sql import Value, expand
from tests.year import world
from tests.year.records import instant, labels_of

MODEL = world.models()[0]
ALERT = alert_id(labels_of(MODEL))
END = instant(world.END)
CHOSEN: dict[str, Value] = {
    "model": MODEL.name,
    "metric": "selection_rate",
    "attribute_set": ["sex", "age,sex"],
    "comparison": "ratio between_groups",
    "basis": "decision",
    "window": "86400",
    "version": "*",
    "arm": "*",
    "alert": ALERT,
}

Rows = list[sa.RowMapping]


@dataclass(frozen=True, slots=True)
class Statement:
    """One query of a board: where it stands, its SQL, and `time_series`, `table`, `variable` or `annotation`."""

    where: str
    sql: str
    kind: str


def statements(name: str) -> list[Statement]:
    """Of every panel, variable and annotation."""
    data: dict[str, Any] = board(name)
    found = [
        Statement(f"{panel['title']}/{target['refId']}", target["rawSql"], target["format"])
        for panel in data["panels"]
        for target in panel.get("targets", [])
        if "rawSql" in target
    ]
    variables = [v for v in data.get("templating", {}).get("list", []) if v["type"] == "query"]
    found += [Statement(f"variable {v['name']}", v["query"], "variable") for v in variables]
    drawn = data.get("annotations", {}).get("list", [])
    return found + [Statement(f"annotation {a['name']}", a["target"]["rawSql"], "annotation") for a in drawn]


@dataclass(frozen=True, slots=True)
class Grafana:
    """The reader's connection, what is chosen, and the shown time."""

    connection: sa.Connection
    chosen: dict[str, Value]
    start: datetime
    end: datetime = END

    @classmethod
    def days(cls, connection: sa.Connection, days: float, **chosen: Value) -> "Grafana":
        """The last days of the year."""
        return cls(connection, CHOSEN | chosen, END - timedelta(days=days))

    def sql(self, sql: str) -> str:
        """What Postgres gets."""
        return expand(sql, self.chosen, self.start, self.end).replace("%", "%%")

    def rows(self, sql: str) -> Rows:
        """What Grafana gets."""
        return list(self.connection.exec_driver_sql(self.sql(sql)).mappings())

    def panel(self, name: str, where: str) -> Rows:
        """Of one panel, variable or annotation, by its place; the panel's first query if none is named."""
        known = {statement.where: statement.sql for statement in statements(name)}
        return self.rows(known[where] if where in known else known[f"{where}/A"])

    def plan(self, sql: str) -> "Plan":
        """How Postgres did it."""
        explained = f"explain (analyze, buffers, timing off, format json) {self.sql(sql)}"
        return Plan(self.connection.exec_driver_sql(explained).scalar_one()[0])


@dataclass(frozen=True, slots=True)
class Plan:
    """What `explain (analyze, buffers, format json)` says."""

    found: dict[str, Any]

    @property
    def milliseconds(self) -> float:
        """Planning and execution."""
        return float(self.found["Planning Time"] + self.found["Execution Time"])

    @property
    def blocks(self) -> int:
        """Blocks of 8 kB that were looked at, in the cache or not."""
        top = self.found["Plan"]
        return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every step."""
        left = [self.found["Plan"]]
        while left:
            node = left.pop()
            left += node.get("Plans", [])
            yield node

    def tables(self) -> set[str]:
        """The tables and partitions that were looked at at all."""
        return {n["Relation Name"] for n in self.nodes() if "Relation Name" in n and n["Actual Loops"]}

    def read_through(self) -> dict[str, float]:
        """Tables that were read from end to end, with how many rows that was."""
        return {
            n["Relation Name"]: (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"]
            for n in self.nodes()
            if n["Node Type"] == "Seq Scan"
        }
