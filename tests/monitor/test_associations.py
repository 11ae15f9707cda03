"""Associations: equal to SciPy and scikit-learn before the correction, near zero without any, with intervals that cover."""

import numpy as np
import pytest
from scipy.stats import contingency
from sklearn.metrics import mutual_info_score

from monitor.associations import association, cramers_v, crossed, mutual_information

TABLE = np.array([[30, 10, 5], [10, 40, 25]])


def test_before_the_correction_it_is_scipys() -> None:
    assert cramers_v(TABLE[None].astype(float), 0)[0] != 0
    plain = np.sqrt(contingency.chi2_contingency(TABLE, correction=False).statistic / TABLE.sum() / 1)
    assert contingency.association(TABLE, method="cramer") == pytest.approx(plain)
    r, c, n = 2, 3, int(TABLE.sum())
    corrected = np.sqrt((plain**2 - (r - 1) * (c - 1) / (n - 1)) / (r - (r - 1) ** 2 / (n - 1) - 1))
    assert cramers_v(TABLE[None].astype(float))[0] == pytest.approx(corrected)


def test_before_the_correction_it_is_scikit_learns() -> None:
    nats = mutual_info_score(None, None, contingency=TABLE)
    bits = mutual_information(TABLE[None].astype(float), 0)[0]
    assert bits == pytest.approx(nats / np.log(2))
    assert mutual_information(TABLE[None].astype(float))[0] == pytest.approx(bits - 2 / (2 * 120 * np.log(2)))


def test_each_tells_the_other() -> None:
    found = association(np.diag([500, 300, 200]), np.random.default_rng(1))
    assert found is not None
    assert found.cramers_v.value == pytest.approx(1.0, abs=0.002)
    assert found.told == pytest.approx(1.0, abs=0.01)


def test_independence_is_near_zero_where_the_plain_value_is_not() -> None:
    """20 levels and 400 rows: plain V has mean sqrt(19/399) = .22 under independence."""
    draws = np.random.default_rng(2)
    plain, corrected = [], []
    for _ in range(200):
        table = draws.multinomial(400, np.full(40, 1 / 40)).reshape(2, 20)
        plain.append(cramers_v(table[None].astype(float), 0)[0])
        corrected.append(cramers_v(table[None].astype(float))[0])
    assert np.mean(plain) == pytest.approx(0.22, abs=0.02)
    assert np.median(corrected) < 0.06


def test_the_interval_covers() -> None:
    """A known V: rows (.5, .5), columns with P(x | row) of (.65, .35) and (.35, .65): phi = .3."""
    draws = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        table = draws.multinomial(1000, [0.325, 0.175, 0.175, 0.325]).reshape(2, 2)
        found = association(table, draws, resamples=200)
        assert found is not None
        covered += found.cramers_v.low <= 0.3 <= found.cramers_v.high
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize("table", [[[5, 0], [7, 0]], [[5, 6]], [[0, 0], [0, 0]]])
def test_one_level_tells_nothing(table: list[list[int]]) -> None:
    assert association(np.array(table), np.random.default_rng(4)) is None


def test_crossed_leaves_the_unknown_out() -> None:
    one, other = np.array([0, 1, 1, -1, 0]), np.array([1, 0, -1, 0, 1])
    assert crossed(one, other, (2, 2)).tolist() == [[0, 2], [1, 0]]
