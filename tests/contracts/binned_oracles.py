"""Rows with scores, values and outcomes, their sums by definition, and what NumPy, scikit-learn and SciPy make of them.

Scores and values are binned here by their definition, and the libraries are given the binned rows where the metric is of
those.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn

from monitor.grouping import CellInfo
from monitor.metric import LAYOUTS_OF, Needs
from monitor.sums import Ints
from tests.acceptance.definition import (
    decision_sums,
    error_sums,
    hundredth,
    label_score_sums,
    label_sums,
    power_sums,
)
from tests.acceptance.parsing import Event

LOW, HIGH, UNIT = -50, 950, 0.5
"""The declared range of values in whole units, and a unit: bins are ten units wide."""


class Row(NamedTuple):
    """A labelled decision. `score` in millionths, values in units."""

    sex: str
    score: int | None
    label: bool | None
    value: int | None
    outcome: int | None


ROWS = st.lists(
    st.builds(
        Row,
        sex=st.sampled_from("FMX"),
        score=st.one_of(st.none(), st.sampled_from([0, 500_000, 10**6]), st.integers(0, 10**6)),
        label=st.sampled_from([True, False, None]),
        value=st.one_of(st.none(), st.integers(-100, 1000), st.integers(200, 230)),
        outcome=st.one_of(st.none(), st.sampled_from([0]), st.integers(-100, 1000)),
    ),
    min_size=1,
    max_size=60,
)
CELLS = [CellInfo(number, "1", "live", {"sex": sex}, {}) for number, sex in enumerate("FMX")]


def slot(value: int) -> str:
    if not LOW <= value <= HIGH:
        return "below_range" if value < LOW else "above_range"
    return f"value_bin_{min((value - LOW) // 10, 99)}"


def sums_of(rows: Sequence[Row]) -> dict[Needs, Ints]:
    """Per kind of sums, those of the three cells; by the batch definition."""
    found: dict[Needs, list[Counter[str]]] = {
        needs: [Counter() for _ in CELLS]
        for needs in ("decision", "label", "score", "value", "label_score", "error", "power")
    }
    for row in rows:
        at = "FMX".index(row.sex)
        prediction = Event(("x",), "m", "x", 0, score=row.score, value=row.value, clipped=row.value or 0)
        outcome = Event(("x",), "m", "x", 0, decision=row.label, value=row.outcome)
        found["decision"][at].update(decision_sums(prediction))
        if row.score is not None:
            found["score"][at][f"score_bin_{hundredth(row.score)}"] += 1
        if row.value is not None:
            found["value"][at][slot(row.value)] += 1
        if row.label is not None or row.outcome is not None:
            found["label"][at].update(label_sums(prediction, outcome))
            found["label_score"][at].update(label_score_sums(prediction, outcome))
            found["error"][at].update(error_sums(prediction, outcome))
            found["power"][at].update(power_sums(prediction, outcome))
    return {
        needs: np.array([[cell[name] for name in LAYOUTS_OF[needs].slots] for cell in cells], dtype=np.int64)
        for needs, cells in found.items()
    }


class Sample(NamedTuple):
    """The rows of a group, or of everybody, as columns; what is missing is left out of the pair it belongs to."""

    scores: Any  # of all that have one
    labels: Any  # of those with score and label
    scored: Any
    values: Any  # of all that have one
    predicted: Any  # of those with a value on both sides
    actual: Any


def sample(rows: Sequence[Row]) -> Sample:
    labelled = [r for r in rows if r.score is not None and r.label is not None]
    compared = [r for r in rows if r.value is not None and r.outcome is not None]
    return Sample(
        np.array([r.score for r in rows if r.score is not None]) / 1e6,
        np.array([r.label for r in labelled], dtype=bool),
        np.array([r.score for r in labelled]) / 1e6,
        np.array([r.value for r in rows if r.value is not None]) * UNIT,
        np.array([r.value for r in compared]) * UNIT,
        np.array([r.outcome for r in compared]) * UNIT,
    )


def hundredths(scores: Any) -> Any:
    return np.minimum(np.floor(np.round(scores * 100, 6)), 99) / 100


def placed(values: Any) -> Any:
    """Each value at the middle of its bin, or at the end of the range that it is beyond."""
    bins = np.minimum(np.floor((values / UNIT - LOW) / 10), 99)
    middle = (LOW + 10 * bins + 5) * UNIT
    return np.where(values < LOW * UNIT, LOW * UNIT, np.where(values > HIGH * UNIT, HIGH * UNIT, middle))


def calibration_error(s: Sample) -> float:
    tenth = np.minimum(np.floor(np.round(s.scored * 10, 6)), 9)
    gaps = [abs(s.scored[tenth == t].sum() - s.labels[tenth == t].sum()) for t in range(10)]
    return float(sum(gaps) / len(s.labels))


def share(of: Any) -> float:
    return float(np.mean(of))


Group = Callable[[Sample, Sample], float]
"""A group's rows and everybody's, to the group's value. It is only asked where there is one."""


def reaching(quantile: float) -> Group:
    return lambda s, whole: share(placed(s.values) >= np.quantile(placed(whole.values), quantile) - 1e-9)


