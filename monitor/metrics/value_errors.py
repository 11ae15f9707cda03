"""How far predicted values are from what came of them: error = predicted - actual, in the model's own measure.

`mean_error` alone says who is charged too much and who too little; the others say for whom the model is worse. The first
three follow by the minute, the relative ones and those of fit by the hour. Sums of squares and products are joined as whole
numbers of any size before they are subtracted: in floats the difference would be noise where the spread is small.

Intervals of what is made of squares are by `monitor.fourth_powers`, whose sums are kept by the hour: there is one of windows by the
time of the decision (and of R2 by the outcome's too) and in audits, and none by the minute nor with weights.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from monitor.estimates import Floats
from monitor.fourth_powers import error_of_jain, error_of_squares, error_of_unexplained, of_complement, of_positive
from monitor.intervals import Interval
from monitor.limits import of_error
from monitor.metric import GroupMetric, Sums
from monitor.river_stats import Moments
from monitor.sums import LIMB, RELATIVE_UNIT, Ints
from monitor.tallies import Statistic, Tally
from monitor.weighted_errors import correlation as weighted_correlation
from monitor.weighted_errors import determination as weighted_determination
from monitor.weighted_errors import of_totals, percentage
from monitor.weighted_means import mean, of_amounts, quotient, total, weight

COMPARED = "predictions with a value on both sides"
SIZE = (0.0, np.inf)
"""Where the mean of sizes lies."""
RELATIVE = "predictions with a value on both sides and an outcome that is not 0"


def signed(sums: Sums) -> Tally:
    """Sum of errors, and their variance."""
    moments = sums.moments("compared", "error")
    return Tally(moments.sum, moments.n, moments.variance)


def absolute(sums: Sums) -> Tally:
    """Sum of the sizes of errors, and their variance."""
    moments = Moments(sums.compared, sums.error_abs, sums.error_sq_hi, sums.error_sq_lo, sums.unit)
    return Tally(moments.sum, moments.n, moments.variance, within=SIZE)


def mean_squared(sums: Sums) -> Statistic:
    """The mean squared error, in the square of the measure; an interval on the scale of logarithms."""
    found = _mean_squared(sums, _square(sums))
    if sums.beside is None:
        return found
    error = error_of_squares(sums, _whole(sums.error_sq_hi, sums.error_sq_lo)) * sums.unit**2
    return replace(found, limits=of_positive(found.value, error))


def _mean_squared(sums: Sums, square: Floats) -> Statistic:
    with np.errstate(all="ignore"):
        return Statistic(_root(sums, square).value ** 2, {COMPARED: sums.compared})


def root_mean_squared(sums: Sums) -> Statistic:
    """The root of the mean squared error, and of the ends of its interval."""
    found, squared = _root(sums, _square(sums)), mean_squared(sums).limits
    if squared is None:
        return found

    def limits(at: Any, level: Floats) -> Interval:
        low, high = squared(at, level)
        return np.sqrt(low), np.sqrt(high)

    return replace(found, limits=limits)


def _root(sums: Sums, square: Floats) -> Statistic:
    """Of the mean of the squared errors, in squared units."""
    return Statistic(np.sqrt(square) * sums.unit, {COMPARED: sums.compared})


def _square(sums: Sums) -> Floats:
    with np.errstate(all="ignore"):
        found: Floats = _squares(sums) / sums.compared
    return found


def _weighted_square(sums: Sums) -> Floats:
    return mean(sums, "compared", "error_w_sq", 1.0)


def _squares(sums: Sums) -> Floats:
    """The sum of squared errors, in squared units: the float nearest to the whole number."""
    hi, lo = sums.error_sq_hi, sums.error_sq_lo
    if (hi < 1 << LIMB).all():
        return ((hi << LIMB) + lo).astype(np.float64)
    found: Floats = _whole(hi, lo).astype(np.float64)
    return found


def jain(sums: Sums) -> Statistic:
    """(sum of |error|)^2 / (n sum of error^2): 1 where all are equally far off, 1/n where one alone is.

    R. Jain, D. Chiu and W. Hawe, DEC Research Report TR-301 (1984). Undefined where nobody is off at all. An interval on the
    scale of logits, so none of 1.
    """
    n, size = sums.compared, sums.error_abs.astype(np.float64)
    squares = _squares(sums)
    with np.errstate(all="ignore"):
        value = np.minimum(size**2 / np.where(squares > 0, n * squares, np.nan), 1.0)
    if sums.beside is None:
        return Statistic(value, {COMPARED: n})
    error = value * error_of_jain(sums, _whole(sums.error_sq_hi, sums.error_sq_lo))
    return Statistic(value, {COMPARED: n}, of_error(value, error, "logit"))


def jain_of_weights(sums: Sums) -> Statistic:
    """(sum of w |error|)^2 / (sum of w x sum of w error^2)."""
    size = total(sums, "error_abs_w")
    value = quotient(size * size, weight(sums, "compared") * total(sums, "error_w_sq"))
    return Statistic(value, {COMPARED: sums.compared})


def relative(sums: Sums) -> Tally:
    """Sum of |error / actual|, and its variance."""
    hi, lo = sums.relative_error_sq_hi, sums.relative_error_sq_lo
    moments = Moments(sums.relative, sums.relative_error, hi, lo, RELATIVE_UNIT)
    return Tally(moments.sum, moments.n, moments.variance, within=SIZE)


def weighted(sums: Sums) -> Statistic:
    """Sum of |error| over sum of |actual|; the delta method for a ratio of two means."""
    n, size, actual = sums.compared, sums.error_abs.astype(np.float64), sums.outcome_abs.astype(np.float64)
    product = _whole(sums.product_hi, sums.product_lo)
    squares = _whole(sums.outcome_sq_hi, sums.outcome_sq_lo)
    errors = (_whole(sums.predicted_sq_hi, sums.predicted_sq_lo) - 2 * product + squares).astype(np.float64)
    crossed = _whole(sums.error_outcome_hi, sums.error_outcome_lo).astype(np.float64)
    with np.errstate(all="ignore"):
        value = size / np.where(actual > 0, actual, np.nan)
        spread = errors - 2 * value * crossed + value**2 * squares.astype(np.float64)  # of |error| - value |actual|
        error: Floats = np.sqrt(np.maximum(spread, 0.0) * n / (n - 1)) / actual
    return Statistic(value, {COMPARED: n}, of_error(value, np.where(n > 1, error, np.nan), within=(0.0, np.inf)))


def determination(sums: Sums) -> Statistic:
    """1 - sum of squared errors / sum of squared distances of the actual values from their mean (scikit-learn).

    An interval on the scale of the logarithm of one minus it, so that it ends below 1.
    """
    n = sums.compared
    _, actual, _ = _centred(sums)
    product = _whole(sums.product_hi, sums.product_lo)
    squares = _whole(sums.outcome_sq_hi, sums.outcome_sq_lo)
    errors = _whole(sums.predicted_sq_hi, sums.predicted_sq_lo) - 2 * product + squares
    with np.errstate(all="ignore"):
        unexplained = (errors * _objects(n)).astype(np.float64) / np.where(actual > 0, actual, np.nan)
    if sums.beside is None:
        return Statistic(1.0 - unexplained, {COMPARED: n})
    limits = of_complement(unexplained, error_of_unexplained(sums, errors, squares))
    return Statistic(1.0 - unexplained, {COMPARED: n}, limits)


def correlation(sums: Sums) -> Statistic:
    """Pearson's correlation of predicted and actual values; Fisher's interval."""
    n = sums.compared
    predicted, actual, both = _centred(sums)
    with np.errstate(all="ignore"):
        size = np.sqrt(predicted) * np.sqrt(actual)
        value = np.clip(both / np.where(size > 0, size, np.nan), -1.0, 1.0)
        error = (1.0 - value**2) / np.sqrt(np.where(n > 3, n - 3.0, np.nan))
    return Statistic(value, {COMPARED: n}, of_error(value, error, "atanh"))


def _centred(sums: Sums) -> tuple[Floats, Floats, Floats]:
    """n times the sums of squares of predicted and of actual values around their means, and of their products."""
    n, predicted, actual = (_objects(column) for column in (sums.compared, sums.predicted, sums.outcome))
    return (
        (n * _whole(sums.predicted_sq_hi, sums.predicted_sq_lo) - predicted * predicted).astype(np.float64),
        (n * _whole(sums.outcome_sq_hi, sums.outcome_sq_lo) - actual * actual).astype(np.float64),
        (n * _whole(sums.product_hi, sums.product_lo) - predicted * actual).astype(np.float64),
    )


def _whole(hi: Ints, lo: Ints) -> Any:
    """Python's integers, of any size."""
    return _objects(hi) * (1 << LIMB) + _objects(lo)


