"""Panes into log e-values: counts against references, alternatives from what was learned, one e-value each."""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.evalues import Point, Sums, best_stake, log_mean, log_ratio, nearest_difference, nearest_ratio
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.panes import Triple
from monitor.evidence.spec import Kind

ALIKE = 0.5
"""How many alternatives ring as if they were independent. Below 1: six are much alike, and steps and pasts that are never beyond the
bound ring less often than a Brownian motion would (with 2, at a ratio of 0.9, eight groups spent nothing in 200 days, and 24 groups 0.18 of
their savings a month).
"""

LEAST_RATE = 1e-6
"""Alternatives stay this far from 0 and 1."""


def against(layout: Layout, sums: Triple, chosen: Floats) -> Counts:
    """Each detector's group and its reference. `sums` are n, k and squares, (T, S, groups of all families)."""
    several = sums if layout.means else sums[:2]  # of counts the squares are the counts
    own = [np.take(values, layout.column, axis=-1) for values in several]
    other = [_reference(layout, values, chosen) for values in several]
    return Counts(n=own[0], k=own[1], n_r=other[0], k_r=other[1], q=own[-1], q_r=other[-1])


def _reference(layout: Layout, values: Floats, chosen: Floats) -> Floats:
    """What each detector's group is compared with."""
    if layout.kind is Kind.LEVEL:
        return np.zeros((*values.shape[:-1], layout.size))
    if layout.configured:
        return np.take(values, layout.against, axis=-1)
    named = np.where(layout.against >= 0, layout.against, layout.first + chosen.astype(np.int64))
    known = (layout.against >= 0) | (chosen >= 0)
    if known.all():
        return np.take(values, named, axis=-1)
    rest = layout.group_sums(values)[..., layout.family] - values[..., layout.column]
    return np.where(known, values[..., np.where(known, named, 0)], rest) if known.any() else rest


