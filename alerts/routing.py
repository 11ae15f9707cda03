"""Who is told of an alert: receivers, silences and inhibitions. Pure.

Alertmanager's words and order: inhibit, silence, then the receivers of the rule and of every route that matches. What
is held back is recorded all the same, and told as soon as it is held back no longer, if it still fires then. Labels
match by equality; beside the alert's own there is `severity`. Silences are looked up in event time, like everything
that a replay must repeat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.config import InhibitionConfig, ReceiverConfig, RouteConfig, SilenceConfig
from alerts.errors import UnknownReceiver

Labels = Mapping[str, str]

ROUTE_CHANNELS = frozenset({"rollback"})
"""The channels that carry changes of route and not alerts: their `tells`, which this module may not import."""

CONTROL = "fairdrift.control"
"""The receiver of changes of route where none is configured."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver by its name: over which channel, and whether it is told when an alert is resolved."""

    name: str
    channel: str
    send_resolved: bool = True


DEFAULT_CONTROL = Receiver(CONTROL, "rollback")


@dataclass(frozen=True, slots=True)
class Matching:
    """Alerts with these labels go to these receivers."""

    match: Labels
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts with these labels are not told in `[starts, ends)`, ms."""

    match: Labels
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert of the model matches `source`, those that match `target` and agree in `equal` are not told."""

    source: Labels
    target: Labels
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """Everything that decides who is told. `control` are the receivers of changes of route, not of alerts."""

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    routes: tuple[Matching, ...] = ()
    silences: tuple[Silence, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    control: tuple[Receiver, ...] = (DEFAULT_CONTROL,)

    def receivers_of(self, own: Iterable[str], labels: Labels) -> tuple[Receiver, ...]:
        """The rule's own receivers and those of the matching routes, each once; UnknownReceiver for nobody's name."""
        names = [*own, *(name for route in self.routes if matches(route.match, labels) for name in route.receivers)]
        controlling = {receiver.name for receiver in self.control}
        return tuple(self._known(name) for name in dict.fromkeys(names) if name not in controlling)

    def of_the_end(self, told: Iterable[str]) -> tuple[Receiver, ...]:
        """Of those who were told, who is told that it is over: who still exists and wants to know."""
        known = (self.receivers[name] for name in told if name in self.receivers)
        return tuple(receiver for receiver in known if receiver.send_resolved)

    def _known(self, name: str) -> Receiver:
        if name not in self.receivers:
            raise UnknownReceiver(name, tuple(sorted(self.receivers)))
        return self.receivers[name]

    def held_back(self, labels: Labels, now: int, firing: Iterable[Labels]) -> str:
        """Why an alert is not told now ("silenced", "inhibited"), or nothing.

        `firing`: the labels of all alerts that fire.
        """
        for inhibition in self.inhibitions:
            if _inhibits(inhibition, labels, firing):
                return "inhibited"
        if any(matches(s.match, labels) and s.starts <= now < s.ends for s in self.silences):
            return "silenced"
        return ""

    @classmethod
    def from_config(
        cls,
        receivers: Iterable[ReceiverConfig],
        routes: Iterable[RouteConfig] = (),
        silences: Iterable[SilenceConfig] = (),
        inhibitions: Iterable[InhibitionConfig] = (),
    ) -> "Routing":
        """From the sections of the configuration.

        Changes of route go to `fairdrift.control` where no receiver takes them.
        """
        known = {one.name: Receiver(one.name, one.type, one.send_resolved) for one in receivers}
        control = tuple(one for one in known.values() if one.channel in ROUTE_CHANNELS)
        return cls(
            receivers=known,
            routes=tuple(Matching(dict(one.match), one.receivers) for one in routes),
            silences=tuple(Silence(dict(one.match), _ms(one.starts), _ms(one.ends)) for one in silences),
            inhibitions=tuple(Inhibition(dict(i.source), dict(i.target), i.equal) for i in inhibitions),
            control=control or (DEFAULT_CONTROL,),
        )


def matches(wanted: Labels, labels: Labels) -> bool:
    """Whether every wanted label is there with that value; a label that is missing is empty."""
    return all(labels.get(name, "") == value for name, value in wanted.items())


def _inhibits(inhibition: Inhibition, labels: Labels, firing: Iterable[Labels]) -> bool:
    """An alert that matches both sides does not inhibit itself (Alertmanager), nor do others like it."""
    if not matches(inhibition.target, labels) or matches(inhibition.source, labels):
        return False
    return any(
        matches(inhibition.source, other) and all(other.get(n, "") == labels.get(n, "") for n in inhibition.equal)
        for other in firing
    )


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
