"""Whether labels come evenly: label coverage of cohorts that are over, group by group, beside that of everybody else.

    coverage = decisions that have their label / decisions, within favourable ones and within unfavourable ones

over the seven days of decisions that ended when nothing of them could change any more. Where a group's differs from the
others' by more than `MOST` points, and chance does not explain it, whatever is computed from labels may be made of missing ones:
its evidence is withheld, and panes of that time count for nothing.

Source: statistical design 2.7: matured coverage may differ between groups by at most 5 points.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa

from alerts.proving import Plan
from alerts.words import group_name, percent
from monitor.config import ModelConfig
from monitor.estimates import Floats
from monitor.grouping import SERVED
from monitor.intervals import newcombe
from monitor.sums import DECISIONS, LABELS, Basis
from monitor.windows import DAY, HOUR

MOST = 0.05
"""Coverage may differ by so much."""

CONFIDENCE = 0.999
"""Two-sided, of Newcombe's interval of the difference: looked at each hour, of each group."""

SPAN = 7 * DAY

FAVOURED, REFUSED = 0, 1
OF_FAVOURED = frozenset({"precision", "false_discovery_rate"})
OF_REFUSED = frozenset({"negative_predictive_value", "false_omission_rate"})
"""Metrics within one decision; the others look at labels of both."""


def _slot(basis: Basis, name: str) -> str:
    layout = DECISIONS if basis is Basis.DECISION else LABELS
    at = layout.index(name) + 1
    return f"case when p.basis = {int(basis)} then coalesce(p.sums[{at}], 0) else 0 end"


def _total(*slots: str) -> str:
    return f"sum({' + '.join(slots)})::bigint"


COUNTS = f"""
select c.groups,
    {_total(_slot(Basis.LABEL_DECIDED, "tp"), _slot(Basis.LABEL_DECIDED, "fp"))},
    {_total(_slot(Basis.DECISION, "favourable"))},
    {_total(_slot(Basis.LABEL_DECIDED, "fn"), _slot(Basis.LABEL_DECIDED, "tn"))},
    {_total(_slot(Basis.DECISION, "decided"), "-" + _slot(Basis.DECISION, "favourable"))}
from fairdrift.panes p join fairdrift.cells c on c.id = p.cell
where p.basis in ({int(Basis.DECISION)}, {int(Basis.LABEL_DECIDED)}) and p.stream = :stream and c.model = :model
    and p.class = 0 and c.arm = any(:served) and p.start_ms >= :low and p.start_ms < :high
group by c.groups
"""

Counts = Sequence[tuple[Mapping[str, str], int, int, int, int]]
"""Groups of a cell: labelled and made of favourable decisions, labelled and made of unfavourable ones."""


@dataclass(slots=True)
class Evenness:
    """What was found at the ends of whole hours of decisions, of each family that is proven from labels."""

    model: ModelConfig
    plans: tuple[Plan, ...]
    _known: dict[int, Mapping[str, str]] = field(default_factory=dict)

    def read(self, connection: sa.Connection, ends: Iterable[int]) -> None:
        """Look at these ends (ms) and forget all others."""
        wanted = set(ends) if self.plans else set()
        self._known = {end: known for end, known in self._known.items() if end in wanted}
        for end in sorted(wanted - set(self._known)):
            counts = self._counts(connection, end)
            found = {plan.name(): uneven(plan, self.model, counts) for plan in self.plans}
            self._known[end] = {name: reason for name, reason in found.items() if reason}

    def reason(self, plan: Plan, end: int) -> str:
        """Why the evidence of a family may not be judged at this end; empty if it may."""
        return self._known.get(end, {}).get(plan.name(), "")

    def _counts(self, connection: sa.Connection, end: int) -> Counts:
        topics = self.model.topics
        values = {
            "stream": f"{topics.predictions}/{topics.outcomes}", "model": self.model.name, "served": list(SERVED),
            "low": end - SPAN, "high": end,
        }  # fmt: skip
        return [tuple(row) for row in connection.execute(sa.text(COUNTS), values)]


def hours_over(low: int, high: int) -> range:
    """The ends of whole hours in [low, high]."""
    return range(-(-low // HOUR) * HOUR, high + 1, HOUR)


def uneven(plan: Plan, model: ModelConfig, counts: Counts) -> str:
    """Which group's labels come otherwise than the others'; empty if all come evenly."""
    places = {values: at for at, values in enumerate(plan.values)}
    totals = np.zeros((2, 2, len(plan.values)))
    for groups, *numbers in counts:
        at = places.get(tuple(groups.get(name, "") for name in plan.attributes))
        if at is not None:
            totals[:, :, at] += np.array(numbers, dtype=np.float64).reshape(2, 2)
    for within in _within(plan.metric, model):
        labelled, made = totals[within]
        beyond = _beyond(labelled, made)
        if beyond is not None:
            share, rest = labelled[beyond] / made[beyond], _others(labelled)[beyond] / _others(made)[beyond]
            of = "favourable" if within == FAVOURED else "unfavourable"
            name = group_name(plan.groups[beyond])
            return f"labels come unevenly: {percent(share)} of the {of} decisions of {name} have one, {percent(rest)} of the others"
    return ""


def _within(name: str, model: ModelConfig) -> tuple[int, ...]:
    """The decisions within which coverage matters to a metric."""
    if name in OF_FAVOURED or model.labels == "favourable_only":
        return (FAVOURED,)
    return (REFUSED,) if name in OF_REFUSED else (FAVOURED, REFUSED)


def _others(values: Floats) -> Floats:
    """Of each group everybody else."""
    rest: Floats = values.sum() - values
    return rest


def _beyond(labelled: Floats, made: Floats) -> int | None:
    """The group that is furthest beyond what is allowed; None if none is beyond by more than chance."""
    there = np.flatnonzero((made > 0) & (_others(made) > 0))
    if not len(there):
        return None
    sides = labelled[there], made[there], _others(labelled)[there], _others(made)[there]
    low, high = newcombe(*sides, CONFIDENCE)
    excess = np.maximum(low - MOST, -MOST - high)
    worst = int(np.argmax(excess))
    return int(there[worst]) if excess[worst] > 0 else None
