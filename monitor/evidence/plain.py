"""The usual family, quickly: a lower bound on a ratio of rates, without strata. What `scoring` computes, in few passes over few arrays.

With N = n_g + n_r the quadratic of `evalues.nearest_ratio` is `t N x^2 - (n_g a + t n_r b + t n_g + n_r) x + n_g a + n_r b`, of which
only `n_g a` depends on the alternative. No alternative is near 0 or 1 (`Spec.plain_ratio`), so `a / g0 = factor b / r0`, and nothing
needs to be checked but whether there are events on both sides.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.scoring import LEAST_RATE, Drift, alarm_level


def scores(layout: Layout, counts: Counts, learned: Learned, out: Drift | None) -> Floats:
    """(T, K, D): `scoring.log_evalues`; and `scoring.suspicions` into `out`, if they are wanted."""
    at = layout.bound * learned.rate
    a = at * layout.grid
    if out is not None:
        _suspicions(layout, (counts, learned), a, out)
    n, n_r, k, k_r, b = counts.n, counts.n_r, counts.k, counts.k_r, learned.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        r, other = _nearest(layout, counts, b, a)
        log_e = k * layout.log_grid
        part = r * -layout.bound
        part += 1.0
        np.subtract(1.0, a, out=a)
        a /= part
        np.log(a, out=a)
        a *= n - k
        log_e += a
        r /= b
        np.log(r, out=r)
        r *= k + k_r
        log_e -= r
        other /= 1.0 - b
        np.log(other, out=other)
        other *= n_r - k_r
        log_e -= other
    idle = (n <= 0) | (n_r <= 0)
    if np.count_nonzero(idle):
        np.copyto(log_e, 0.0, where=idle)
    return log_e


def _nearest(layout: Layout, counts: Counts, b: Floats, a: Floats) -> tuple[Floats, Floats]:
    """r0, the smaller root, and 1 - r0.

    With m = n_g / 2 t N, u = n_r b / 2 t N and w = (t (n_r b + n_g) + n_r) / 2 t N - u the quadratic divided by t N is
    `x^2 - 2 (h + w) x + 2 h` with h = m a + u, so that `1 - x = sqrt(H^2 + 2 w - 1) - H` with H = h + w - 1. It has a root
    beyond 1, so that nothing below the root sign can be negative.
    """
    n, n_r = counts.n, counts.n_r
    total = n + n_r
    scale = 0.5 / (layout.bound * np.where(total > 0, total, 1.0))
    other = n_r * b
    w_1 = (layout.bound * (other + n) + n_r) * scale - 1.0
    high = a * (n * scale)
    high += w_1
    root = high * high
    root += 2.0 * (w_1 - scale * other) + 1.0
    np.sqrt(root, out=root)
    root -= high
    return np.subtract(1.0, root, out=high), root


def _suspicions(layout: Layout, known: tuple[Counts, Learned], a: Floats, out: Drift) -> None:
    """`scoring.suspicions` for a lower bound on a ratio."""
    counts, learned = known
    news, distance = out.news, out.distance
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
    lead = here - layout.bound * b
    np.multiply(lead * (lacking - 0.5 * lead), weight, out=out.lead)
    with np.errstate(divide="ignore"):
        np.divide(alarm_level(layout), one / learned.volume + other / learned.volume_r, out=out.level)
