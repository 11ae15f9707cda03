"""The SQL of the board "Parity". Every statement here is run by the tests against a migrated database.

All restrict by model, metric, attribute set and window, which the points are indexed by, and by the shown time.
Everything served together is version `*` and arm `*`.
"""

_SERVED = "version = '*' and arm = '*' and stratum = '{}' and label_class = ''"

_SERIES = f"""model = ${{model:sqlstring}} and metric = ${{metric:sqlstring}} and {_SERVED}"""

_CHOSEN = f"""{_SERIES}
  and array_to_string(attribute_set, ',') in (${{attribute_set:sqlstring}})
  and time_basis = ${{basis:sqlstring}}
  and window_seconds = (${{window:sqlstring}})::int"""

_COMPARED = f"""{_CHOSEN}
  and aggregate || ' ' || method = ${{comparison:sqlstring}}"""

_GROUP = "(select string_agg(value, ' + ' order by key) from jsonb_each_text(group_values))"

_NAMES = "fairdrift.series_names where kind = 'disparity'"

MODELS = f"""
select distinct model from {_NAMES} order by model
"""

METRICS = f"""
select distinct metric from {_NAMES} and model = ${{model:sqlstring}} and {_SERVED} order by metric
"""

ATTRIBUTE_SETS = f"""
select array_to_string(attribute_set, ' + ') as __text, array_to_string(attribute_set, ',') as __value
from (select distinct attribute_set from {_NAMES} and {_SERIES}) sets
order by cardinality(attribute_set), attribute_set
"""

COMPARISONS = f"""
select distinct aggregate || ' ' || method as comparison from {_NAMES} and {_SERIES} order by comparison desc
"""

BASES = f"""
select distinct time_basis from {_NAMES} and {_SERIES} order by time_basis
"""

WINDOWS = f"""
select case when window_seconds % 86400 = 0 then window_seconds / 86400 || ' d'
            when window_seconds % 3600 = 0 then window_seconds / 3600 || ' h'
            else window_seconds / 60 || ' min' end as __text,
       window_seconds::text as __value
from (select distinct window_seconds from fairness_disparity where {_SERIES} and $__timeFilter(window_end)) windows
order by abs(window_seconds - 86400), window_seconds
"""

NOW = f"""
select distinct on (attribute_set) array_to_string(attribute_set, ' + ') as attributes, value
from fairness_disparity
where {_COMPARED} and $__timeFilter(window_end)
order by attribute_set, window_end desc
"""

FIRING = """
select count(*) filter (where to_state = 'firing') as firing
from (select distinct on (alert) alert, to_state from alert_history
      where model = ${model:sqlstring} and pane_end <= $__timeTo()::timestamptz
      order by alert, transition_no desc) newest
"""

ROUTE = """
select coalesce((select case when to_route = 'canary' and percent is not null then 'canary ' || percent || ' %' else to_route end
                 from control_history
                 where model = ${model:sqlstring} and effective_at <= $__timeTo()::timestamptz
                 order by epoch desc limit 1), 'live') as route
"""

COVERAGE = f"""
select label_coverage from fairness_group
where {_SERIES} and attribute_set = '{{}}' and time_basis = ${{basis:sqlstring}}
  and window_seconds = (${{window:sqlstring}})::int and $__timeFilter(window_end)
order by window_end desc limit 1
"""

PARITY = f"""
with told as (
  select payload -> 'bound' as bound from alert_history
  where model = ${{model:sqlstring}} and payload ->> 'metric' = ${{metric:sqlstring}}
    and (payload ->> 'aggregate') || ' ' || (payload ->> 'method') = ${{comparison:sqlstring}}
    and payload -> 'bound' is not null
  order by pane_end desc, recorded_at desc limit 1)
select window_end as "time", value, ci_low as low, ci_high as high,
       (select case count(*) when 0 then nullif(${{bound:sqlstring}}, '')::float8 else max((bound ->> 'min')::float8) end
        from told) as bound,
       (select max((bound ->> 'max')::float8) from told) as "upper bound"
from fairness_disparity
where {_COMPARED} and $__timeFilter(window_end)
order by window_end
"""

GROUPS = f"""
select window_end as "time", {_GROUP} as metric, value
from fairness_group
where {_CHOSEN} and $__timeFilter(window_end)
order by window_end
"""

COUNTS = f"""
select window_end as "time", {_GROUP} as metric, n
from fairness_group
where {_CHOSEN} and $__timeFilter(window_end)
order by window_end
"""

GROUP_TABLE = f"""
select array_to_string(attribute_set, ' + ') as attributes, {_GROUP} as "group",
       value, ci_low as low, ci_high as high, n, numerator, denominator, state, window_end as "window end"
from (select distinct on (attribute_set, group_values) * from fairness_group
      where {_CHOSEN} and $__timeFilter(window_end)
      order by attribute_set, group_values, window_end desc) newest
order by attribute_set, value
"""

ALERT_TABLE = """
select pane_end as "time", rule, from_state as "from", to_state as "to", labels ->> 'attributes' as attributes,
       labels ->> 'severity' as severity, recorded_at as "recorded"
from alert_history
where model = ${model:sqlstring} and $__timeFilter(pane_end)
order by pane_end desc, recorded_at desc limit 200
"""

ALERTS = """
select pane_end as "time", coalesce(ended, $__timeTo()::timestamptz) as "timeend",
       rule || ' fires' || case when ended is null then '' else ', resolved' end as "text",
       concat_ws(',', rule, labels ->> 'attributes', labels ->> 'severity') as "tags"
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
