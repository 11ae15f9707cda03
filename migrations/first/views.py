"""The views: the contract with people, panels and reports. Their names and columns change by addition only.

The `_revisions` views in the schema `fairdrift` are the same with the superseded revisions in them; the `_as_of`
functions select from those, in a form that Postgres folds into the calling query. `series_names` there says what there
are numbers of, for the drop-downs of boards: `select distinct model from fairness_disparity` would read every point of a
year. A suppressed number (a cell of too few people) is null in all of them: whoever may only read views cannot see it by
any way.
"""

VIEWS = """
create view fairdrift.group_revisions as
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
       p.revision, p.computed_at, p.config_version, p.superseded_at
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'group';

create view fairdrift.disparity_revisions as
select s.model, s.version, s.arm, s.time_basis, p.window_seconds,
       p.window_end - make_interval(secs => p.window_seconds) as window_start, p.window_end,
       s.attribute_set, s.stratum, s.label_class, s.metric, s.aggregate, s.method,
       case when p.state <> 'suppressed' then p.value end as value,
       case when p.state <> 'suppressed' then p.ci_low end as ci_low,
       case when p.state <> 'suppressed' then p.ci_high end as ci_high,
       case when p.state <> 'suppressed' then p.lower_group end as lower_group,
       case when p.state <> 'suppressed' then p.higher_group end as higher_group,
       case when p.state <> 'suppressed' then p.n end as n,
       p.state, p.revision, p.computed_at, p.config_version, p.superseded_at
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'disparity';

create view fairdrift.evidence_revisions as
select family, rule, model, attribute_set, metric, pane_end, log_evidence, log_evidence_needed, phi, leading_group, state,
       computed_at
from fairdrift.evidence;

create view fairdrift.series_names as
select distinct kind, model, version, arm, time_basis, attribute_set, stratum, label_class, metric, aggregate, method
from fairdrift.series;

create view public.fairness_group as
select model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, group_values, stratum,
       label_class, metric, value, n, numerator, denominator, state, ci_low, ci_high, label_coverage, revision,
       computed_at, config_version
from fairdrift.group_revisions where superseded_at is null;

create view public.fairness_disparity as
select model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, stratum, label_class,
       metric, aggregate, method, value, ci_low, ci_high, lower_group, higher_group, n, state, revision, computed_at,
       config_version
from fairdrift.disparity_revisions where superseded_at is null;

create view public.fairness_evidence as
select family, rule, model, attribute_set, metric, pane_end, log_evidence, log_evidence_needed, phi, leading_group, state
from fairdrift.evidence_revisions;

create view public.alert_history as
select alert, transition_no, rule, model, labels, from_state, to_state, pane_end, payload, config_version, recorded_at
from fairdrift.alert_transitions;

create view public.control_history as
select model, epoch, from_route, to_route, percent, reason, changed_by, alert, evidence, effective_at, recorded_at,
       config_version
from fairdrift.route_changes;

create view public.stream_health as
select stream, part,
       prediction_offset,
       case when prediction_clock between 0 and 253402300799999 then to_timestamp(prediction_clock / 1000.0) end as prediction_clock,
       prediction_idle,
       outcome_offset,
       case when outcome_clock between 0 and 253402300799999 then to_timestamp(outcome_clock / 1000.0) end as outcome_clock,
       outcome_idle, drained, commit_no,
       case when rolled_up_to between 0 and 253402300799999 then to_timestamp(rolled_up_to / 1000.0) end as rolled_up_to,
       lost, updated_at
from fairdrift.positions;
"""

FUNCTIONS = """
create function public.fairness_group_as_of(at timestamptz) returns setof public.fairness_group
language sql stable as $$
    select model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, group_values, stratum,
           label_class, metric, value, n, numerator, denominator, state, ci_low, ci_high, label_coverage, revision,
           computed_at, config_version
    from fairdrift.group_revisions where computed_at <= at and (superseded_at is null or superseded_at > at)
$$;

create function public.fairness_disparity_as_of(at timestamptz) returns setof public.fairness_disparity
language sql stable as $$
    select model, version, arm, time_basis, window_seconds, window_start, window_end, attribute_set, stratum, label_class,
           metric, aggregate, method, value, ci_low, ci_high, lower_group, higher_group, n, state, revision, computed_at,
           config_version
    from fairdrift.disparity_revisions where computed_at <= at and (superseded_at is null or superseded_at > at)
$$;

create function public.fairness_evidence_as_of(at timestamptz) returns setof public.fairness_evidence
language sql stable as $$
    select family, rule, model, attribute_set, metric, pane_end, log_evidence, log_evidence_needed, phi, leading_group, state
    from fairdrift.evidence_revisions where computed_at <= at
$$;

create function public.alert_history_as_of(at timestamptz) returns setof public.alert_history
language sql stable as $$
    select alert, transition_no, rule, model, labels, from_state, to_state, pane_end, payload, config_version, recorded_at
    from public.alert_history where recorded_at <= at
$$;

create function public.control_history_as_of(at timestamptz) returns setof public.control_history
language sql stable as $$
    select model, epoch, from_route, to_route, percent, reason, changed_by, alert, evidence, effective_at, recorded_at,
           config_version
    from public.control_history where recorded_at <= at
$$;

create function public.stream_health_as_of(at timestamptz) returns setof public.stream_health
language sql stable as $$
    select stream, part, prediction_offset, prediction_clock, prediction_idle, outcome_offset, outcome_clock, outcome_idle,
           drained, commit_no, rolled_up_to, lost, updated_at
    from public.stream_health where updated_at <= at
$$;

comment on view public.fairness_group is 'One metric of one group in one window, newest revision.';
comment on view public.fairness_disparity is 'One metric compared between groups in one window, newest revision.';
comment on view public.fairness_evidence is 'Sequential evidence of a family of groups against a rule, pane by pane.';
comment on view public.alert_history is 'Every change of state of every alert.';
comment on view public.control_history is 'Every change of the route that a model is asked to take.';
comment on view public.stream_health is 'How far each partition has been counted. Only the present is kept of it.';
comment on function public.fairness_group_as_of(timestamptz) is 'fairness_group as it read at that time.';
comment on function public.fairness_disparity_as_of(timestamptz) is 'fairness_disparity as it read at that time.';
comment on function public.fairness_evidence_as_of(timestamptz) is 'fairness_evidence as it read at that time.';
comment on function public.alert_history_as_of(timestamptz) is 'alert_history as it read at that time.';
comment on function public.control_history_as_of(timestamptz) is 'control_history as it read at that time.';
comment on function public.stream_health_as_of(timestamptz) is 'Partitions not changed since; older positions are not kept.';
"""

