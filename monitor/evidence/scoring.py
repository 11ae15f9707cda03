"""Panes into log e-values: counts against references, alternatives from what was learned, one e-value each."""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.evalues import log_ratio, nearest_difference, nearest_ratio
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.spec import Kind, Reference

LEAST_RATE = 1e-6
"""Alternatives stay this far from 0 and 1."""


def against(layout: Layout, n: Floats, k: Floats) -> Counts:
    """Each detector's group and its reference; `n` and `k` are (T, S, groups of all families)."""
    group_n, group_k = n[..., layout.column], k[..., layout.column]
    if layout.kind is Kind.LEVEL:
        return Counts(group_n, group_k, np.zeros_like(group_n), np.zeros_like(group_k))
    if all(mode == "" for mode in layout.mode):
        return Counts(group_n, group_k, n[..., layout.against], k[..., layout.against])
    rest_n, rest_k = _rest(layout, n) - group_n, _rest(layout, k) - group_k
    configured = layout.against >= 0
    if configured.any():
        rest_n = np.where(configured, n[..., layout.against], rest_n)
        rest_k = np.where(configured, k[..., layout.against], rest_k)
    return Counts(group_n, group_k, rest_n, rest_k)


def _rest(layout: Layout, values: Floats) -> Floats:
    """The total of each detector's family."""
    edges = np.cumsum([0, *(len(spec.groups) for spec in layout.specs)])[:-1]
    return np.add.reduceat(values, edges, axis=-1)[..., layout.family]


def lines(layout: Layout, counts: Counts) -> tuple[Floats, Floats]:
    """Slope and offset of each detector's null, `p_g = slope p_r + offset`; (T, S, D) or (D,)."""
    ratio = layout.kind is Kind.RATIO
    slope = layout.bound if ratio else np.ones_like(layout.bound)
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
    if layout.kind is Kind.LEVEL:
        return _levels(layout, counts, mirrored)
    slope, offset = lines(layout, counts)
    slope, offset = slope[..., None, :], offset[..., None, :]
    n, k, n_r, k_r = (values[:, :, None, :] for values in (counts.n, counts.k, counts.n_r, counts.k_r))
    b = learned.rate[:, :, None, :]
    below = layout.low != mirrored
    a = _alternatives(layout, b, slope, offset, mirrored)
    with np.errstate(divide="ignore", invalid="ignore"):
        if layout.kind is Kind.RATIO:
            g, r = nearest_ratio(a, b, n, n_r, slope)
        else:
            g, r = nearest_difference(a, b, n, n_r, offset)
        log_e = log_ratio(k, n, a, g) + log_ratio(k_r, n_r, b, r)
    line = slope * b + offset
    valid = (n > 0) & (n_r > 0) & np.where(below, a < line, a > line) & np.isfinite(log_e)
    product: Floats = np.where(valid, log_e, 0.0).sum(axis=1)
    return product


def _alternatives(layout: Layout, b: Floats, slope: Floats, offset: Floats, mirrored: bool) -> Floats:
    """The group's rate under each alternative."""
    below = layout.low != mirrored
    tuning = layout.tuning
    if layout.kind is Kind.RATIO:
        grid = np.array(tuning.recovery_grid if mirrored else [1.0 / part for part in tuning.grid])[:, None]
        a = slope * np.where(below, 1.0 / grid, grid) * b
    else:
        steps = np.array(tuning.recovery_steps if mirrored else tuning.steps)[:, None]
        a = slope * b + offset + np.where(below, -steps, steps)
    return np.clip(a, LEAST_RATE, 1.0 - LEAST_RATE)


def _levels(layout: Layout, counts: Counts, mirrored: bool) -> Floats:
    """Against a fixed rate; alternatives have other odds."""
    tuning, bound = layout.tuning, layout.bound
    grid = np.array(tuning.recovery_grid if mirrored else [1.0 / part for part in tuning.grid])[:, None]
    odds = bound / (1.0 - bound) * np.where(layout.low != mirrored, 1.0 / grid, grid)
    log_e = log_ratio(counts.k[:, :, None, :], counts.n[:, :, None, :], odds / (1.0 + odds), bound)
    product: Floats = log_e.sum(axis=1)
    return product