GROUPS: dict[str, tuple[str, Group]] = {
    "roc_auc": ("labels", lambda s, _: sklearn.roc_auc_score(s.labels, hundredths(s.scored))),
    "brier_score": ("labels", lambda s, _: sklearn.brier_score_loss(s.labels, s.scored)),
    "log_loss": ("labels", lambda s, _: surprise(s)),
    "calibration_in_the_large": ("labels", lambda s, _: share(s.scored - s.labels)),
    "expected_calibration_error": ("labels", lambda s, _: calibration_error(s)),
    "scoring_rate": ("scores", lambda s, whole: share(hundredths(s.scores) > np.median(hundredths(whole.scores)))),
    "value_above_median": ("values", lambda s, whole: share(placed(s.values) > np.median(placed(whole.values)))),
    **{f"value_reaching_quantile_{tenths}0": ("values", reaching(tenths / 10)) for tenths in (5, 8, 9)},
    "mean_error": ("predicted", lambda s, _: share(s.predicted - s.actual)),
    "mean_absolute_error": ("predicted", lambda s, _: sklearn.mean_absolute_error(s.actual, s.predicted)),
    "mean_squared_error": ("predicted", lambda s, _: sklearn.mean_squared_error(s.actual, s.predicted)),
    "root_mean_squared_error": ("predicted", lambda s, _: sklearn.mean_squared_error(s.actual, s.predicted) ** 0.5),
    "mean_absolute_percentage_error": ("predicted", lambda s, _: relative(s)),
    "weighted_absolute_percentage_error": (
        "predicted",
        lambda s, _: np.abs(s.predicted - s.actual).sum() / np.abs(s.actual).sum(),
    ),
    "r2": ("predicted", lambda s, _: sklearn.r2_score(s.actual, s.predicted)),
    "jain_index": ("predicted", lambda s, _: evenness(s.predicted - s.actual)),
    "value_correlation": ("predicted", lambda s, _: np.corrcoef(s.actual, s.predicted)[0, 1]),
}


def surprise(s: Sample) -> float:
    clipped = np.clip(s.scored, 5e-7, 1 - 5e-7)
    return float(sklearn.log_loss(s.labels, clipped, labels=[False, True]))


def evenness(errors: Any) -> float:
    return float(np.abs(errors).sum() ** 2 / (len(errors) * (errors**2).sum()))


def relative(s: Sample) -> float:
    some = s.actual != 0
    return share(np.abs((s.predicted - s.actual)[some] / s.actual[some]))


def defined(name: str, s: Sample) -> bool:
    """Whether the metric has a value of these rows."""
    if name == "roc_auc":
        return len(set(s.labels.tolist())) == 2
    if name == "mean_absolute_percentage_error":
        return bool((s.actual != 0).any())
    if name == "weighted_absolute_percentage_error":
        return bool(np.abs(s.actual).sum() > 0)
    if name == "jain_index":
        return bool((s.predicted != s.actual).any())
    if name == "r2":
        return len(set(s.actual.tolist())) > 1
    if name == "value_correlation":
        return len(set(s.actual.tolist())) > 1 and len(set(s.predicted.tolist())) > 1
    return len(getattr(s, GROUPS[name][0])) > 0


Two = Callable[[Sample, Sample], float]

PAIRS: dict[str, tuple[str, Two]] = {
    "score_ks_distance": ("scores", lambda a, b: kolmogorov_smirnov(hundredths(a.scores), hundredths(b.scores))),
    "score_wasserstein_distance": (
        "scores",
        lambda a, b: stats.wasserstein_distance(hundredths(a.scores), hundredths(b.scores)),
    ),
    "value_ks_distance": ("values", lambda a, b: kolmogorov_smirnov(ordered(a.values), ordered(b.values))),
    "value_wasserstein_distance": (
        "values",
        lambda a, b: stats.wasserstein_distance(placed(a.values), placed(b.values)),
    ),
    "value_statistical_parity_area": ("values", lambda a, b: between_curves(ordered(a.values), ordered(b.values))),
    "quantile_demographic_drift": ("values", lambda a, b: abs((tenths(a.values) - tenths(b.values)).mean())),
    "largest_quantile_gap": ("values", lambda a, b: np.abs(tenths(a.values) - tenths(b.values)).max()),
    "standardised_mean_difference": ("values", lambda a, b: cohen(a.values, b.values)),
}


def kolmogorov_smirnov(one: Any, other: Any) -> float:
    """The statistic alone: the p value that SciPy adds cannot be worked out for some samples, with a warning."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return float(stats.ks_2samp(one, other).statistic)


def ordered(values: Any) -> Any:
    """The bins in order, what is beyond the range apart from what is at its end."""
    return np.where(values < LOW * UNIT, -1e9, np.where(values > HIGH * UNIT, 1e9, placed(values)))


def between_curves(one: Any, other: Any) -> float:
    """The mean distance of the distribution functions at each row of both, on a step's middle."""
    rows, sides = np.concatenate([one, other]), (np.sort(one), np.sort(other))
    ends = [
        abs(np.subtract(*(np.searchsorted(side, rows, to) / len(side) for side in sides))) for to in ("left", "right")
    ]
    return float(np.mean(ends))


def tenths(values: Any) -> Any:
    """The mean of each tenth of the rows: each row repeated ten times, cut into ten equal parts."""
    return np.sort(np.repeat(placed(values), 10)).reshape(10, -1).mean(axis=1)


def cohen(one: Any, other: Any) -> float:
    n, m = len(one), len(other)
    spread = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    if n + m <= 2 or spread < 1e-9:
        return float("nan")
    return float(abs(one.mean() - other.mean()) / np.sqrt(spread / (n + m - 2)))


QUANTILES = {"value_quantile_10": 0.1, "value_quantile_50": 0.5, "value_quantile_90": 0.9}

LEVEL = "no_disparate_impact_level"

BINNED = (*GROUPS, *PAIRS, *QUANTILES, LEVEL)
"""All that is tested here."""
