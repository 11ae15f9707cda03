"""Disparities over strata: a flag where they turn the raw one round; and the least gap that could have been seen.

Revision: 0009, after 0008. The columns come last in the view and in its function, with those that were there unchanged.
"""

from alembic import op

from migrations.first.views import FUNCTIONS, VIEWS

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = (
    "model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, stratum, label_class,"
    " metric, aggregate, method, value, ci_low, ci_high, lower_group, higher_group, n, state, revision, computed_at,"
    " config_version, detectable, reversed"
)

CHANGES = (
    "alter table fairdrift.points add column detectable double precision",
    "alter table fairdrift.points add column reversed boolean",
    "comment on column fairdrift.points.detectable is 'the least gap that so many events would have shown'",
    "comment on column fairdrift.points.reversed is 'of a stratified disparity: the raw one points the other way'",
    """
create or replace view fairdrift.disparity_revisions as
select s.model, s.version, s.arm, s.time_basis, p.window_seconds,
       p.window_end - make_interval(secs => p.window_seconds) as window_start, p.window_end,
       s.attribute_set, s.stratum, s.label_class, s.metric, s.aggregate, s.method,
       case when p.state <> 'suppressed' then p.value end as value,
       case when p.state <> 'suppressed' then p.ci_low end as ci_low,
       case when p.state <> 'suppressed' then p.ci_high end as ci_high,
       case when p.state <> 'suppressed' then p.lower_group end as lower_group,
       case when p.state <> 'suppressed' then p.higher_group end as higher_group,
       case when p.state <> 'suppressed' then p.n end as n,
       p.state, p.revision, p.computed_at, p.config_version, p.superseded_at,
       case when p.state <> 'suppressed' then p.detectable end as detectable,
       case when p.state <> 'suppressed' then p.reversed end as reversed
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'disparity'
""",
    f"""
create or replace view public.fairness_disparity as
select {COLUMNS} from fairdrift.disparity_revisions where superseded_at is null
""",
    f"""
create or replace function public.fairness_disparity_as_of(at timestamptz) returns setof public.fairness_disparity
language sql stable as $$
    select {COLUMNS}
    from fairdrift.disparity_revisions where computed_at <= at and (superseded_at is null or superseded_at > at)
$$
""",
)


def upgrade() -> None:
    """Two columns, and the views with them."""
    for change in CHANGES:
        op.execute(change)
    op.execute(
        "comment on column public.fairness_disparity.detectable is"
        " 'least gap that so many people would have shown with 80 percent power: a difference, or a ratio below 1'"
    )
    op.execute(
        "comment on column public.fairness_disparity.reversed is"
        " 'of a stratified disparity: whether the raw one points the other way'"
    )
    op.execute(
        "comment on column public.fairness_disparity.stratum is"
        " '{} for the raw disparity; each factor with * for the one put together over its levels'"
    )


def downgrade() -> None:
    """The views as they were first."""
    first = [part.strip() for part in (VIEWS + FUNCTIONS.replace("$$;", "$$ ;")).split(";\n")]
    op.execute("drop function public.fairness_disparity_as_of(timestamptz)")
    op.execute("drop view public.fairness_disparity")
    op.execute("drop view fairdrift.disparity_revisions")
    op.execute("alter table fairdrift.points drop column detectable, drop column reversed")
    for name in (
        "view fairdrift.disparity_revisions",
        "view public.fairness_disparity",
        "function public.fairness_disparity_as_of",
    ):
        op.execute(next(part for part in first if part.startswith(f"create {name}")))
    op.execute(
        "do $$ begin if exists (select from pg_roles where rolname = 'fairdrift_reader') then"
        " grant select on public.fairness_disparity to fairdrift_reader; end if; end $$"
    )
