"""Our metrics under the names of other libraries, and with which sign: `python -m monitor.namesakes deploy/metric-names.md`.

Libraries subtract and divide in different directions, so a number carried over from one may have the opposite sign here, or
be one over ours. Ours: the group minus (or over) the reference, Fairlearn's greatest minus least between groups.
tests/contracts/test_namesakes.py asks Fairlearn 0.15 and AIF360 0.6.1 for their numbers and compares, and knows all their
names. The others cannot be installed beside this program; their formulas were read in their code: Aequitas 1.1.0, smclarify
0.5 (Clarify), Holistic AI 1.0.14 (its classification and average-score metrics were run once as well), and Veritas at the
repository's 2.0. PyPI's last veritastool, 1.0.2, has fewer names and divides the other way.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monitor.not_given import NOT_GIVEN

LIBRARIES = ("Fairlearn", "AIF360", "Aequitas", "Clarify", "Veritas", "Holistic AI")


class Form(StrEnum):
    """Which number of a metric it is."""

    VALUE = "of a group"
    LEAST = "least of the groups"
    GREATEST = "greatest of the groups"
    GAP = "difference to_reference"
    BETWEEN = "difference between_groups"
    RATIO = "ratio to_reference"
    BETWEEN_RATIO = "ratio between_groups"
    INDEX = "index"
    STRATIFIED = "of a group, over strata"


class Relation(StrEnum):
    """What their number is of ours. The values are the marks in the table."""

    SAME = ""
    OPPOSITE = "-"
    SIGNED = "±"
    INVERSE = "1/"
    COMPLEMENT = "1-"
    OTHER = "~"


MEANING = {
    Relation.SAME: "the same number",
    Relation.OPPOSITE: "theirs has the opposite sign",
    Relation.SIGNED: "theirs has a sign, ours is its size",
    Relation.INVERSE: "theirs is one over ours",
    Relation.COMPLEMENT: "theirs is 1 minus ours",
    Relation.OTHER: "another formula under a like name",
}


@dataclass(frozen=True, slots=True)
class Namesake:
    """A number of another library and what it is here."""

    metric: str
    form: Form
    library: str
    name: str
    relation: Relation


def _row(metric: str, form: Form, **names: str) -> Iterator[Namesake]:
    """One number of ours; of each library its names, apart by spaces, each with its mark in front."""
    by_key = {library.split()[0].lower(): library for library in LIBRARIES}
    for key, given in names.items():
        for name in given.split():
            mark = next((mark for mark in Relation if mark and name.startswith(mark)), Relation.SAME)
            yield Namesake(metric, form, by_key[key], name.removeprefix(mark), mark)


def _rate(metric: str, **names: str) -> Iterator[Namesake]:
    """A rate: of `fairlearn`, `aif360`, `veritas` and `aequitas` the stems of their names, of the others a difference's."""
    for library, own in (("fairlearn", Form.BETWEEN), ("aif360", Form.GAP)):
        if stem := names.pop(library, ""):
            ratio = Form.BETWEEN_RATIO if own is Form.BETWEEN else Form.RATIO
            yield from _row(metric, own, **{library: f"{stem}_difference"})
            yield from _row(metric, ratio, **{library: f"{stem}_ratio"})
    if stem := names.pop("veritas", ""):
        yield from _row(metric, Form.GAP, veritas=f"-{stem}_parity")
        yield from _row(metric, Form.RATIO, veritas=f"{stem}_ratio")
    if stem := names.pop("aequitas", ""):
        yield from _row(metric, Form.VALUE, aequitas=stem)
        yield from _row(metric, Form.RATIO, aequitas=f"{stem}_disparity")
    yield from _row(metric, Form.GAP, **names)


def _error(metric: str, stem: str) -> Iterator[Namesake]:
    """A regression error of Veritas, which divides the privileged group's by the other's."""
    yield from _row(metric, Form.GAP, veritas=f"-{stem}_parity")
    yield from _row(metric, Form.RATIO, veritas=f"1/{stem}_ratio")


