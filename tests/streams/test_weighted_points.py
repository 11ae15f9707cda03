"""A model that weighs its decisions, on a real Postgres: what the views show is weighted, by the hour, and revised."""

from collections.abc import Iterator, Mapping

import pytest
import sqlalchemy as sa

from monitor.sums import Basis
from streams.database import engine
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run_on

MINUTE, HOUR = 60_000, 3_600_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z

CONFIG = """
models:
  - name: claims
    windows: [5m, 1h]
    attributes: {sex: {values: [F, M], reference: M}}
    weights: {resolution: 0.01}
    display_min: 1
    max_lateness: 4h
    join_horizon: 6h
"""

GROUPS = """
select metric, value, n, numerator, denominator, revision from fairness_group where version = '*'
and window_end = to_timestamp(:end / 1000.0) and time_basis = :basis and group_values = '{"sex": "F"}' order by 1
"""
GAPS = """
select metric, value, n, lower_group ->> 'sex' from fairness_disparity where version = '*' and aggregate = 'ratio'
and method = 'to_reference' and window_end = to_timestamp(:end / 1000.0) and time_basis = :basis order by 1
"""


@pytest.fixture
def db(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setattr("streams.evaluation.REVISE_EVERY", 0.0)
    made = engine(database, name="tests")
    yield made
    made.dispose()


def weighed(**counted: tuple[int, int]) -> Mapping[str, int]:
    """The slots of so many decisions that weigh so much together, in hundredths, each as much as the others."""
    sums: dict[str, int] = {}
    for slot, (n, weight) in counted.items():
        square = n * (weight // n) ** 2 if n else 0
        sums |= {slot: n, f"{slot}_weight": weight, f"{slot}_weight_sq_lo": square}
    return sums


def decide(counted: Counted) -> tuple[int, int]:
    """Half of twenty women are favoured, with a quarter of the weight; three quarters of ten men, by weight too."""
    women, men = counted.cell("claims", {"sex": "F"}), counted.cell("claims", {"sex": "M"})
    counted.decisions(T0, women, 20, 10)
    counted.decisions(T0, men, 10, 5)
    sums = weighed(events=(20, 8000), decided=(20, 8000), favourable=(10, 2000))
    counted.set(Basis.WEIGHTS_DECISION, T0, women, sums)
    sums = weighed(events=(10, 1000), decided=(10, 1000), favourable=(5, 750))
    counted.set(Basis.WEIGHTS_DECISION, T0, men, sums)
    return women, men


def test_points_are_of_weights_and_n_is_of_people(db: sa.Engine) -> None:
    counted = Counted(db)
    decide(counted)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG)
    assert query(db, GROUPS, end=T0 + HOUR, basis="decision") == [("selection_rate", 0.25, 20, 20.0, 80.0, 0)]
    ((metric, ratio, n, lower),) = query(db, GAPS, end=T0 + HOUR, basis="decision")
    assert (metric, n, lower) == ("selection_rate", 30, "F")
    assert ratio == pytest.approx(0.25 / 0.75)
    stored = query(db, "select distinct window_seconds from fairness_group")
    assert stored == [(3600,)], "weights are kept by the hour: no window of five minutes"


def test_labels_by_both_times_and_a_revision_when_they_are_late(db: sa.Engine) -> None:
    counted = Counted(db)
    women, _ = decide(counted)
    labels = weighed(labelled=(10, 4000), tp=(5, 1000), fn=(5, 3000), positive=(10, 4000))
    counted.set(Basis.WEIGHTS_LABEL_DECIDED, T0, women, labels)
    counted.set(Basis.WEIGHTS_LABEL_ARRIVED, T0, women, labels)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG)
    rate = ("true_positive_rate", 0.25, 10, 10.0, 40.0, 0)
    for basis in ("decision", "outcome"):
        assert [row for row in query(db, GROUPS, end=T0 + HOUR, basis=basis) if row[0] == rate[0]] == [rate]
    late = weighed(labelled=(20, 8000), tp=(10, 4000), fn=(10, 4000), positive=(20, 8000))
    counted.set(Basis.WEIGHTS_LABEL_DECIDED, T0, women, late)
    counted.commit(T0 + 7 * HOUR + MINUTE, T0 + 7 * HOUR + MINUTE)
    run_on(db, CONFIG)
    found = [row for row in query(db, GROUPS, end=T0 + HOUR, basis="decision") if row[0] == rate[0]]
    assert found == [("true_positive_rate", 0.5, 20, 40.0, 80.0, 1)]


