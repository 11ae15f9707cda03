"""Precision, or positive predictive value: how many of the favourable decisions turned out right.

Its disparity is predictive parity. It needs labels of favourable decisions only, so selective labels do not hurt it; but
it is of those decided, so that it must be read by decision time, once the labels are in.
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
        aliases=("ppv", "positive_predictive_value"),
    ),
)
