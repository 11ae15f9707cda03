"""E-values of one pane: golden numbers of the study, exact enumeration of the guarantee, an independent optimiser."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from monitor.evidence.evalues import Sums, best_stake, log_mean, log_ratio, nearest_difference, nearest_ratio

GOLDEN = {
    (1, 10, 12, 40, 0.15, 0.30): 0.46271417,
    (0, 1, 1, 1, 0.2, 0.5): 0.39041390,
    (18, 100, 30, 100, 0.20, 0.30): 0.54277209,
    (5, 7, 3, 10, 0.21, 0.30): -0.39500490,
    (200, 1000, 300, 1000, 0.21, 0.30): 2.48976660,
}


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([float(value)]) for value in values]


def log_e(counts: tuple, alternative: tuple[float, float], slope: float, offset: float) -> np.ndarray:
    k_g, n_g, k_r, n_r = (np.asarray(value, float) for value in counts)
    a, b, t, c = arrays(*alternative, slope, offset)
    if offset:
        g, r = nearest_difference(a, b, n_g, n_r, c)
    else:
        g, r = nearest_ratio(a, b, n_g, n_r, t)
    return log_ratio(k_g, n_g, a, g) + log_ratio(k_r, n_r, b, r)


@pytest.mark.parametrize(("case", "expected"), GOLDEN.items())
def test_golden_evalues_of_the_ratio(case: tuple, expected: float) -> None:
    assert log_e(case[:4], case[4:], 0.8, 0.0)[0] == pytest.approx(expected, abs=5e-9)


def test_golden_evalue_of_the_difference() -> None:
    assert log_e((8, 50, 65, 200), (0.2, 0.3), 1.0, -0.05)[0] == pytest.approx(0.99727372, abs=5e-9)


@pytest.mark.parametrize("line", [(0.8, 0.0), (1.25, 0.0), (1.0, -0.1), (1.0, 0.1)])
@pytest.mark.parametrize(("a", "b"), [(0.05, 0.3), (0.2, 0.9), (0.6, 0.5), (0.95, 0.7), (1e-6, 0.02)])
@pytest.mark.parametrize(("n_g", "n_r"), [(1, 1), (3, 400), (5000, 7)])
def test_the_nearest_point_is_the_one_that_an_optimiser_finds(line, a, b, n_g, n_r) -> None:
    slope, offset = line

    def distance(r: float) -> float:
        g = slope * r + offset
        return n_g * kl(a, g) + n_r * kl(b, r)

    low, high = max(0.0, -offset / slope), min(1.0, (1.0 - offset) / slope)
    found = minimize_scalar(distance, bounds=(low + 1e-12, high - 1e-12), method="bounded", options={"xatol": 1e-13})
    values = arrays(a, b, n_g, n_r)
    g, r = nearest_difference(*values, *arrays(offset)) if offset else nearest_ratio(*values, *arrays(slope))

    assert g[0] == pytest.approx(slope * r[0] + offset, abs=1e-12)
    assert distance(r[0]) <= distance(float(found.x)) + 1e-9 * (n_g + n_r)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def expectation(n_g: int, n_r: int, alternative, line, truth) -> float:
    """Exact E[E] over all outcomes of a pane."""
    p, q = truth
    k_g, k_r = np.meshgrid(np.arange(n_g + 1), np.arange(n_r + 1), indexing="ij")
    chance = binom.pmf(k_g, n_g, p) * binom.pmf(k_r, n_r, q)
    counts = (k_g, np.full_like(k_g, n_g), k_r, np.full_like(k_r, n_r))
    return float((chance * np.exp(log_e(counts, alternative, *line))).sum())


@pytest.mark.parametrize("line", [(0.8, 0.0), (1.0, 0.0), (1.25, 0.0), (1.0, -0.1), (1.0, 0.05)])
def test_no_pane_earns_anything_where_the_rule_holds(line: tuple[float, float]) -> None:
    slope, offset = line
    worst = 0.0
    for (n_g, n_r), b, share in product([(1, 1), (3, 9), (5, 5), (12, 4), (2, 12)], [0.1, 0.4, 0.88], [0.3, 0.7, 0.95]):
        at = slope * b + offset
        for low in (True, False):
            a = at * share if low else 1.0 - (1.0 - at) * share
            if not 0.0 < a < 1.0 or not 0.0 < at < 1.0:
                continue
            for q in np.linspace(0.02, 0.98, 9):
                bound = slope * q + offset
                truths = [bound, min(1.0, bound + 0.1)] if low else [bound, bound - 0.1]
                for p in truths:
                    if 0.0 <= p <= 1.0 and ((p >= bound) if low else (p <= bound)):
                        worst = max(worst, expectation(n_g, n_r, (a, b), line, (p, q)))

    assert 0.99 < worst <= 1.0 + 1e-9


def test_people_of_one_pane_may_differ_as_long_as_their_average_keeps_the_rule() -> None:
    p, q = [0.0, 0.72, 0.72], [0.9, 0.3]
    total = 0.0
    for outcome in product([0, 1], repeat=5):
        chance = math.prod(x if hit else 1 - x for hit, x in zip(outcome, p + q, strict=True))
        total += chance * math.exp(log_e((sum(outcome[:3]), 3, sum(outcome[3:]), 2), (0.3, 0.6), 0.8, 0.0)[0])

    assert sum(p) / 3 == pytest.approx(0.8 * sum(q) / 2)
    assert total <= 1.0 + 1e-12


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("line", [(0.8, 0.0), (1.0, 0.05), (1.25, 0.0)])
def test_means_earn_nothing_at_the_bound(sign: float, line: tuple[float, float]) -> None:
    """Monte Carlo over 200,000 panes of skewed scores whose means lie on the line, at stakes of all sizes."""
    rng = np.random.default_rng(5)
    slope, offset = line
    centre = 0.4
    y = rng.beta(2, 2 * (1 - centre) / centre, (200_000, 12))
    target = slope * centre + offset
    x = rng.beta(1, (1 - target) / target, (200_000, 5))
    group, reference = (Sums(np.array(v.shape[1]), v.sum(1), (v**2).sum(1), *arrays(0.45, 0.05)) for v in (x, y))
    for gap in (0.01, 0.1, 0.3):
        stake = best_stake(group, reference, np.array(slope), np.array(gap), np.array(sign))
        e = np.exp(log_mean(group, reference, (np.array(slope), np.array(offset)), stake, np.array(sign)))
        assert e.mean() <= 1.0 + 4 * e.std() / math.sqrt(len(e))


@pytest.mark.parametrize(("slope", "offset", "sign"), [(0.8, 0.0, -1.0), (1.25, 0.0, 1.0), (1.0, -0.1, -1.0)])
def test_means_of_coins_earn_nothing_exactly(slope: float, offset: float, sign: float) -> None:
    """Values of 0 and 1 are the worst shape for a bet: E[E] over all outcomes of 4 and 9 events, whatever was expected before."""
    worst = 0.0
    k_g, k_r = np.meshgrid(np.arange(5.0), np.arange(10.0), indexing="ij")
    for mean, gap, centre, variance in product((0.2, 0.5, 0.7), (0.01, 0.1, 0.4), (0.1, 0.5, 0.9), (0.002, 0.2)):
        chance = binom.pmf(k_g, 4, slope * mean + offset) * binom.pmf(k_r, 9, mean)
        group, reference = (
            Sums(n, k, k, *arrays(centre, variance)) for n, k in ((4.0 + 0 * k_g, k_g), (9.0 + 0 * k_r, k_r))
        )
        stake = best_stake(group, reference, *arrays(slope, gap, sign))
        e = np.exp(log_mean(group, reference, (np.array(slope), np.array(offset)), stake, np.array(sign)))
        worst = max(worst, float((chance * e).sum()))

    assert 0.95 < worst <= 1.0 + 1e-9


def test_the_mean_evalue_by_hand() -> None:
    """n 2 and 3, sums 0.5 and 1.8, squares 0.13 and 1.1, centres 0.3 and 0.5, stake 1 against mean x >= mean y - 0.1.

    gain = 0.6 - 0.1 - 0.25 = 0.25; V_x = 0.13 - 0.3 + 0.18 = 0.01, V_y = 1.1 - 1.8 + 0.75 = 0.05. A bet on low x loses most at 1, 0.7
    from its centre, one on high y at 0, 0.5 from it: (-ln(1 - 0.35) - 0.35) / 0.49 = 0.1648630 for the bet of 1/2 on each of x,
    (-ln(1 - 1/6) - 1/6) / 0.25 = 0.0626196 for that of 1/3 on each of y.
    """
    x = Sums(*arrays(2, 0.5, 0.13, 0.3, 0.01))
    y = Sums(*arrays(3, 1.8, 1.1, 0.5, 0.02))
    value = log_mean(x, y, (np.array([1.0]), np.array([-0.1])), np.array([1.0]), np.array([-1.0]))

    assert value[0] == pytest.approx(0.25 - 0.05 * 0.0626196 - 0.01 * 0.1648630, abs=1e-7)


@pytest.mark.parametrize("gap", [0.002, 0.03, 0.2])
@pytest.mark.parametrize(("n_g", "n_r"), [(1, 40), (12, 7), (300, 2000)])
def test_the_best_stake_is_the_one_that_an_optimiser_finds(gap: float, n_g: int, n_r: int) -> None:
    """Growth at the expected sums: of the group's mean 0.3 - gap, the reference's 0.375 (line 0.8), variances 0.01 and 0.02."""
    a, b, sign = 0.3 - gap, 0.375, np.array([-1.0])
    x = Sums(*arrays(n_g, n_g * a, n_g * (0.01 + a * a), a, 0.01))
    y = Sums(*arrays(n_r, n_r * b, n_r * (0.02 + b * b), b, 0.02))

    def growth(stake: float) -> float:
        return float(log_mean(x, y, (np.array([0.8]), np.zeros(1)), np.array([stake]), sign)[0])

    most = min(n_g / (1 - a), n_r / (0.8 * b))
    found = minimize_scalar(lambda stake: -growth(stake), bounds=(0.0, most * (1 - 1e-9)), method="bounded")
    mine = growth(float(best_stake(x, y, np.array(0.8), np.array(gap), sign)[0]))
    assert mine == pytest.approx(-float(found.fun), rel=2e-3)
