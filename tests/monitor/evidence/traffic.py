"""Made-up traffic for tests of evidence: seeded Poisson volumes and binomial decisions."""

from collections.abc import Callable

import numpy as np

SHARES = (0.40, 0.20, 0.15, 0.10, 0.08, 0.04, 0.02, 0.01)
GROUPS = tuple("abcdefgh")
DAY = 1440

Ratios = Callable[[np.ndarray], np.ndarray]


def decisions(panes: np.ndarray, ratios: np.ndarray, seed: int, a_day: float = 1e6) -> tuple[np.ndarray, np.ndarray]:
    """n and k of (panes, groups): traffic +-60% and base rate 0.30 +-10% over the day; `ratios` to the base rate."""
    rng = np.random.default_rng(seed)
    clock = 2 * np.pi * (panes % DAY) / DAY
    volume = a_day / DAY * (1 + 0.6 * np.sin(clock))
    rate = 0.30 * (1 + 0.1 * np.sin(clock + 1))
    n = rng.poisson(volume[:, None] * np.array(SHARES))
    return n, rng.binomial(n, np.clip(rate[:, None] * ratios, 0, 1))


def steady(panes: np.ndarray, ratio: float) -> np.ndarray:
    """Every group at `ratio` of the first."""
    ratios = np.full((len(panes), len(SHARES)), ratio)
    ratios[:, 0] = 1.0
    return ratios
