"""Chugg et al.'s yardstick: credit default in four integers, and their betting test on it.

217 of 5,755 and 195 of 2,714 clients of two education groups (UCI credit default, a random forest, equal opportunity) were
refused. Their sequences are shuffled, so these integers are the whole data. Source: Chugg, Cortes-Gomez, Wilder and Ramdas,
"Auditing Fairness by Betting", NeurIPS 2023 (arXiv 2305.17570), Algorithm 1 with online Newton steps, one pair at a time.
"""

import math

import numpy as np

CREDIT = (217, 5755, 195, 2714)
ALPHAS = (0.005, 0.01, 0.02, 0.05, 0.1)
MEAN_PAIRS = {0.005: 1237, 0.01: 1113, 0.02: 984, 0.05: 800, 0.1: 670}
"""Mean pairs until rejection, as rerun by the study (1,000 shuffles; standard deviations 450 to 550)."""


def shuffled(runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(runs, 2,714) of each group."""
    rng = np.random.default_rng(seed)
    k_x, n_x, k_y, n_y = CREDIT
    x = rng.permuted(np.tile(np.arange(n_x) < k_x, (runs, 1)), axis=1)[:, :n_y]
    y = rng.permuted(np.tile(np.arange(n_y) < k_y, (runs, 1)), axis=1)
    return x.astype(np.float64), y.astype(np.float64)


def betting(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(runs, pairs): log wealth of the betting test; the first pair only starts it."""
    runs, pairs = x.shape
    wealth, bet, squares = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    rate, out = 2 / (2 - math.log(3)), np.zeros((runs, pairs))
    for pair in range(1, pairs):
        gain = x[:, pair] - y[:, pair]
        wealth += np.log1p(-bet * gain)
        out[:, pair] = wealth
        slope = gain / (1 - bet * gain)
        squares += slope * slope
        bet = np.clip(bet - rate * slope / (1 + squares), -0.5, 0.5)
    return out


def pairs_needed(log_wealth: np.ndarray, alpha: float) -> np.ndarray:
    """Pairs until rejection; all of them if it never comes."""
    over = log_wealth > math.log(1 / alpha)
    return np.where(over.any(axis=1), over.argmax(axis=1) + 1, log_wealth.shape[1])
