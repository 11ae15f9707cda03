"""What the dashboard SDK lacks for SQL data sources: the query of a panel, a variable and an annotation.

In the SQL, variables are always written `${name:sqlstring}`, which Grafana quotes and escapes whatever was typed or
chosen; `$__macros` take no nested parentheses (Grafana's macro engine reads up to the first closing one).
"""

from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

DATASOURCE_TYPE = "grafana-postgresql-datasource"
DATASOURCE_UID = "fairdrift-pg"

Format = Literal["time_series", "table"]


def datasource() -> models.DataSourceRef:
    """The Postgres data source, by its uid."""
    return models.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)


@dataclass(slots=True)
class SqlQuery(Dataquery):
    """A query of the Postgres data source, as Grafana's own code editor stores it."""

    sql: str
    format: Format
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """The `targets` entry of a panel."""
        return {
            "refId": self.ref_id,
            "datasource": datasource(),
            "format": self.format,
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": dedent(self.sql).strip(),
        }


@dataclass(slots=True)
class Sql(Builder[Dataquery]):
    """Builder of an `SqlQuery`, for `Panel.with_target`."""

    sql: str
    format: Format = "time_series"
    ref_id: str = "A"

    def build(self) -> Dataquery:
        """The query."""
        return SqlQuery(self.sql, self.format, self.ref_id)


class _SqlAnnotations(models.AnnotationQuery):
    """The SDK types the target as one of Grafana's own annotation store, not as a query."""

    sql: str = ""

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"target": SqlQuery(self.sql, "table").to_json()}


@dataclass(slots=True)
class Annotations(Builder[models.AnnotationQuery]):
    """Events drawn over every panel: columns `time`, `timeend`, `text` and `tags` (separated by commas)."""

    name: str
    color: str
    sql: str

    def build(self) -> models.AnnotationQuery:
        """The annotation query."""
        query = _SqlAnnotations(name=self.name, datasource=datasource(), icon_color=self.color)
        query.sql = self.sql
        return query


def variable(name: str, label: str, sql: str, multi: bool = False) -> builders.QueryVariable:
    """A drop-down filled by a query, read again when the time range changes; columns `__text` and `__value`, or one."""
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(datasource())
        .query(dedent(sql).strip())
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.DISABLED)
        .multi(multi)
        .include_all(multi)
    )
