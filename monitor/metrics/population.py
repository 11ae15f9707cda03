"""Who the decisions are about, against who they should be about: shares of groups and those of a reference population.

The reference population is configured (`population` of an attribute) or a stored audit's. A group's share here is among the
predictions of the groups that the population names, so that a rise of `unknown` is not a fall of every group; the share of
`unknown` is its `representation`. Intersections have no reference population.

Population stability index: `sum over groups of (p - q) ln(p / q)`, natural logarithm, p the share now and q the reference's
(credit scoring's name for Jeffreys' symmetric divergence; rules of thumb look at 0.1 and 0.25). A group of the population
without any prediction would make it infinite; no constant is put in its place: it is undefined then, and the group's
difference (minus its share) and ratio (0) say what happened.
"""

from typing import Any

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.intervals import Interval, normal_quantile
from monitor.limits import of_rate
from monitor.metric import GroupMetric, Sums
from monitor.sums import Ints
from monitor.tallies import Contrast, Index, Statistic

NAMED = "predictions of groups with a population share"

WHOLE = 1.0 - 1e-5
"""A sum of shares that is less is not the whole population."""


def _of(s: Sums) -> tuple[Floats, Ints]:
    """The reference share of each group (NaN: none), and how many events are of groups that have one."""
    if s.population is None:
        return np.full(s.events.shape, np.nan), np.zeros(s.events.shape, dtype=np.int64)
    return s.population.share, s.population.named[..., s.layout.index("events")]


def difference(s: Sums) -> Statistic:
    """The share minus the reference's; Wilson's interval, moved."""
    wanted, named = _of(s)
    with np.errstate(all="ignore"):
        value = s.events / named - wanted
    limits = of_rate(s.events, named, lambda end: end)

    def moved(at: Any, level: Floats) -> Interval:
        low, high = limits(at, level)
        return low - wanted[at], high - wanted[at]

    return Statistic(value, {NAMED: _counted(wanted, named)}, moved, people=s.events)


def ratio(s: Sums) -> Statistic:
    """The share over the reference's; Wilson's interval, divided."""
    wanted, named = _of(s)
    with np.errstate(all="ignore"):
        value = s.events / named / wanted
    limits = of_rate(s.events, named, lambda end: end)

    def divided(at: Any, level: Floats) -> Interval:
        low, high = limits(at, level)
        return low / wanted[at], high / wanted[at]

    return Statistic(value, {NAMED: _counted(wanted, named)}, divided, people=s.events)


def _counted(wanted: Floats, named: Ints) -> Ints:
    """What the number stands on: nothing, for a group that the population does not name."""
    found: Ints = np.where(np.isnan(wanted), 0, named)
    return found


def stability(s: Sums) -> Index:
    """The population stability index, of the groups that the population names; undefined unless all of them are there.

    Interval: the delta method over the multinomial of the groups. At equal shares it is above 0 by chance, and the lower
    end is lowered by the mean of that, `sum (1 - p) (1 + q / p) / 2n`.
    """

    def index(sets: Sums, within: Flags) -> Contrast:
        wanted = np.where(within, _of(sets)[0], np.nan)
        there = ~np.isnan(wanted)
        events = np.where(there, sets.events, 0)
        n = events.sum(axis=-1).astype(np.float64)
        whole = np.where(there, wanted, 0.0).sum(axis=-1) >= WHOLE
        with np.errstate(all="ignore"):
            share = events / n[..., None]
            logs = np.log(share / wanted)
            terms = np.where(there, (share - wanted) * logs, 0.0)
            value = np.where(whole & (n > 0), terms.sum(axis=-1), np.nan)

        def limits(level: Floats) -> Interval:
            with np.errstate(all="ignore"):
                slope = np.where(there, logs + 1.0 - wanted / share, 0.0)
                bend = np.where(there, (1.0 - share) * (1.0 + wanted / share), 0.0).sum(axis=-1)
                spread = (share * slope**2).sum(axis=-1) - (share * slope).sum(axis=-1) ** 2
                half = normal_quantile(level) * np.sqrt(np.maximum(spread, 0.0) / n)
            return np.maximum(value - bend / (2.0 * n) - half, 0.0), value + half

        return Contrast(value, limits)

    wanted, named = _of(s)
    with np.errstate(all="ignore"):
        key = s.events / named / wanted
    return Index(s, {NAMED: np.where(np.isnan(wanted), 0, s.events)}, index, key)


METRICS = (
    GroupMetric(
        name="representation_difference",
        definition="share of the predictions of named groups - share of the reference population",
        needs="decision",
        kind="statistic",
        denominator=NAMED,
        tally=difference,
        compared=False,
        of_sizes=True,
    ),
    GroupMetric(
        name="representation_ratio",
        definition="share of the predictions of named groups / share of the reference population",
        needs="decision",
        kind="statistic",
        denominator=NAMED,
        tally=ratio,
        compared=False,
        of_sizes=True,
    ),
    GroupMetric(
        name="population_stability_index",
        definition="sum over groups of (p - q) ln(p / q), p the share now, q that of the reference population; a group without"
        " predictions: undefined",
        needs="decision",
        kind="index",
        denominator=NAMED,
        tally=stability,
        aliases=("psi",),
        of_sizes=True,
    ),
)
