"""How long a given gap takes to prove, at the present traffic; shown instead of a minimum sample size."""

import math

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.evalues import nearest_difference, nearest_ratio
from monitor.evidence.layout import layout_of
from monitor.evidence.spec import Kind, Side, Spec
from monitor.evidence.state import State


def expected_events(spec: Spec, rate: float, reference_rate: float, share: float = 1.0) -> float:
    """Events of a group until a page, if its rate is `rate`, its reference's `reference_rate`, with `share` events of the
    reference to one of the group.

    `(ln A + ln groups + ln alternatives) / I`, I the information (nats) of a group's event: the Kullback-Leibler
    distance to the nearest point that keeps the bound. Infinite if the rates keep it. Conservative: by the mean, a
    page comes after two thirds of it.
    """
    best = 0.0
    for side, bound in spec.sides:
        best = max(best, _information(spec, side, bound, (rate, reference_rate, share)))
    if best <= 0:
        return math.inf
    layout = layout_of(spec)
    judged = int((layout.weight > 0).sum())
    return (spec.needed + math.log(judged) + math.log(layout.stakes)) / best


def _information(spec: Spec, side: Side, bound: float, world: tuple[float, float, float]) -> float:
    """Nats per event of the group."""
    p, q, share = (np.array([value]) for value in world)
    limit, one = np.array([bound]), np.ones(1)
    if spec.kind is Kind.LEVEL:
        line, g, r = limit, limit, q
    elif spec.kind is Kind.RATIO:
        line, (g, r) = limit * q, nearest_ratio(p, q, one, share, limit)
    else:
        line, (g, r) = q + limit, nearest_difference(p, q, one, share, limit)
    if (p >= line).all() if side is Side.LOW else (p <= line).all():
        return 0.0
    return float((_divergence(p, g) + (0.0 if spec.kind is Kind.LEVEL else share * _divergence(q, r))).sum())


def _divergence(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler distance of two Bernoulli rates, nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts: Floats = np.nan_to_num(p * np.log(p / q)) + np.nan_to_num((1.0 - p) * np.log((1.0 - p) / (1.0 - q)))
    return parts


def expected_panes(spec: Spec, state: State, group: str, disparity: float) -> float:
    """Panes until a page, at the present traffic and reference rate, if the group's ratio (difference, level) were `disparity`."""
    layout = layout_of(spec)
    at = int(np.flatnonzero(layout.column == spec.groups.index(group))[0])
    volume, volume_r = state.memory[2 * layout.strata + 4 : 2 * layout.strata + 6, at]
    elapsed = float(state.elapsed[0])
    if not elapsed or volume <= 0:
        return math.inf
    k_r, n_r = state.memory[2 * layout.strata + 2 : 2 * layout.strata + 4, at]
    rate_r = float((k_r + 0.5) / (n_r + 1.0))
    rate = {Kind.RATIO: disparity * rate_r, Kind.DIFFERENCE: disparity + rate_r, Kind.LEVEL: disparity}[spec.kind]
    share = max(float(volume_r / volume), 1e-9)
    return expected_events(spec, min(max(rate, 1e-6), 1 - 1e-6), rate_r, share) / float(volume / elapsed)
