"""Which commit wrote a pane row is told, and indexed, only where evaluations ask for it.

Revision: 0012, after 0011. Rows of other bases, labels of old decisions above all, can then be overwritten within their page.
Making the index keeps writers out of the panes for as long as that takes, readers only while the old one is dropped.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TOLD = "commit of (stream, part) that wrote it last, where evaluations follow the basis; else 0"
TOLD_BEFORE = "commit of (stream, part) that wrote it last"


def upgrade() -> None:
    """An index of fewer rows."""
    _replace("(stream, part, commit_no) where basis in (0, 2)")
    op.execute(f"comment on column fairdrift.panes.commit_no is '{TOLD}'")


def downgrade() -> None:
    """The index of all rows."""
    _replace("(stream, part, commit_no)")
    op.execute(f"comment on column fairdrift.panes.commit_no is '{TOLD_BEFORE}'")


def _replace(of: str) -> None:
    op.execute(f"create index panes_changed_new on fairdrift.panes {of}")
    op.execute("drop index fairdrift.panes_changed")
    op.execute("alter index fairdrift.panes_changed_new rename to panes_changed")