def lines(layout: Layout, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and offset of each detector's null, `p_g = slope p_r + offset`; (T, S, D) or (D,)."""
    ratio = layout.kind is Kind.RATIO
    slope = layout.bound if ratio else np.full_like(layout.bound, float(layout.kind is Kind.DIFFERENCE))
    offset = np.zeros_like(layout.bound) if ratio else layout.bound
    overall = layout.overall
    if overall is None:
        return slope, offset
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(counts.n > 0, counts.n / (counts.n + counts.n_r), 0.0)
        within = slope * (1.0 - share) / (1.0 - slope * share)
        return (
            np.where(overall & ratio, np.where(slope * share < 1.0, within, np.inf), slope),
            np.where(overall & (not ratio), offset / (1.0 - share), offset),
        )


def log_evalues(layout: Layout, counts: Counts, learned: Learned, mirrored: bool = False) -> Floats:
    """(T, K, D): the log e-value of each alternative, strata multiplied. `mirrored`: against "the bound is still broken"."""
    if layout.means:
        return _means(layout, counts, learned, mirrored)
    slope, offset = lines(layout, counts)
    slope, offset = slope[..., None, :], offset[..., None, :]
    b = learned.rate[:, :, None, :]
    a = _alternatives(layout, b, (slope, offset), mirrored)
    n, k, n_r, k_r = (values[:, :, None, :] for values in (counts.n, counts.k, counts.n_r, counts.k_r))
    at = slope * b + offset
    valid = (n > 0) & np.where(layout.low != mirrored, a < at, a > at)
    with np.errstate(divide="ignore", invalid="ignore"):
        if layout.kind is Kind.LEVEL:
            log_e = log_ratio(k, n, a, offset)
        else:
            how = nearest_ratio if layout.kind is Kind.RATIO else nearest_difference
            g, r = how(a, b, n, n_r, slope if layout.kind is Kind.RATIO else offset)
            log_e = log_ratio(k, n, a, g)
            log_e += log_ratio(k_r, n_r, b, r)
    if layout.kind is not Kind.LEVEL:
        valid &= n_r > 0
    valid &= np.isfinite(log_e)
    log_e[~valid] = 0.0
    return log_e[:, 0] if log_e.shape[1] == 1 else log_e.sum(axis=1)


def _alternatives(layout: Layout, b: Floats, line: Point, mirrored: bool) -> Floats:
    """The group's rate under each alternative: a ratio times a part of the bound, a difference beyond it, other odds."""
    tuning, (slope, offset), below = layout.tuning, line, layout.low != mirrored
    if layout.kind is Kind.DIFFERENCE:
        steps = np.array(tuning.recovery_steps if mirrored else tuning.steps)[:, None]
        return np.clip(slope * b + offset + np.where(below, -steps, steps), LEAST_RATE, 1.0 - LEAST_RATE)
    factor = layout.factor
    if mirrored:
        grid = np.array(tuning.recovery_grid)[:, None]
        factor = np.where(below, 1.0 / grid, grid)
    if layout.kind is Kind.RATIO:
        a = (slope * b) * factor
        return np.clip(a, LEAST_RATE, 1.0 - LEAST_RATE, out=a)
    odds = offset / (1.0 - offset) * factor
    rate: Floats = odds / (1.0 + odds)
    return rate


def _means(layout: Layout, counts: Counts, learned: Learned, mirrored: bool) -> Floats:
    """Bounded means: the same alternatives, each with the stake that is best for it at the variance that was learned."""
    n, k, q, n_r, k_r, q_r = (
        values[:, :, None, :] for values in (counts.n, counts.k, counts.q, counts.n_r, counts.k_r, counts.q_r)
    )
    slope, offset = (values[..., None, :] for values in lines(layout, counts))
    b, own = learned.rate[:, :, None, :], learned.own[:, None, None, :]
    a = _alternatives(layout, b, (slope, offset), mirrored)
    level, sign = layout.kind is Kind.LEVEL, np.where(layout.low != mirrored, -1.0, 1.0)
    x = Sums(n, k, q, a, learned.variance[:, None, None, :] * np.minimum(a / own, 1.0))
    y = None if level else Sums(n_r, k_r, q_r, b, learned.variance_r[:, None, None, :])
    gap = sign * (a - (offset if level else slope * b + offset))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stake = best_stake(x, y, slope, gap, sign)
        log_e = log_mean(x, y, (slope, offset), stake, sign)
    valid = (n > 0) & ((n_r > 0) | level) & (gap > 0) & np.isfinite(log_e)
    product: Floats = np.where(valid, log_e, 0.0).sum(axis=1)
    return product


@dataclass(frozen=True, slots=True)
class Drift:
    """How far each group is from its own past."""

    news: Floats
    """(T, K, D): how much likelier each alternative is than the past, in nats."""
    distance: Floats
    """(T, K, D): from the past to the alternative."""
    level: Floats
    """(T, D): an alarm rings at `ln(level distance^2)`."""
    lead: Floats
    """(T, D): how much likelier the bound itself is than the past, in nats."""

    @classmethod
    def blank(cls, shape: tuple[int, int, int]) -> "Drift":
        """Nothing in it yet."""
        return cls(np.empty(shape), np.empty(shape), np.empty(shape[::2]), np.empty(shape[::2]))

    def part(self, here: slice) -> "Drift":
        """Some detectors."""
        return Drift(self.news[..., here], self.distance[..., here], self.level[..., here], self.lead[..., here])


def suspicions(layout: Layout, counts: Counts, learned: Learned) -> Drift:
    """What tells a drift, pane by pane.

    Normal approximations, `(d x - d^2 / 2) / v` with x the pane's distance from the past and d the alternative's: nothing that is
    promised depends on them. The alarm is to ring by chance about once in `savings` panes for a family's alternatives together: for a
    CUSUM with I nats a pane, at about `ln(I savings groups alternatives)`.
    """
    slope, offset = lines(layout, counts)
    b, past = learned.rate, learned.past[:, None, :]
    a = _alternatives(layout, b[:, :, None, :], (slope[..., None, :], offset[..., None, :]), mirrored=False)
    line = slope * b + offset if layout.kind is not Kind.LEVEL else np.broadcast_to(offset, b.shape)
    tied = {Kind.RATIO: past, Kind.DIFFERENCE: np.ones_like(past), Kind.LEVEL: np.zeros_like(past)}[layout.kind]
    here = np.clip(tied * b + (0.0 if layout.kind is Kind.RATIO else past), LEAST_RATE, 1.0 - LEAST_RATE)
    if layout.means:
        one, other = learned.variance[:, None, :], tied * tied * learned.variance_r[:, None, :]
    else:
        one, other = here * (1.0 - here), tied * tied * b * (1.0 - b)
    sign = np.where(layout.low, -1.0, 1.0)
    d = a - here[:, :, None, :]
    d *= sign
    np.maximum(d, 0.0, out=d)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = (counts.n > 0) & ((counts.n_r > 0) | (layout.kind is Kind.LEVEL))
        v = one / counts.n + np.where(tied > 0, other / counts.n_r, 0.0)
        x = counts.k / counts.n - (here - tied * b) - np.where(tied > 0, tied * counts.k_r / counts.n_r, 0.0)
        weight = np.where(known, 1.0 / v, 0.0) / learned.phi[:, None, :]
        news = d * (-0.5 * weight)[:, :, None, :]
        lacking = np.where(known, sign * x, 0.0)
        news += (lacking * weight)[:, :, None, :]
        news *= d
        usual = one.mean(axis=1) / learned.volume + np.where(tied[:, 0] > 0, other.mean(axis=1) / learned.volume_r, 0.0)
        level = alarm_level(layout) / usual
    lead = np.maximum((line - here) * sign, 0.0)
    lead *= (lacking - 0.5 * lead) * weight
    return Drift(news[:, 0] if news.shape[1] == 1 else news.sum(axis=1), d[:, 0], level, lead.sum(axis=1))


def alarm_level(layout: Layout) -> Floats:
    """(D,): what an alarm's level is, times the variance of a pane's comparison at the usual volumes."""
    return layout.groups.astype(np.float64) * (layout.savings * ALIKE / 2.0)
