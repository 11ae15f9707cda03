"""Control: what decides beside a canary, freezes, canary plans; and listeners are told of every change of route.

Revision: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
alter table fairdrift.routes add column rest text default 'live' not null, add column version text default '' not null;
alter table fairdrift.route_changes add column rest text default 'live' not null, add column version text default '' not null;
create table fairdrift.control_freezes (
    model text not null primary key,
    changed_by text not null,
    reason text not null,
    frozen_at timestamptz default now() not null
);
create table fairdrift.canary_plans (
    model text not null primary key,
    version text not null,
    status text not null,
    step integer not null,
    epoch bigint not null,
    plan jsonb not null,
    progress jsonb not null,
    changed_by text not null,
    reason text not null,
    updated_at timestamptz default now() not null
);
create function fairdrift.tell_of_route() returns trigger language plpgsql as $$
begin
    perform pg_notify('fairdrift_control', new.model);
    return null;
end $$;
create trigger tell_of_route after insert on fairdrift.route_changes
for each row execute function fairdrift.tell_of_route();
"""

COMMENTS = {
    "routes.rest": "what decides where a canary does not",
    "routes.version": "in canary or shadow, where known",
    "route_changes.rest": "what decides where a canary does not",
    "route_changes.version": "in canary or shadow, where known",
    "control_freezes.model": "* for every model",
    "canary_plans.version": "the one that is to be let in",
    "canary_plans.status": "running | held | dropped | interrupted | done",
    "canary_plans.step": "from 0",
    "canary_plans.epoch": "of the route that the plan made last",
    "canary_plans.plan": "the steps as agreed when it began",
    "canary_plans.progress": "what was seen in this step so far",
    "canary_plans.changed_by": "the person who acted on it last",
}

DOWN = """
drop trigger tell_of_route on fairdrift.route_changes;
drop function fairdrift.tell_of_route();
drop table fairdrift.canary_plans, fairdrift.control_freezes;
alter table fairdrift.route_changes drop column rest, drop column version;
alter table fairdrift.routes drop column rest, drop column version;
"""


def upgrade() -> None:
    op.execute(UP)
    for column, comment in COMMENTS.items():
        op.execute(f"comment on column fairdrift.{column} is '{comment}'")


def downgrade() -> None:
    op.execute(DOWN)
