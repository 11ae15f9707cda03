"""Independent answers for every metric: Fairlearn's, scikit-learn's, SciPy's and AIF360's over the same rows.

`GROUPS` are functions of the rows of one group, (truth, prediction), as `MetricFrame` calls them; `SETS` are functions of
all rows and their groups, for what is no number of a single group.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from fairlearn import metrics as fairlearn
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as sklearn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # AIF360's docstrings have invalid escapes
    from aif360.sklearn import metrics as aif360

Rows = Any


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without the warnings that libraries give where they make a number up."""

    def call(truth: Rows, predicted: Rows) -> float:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return float(function(truth, predicted))

    return call


def _confusion(y: Rows, p: Rows) -> tuple[Any, ...]:
    return tuple(sklearn.confusion_matrix(y, p, labels=[0, 1]).ravel())  # tn, fp, fn, tp


def _treatment(y: Rows, p: Rows) -> float:
    _, fp, fn, _ = _confusion(y, p)
    return np.float64(fn) / fp


def _half(one: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, p: (one(y, p) + other(y, p)) / 2.0


def _precision(y: Rows, p: Rows) -> Any:
    return sklearn.precision_score(y, p, zero_division=0)


def _benefits(y: Rows, p: Rows) -> Any:
    return np.asarray(p) - np.asarray(y) + 1.0


TPR, FPR, TNR, FNR = (
    fairlearn.true_positive_rate,
    fairlearn.false_positive_rate,
    fairlearn.true_negative_rate,
    fairlearn.false_negative_rate,
)

GROUPS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "selection_rate": ("decision", "decision", fairlearn.selection_rate),
    "rejection_rate": ("decision", "decision", lambda y, p: np.mean(1 - p)),
    "true_positive_rate": ("label", "decision", TPR),
    "false_positive_rate": ("label", "decision", FPR),
    "false_negative_rate": ("label", "decision", FNR),
    "true_negative_rate": ("label", "decision", TNR),
    "precision": ("label", "decision", _precision),
    "false_discovery_rate": ("label", "decision", lambda y, p: 1 - sklearn.precision_score(y, p, zero_division=1)),
    "negative_predictive_value": (
        "label",
        "decision",
        lambda y, p: sklearn.precision_score(y, p, pos_label=0, zero_division=0),
    ),
    "false_omission_rate": ("label", "decision", aif360.false_omission_rate_error),
    "accuracy": ("label", "decision", sklearn.accuracy_score),
    "error_rate": ("label", "decision", sklearn.zero_one_loss),
    "balanced_accuracy": ("label", "decision", sklearn.balanced_accuracy_score),
    "f1": ("label", "decision", lambda y, p: sklearn.f1_score(y, p, zero_division=0)),
    "matthews_correlation": ("label", "decision", sklearn.matthews_corrcoef),
    "average_odds": ("label", "decision", _half(TPR, FPR)),
    "negative_odds": ("label", "decision", _half(TNR, FNR)),
    "average_predictive_value": ("label", "decision", _half(_precision, aif360.false_omission_rate_error)),
    "conditional_acceptance": ("label", "decision", lambda y, p: np.float64(sum(y)) / sum(p)),
    "conditional_rejection": ("label", "decision", lambda y, p: np.float64(sum(1 - y)) / sum(1 - p)),
    "group_benefit": ("label", "decision", lambda y, p: np.float64(sum(p)) / sum(y)),
    "treatment_equality": ("label", "decision", _treatment),
    "base_rate": ("label", "label", fairlearn.selection_rate),
    "generalized_entropy": ("label", "decision", aif360.generalized_entropy_error),
    "theil_index": ("label", "decision", lambda y, p: aif360.theil_index(_benefits(y, p))),
    "coefficient_of_variation": ("label", "decision", lambda y, p: aif360.coefficient_of_variation(_benefits(y, p))),
    "generalized_true_positive_rate": ("label", "score", lambda y, s: np.mean(s[y == 1])),
    "generalized_false_positive_rate": ("label", "score", aif360.generalized_fpr),
    "mean_value": ("value", "value", fairlearn.mean_prediction),
    "mean_score": ("score", "score", fairlearn.mean_prediction),
}
"""Metric to the columns of truth and prediction, and the function over them."""


