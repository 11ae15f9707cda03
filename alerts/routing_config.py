"""What is configured of routing: the flat list, the tree in Alertmanager's words, intervals, silences, inhibitions.

A tree that was written for Alertmanager can be pasted under `route` and `time_intervals`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from alerts.config import RuleConfig
from alerts.grouping import Timing
from alerts.holding import CONFIGURED, Inhibition, Silence
from alerts.intervals import (
    TimeInterval,
    day_of_month_range,
    month_range,
    time_range,
    weekday_range,
    year_range,
    zone,
)
from alerts.matching import Matcher, Matchers, equal_to
from alerts.receiver_config import ReceiverConfig
from alerts.routing import ALL, DEFAULT_CONTROL, ROUTE_CHANNELS, Escalation, Receiver, Route, Routing, matched_by
from monitor.sections import Config, Duration, Name, Problem, text_of
from monitor.times import HOUR, MINUTE, SECOND

GROUP_WAIT, GROUP_INTERVAL, REPEAT_INTERVAL = 30 * SECOND, 5 * MINUTE, 4 * HOUR
"""Alertmanager's defaults, for a branch that groups."""


def _matcher(text: object) -> object:
    return str(Matcher.parse(text)) if isinstance(text, str) else text


MatcherText = Annotated[
    str, BeforeValidator(_matcher), WithJsonSchema({"type": "string", "examples": ['severity="page"', 'model=~"a|b"']})
]
"""One matcher as it is written; normalised, and an error if it cannot be read."""


