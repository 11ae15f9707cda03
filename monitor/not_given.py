"""Numbers of other libraries that are not given here, because sums do not give them, and why (`monitor.namesakes`)."""

from collections.abc import Mapping

NOT_GIVEN: Mapping[str, Mapping[str, str]] = {
    "Fairlearn": {"`count`": "the `n` of every number"},
    "AIF360": {
        "`num_*`, `performance_measures`, `power`, `*confusion_matrix`": "counts: numerators, denominators and `n` of every number",
        "`smoothed_base_rate`, `smoothed_selection_rate`": "parts of differential fairness",
        "`consistency`, `consistency_score`": "needs each person's neighbours",
        "`rich_subgroup`, `mdss_bias_score`, `score_groups`": "search over subgroups of the records",
        "`infeasible_index`, `discounted_cum_gain`": "needs the order of a ranking",
        "`*_distance*` of a distorted sample": "needs the records before and after",
    },
    "Aequitas": {},
    "Clarify": {"`FT` (flip test)": "needs each person's neighbours"},
    "Veritas": {
        "`consistency_score`": "needs each person's neighbours",
        "`rejected_harm`, `acquire_benefit`": "needs the lift of each person from both arms of an experiment",
    },
    "Holistic AI": {
        "`consistency_score`": "needs each person's neighbours",
        "`multiclass_statistical_parity`, `multiclass_true_rates`": "over all classes at once; here each class has its own gap",
        "`multiclass_equality_of_opp`, `multiclass_average_odds`, `confusion_tensor`": "needs the counts of each class by"
        " each class; here each is counted against the rest",
        "regression metrics above a quantile (`q`)": "needs the records above it",
        "those of recommenders and clusters": "are of items and clusters, not of decisions about people",
    },
}
"""By library: their names, and why."""
