"""Panes into log e-values: counts against references, alternatives from what was learned, one e-value each."""

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.evalues import Point, Sums, log_mean, log_ratio, nearest_difference, nearest_ratio
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.panes import Triple
from monitor.evidence.spec import Kind, Reference

ALIKE = 2.0
"""How many alternatives ring as if they were independent."""

LEAST_RATE = 1e-6
"""Alternatives stay this far from 0 and 1."""


def against(layout: Layout, sums: Triple, chosen: Floats) -> Counts:
    """Each detector's group and its reference. `sums` are n, k and squares, (T, S, groups of all families)."""
    own = [values[..., layout.column] for values in sums]
    other = [_reference(layout, values, chosen) for values in sums]
    return Counts(n=own[0], k=own[1], n_r=other[0], k_r=other[1], q=own[2], q_r=other[2])


def _reference(layout: Layout, values: Floats, chosen: Floats) -> Floats:
    """What each detector's group is compared with."""
    if layout.kind is Kind.LEVEL:
        return np.zeros((*values.shape[:-1], layout.size))
    named = np.where(layout.against >= 0, layout.against, layout.first + chosen.astype(np.int64))
    known = (layout.against >= 0) | (chosen >= 0)
    if known.all():
        return values[..., named]
    rest = layout.group_sums(values)[..., layout.family] - values[..., layout.column]
    return np.where(known, values[..., np.where(known, named, 0)], rest) if known.any() else rest


def lines(layout: Layout, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and offset of each detector's null, `p_g = slope p_r + offset`; (T, S, D) or (D,)."""
    ratio = layout.kind is Kind.RATIO
    slope = layout.bound if ratio else np.full_like(layout.bound, float(layout.kind is Kind.DIFFERENCE))
    offset = np.zeros_like(layout.bound) if ratio else layout.bound
    overall = np.array([mode == Reference.OVERALL for mode in layout.mode])[layout.family]
    if not overall.any():
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
    b = learned.rate[:, :, None, :]
    a = _alternatives(layout, b, (slope[..., None, :], offset[..., None, :]), mirrored)
    line = slope[..., None, :], offset[..., None, :]
    return _against_line(counts, (a, b), line, (layout.low != mirrored, layout.kind))


def _against_line(counts: Counts, alternative: Point, line: Point, how: tuple[Flags, Kind]) -> Floats:
    """(T, K, D): log e-values of alternatives below (or above) a line, strata multiplied; 1 for those that are not."""
    (a, b), (slope, offset), (below, kind) = alternative, line, how
    n, k, n_r, k_r = (values[:, :, None, :] for values in (counts.n, counts.k, counts.n_r, counts.k_r))
    at = slope * b + offset
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind is Kind.LEVEL:
            log_e = log_ratio(k, n, a, offset)
        else:
            g, r = (
                nearest_ratio(a, b, n, n_r, slope) if kind is Kind.RATIO else nearest_difference(a, b, n, n_r, offset)
            )
            log_e = log_ratio(k, n, a, g) + log_ratio(k_r, n_r, b, r)
    valid = (n > 0) & ((n_r > 0) | (kind is Kind.LEVEL)) & np.where(below, a < at, a > at) & np.isfinite(log_e)
    product: Floats = np.where(valid, log_e, 0.0).sum(axis=1)
    return product


def _alternatives(layout: Layout, b: Floats, line: Point, mirrored: bool) -> Floats:
    """The group's rate under each alternative: a ratio times a part of the bound, a difference beyond it, other odds."""
    tuning, (slope, offset), below = layout.tuning, line, layout.low != mirrored
    if layout.kind is Kind.DIFFERENCE:
        steps = np.array(tuning.recovery_steps if mirrored else tuning.steps)[:, None]
        return np.clip(slope * b + offset + np.where(below, -steps, steps), LEAST_RATE, 1.0 - LEAST_RATE)
    grid = np.array(tuning.recovery_grid if mirrored else [1.0 / part for part in tuning.grid])[:, None]
    factor = np.where(below, 1.0 / grid, grid)
    if layout.kind is Kind.RATIO:
        return np.clip(slope * factor * b, LEAST_RATE, 1.0 - LEAST_RATE)
    odds = offset / (1.0 - offset) * factor
    rate: Floats = odds / (1.0 + odds)
    return rate


def _means(layout: Layout, counts: Counts, learned: Learned, mirrored: bool) -> Floats:
    """Bounded means: one e-value per stake."""
    stake = np.array(layout.tuning.bets)[:, None]
    n, k, q, n_r, k_r, q_r = (
        values[:, :, None, :] for values in (counts.n, counts.k, counts.q, counts.n_r, counts.k_r, counts.q_r)
    )
    slope, offset = lines(layout, counts)
    x = Sums(n, k, q, learned.own[:, None, None, :])
    level = layout.kind is Kind.LEVEL
    y = None if level else Sums(n_r, k_r, q_r, learned.rate[:, :, None, :])
    sign = np.where(layout.low != mirrored, -1.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_e = log_mean(x, y, (slope[..., None, :], offset[..., None, :]), stake, sign)
    valid = (n > 0) & ((n_r > 0) | level) & np.isfinite(log_e)
    product: Floats = np.where(valid, log_e, 0.0).sum(axis=1)
    return product


def suspicions(layout: Layout, counts: Counts, learned: Learned) -> tuple[Floats, Floats]:
    """(T, K, D) each: log e-values of the alternatives against the groups' own past, and the alarms' levels.

    The alarm rings by chance once in `savings` panes for all alternatives of a family together: for a CUSUM with I nats a pane, at
    about `ln(I savings groups alternatives)`.
    """
    slope, offset = lines(layout, counts)
    b, past = learned.rate[:, :, None, :], learned.past[:, None, None, :]
    a = _alternatives(layout, b, (slope[..., None, :], offset[..., None, :]), mirrored=False)
    none, one = np.zeros_like(past), np.ones_like(past)
    line = (past, none) if layout.kind is Kind.RATIO else (one if layout.kind is Kind.DIFFERENCE else none, past)
    news = _against_line(counts, (a, b), line, (layout.low, layout.kind))
    here = np.clip(line[0] * b + line[1], LEAST_RATE, 1.0 - LEAST_RATE)
    nats = (a * np.log(a / here) + (1.0 - a) * np.log((1.0 - a) / (1.0 - here))).mean(axis=1)
    cells = np.array([len(spec.groups) for spec in layout.specs])[layout.family] * ALIKE
    with np.errstate(divide="ignore"):
        alarm = np.maximum(np.log(nats * learned.volume[:, None, :] * layout.savings * cells), 1.0)
    return news / learned.phi[:, None, :], alarm
