"""Pieces of SQL that boards share.

Every statement restricts by model, metric, attribute set and window, which points are indexed by, and by the shown time; and it
takes the points of a tier that suits the length of that time, so that a year is drawn from a point a day.
"""

TIERS = """tier in ('day', 'kept', case when ${__to} - ${__from} <= 1814400000 then 'hour' else 'day' end,
        case when ${__to} - ${__from} <= 172800000 then 'minute' else 'day' end)"""
"""Points a minute up to two days, an hour up to three weeks, and a day beyond. Constants: Postgres leaves partitions out by them."""

SERVED = "version = '*' and arm = '*' and stratum = '{}' and label_class = ''"
"""Everything served together, raw, favourable against not."""


def group_text(column: str = "group_values") -> str:
    """The groups in a JSON column in words: `female + under 30`."""
    return f"(select string_agg(value, ' + ' order by key) from jsonb_each_text({column}))"


AGAINST_BOUND = """case when value is null then 0
            when ci_high < lower or ci_low > upper then 3
            when value < lower or value > upper then 2
            else 1 end"""
"""A disparity against its bound: 0 cannot say, 1 inside, 2 outside and chance would do, 3 outside with its whole interval."""

WATCHED = """
watched as materialized (
  select f.model, f.metric, f.attribute_set, f.time_basis, f.rule, b.aggregate, b.method, b.window_seconds, b.lower, b.upper
  from fairdrift.evidence_families f
  join fairdrift.rule_bounds b on b.rule = f.rule and b.config_version = f.config_version
  where f.version = '*' and f.arm = '*' and b.aggregate in ('ratio', 'difference'))"""
"""Every comparison that a rule watches, with the bound in force."""

NEWEST_ALERTS = """
newest as (
  select distinct on (alert) alert, rule, model, labels, to_state, pane_end, payload, transition_no
  from alert_history where pane_end <= $__timeTo()::timestamptz
  order by alert, transition_no desc)"""
"""Every alert as it stood at the end of the shown time."""

BOUND_TEXT = (
    "concat_ws(', ', 'at least ' || (payload -> 'bound' ->> 'min'), 'at most ' || (payload -> 'bound' ->> 'max'))"
)


def _side(side: str) -> str:
    """One side of an alert in words: `female 0.7 (n 400)`; where its figures may not be told, why: `female: withheld, fewer than 10`."""
    group = f"payload -> '{side}'"
    return f"""{group_text(f"{group} -> 'groups'")} || coalesce(': withheld, ' || nullif({group} ->> 'reason', ''),
         ' ' || round(({group} ->> 'value')::numeric, 3) || ' (n ' || ({group} ->> 'n') || ')', ': no value')"""


AFFECTED = f"""coalesce({_side("lower")}, 'no group is named')
       || coalesce(' against ' || {_side("higher")}, '')"""
"""Whom an alert is about: both groups, their values and counts."""
