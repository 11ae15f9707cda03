"""Disparities: how far apart the groups of one attribute set are, as a difference or a ratio, and which two drive it.

Methods, for a metric m over the groups g of an attribute set:

- `between_groups`: `max m - min m`, and `min m / max m` (Fairlearn);
- `to_overall`: `max |m_g - m|`, and `min(m_g / m, m / m_g)` over g, m over everybody (Fairlearn);
- `to_rest`: `m_g - m_rest` and `m_g / m_rest`, signed, of the group farthest from everybody else;
- `to_reference`: `m_g - m_ref` and `m_g / m_ref`, signed, of the group farthest from the configured reference (AIF360's
  statistical parity difference and disparate impact, for two groups).

The interval is simultaneous: at the level `1 - alpha / comparisons` (Bonferroni), over all pairs for `between_groups` and
over all groups compared otherwise, since the pair shown was chosen for being the worst. A plain interval on the greatest
of many gaps excludes zero in 96% of windows of 24 equal groups of 200.

A group and everybody are not independent, but `m_g - m = (1 - w)(m_g - m_rest)` and `m_g / m = r / (w r + 1 - w)` with
`r = m_g / m_rest` and w the group's share; so the interval against the rest is carried over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.comparisons import (
    FEW,
    NEGATIVE,
    NO_REFERENCE,
    NONE,
    OK,
    REASONS,
    ZERO,
    Aggregate,
    Comparisons,
    DisparitySpec,
    Method,
)
from monitor.estimates import MEASURED, UNDEFINED, Estimates, Flags, Floats
from monitor.grouping import Indices
from monitor.intervals import (
    Interval,
    mean_difference,
    mean_ratio,
    mover_difference,
    mover_ratio,
    newcombe,
    score_ratio,
    simultaneous,
)
from monitor.pairing import rows_of
from monitor.power import Side, detectable_difference
from monitor.tallies import Form, Row, Table, limits_of


@dataclass(frozen=True, slots=True, eq=False)
class Disparities:
    """Estimates (metrics, comparisons) with the groups on both sides; -1 stands for the rest."""

    spec: DisparitySpec
    estimates: Estimates
    segment: Indices
    """Of each comparison (columns only)."""
    subject: Indices
    lower: Indices
    higher: Indices
    comparable: Flags
    """Whether there are two sides at all."""
    offered: Flags
    """Per metric: whether it has this disparity."""
    base: Indices
    """The other side of `subject`."""
    level: Floats
    """The confidence at which each interval holds."""
    detectable: Floats
    """The least gap that would have been found (`monitor.power`): a difference, or a ratio below 1; NaN: not said."""


def disparities(comparisons: Sequence[Comparisons], confidence: float) -> list[Disparities]:
    """The estimate of every comparison, in the same order; the intervals of all are computed together."""
    found: dict[int, Disparities] = {}
    every = [simultaneous(confidence, c.size) for c in comparisons]
    statistics = _statistics(comparisons, every)
    for aggregate in Aggregate:
        these = [at for at, c in enumerate(comparisons) if c.spec.aggregate is aggregate]
        if not these:
            continue
        levels = [every[at] for at in these]
        x, y = (_side_by_side([getattr(comparisons[at], side) for at in these]) for side in "xy")
        together = np.concatenate(levels, axis=1)
        ends = np.cumsum([comparisons[at].subject.shape[1] for at in these])[:-1]
        found_here = (*_intervals(aggregate, x, y, together), _detectable(x, y, together))
        cuts = zip(these, levels, *(np.split(part, ends, 1) for part in found_here), strict=True)
        for at, level, cut_low, cut_high, least in cuts:
            _own_intervals(comparisons[at], level, statistics, (cut_low, cut_high))
            found[at] = _disparity(comparisons[at], (cut_low, cut_high), (level, least))
    return [found[at] for at in range(len(comparisons))]


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """One side of many comparisons, as far as the intervals of quotients need it."""

    form: Indices
    count: Floats
    size: Floats
    value: Floats
    variance: Floats


def _side_by_side(tables: Sequence[Table]) -> _Sides:
    names = ("count", "size", "value", "variance")
    return _Sides(tables[0].form, *(np.concatenate([getattr(t, name) for t in tables], axis=1) for name in names))


def _intervals(aggregate: Aggregate, x: _Sides, y: _Sides, level: Floats) -> Interval:
    """Of x - y or x / y: Newcombe's or the score interval for rates, Welch's or Fieller's for means."""
    low, high = np.full(x.size.shape, np.nan), np.full(x.size.shape, np.nan)
    rates, means = x.form == Form.RATE, x.form == Form.MEAN
    if rates.any() and aggregate is not Aggregate.INDEX:
        a, b = (x.count[rates], x.size[rates]), (y.count[rates], y.size[rates])
        found = newcombe(*a, *b, level[rates]) if aggregate is Aggregate.DIFFERENCE else score_ratio(a, b, level[rates])
        low[rates], high[rates] = found
    if means.any() and aggregate is not Aggregate.INDEX:
        between = mean_difference if aggregate is Aggregate.DIFFERENCE else mean_ratio
        sides = [(side.value[means], side.variance[means], side.size[means]) for side in (x, y)]
        low[means], high[means] = between(sides[0], sides[1], level[means])
    return low, high


