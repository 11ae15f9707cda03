"""The SQL of the board "Alert": everything is read off the alert's newest change that says it."""

from streams.dashboards.fragments import AFFECTED, BOUND_TEXT, SERVED, TIERS, group_text

ALERTS = """
select model || ': ' || rule || coalesce(' (' || nullif(labels ->> 'attributes', '') || ')', '') || ', ' || to_state || ' '
         || to_char(pane_end at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as __text, alert as __value
from (select distinct on (alert) alert, model, rule, labels, to_state, pane_end from alert_history
      order by alert, transition_no desc) newest
order by to_state = 'firing' desc, pane_end desc limit 500
"""

_ALERT = """
newest as (
  select * from alert_history where alert = ${alert:sqlstring} and pane_end <= $__timeTo()::timestamptz
  order by transition_no desc limit 1)"""

_WHAT = f"""
with {_ALERT},
what as materialized (
  select model, rule, payload ->> 'metric' as metric, payload ->> 'aggregate' as aggregate, payload ->> 'method' as method,
         array(select jsonb_array_elements_text(payload -> 'attributes') order by 1) as attribute_set,
         coalesce(payload -> 'window' ->> 'time_basis', 'decision') as time_basis,
         coalesce((payload -> 'window' ->> 'seconds')::int, 86400) as window_seconds,
         (payload -> 'bound' ->> 'min')::float8 as lower, (payload -> 'bound' ->> 'max')::float8 as upper
  from newest)"""

_SERIES = f"""model = (select model from what) and metric = (select metric from what)
  and attribute_set = (select attribute_set from what) and time_basis = (select time_basis from what)
  and window_seconds = (select window_seconds from what) and {SERVED} and {TIERS} and $__timeFilter(window_end)"""

REAL = f"""
with {_ALERT}
select coalesce((select to_state || ': ' || coalesce(nullif(payload ->> 'finding_reason', ''), payload ->> 'finding') from newest),
                'no such alert at that time: choose one above') as "alert",
       coalesce((select round((payload -> 'evidence' ->> 'log_evidence')::numeric, 1) || ' of '
                        || round((payload -> 'evidence' ->> 'needed')::numeric, 1) || ' nats; at most '
                        || (payload -> 'evidence' ->> 'budget') || ' false pages in 30 days'
                 from newest), 'this rule keeps no evidence') as "evidence when told"
"""

WHO = f"""
with {_ALERT}
select coalesce((select {AFFECTED} from newest), 'nobody') as "groups",
       coalesce((select (payload ->> 'metric') || ' ' || (payload ->> 'aggregate') || ' '
                        || round((payload -> 'estimate' ->> 'value')::numeric, 3) || ', bound ' || {BOUND_TEXT}
                        || coalesce('; ' || (payload ->> 'more_favourable') || ' more favourable would do', '')
                 from newest),
                (select 'no estimate: ' || nullif(payload -> 'estimate' ->> 'reason', '') from newest), 'no estimate') as "gap"
"""

SINCE = f"""
with {_ALERT}
select coalesce((select to_char((payload -> 'evidence' ->> 'changed_at')::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
                 from newest), 'not known') as "most likely began (UTC)",
       coalesce((select to_char((payload ->> 'firing_since')::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
                        || coalesce(', until ' || to_char((payload ->> 'resolved_at')::timestamptz at time zone 'UTC',
                                                          'YYYY-MM-DD HH24:MI'), '')
                 from newest), 'it has not fired') as "fires since"
"""

DONE = f"""
with {_ALERT}
select coalesce((select c.to_route || ' since ' || to_char(c.effective_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
                        || ' by ' || c.changed_by
                 from newest join control_history c on c.model = newest.model and c.effective_at <= $__timeTo()::timestamptz
                 order by c.epoch desc limit 1), 'live; it was never changed') as "route",
       coalesce((select 'by ' || a.acknowledged_by || case a.comment when '' then '' else ': ' || a.comment end
                 from newest join fairdrift.acknowledged a
                   on a.alert = newest.alert and a.episode = (newest.payload ->> 'episode')::int), 'by nobody') as "acknowledged"
"""

EVIDENCE = f"""
{_WHAT}
select e.pane_end as "time", e.log_evidence as evidence, e.log_evidence_needed as needed
from what join fairdrift.evidence_families f
  on f.rule = what.rule and f.model = what.model and f.attribute_set = what.attribute_set and f.version = '*' and f.arm = '*'
cross join lateral (
  select pane_end, log_evidence, log_evidence_needed from fairness_evidence
  where family = f.family and $__timeFilter(pane_end)) e
order by e.pane_end
"""

GAP = f"""
{_WHAT}
select window_end as "time", value, ci_low as low, ci_high as high,
       (select lower from what) as bound, (select upper from what) as "upper bound"
from fairness_disparity
where {_SERIES} and aggregate = (select aggregate from what) and method = (select method from what)
order by window_end
"""

GROUPS = f"""
{_WHAT}
select window_end as "time", {group_text()} as metric, value
from fairness_group
where {_SERIES}
order by window_end
"""

COUNTS = f"""
{_WHAT}
select window_end as "time", {group_text()} as metric, n
from fairness_group
where {_SERIES}
order by window_end
"""

STORY = """
select pane_end as "time", from_state as "from", to_state as "to", payload ->> 'summary' as "what was told",
       (payload -> 'estimate' ->> 'value')::float8 as raw, (payload -> 'stratified' ->> 'value')::float8 as "within strata",
       (payload -> 'evidence' ->> 'log_evidence')::float8 as evidence, recorded_at as "recorded"
from alert_history where alert = ${alert:sqlstring}
order by transition_no desc limit 200
"""

ACTIONS = f"""
with {_ALERT}
select "time", who, what from (
  select c.effective_at as "time", c.changed_by as who, c.from_route || ' to ' || c.to_route || ': ' || c.reason as what
  from newest join control_history c on c.model = newest.model
  union all
  select a.acknowledged_at, a.acknowledged_by, 'acknowledged episode ' || a.episode || coalesce(': ' || nullif(a.comment, ''), '')
  from fairdrift.acknowledged a where a.alert = ${{alert:sqlstring}}
  union all
  select d.first_seen, 'deployment', 'version ' || d.version || ' is first counted'
  from newest join fairdrift.deployments d on d.model = newest.model) done
where "time" <= $__timeTo()::timestamptz
order by "time" desc limit 100
"""

# --- annotations

REGIONS = """
select pane_end as "time",
       coalesce((select min(later.pane_end) from alert_history later
                 where later.alert = fired.alert and later.transition_no > fired.transition_no and later.to_state = 'resolved'),
                $__timeTo()::timestamptz) as "timeend",
       'fires' as "text", rule as "tags"
from alert_history fired
where alert = ${alert:sqlstring} and to_state = 'firing'
order by pane_end
"""

ROUTES = f"""
with {_ALERT}
select c.effective_at as "time", null::timestamptz as "timeend", c.from_route || ' to ' || c.to_route || ': ' || c.reason as "text",
       c.changed_by as "tags"
from newest join control_history c on c.model = newest.model
where $__timeFilter(c.effective_at)
order by c.effective_at
"""

DEPLOYMENTS = f"""
with {_ALERT}
select d.first_seen as "time", null::timestamptz as "timeend", 'version ' || d.version || ' is first counted' as "text",
       d.arms as "tags"
from newest join fairdrift.deployments d on d.model = newest.model
where $__timeFilter(d.first_seen)
order by d.first_seen
"""