NAMESAKES: tuple[Namesake, ...] = (
    *_row("selection_rate", Form.GAP, aif360="statistical_parity_difference mean_difference", clarify="-DPPL",
          veritas="-demographic_parity", holistic="statistical_parity"),
    *_row("selection_rate", Form.RATIO, aif360="disparate_impact disparate_impact_ratio", clarify="DI",
          veritas="disparate_impact", holistic="disparate_impact", aequitas="pprev_disparity"),
    *_row("selection_rate", Form.BETWEEN, fairlearn="demographic_parity_difference selection_rate_difference"),
    *_row("selection_rate", Form.BETWEEN_RATIO, fairlearn="demographic_parity_ratio selection_rate_ratio",
          holistic="four_fifths"),
    *_row("selection_rate", Form.VALUE, fairlearn="selection_rate", aif360="selection_rate", aequitas="pprev",
          holistic="success_rate frequency_matrix"),
    *_row("share_of_selected", Form.VALUE, aequitas="ppr"),
    *_row("equal_parity", Form.RATIO, aequitas="~ppr_disparity"),
    *_row("selection_rate_z", Form.GAP, holistic="±z_test_diff"),
    *_row("selection_rate_log_ratio_z", Form.GAP, holistic="±z_test_ratio"),
    *_row("selection_rate_cohens_d", Form.GAP, holistic="~cohen_d"),
    *_rate("true_positive_rate", fairlearn="true_positive_rate", clarify="-RD", aequitas="tpr",
           holistic="equal_opportunity_diff", aif360=""),
    *_row("true_positive_rate", Form.GAP, aif360="equal_opportunity_difference true_positive_rate_difference",
          veritas="-equal_opportunity"),
    *_row("true_positive_rate", Form.RATIO, veritas="equal_opportunity_ratio"),
    *_row("true_positive_rate", Form.BETWEEN, fairlearn="equal_opportunity_difference"),
    *_row("true_positive_rate", Form.BETWEEN_RATIO, fairlearn="equal_opportunity_ratio"),
    *_row("true_positive_rate", Form.LEAST, fairlearn="recall_score_group_min"),
    *_row("true_positive_rate", Form.VALUE, fairlearn="true_positive_rate",
          aif360="true_positive_rate recall sensitivity sensitivity_score", holistic="precision_matrix"),
    *_rate("true_negative_rate", fairlearn="true_negative_rate", clarify="SD", veritas="tnr", aequitas="tnr",
           holistic="true_negative_rate_diff"),
    *_row("true_negative_rate", Form.VALUE, fairlearn="true_negative_rate",
          aif360="true_negative_rate specificity specificity_score"),
    *_rate("false_positive_rate", fairlearn="false_positive_rate", aif360="false_positive_rate", veritas="fpr",
           aequitas="fpr", holistic="false_positive_rate_diff"),
    *_row("false_positive_rate", Form.VALUE, fairlearn="false_positive_rate",
          aif360="false_positive_rate false_positive_rate_error"),
    *_rate("false_negative_rate", fairlearn="false_negative_rate", aif360="false_negative_rate", veritas="fnr",
           aequitas="fnr", holistic="false_negative_rate_diff"),
    *_row("false_negative_rate", Form.VALUE, fairlearn="false_negative_rate",
          aif360="false_negative_rate false_negative_rate_error"),
    *_rate("precision", clarify="-DAR", veritas="ppv", aequitas="precision"),
    *_row("precision", Form.LEAST, fairlearn="precision_score_group_min"),
    *_row("precision", Form.VALUE, aif360="precision positive_predictive_value", holistic="recall_matrix"),
    *_rate("negative_predictive_value", clarify="DRR", veritas="npv", aequitas="npv"),
    *_row("negative_predictive_value", Form.VALUE, aif360="negative_predictive_value"),
    *_rate("false_discovery_rate", aif360="false_discovery_rate", veritas="fdr", aequitas="fdr"),
    *_row("false_discovery_rate", Form.VALUE, aif360="false_discovery_rate"),
    *_rate("false_omission_rate", aif360="false_omission_rate", veritas="for", aequitas="for"),
    *_row("false_omission_rate", Form.VALUE, aif360="false_omission_rate false_omission_rate_error"),
    *_rate("accuracy", fairlearn="accuracy_score", clarify="-AD", holistic="accuracy_diff", aequitas="accuracy"),
    *_row("accuracy", Form.LEAST, fairlearn="accuracy_score_group_min"),
    *_row("accuracy", Form.VALUE, aif360="accuracy"),
    *_rate("error_rate", fairlearn="zero_one_loss", aif360="error_rate"),
    *_row("error_rate", Form.GREATEST, fairlearn="zero_one_loss_group_max"),
    *_row("error_rate", Form.VALUE, aif360="error_rate"),
    *_row("balanced_accuracy", Form.LEAST, fairlearn="balanced_accuracy_score_group_min"),
    *_row("f1", Form.LEAST, fairlearn="f1_score_group_min"),
    *_row("f1", Form.VALUE, holistic="~accuracy_matrix"),
    *_row("equalized_odds", Form.BETWEEN, fairlearn="equalized_odds_difference"),
    *_row("equalized_odds", Form.BETWEEN_RATIO, fairlearn="equalized_odds_ratio"),
    *_row("equalized_odds", Form.GAP, aif360="equalized_odds_difference"),
    *_row("average_odds", Form.GAP, aif360="average_odds_difference", veritas="-equal_odds", holistic="average_odds_diff"),
    *_row("average_odds", Form.RATIO, veritas="~equal_odds_ratio"),
    *_row("average_absolute_odds", Form.GAP, aif360="average_abs_odds_difference average_odds_error"),
    *_row("negative_odds", Form.GAP, veritas="-neg_equal_odds"),
    *_row("negative_odds", Form.RATIO, veritas="~neg_equal_odds_ratio"),
    *_row("average_predictive_value", Form.GAP, aif360="average_predictive_value_difference",
          veritas="-calibration_by_group"),
    *_row("average_predictive_value", Form.RATIO, veritas="~calibration_by_group_ratio"),
    *_row("generalized_equalized_odds", Form.GAP, aif360="generalized_equalized_odds_difference"),
    *_row("generalized_true_positive_rate", Form.VALUE, aif360="generalized_true_positive_rate"
          " 1-generalized_false_negative_rate 1-generalized_fnr"),
    *_row("generalized_false_positive_rate", Form.VALUE, aif360="generalized_false_positive_rate generalized_fpr"
          " 1-generalized_true_negative_rate"),
    *_row("conditional_acceptance", Form.GAP, clarify="-DCAcc"),
    *_row("conditional_rejection", Form.GAP, clarify="DCR"),
    *_row("treatment_equality", Form.GAP, clarify="TE"),
    *_row("demographic_disparity", Form.VALUE, clarify="DDPL"),
    *_row("demographic_disparity", Form.STRATIFIED, clarify="CDDPL", aif360="~conditional_demographic_disparity"),
    *_row("label_demographic_disparity", Form.STRATIFIED, clarify="CDDL"),
    *_row("base_rate", Form.GAP, clarify="-DPL"),
    *_rate("base_rate", aequitas="prev"),
    *_row("base_rate", Form.VALUE, aif360="base_rate"),
    *_row("class_imbalance", Form.GAP, clarify="±CI", aif360="±class_imbalance"),
    *_row("label_kl_divergence", Form.GAP, clarify="KL", aif360="kl_divergence"),
    *_row("label_js_divergence", Form.GAP, clarify="JS"),
    *_row("label_lp_norm", Form.GAP, clarify="LP"),
    *_row("label_total_variation_distance", Form.GAP, clarify="TVD KS"),
    *_row("generalized_entropy", Form.VALUE, clarify="GE",
          aif360="generalized_entropy_index generalized_entropy_error", holistic="generalized_entropy_index"),
    *_row("theil_index", Form.VALUE, aif360="theil_index", holistic="theil_index"),
    *_row("coefficient_of_variation", Form.VALUE, aif360="coefficient_of_variation", holistic="~coefficient_of_variation"),
    *_row("between_group_generalized_entropy", Form.INDEX, aif360="between_group_generalized_entropy_index"
          " between_all_groups_generalized_entropy_index between_group_generalized_entropy_error"),
    *_row("between_group_theil_index", Form.INDEX, aif360="between_group_theil_index between_all_groups_theil_index"),
    *_row("between_group_coefficient_of_variation", Form.INDEX, aif360="between_group_coefficient_of_variation"
          " between_all_groups_coefficient_of_variation"),
    *_row("differential_fairness", Form.BETWEEN, aif360="smoothed_empirical_differential_fairness smoothed_edf"),
    *_row("bias_amplification", Form.INDEX, aif360="differential_fairness_bias_amplification df_bias_amplification"),
    *_row("mutual_information_independence", Form.INDEX, veritas="mi_independence"),
    *_row("mutual_information_separation", Form.INDEX, veritas="~mi_separation"),
    *_row("mutual_information_sufficiency", Form.INDEX, veritas="mi_sufficiency"),
    *_rate("roc_auc", veritas="auc", holistic="abroca"),
    *_row("roc_auc", Form.LEAST, fairlearn="roc_auc_score_group_min"),
    *_rate("log_loss", veritas="log_loss"),
    *_row("log_loss", Form.GREATEST, fairlearn="log_loss_group_max"),
    *_row("mean_value", Form.GAP, holistic="avg_score_diff"),
    *_row("mean_value", Form.RATIO, holistic="avg_score_ratio"),
    *_row("mean_value", Form.VALUE, fairlearn="mean_prediction"),
    *_row("standardised_mean_difference", Form.GAP, holistic="~zscore_diff"),
    *_row("value_above_median", Form.VALUE, holistic="success_rate_regression"),
    *_row("value_reaching_quantile_80", Form.RATIO, holistic="disparate_impact_regression"),
    *_row("value_reaching_quantile_50", Form.GAP, holistic="statistical_parity_regression"),
    *_row("no_disparate_impact_level", Form.VALUE, holistic="no_disparate_impact_level"),
    *_row("value_ks_distance", Form.GAP, holistic="max_statistical_parity"),
    *_row("value_statistical_parity_area", Form.GAP, holistic="statistical_parity_auc"),
    *_row("value_wasserstein_distance", Form.GAP, aif360="ot_distance"),
    *_row("value_correlation", Form.GAP, holistic="correlation_diff"),
    *_error("root_mean_squared_error", "rmse"),
    *_row("root_mean_squared_error", Form.RATIO, holistic="rmse_ratio"),
    *_row("mean_absolute_error", Form.RATIO, holistic="mae_ratio"),
    *_row("mean_absolute_error", Form.GREATEST, fairlearn="mean_absolute_error_group_max"),
    *_row("mean_squared_error", Form.GREATEST, fairlearn="mean_squared_error_group_max"),
    *_error("mean_absolute_percentage_error", "mape"),
    *_error("weighted_absolute_percentage_error", "wape"),
    *_row("r2", Form.LEAST, fairlearn="r2_score_group_min"),
    *_row("jain_index", Form.VALUE, holistic="jain_index"),
)  # fmt: skip