def _own_intervals(c: Comparisons, level: Floats, ends: "_Ends", out: Interval) -> None:
    """Fill in, where they are known: of statistics from those of the two groups, of pairs and indices their own."""
    if c.spec.aggregate is not Aggregate.INDEX:
        between = mover_difference if c.spec.aggregate is Aggregate.DIFFERENCE else mover_ratio
        for row in rows_of(c.x, Form.STATISTIC):
            sides = [(side.value[row], ends[id(side), row]) for side in (c.x, c.y)]
            out[0][row], out[1][row] = between(sides[0], sides[1])
    for row, contrast in c.contrasts.items():
        if contrast.limits is not None:
            with np.errstate(all="ignore"):  # of what is undefined, and blanked
                out[0][row], out[1][row] = contrast.limits(level[row])


_Ends = dict[tuple[int, int], Interval]
"""By the identity of a side's table and the row: the intervals of its groups."""


def _statistics(comparisons: Sequence[Comparisons], levels: Sequence[Floats]) -> _Ends:
    """The intervals of every statistic on every side, each function called once with all that is wanted of it."""
    wanted: dict[tuple[int, int], list[tuple[Table, Floats]]] = {}
    for c, level in zip(comparisons, levels, strict=True):
        if c.spec.aggregate is Aggregate.INDEX:
            continue
        for row in rows_of(c.x, Form.STATISTIC):
            for side in (c.x, c.y):
                wanted.setdefault((id(side.made[row]), row), []).append((side, level[row]))
    found: _Ends = {}
    for (_, row), sides in wanted.items():
        low, high = limits_of(sides[0][0].made[row], [side.at[row] for side, _ in sides], [level for _, level in sides])
        cuts = np.cumsum([len(level) for _, level in sides])[:-1]
        for (side, _), one, other in zip(sides, np.split(low, cuts), np.split(high, cuts), strict=True):
            found[id(side), row] = one, other
    return found


def _disparity(c: Comparisons, interval: Interval, known: tuple[Floats, Floats]) -> Disparities:
    """The estimates of comparisons whose intervals of x against y are known, and (known) their levels and least gaps."""
    x, y = c.x.value, c.y.value
    with np.errstate(all="ignore"):
        overall = c.share * x + (1.0 - c.share) * y  # is y, unless everybody is meant
    base = np.where(c.share > 0.0, overall, y)
    low, high = interval
    with np.errstate(all="ignore"):
        if c.spec.aggregate is not Aggregate.RATIO:
            value, low, high = x - base, (1.0 - c.share) * low, (1.0 - c.share) * high
        else:
            value = x / base
            low, high = (1.0 / (c.share + (1.0 - c.share) / end) for end in (low, high))
    reason = _reason(c, x, y, base)
    for row, contrast in c.contrasts.items():
        value[row], low[row], high[row] = contrast.value, interval[0][row], interval[1][row]
    if c.spec.method is Method.TO_OVERALL:
        value, low, high = _folded(c.spec.aggregate, value, low, high)
    below = x <= base
    for row in rows_of(c.x, Form.INDEX):  # ordered already
        below[row] = False
    lower, higher = np.where(below, c.subject, c.base), np.where(below, c.base, c.subject)
    estimates = _estimates(c, (value, low, high), (x, base), reason)
    comparable = _two_sided(c) & ~c.x.barred[:, None]
    level, least = known
    with np.errstate(all="ignore"):
        least = np.where(reason == OK, (1.0 - c.share) * least, np.nan)
        least = np.maximum(1.0 - least / base, 0.0) if c.spec.aggregate is Aggregate.RATIO else least
    return Disparities(
        c.spec, estimates, c.segment, c.subject, lower, higher, comparable, c.offered, c.base, level, least
    )


