"""Who is told of an alert: a tree of routes over its labels. Pure; receivers are only named here.

Three sources, in this order: the receivers that a rule names for itself, the flat list `routes` (every entry that matches
counts), and the tree `route`, whose semantics are Alertmanager's: depth first, the first child that matches takes the
alert unless it says `continue`, and what a child does not say it has from its parent. An alert reaches each receiver once,
by the first way. An escalation is a branch of its own to further receivers, which waits for an acknowledgement.

Without `group_by` each alert is told for itself and at once; with it, groups wait as Alertmanager's do.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from alerts.errors import UnknownReceiver
from alerts.grouping import Timing
from alerts.holding import Inhibition, Silence
from alerts.intervals import TimeInterval, any_holds
from alerts.matching import Labels, Matchers, equal_to, matches
from monitor.times import DAY, MINUTE

ROUTE_CHANNELS = frozenset({"rollback"})
"""The channels that carry changes of route and not alerts: their `tells`, which this module may not import."""

CONTROL = "fairdrift.control"
"""The receiver of changes of route where none is configured."""

ALL = "..."
"""Alertmanager's word in `group_by`: by all labels, so that each alert is told for itself."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver by its name: over which channel, what it wants to know besides beginnings, who stands in for it."""

    name: str
    channel: str
    send_resolved: bool = True
    send_acknowledged: bool = False
    fallback: str = ""
    resend: int = 0
    """ms after which what fires is sent again, whoever has acknowledged it: for a receiver that forgets"""
    heartbeat: int = 0
    """ms after which it is told that all is well"""


DEFAULT_CONTROL = Receiver(CONTROL, "rollback")


@dataclass(frozen=True, slots=True)
class Escalation:
    """These receivers are told of what nobody has acknowledged `after` so long, ms."""

    after: int
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree. None of `group_by`: each alert for itself. Times in ms."""

    matchers: Matchers = ()
    receivers: tuple[str, ...] = ()
    goes_on: bool = False
    group_by: tuple[str, ...] | None = None
    timing: Timing = field(default_factory=Timing)
    muted: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    routes: tuple["Route", ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where an alert goes: the group that it joins, and how that is told. `labels` are those that the group agrees in."""

    receiver: Receiver
    group: str
    labels: Labels
    timing: Timing
    alone: bool
    muted: tuple[str, ...] = ()
    active: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """Everything that decides who is told. `control` are the receivers of changes of route, not of alerts.

    `own` are the receivers that rules name for themselves, by the rule's name.
    """

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flat: tuple[Route, ...] = ()
    tree: Route | None = None
    silences: tuple[Silence, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    control: tuple[Receiver, ...] = (DEFAULT_CONTROL,)

    def targets(self, alert: str, labels: Labels) -> tuple[Target, ...]:
        """Where an alert with these labels goes; each receiver once, an escalation beside its first way.

        UnknownReceiver for nobody's name.
        """
        found: dict[tuple[str, int], Target] = {}
        controlling = {receiver.name for receiver in self.control if receiver.channel in ROUTE_CHANNELS}
        for path, route in self._ways(labels):
            for name, timing in _told_by(route):
                step = timing.group_wait if timing.escalates else -1
                if name not in controlling:
                    found.setdefault(
                        (name, step), self._target(name, (alert, labels), path, replace(route, timing=timing))
                    )
        return tuple(found.values())

    def muted_until(self, target: Target, now: int) -> int | None:
        """When the branch stops keeping quiet, if it does now; at most a day on, when it must be asked again.

        It keeps quiet in each of its muted intervals, and in none of its active ones. Intervals change at full minutes.
        """
        if not self._is_muted(target, now):
            return None
        first = now - now % MINUTE + MINUTE
        return next((at for at in range(first, now + DAY, MINUTE) if not self._is_muted(target, at)), now + DAY)

    def _is_muted(self, target: Target, now: int) -> bool:
        if any(any_holds(self.intervals.get(name, ()), now) for name in target.muted):
            return True
        return bool(target.active) and not any(any_holds(self.intervals.get(n, ()), now) for n in target.active)

    def _ways(self, labels: Labels) -> Iterator[tuple[str, Route]]:
        rule = labels.get("alertname", "")
        if self.own.get(rule):
            yield f"rule {rule}", Route(receivers=self.own[rule])
        for route in self.flat:
            if matches(route.matchers, labels):
                yield "routes", route
        if self.tree is not None:
            yield from _leaves(self.tree, labels, "route")

    def _target(self, name: str, of: tuple[str, Labels], path: str, route: Route) -> Target:
        if name not in self.receivers:
            raise UnknownReceiver(name, tuple(sorted(self.receivers)))
        receiver, (alert, labels) = self.receivers[name], of
        if receiver.resend:  # it groups by itself
            timing = Timing(repeat_interval=receiver.resend, repeat_acknowledged=True)
            route = replace(route, timing=timing, group_by=None)
        shared = labels if route.group_by is None else {label: labels.get(label, "") for label in route.group_by}
        timing = replace(
            route.timing, send_resolved=receiver.send_resolved, send_acknowledged=receiver.send_acknowledged
        )
        where = f"{path}#{timing.group_wait}" if timing.escalates else path
        key = group_key(name, where, alert if route.group_by is None else shared)
        return Target(receiver, key, shared, timing, route.group_by is None, route.muted, route.active)


def group_key(receiver: str, path: str, of: str | Labels) -> str:
    """The identity of a group: whose, on which branch, and of which labels or which single alert."""
    canonical = json.dumps([receiver, path, of if isinstance(of, str) else dict(of)], sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def matched_by(wanted: Labels, receivers: Iterable[str]) -> Route:
    """An entry of the flat list: alerts with these labels go to these receivers, each for itself and at once."""
    return Route(equal_to(wanted), tuple(receivers))


def _told_by(route: Route) -> Iterator[tuple[str, Timing]]:
    for name in route.receivers:
        yield name, route.timing
    for escalation in route.escalations:
        for name in escalation.receivers:
            yield name, replace(route.timing, group_wait=escalation.after, escalates=True)


def _leaves(route: Route, labels: Labels, path: str) -> Iterator[tuple[str, Route]]:
    """The nodes that take the alert, depth first; a node takes it only if none of its children does."""
    taken = False
    for child in route.routes:
        if not matches(child.matchers, labels):
            continue
        taken = True
        yield from _leaves(child, labels, f"{path}/{{{','.join(map(str, child.matchers))}}}")
        if not child.goes_on:
            break
    if not taken:
        yield path, route
