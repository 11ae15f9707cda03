"""How a gap came about, as far as counts can tell: which version was new, which side moved, what the factors explain. Pure.

These are observations for whoever looks for the cause, not the cause.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from monitor.grouping import SERVED
from streams.audit.sections import number, span
from streams.report.findings import GroupFigure, Incident, Moment, Values, Version

NEAR = timedelta(hours=24)
"""A version that was first seen so shortly before the change is named beside it."""

EXPLAINED = 0.5
"""Where the gap within strata is less than half of the raw one, the mix over the strata makes most of it."""


def mechanism(incident: Incident, before: Moment | None, at: Moment, versions: Sequence[Version]) -> tuple[str, ...]:
    """Sentences, each from its own figures."""
    return (
        *_versions(incident, versions),
        *_sides(before, at),
        *_strata(at, 1.0 if incident.what is not None and incident.what.aggregate == "ratio" else 0.0),
        *_coverage(before, at),
    )


def _versions(incident: Incident, versions: Sequence[Version]) -> Iterator[str]:
    """Versions that decided before it fired and were new; what came later, or only looked on, moved nothing."""
    began = incident.began
    if began is None:
        return
    near = [one for one in versions if began - NEAR <= one.first <= incident.fired and one.arm in SERVED]
    for one in near:
        yield f"Version {one.version} ({one.arm}) was first counted in the window that ends at {moment(one.first)}."
    if near:
        yield f"The change most likely began at {moment(began)}."
    else:
        yield f"No version was new within a day of the change ({moment(began)}): the traffic changed, or something before the model."


def _sides(before: Moment | None, at: Moment) -> Iterator[str]:
    """By how much each side moved."""
    if before is None or at.gap is None or at.gap.lower is None or at.gap.higher is None:
        return
    moved = []
    for side in (at.gap.lower, at.gap.higher):
        then, now = _value(before.groups, side), _value(at.groups, side)
        if then is None or now is None or not then:
            return
        moved.append((side, then, now, now / then - 1.0))
    told = "; ".join(f"{name(side)} from {number(then)} to {number(now)} ({by:+.1%})" for side, then, now, by in moved)
    low, high = (abs(by) for _, _, _, by in moved)
    if low > 2 * high:
        end = f": the change is on the side of {name(moved[0][0])}"
    elif high > 2 * low:
        end = f": the change is on the side of {name(moved[1][0])}"
    else:
        end = ": both sides moved"
    yield f"{told}{end}."


def _strata(at: Moment, neutral: float) -> Iterator[str]:
    """What is left of the gap within strata; `neutral` is the value without a gap."""
    raw, within = at.gap, at.within
    if raw is None or within is None or raw.figure.value is None:
        return
    factors = " and ".join(within.factors)
    if within.figure.value is None:
        yield f"Within strata of {factors} nothing can be said: {within.figure.state}."
        return
    left = abs(within.figure.value - neutral) / (abs(raw.figure.value - neutral) or 1.0)
    interval = span(within.figure.low, within.figure.high)
    told = f"Within strata of {factors} it is {number(within.figure.value)} ({interval}), without them {number(raw.figure.value)}"
    yield told + (
        ": most of the gap is in how the groups are spread over the strata."
        if left < EXPLAINED
        else f": how the groups are spread over {factors} does not explain it."
    )


def _coverage(before: Moment | None, at: Moment) -> Iterator[str]:
    shares = [one.figure.coverage for one in at.groups if one.figure.coverage is not None]
    if shares and max(shares) - min(shares) > 0.05:
        yield f"Label coverage differs between the groups, from {min(shares):.1%} to {max(shares):.1%}: labels may mislead."


def _value(groups: Sequence[GroupFigure], side: Values) -> float | None:
    return next((one.figure.value for one in groups if dict(one.groups) == dict(side)), None)


def name(groups: Values | None) -> str:
    """`sex=female`, or everybody."""
    if not groups:
        return "everybody"
    return "the rest" if dict(groups) == {"*": "rest"} else ", ".join(f"{key}={groups[key]}" for key in sorted(groups))


def moment(at: datetime) -> str:
    """To the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
