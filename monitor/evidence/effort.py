"""How long a given gap takes to prove, at the present traffic, shown instead of a minimum sample size; and how long a recovery."""

import math

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.evalues import Sums, best_stake, log_mean, nearest_difference, nearest_ratio
from monitor.evidence.layout import Layout, layout_of
from monitor.evidence.learning import Decays, past_of, variance_of
from monitor.evidence.scoring import ALIKE
from monitor.evidence.spec import Kind, Measure, Side, Spec
from monitor.evidence.state import State

Variances = tuple[float, float]
"""Of one event of the group, and of its reference."""


def expected_events(
    spec: Spec, rate: float, reference_rate: float, share: float = 1.0, variances: Variances | None = None
) -> float:
    """Events of a group until a page, if its rate is `rate`, its reference's `reference_rate`, with `share` events of the
    reference to one of the group.

    `(ln A + ln groups + ln alternatives) / I`, I the information (nats) of a group's event: the Kullback-Leibler
    distance to the nearest point that keeps the bound; for means what the best stake earns at these `variances` (by default those of
    coins, the largest that there can be). Infinite if the rates keep it. Conservative: a page comes after
    half to two thirds of it, sooner where mass was saved.
    """
    best = 0.0
    for side, bound in spec.sides:
        best = max(best, _information(spec, (side, bound), (rate, reference_rate, share), variances))
    if best <= 0:
        return math.inf
    layout = layout_of(spec)
    judged = int((layout.weight > 0).sum())
    return (spec.needed + math.log(judged) + math.log(layout.stakes)) / best


def _information(
    spec: Spec, limit_of: tuple[Side, float], world: tuple[float, float, float], variances: Variances | None
) -> float:
    """Nats per event of the group."""
    (side, bound), (p, q, share) = limit_of, (np.array([value]) for value in world)
    limit, one = np.array([bound]), np.ones(1)
    if spec.kind is Kind.LEVEL:
        line, g, r = limit, limit, q
    elif spec.kind is Kind.RATIO:
        line, (g, r) = limit * q, nearest_ratio(p, q, one, share, limit)
    else:
        line, (g, r) = q + limit, nearest_difference(p, q, one, share, limit)
    if (p >= line).all() if side is Side.LOW else (p <= line).all():
        return 0.0
    if spec.measure is Measure.MEAN:
        return _growth(spec, side, (p, q, share, line), variances or (float(p * (1 - p)), float(q * (1 - q))))
    return float((_divergence(p, g) + (0.0 if spec.kind is Kind.LEVEL else share * _divergence(q, r))).sum())


def _growth(spec: Spec, side: Side, world: tuple[Floats, Floats, Floats, Floats], variances: Variances) -> float:
    """Nats per event of the group that the best stake on bounded means earns."""
    p, q, share, line = world
    slope = line / q if spec.kind is Kind.RATIO else np.ones(1)
    offset = np.zeros(1) if spec.kind is Kind.RATIO else line - (0.0 if spec.kind is Kind.LEVEL else q)
    sign = np.array([-1.0 if side is Side.LOW else 1.0])
    v, v_r = (np.array([variance]) for variance in variances)
    x = Sums(np.ones(1), p, v + p * p, p, v)
    y = None if spec.kind is Kind.LEVEL else Sums(share, share * q, share * (v_r + q * q), q, v_r)
    stake = best_stake(x, y, slope, np.abs(line - p), sign)
    return float(log_mean(x, y, (slope, offset), stake, sign)[0])