# --- of all groups

Table = Any
"""Columns decision, label (0 or 1), score, value and group."""


def _pairs(table: Table) -> Iterator[tuple[Table, Table]]:
    for one, other in combinations(sorted(set(table["group"])), 2):
        yield table[table["group"] == one], table[table["group"] == other]


def _farthest(of_two: Callable[[Table, Table], float]) -> Callable[[Table], float]:
    """The greatest over all pairs for which it can be said."""
    return lambda table: float(np.nanmax([of_two(one, other) for one, other in _pairs(table)]))


def _nearest(of_two: Callable[[Table, Table], float]) -> Callable[[Table], float]:
    """The least over all pairs for which it can be said."""
    return lambda table: float(np.nanmin([of_two(one, other) for one, other in _pairs(table)]))


def _both(one: Table, other: Table) -> tuple[Any, Any, Any]:
    """Labels as AIF360 wants them, decisions, and which of the two groups."""
    both = pd.concat([one, other]).reset_index(drop=True)
    return both["label"], both["decision"], (both["group"] == one["group"].iloc[0]).astype(int).to_numpy()


def _odds_error(one: Table, other: Table) -> float:
    y, p, first = _both(one, other)
    return float(aif360.average_odds_error(y, p, prot_attr=first, priv_group=1))


def _kl(one: Table, other: Table) -> float:
    y, _, first = _both(one, other)
    return max(float(aif360.kl_divergence(y, prot_attr=first, priv_group=g)) for g in (0, 1))


def _js(one: Table, other: Table) -> float:
    p, q = (np.array([1 - side["label"].mean(), side["label"].mean()]) for side in (one, other))
    return float(jensenshannon(p, q)) ** 2


def _imbalance(one: Table, other: Table) -> float:
    y, _, first = _both(one, other)
    return abs(float(aif360.class_imbalance(y, prot_attr=first, priv_group=1)))


def _selected(one: Table, other: Table) -> float:
    """Aequitas' ppr_disparity: the ratio of the shares of all selected, which is that of the numbers."""
    k, h = int(one["decision"].sum()), int(other["decision"].sum())
    return min(k, h) / max(k, h) if max(k, h) else np.nan


def _unequal(one: Table, other: Table) -> float:
    k, h = int(one["decision"].sum()), int(other["decision"].sum())
    return abs(k - h) / (k + h) if k + h else np.nan


def _z(one: Table, other: Table) -> float:
    """The root of the chi-square of the 2 x 2 table, without correction."""
    counts = [[side["decision"].sum(), len(side) - side["decision"].sum()] for side in (one, other)]
    if 0 in np.sum(counts, axis=0):
        return np.nan
    return float(np.sqrt(stats.chi2_contingency(counts, correction=False).statistic))


def _cohen(one: Table, other: Table) -> float:
    a, b = one["decision"], other["decision"]
    free = len(a) + len(b) - 2
    if free == 0:
        return np.nan
    spread = (a.var(ddof=0) * len(a) + b.var(ddof=0) * len(b)) / free
    return float(np.float64(abs(a.mean() - b.mean())) / np.sqrt(spread))


def _log_z(one: Table, other: Table) -> float:
    """Holistic AI's z_test_ratio, without its sign."""
    a, b, both = (
        float(side.mean()) for side in (one["decision"], other["decision"], pd.concat([one, other])["decision"])
    )
    if 0.0 in (a, b) or both == 1.0:
        return np.nan
    n, share = len(one) + len(other), len(one) / (len(one) + len(other))
    return float(abs(np.log(a / b)) / np.sqrt((1 - both) / (both * n * share * (1 - share))))


def _norm(one: Table, other: Table) -> float:
    p, q = (np.array([1 - side["label"].mean(), side["label"].mean()]) for side in (one, other))
    return float(np.linalg.norm(p - q))


def _kolmogorov_smirnov(one: Table, other: Table) -> float:
    return float(stats.ks_2samp(one["label"], other["label"], method="asymp").statistic)


def _generalized(one: Table, other: Table) -> float:
    gaps = [abs(one["score"][one["label"] == y].mean() - other["score"][other["label"] == y].mean()) for y in (0, 1)]
    return float(max(gaps))


