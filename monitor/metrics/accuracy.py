"""How many of the labelled decisions agree with their label (Fairlearn and scikit-learn `accuracy_score` and so on)."""

import numpy as np

from monitor.limits import of_error, of_rate, of_sum
from monitor.metric import GroupMetric, Sums, rate
from monitor.tallies import Statistic


def balanced_accuracy(s: Sums) -> Statistic:
    """Both rates as one; the interval from theirs."""
    positive, negative = s.tp + s.fn, s.fp + s.tn
    with np.errstate(all="ignore"):
        value = (s.tp / positive + s.tn / negative) / 2.0
    parts = {"positive labels": positive, "negative labels": negative}
    return Statistic(value, parts, of_sum(((0.5, s.tp, positive), (0.5, s.tn, negative))))


def f1(s: Sums) -> Statistic:
    """2J / (1 + J) of the Jaccard rate J = TP / (TP + FP + FN), so its interval is that of Wilson's ends."""
    some = s.tp + s.fp + s.fn
    with np.errstate(all="ignore"):
        value = 2.0 * s.tp / (s.tp + some)
    parts = {"positive labels": s.tp + s.fn, "labelled favourable decisions": s.tp + s.fp}
    limits = of_rate(s.tp, some, lambda rate: 2.0 * rate / (1.0 + rate))
    return Statistic(value, parts, limits, 2.0 * s.tp.astype(np.float64), (s.tp + some).astype(np.float64))


def mcc(s: Sums) -> Statistic:
    """The correlation of decision and label, with its large-sample variance.

    Y. M. M. Bishop, S. E. Fienberg and P. W. Holland, Discrete Multivariate Analysis (MIT Press 1975), section 11.3.
    """
    tp, fp, fn, tn = (column.astype(np.float64) for column in (s.tp, s.fp, s.fn, s.tn))
    n = tp + fp + fn + tn
    with np.errstate(all="ignore"):
        rows, columns = (tp + fn) * (fp + tn), (tp + fp) * (fn + tn)
        phi = (tp * tn - fp * fn) / np.sqrt(rows * columns)
        row, column = (tp + fn - fp - tn) / np.sqrt(rows), (tp + fp - fn - tn) / np.sqrt(columns)
        spread = 1.0 - phi**2 + (phi + phi**3 / 2.0) * row * column - 0.75 * phi**2 * (row**2 + column**2)
        error = np.sqrt(np.maximum(spread, 0.0) / n)
    parts = {
        "positive labels": s.tp + s.fn,
        "negative labels": s.fp + s.tn,
        "labelled favourable decisions": s.tp + s.fp,
        "labelled unfavourable decisions": s.fn + s.tn,
    }
    return Statistic(phi, parts, of_error(phi, error, "atanh"))


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
        by_default=True,
    ),
    GroupMetric(
        name="error_rate",
        definition="(FP + FN) / (TP + FP + FN + TN)",
        needs="label",
        kind="rate",
        denominator="labelled decisions",
        tally=rate(lambda s: s.fp + s.fn, lambda s: s.tp + s.fp + s.fn + s.tn),
        all_labels=True,
        aliases=("zero_one_loss",),
    ),
    GroupMetric(
        name="balanced_accuracy",
        definition="(TPR + TNR) / 2",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=balanced_accuracy,
        all_labels=True,
        aliases=("balanced_accuracy_score",),
        of_rates=True,
    ),
    GroupMetric(
        name="f1",
        definition="2 TP / (2 TP + FP + FN)",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=f1,
        all_labels=True,
        aliases=("f1_score",),
        of_rates=True,
    ),
    GroupMetric(
        name="matthews_correlation",
        definition="(TP TN - FP FN) / sqrt((TP + FN)(FP + TN)(TP + FP)(FN + TN))",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=mcc,
        all_labels=True,
        aliases=("mcc", "matthews_corrcoef", "phi_coefficient"),
        of_rates=True,
    ),
)
