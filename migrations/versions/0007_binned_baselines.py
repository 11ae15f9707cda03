"""Baselines keep histograms and errors too, where there are scores, values and outcomes.

Revision: 0007, after 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table fairdrift.baseline_cells add column binned jsonb default '{}' not null")
    op.execute(
        "comment on column fairdrift.baseline_cells.binned is"
        " 'score, value, label_score, error: sums in the layouts of monitor.metric.LAYOUTS_OF'"
    )


def downgrade() -> None:
    op.execute("alter table fairdrift.baseline_cells drop column binned")
