"""The SQL of the board "Model"."""

from streams.dashboards.fragments import AFFECTED, NEWEST_ALERTS, SERVED, TIERS, group_text

_OF = "model = ${model:sqlstring} and metric = ${metric:sqlstring} and label_class = ''"
_VARIANT = "version = ${version:sqlstring} and arm = ${arm:sqlstring}"
_RAW = f"{_OF} and {_VARIANT} and stratum = '{{}}'"
_SETS = "array_to_string(attribute_set, ',') in (${attribute_set:sqlstring})"
_WINDOW = "time_basis = ${basis:sqlstring} and window_seconds = (${window:sqlstring})::int"
_SHOWN = f"{_WINDOW} and {TIERS} and $__timeFilter(window_end)"
_COMPARED = "aggregate || ' ' || method = ${comparison:sqlstring}"
_NAMES = "fairdrift.series_names where kind = 'disparity'"
_NAMED = f"{_NAMES} and {_OF} and stratum = '{{}}'"

MODELS = f"select distinct model from {_NAMES} order by model"
METRICS = f"select distinct metric from {_NAMES} and model = ${{model:sqlstring}} and {SERVED} order by metric"
VERSIONS = f"""
select case version when '*' then 'everything served' else version end as __text, version as __value
from (select distinct version from {_NAMED}) v order by version = '*' desc, version desc
"""
ARMS = f"""
select case arm when '*' then 'everything served' else arm end as __text, arm as __value
from (select distinct arm from {_NAMED} and version = ${{version:sqlstring}}) a order by arm = '*' desc, arm
"""
ATTRIBUTE_SETS = f"""
select array_to_string(attribute_set, ' + ') as __text, array_to_string(attribute_set, ',') as __value
from (select distinct attribute_set from {_NAMED} and {_VARIANT}) sets
order by cardinality(attribute_set), attribute_set
"""
COMPARISONS = (
    f"select distinct aggregate || ' ' || method as comparison from {_NAMED} and {_VARIANT} order by comparison desc"
)
BASES = f"select distinct time_basis from {_NAMED} and {_VARIANT} order by time_basis"
WINDOWS = f"""
select case when window_seconds % 86400 = 0 then window_seconds / 86400 || ' d'
            when window_seconds % 3600 = 0 then window_seconds / 3600 || ' h'
            else window_seconds / 60 || ' min' end as __text,
       window_seconds::text as __value
from (select distinct window_seconds from fairness_group
      where {_RAW} and attribute_set = '{{}}' and {TIERS} and $__timeFilter(window_end)) windows
order by abs(window_seconds - 86400), window_seconds
"""

# --- the first screen

REAL = f"""
with {NEWEST_ALERTS},
evidence as (
  select e.log_evidence, e.log_evidence_needed, e.pane_end
  from fairdrift.evidence_families f cross join lateral (
    select log_evidence, log_evidence_needed, pane_end from fairness_evidence
    where family = f.family and pane_end <= $__timeTo()::timestamptz order by pane_end desc limit 1) e
  where f.model = ${{model:sqlstring}} and f.version = '*'
  order by e.log_evidence / nullif(e.log_evidence_needed, 0) desc nulls last limit 1)
select case count(*) filter (where to_state = 'firing') when 0 then 'nothing fires' else count(*) filter (where to_state = 'firing')
         || ' firing: ' || string_agg(distinct rule, ', ') filter (where to_state = 'firing') end as "alerts",
       coalesce((select round(log_evidence::numeric, 1) || ' of the ' || round(log_evidence_needed::numeric, 1) || ' that a page needs'
                 from evidence), 'no rule of this model keeps evidence') as "evidence (nats)"
from newest where model = ${{model:sqlstring}}
"""

AFFECTED_NOW = f"""
with {NEWEST_ALERTS}
select coalesce((select {AFFECTED} from newest where model = ${{model:sqlstring}} and to_state = 'firing'
                 order by pane_end desc limit 1),
                (select 'nobody beyond a bound; widest gap: ' || coalesce({group_text("lower_group")}, 'undefined') || ' against '
                        || coalesce({group_text("higher_group")}, 'undefined')
                 from fairness_disparity
                 where {_RAW} and {_SETS} and {_COMPARED} and {_SHOWN}
                 order by window_end desc limit 1), 'no comparison in the chosen time') as "groups"
"""