def _divergence(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler distance of two Bernoulli rates, nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts: Floats = np.nan_to_num(p * np.log(p / q)) + np.nan_to_num((1.0 - p) * np.log((1.0 - p) / (1.0 - q)))
    return parts


def expected_panes(spec: Spec, state: State, group: str, disparity: float) -> float:
    """Panes until a page, at the present traffic, reference rate and savings, if the group's ratio (difference, level) were
    `disparity`.

    The sooner of two ways: evidence from an even share of the start mass, `(ln A + ln groups + ln alternatives - ln(1 / I)) / I`
    with I nats a pane; or the time until the alarm and then evidence from what is saved. Infinite without traffic.
    """
    layout = layout_of(spec)
    at = int(np.flatnonzero(layout.column == spec.groups.index(group))[0])
    k, n, k_r, n_r, volume, volume_r, *squares = state.memory[2 * layout.strata :, at : at + 1]
    elapsed = float(state.elapsed[0])
    if not elapsed or volume[0] <= 0:
        return math.inf
    a_pane, a_pane_r = float(volume[0]) / elapsed, max(float(volume_r[0]) / elapsed, 1e-9)
    rate_r = float((k_r[0] + 0.5) / (n_r[0] + 1.0))
    rate = min(max(_rate(spec, disparity, rate_r), 1e-6), 1.0 - 1e-6)
    judged = int((layout.weight > 0).sum())
    own = variance_of(np.array([rate]), (k, n), squares[:1])
    variances = float(own[0]), float(variance_of(np.array([rate_r]), (k_r, n_r), squares[1:])[0])
    world = (rate, rate_r, a_pane_r / a_pane)
    information = a_pane * max(_information(spec, limit, world, variances) for limit in spec.sides)
    if information <= 0:
        return math.inf
    even = spec.needed + math.log(judged * layout.stakes) - max(0.0, -math.log(information))
    saved = float(state.savings[0]) * -math.expm1(-spec.tuning.spend_rate)
    if saved <= 1:
        return even / information
    before = _rate(spec, float(past_of(layout, at, (k, n, k_r, n_r))[0]), rate_r)
    noise = (variances[0] if layout.means else before * (1.0 - before)) / a_pane
    if spec.kind is not Kind.LEVEL:
        noise += (before / rate_r if spec.kind is Kind.RATIO else 1.0) ** 2 * variances[1] / a_pane_r
    drift = (before - rate) ** 2 / (2.0 * noise)
    if drift <= 0:
        return even / information
    alarm = max(1.0, math.log(drift * spec.savings * len(spec.groups) * ALIKE)) / drift
    return min(even / information, alarm + max(1.0, spec.needed - math.log(saved) + math.log(2.0)) / information)


def _rate(spec: Spec, disparity: float, reference: float) -> float:
    """The rate of a group with this disparity."""
    if spec.kind is Kind.RATIO:
        return disparity * reference
    return disparity + reference if spec.kind is Kind.DIFFERENCE else disparity


RECOVERED_RATIO, RECOVERED_STEP = 1.2, 0.05
"""What a recovery is expected to look like, beyond the bound: the third of four alternatives of the mirror detector."""


def recovery_panes(layout: Layout, state: State) -> Floats:
    """(D,): panes that evidence of recovery is expected to take, at the traffic there was when it was last usable.

    `(ln A_rec + ln alternatives) phi / I`, with `I = d^2 / (2 v)` nats a pane: d from the bound to a recovery, v the variance of a
    pane's disparity (normal approximation). Infinite where nothing is known of a group.
    """
    strata, decays = layout.strata, Decays.of(layout)
    k, n, k_r, n_r, _, _, *squares = state.memory[2 * strata :]
    left = decays.rows[2 * strata, 0]  # of a memory after a pane; a steady flow of f a pane makes it f / (1 - left)
    with np.errstate(all="ignore"):
        silent = np.maximum(state.position - state.seen - 1.0 - state.pending[layout.family], 0.0)
        usual = (1.0 - left) / left**silent
        own, other = (
            np.clip((k + 0.5) / (n + 1.0), 1e-4, 1.0 - 1e-4),
            np.clip((k_r + 0.5) / (n_r + 1.0), 1e-4, 1.0 - 1e-4),
        )
        v = variance_of(own, (k, n), squares[:1]) / (n * usual)
        if layout.kind is not Kind.LEVEL:
            tied = layout.bound * layout.bound if layout.kind is Kind.RATIO else 1.0
            v = v + tied * variance_of(other, (k_r, n_r), squares[1:]) / (n_r * usual)
        step = np.where(layout.low, RECOVERED_RATIO - 1.0, 1.0 - 1.0 / RECOVERED_RATIO)
        d = layout.bound * other * step if layout.kind is Kind.RATIO else np.full_like(v, RECOVERED_STEP)
        needed = np.log(layout.recovery_needed)[layout.family] + math.log(layout.mirrors)
        panes = needed * np.maximum(state.phi, 1.0) * 2.0 * v / (d * d)
    found: Floats = np.where(np.isfinite(panes), panes, np.inf)
    return found
