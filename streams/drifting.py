"""Baselines of drift rules: found, measured, and made into bounds.

A rule is resolved when its model's evaluation begins, and again every few minutes: a new audit or a new version then moves
the bound, and the family's evidence begins anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import sqlalchemy as sa

from alerts.config import AgreedConfig, PeriodConfig
from alerts.rules.drift import DriftRule
from alerts.verdicts import Before
from monitor.assess import Plan
from monitor.baselines import Baseline, populations
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.config import ModelConfig
from monitor.estimates import State
from monitor.grouping import SERVED, CellInfo
from monitor.metric import Needs
from monitor.metrics import metric
from monitor.sums import DECISIONS, LABELS, Basis, Ints
from monitor.times import format_time
from streams.baselines import load_baseline
from streams.snapshots import Snapshot
from streams.watching import Watched

FIRST_SEEN = """
select c.version, min(p.start_ms) as first from fairdrift.panes p join fairdrift.cells c on c.id = p.cell
where p.basis = :basis and p.stream = :stream and c.model = :model and c.arm = any(:served) and p.class = 0
group by 1 order by 2 desc, 1 desc limit 2
"""


def with_baselines(engine: sa.Engine, of: Watched) -> Watched:
    """The model with its drift rules and reference populations resolved; the same object if it has none."""
    if any(given.population == "baseline" for given in of.model.attributes.values()):
        of = replace(of, model=_populated(engine, of.model))
    waiting = [rule for rule in of.rules if isinstance(rule, DriftRule) and not isinstance(rule.wanted, AgreedConfig)]
    if not waiting:
        return of
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")
    with isolated.begin() as connection:
        found = {rule.policy.name: _resolved(connection, rule, of) for rule in waiting}
    rules = tuple(found.get(rule.policy.name, rule) for rule in of.rules)
    plans = tuple(
        replace(plan, spec=replace(plan.spec, lower=bound.minimum, upper=bound.maximum))
        if plan.rule in found and (bound := found[plan.rule].bound)
        else plan
        for plan in of.plans
    )
    return replace(of, rules=rules, plans=plans)


def _populated(engine: sa.Engine, model: ModelConfig) -> ModelConfig:
    """The model with the shares of its stored audit as reference population; without an audit there is none."""
    with engine.connect() as connection:
        baseline = load_baseline(connection, model.name)
    found = {} if baseline is None else populations(baseline, model.attributes)
    attributes = {
        name: given.model_copy(update={"population": found.get(name)}) if given.population == "baseline" else given
        for name, given in model.attributes.items()
    }
    return model.model_copy(update={"attributes": attributes})


def _resolved(connection: sa.Connection, rule: DriftRule, of: Watched) -> DriftRule:
    baseline = _baseline(connection, rule, of)
    before = None if baseline is None else measured(rule, of.model, baseline)
    return rule if before is None else rule.against(before)


def _baseline(connection: sa.Connection, rule: DriftRule, of: Watched) -> Baseline | None:
    if rule.wanted == "audit":
        return load_baseline(connection, of.model.name)
    if isinstance(rule.wanted, PeriodConfig):
        span = (_ms(rule.wanted.starts), _ms(rule.wanted.ends))
        return _counted(connection, of, span, f"{format_time(span[0])[:10]} to {format_time(span[1])[:10]}")
    values = {"basis": int(Basis.DECISION), "stream": of.source.stream, "model": of.model.name, "served": list(SERVED)}
    versions = connection.execute(sa.text(FIRST_SEEN), values).all()
    if len(versions) < 2:
        return None
    newest, previous = versions
    span = (newest.first - rule.reference_ms, newest.first)
    return _counted(connection, of, span, f"version {previous.version}", version=previous.version)


def _counted(
    connection: sa.Connection, of: Watched, span: tuple[int, int], source: str, version: str | None = None
) -> Baseline | None:
    """What was counted by the time of the decision from `span[0]` to before `span[1]` (ms)."""
    snapshot = Snapshot(connection, of.source)
    decisions = _sums(snapshot, Basis.DECISION, span)
    labels = _sums(snapshot, Basis.LABEL_DECIDED, span)
    known = snapshot.cells(sorted({*decisions, *labels}))
    cells = [info for info, _ in known.values() if info.arm in SERVED and version in (None, info.version)]
    if not cells:
        return None
    sums: dict[Needs, Ints] = {"decision": _matrix(decisions, cells, len(DECISIONS))}
    if labels:
        sums["label"] = _matrix(labels, cells, len(LABELS))
    return Baseline(
        model=of.model.name,
        source=source,
        rows=int(sum(decisions.get(cell.id, np.zeros(len(DECISIONS), np.int64))[0] for cell in cells)),
        cell_schema="",
        value_unit=of.model.value.resolution,
        cells=tuple(cells),
        sums=sums,
    )


def _sums(snapshot: Snapshot, basis: Basis, span: tuple[int, int]) -> dict[int, Ints]:
    """The sums of each cell."""
    found: dict[int, Ints] = {}
    for pane in snapshot.panes(basis, *span, span[0]):
        for cell, sums in zip(pane.cells.tolist(), pane.sums, strict=True):
            found[cell] = found[cell] + sums if cell in found else sums
    return found


def _matrix(sums: Mapping[int, Ints], cells: list[CellInfo], slots: int) -> Ints:
    return np.stack([sums.get(cell.id, np.zeros(slots, dtype=np.int64)) for cell in cells])


def measured(rule: DriftRule, model: ModelConfig, baseline: Baseline) -> Before | None:
    """The rule's disparity in the baseline: of the groups compared the one furthest out; None if none can be."""
    if metric(rule.metric).needs not in baseline.sums:
        return None
    attributes = rule.attributes or ()
    plan = Plan(
        model=model.name,
        attribute_sets=(attributes,),
        metrics=(rule.metric,),
        references=model.references,
        declared={name: given.groups for name, given in model.attributes.items()},
        labels=model.labels,
    )
    spec = DisparitySpec(Aggregate(rule.aggregate), Method(rule.method), min_n=rule.min_n)
    points = baseline.assess(plan).compare(rule.metric, attributes, spec)
    there = [one.estimate for one in points if one.estimate.state is State.MEASURED]
    if not there:
        return None
    worst = (
        min(there, key=lambda one: one.value or 0.0)
        if rule.aggregate == "ratio"
        else max(there, key=lambda one: one.value or 0.0)
    )
    return Before(baseline.source, worst.value, worst.low, worst.high)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