SINCE = f"""
with {NEWEST_ALERTS},
fired as (select payload from newest where model = ${{model:sqlstring}} and to_state = 'firing' order by pane_end desc limit 1)
select coalesce((select to_char((payload ->> 'firing_since')::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from fired),
                'it does not fire') as "fires since (UTC)",
       coalesce((select to_char((payload -> 'evidence' ->> 'changed_at')::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
                 from fired),
                (select 'last change ' || to_char(max(pane_end) at time zone 'UTC', 'YYYY-MM-DD') from newest
                 where model = ${{model:sqlstring}}), 'it never fired') as "most likely began"
"""

DONE = f"""
with {NEWEST_ALERTS}
select coalesce((select case when to_route = 'canary' and percent is not null then 'canary ' || percent || ' %' else to_route end
                        || ' since ' || to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' by ' || changed_by
                 from control_history where model = ${{model:sqlstring}} and effective_at <= $__timeTo()::timestamptz
                 order by epoch desc limit 1), 'live; it was never changed') as "route",
       coalesce((select 'by ' || a.acknowledged_by || case a.comment when '' then '' else ': ' || a.comment end
                 from newest join fairdrift.acknowledged a
                   on a.alert = newest.alert and a.episode = (newest.payload ->> 'episode')::int
                 where newest.model = ${{model:sqlstring}} and newest.to_state = 'firing'
                 order by a.acknowledged_at desc limit 1), 'by nobody') as "acknowledged"
"""

_BOUNDS = """
with told as (
  select b.lower, b.upper from fairdrift.evidence_families f
  join fairdrift.rule_bounds b on b.rule = f.rule and b.config_version = f.config_version
  where f.model = ${model:sqlstring} and f.metric = ${metric:sqlstring} and f.version = '*'
    and array_to_string(f.attribute_set, ',') in (${attribute_set:sqlstring})
    and b.aggregate || ' ' || b.method = ${comparison:sqlstring}
  order by b.severity = 'page' desc limit 1)"""

PARITY = f"""{_BOUNDS}
select window_end as "time", value, ci_low as low, ci_high as high,
       (select lower from told) as bound, (select upper from told) as "upper bound"
from fairness_disparity
where {_RAW} and {_SETS} and {_COMPARED} and {_SHOWN}
order by window_end
"""

EVIDENCE = """
select e.pane_end as "time", array_to_string(f.attribute_set, ' + ') as metric,
       e.log_evidence as evidence, e.log_evidence_needed as needed
from fairdrift.evidence_families f cross join lateral (
  select pane_end, log_evidence, log_evidence_needed from fairness_evidence
  where family = f.family and $__timeFilter(pane_end)
    and (${__to} - ${__from} <= 259200000 or extract(minute from pane_end) = 0)
    and (${__to} - ${__from} <= 1814400000 or extract(hour from pane_end at time zone 'UTC') = 0)) e
where f.model = ${model:sqlstring} and f.metric = ${metric:sqlstring} and f.version = '*' and f.arm = '*'
  and array_to_string(f.attribute_set, ',') in (${attribute_set:sqlstring})
order by e.pane_end
"""

# --- groups

GROUPS = f"""
select window_end as "time", {group_text()} as metric, value
from fairness_group
where {_RAW} and {_SETS} and {_SHOWN}
order by window_end
"""

COUNTS = f"""
select window_end as "time", {group_text()} as metric, n
from fairness_group
where {_RAW} and {_SETS} and {_SHOWN}
order by window_end
"""

_PRESENT = f"""present as (
  select max(window_end) as newest from fairness_group where {_RAW} and attribute_set = '{{}}' and {_SHOWN})"""

GROUP_TABLE = f"""
with {_PRESENT}
select array_to_string(attribute_set, ' + ') as attributes, {group_text()} as "group",
       value, ci_low as low, ci_high as high, n, numerator, denominator, label_coverage as "label coverage", state,
       window_end as "window end"
from fairness_group
where {_RAW} and {_SETS} and {_SHOWN} and window_end = (select newest from present)
order by attribute_set, value
"""

INTERSECTIONS = f"""
with {_PRESENT},
pair as (
  select attribute_set from {_NAMED} and {_VARIANT} and cardinality(attribute_set) = 2
  order by array_to_string(attribute_set, ',') in (${{attribute_set:sqlstring}}) desc, attribute_set limit 1)
select group_values ->> ((select attribute_set from pair))[1] as "first", group_values ->> ((select attribute_set from pair))[2] as "second",
       value
from fairness_group
where {_RAW} and attribute_set = (select attribute_set from pair) and {_SHOWN} and window_end = (select newest from present)
order by 1, 2
"""