def _fairlearn(function: Callable[..., Any], **more: Any) -> Callable[[Table], float]:
    return lambda t: float(function(t["label"], t["decision"], sensitive_features=t["group"], **more))


def _between(alpha: int) -> Callable[[Table], float]:
    return lambda t: float(
        aif360.between_group_generalized_entropy_error(t["label"], t["decision"], t["group"].to_numpy(), alpha=alpha)
    )


def _information(target: str, given: str | None) -> Callable[[Table], float]:
    """I(target; group | given) / H(group | given), by scikit-learn and SciPy."""

    def measure(table: Table) -> float:
        parts = [table] if given is None else [part for _, part in table.groupby(given)]
        shared = sum(len(p) * sklearn.mutual_info_score(p[target], p["group"]) for p in parts)
        spread = sum(len(p) * stats.entropy(p["group"].value_counts()) for p in parts)
        return float(shared / spread) if spread > 0 else np.nan

    return measure


def _edf(table: Table) -> float:
    """AIF360 smooths over the classes that it sees in a group: a group of one kind alone gets a rate of 1, and infinity."""
    if table.groupby("group")["decision"].nunique().min() < 2:
        return _smoothed(table["decision"], table["group"])
    return float(aif360.smoothed_edf(table["label"], table["decision"], prot_attr=table["group"].to_numpy()))


def _smoothed(column: Any, groups: Any) -> float:
    """Differential fairness by its definition, for two classes."""
    rates = [(rows.sum() + 0.5) / (len(rows) + 1.0) for _, rows in column.groupby(groups)]
    logs = [abs(np.log(a / b)) for p in (rates, [1 - r for r in rates]) for a in p for b in p]
    return float(max(logs))


def _amplification(table: Table) -> float:
    if table.groupby("group")[["decision", "label"]].nunique().min().min() < 2:
        return _smoothed(table["decision"], table["group"]) - _smoothed(table["label"], table["group"])
    groups = table["group"].to_numpy()
    return float(aif360.df_bias_amplification(table["label"], table["decision"], prot_attr=groups))


SETS: Mapping[tuple[str, str], Callable[[Table], float]] = {
    ("equalized_odds", "difference"): _fairlearn(fairlearn.equalized_odds_difference),
    ("equalized_odds", "ratio"): _fairlearn(fairlearn.equalized_odds_ratio),
    ("equalized_odds_mean", "index"): _fairlearn(fairlearn.equalized_odds_difference, agg="mean"),
    ("equalized_odds_mean_ratio", "index"): _fairlearn(fairlearn.equalized_odds_ratio, agg="mean"),
    ("average_absolute_odds", "difference"): _farthest(_odds_error),
    ("generalized_equalized_odds", "difference"): _farthest(_generalized),
    ("label_kl_divergence", "difference"): _farthest(_kl),
    ("label_js_divergence", "difference"): _farthest(_js),
    ("label_lp_norm", "difference"): _farthest(_norm),
    ("label_total_variation_distance", "difference"): _farthest(_kolmogorov_smirnov),
    ("class_imbalance", "difference"): _farthest(_imbalance),
    ("equal_parity", "difference"): _farthest(_unequal),
    ("equal_parity", "ratio"): _nearest(_selected),
    ("selection_rate_log_ratio_z", "difference"): _farthest(_log_z),
    ("selection_rate_z", "difference"): _farthest(_z),
    ("selection_rate_cohens_d", "difference"): _farthest(_cohen),
    ("differential_fairness", "difference"): _edf,
    ("bias_amplification", "index"): _amplification,
    ("between_group_generalized_entropy", "index"): _between(2),
    ("between_group_theil_index", "index"): _between(1),
    ("between_group_coefficient_of_variation", "index"): lambda t: float(np.sqrt(2 * _between(2)(t))),
    ("mutual_information_independence", "index"): _information("decision", None),
    ("mutual_information_separation", "index"): _information("decision", "label"),
    ("mutual_information_sufficiency", "index"): _information("label", "decision"),
}
"""Metric and aggregate to the number of all groups (between groups)."""

SHARES = {"representation", "share_of_selected", "demographic_disparity", "label_demographic_disparity"}
"""Metrics of a group and everybody: see `test_shares`."""
