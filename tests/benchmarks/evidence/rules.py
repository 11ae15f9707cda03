"""Other people's rules, over whole runs at once: which panes they alert in.

Each takes the sums of a world, (panes, runs, groups), and gives flags (panes, runs). The first hour is nobody's alert.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitor.evidence.evalues import nearest_ratio

TAU = 0.8


@dataclass(frozen=True, slots=True)
class Sums:
    """Running totals of a world, from which any window is a difference."""

    n: np.ndarray
    k: np.ndarray

    @classmethod
    def of(cls, n: np.ndarray, k: np.ndarray) -> "Sums":
        """The totals before each pane and after the last."""
        zero = np.zeros((1, *n.shape[1:]), dtype=np.int64)
        return cls(np.concatenate([zero, n.cumsum(0)]), np.concatenate([zero, k.cumsum(0)]))

    def window(self, length: int, every: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ends of full windows of `length` panes, and their n and k."""
        ends = np.arange(length, len(self.n), every)
        return ends, self.n[ends] - self.n[ends - length], self.k[ends] - self.k[ends - length]


def threshold(sums: Sums, length: int, least: int) -> np.ndarray:
    """The ratio is below 0.8 and the group has `least` events."""
    ends, n, k = sums.window(length)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = k / n
        low = (rate[..., 1:] < TAU * rate[..., :1]) & (n[..., 1:] >= least)
    return _spread(len(sums.n) - 1, ends, low.any(axis=2))


def peeked_z(sums: Sums, length: int, alpha: float) -> np.ndarray:
    """A score test of the window at every pane."""
    ends, n, k = sums.window(length)
    return _spread(len(sums.n) - 1, ends, np.any(score(n, k) < -NormalDist().inv_cdf(1 - alpha), axis=2))


def benjamini_hochberg(sums: Sums, length: int, q: float) -> np.ndarray:
    """Score tests of all groups at every pane, corrected over the groups of one look."""
    ends, n, k = sums.window(length)
    z = np.sort(score(n, k), axis=2)
    groups = z.shape[2]
    needed = np.array([NormalDist().inv_cdf(q * (rank + 1) / groups) for rank in range(groups)])
    return _spread(len(sums.n) - 1, ends, np.any(z <= needed, axis=2))


def clarify(sums: Sums, length: int) -> np.ndarray:
    """SageMaker Clarify's: the 95% bootstrap interval (normal, so Wald's) of a tumbling window lies outside the bound."""
    ends, n, k = sums.window(length, every=length)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = k / n
        part = (1 - rate) / (n * rate)
        ratio = rate[..., 1:] / rate[..., :1]
        high = ratio * (1 + 1.959964 * np.sqrt(part[..., 1:] + part[..., :1]))
        out = (high < TAU).any(axis=2)
    return _spread(len(sums.n) - 1, ends, out)


SCANNED = (60, 360, 1440, 10_080)
"""Panes of the four windows."""


def scan(sums: Sums) -> np.ndarray:
    """The least score z over four windows and all groups; (panes, runs). Its threshold is found by simulation."""
    least = np.zeros((len(sums.n) - 1, sums.n.shape[1]))
    for length in SCANNED:
        if length < len(sums.n):
            ends, n, k = sums.window(length)
            least[ends - 1] = np.minimum(least[ends - 1], score(n, k).min(axis=2))
    return least


def score(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The score z of each group's ratio to the first's against 0.8 (Miettinen and Nurminen); 0 without events."""
    n_g, n_r = (values.astype(np.float64) for values in (n[..., 1:], n[..., :1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = (np.clip(hits / total, 1e-9, 1 - 1e-9) for hits, total in ((k[..., 1:], n_g), (k[..., :1], n_r)))
        g, r = nearest_ratio(p, q, n_g, n_r, np.array(TAU))
        z = (p - TAU * q) / np.sqrt(g * (1 - g) / n_g + TAU * TAU * r * (1 - r) / n_r)
    return np.where(np.isfinite(z), z, 0.0)


def _spread(panes: int, ends: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Flags at the last pane of each window; a tumbling window's stays until the next."""
    out = np.zeros((panes, flags.shape[1]), dtype=bool)
    if len(ends) > 1 and ends[1] - ends[0] > 1:
        long = np.repeat(flags, ends[1] - ends[0], axis=0)
        begin = int(ends[0]) - 1
        out[begin:] = long[: panes - begin]
    else:
        out[ends - 1] = flags
    return out
