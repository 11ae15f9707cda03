"""Label coverage at an age: of the decisions made that long ago, how many have found their label, by group.

    coverage = labelled decisions / decisions, over the window of decisions that ended `age` ago

Looked at once an hour, since decisions and their labels are kept together by the hour. While catching up, labels that
came later than the pane that is judged are counted too: coverage may then read better than it was, never worse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from alerts.rules.absence import AbsenceRule
from alerts.verdicts import Observation, Side
from monitor.config import UNKNOWN
from monitor.grouping import SERVED
from monitor.intervals import newcombe, wilson
from monitor.sums import DECISIONS, LABELS, Basis
from monitor.times import HOUR
from streams.arrivals import Arrivals

COUNTS = f"""
select c.groups ->> :attribute as value,
    sum(case when p.basis = {int(Basis.DECISION)} then p.sums[{DECISIONS.index("events") + 1}] else 0 end)::bigint as made,
    sum(case when p.basis = {int(Basis.LABEL_DECIDED)} then p.sums[{LABELS.index("labelled") + 1}] else 0 end)::bigint as found
from fairdrift.panes p join fairdrift.cells c on c.id = p.cell
where p.basis in ({int(Basis.DECISION)}, {int(Basis.LABEL_DECIDED)}) and p.stream = :stream and c.model = :model
    and p.class = 0 and c.arm = any(:served) and p.start_ms >= :low and p.start_ms < :high
group by 1
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """One group of an attribute: its decisions, and those of them that have a label."""

    group: str
    made: int
    labelled: int


def coverage_ends(low: int, high: int) -> range:
    """The ends in (low, high] at which coverage is looked at."""
    return range((low // HOUR + 1) * HOUR, high + 1, HOUR)


def read_coverage(
    connection: sa.Connection, of: Arrivals, rule: AbsenceRule, where: tuple[str, str, int]
) -> list[Covered]:
    """The groups of an attribute in the window that the rule looks at; `where` is the stream, the attribute, the end."""
    stream, attribute, end = where
    until = end - rule.labels.age_ms
    values = {
        "attribute": attribute, "stream": stream, "model": of.model, "served": list(SERVED),
        "low": until - rule.window_ms, "high": until,
    }  # fmt: skip
    rows = connection.execute(sa.text(COUNTS), values)
    return [Covered(row.value or UNKNOWN, row.made, row.found) for row in rows if row.made]


def coverage_observations(
    rule: AbsenceRule, attribute: str, groups: Sequence[Covered], end: int
) -> Iterator[Observation]:
    """Coverage of everybody, and the greatest gap between two groups of which enough was decided."""
    made, labelled = sum(one.made for one in groups), sum(one.labelled for one in groups)
    everybody = _side({}, Covered("", made, labelled))
    yield _observation(rule, (attribute, end), ("", everybody.value), (everybody, None))
    if rule.labels.gap is None:
        return
    sides = [_side({attribute: one.group}, one) for one in groups if one.made >= rule.min_n and one.group != UNKNOWN]
    ordered = sorted(sides, key=lambda side: side.value or 0.0)
    if len(ordered) < 2:
        yield _observation(rule, (attribute, end), ("difference", None), (None, None))
        return
    low, high = ordered[0], ordered[-1]
    yield _observation(rule, (attribute, end), ("difference", (high.value or 0.0) - (low.value or 0.0)), (low, high))


def _observation(
    rule: AbsenceRule, where: tuple[str, int], what: tuple[str, float | None], sides: tuple[Side | None, Side | None]
) -> Observation:
    (attribute, end), (aggregate, value), (lower, higher) = where, what, sides
    low, high = _interval(lower, higher) if value is not None else (None, None)
    return Observation(
        metric=rule.measure,
        attributes=(attribute,),
        aggregate=aggregate,
        method=rule.method,
        window_ms=rule.window_ms,
        window_end=end - rule.labels.age_ms,
        state="measured" if value is not None else "undefined",
        value=value,
        low=low,
        high=high,
        lower=lower,
        higher=higher,
        subject=aggregate or "everybody",
        reason="" if value is not None else "no decisions that old" if not aggregate else "fewer than two groups",
    )


def _interval(lower: Side | None, higher: Side | None) -> tuple[float | None, float | None]:
    if lower is None:
        return None, None
    if higher is None:
        return lower.low, lower.high
    low, high = newcombe(higher.numerator or 0, higher.n, lower.numerator or 0, lower.n)
    return float(low), float(high)


def _side(groups: dict[str, str], one: Covered) -> Side:
    if not one.made:
        return Side(groups, 0)
    low, high = (float(end) for end in wilson(one.labelled, one.made))
    value = one.labelled / one.made
    return Side(groups, one.made, value, low, high, float(one.labelled), float(one.made), value)