def test_errors_are_of_weights_too(db: sa.Engine) -> None:
    """Of 10 and 30, predicted 15 and 24, with weights 1 and 3: sizes (5 + 3 x 6) / (10 + 3 x 30), and the shares .5 and .2."""
    counted = Counted(db)
    women = counted.cell("claims", {"sex": "F"})
    counted.decisions(T0, women, 2, 0)
    both = {"compared": 2, "compared_weight": 400, "compared_weight_sq_lo": 100**2 + 300**2}
    both |= {slot.replace("compared", "relative"): n for slot, n in both.items()}
    sums = {
        "relative_error_w": 100 * 500_000 + 300 * 200_000,
        "relative_error_ww": 100**2 * 500_000 + 300**2 * 200_000,
        "relative_error_ww_sq": (100 * 500_000) ** 2 + (300 * 200_000) ** 2,
        "error_abs_w": 100 * 500 + 300 * 600,
        "error_abs_ww_sq": (100 * 500) ** 2 + (300 * 600) ** 2,
        "outcome_abs_w": 100 * 1000 + 300 * 3000,
        "outcome_abs_ww_sq": (100 * 1000) ** 2 + (300 * 3000) ** 2,
        "error_outcome_ww": 100**2 * 500 * 1000 + 300**2 * 600 * 3000,
    }
    digits = {f"{name}_{at}": total >> 31 * at & 2**31 - 1 for name, total in sums.items() for at in range(2)}
    config = CONFIG.replace("    weights:", "    metrics: [mape, wape]\n    weights:")
    for basis in (Basis.WEIGHTS_ERRORS_DECIDED, Basis.WEIGHTS_ERRORS_ARRIVED):
        counted.set(basis, T0, women, both | digits)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, config)
    for time_basis in ("decision", "outcome"):
        found = {row[0]: row[1:3] for row in query(db, GROUPS, end=T0 + HOUR, basis=time_basis)}
        assert found == {
            "mean_absolute_percentage_error": (pytest.approx((0.5 + 3 * 0.2) / 4), 2),
            "weighted_absolute_percentage_error": (pytest.approx(0.23), 2),
        }


def test_histograms_are_of_weights_too(db: sa.Engine) -> None:
    """Women score .2 and .6 with weights 3 and 1, men .6: three quarters of the women's weight lie below all of the men's.

    Of a woman of .6 that came true and weighs 1, and one of .6 and one of .2 that did not, 1 and 3: (3 + 1 / 2) / 4 in order.
    """
    counted = Counted(db)
    women, men = counted.cell("claims", {"sex": "F"}), counted.cell("claims", {"sex": "M"})
    counted.decisions(T0, women, 2, 0)
    one = {"scored": 2, "weight_sq_lo": 100**2 + 300**2, "score_bin_20": 300, "score_bin_60": 100}
    counted.set(Basis.WEIGHTS_SCORES, T0, women, one)
    counted.set(Basis.WEIGHTS_SCORES, T0, men, {"scored": 1, "weight_sq_lo": 100**2, "score_bin_60": 100})
    labelled = {"scored_positive": 1, "scored_negative": 2, "weight_sq_lo": 2 * 100**2 + 300**2}
    bins = {"positive_bin_60": 100, "negative_bin_60": 100, "negative_bin_20": 300}
    for basis in (Basis.WEIGHTS_SCORES_DECIDED, Basis.WEIGHTS_SCORES_ARRIVED):
        counted.set(basis, T0, women, labelled | bins)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG.replace("    weights:", "    metrics: [roc_auc, score_ks_distance]\n    weights:"))
    for time_basis in ("decision", "outcome"):
        assert query(db, GROUPS, end=T0 + HOUR, basis=time_basis)[0][:3] == ("roc_auc", pytest.approx(3.5 / 4), 1)
    gaps = query(db, GAPS.replace("'ratio'", "'difference'"), end=T0 + HOUR, basis="decision")
    assert [row[:3] for row in gaps if row[0] == "score_ks_distance"] == [("score_ks_distance", pytest.approx(0.75), 3)]


def test_means_are_of_weights_too(db: sa.Engine) -> None:
    """Limits of 10 and 40 with weights 1 and 3: 130 / 4, and a score of .5 with the first alone; an event of each weight."""
    counted = Counted(db)
    women = counted.cell("claims", {"sex": "F"})
    counted.decisions(T0, women, 2, 1)
    sums = {"events": 2, "events_weight": 400, "events_weight_sq_lo": 100**2 + 300**2}
    sums |= {slot.replace("events", "valued"): n for slot, n in sums.items()}
    sums |= {"scored": 1, "scored_weight": 100, "scored_weight_sq_lo": 100**2, "score_w_0": 100 * 500_000}
    products = {
        "w": 100 * 1000 + 300 * 4000,
        "ww": 100**2 * 1000 + 300**2 * 4000,
        "w_sq": 100 * 1000**2 + 300 * 4000**2,
    }
    for kind, total in (products | {"ww_sq": 100**2 * 1000**2 + 300**2 * 4000**2}).items():
        sums |= {f"value_{kind}_0": total % 2**31, f"value_{kind}_1": total >> 31}
    counted.set(Basis.WEIGHTS_DECISION, T0, women, sums)
    counted.commit(T0 + HOUR + MINUTE, T0 + HOUR + MINUTE)
    run_on(db, CONFIG)
    found = {row[0]: row[1:] for row in query(db, GROUPS, end=T0 + HOUR, basis="decision")}
    assert found["mean_value"] == (32.5, 2, 130.0, 4.0, 0)
    assert found["mean_score"] == (0.5, 1, 0.5, 1.0, 0)
