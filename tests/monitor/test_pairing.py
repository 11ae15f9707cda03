"""The farthest pair is found among the outer groups alone: what looking at every pair finds."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.assess import Plan, assess, attribute_sets
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.grouping import CellInfo
from monitor.metric import Sums
from monitor.metrics import registry
from monitor.sums import DECISIONS
from monitor.tallies import Pair

OUTER = ("selection_rate_z", "selection_rate_log_ratio_z", "selection_rate_cohens_d", "standardised_mean_difference")
GROUP = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(-3, 3), st.integers(0, 9))


def sums_of(rows: list[tuple[int, int, int, int]]) -> Sums:
    matrix = DECISIONS.zeros(len(rows))
    for at, (n, favourable, mean, spread) in enumerate(rows):
        known = {
            "events": n, "decided": n, "favourable": min(favourable, n), "valued": n, "value": mean * n,
            "value_sq_lo": (mean**2 + spread * (n > 1)) * n,
        }  # fmt: skip
        for slot, number in known.items():
            matrix[at, DECISIONS.index(slot)] = number
    return Sums(DECISIONS, matrix)


@pytest.mark.parametrize("name", OUTER)
@settings(max_examples=60, deadline=None)
@given(st.lists(GROUP, min_size=2, max_size=14))
def test_the_farthest_pair(name: str, rows: list[tuple[int, int, int, int]]) -> None:
    sums = sums_of(rows)
    pair = registry()[name].tally(sums)
    assert isinstance(pair, Pair)
    assert pair.outer is not None
    with np.errstate(all="ignore"):
        apart = {
            two: float(pair.distance(pair.sums.take([two[0]]), pair.sums.take([two[1]])).value[0])
            for two in combinations([at for at, row in enumerate(rows) if row[0] > 0], 2)
        }
    cells = [CellInfo(at, "v1", "live", {"a": f"{at:02}"}) for at in range(len(rows))]
    plan = Plan("m", attribute_sets(["a"], 1), (name,), (DisparitySpec(Aggregate.DIFFERENCE, Method.BETWEEN_GROUPS),))
    (gap,) = assess(cells, sums.matrix, None, plan).gaps
    value = gap.estimates.value[0, 0]
    known = [each for each in apart.values() if not np.isnan(each)]
    if not known or np.isinf(max(known)):
        assert np.isnan(value)
    else:
        assert value == pytest.approx(max(known), rel=1e-12)
