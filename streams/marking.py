"""Change marks in what is told of a drift: where River's detectors saw the stored series change. They never page.

Read only when somebody is told, from the points of the rule's own series; what cannot be read is left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import sqlalchemy as sa

from alerts.evaluation import Step
from alerts.messages import AlertPayload
from alerts.rules import Rule
from alerts.rules.drift import DriftRule
from monitor.change_marks import changes, page_hinkley
from monitor.times import format_time

POINTS = """
select (extract(epoch from p.window_end) * 1000)::bigint as end_ms, p.value
from fairdrift.points p join fairdrift.series s on s.id = p.series
where s.kind = 'disparity' and s.model = :model and s.version = '*' and s.arm = '*' and s.metric = :metric
    and s.aggregate = :aggregate and s.method = :method and s.attribute_set = cast(:attributes as text[])
    and s.stratum = '{}' and s.label_class = '' and p.window_seconds = :window and p.superseded_at is null and p.state = 'measured'
order by p.window_end desc limit 1000
"""

ADWIN, PAGE_HINKLEY = "changed_by_adwin", "changed_by_page_hinkley"
"""The annotations that a drift alert gets: the newest change that each detector saw."""


def marked(connection: sa.Connection, steps: Sequence[Step], rules: Sequence[Rule]) -> list[Step]:
    """The steps, with change marks in what is told of drift rules."""
    drifts = {rule.policy.name: rule for rule in rules if isinstance(rule, DriftRule)}
    return [_marked(connection, step, drifts[step.stored.rule]) if _told(step, drifts) else step for step in steps]


def _told(step: Step, drifts: dict[str, DriftRule]) -> bool:
    return step.stored.rule in drifts and step.transition is not None and step.transition.notifies


def _marked(connection: sa.Connection, step: Step, rule: DriftRule) -> Step:
    values = {
        "model": rule.policy.model, "metric": rule.metric, "aggregate": rule.aggregate, "method": rule.method,
        "attributes": list(rule.attributes or ()), "window": rule.window_ms // 1000,
    }  # fmt: skip
    rows = connection.execute(sa.text(POINTS), values).all()[::-1]
    series = [row.value if row.value is not None else float("nan") for row in rows]
    found = {ADWIN: changes(series), PAGE_HINKLEY: page_hinkley(series)}
    told = {name: format_time(rows[places[-1]].end_ms) for name, places in found.items() if places}

    def write() -> AlertPayload:
        payload = step.write()
        return msgspec.structs.replace(payload, annotations={**payload.annotations, **told})

    return replace(step, write=write) if told else step
