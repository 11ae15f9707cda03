"""Changes of route with what decides beside a canary; and alerts from before 0006 that still fire become known to the router.

Revision: 0011, after 0010. The columns come last in the view and in its function.

Until 0006 the evaluator wrote to the outbox itself. Of an alert that has been firing since, no group knows who was told; so
nobody would be told that it is over. Each gets the notice of its beginning. Where the alert is told for itself the router
finds that notification written already, under the same key, and only remembers it.
"""

from alembic import op

from migrations.first.views import FUNCTIONS, VIEWS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = (
    "model, epoch, from_route, to_route, percent, reason, changed_by, alert, evidence, effective_at, recorded_at,"
    " config_version, rest, version"
)

VIEW = f"create or replace view public.control_history as select {COLUMNS} from fairdrift.route_changes"

FUNCTION = f"""
create or replace function public.control_history_as_of(at timestamptz) returns setof public.control_history
language sql stable as $$
    select {COLUMNS}
    from public.control_history where recorded_at <= at
$$
"""

NOTICES = """
insert into fairdrift.notices (alert, transition_no, episode, firing, labels)
select s.id, t.transition_no, s.episode, true, s.labels || jsonb_build_object('severity', t.payload ->> 'severity')
from fairdrift.alert_states s
cross join lateral (
    select transition_no, payload from fairdrift.alert_transitions
    where alert = s.id and to_state = 'firing' order by transition_no desc limit 1
) t
where s.state = 'firing' and t.payload ? 'severity'
    and not exists (select from fairdrift.notices n where n.alert = s.id)
order by s.firing_since, s.id
"""

COMMENTS = {
    "rest": "what decides where a canary does not: live or fallback",
    "version": "the version in canary or shadow, where it was named",
}


def upgrade() -> None:
    """Two columns of a view, and notices."""
    op.execute(VIEW)
    op.execute(FUNCTION)
    for column, comment in COMMENTS.items():
        op.execute(f"comment on column public.control_history.{column} is '{comment}'")
    op.execute(NOTICES)


def downgrade() -> None:
    """The view as it was first; notices stay."""
    first = [part.strip() for part in (VIEWS + FUNCTIONS.replace("$$;", "$$ ;")).split(";\n")]
    op.execute("drop function public.control_history_as_of(timestamptz)")
    op.execute("drop view public.control_history")
    for name in ("view public.control_history", "function public.control_history_as_of"):
        op.execute(next(part for part in first if part.startswith(f"create {name}")))
    op.execute(
        "do $$ begin if exists (select from pg_roles where rolname = 'fairdrift_reader') then"
        " grant select on public.control_history to fairdrift_reader; end if; end $$"
    )