STRATIFIED = f"""
select window_end as "time", case stratum when '{{}}' then 'raw' else 'within ' || (select string_agg(key, ' + ' order by key)
       from jsonb_each_text(stratum)) end as metric, value
from fairness_disparity
where {_OF} and {_VARIANT} and {_SETS} and {_COMPARED} and {_SHOWN}
  and (stratum = '{{}}' or not exists (select from jsonb_each_text(stratum) where value <> '*'))
order by window_end
"""

LABELS = f"""
with covered as (
  select metric from fairness_group
  where model = ${{model:sqlstring}} and {_VARIANT} and stratum = '{{}}' and label_class = '' and attribute_set = '{{}}'
    and time_basis = 'decision' and window_seconds = (${{window:sqlstring}})::int and {TIERS} and $__timeFilter(window_end)
    and label_coverage is not null
  order by window_end desc, metric limit 1)
select window_end as "time", coalesce({group_text()}, 'everybody') as metric, label_coverage as coverage
from fairness_group
where model = ${{model:sqlstring}} and {_VARIANT} and stratum = '{{}}' and label_class = ''
  and metric = (select metric from covered) and (attribute_set = '{{}}' or {_SETS})
  and time_basis = 'decision' and window_seconds = (${{window:sqlstring}})::int and {TIERS} and $__timeFilter(window_end)
order by window_end
"""

RESTATED = """
select r.window_end as "window end", array_to_string(r.attribute_set, ' + ') as attributes, r.metric, r.revision,
       before.value as "first read", r.value as "reads now", r.n - before.n as "more events", r.computed_at as "restated"
from fairdrift.disparity_revisions r
join fairdrift.disparity_revisions before
  on before.model = r.model and before.version = r.version and before.arm = r.arm and before.time_basis = r.time_basis
  and before.attribute_set = r.attribute_set and before.stratum = r.stratum and before.label_class = r.label_class
  and before.metric = r.metric and before.aggregate = r.aggregate and before.method = r.method
  and before.window_seconds = r.window_seconds and before.window_end = r.window_end and before.revision = 0
  and before.tier = r.tier
where r.model = ${model:sqlstring} and r.version = '*' and r.arm = '*' and r.stratum = '{}' and r.label_class = ''
  and r.window_seconds = (${window:sqlstring})::int and r.aggregate || ' ' || r.method = ${comparison:sqlstring}
  and r.revision > 0 and r.superseded_at is null
  and r.tier in ('day', 'kept') and $__timeFilter(r.window_end) and $__timeFilter(before.window_end)
order by r.window_end desc, r.metric limit 200
"""

CHANGES = """
select pane_end as "time", rule, from_state as "from", to_state as "to", labels ->> 'attributes' as attributes,
       payload ->> 'severity' as severity, recorded_at as "recorded", payload ->> 'summary' as summary, alert
from alert_history
where model = ${model:sqlstring} and $__timeFilter(pane_end)
order by pane_end desc, recorded_at desc limit 200
"""

# --- annotations

ALERTS = """
select pane_end as "time", coalesce(ended, $__timeTo()::timestamptz) as "timeend",
       rule || ' fires' || case when ended is null then '' else ', resolved' end as "text",
       concat_ws(',', rule, labels ->> 'attributes', coalesce(labels ->> 'severity', payload ->> 'severity')) as "tags"
from (select fired.*,
             (select min(later.pane_end) from alert_history later
              where later.alert = fired.alert and later.transition_no > fired.transition_no
                and later.to_state = 'resolved') as ended
      from alert_history fired
      where fired.model = ${model:sqlstring} and fired.to_state = 'firing'
        and fired.pane_end <= $__timeTo()::timestamptz) episodes
where coalesce(ended, $__timeTo()::timestamptz) >= $__timeFrom()::timestamptz
order by pane_end
"""

ROUTES = """
select effective_at as "time", null::timestamptz as "timeend",
       from_route || ' to ' || to_route || ': ' || reason as "text", changed_by as "tags"
from control_history
where model = ${model:sqlstring} and $__timeFilter(effective_at)
order by effective_at
"""

DEPLOYMENTS = """
select first_seen as "time", null::timestamptz as "timeend", 'version ' || version || ' is first counted' as "text", arms as "tags"
from fairdrift.deployments
where model = ${model:sqlstring} and $__timeFilter(first_seen)
order by first_seen
"""
