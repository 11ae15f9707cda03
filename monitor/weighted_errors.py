"""Errors relative to what came true, of events that have weights (`WEIGHTED_ERRORS`): as scikit-learn's `sample_weight` has them.

All sums are joined as whole numbers of any size before they are subtracted or divided, as in `monitor.weighted_means`.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.limits import of_error
from monitor.metric import Sums
from monitor.sums import RELATIVE_UNIT
from monitor.tallies import Statistic, Tally
from monitor.weighted_means import effective, of_amounts, quotient, total, weight


def percentage(sums: Sums) -> Tally:
    """Sum of w |error / actual| where the actual value is not 0."""
    return replace(of_amounts(replace(sums, unit=RELATIVE_UNIT), "relative", "relative_error"), within=(0.0, np.inf))


def of_totals(sums: Sums, part: str) -> Statistic:
    """Sum of w |error| over sum of w |actual|.

    The error is that of a ratio of two weighted sums, `sqrt(n / (n - 1) sum w^2 (|e| - value |y|)^2) / sum w |y|` (W. G. Cochran,
    Sampling Techniques (3rd ed., 1977), 6.4); none below an effective number of two.
    """
    size, actual, n = total(sums, "error_abs_w"), total(sums, "outcome_abs_w"), sums.compared.astype(object)
    spread = (
        actual * actual * total(sums, "error_abs_ww_sq")
        - 2 * size * actual * total(sums, "error_outcome_ww")
        + size * size * total(sums, "outcome_abs_ww_sq")
    )
    value, error = quotient(size, actual), np.sqrt(quotient(n * spread, (n - 1) * actual**4))
    error = np.where(effective(sums, "compared") >= 2.0, error, np.nan)
    return Statistic(value, {part: sums.compared}, of_error(value, error, within=(0.0, np.inf)))


def determination(sums: Sums, part: str) -> Statistic:
    """1 - sum of w error^2 / sum of w (actual - mean actual)^2, the mean by weight. No interval: it takes fourth powers."""
    _, actual, _ = _centred(sums)
    squares = total(sums, "predicted_w_sq") - 2 * total(sums, "product_w") + total(sums, "outcome_w_sq")
    return Statistic(1.0 - quotient(squares * weight(sums, "compared"), actual), {part: sums.compared})


def correlation(sums: Sums, part: str) -> Statistic:
    """Pearson's by weight; Fisher's interval of the effective number of events."""
    predicted, actual, both = (column.astype(np.float64) for column in _centred(sums))
    alike = effective(sums, "compared")
    with np.errstate(all="ignore"):
        size = np.sqrt(predicted) * np.sqrt(actual)
        value = np.clip(both / np.where(size > 0, size, np.nan), -1.0, 1.0)
        error: Floats = (1.0 - value**2) / np.sqrt(np.where(alike > 3.0, alike - 3.0, np.nan))
    return Statistic(value, {part: sums.compared}, of_error(value, error, "atanh"))


def _centred(sums: Sums) -> tuple[Any, Any, Any]:
    """The sum of weights times the sums of w x^2 around the means by weight: of predicted and actual values, and products."""
    w, predicted, actual = weight(sums, "compared"), total(sums, "predicted_w"), total(sums, "outcome_w")
    return (
        w * total(sums, "predicted_w_sq") - predicted * predicted,
        w * total(sums, "outcome_w_sq") - actual * actual,
        w * total(sums, "product_w") - predicted * actual,
    )
