"""What boards need beside the numbers: bounds, families, deployments, who looks after it; and points found by their tier.

`tier` in the views says how long a point is kept, so that a year is drawn from its daily points. The list of tiers in the views
is what lets Postgres use the points' primary key, whose first column it is, whatever is asked (before version 18 it would
read a whole index otherwise).

Revision: 0010, after 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIERS = "p.tier in ('minute', 'hour', 'day', 'kept')"

GROUP = (
    "model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, group_values, stratum,"
    " label_class, metric, value, n, numerator, denominator, state, ci_low, ci_high, label_coverage, revision, computed_at,"
    " config_version"
)
DISPARITY = (
    "model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, stratum, label_class,"
    " metric, aggregate, method, value, ci_low, ci_high, lower_group, higher_group, n, state, revision, computed_at,"
    " config_version, detectable, reversed"
)


def revisions(tier: str, where: str) -> tuple[str, str]:
    """The two views of all revisions, with or without the tier."""
    group = f"""
create or replace view fairdrift.group_revisions as
select s.model, s.version, s.arm, s.time_basis, p.window_seconds,
       p.window_end - make_interval(secs => p.window_seconds) as window_start, p.window_end,
       s.attribute_set, s.group_values, s.stratum, s.label_class, s.metric,
       case when p.state <> 'suppressed' then p.value end as value,
       case when p.state <> 'suppressed' then p.n end as n,
       case when p.state <> 'suppressed' then p.numerator end as numerator,
       case when p.state <> 'suppressed' then p.denominator end as denominator,
       p.state,
       case when p.state <> 'suppressed' then p.ci_low end as ci_low,
       case when p.state <> 'suppressed' then p.ci_high end as ci_high,
       case when p.state <> 'suppressed' then p.label_coverage end as label_coverage,
       p.revision, p.computed_at, p.config_version, p.superseded_at{tier}
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'group'{where}
"""
    disparity = f"""
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
       case when p.state <> 'suppressed' then p.reversed end as reversed{tier}
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'disparity'{where}
"""
    return group, disparity


def newest(view: str, of: str, columns: str) -> tuple[str, str]:
    """The view of the newest revisions, and its function of a time."""
    return (
        f"create or replace view public.{view} as select {columns} from fairdrift.{of} where superseded_at is null",
        f"""
create or replace function public.{view}_as_of(at timestamptz) returns setof public.{view} language sql stable as $$
    select {columns}
    from fairdrift.{of} where computed_at <= at and (superseded_at is null or superseded_at > at)
$$
""",
    )


BOARDS = """
create view fairdrift.rule_bounds as
select v.version as config_version, v.first_used, rule ->> 'name' as rule, rule ->> 'model' as model, rule ->> 'metric' as metric,
       coalesce(rule ->> 'aggregate', '') as aggregate, rule ->> 'method' as method,
       extract(epoch from (rule ->> 'window')::interval)::integer as window_seconds,
       (rule -> 'bound' ->> 'min')::double precision as lower, (rule -> 'bound' ->> 'max')::double precision as upper,
       rule ->> 'severity' as severity
from fairdrift.config_versions v
cross join lateral jsonb_array_elements(case when jsonb_typeof(v.body -> 'rules') = 'array' then v.body -> 'rules' else '[]' end) rule
where rule ->> 'type' = 'threshold' and jsonb_typeof(rule -> 'bound') = 'object';
create view fairdrift.evidence_families as
select family, rule, model, metric, attribute_set, version, arm, time_basis, finding, config_version, updated_at
from fairdrift.evidence_states;
create view fairdrift.deployments as
select model, version, string_agg(distinct arm, ', ' order by arm) as arms, min(created_at) as first_seen
from fairdrift.cells where version <> '*' group by model, version;
create view fairdrift.acknowledged as
select alert, episode, acknowledged_by, comment, acknowledged_at from fairdrift.acknowledgements;
create view fairdrift.silenced as
select id, matchers, starts_at, ends_at, created_by, comment from fairdrift.silences;
"""

COMMENTS = {
    "view fairdrift.rule_bounds": "The bounds of threshold rules, by version of the configuration.",
    "view fairdrift.evidence_families": "What evidence is kept of, and what was found last.",
    "view fairdrift.deployments": "When a version of a model was first counted, by wall clock.",
    "view fairdrift.acknowledged": "Who has taken which alert over.",
    "view fairdrift.silenced": "What is held back, until when, and by whom.",
    "column public.fairness_group.tier": "how long the point is kept: minute, hour, day, or kept for good (cited by an alert)",
    "column public.fairness_disparity.tier": "how long the point is kept: minute, hour, day, or kept for good (cited by an alert)",
}

NEW = ("rule_bounds", "evidence_families", "deployments", "acknowledged", "silenced")

GRANTS = """
do $$
begin
    if exists (select from pg_roles where rolname = 'fairdrift_reader') then
        grant select on {views} to fairdrift_reader;
    end if;
    if exists (select from pg_roles where rolname = 'fairdrift_writer') then
        grant select on {views} to fairdrift_writer;
    end if;
end $$
"""


def upgrade() -> None:
    """Columns at the end of views, and views."""
    for change in (
        *revisions(", p.tier", f" and {TIERS}"),
        *newest("fairness_group", "group_revisions", f"{GROUP}, tier"),
        *newest("fairness_disparity", "disparity_revisions", f"{DISPARITY}, tier"),
        BOARDS,
        GRANTS.format(views=", ".join(f"fairdrift.{name}" for name in NEW)),
        *(f"comment on {what} is '{text}'".replace(":", r"\:") for what, text in COMMENTS.items()),
    ):
        op.execute(change)


def downgrade() -> None:
    """Without them. A view loses a column only by being made anew."""
    for name in NEW:
        op.execute(f"drop view fairdrift.{name}")
    for view in ("fairness_group", "fairness_disparity"):
        op.execute(f"drop function public.{view}_as_of(timestamptz)")
        op.execute(f"drop view public.{view}")
    op.execute("drop view fairdrift.group_revisions, fairdrift.disparity_revisions")
    for change in (
        *revisions("", ""),
        *newest("fairness_group", "group_revisions", GROUP),
        *newest("fairness_disparity", "disparity_revisions", DISPARITY),
    ):
        op.execute(change)
    op.execute(
        GRANTS.format(
            views="public.fairness_group, public.fairness_disparity, fairdrift.group_revisions, fairdrift.disparity_revisions"
        )
    )