def _text(value: object) -> object:
    return text_of(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _readable(read: Callable[[str], object]) -> Any:
    """A text that `read` takes; whole numbers count as their text."""

    def validate(value: object) -> object:
        text = _text(value)
        if isinstance(text, str):
            read(text)
        return text

    return Annotated[str, BeforeValidator(validate), WithJsonSchema({"type": ["string", "integer"]})]


class RouteConfig(Config):
    """Alerts whose labels match go to these receivers, beside those of the rule. An empty `match` is every alert."""

    match: Mapping[str, str] = Field(default_factory=dict)
    receivers: tuple[str, ...] = Field(min_length=1)


class EscalationConfig(Config):
    """Who is told of an alert that nobody acknowledged for so long."""

    after: Duration
    receivers: tuple[str, ...] = Field(min_length=1)

    def problems(self) -> Iterator[Problem]:
        if not self.after:
            yield ("after",), "must be longer than nothing"


class TreeConfig(Config):
    """A node of the routing tree, as in Alertmanager. What a child leaves out it has from its parent.

    `group_by: [...]` (or none at all): each alert is told for itself and at once. Otherwise `group_wait` (30s),
    `group_interval` (5m) and `repeat_interval` (4h) are Alertmanager's; without grouping nothing is repeated unless
    `repeat_interval` says so.
    """

    matchers: tuple[MatcherText, ...] = ()
    match: Mapping[str, str] = Field(default_factory=dict)
    receiver: str | None = None
    receivers: tuple[str, ...] | None = None
    continue_: bool = Field(default=False, alias="continue")
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    escalate: tuple[EscalationConfig, ...] | None = None
    routes: tuple["TreeConfig", ...] = ()

    def problems(self) -> Iterator[Problem]:
        if self.receiver is not None and self.receivers is not None:
            yield ("receiver",), "give `receiver` or `receivers`, not both"


class ClockConfig(Config):
    """From `start_time` to before `end_time`, as in 09:00 and 17:00."""

    start_time: str
    end_time: str

    def problems(self) -> Iterator[Problem]:
        try:
            time_range(self.start_time, self.end_time)
        except ValueError as error:
            yield (), str(error)


class IntervalConfig(Config):
    """An interval that recurs. Alertmanager's fields; `location` is a time zone as in Europe/Berlin."""

    times: tuple[ClockConfig, ...] = ()
    weekdays: tuple[_readable(weekday_range), ...] = ()  # type: ignore[valid-type]
    days_of_month: tuple[_readable(day_of_month_range), ...] = ()  # type: ignore[valid-type]
    months: tuple[_readable(month_range), ...] = ()  # type: ignore[valid-type]
    years: tuple[_readable(year_range), ...] = ()  # type: ignore[valid-type]
    location: _readable(zone) = "UTC"  # type: ignore[valid-type]

    def built(self) -> TimeInterval:
        """The interval."""
        return TimeInterval(
            times=tuple(time_range(one.start_time, one.end_time) for one in self.times),
            weekdays=tuple(map(weekday_range, self.weekdays)),
            days_of_month=tuple(map(day_of_month_range, self.days_of_month)),
            months=tuple(map(month_range, self.months)),
            years=tuple(map(year_range, self.years)),
            zone=zone(self.location),
        )


class TimeIntervalConfig(Config):
    """A named set of intervals: business hours, nights, maintenance. It holds when one of them does."""

    name: Name
    time_intervals: tuple[IntervalConfig, ...] = Field(min_length=1)


class SilenceConfig(Config):
    """Alerts that match are not told from `starts` to `ends`; they are still recorded. `fairdrift silence` adds others."""

    match: Mapping[str, str] = Field(default_factory=dict)
    matchers: tuple[MatcherText, ...] = ()
    starts: datetime
    ends: datetime
    by: str = Field(min_length=1)
    comment: str = ""

    def problems(self) -> Iterator[Problem]:
        if not self.match and not self.matchers:
            yield ("match",), "give `match` or `matchers`: a silence of everything is a mistake"
        if not (self.starts.tzinfo and self.ends.tzinfo):
            yield ("starts",), "times need an offset, as in 2026-11-20T10:00:00Z"
        elif self.starts >= self.ends:
            yield ("ends",), "must be after `starts`"

    def built(self, number: int) -> Silence:
        """The silence; `number` counts those of the configuration."""
        matchers, id_ = read_matchers(self.match, self.matchers), f"{CONFIGURED}{number}"
        return Silence(matchers, _ms(self.starts), _ms(self.ends), id_, self.by, self.comment)


class InhibitionConfig(Config):
    """While an alert matches the source, those that match the target and agree in the labels of `equal` are not told."""

    source: Mapping[str, str] = Field(default_factory=dict)
    target: Mapping[str, str] = Field(default_factory=dict)
    source_matchers: tuple[MatcherText, ...] = ()
    target_matchers: tuple[MatcherText, ...] = ()
    equal: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        for side in ("source", "target"):
            if not getattr(self, side) and not getattr(self, f"{side}_matchers"):
                yield (side,), f"give `{side}` or `{side}_matchers`"

    def built(self) -> Inhibition:
        """The inhibition."""
        return Inhibition(
            read_matchers(self.source, self.source_matchers),
            read_matchers(self.target, self.target_matchers),
            self.equal,
        )


@dataclass(frozen=True, slots=True)
class RoutingSections:
    """The sections of the configuration that say who is told."""

    receivers: Sequence[ReceiverConfig]
    rules: Sequence[RuleConfig] = ()
    routes: Sequence[RouteConfig] = ()
    route: TreeConfig | None = None
    silences: Sequence[SilenceConfig] = ()
    inhibitions: Sequence[InhibitionConfig] = ()
    time_intervals: Sequence[TimeIntervalConfig] = ()


def make_routing(given: RoutingSections) -> Routing:
    """Everything that decides who is told. Changes of route go to `fairdrift.control` where no receiver takes them."""
    known = {one.name: _receiver(one) for one in given.receivers}
    control = tuple(one for one in known.values() if one.channel in ROUTE_CHANNELS)
    besides = tuple(known[one.name] for one in given.receivers if one.send_changes and known[one.name] not in control)
    return Routing(
        receivers=known,
        own={rule.name: rule.receivers for rule in given.rules if rule.receivers},
        flat=tuple(matched_by(one.match, one.receivers) for one in given.routes),
        tree=None if given.route is None else _route(given.route, Route()),
        silences=tuple(one.built(number) for number, one in enumerate(given.silences, 1)),
        inhibitions=tuple(one.built() for one in given.inhibitions),
        intervals={one.name: tuple(i.built() for i in one.time_intervals) for one in given.time_intervals},
        control=(*(control or (DEFAULT_CONTROL,)), *besides),
    )


def read_matchers(match: Mapping[str, str], matchers: Iterable[str]) -> Matchers:
    """Both ways of writing them, together."""
    return (*equal_to(match), *(Matcher.parse(text) for text in matchers))


def _receiver(one: ReceiverConfig) -> Receiver:
    resend = getattr(one, "resend", 0)
    told = (one.send_resolved, one.send_acknowledged, one.fallback)
    return Receiver(one.name, one.type, *told, resend, one.heartbeat)


def _route(given: TreeConfig, parent: Route) -> Route:
    """The node, with what it has from its parent."""
    receivers = (given.receiver,) if given.receiver is not None else given.receivers
    group_by = parent.group_by if given.group_by is None else given.group_by
    group_by = None if group_by is None or ALL in group_by else group_by
    escalations = (
        parent.escalations
        if given.escalate is None
        else tuple(Escalation(e.after, e.receivers) for e in given.escalate)
    )
    here = Route(
        matchers=read_matchers(given.match, given.matchers),
        receivers=parent.receivers if receivers is None else receivers,
        goes_on=given.continue_,
        group_by=group_by,
        timing=_timing(given, parent, groups=group_by is not None),
        muted=given.mute_time_intervals,
        active=given.active_time_intervals,
        escalations=escalations,
    )
    return replace(here, routes=tuple(_route(child, here) for child in given.routes))


def _timing(given: TreeConfig, parent: Route, *, groups: bool) -> Timing:
    """A branch that begins to group begins with Alertmanager's times; one that ends grouping, with none."""
    if groups == (parent.group_by is not None):
        before = parent.timing
    else:
        before = Timing(GROUP_WAIT, GROUP_INTERVAL, REPEAT_INTERVAL) if groups else Timing()
    return Timing(
        group_wait=before.group_wait if given.group_wait is None else given.group_wait,
        group_interval=before.group_interval if given.group_interval is None else given.group_interval,
        repeat_interval=before.repeat_interval if given.repeat_interval is None else given.repeat_interval,
    )


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
