"""Rates given the label: how the decision treats those who turn out positive, and those who turn out negative.

TPR's disparity is equal opportunity, FPR's predictive equality; both together are equalized odds (Hardt, Price and Srebro,
NIPS 2016; names as in Fairlearn). All need labels of refused applicants too: where only favourable decisions are ever
labelled, they are undefined, not 1.
"""

from monitor.metric import GroupMetric, rate

METRICS = (
    GroupMetric(
        name="true_positive_rate",
        definition="TP / (TP + FN)",
        needs="label",
        kind="rate",
        denominator="positive labels",
        tally=rate(lambda s: s.tp, lambda s: s.tp + s.fn),
        all_labels=True,
        aliases=("tpr", "recall", "sensitivity", "equal_opportunity"),
        by_default=True,
    ),
    GroupMetric(
        name="false_negative_rate",
        definition="FN / (TP + FN)",
        needs="label",
        kind="rate",
        denominator="positive labels",
        tally=rate(lambda s: s.fn, lambda s: s.tp + s.fn),
        all_labels=True,
        aliases=("fnr", "miss_rate"),
        by_default=True,
    ),
    GroupMetric(
        name="false_positive_rate",
        definition="FP / (FP + TN)",
        needs="label",
        kind="rate",
        denominator="negative labels",
        tally=rate(lambda s: s.fp, lambda s: s.fp + s.tn),
        all_labels=True,
        aliases=("fpr", "predictive_equality"),
        by_default=True,
    ),
    GroupMetric(
        name="true_negative_rate",
        definition="TN / (FP + TN)",
        needs="label",
        kind="rate",
        denominator="negative labels",
        tally=rate(lambda s: s.tn, lambda s: s.fp + s.tn),
        all_labels=True,
        aliases=("tnr", "specificity"),
    ),
)
