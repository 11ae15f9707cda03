"""An audit: everything that is said of a file, computed. Printing and writing are elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from alerts.words import several
from monitor.assess import Assessment, Plan, assessed
from monitor.baselines import Baseline
from monitor.cells import cell_schema
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.config import UNKNOWN, ModelConfig
from monitor.grouping import grouping
from monitor.metrics import metric, metrics, registry
from monitor.policies import Judgement, Line, judge
from monitor.sections import text_of
from streams.audit.asking import Prepared
from streams.audit.counting import Counted, Rows, count
from streams.audit.gating import Asked, Part, Ruling, days, figures, parted, ruled, with_references
from streams.audit.proxies import Proxy, proxies
from streams.audit.reading import AuditError, Table
from streams.audit.sections import ranks
from streams.audit.skews import Skew, skews
from streams.audit.versus import versus, weighed

HEADLINES = (
    "selection_rate", "mean_value", "mean_score", "true_positive_rate", "false_positive_rate", "precision", "accuracy", "roc_auc",
)  # fmt: skip
"""What is shown unless metrics are named."""

EVERY = "all"

NO_DECISIONS = "no decisions, so no rates of them: name their column with --decision, or a --cut of the score"

NAMED = 6
"""So many metrics are named in a note, more are counted."""

Tell = Callable[[str], None]
"""Called with what is being done."""


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What is said of a file."""

    source: str
    rows: int
    period: tuple[date, date] | None
    model: ModelConfig
    assessment: Assessment
    """Every number; `shown` is what may be."""
    baseline: Baseline
    rulings: tuple[Ruling, ...]
    proxies: tuple[Proxy, ...]
    skews: tuple[Skew, ...]
    notes: tuple[str, ...]
    min_n: int
    """Groups of fewer are not compared."""
    of_classes: tuple[tuple[str, Assessment], ...] = ()
    """Of each class against the rest: its name, and its numbers."""

    @property
    def shown(self) -> Assessment:
        """What may be shown: without what the model's `display_min` withholds."""
        return self.assessment.published()


@dataclass(frozen=True, slots=True)
class Request:
    """What to compute."""

    metrics: tuple[str, ...] = ()
    """Names; empty: the headlines; `all`: every one."""
    policies: tuple[Asked, ...] = ()
    proxies: bool = True
    min_n: int = 30
    """Groups of fewer take no part in differences and ratios: two people are always the best or the worst."""
    today: date = date.min
    """The day by whose policies rows without a time are judged."""


def audit(table: Table, prepared: Prepared, request: Request, tell: Tell = lambda _: None) -> Audit:
    """Count the rows, assess them, judge them, and look for proxies and skew."""
    model, rows = prepared.model, prepared.rows
    tell("counting")
    counted = count(rows, model)
    tell("metrics and intervals")
    plan = _plan(model, _chosen(request.metrics), request.min_n)
    notes = [*_notes(prepared), *_left_out(plan)]
    if (rows.decision < 0).all() and not request.metrics:
        notes.insert(0, NO_DECISIONS)
    if model.weight_unit is not None:
        plan = _weighing(plan, request.metrics)
    sums = counted.sums if rows.weight is None else weighed(rows, model, counted.cell, len(counted.cells))
    assessment = assessed(grouping(counted.cells, plan.shape()), sums, plan)
    rulings = tuple(_ruling(asked, prepared, request, tell) for asked in request.policies)
    found = _proxies(table, prepared, tell) if request.proxies else ()
    tell("labels")
    return Audit(
        source=table.path.name,
        rows=len(rows),
        period=None if prepared.time is None else days(prepared.time)[1:],
        model=model,
        assessment=assessment,
        baseline=_baseline(table, model, counted, len(rows)),
        rulings=rulings,
        proxies=tuple(found),
        skews=tuple(skews(rows)),
        notes=tuple(notes),
        min_n=request.min_n,
        of_classes=tuple(_classes(rows, model, counted, plan)),
    )


def _weighing(plan: Plan, asked: Sequence[str]) -> Plan:
    """The plan with the metrics that can be weighted; AuditError for one that was asked for and cannot."""
    cannot = _unweighed(plan.metrics)
    if cannot and asked and EVERY not in asked:
        why = {reason: [name for name in cannot if metric(name).unweighed == reason] for reason in _reasons(cannot)}
        told = "; ".join(f"{' and '.join(names)} cannot be weighted ({reason})" for reason, names in why.items())
        raise AuditError(f"{told}: leave {'it' if len(cannot) == 1 else 'them'} out, or --weights")
    return replace(plan, metrics=tuple(name for name in plan.metrics if name not in cannot))


def _unweighed(chosen: Iterable[str]) -> list[str]:
    """Those of these metrics that cannot be weighted."""
    return [name for name in chosen if not metric(name).weighs]


def _reasons(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(metric(name).unweighed for name in names))


def _left_out(plan: Plan) -> Iterator[str]:
    """What is not shown of weighted rows, and why."""
    names = _unweighed(plan.metrics) if plan.weight_unit is not None else []
    for why in _reasons(names):
        some = [name for name in names if metric(name).unweighed == why]
        which = ", ".join(some) if len(some) <= NAMED else f"{len(some)} metrics"
        yield f"without weights only, so left out: {which} ({why})"


def _classes(rows: Rows, model: ModelConfig, counted: Counted, plan: Plan) -> Iterator[tuple[str, Assessment]]:
    """Each class against the rest, by the metrics that are of counts alone."""
    chosen = tuple(name for name in plan.metrics if metric(name).of_counts)
    for number, name in enumerate(model.classes if chosen else (), 1):
        sums = versus(rows, counted.cell, len(counted.cells), number)
        its = replace(plan, metrics=chosen)
        yield text_of(name), assessed(grouping(counted.cells, its.shape()), sums, its)


