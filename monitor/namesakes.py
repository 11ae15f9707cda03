"""Our metrics under the names of other libraries, and with which sign: `python -m monitor.namesakes deploy/metric-names.md`.

Libraries subtract in different directions, so a number carried over from one may have the opposite sign here. Ours: the group
minus (or over) the reference, Fairlearn's greatest minus least between groups. tests/contracts/test_namesakes.py asks
Fairlearn and AIF360 for their numbers and compares. The others were not run: their names are from what is published of them
(Aequitas 1.1, SageMaker Clarify's guide and smclarify 0.5, Veritas 2.0, Holistic AI 1.0), those of Veritas and Holistic AI not
checked against their code. Look there before you build on one.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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
    OTHER = "~"


MEANING = {
    Relation.OPPOSITE: "theirs has the opposite sign",
    Relation.SIGNED: "theirs has a sign, ours is its size",
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
    """A rate: `fairlearn` and `aif360` by the stem of their names, `veritas` too, the others as they are."""
    for library, own in (("fairlearn", Form.BETWEEN), ("aif360", Form.GAP)):
        if stem := names.pop(library, ""):
            ratio = Form.BETWEEN_RATIO if own is Form.BETWEEN else Form.RATIO
            yield from _row(metric, own, **{library: f"{stem}_difference"})
            yield from _row(metric, ratio, **{library: f"{stem}_ratio"})
    if stem := names.pop("veritas", ""):
        yield from _row(metric, Form.GAP, veritas=f"-{stem}_parity")
        yield from _row(metric, Form.RATIO, veritas=f"{stem}_ratio")
    if disparity := names.pop("aequitas", ""):
        yield from _row(metric, Form.RATIO, aequitas=f"{disparity}_disparity")
    yield from _row(metric, Form.GAP, **names)


NAMESAKES: tuple[Namesake, ...] = (
    *_row("selection_rate", Form.GAP, aif360="statistical_parity_difference mean_difference", clarify="-DPPL",
          veritas="-demographic_parity", holistic="statistical_parity"),
    *_row("selection_rate", Form.RATIO, aif360="disparate_impact", clarify="DI", veritas="disparate_impact",
          holistic="disparate_impact", aequitas="pprev_disparity"),
    *_row("selection_rate", Form.BETWEEN, fairlearn="demographic_parity_difference selection_rate_difference"),
    *_row("selection_rate", Form.BETWEEN_RATIO, fairlearn="demographic_parity_ratio selection_rate_ratio",
          holistic="four_fifths"),
    *_row("share_of_selected", Form.VALUE, aequitas="ppr"),
    *_row("selection_rate_z", Form.GAP, holistic="±z_test_diff"),
    *_row("selection_rate_log_ratio_z", Form.GAP, holistic="±z_test_ratio"),
    *_row("selection_rate_cohens_d", Form.GAP, holistic="±cohen_d"),
    *_rate("true_positive_rate", fairlearn="true_positive_rate", clarify="-RD", aequitas="tpr",
           holistic="equal_opportunity_diff", aif360=""),
    *_row("true_positive_rate", Form.GAP, aif360="equal_opportunity_difference true_positive_rate_difference",
          veritas="-equal_opportunity"),
    *_row("true_positive_rate", Form.RATIO, veritas="equal_opportunity_ratio"),
    *_row("true_positive_rate", Form.BETWEEN, fairlearn="equal_opportunity_difference"),
    *_row("true_positive_rate", Form.BETWEEN_RATIO, fairlearn="equal_opportunity_ratio"),
    *_row("true_positive_rate", Form.LEAST, fairlearn="recall_score_group_min"),
    *_rate("true_negative_rate", fairlearn="true_negative_rate", clarify="SD", veritas="tnr", aequitas="tnr"),
    *_rate("false_positive_rate", fairlearn="false_positive_rate", aif360="false_positive_rate", veritas="fpr",
           aequitas="fpr", holistic="false_positive_rate_diff"),
    *_rate("false_negative_rate", fairlearn="false_negative_rate", aif360="false_negative_rate", veritas="fnr",
           aequitas="fnr"),
    *_rate("precision", clarify="-DAR", veritas="ppv", aequitas="precision"),
    *_row("precision", Form.LEAST, fairlearn="precision_score_group_min"),
    *_rate("negative_predictive_value", clarify="DRR", veritas="npv", aequitas="npv"),
    *_rate("false_discovery_rate", aif360="false_discovery_rate", veritas="fdr", aequitas="fdr"),
    *_rate("false_omission_rate", aif360="false_omission_rate", veritas="for", aequitas="for"),
    *_rate("accuracy", fairlearn="accuracy_score", clarify="-AD", holistic="accuracy_diff"),
    *_row("accuracy", Form.LEAST, fairlearn="accuracy_score_group_min"),
    *_rate("error_rate", fairlearn="zero_one_loss", aif360="error_rate"),
    *_row("error_rate", Form.GREATEST, fairlearn="zero_one_loss_group_max"),
    *_row("balanced_accuracy", Form.LEAST, fairlearn="balanced_accuracy_score_group_min"),
    *_row("f1", Form.LEAST, fairlearn="f1_score_group_min"),
    *_row("equalized_odds", Form.BETWEEN, fairlearn="equalized_odds_difference"),
    *_row("equalized_odds", Form.BETWEEN_RATIO, fairlearn="equalized_odds_ratio"),
    *_row("equalized_odds", Form.GAP, aif360="equalized_odds_difference"),
    *_row("average_odds", Form.GAP, aif360="average_odds_difference", veritas="-equal_odds", holistic="average_odds_diff"),
    *_row("average_odds", Form.RATIO, veritas="equal_odds_ratio"),
    *_row("average_absolute_odds", Form.GAP, aif360="average_abs_odds_difference"),
    *_row("negative_odds", Form.GAP, veritas="-neg_equal_odds"),
    *_row("negative_odds", Form.RATIO, veritas="neg_equal_odds_ratio"),
    *_row("average_predictive_value", Form.GAP, aif360="average_predictive_value_difference",
          veritas="-calibration_by_group"),
    *_row("average_predictive_value", Form.RATIO, veritas="calibration_by_group_ratio"),
    *_row("generalized_equalized_odds", Form.GAP, aif360="generalized_equalized_odds_difference"),
    *_row("conditional_acceptance", Form.GAP, clarify="-DCAcc"),
    *_row("conditional_rejection", Form.GAP, clarify="DCR"),
    *_row("treatment_equality", Form.GAP, clarify="TE"),
    *_row("demographic_disparity", Form.VALUE, clarify="DDPL"),
    *_row("demographic_disparity", Form.STRATIFIED, clarify="CDDPL", aif360="~conditional_demographic_disparity"),
    *_row("label_demographic_disparity", Form.STRATIFIED, clarify="CDDL"),
    *_row("base_rate", Form.GAP, clarify="-DPL"),
    *_row("base_rate", Form.VALUE, aequitas="prev"),
    *_row("class_imbalance", Form.GAP, clarify="±CI", aif360="±class_imbalance"),
    *_row("label_kl_divergence", Form.GAP, clarify="KL", aif360="kl_divergence"),
    *_row("label_js_divergence", Form.GAP, clarify="JS"),
    *_row("label_lp_norm", Form.GAP, clarify="LP"),
    *_row("label_total_variation_distance", Form.GAP, clarify="TVD KS"),
    *_row("generalized_entropy", Form.VALUE, clarify="GE", aif360="generalized_entropy_index"),
    *_row("theil_index", Form.VALUE, aif360="theil_index"),
    *_row("coefficient_of_variation", Form.VALUE, aif360="coefficient_of_variation"),
    *_row("between_group_generalized_entropy", Form.INDEX, aif360="between_group_generalized_entropy_index"),
    *_row("between_group_theil_index", Form.INDEX, aif360="between_group_theil_index"),
    *_row("between_group_coefficient_of_variation", Form.INDEX, aif360="between_group_coefficient_of_variation"),
    *_row("differential_fairness", Form.BETWEEN, aif360="smoothed_empirical_differential_fairness"),
    *_row("bias_amplification", Form.INDEX, aif360="differential_fairness_bias_amplification"),
    *_row("mutual_information_independence", Form.INDEX, veritas="mi_independence"),
    *_row("mutual_information_separation", Form.INDEX, veritas="mi_separation"),
    *_row("mutual_information_sufficiency", Form.INDEX, veritas="mi_sufficiency"),
    *_rate("roc_auc", veritas="auc"),
    *_row("roc_auc", Form.LEAST, fairlearn="roc_auc_score_group_min"),
    *_rate("log_loss", veritas="log_loss"),
    *_row("log_loss", Form.GREATEST, fairlearn="log_loss_group_max"),
    *_row("mean_value", Form.GAP, holistic="avg_score_diff"),
    *_row("mean_value", Form.RATIO, holistic="avg_score_ratio"),
    *_row("mean_value", Form.VALUE, fairlearn="mean_prediction"),
    *_row("standardised_mean_difference", Form.GAP, holistic="~zscore_diff"),
    *_row("value_reaching_quantile_50", Form.RATIO, holistic="disparate_impact_regression"),
    *_row("value_ks_distance", Form.GAP, holistic="max_statistical_parity"),
    *_row("value_statistical_parity_area", Form.GAP, holistic="statistical_parity_auc"),
    *_row("value_wasserstein_distance", Form.GAP, aif360="ot_distance"),
    *_row("value_correlation", Form.GAP, holistic="correlation_diff"),
    *_rate("root_mean_squared_error", veritas="rmse"),
    *_row("root_mean_squared_error", Form.RATIO, holistic="rmse_ratio"),
    *_row("mean_absolute_error", Form.RATIO, holistic="mae_ratio"),
    *_row("mean_absolute_error", Form.GREATEST, fairlearn="mean_absolute_error_group_max"),
    *_row("mean_squared_error", Form.GREATEST, fairlearn="mean_squared_error_group_max"),
    *_rate("mean_absolute_percentage_error", veritas="mape"),
    *_rate("weighted_absolute_percentage_error", veritas="wape"),
    *_row("r2", Form.LEAST, fairlearn="r2_score_group_min"),
)  # fmt: skip

NOT_GIVEN = {
    "AIF360": "`consistency`, rich subgroups and MDSS scans",
    "Clarify": "`FT` (flip test)",
    "Veritas": "individual consistency; rejected harm and acquire benefit (they need an experiment's two arms)",
    "Holistic AI": "`consistency`, `jain_index`, `no_disparate_impact_level`",
}
"""What needs the records themselves, or a search over them: not given here."""


def document() -> str:
    """The page."""
    rows: dict[tuple[str, Form], dict[str, list[str]]] = {}
    for one in NAMESAKES:
        names = rows.setdefault((one.metric, one.form), {}).setdefault(one.library, [])
        names.append(f"{one.relation} `{one.name}`".strip())
    lines = [
        "# Names and signs elsewhere",
        "",
        "What a number of another library is called here. `to_reference` is the group minus, or over, the reference (AIF360's",
        "unprivileged against privileged, Clarify's *d* against *a*, Holistic AI's group a against group b).",
        *(f"`{mark}` in front of a name: {meaning}." for mark, meaning in MEANING.items()),
        "Of an empty denominator others make a number up; here it is undefined (tests/monitor/test_made_up.py).",
        "Made by `python -m monitor.namesakes` from the program; Fairlearn's and AIF360's are compared in a test; the others were not run, and",
        "the names of Veritas and Holistic AI are not checked against their code.",
        "",
        f"| metric | number | {' | '.join(LIBRARIES)} |",
        "|---" * (len(LIBRARIES) + 2) + "|",
    ]
    for (metric, form), own in rows.items():
        lines.append(f"| `{metric}` | {form} | {' | '.join(', '.join(own.get(one, ())) for one in LIBRARIES)} |")
    lines += ["", "Not given here:", ""]
    lines += [f"- {library}: {what}" for library, what in NOT_GIVEN.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
