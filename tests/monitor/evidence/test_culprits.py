"""e-d-BH by hand."""

import numpy as np
import pytest

from monitor.evidence.culprits import culprits


@pytest.mark.parametrize(
    ("logs", "named"),
    [
        ([5.0 + np.log(4) - 0.01, 0.0, 0.0, 0.0], [False] * 4),
        ([5.0 + np.log(4), 0.0, 0.0, 0.0], [True, False, False, False]),
        ([5.0 + np.log(2), 0.0, 5.0 + np.log(2), 0.0], [True, False, True, False]),
        ([5.0, 5.0, 5.0, 5.0], [True] * 4),
        ([5.0, 5.0, 5.0, 4.9], [False] * 4),
    ],
)
def test_the_mth_needs_g_over_m_times_the_threshold(logs: list[float], named: list[bool]) -> None:
    assert culprits(np.exp(np.array(logs) + 1e-12), 5.0).tolist() == named
