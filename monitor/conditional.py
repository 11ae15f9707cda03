"""A disparity beside its stratified twin: the same two groups within strata of the legitimate factors."""

from dataclasses import dataclass

import numpy as np

from monitor.comparisons import Aggregate
from monitor.disparity import Disparities
from monitor.estimates import SUPPRESSED, Estimates, Flags, State
from monitor.grouping import Indices
from monitor.strata import Strata, reversed_sign


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """A disparity put together over strata, (metrics, comparisons), beside the raw one in the same places."""

    raw: Disparities
    estimates: Estimates
    factors: tuple[str, ...]
    lower: Indices
    higher: Indices
    reversed: Flags
    """Whether raw and stratified point in opposite directions."""
    strata: Indices
    """How many strata had both groups."""


def conditional(strata: Strata, raw: Disparities) -> Conditional:
    """The stratified twin; withheld, stale or undefined where the raw one is for a reason of its own."""
    of_ratio = raw.spec.aggregate is Aggregate.RATIO
    found, count = strata.compare((raw.subject, raw.base), raw.level, of_ratio=of_ratio)
    estimates = found
    for code, reason in enumerate(raw.estimates.reasons):
        here = raw.estimates.reason == code
        for state in (State.UNDEFINED, State.SUPPRESSED, State.STALE):
            estimates = estimates.where(here & (raw.estimates.state == _CODES[state]), state, reason)
    value = estimates.value
    with np.errstate(all="ignore"):
        below = value <= (1.0 if of_ratio else 0.0)
    turned = (raw.estimates.state != SUPPRESSED) & reversed_sign(raw.estimates.value, value, of_ratio=of_ratio)
    return Conditional(
        raw=raw,
        estimates=estimates,
        factors=strata.factors,
        lower=np.where(below, raw.subject, raw.base),
        higher=np.where(below, raw.base, raw.subject),
        reversed=turned,
        strata=count,
    )


_CODES = {State.UNDEFINED: 1, State.SUPPRESSED: 2, State.STALE: 3}
