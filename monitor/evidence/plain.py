"""The usual family, quickly: a lower bound on a ratio of rates, without strata. What `scoring` computes, in few passes over few arrays.

With N = n_g + n_r the quadratic of `evalues.nearest_ratio` is `t N x^2 - (n_g a + t n_r b + t n_g + n_r) x + n_g a + n_r b`, of which
only `n_g a` depends on the alternative. No alternative is near 0 or 1 (`Spec.plain_ratio`), so `a / g0 = factor b / r0`, and nothing
needs to be checked but whether there are events on both sides.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.scoring import LEAST_RATE, alarm_level

Suspicions = tuple[Floats, Floats, Floats]


def scores(layout: Layout, counts: Counts, learned: Learned, out: Suspicions | None) -> Floats:
    """(T, K, D): `scoring.log_evalues`; and `scoring.suspicions` into `out`, if they are wanted."""
    at = layout.bound * learned.rate
    a = at * layout.grid
    if out is not None:
        _suspicions(layout, (counts, learned), a, out)
    n, n_r, k, k_r, b = counts.n, counts.n_r, counts.k, counts.k_r, learned.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        r = _nearest(layout, counts, b, n * a)
        log_e = k * layout.log_grid
        log_e += (k + k_r) * np.log(b) + (n_r - k_r) * np.log(1.0 - b)
        part = np.log(r)
        part *= k + k_r
        log_e -= part
        g = np.multiply(layout.bound, r, out=part)
        np.subtract(1.0, g, out=g)
        np.subtract(1.0, a, out=a)
        a /= g
        np.log(a, out=a)
        a *= n - k
        log_e += a
        np.subtract(1.0, r, out=r)
        np.log(r, out=r)
        r *= n_r - k_r
        log_e -= r
    idle = (n <= 0) | (n_r <= 0)
    if idle.any():
        np.copyto(log_e, 0.0, where=idle)
    return log_e


def _nearest(layout: Layout, counts: Counts, b: Floats, weighed: Floats) -> Floats:
    """r0, the smaller root; `weighed` is n_g a, and is used up."""
    n, n_r = counts.n, counts.n_r
    total = n + n_r
    twice = 2.0 * layout.bound * np.where(total > 0, total, 1.0)
    other = n_r * b
    r = weighed + (layout.bound * (other + n) + n_r)
    inner = weighed
    inner += other
    inner *= 2.0 * twice
    square = r * r
    square -= inner
    np.maximum(square, 0.0, out=square)
    np.sqrt(square, out=square)
    r -= square
    r *= 1.0 / twice
    return r


def _suspicions(layout: Layout, known: tuple[Counts, Learned], a: Floats, out: Suspicions) -> None:
    """`scoring.suspicions` for a lower bound on a ratio."""
    counts, learned = known
    news, distance, level = out
    b, tied = learned.rate[:, 0], learned.past
    here = np.clip(tied * b, LEAST_RATE, 1.0 - LEAST_RATE)
    one, other = here * (1.0 - here), tied * tied * b * (1.0 - b)
    n, n_r = counts.n[:, 0], counts.n_r[:, 0]
    both = (n > 0) & (n_r > 0)
    own, many = np.where(both, n, 1.0), np.where(both, n_r, 1.0)
    weight = both / ((one / own + other / many) * learned.phi)
    lacking = tied * counts.k_r[:, 0] / many - counts.k[:, 0] / own + (here - tied * b)
    np.subtract(here[:, None, :], a, out=distance)
    np.multiply(distance, (-0.5 * weight)[:, None, :], out=news)
    news += (lacking * weight)[:, None, :]
    news *= distance
    with np.errstate(divide="ignore"):
        level[:] = alarm_level(layout, one / learned.volume + other / learned.volume_r)
