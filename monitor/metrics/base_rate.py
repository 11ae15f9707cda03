"""Base rate: how many of the labelled are labelled positive, whatever was decided.

Its difference is Clarify's DPL, and is what a disparity of decisions should be read beside. The distances between the
label distributions of two groups are Clarify's other measures before training. Both divergences are convex, so their
intervals are their ranges over the Wilson intervals of the two rates.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np

from monitor.estimates import Floats
from monitor.intervals import Interval
from monitor.metric import GroupMetric, Sums, rate
from monitor.parts import Rate, boxed, gap
from monitor.tallies import Contrast, Pair


def _counts(s: Sums) -> Rate:
    return s.positive, s.positive + s.negative


def _rate(s: Sums) -> Floats:
    positive, n = _counts(s)
    with np.errstate(all="ignore"):
        found: Floats = positive / n
    return found


def _divergence(p: Floats, q: Floats) -> Floats:
    """Of two Bernoulli distributions, in nats; infinite where q excludes what p has."""
    with np.errstate(all="ignore"):
        parts = [np.where(a > 0.0, a * np.log(a / b), 0.0) for a, b in ((p, q), (1.0 - p, 1.0 - q))]
    return parts[0] + parts[1]


def kullback_leibler(x: Sums, y: Sums) -> Contrast:
    """Of the group from what it is compared with: sum P_y ln(P_y / P_x)."""
    return Contrast(_divergence(_rate(y), _rate(x)), boxed(_counts(y), _counts(x), _divergence))


def jensen_shannon(x: Sums, y: Sums) -> Contrast:
    """The mean divergence from the average of both."""
    return Contrast(_from_middle(_rate(x), _rate(y)), boxed(_counts(x), _counts(y), _from_middle))


def scaled_gap(scale: float) -> Callable[[Sums, Sums], Contrast]:
    """A multiple of the distance of the two rates, with Newcombe's interval: what a distance of two labels comes to."""

    def distance(x: Sums, y: Sums) -> Contrast:
        apart = gap(_counts(x), _counts(y))

        def limits(level: Floats) -> Interval:
            low, high = apart.size(level)
            return scale * low, scale * high

        return Contrast(scale * np.abs(apart.value), limits)

    return distance


def _from_middle(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2.0
    return (_divergence(p, middle) + _divergence(q, middle)) / 2.0


def _pair(s: Sums, distance: object) -> Pair:
    p = _rate(s)
    return Pair(s, {"labels": s.positive + s.negative}, distance, keys=np.stack((p, -p)))  # type: ignore[arg-type]


METRICS = (
    GroupMetric(
        name="base_rate",
        definition="positive labels / labels",
        needs="label",
        kind="rate",
        denominator="labels",
        tally=rate(lambda s: s.positive, lambda s: s.positive + s.negative),
        all_labels=True,
        aliases=("prevalence", "prev"),
    ),
    GroupMetric(
        name="label_kl_divergence",
        definition="sum over labels of P_j ln(P_j / P_i)",
        needs="label",
        kind="pair",
        denominator="labels",
        tally=lambda s: _pair(s, kullback_leibler),
        all_labels=True,
        of_rates=True,
    ),
    GroupMetric(
        name="label_js_divergence",
        definition="(KL(P_i, M) + KL(P_j, M)) / 2 with M = (P_i + P_j) / 2",
        needs="label",
        kind="pair",
        denominator="labels",
        tally=lambda s: _pair(s, jensen_shannon),
        all_labels=True,
        of_rates=True,
    ),
    GroupMetric(
        name="label_lp_norm",
        definition="(sum over labels of abs(P_i - P_j)^p)^(1/p) with p = 2: sqrt(2) times the difference of base rates",
        needs="label",
        kind="pair",
        denominator="labels",
        tally=lambda s: _pair(s, scaled_gap(sqrt(2.0))),
        all_labels=True,
        aliases=("lp_norm",),
        of_rates=True,
    ),
    GroupMetric(
        name="label_total_variation_distance",
        definition="(sum over labels of abs(P_i - P_j)) / 2, of two labels also the greatest difference (Kolmogorov-Smirnov)",
        needs="label",
        kind="pair",
        denominator="labels",
        tally=lambda s: _pair(s, scaled_gap(1.0)),
        all_labels=True,
        aliases=("tvd", "label_ks_distance"),
        of_rates=True,
    ),
)
