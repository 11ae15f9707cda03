"""Rates given the decision: how often it turned out right or wrong.

Precision's disparity is predictive parity, and an outcome test: groups held to a higher bar show a higher one. Precision and
FDR need labels of favourable decisions only, so that selective labels do not hurt them; NPV and FOR need the others'. They
are of those decided, so they must be read by decision time, once the labels are in.
"""

from monitor.metric import GroupMetric, rate

METRICS = (
    GroupMetric(
        name="precision",
        definition="TP / (TP + FP)",
        needs="label",
        kind="rate",
        denominator="labelled favourable decisions",
        tally=rate(lambda s: s.tp, lambda s: s.tp + s.fp),
        aliases=("ppv", "positive_predictive_value", "predictive_parity", "acceptance_rate", "outcome_test"),
        by_default=True,
    ),
    GroupMetric(
        name="false_discovery_rate",
        definition="FP / (TP + FP)",
        needs="label",
        kind="rate",
        denominator="labelled favourable decisions",
        tally=rate(lambda s: s.fp, lambda s: s.tp + s.fp),
        aliases=("fdr",),
    ),
    GroupMetric(
        name="negative_predictive_value",
        definition="TN / (TN + FN)",
        needs="label",
        kind="rate",
        denominator="labelled unfavourable decisions",
        tally=rate(lambda s: s.tn, lambda s: s.tn + s.fn),
        all_labels=True,
        aliases=("npv", "rejection_accuracy"),
    ),
    GroupMetric(
        name="false_omission_rate",
        definition="FN / (TN + FN)",
        needs="label",
        kind="rate",
        denominator="labelled unfavourable decisions",
        tally=rate(lambda s: s.fn, lambda s: s.tn + s.fn),
        all_labels=True,
        aliases=("for", "fomr"),
    ),
)