def _chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The metrics to compute; MetricError for one that does not exist."""
    if EVERY in names:
        return tuple(registry())
    return tuple(one.name for one in metrics(names or [name for name in HEADLINES if name in registry()]))


def _plan(model: ModelConfig, chosen: tuple[str, ...], min_n: int = 1) -> Plan:
    methods = [Method.BETWEEN_GROUPS, *([Method.TO_REFERENCE] if model.references else [])]
    gaps = [DisparitySpec(aggregate, method, min_n) for method in methods for aggregate in COMPARING]
    gaps += [DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS, min_n)]
    return Plan(
        model=model.name,
        attribute_sets=tuple(model.attribute_sets()),
        metrics=chosen,
        disparities=tuple(gaps),
        references=model.references,
        populations=model.populations,
        value_unit=model.value.resolution,
        value_range=model.value.range,
        display_min=model.display_min,
        labels=model.labels,
        weight_unit=model.weight_unit,
    )


def _baseline(table: Table, model: ModelConfig, counted: Counted, rows: int) -> Baseline:
    return Baseline(
        model=model.name,
        source=f"audit of {table.path.name}",
        rows=rows,
        cell_schema=cell_schema(model),
        value_unit=model.value.resolution,
        cells=counted.cells,
        sums=counted.sums,
    )


def _ruling(asked: Asked, prepared: Prepared, request: Request, tell: Tell) -> Ruling:
    """The answer of one policy, each stretch of days by the version that was in force."""
    tell(f"policy {asked.name}")
    model, parts = prepared.model, []
    needed = tuple(name for name in registry() if registry()[name].kind in ("rate", "mean"))
    for stretch, chosen in parted(asked, prepared.time, len(prepared.rows), request.today):
        some = int(chosen.sum())
        judgement = None
        if some and stretch.policy is not None:
            rows = prepared.rows.take(chosen)
            counted = count(rows, model)
            plan = replace(_plan(model, needed), weight_unit=None)
            assessment = assessed(grouping(counted.cells, plan.shape()), counted.sums, plan)
            context = with_references(asked.context, model.references)
            judgement = _arranged(judge(stretch.policy, figures(assessment, rows.score, counted.cell), context), model)
        parts.append(Part(stretch, some, judgement))
    return ruled(asked, parts, _assumed(asked, prepared, request.today))


def _assumed(asked: Asked, prepared: Prepared, today: date) -> str:
    """What a reader must know of the days: none are given, or they are older than the policy wants to be looked at."""
    if prepared.time is None:
        return f"rows have no time: judged by the policy of {today}"
    last, often = days(prepared.time)[2], asked.versions[-1].least_period_days
    if often is not None and (today - last).days > often:
        return f"the last decision is of {last}: the policy asks for a look at least every {often} days"
    return ""


def _arranged(judgement: Judgement, model: ModelConfig) -> Judgement:
    """With the groups in the order in which they are declared."""
    rank = ranks(model, tuple(model.attributes))
    place = {id(line): at for at, line in enumerate(judgement.lines)}
    first: dict[tuple[int, tuple[str, ...]], int] = {}
    for line in judgement.lines:
        first.setdefault((id(line.criterion), line.attribute_set), place[id(line)])

    def order(line: Line) -> tuple[int, list[int]]:
        groups = [rank.get(pair, len(rank)) for pair in line.group.key]
        return first[id(line.criterion), line.attribute_set], groups

    return replace(judgement, lines=tuple(sorted(judgement.lines, key=order)))


def _proxies(table: Table, prepared: Prepared, tell: Tell) -> list[Proxy]:
    """Every column that is no field, against every attribute but the one it is."""
    names = prepared.rows.names
    sources = {attribute: column for column, attribute in prepared.used.items() if attribute in prepared.rows.groups}
    looked = [name for name in table.names if name not in prepared.used or prepared.used[name] in prepared.rows.groups]
    columns = {name: table.column(name) for name in looked if not _is_nested(table, name)}
    found: list[Proxy] = []
    for attribute, codes in prepared.rows.groups.items():
        others = [column for name, column in columns.items() if name != sources[attribute]]
        found += proxies(attribute, (codes, names[attribute]), others, tell)
    return found


def _is_nested(table: Table, name: str) -> bool:
    kind = table.arrow.schema.field(name).type
    return bool(getattr(kind, "num_fields", 0))


def _notes(prepared: Prepared) -> list[str]:
    """What a reader should know of how the rows were read."""
    rows, model = prepared.rows, prepared.model
    found = []
    outside = int(((rows.score < 0) | (rows.score > 1)).sum())
    if outside:
        found.append(
            f"{several(outside, 'score')} outside 0 to 1: counted for the scoring rate and for no other metric of scores"
        )
    coarse = model.value.resolution
    if coarse > 1.0 and not np.isnan(rows.value).all():
        found.append(f"values are counted in units of {coarse:g}: what is below half of that counts as 0")
    for name, codes in rows.groups.items():
        names = list(rows.names[name])
        unknown, other = (int((codes == names.index(group)).sum()) for group in (UNKNOWN, "other"))
        if unknown:
            found.append(f"{several(unknown, 'row')} without {name}: `unknown`, counted and not compared")
        if other:
            found.append(f"{several(other, 'row')} without a declared {name}: `other`")
    undecided = int((rows.decision < 0).sum())
    if 0 < undecided < len(rows):
        found.append(f"{several(undecided, 'row')} without a decision")
    if rows.weight is not None:
        found.append(
            "rates and means are of weights; policies, proxies, the skew of labels and `people` count rows, each as one"
        )
    if model.labels == "favourable_only":
        found.append("only favourable decisions are ever labelled: rates over all labels are undefined")
    return found
