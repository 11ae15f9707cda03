"""The first schema: tables, partitions on demand, the views that people read, roles.

Revision: 0001
"""

from alembic import op

from migrations.first.partitions import PARTITIONS
from migrations.first.roles import ROLES
from migrations.first.tables import COMMENTS, TABLES
from migrations.first.views import FUNCTIONS, VIEW_COLUMNS, VIEWS, column_comments

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(TABLES)
    for column, comment in COMMENTS.items():
        op.execute(f"comment on column fairdrift.{column} is {quoted(comment)}")
    op.execute(PARTITIONS)
    op.execute(VIEWS)
    for column, comment in column_comments():
        op.execute(f"comment on column public.{column} is {quoted(comment)}")
    op.execute(FUNCTIONS)
    op.execute(ROLES)


def downgrade() -> None:
    """Back to an empty database. The roles stay: they belong to the whole cluster."""
    for view in VIEW_COLUMNS:
        op.execute(f"drop function if exists public.{view}_as_of(timestamptz)")
        op.execute(f"drop view if exists public.{view}")
    op.execute(
        "drop view if exists fairdrift.series_names, fairdrift.group_revisions, fairdrift.disparity_revisions,"
        " fairdrift.evidence_revisions"
    )
    op.execute("drop function if exists fairdrift.add_panes_partition(bigint)")
    op.execute("drop function if exists fairdrift.add_points_partition(text, timestamptz)")
    op.execute("drop function if exists fairdrift.drop_partition(text)")
    for table in sorted({column.split(".")[0] for column in COMMENTS} | {"route_changes"}):
        op.execute(f"drop table if exists fairdrift.{table} cascade")


def quoted(text: str) -> str:
    """A string as an SQL literal; colons are Alembic's bind parameters otherwise."""
    return "'" + text.replace("'", "''").replace(":", r"\:") + "'"