def _objects(column: Ints) -> Any:
    return column.astype(object)


METRICS = (
    GroupMetric(
        name="mean_error",
        definition="mean of predicted - actual value: above 0 is too high",
        needs="label",
        kind="mean",
        denominator=COMPARED,
        tally=signed,
        aliases=("signed_bias", "mean_residual"),
        weighted=lambda sums: of_amounts(sums, "compared", "error"),
    ),
    GroupMetric(
        name="mean_absolute_error",
        definition="mean of abs(predicted - actual value)",
        needs="label",
        kind="mean",
        denominator=COMPARED,
        tally=absolute,
        aliases=("mae",),
        weighted=lambda sums: replace(of_amounts(sums, "compared", "error_abs", "error"), within=SIZE),
    ),
    GroupMetric(
        name="mean_squared_error",
        definition="mean of (predicted - actual value)^2",
        needs="label",
        kind="statistic",
        denominator=COMPARED,
        tally=mean_squared,
        aliases=("mse",),
        weighted=lambda sums: _mean_squared(sums, _weighted_square(sums)),
        beside="power",
    ),
    GroupMetric(
        name="root_mean_squared_error",
        definition="root of the mean of (predicted - actual value)^2",
        needs="label",
        kind="statistic",
        denominator=COMPARED,
        tally=root_mean_squared,
        aliases=("rmse",),
        weighted=lambda sums: _root(sums, _weighted_square(sums)),
        beside="power",
    ),
    GroupMetric(
        name="jain_index",
        definition="(sum of abs(predicted - actual value))^2 / (n x sum of (predicted - actual value)^2): evenness of errors",
        needs="label",
        kind="statistic",
        denominator="errors",
        tally=jain,
        weighted=jain_of_weights,
        beside="power",
    ),
    GroupMetric(
        name="mean_absolute_percentage_error",
        definition="mean of abs(predicted - actual value) / abs(actual value), as a share, where it is not 0",
        needs="error",
        kind="mean",
        denominator=RELATIVE,
        tally=relative,
        aliases=("mape",),
        weighted=percentage,
    ),
    GroupMetric(
        name="weighted_absolute_percentage_error",
        definition="sum of abs(predicted - actual value) / sum of abs(actual value), as a share",
        needs="error",
        kind="statistic",
        denominator="actual values other than 0",
        tally=weighted,
        aliases=("wape",),
        weighted=lambda sums: of_totals(sums, COMPARED),
    ),
    GroupMetric(
        name="r2",
        definition="1 - sum of (predicted - actual)^2 / sum of (actual - mean actual)^2",
        needs="error",
        kind="statistic",
        denominator="spread of actual values",
        tally=determination,
        aliases=("r2_score",),
        beside="power",
        weighted=lambda sums: weighted_determination(sums, COMPARED),
    ),
    GroupMetric(
        name="value_correlation",
        definition="Pearson's correlation of predicted and actual values",
        needs="error",
        kind="statistic",
        denominator="spread of predicted and actual values",
        tally=correlation,
        weighted=lambda sums: weighted_correlation(sums, COMPARED),
    ),
)