WHOSE = {
    "model": "name of the model in the configuration",
    "version": "version of the model; * for everything served together",
    "arm": "live, canary, shadow or fallback; * for everything served together (live, canary and fallback)",
    "time_basis": "decision or outcome: by which time the events were put into windows",
    "window_seconds": "length of the window",
    "window_start": "first instant of the window",
    "window_end": "first instant after the window",
    "attribute_set": "sorted names of the protected attributes; {} is everybody",
    "stratum": "levels of the legitimate factors; {} for all together",
    "label_class": "class of the label; empty for the favourable one",
    "metric": "name of the metric",
}

MEASURED = {
    "value": "the estimate; null if undefined or suppressed, never 0 for those",
    "n": "people (decisions or labels) it is made from",
    "state": "measured, undefined (no denominator), suppressed (too few people) or stale (log was lost)",
    "ci_low": "lower end of the 95 percent interval",
    "ci_high": "upper end of the 95 percent interval",
    "revision": "0 first; later events that belong to the window make the next",
    "computed_at": "when this revision was computed",
    "config_version": "hash of the configuration that made it",
}

RULE = {
    "rule": "name of the rule",
    "model": "name of the model",
    "config_version": "hash of the configuration in force",
    "recorded_at": "when it was written",
}

VIEW_COLUMNS: dict[str, dict[str, str]] = {
    "fairness_group": WHOSE
    | MEASURED
    | {
        "group_values": "attribute to group, of this row",
        "numerator": "of a rate: what is counted above the line; of a mean: the sum",
        "denominator": "of a rate or mean: what is counted below the line",
        "label_coverage": "share of the decisions of this group and window that have a label",
    },
    "fairness_disparity": WHOSE
    | MEASURED
    | {
        "aggregate": "difference or ratio",
        "method": "between_groups, to_overall, to_rest or to_reference",
        "lower_group": "group with the lower value of the pair that drives it",
        "higher_group": "group with the higher value of the pair that drives it",
    },
    "fairness_evidence": {
        "family": "model, metric, attribute set and rule",
        "rule": "name of the rule",
        "model": "name of the model",
        "attribute_set": "sorted names of the protected attributes",
        "metric": "name of the metric",
        "pane_end": "event time up to which evidence is counted",
        "log_evidence": "natural logarithm of the evidence",
        "log_evidence_needed": "natural logarithm at which it stands",
        "phi": "learned overdispersion, at least 1",
        "leading_group": "group with the most evidence",
        "state": "measured, undefined, suppressed or stale",
    },
    "alert_history": RULE
    | {
        "alert": "identity: hash of the labels",
        "transition_no": "counts the changes of state of this alert",
        "labels": "labels of the alert",
        "from_state": "inactive, pending, firing, resolved or insufficient_data",
        "to_state": "inactive, pending, firing, resolved or insufficient_data",
        "pane_end": "event time of the evaluation",
        "payload": "what the responder was told",
    },
    "control_history": {
        "model": "name of the model",
        "epoch": "counts the changes of this model",
        "from_route": "live, canary, shadow or fallback",
        "to_route": "live, canary, shadow or fallback",
        "percent": "share of the traffic, of a canary",
        "reason": "why",
        "changed_by": "rule:name, or a person",
        "alert": "alert that caused it",
        "evidence": "figures that caused it",
        "effective_at": "event time of the verdict, or the time of the change",
        "recorded_at": "when it was written",
        "config_version": "hash of the configuration in force",
    },
    "stream_health": {
        "stream": "the pair of topics: predictions/outcomes",
        "part": "number of the partition, of both topics",
        "prediction_offset": "next record of the predictions topic",
        "prediction_clock": "greatest event time among the predictions before it",
        "prediction_idle": "read to its end and silent: does not hold the clock back",
        "outcome_offset": "next record of the outcomes topic",
        "outcome_clock": "greatest event time among the outcomes before it",
        "outcome_idle": "read to its end and silent: does not hold the clock back",
        "drained": "a worker with --drain has counted everything there was",
        "commit_no": "counts the commits of this partition",
        "rolled_up_to": "panes before this are kept by the hour",
        "lost": "ranges of the log that were gone before they could be counted",
        "updated_at": "last commit",
    },
}


def column_comments() -> list[tuple[str, str]]:
    """Every column of every view, as `view.column`, with what it means."""
    return [(f"{view}.{column}", text) for view, columns in VIEW_COLUMNS.items() for column, text in columns.items()]
