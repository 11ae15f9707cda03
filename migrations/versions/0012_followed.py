"""Which commit wrote a pane row is told only where evaluations ask for it: the comments that say so.

Revision: 0012, after 0011. Rows that are there keep their numbers until they are overwritten; nobody asks for them.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TOLD = {
    "panes": "commit of (stream, part) that wrote it last, where evaluations follow the basis; else 0",
    "positions": "counts commits; pane rows tell the one that wrote them where evaluations ask for it",
}
TOLD_BEFORE = {
    "panes": "commit of (stream, part) that wrote it last",
    "positions": "counts commits; pane rows carry the one that wrote them",
}


def upgrade() -> None:
    """What is told now."""
    _comment(TOLD)


def downgrade() -> None:
    """What was told before."""
    _comment(TOLD_BEFORE)


def _comment(told: dict[str, str]) -> None:
    for table, comment in told.items():
        op.execute(f"comment on column fairdrift.{table}.commit_no is '{comment}'")
