"""The scoring rate over the period, from the histograms of scores: the share strictly above the median of everybody in it.

New York's Local Law 144 asks for it where a tool gives scores. The rates of windows cannot be added up, as each window has a
median of its own; so the histograms are. They are in hours (in days after 90 days) and in hundredths of the score, and as they are
counted now: what they were at an earlier time is not kept.
"""

from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa

from monitor.assess import GroupPoint, Plan, assessed
from monitor.config import ModelConfig
from monitor.estimates import State
from monitor.grouping import SERVED, grouping
from monitor.policies import SCORING_RATE
from monitor.sums import SCORES, Basis, Ints
from monitor.times import DAY, HOUR
from streams.report.findings import Period, Total, Totals
from streams.report.totals import ordered
from streams.settings import HOURS_KEPT
from streams.snapshots import Snapshot, Source


def scoring(connection: sa.Connection, model: ModelConfig, period: Period) -> Totals | None:
    """The rates of all groups; None for a model without scores in whole hours of the period."""
    low, high = _span(period)
    if not model.histograms or model.weight_unit is not None or low >= high:
        return None
    source = Source(f"{model.topics.predictions}/{model.topics.outcomes}", model.name, model.pane)
    snapshot, sums = Snapshot(connection, source), dict[int, Ints]()
    for pane in snapshot.panes(Basis.SCORES, low, high, high):
        for cell, counted in zip(pane.cells.tolist(), pane.sums, strict=True):
            sums[cell] = sums[cell] + counted if cell in sums else counted
    cells = [info for info, _ in snapshot.cells(sorted(sums)).values() if info.arm in SERVED]
    if not cells:
        return None
    plan = Plan(
        model=model.name,
        attribute_sets=tuple(model.attribute_sets()),
        metrics=(SCORING_RATE,),
        disparities=(),
        declared={name: given.groups for name, given in model.attributes.items()},
        display_min=model.display_min,
    )
    matrix = np.stack([sums[cell.id] for cell in cells]).reshape(len(cells), len(SCORES))
    found = assessed(grouping(cells, plan.shape()), {"score": matrix}, plan).published()
    sets: dict[tuple[str, ...], list[Total]] = {}
    for point in found.groups:
        sets.setdefault(point.attribute_set, []).append(_total(point))
    since, until = (datetime.fromtimestamp(at / 1000, UTC) for at in (low, high))
    missing = period.end - period.start - (until - since)
    groups = {
        names: ordered(sets[names], names, model) for names in sorted(sets, key=lambda names: (len(names), names))
    }
    return Totals(SCORING_RATE, since, until, (((high - low) // 1000, until),), missing, groups)


def _span(period: Period) -> tuple[int, int]:
    """The whole hours of the period (ms), or the whole days at an end where only days are kept."""
    now = _ms(period.as_of)
    low, high = _ms(period.start), _ms(period.end)
    first, last = (DAY if now - at >= HOURS_KEPT - DAY else HOUR for at in (low, high))
    return -(-low // first) * first, high // last * last


def _total(point: GroupPoint) -> Total:
    one = point.estimate
    if one.state is State.SUPPRESSED:
        return Total(point.group_values, None, None, None, None, None, None)
    return Total(point.group_values, one.n, one.numerator, one.denominator, one.value, one.low, one.high)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
