"""What a metric is: one small function from the sums of groups to a tally of each.

A metric's value is always numerator / denominator, and the denominator is the number of events that stand behind it, `n`.
So a metric gives a `Tally`, and value, interval, state and every disparity follow from tallies in one place
(`monitor.tallies`, `monitor.disparity`) for all metrics alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitor.errors import MonitorError
from monitor.estimates import Estimates
from monitor.river_stats import Moments
from monitor.sums import DECISIONS, LABELS, Ints, Layout
from monitor.tallies import Row, Table, Tally


class MetricError(MonitorError):
    """A metric was asked for that does not exist, or of sums that do not have it."""


SELECTIVE = "selective labels: only favourable decisions are ever labelled"
"""Why a metric over all labels is undefined where the model's labels are `favourable_only`."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sums of groups (rows), by the names of the slots of `monitor.sums`; `unit` is the model's value unit."""

    layout: Layout
    matrix: Ints
    unit: float = 1.0

    def __getattr__(self, slot: str) -> Ints:
        try:
            column: Ints = self.matrix[:, self.layout.index(slot)]
        except ValueError:
            raise AttributeError(f"no slot {slot!r} in these sums; there are {', '.join(self.layout.slots)}") from None
        return column

    def moments(self, count: str, quantity: str) -> Moments:
        """Count, sum and sum of squares of a quantity, from the slots `quantity`, `quantity_sq_hi` and `quantity_sq_lo`."""
        hi, lo = getattr(self, f"{quantity}_sq_hi"), getattr(self, f"{quantity}_sq_lo")
        return Moments(getattr(self, count), getattr(self, quantity), hi, lo, self.unit)


@dataclass(frozen=True, slots=True)
class GroupMetric:
    """A metric of one group. A module of `monitor/metrics/` lists its metrics in `METRICS`, and that registers them."""

    name: str
    """Fairlearn's word where it has one."""
    definition: str
    """The formula, for the README's table."""
    needs: Literal["decision", "label"]
    """Whose sums it is computed from: `DECISIONS` or `LABELS`."""
    kind: Literal["rate", "mean"]
    """A rate counts events out of events; a mean sums quantities."""
    denominator: str
    """What `n` counts, as in "positive labels"; an empty one makes it undefined: "no positive labels"."""
    tally: Callable[[Sums], Tally]
    all_labels: bool = False
    """Needs the labels of unfavourable decisions too, so that selective labels make it undefined."""
    aliases: tuple[str, ...] = ()
    """Other names that a configuration may use."""

    @property
    def layout(self) -> Layout:
        """The slots that the metric reads."""
        return DECISIONS if self.needs == "decision" else LABELS

    def compute(self, sums: Sums, confidence: float = 0.95, *, selective: bool = False) -> Estimates:
        """The estimate of every group; `selective` says that only favourable decisions are ever labelled."""
        return tabulate((self,), sums, sums, selective=selective).estimates(confidence).take(0)


def tabulate(metrics: Sequence[GroupMetric], decision: Sums, labels: Sums, *, selective: bool = False) -> Table:
    """The tallies of several metrics over the same groups: one row a metric, one column a group."""
    tallies = [metric.tally(decision if metric.needs == "decision" else labels) for metric in metrics]
    rows = [
        Row(metric.name, metric.denominator, SELECTIVE if selective and metric.all_labels else "") for metric in metrics
    ]
    return Table.of(rows, tallies)


def rate(numerator: Callable[[Sums], Ints], n: Callable[[Sums], Ints]) -> Callable[[Sums], Tally]:
    """The tally of a rate of counts."""
    return lambda sums: Tally(numerator(sums).astype(np.float64), n(sums))
