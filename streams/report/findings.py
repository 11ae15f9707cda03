"""What an impact assessment holds. Plain data: what is printed is these numbers, and the JSON is these fields.

Times are in UTC; `None` is a number that does not exist or is withheld, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.policies import Judgement

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Period:
    """What was asked for: `[start, end)`, as everything was known at `as_of`."""

    start: datetime
    end: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a view with what it is made of, and its state there."""

    value: float | None
    low: float | None
    high: float | None
    n: int | None
    state: str
    numerator: float | None = None
    denominator: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """A number of one group; of one version and arm, or `*` of everything served together."""

    groups: Values
    figure: Figure
    version: str = "*"
    arm: str = "*"


@dataclass(frozen=True, slots=True)
class Gap:
    """A comparison and the two groups that drive it. `factors`: within their strata; empty for the raw one."""

    figure: Figure
    lower: Values | None
    higher: Values | None
    factors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One window: every group in it, the gap, the gap within strata, and each version's and arm's groups."""

    called: str
    window_end: datetime
    groups: tuple[GroupFigure, ...]
    gap: Gap | None
    within: Gap | None
    versions: tuple[GroupFigure, ...] = ()


@dataclass(frozen=True, slots=True)
class What:
    """What is looked at: a metric and its comparison over one attribute set in windows of one length."""

    metric: str
    aggregate: str
    method: str
    attributes: tuple[str, ...]
    window_seconds: int
    time_basis: str

    @property
    def window(self) -> timedelta:
        """The window's length."""
        return timedelta(seconds=self.window_seconds)


@dataclass(frozen=True, slots=True)
class Line:
    """A series for a chart; None where there is no number."""

    name: str
    ends: tuple[int, ...]
    values: tuple[float | None, ...]
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule's comparison over the whole period, and how it stands at its first and last window."""

    rule: str
    severity: str
    what: What
    minimum: float | None
    maximum: float | None
    lines: tuple[Line, ...]
    evidence: Line
    needed: float | None
    first: Moment | None
    last: Moment | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who was told of an alert, and why: when it was sent, or that it was not."""

    receiver: str
    channel: str
    status: str
    sent_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RouteStep:
    """A change of the model's route."""

    at: datetime
    before: str
    after: str
    percent: float | None
    by: str
    reason: str
    alert: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """An alert from firing to its end. `payload` is what the responder was told; `moments` are before, at and after it."""

    alert: str
    rule: str
    severity: str
    began: datetime | None
    """When it most likely began: the change point of the evidence, or the first pane in breach."""
    fired: datetime
    ended: datetime | None
    warned: datetime | None
    """When the warning beside it fired first."""
    payload: Mapping[str, Any]
    what: What | None
    moments: tuple[Moment, ...] = ()
    mechanism: tuple[str, ...] = ()
    told: tuple[Delivery, ...] = ()
    acknowledged: tuple[str, ...] = ()
    routes: tuple[RouteStep, ...] = ()

    @property
    def lasted(self) -> timedelta | None:
        """From firing to resolved; None while it goes on."""
        return None if self.ended is None else self.ended - self.fired


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over the period's windows, which neither overlap nor leave out anything between them."""

    groups: Values
    n: int | None
    numerator: float | None
    denominator: float | None
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """One metric's sums by attribute set. `since`, `until` and `windows` say what is summed; `missing` what is not."""

    metric: str
    since: datetime
    until: datetime
    windows: tuple[tuple[int, datetime], ...]
    missing: timedelta
    sets: Mapping[tuple[str, ...], tuple[Total, ...]]


@dataclass(frozen=True, slots=True)
class Version:
    """A version and arm of the model in the period: in which window it was there first and last, and its decisions."""

    version: str
    arm: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Configured:
    """A version of the configuration that made figures or alerts of the period; `changed` names its sections that differ."""

    version: str
    first_used: datetime
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy over the totals, by its version of the period's last day; `reason` where it could not be applied."""

    name: str
    judgement: Judgement | None
    reason: str = ""
    heading: str = ""
    """Of its table; empty: its name."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The whole."""

    model: str
    period: Period
    made_at: datetime
    program: str
    attributes: Mapping[str, tuple[str, ...]]
    references: Values
    factors: tuple[str, ...]
    labels: str
    display_min: int
    watched: tuple[Watched, ...]
    incidents: tuple[Incident, ...]
    routes: tuple[RouteStep, ...]
    versions: tuple[Version, ...]
    totals: tuple[Totals, ...]
    applied: tuple[Applied, ...]
    configurations: tuple[Configured, ...]
    budget: str
    weighted: bool = False
    """Rates are of weights, and counts of people."""
