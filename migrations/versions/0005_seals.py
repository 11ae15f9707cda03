"""What the evaluator was told of idle partitions, so that evidence read later is booked behind it.

Revision: 0005, after 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table fairdrift.positions add column seals jsonb default '[[], []]' not null")
    op.execute(
        "comment on column fairdrift.positions.seals is"
        " 'per topic [[offset, clock], ...]: evidence read from there on is of later panes'"
    )


def downgrade() -> None:
    op.execute("alter table fairdrift.positions drop column seals")
