"""Inequality of benefit: how unevenly errors that favour and errors that harm are spread.

The benefit of a decision is b = decision - label + 1: 0 for a wrongful refusal, 2 for an undeserved favour, else 1 (T.
Speicher and others, KDD 2018). `generalized_entropy` of everybody is Clarify's GE and AIF360's index; the `between`
forms put every group's mean in place of its members, and are numbers of all groups of an attribute set.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, normal_quantile
from monitor.limits import of_error
from monitor.metric import GroupMetric, Sums
from monitor.tallies import Contrast, Index, Statistic


def moments(s: Sums) -> tuple[Floats, Floats, Floats]:
    """How many, the mean benefit, and the mean of its square."""
    n = (s.tp + s.fp + s.fn + s.tn).astype(np.float64)
    with np.errstate(all="ignore"):
        return n, (s.tp + s.tn + 2 * s.fp) / n, (s.tp + s.tn + 4 * s.fp) / n


def _error(s: Sums, slopes: tuple[Floats, Floats, Floats]) -> Floats:
    """The delta method over the three benefits, a multinomial: `slopes` are the derivatives by their shares.

    Of shares with one event of each added, so that what was not seen is not taken for impossible.
    """
    counts = [count + 1.0 for count in (s.fn, s.tp + s.tn, s.fp)]
    n = sum(counts)
    with np.errstate(all="ignore"):
        first = sum(count * slope for count, slope in zip(counts, slopes, strict=True)) / n
        second = sum(count * slope**2 for count, slope in zip(counts, slopes, strict=True)) / n
        error: Floats = np.sqrt(np.maximum(second - first**2, 0.0) / (n - 3.0))
    return error


def generalized_entropy(s: Sums) -> Statistic:
    """Half the squared coefficient of variation."""
    _, mean, square = moments(s)
    with np.errstate(all="ignore"):
        value = (square / mean**2 - 1.0) / 2.0
        slopes = [(b * b / mean**2 - 2.0 * square * b / mean**3) / 2.0 for b in (0.0, 1.0, 2.0)]
    error = _error(s, (slopes[0], slopes[1], slopes[2]))
    return _statistic(s, value, error)


def theil(s: Sums) -> Statistic:
    """Mean of b/mean ln(b/mean)."""
    n, mean, _ = moments(s)
    with np.errstate(all="ignore"):
        double = 2.0 * np.log(2.0) * s.fp / n
        value = double / mean - np.log(mean)
        slopes = [(b * np.log(b) if b else 0.0) / mean - double * b / mean**2 - b / mean for b in (0.0, 1.0, 2.0)]
    return _statistic(s, value, _error(s, (slopes[0], slopes[1], slopes[2])))


def variation(s: Sums) -> Statistic:
    """The root of twice the generalised entropy."""
    _, mean, square = moments(s)
    with np.errstate(all="ignore"):
        value = np.sqrt(np.maximum(square / mean**2 - 1.0, 0.0))
        slopes = [(b * b / mean**2 - 2.0 * square * b / mean**3) / (2.0 * value) for b in (0.0, 1.0, 2.0)]
    return _statistic(s, value, _error(s, (slopes[0], slopes[1], slopes[2])))


def _statistic(s: Sums, value: Floats, error: Floats) -> Statistic:
    n, mean, _ = moments(s)
    value = np.where(mean > 0.0, value, np.nan)  # nobody has any benefit: there is none to share
    parts = {"labelled decisions": n.astype(np.int64)}
    return Statistic(value, parts, of_error(value, error, within=(0.0, np.inf)))


@dataclass(frozen=True, slots=True)
class Inequality:
    """A measure of inequality as the mean of a function of benefits relative to their mean, with its derivatives."""

    of: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    bend: Callable[[Floats], Floats]


ENTROPY = Inequality(lambda r: (r**2 - 1.0) / 2.0, lambda r: r, np.ones_like)
THEIL = Inequality(
    lambda r: np.where(r > 0.0, r * np.log(r), 0.0),
    lambda r: np.where(r > 0.0, np.log(r) + 1.0, 0.0),
    lambda r: 1.0 / r,
)


def between(inequality: Inequality) -> Callable[[Sums], Index]:
    """The index of group means; `inequality` of mean benefits relative to everybody's.

    Interval: the delta method over the multinomial of all groups' benefits. Groups of equal means differ by chance: the
    lower end is lowered by the mean of that, `sum w (variance of a mean) bend / 2`; and means that are equal by chance may
    not be so: the upper end is raised by it (with one event of each benefit added).
    """

    def tally(s: Sums) -> Index:
        n, mean, _ = moments(s)
        return Index(s, {"labelled decisions": n.astype(np.int64)}, index, mean)

    def index(sets: Sums, within: Flags) -> Contrast:
        n, mean, square = moments(sets)
        size, mean = np.where(within, n, 0.0), np.where(within, mean, 0.0)
        with np.errstate(all="ignore"):
            weight = size / size.sum(axis=-1, keepdims=True)
            overall = (weight * mean).sum(axis=-1, keepdims=True)
            relative = mean / overall
            value = (weight * inequality.of(relative)).sum(axis=-1)
            spreads = (square - mean**2, _spread(sets))
            chances = [inequality.bend(relative) * spread / (2.0 * overall**2) for spread in spreads]
            excess, spare = (
                np.where(within & np.isfinite(chance), chance, 0.0).sum(axis=-1) / size.sum(axis=-1)
                for chance in chances
            )

        def limits(level: Floats) -> Interval:
            with np.errstate(all="ignore"):
                own, slope = inequality.of(relative) - value[..., None], inequality.slope(relative)
                pull = (weight * slope * relative).sum(axis=-1, keepdims=True)
                variance = np.zeros(np.shape(value))
                for benefit, count in ((0.0, sets.fn), (1.0, sets.tp + sets.tn), (2.0, sets.fp)):
                    share, seen = benefit / overall, (count + 1.0) * size / (size + 3.0)  # as in `_error`
                    steep = own + slope * (share - relative) + pull * (1.0 - share)
                    variance = variance + np.where(within, seen * steep**2, 0.0).sum(axis=-1)
                half = normal_quantile(level) * np.sqrt(variance) / size.sum(axis=-1)
            return np.maximum(value - excess - half, 0.0), value + spare + half

        return Contrast(value, limits)

    return tally


def _spread(s: Sums) -> Floats:
    """The variance of a benefit, with one event of each added."""
    none, one, two = (count + 1.0 for count in (s.fn, s.tp + s.tn, s.fp))
    n = none + one + two
    found: Floats = (one + 4.0 * two) / n - ((one + 2.0 * two) / n) ** 2
    return found


def variation_between(s: Sums) -> Index:
    """The root of twice the between-group generalised entropy, and of the ends of its interval."""
    entropy = between(ENTROPY)(s)

    def index(sets: Sums, within: Flags) -> Contrast:
        found = entropy.index(sets, within)

        def limits(level: Floats) -> Interval:
            assert found.limits is not None
            low, high = found.limits(level)
            return np.sqrt(2.0 * low), np.sqrt(2.0 * np.maximum(high, 0.0))

        return Contrast(np.sqrt(np.maximum(2.0 * found.value, 0.0)), limits)

    return Index(s, entropy.parts, index, entropy.key)


def _metric(name: str, definition: str, kind: str, tally: object, *aliases: str) -> GroupMetric:
    return GroupMetric(
        name=name,
        definition=definition,
        needs="label",
        kind=kind,  # type: ignore[arg-type]
        denominator="benefit",
        tally=tally,  # type: ignore[arg-type]
        all_labels=True,
        aliases=aliases,
        of_rates=kind == "statistic",
        of_sizes=kind == "index",
    )


METRICS = (
    _metric("generalized_entropy", "mean of ((b/m)^2 - 1) / 2, b = decision - label + 1, m = mean b", "statistic",
            generalized_entropy, "generalized_entropy_index"),
    _metric("theil_index", "mean of b/m ln(b/m)", "statistic", theil, "theil"),
    _metric("coefficient_of_variation", "sqrt(2 generalized_entropy)", "statistic", variation),
    _metric("between_group_generalized_entropy", "generalized_entropy of the groups' means", "index",
            between(ENTROPY), "between_group_generalized_entropy_index"),
    _metric("between_group_theil_index", "theil_index of the groups' means", "index", between(THEIL)),
    _metric("between_group_coefficient_of_variation", "coefficient_of_variation of the groups' means", "index",
            variation_between),
)  # fmt: skip
