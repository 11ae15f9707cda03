"""Which commit wrote a pane row is told, and indexed, only where evaluations ask for it.

Revision: 0012, after 0011. Rows of other bases, labels of old decisions above all, can then be overwritten within their page.
Those that are there keep their numbers until they are overwritten; nobody asks for them.

Readers and writers of panes wait while the index is made. The old one goes first, since that takes the strongest lock at once:
with the new one first, writers that have read already and this transaction would wait for each other.
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
    """An index of fewer rows."""
    _replace_index("(stream, part, commit_no) where basis in (0, 2)")
    _comment(TOLD)


def downgrade() -> None:
    """The index of all rows."""
    _replace_index("(stream, part, commit_no)")
    _comment(TOLD_BEFORE)


def _replace_index(of: str) -> None:
    op.execute("drop index fairdrift.panes_changed")
    op.execute(f"create index panes_changed on fairdrift.panes {of}")


def _comment(told: dict[str, str]) -> None:
    for table, comment in told.items():
        op.execute(f"comment on column fairdrift.{table}.commit_no is '{comment}'")
