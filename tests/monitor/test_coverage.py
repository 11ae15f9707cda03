"""Intervals of numbers of two or all groups hold the truth as often as they say: seeded simulation.

The truth is the metric of the shares themselves (a hundred million events); that values are right is what the contracts
test. Those that are conservative by construction may hold it more often.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from monitor.metric import Sums
from monitor.metrics import registry
from monitor.sums import DECISIONS, LABELS, VALUES, Ints
from monitor.tallies import Contrast, Index, Pair

TIMES = 2_000
CONFIDENCE = 0.95
LARGE = 10**8

Shares = Sequence[tuple[float, float, float, float]]
"""Of tp, fp, fn, tn in each group."""

EQUAL: Shares = [(0.3, 0.1, 0.1, 0.5)] * 4
UNEQUAL: Shares = [(0.3, 0.1, 0.1, 0.5), (0.2, 0.2, 0.15, 0.45), (0.4, 0.05, 0.15, 0.4), (0.25, 0.1, 0.2, 0.45)]
SIZES = (400, 300, 200, 150)


def labels(counts: Ints) -> Sums:
    """From counts of tp, fp, fn, tn along the last axis."""
    matrix = np.zeros((*counts.shape[:-1], len(LABELS)), dtype=np.int64)
    for at, slot in enumerate(("tp", "fp", "fn", "tn")):
        matrix[..., LABELS.index(slot)] = counts[..., at]
    matrix[..., LABELS.index("positive")] = counts[..., 0] + counts[..., 2]
    matrix[..., LABELS.index("negative")] = counts[..., 1] + counts[..., 3]
    return Sums(LABELS, matrix)


def decisions(k: Ints, n: Ints) -> Sums:
    matrix = np.zeros((*k.shape, len(DECISIONS)), dtype=np.int64)
    for slot, numbers in (("events", n), ("decided", n), ("favourable", k)):
        matrix[..., DECISIONS.index(slot)] = numbers
    return Sums(DECISIONS, matrix)


def held(found: Contrast, truth: float) -> float:
    """How often the interval holds the truth."""
    assert found.limits is not None
    low, high = found.limits(np.full(np.shape(found.value), CONFIDENCE))
    assert np.all((low <= found.value + 1e-9) & (high >= found.value - 1e-9))
    return float(np.mean((low <= truth + 1e-12) & (truth <= high + 1e-12)))


INDICES = {
    "between_group_generalized_entropy": 0.93,
    "between_group_theil_index": 0.93,
    "between_group_coefficient_of_variation": 0.93,
    "mutual_information_separation": 0.93,
    "mutual_information_sufficiency": 0.93,
    "equalized_odds_mean": 0.95,
    "equalized_odds_mean_ratio": 0.95,
    "bias_amplification": 0.95,
}
"""The least share that must hold: 0.93 of the delta method, whose level is approximate."""


@pytest.mark.parametrize("shares", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("name", list(INDICES))
def test_indices(name: str, shares: Shares) -> None:
    rng = np.random.default_rng(11)
    of = registry()[name].tally
    exact, drawn = (
        labels(np.array(counts))
        for counts in (
            np.rint(LARGE * np.array(SIZES)[:, None] * np.array(shares)).astype(np.int64)[None],
            [[rng.multinomial(n, share) for n, share in zip(SIZES, shares, strict=True)] for _ in range(TIMES)],
        )
    )
    made = of(drawn)
    assert isinstance(made, Index)
    truth = made.index(exact, np.ones((1, 4), dtype=bool)).value[0]
    assert held(made.index(drawn, np.ones((TIMES, 4), dtype=bool)), truth) >= INDICES[name]


@pytest.mark.parametrize("rates", [(0.4, 0.4, 0.4), (0.3, 0.45, 0.35)], ids=str)
def test_information_of_decisions(rates: tuple[float, ...]) -> None:
    rng = np.random.default_rng(12)
    n = np.array([500, 300, 200])
    made = registry()["mutual_information_independence"].tally
    drawn = decisions(rng.binomial(n, rates, (TIMES, 3)), np.broadcast_to(n, (TIMES, 3)))
    index = made(drawn)
    assert isinstance(index, Index)
    exact = decisions(np.rint(LARGE * n * np.array(rates)).astype(np.int64)[None], (LARGE * n)[None])
    truth = index.index(exact, np.ones((1, 3), dtype=bool)).value[0]
    assert held(index.index(drawn, np.ones((TIMES, 3), dtype=bool)), truth) >= 0.93


@pytest.mark.parametrize("name", ["selection_rate_z", "selection_rate_cohens_d", "selection_rate_log_ratio_z"])
@pytest.mark.parametrize(("p", "q"), [(0.3, 0.3), (0.3, 0.45), (0.08, 0.2)])
def test_standard_deviations(name: str, p: float, q: float) -> None:
    """z is that of these numbers: 120 and 90 decisions."""
    rng = np.random.default_rng(13)
    n, m = np.full(TIMES, 120), np.full(TIMES, 90)
    x, y = decisions(rng.binomial(n, p), n), decisions(rng.binomial(m, q), m)
    pair = registry()[name].tally(x)
    assert isinstance(pair, Pair)
    pooled = (120 * p + 90 * q) / 210
    spread = {
        "selection_rate_z": np.sqrt(pooled * (1 - pooled) * (1 / 120 + 1 / 90)),
        "selection_rate_cohens_d": np.sqrt((120 * p * (1 - p) + 90 * q * (1 - q)) / 208),
    }
    truth = {"selection_rate_log_ratio_z": abs(np.log(p / q)) / np.sqrt((1 - pooled) / pooled * (1 / 120 + 1 / 90))}
    sides = (made.sums for made in (pair, registry()[name].tally(y)) if isinstance(made, Pair))
    assert held(pair.distance(*sides), truth.get(name, abs(p - q) / spread.get(name, 1.0))) >= 0.93


@pytest.mark.parametrize("name", ["label_kl_divergence", "label_js_divergence"])
@pytest.mark.parametrize(("p", "q"), [(0.4, 0.4), (0.4, 0.55), (0.05, 0.2)])
def test_divergences(name: str, p: float, q: float) -> None:
    rng = np.random.default_rng(14)

    def drawn(n: int, rate: float) -> Sums:
        positive = rng.binomial(n, rate, TIMES)
        return labels(np.stack([positive, n - positive, 0 * positive, 0 * positive], axis=-1))

    x, y = drawn(200, p), drawn(150, q)
    pair = registry()[name].tally(x)
    assert isinstance(pair, Pair)
    of = stats.entropy
    truth = {
        "label_kl_divergence": of([q, 1 - q], [p, 1 - p]),
        "label_js_divergence": (of([p, 1 - p], [(p + q) / 2, 1 - (p + q) / 2])
                                + of([q, 1 - q], [(p + q) / 2, 1 - (p + q) / 2])) / 2,
    }[name]  # fmt: skip
    assert held(pair.distance(x, y), truth) >= 0.95


@pytest.mark.parametrize(("p", "q"), [(UNEQUAL[0], UNEQUAL[1]), (EQUAL[0], EQUAL[0]), (UNEQUAL[2], UNEQUAL[3])])
def test_the_ratio_of_equalized_odds(p: tuple[float, ...], q: tuple[float, ...]) -> None:
    rng = np.random.default_rng(16)
    x, y = labels(rng.multinomial(400, p, TIMES)), labels(rng.multinomial(300, q, TIMES))
    pair = registry()["equalized_odds"].tally(x)
    assert isinstance(pair, Pair)
    assert pair.ratio is not None
    rates = [((a[0] / (a[0] + a[2])), (a[1] / (a[1] + a[3]))) for a in (p, q)]
    truth = min(min(one, other) / max(one, other) for one, other in zip(*rates, strict=True))
    assert held(pair.ratio(x, y), truth) >= 0.95


def test_conditional_demographic_disparity() -> None:
    """Two strata of which the second favours fewer, and more of the group are in it; 350 people each time."""
    rng = np.random.default_rng(17)
    n, rate = np.array([[60, 120], [90, 80]]), np.array([[0.6, 0.7], [0.25, 0.3]])  # (strata, group and others)

    def over(k: Any, of: Any) -> Any:
        """Of (strata, times, group and others); everybody of a stratum is their sum."""
        matrix = decisions(k, of).matrix
        whole = np.repeat(matrix.sum(axis=2, keepdims=True), 2, axis=2)
        matrix, whole = (each.reshape(2, -1, len(DECISIONS)) for each in (matrix, whole))
        function = registry()["demographic_disparity"].over_strata
        assert function is not None
        return function(Sums(DECISIONS, matrix, whole=whole))

    exact = over(np.rint(LARGE * n * rate).astype(np.int64)[:, None, :], (LARGE * n)[:, None, :])
    k = rng.binomial(n[:, None, :], rate[:, None, :], (2, TIMES, 2))
    found = over(k, np.broadcast_to(n[:, None, :], k.shape))
    group = np.arange(0, 2 * TIMES, 2)
    low, high = found.limits(group, np.full(TIMES, CONFIDENCE))
    assert np.all((low <= found.value[group]) & (found.value[group] <= high))
    assert np.mean((low <= exact.value[0]) & (exact.value[0] <= high)) >= 0.94


@pytest.mark.parametrize("name", ["quantile_demographic_drift", "largest_quantile_gap"])
@pytest.mark.parametrize("moved", [0, 15])
def test_quantile_gaps(name: str, moved: int) -> None:
    """Values in hundredths of a range of 0 to 1, of one group `moved` bins higher."""
    rng = np.random.default_rng(15)
    shape = stats.norm.pdf(np.arange(VALUES_BINS), 40, 8)
    shape /= shape.sum()
    other = np.roll(shape, moved)

    def binned(counts: Any) -> Sums:
        counts = np.atleast_2d(counts)
        none = np.zeros((len(counts), 1), dtype=np.int64)
        return Sums(VALUES, np.hstack([none, counts, none]))

    x, y = (binned(rng.multinomial(n, share, 500)) for n, share in ((300, shape), (200, other)))
    pair = registry()[name].tally(x)
    assert isinstance(pair, Pair)
    exact = [binned(np.rint(share * LARGE).astype(np.int64)) for share in (shape, other)]
    truth = pair.distance(*exact).value[0]
    assert truth == pytest.approx(moved / 100, abs=1e-6)
    assert held(pair.distance(x, y), truth) >= 0.94


VALUES_BINS = len(VALUES) - 2
