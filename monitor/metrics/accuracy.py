"""Accuracy: how many of the labelled decisions agree with their label (Fairlearn and scikit-learn `accuracy_score`)."""

from monitor.metric import GroupMetric, rate

METRICS = (
    GroupMetric(
        name="accuracy",
        definition="(TP + TN) / (TP + FP + FN + TN)",
        needs="label",
        kind="rate",
        denominator="labelled decisions",
        tally=rate(lambda s: s.tp + s.tn, lambda s: s.tp + s.fp + s.fn + s.tn),
        all_labels=True,
        aliases=("accuracy_score",),
    ),
)
