"""The state of each family of evidence, with the pane that it has reached.

Revision: 0008, after 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
create table fairdrift.evidence_states (
    family text primary key,
    rule text not null,
    model text not null,
    metric text not null,
    attribute_set text[] not null,
    version text not null,
    arm text not null,
    time_basis text not null,
    pane_end_ms bigint not null,
    state bytea not null,
    finding text not null,
    reading jsonb not null,
    config_version text not null,
    updated_at timestamp with time zone default now() not null
);
comment on column fairdrift.evidence_states.family is 'rule, model, metric, attribute set; version and arm if it is of one';
comment on column fairdrift.evidence_states.version is '* for everything served together';
comment on column fairdrift.evidence_states.arm is '* for everything served together';
comment on column fairdrift.evidence_states.time_basis is 'decision | outcome';
comment on column fairdrift.evidence_states.pane_end_ms is 'end of the last pane that was folded';
comment on column fairdrift.evidence_states.state is 'monitor.evidence.State';
comment on column fairdrift.evidence_states.finding is 'breach | clear | insufficient_data';
comment on column fairdrift.evidence_states.reading is 'alerts.verdicts.Evidence after that pane';
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table fairdrift.evidence_states")
