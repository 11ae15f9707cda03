"""The quick way for the usual family against the general one, which enumeration and an optimiser have checked."""

import numpy as np
import pytest

from monitor.evidence import Reference, Spec, State
from monitor.evidence.layout import layout_of
from monitor.evidence.learning import Counts, learn
from monitor.evidence.plain import scores
from monitor.evidence.scoring import Drift, against, log_evalues, suspicions

SPECS = [Spec(("r", "b", "c"), lower=0.8, reference="r"), Spec(tuple("abcd"), lower=1.0, reference=Reference.REST)]


@pytest.mark.parametrize("spec", SPECS, ids=["to a group", "to the rest"])
def test_the_quick_way_leads_to_the_same(spec: Spec) -> None:
    rng, groups = np.random.default_rng(4), len(spec.groups)
    n = rng.poisson(rng.choice([0.3, 5.0, 4000.0], (300, 1, groups))).astype(np.float64)
    k = rng.binomial(n.astype(int), rng.uniform(0, 1, (300, 1, 1))).astype(np.float64)
    layout, state = layout_of(spec), State.empty(spec)
    counts: Counts = against(layout, (n, k, k), state.chosen)
    learned = learn(layout, state, counts, np.zeros((300, 1)))

    shape = (300, layout.stakes, layout.size)
    out = Drift.blank(shape)
    quick = scores(layout, counts, learned, out)

    assert layout.plain
    assert quick == pytest.approx(log_evalues(layout, counts, learned), rel=1e-9, abs=1e-8)
    assert np.all(quick[((counts.n == 0) | (counts.n_r == 0)).repeat(layout.stakes, axis=1)] == 0)
    with np.errstate(divide="ignore"):
        general = suspicions(layout, counts, learned)
        for what in ("news", "distance", "level", "lead"):
            assert getattr(out, what) == pytest.approx(getattr(general, what), rel=1e-9, abs=1e-9), what


def test_only_the_usual_family_goes_the_quick_way() -> None:
    assert layout_of(SPECS[0]).plain
    for other in (
        Spec(("r", "b"), upper=1.25, reference="r"),
        Spec(("r", "b"), lower=1.2, reference="r"),
        Spec(("r", "b"), lower=0.8, reference="r", strata=2),
        Spec(("r", "b"), lower=0.8, reference=Reference.OVERALL),
    ):
        assert not layout_of(other).plain
