"""A disparity beside its stratified twin: the same two groups within strata of the legitimate factors."""

from dataclasses import dataclass, replace

import numpy as np

from monitor.comparisons import Aggregate
from monitor.disparity import Disparities
from monitor.estimates import MEASURED, SUPPRESSED, UNDEFINED, Estimates, Flags
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
    taken = raw.estimates.state != MEASURED
    blank = np.where(raw.estimates.state == UNDEFINED, np.nan, 1.0)
    estimates = replace(
        found,
        value=found.value * blank,
        low=found.low * blank,
        high=found.high * blank,
        state=np.where(taken, raw.estimates.state, found.state),
        reason=np.where(taken, len(found.reasons) + raw.estimates.reason, found.reason).astype(np.int16),
        reasons=(*found.reasons, *raw.estimates.reasons),
    )
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
