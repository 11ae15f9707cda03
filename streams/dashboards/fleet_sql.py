"""The SQL of the board "Fleet"."""

from streams.dashboards.fragments import AFFECTED, AGAINST_BOUND, BOUND_TEXT, NEWEST_ALERTS, SERVED, TIERS, WATCHED

_SAME = """d.model = w.model and d.metric = w.metric and d.attribute_set = w.attribute_set and d.aggregate = w.aggregate
      and d.method = w.method and d.time_basis = w.time_basis and d.window_seconds = w.window_seconds"""

WORST = f"""
with {WATCHED},
seen as (
  select w.model collate "C" as model, d.window_end, {AGAINST_BOUND} as standing
  from watched w cross join lateral (
    select d.window_end, d.value, d.ci_low, d.ci_high from fairness_disparity d
    where {_SAME}
      and {SERVED} and {TIERS} and $__timeFilter(window_end)) d)
select window_end as "time", model as metric, max(standing) as value
from seen group by window_end, model
order by window_end, model
"""

_NOW = f"""
with {WATCHED},
present as (
  select w.model, max({AGAINST_BOUND}) as standing
  from watched w left join lateral (
    select d.value, d.ci_low, d.ci_high from fairness_disparity d
    where {_SAME}
      and {SERVED} and {TIERS} and $__timeFilter(window_end)
      and window_end > $__timeTo()::timestamptz - interval '2 days'
    order by d.window_end desc limit 1) d on true
  group by w.model)"""

# What has had no window for two days cannot be said now.
OUTSIDE = f"{_NOW}\nselect count(*) filter (where standing = 3) as outside from present"

CANNOT_SAY = f"{_NOW}\nselect count(*) filter (where standing = 0) as silent from present"

FIRING = f"with {NEWEST_ALERTS}\nselect count(*) filter (where to_state = 'firing') as firing from newest"

AWAY = """
select count(*) as away from (
  select distinct on (model) model, to_route from control_history where effective_at <= $__timeTo()::timestamptz
  order by model, epoch desc) routes
where to_route <> 'live'
"""

ALERTS = f"""
with {NEWEST_ALERTS},
route as (
  select distinct on (model) model, to_route from control_history where effective_at <= $__timeTo()::timestamptz
  order by model, epoch desc)
select newest.to_state as state, newest.model, newest.rule, {AFFECTED} as affected,
       (payload -> 'estimate' ->> 'value')::float8 as estimate, {BOUND_TEXT} as bound,
       coalesce((payload ->> 'firing_since')::timestamptz, (payload ->> 'since')::timestamptz) as since,
       (payload -> 'evidence' ->> 'log_evidence')::float8 as evidence, (payload -> 'evidence' ->> 'needed')::float8 as needed,
       coalesce(route.to_route, 'live') as route,
       coalesce((select 'by ' || a.acknowledged_by from fairdrift.acknowledged a
                 where a.alert = newest.alert and a.episode = (payload ->> 'episode')::int), 'nobody yet') as acknowledged,
       newest.alert
from newest left join route on route.model = newest.model
where newest.to_state in ('firing', 'pending', 'insufficient_data') or newest.pane_end >= $__timeFrom()::timestamptz
order by case newest.to_state when 'firing' then 0 when 'insufficient_data' then 1 when 'pending' then 2 else 3 end,
         newest.pane_end desc limit 100
"""

ROUTES = """
with changes as (
  select model, effective_at, to_route from control_history where $__timeFilter(effective_at)
  union all
  select model, $__timeFrom()::timestamptz,
         coalesce((select c.to_route from control_history c
                   where c.model = m.model and c.effective_at < $__timeFrom()::timestamptz order by c.epoch desc limit 1), 'live')
  from (select distinct model from fairdrift.series_names) m)
select effective_at as "time", model as metric,
       case to_route when 'live' then 1 when 'canary' then 2 when 'shadow' then 3 else 4 end as value
from changes order by effective_at, model
"""

_EVERYBODY = f"""g.model = m.model and g.attribute_set = '{{}}' and g.time_basis = 'decision' and {SERVED} and {TIERS}
        and $__timeFilter(window_end)"""

COVERAGE = f"""
with {WATCHED},
lengths as (select model, 86400 as seconds from fairdrift.evidence_families union select model, window_seconds from watched)
select m.model, covered.label_coverage as "label coverage", covered.window_end as "coverage of the window until",
       newest.n as "decisions", newest.window_end as "newest window"
from (select distinct model from fairdrift.series_names where kind = 'group') m
cross join lateral (
  select one.* from lengths cross join lateral (
    select g.n, g.window_end from fairness_group g where {_EVERYBODY} and g.window_seconds = lengths.seconds
    order by g.window_end desc limit 1) one
  where lengths.model = m.model order by one.window_end desc, abs(lengths.seconds - 86400) limit 1) newest
left join lateral (
  select one.* from lengths cross join lateral (
    select g.label_coverage, g.window_end from fairness_group g
    where {_EVERYBODY} and g.window_seconds = lengths.seconds and g.label_coverage is not null
    order by g.window_end desc limit 1) one
  where lengths.model = m.model order by one.window_end desc, abs(lengths.seconds - 86400) limit 1) covered on true
order by covered.label_coverage nulls first, m.model
"""