def _detectable(x: "_Sides", y: "_Sides", level: Floats) -> Floats:
    """The least difference that would be found, of rates and means."""
    least = np.full(x.size.shape, np.nan)
    for form in (Form.RATE, Form.MEAN):
        rows = x.form == form
        if rows.any():
            sides = [Side(s.count[rows], s.size[rows], s.variance[rows] if form == Form.MEAN else None) for s in (x, y)]
            least[rows] = detectable_difference(sides[0], sides[1], level[rows])
    return least


def _folded(aggregate: Aggregate, value: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Fairlearn's direction: a difference of at least 0, a ratio of at most 1."""
    with np.errstate(all="ignore"):
        if aggregate is Aggregate.DIFFERENCE:
            turn, turned = value < 0.0, (-value, -high, -low)
        else:
            turn, turned = value > 1.0, (1.0 / value, 1.0 / high, 1.0 / low)
    value, low, high = (np.where(turn, new, old) for new, old in zip(turned, (value, low, high), strict=True))
    return value, low, high


def _reason(c: Comparisons, x: Floats, y: Floats, base: Floats) -> Indices:
    """Why a comparison cannot be made, if so; the first cause counts."""
    reason = np.asarray(c.reason, dtype=np.intp)
    if c.spec.aggregate is Aggregate.RATIO:
        values = (c.x.form <= Form.STATISTIC)[:, None] & (reason == OK)
        reason = np.where(values & ((x < 0.0) | (y < 0.0)), NEGATIVE, reason)
        reason = np.where(values & (reason == OK) & ~(base > 0.0), ZERO, reason)
    return reason


def _two_sided(c: Comparisons) -> Flags:
    """Whether there are two sides at all."""
    found: Flags = (c.reason != FEW) & (c.reason != NO_REFERENCE) & (c.reason != NONE)
    return found


def _too_few(row: Row) -> str:
    """The reason of a comparison that lacks a side: which denominator is short."""
    return f"fewer than two groups with enough {' and '.join(row.parts) or row.denominator}"


def _estimates(
    c: Comparisons, ends: tuple[Floats, Floats, Floats], sides: tuple[Floats, Floats], reason: Indices
) -> Estimates:
    """As estimates. `n` counts both sides; a ratio's numerator and denominator are the two values, x and its base."""
    barred = c.x.barred[:, None]
    place = np.arange(len(c.x.rows))[:, None]
    reasons = (*REASONS, *(row.barred for row in c.x.rows), *(_too_few(row) for row in c.x.rows))
    reason = np.where(reason == FEW, len(REASONS) + len(c.x.rows) + place, reason)
    reason = np.where(barred, len(REASONS) + place, reason)
    undefined = reason != OK
    compared = _two_sided(c)
    blank = np.where(undefined, np.nan, 1.0)
    shown = compared if c.spec.aggregate is Aggregate.RATIO else np.zeros_like(compared)
    value, low, high = (part * blank for part in ends)
    return Estimates(
        value=value,
        n=np.where(compared, c.n, 0),
        numerator=np.where(shown, sides[0], np.nan),
        denominator=np.where(shown, sides[1], np.nan),
        low=low,
        high=high,
        state=np.where(undefined, UNDEFINED, MEASURED).astype(np.int8),
        reason=reason.astype(np.int16),
        reasons=reasons,
    )
