"""When each topic's partition last moved, by wall clock: silence is told from it (`streams.silence`).

Kept by a trigger, so that the statements of the counting protocol need not know of it.

Revision: 0004, after 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
alter table fairdrift.positions
    add column prediction_moved_at timestamp with time zone default now() not null,
    add column outcome_moved_at timestamp with time zone default now() not null;
comment on column fairdrift.positions.prediction_moved_at is 'when its offset last moved, by wall clock';
comment on column fairdrift.positions.outcome_moved_at is 'when its offset last moved, by wall clock';
create function fairdrift.position_moved() returns trigger language plpgsql as $$
begin
    if new.prediction_offset <> old.prediction_offset then
        new.prediction_moved_at = now();
    end if;
    if new.outcome_offset <> old.outcome_offset then
        new.outcome_moved_at = now();
    end if;
    return new;
end $$;
create trigger position_moved before update on fairdrift.positions
    for each row execute function fairdrift.position_moved();
"""

DOWN = """
drop trigger position_moved on fairdrift.positions;
drop function fairdrift.position_moved();
alter table fairdrift.positions drop column prediction_moved_at, drop column outcome_moved_at;
"""


def upgrade() -> None:
    """Two columns and their trigger."""
    op.execute(UP)


def downgrade() -> None:
    """Without them."""
    op.execute(DOWN)