NOTES: Mapping[tuple[str, str], str] = {
    ("AIF360", "conditional_demographic_disparity"): "takes the groups themselves for strata",
    ("AIF360", "between_group_generalized_entropy_index"): "of two groups; `between_all_groups_...` of all, as here",
    ("AIF360", "between_group_theil_index"): "of two groups, likewise",
    ("AIF360", "between_group_coefficient_of_variation"): "of two groups, likewise",
    ("AIF360", "smoothed_edf"): "smooths over the classes that occur in a group, and is infinite where one does not",
    ("AIF360", "df_bias_amplification"): "likewise",
    ("Aequitas", "ppr_disparity"): "the group's over the reference's there; the lesser over the greater here",
    ("Clarify", "DCAcc"): "`DCA` in its code",
    ("Clarify", "DDPL"): "the term of a stratum of CDDPL",
    ("Clarify", "CDDPL"): "a stratum of one kind alone counts as 0 there; here it is left out",
    ("Clarify", "CDDL"): "likewise",
    ("Veritas", "disparate_impact"): "1.0.2 of PyPI: one over it",
    ("Veritas", "equal_odds_ratio"): "half of it",
    ("Veritas", "neg_equal_odds_ratio"): "half of it",
    ("Veritas", "calibration_by_group_ratio"): "half of it",
    ("Veritas", "mi_independence"): "of two groups",
    ("Veritas", "mi_separation"): "has H(decision, group) in the place of H(label, decision)",
    ("Veritas", "mi_sufficiency"): "of two groups; 1.0.2 divides by the joint entropy",
    ("Veritas", "wape_parity"): "divides by the sum of actual values: the same where none is negative",
    ("Veritas", "wape_ratio"): "likewise",
    ("Holistic AI", "cohen_d"): "its pooled variance takes (n - 1) p (1 - p) for n p (1 - p)",
    ("Holistic AI", "coefficient_of_variation"): "2 sqrt(generalised entropy): sqrt(2) times ours",
    ("Holistic AI", "zscore_diff"): "its pooled variance is (n - 1) / n of each group's",
    ("Holistic AI", "abroca"): "a difference of areas, in spite of its name",
    ("Holistic AI", "frequency_matrix"): "of each class (`classes`)",
    ("Holistic AI", "precision_matrix"): "of each class; names of this and `recall_matrix` are exchanged in 1.0.14",
    ("Holistic AI", "recall_matrix"): "of each class",
    ("Holistic AI", "accuracy_matrix"): "of each class: f1 / (2 - f1), the Jaccard index",
    ("Holistic AI", "success_rate_regression"): "with `threshold='median'`",
    ("Holistic AI", "disparate_impact_regression"): "at q = 0.8; 0.5 and 0.9 by their own names",
    ("Holistic AI", "statistical_parity_regression"): "at q = 0.5; 0.8 and 0.9 by their own names",
    (
        "Holistic AI",
        "no_disparate_impact_level",
    ): "at 100 quantiles of the pooled values; here at hundredths of the range",
    ("Holistic AI", "max_statistical_parity"): "at 150 quantiles; here at hundredths of the range",
    ("Holistic AI", "statistical_parity_auc"): "likewise",
    ("Holistic AI", "jain_index"): "no error at all is 1 there, undefined here",
}
"""What else must be known of a number elsewhere."""


def document() -> str:
    """The page."""
    lines = [
        "# Names and signs elsewhere",
        "",
        "What a number of another library is called here. `to_reference` is the group minus, or over, the reference (AIF360's",
        "unprivileged against privileged, Clarify's *d* against *a*, Holistic AI's group a against group b).",
        *(f"`{mark}`: {meaning}." for mark, meaning in MEANING.items() if mark),
        "Of an empty denominator others make a number up; here it is undefined (tests/monitor/test_made_up.py).",
        "Made by `python -m monitor.namesakes` from the program, which says how each library was checked.",
    ]
    for library in LIBRARIES:
        lines += ["", f"## {library}", "", "| theirs | | here | number | |", "|---|---|---|---|---|"]
        for one in NAMESAKES:
            if one.library == library:
                mark = f"`{one.relation}`" if one.relation else ""
                note = NOTES.get((library, one.name), "")
                lines.append(f"| `{one.name}` | {mark} | `{one.metric}` | {one.form} | {note} |")
        lines += [f"| {names} | | not given | | {why} |" for names, why in NOT_GIVEN[library].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
