"""What rules about groups look at beside metrics: the share of `unknown` and `other`, and groups that have vanished. Pure.

Everything is counted over what is served (arms live, canary and fallback, all versions), from the sums of windows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from alerts.rules.absence import AbsenceRule
from alerts.rules.quality import QualityRule
from alerts.verdicts import Observation, Side
from monitor.config import UNKNOWN
from monitor.grouping import SERVED
from monitor.sums import DECISIONS
from streams.arrivals import share_of
from streams.measuring import Frame, Place

Counted = dict[str, int]
"""Events by group."""


def wrong_groups(rule: QualityRule, frame: Frame, attributes: Sequence[str]) -> Iterator[Observation]:
    """The share of predictions whose group of each attribute is `unknown` or `other`, as the rule asks."""
    for attribute in rule.attributes or attributes:
        counted = by_group(frame, attribute)
        wrong, n = counted.get(rule.share, 0), sum(counted.values())
        side = Side({attribute: rule.share}, n, numerator=float(wrong), denominator=float(n))
        yield _under(share_of(rule, side, frame.place.end, (attribute,)), frame)


def vanished(
    rule: AbsenceRule, now: Frame, before: Frame, declared: Mapping[str, Sequence[str]]
) -> Iterator[Observation]:
    """Each declared group's share of the newest window (`lower`) beside its share of the longer one before it (`higher`)."""
    for attribute in rule.attributes or tuple(declared):
        recent, whole = by_group(now, attribute), by_group(before, attribute)
        n, total = sum(recent.values()), sum(whole.values()) - sum(recent.values())
        for group in declared[attribute]:
            k = recent.get(group, 0)
            earlier = whole.get(group, 0) - k
            yield _under(_beside(rule, now.place, ({attribute: group}, (k, n), (earlier, total))), now)


def by_group(frame: Frame, attribute: str) -> Counted:
    """The events of what is served, by the group of an attribute."""
    counted: Counted = {}
    if frame.decision is None:
        return counted
    events = frame.decision[:, DECISIONS.index("events")].tolist()
    for cell, number in zip(frame.filled.cells, events, strict=True):
        if cell.arm in SERVED:
            group = cell.groups.get(attribute, UNKNOWN)
            counted[group] = counted.get(group, 0) + number
    return counted


def _beside(
    rule: AbsenceRule, place: Place, found: tuple[Mapping[str, str], tuple[int, int], tuple[int, int]]
) -> Observation:
    groups, now, before = found
    lower, higher = _side(groups, *now), _side(groups, *before)
    comparable = lower.value is not None and bool(higher.value)
    value = (lower.value or 0.0) / (higher.value or 1.0) if comparable else None
    return Observation(
        metric=rule.measure,
        attributes=tuple(groups),
        aggregate="ratio",
        method=rule.method,
        window_ms=rule.window_ms,
        window_end=place.end,
        state="measured" if comparable else "undefined",
        value=value,
        lower=lower,
        higher=higher,
        subject=",".join(f"{name}={group}" for name, group in groups.items()),
        reason="" if comparable else "no decisions now, or none of this group before",
    )


def _side(groups: Mapping[str, str], k: int, n: int) -> Side:
    return Side(groups, k, k / n if n else None, numerator=float(k), denominator=float(n))


def _under(o: Observation, frame: Frame) -> Observation:
    """A window that is barred from being judged (schema changed, data lost) bars this too."""
    if frame.condition is None:
        return o
    state, reason = frame.condition
    return replace(o, state=state.value, value=None, reason=reason)
