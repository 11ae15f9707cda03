"""What the study asks of an implementation (its section 4.4), with fewer runs; `make bench-evidence` has them all.

Enumeration and golden numbers are in `test_evalues.py` and `test_fold.py`, the learned sigma in `test_learning.py`.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from monitor.evidence import Panes, Spec, State, fold
from tests.benchmarks.evidence.runs import DETECTORS, Seen, detect
from tests.benchmarks.evidence.worlds import DAY, Flat, Path, Ratios, Restless, Wave, World
from tests.monitor.evidence.traffic import GROUPS, decisions, steady

OURS = next(iter(DETECTORS.values()))


def lived(ratios: Ratios, days: int, runs: int, seed: int) -> list[Seen]:
    """Pages and resolves of each run."""
    return detect(OURS, *World("", days * DAY, ratios).decisions(runs, seed))


def test_at_the_bound_nobody_is_paged() -> None:
    """60 run-days; the bound allows 10 (6 + 30) / 60 times 0.05 = 0.3 pages with all savings spent on them."""
    assert not any(one.onsets for one in lived(Flat(0.8), 6, 10, seed=11))


def test_a_change_in_a_tenth_is_one_page_and_one_resolve() -> None:
    path = Path(3, ((2 * DAY - 1, 0.9), (2 * DAY, 0.7), (3 * DAY - 1, 0.7), (3 * DAY, 0.9)))
    seen = lived(path, 4, 10, seed=12)

    assert np.median([one.delay(2 * DAY) for one in seen]) <= 81, "what the study's takes without tempering"
    assert all(len(one.onsets) == len(one.ends) == 1 for one in seen)
    assert all(one.onsets[0] >= 2 * DAY and one.ends[0] >= 3 * DAY for one in seen)


def test_hovering_at_the_bound_is_no_page() -> None:
    assert sum(len(one.onsets) for one in lived(Wave(3, 0.0, 24), 6, 10, seed=13)) <= 1


def test_restless_traffic_is_no_page() -> None:
    assert not any(one.onsets for one in lived(Restless(0.85, 0.05, 15), 6, 6, seed=14))


def test_how_events_are_spread_over_workers_does_not_matter() -> None:
    """Counts are integers and add up in doubles without rounding, in any order."""
    spec = Spec(GROUPS, lower=0.8, reference="a")
    n, k = decisions(np.arange(200), steady(np.arange(200), 0.8), seed=5)
    rng = np.random.default_rng(6)
    parts_n = rng.multinomial(n, [0.5, 0.3, 0.2])
    parts_k = rng.multivariate_hypergeometric
    shares = np.stack([np.zeros_like(n)] * 3)
    for place in np.ndindex(n.shape):
        shares[(slice(None), *place)] = parts_k(parts_n[place], int(k[place]))
    together = sum(shares[worker].astype(np.float64) for worker in (2, 0, 1))

    whole, _ = fold(spec, State.empty(spec), Panes(0, n, k))
    merged, _ = fold(spec, State.empty(spec), Panes(0, parts_n.sum(axis=-1), together))
    assert whole.to_bytes(spec) == merged.to_bytes(spec)


@pytest.mark.parametrize(
    ("age", "apparent"), [(0, 0.711), (1, 0.769), (3, 0.871), (7, 0.966), (14, 0.997), (21, 1.000)]
)
def test_label_lag_alone_looks_like_a_disparity(age: float, apparent: float) -> None:
    """Precision 0.6 in both groups; positives are labelled after 1 day (reference) or 3 (group), negatives after 2.

    Cohorts of one day, waiting times exponential: why precision is judged by matured cohorts only (DESIGN 7).
    """

    def precision(days_to_positive: float) -> float:
        positive, _ = quad(lambda t: 0.6 * (1 - np.exp(-t / days_to_positive)), age, age + 1)
        negative, _ = quad(lambda t: 0.4 * (1 - np.exp(-t / 2)), age, age + 1)
        return positive / (positive + negative)

    assert precision(3) / precision(1) == pytest.approx(apparent, abs=6e-4)


def test_the_yardstick_of_betting() -> None:
    """Chugg et al.'s test on their data: 1,105 pairs at 0.01 on the average of a thousand shuffles, as rerun by the study."""
    from tests.benchmarks.evidence import yardstick

    x, y = yardstick.shuffled(1000, seed=1)
    wealth = yardstick.betting(x, y)
    needed = [yardstick.pairs_needed(wealth, alpha).mean() for alpha in yardstick.ALPHAS]

    assert needed[1] == pytest.approx(1105, rel=0.05)
    assert all(strict > loose for strict, loose in pairwise(needed))
    gap = yardstick.CREDIT[2] / yardstick.CREDIT[3] - yardstick.CREDIT[0] / yardstick.CREDIT[1]
    assert (yardstick.betting(x, y - gap).max(axis=1) > np.log(20)).mean() <= 0.05
