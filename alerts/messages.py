"""What a responder is told: the payload of an alert and of a change of route, as data with a published schema.

The schemas are deploy/schemas/{alert,webhook,control}.json (`alerts.schemas`). Stable: fields are added, never
removed or given another meaning. Times are RFC 3339 in UTC. Nothing here is about a person: groups and counts only.
"""

from typing import Any, Literal

import msgspec


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One side: the group, how many were counted, and its metric with an interval.

    A rate is numerator / denominator. `reason` says why its figures are not shown (and `n` reads 0 for that reason alone):
    fewer are behind them than the rule's `min_n` or the model's `display_min`.
    """

    groups: dict[str, str]
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    label_coverage: float | None = None
    reason: str = ""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The disparity (or the metric of one group) with its simultaneous interval; without a value, why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The least and greatest value inside the bound."""

    min: float | None = None
    max: float | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The window of event time that was judged: `[start, end)`, by the time of the decision or of the outcome."""

    start: str
    end: str
    seconds: int
    time_basis: str


class RouteDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the alert did to the model's route: changed it (with the new epoch), or not, and why not."""

    requested: str
    changed: bool
    epoch: int
    reason: str
    percent: float | None = None


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """What convinced: the leading group and its reference in the newest hour or 50 events, whichever is longer, in `seconds` in all."""

    seconds: int
    estimate: Estimate
    lower: Group
    higher: Group | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How sure it is: the sequential evidence of the family, in natural logarithms, against what a page needs.

    `budget` is the expected number of false pages of this family in 30 days, at most, however often it is looked at.
    `overdispersion` (at least 1) is by how much the evidence is held back because this traffic varies more than chance.
    `changed_at` is since when it most likely has been so. `leading` is the group that carries it. `present` are the counts
    that convinced, which the window's figures may lag behind. `recovery` of `recovery_needed` is the evidence that the bound
    is kept again, while it fires.
    """

    log_evidence: float
    needed: float
    budget: float | None = None
    overdispersion: float | None = None
    changed_at: str | None = None
    leading: dict[str, str] = {}
    groups: list[dict[str, str]] = []
    present: Present | None = None
    recovery: float | None = None
    recovery_needed: float | None = None


class Stratified(msgspec.Struct, frozen=True, kw_only=True):
    """The same comparison within the strata of the legitimate factors, put together again.

    `value` is null where no stratum has both groups, or the model has no factors: `reason` says which.
    """

    factors: list[str]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    strata: int = 0
    method: str = ""
    reason: str = ""


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions of `groups` would have to differ, the others as they are, for the bound to be kept.

    As in `decisions` 8, `change` "more favourable decisions", `among` "those with a favourable label" (empty: all). Null where
    there is no such number: `reason` says why.
    """

    decisions: int | None = None
    groups: dict[str, str] = {}
    change: str = ""
    among: str = ""
    reason: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What a drift is measured from: the same figure in the baseline, and where that comes from."""

    source: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has taken the alert over: who, when, and what they say."""

    by: str
    at: str
    comment: str = ""


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look and what to do."""

    panel: str | None = None
    runbook: str | None = None
    silence: str | None = None


class AlertPayload(msgspec.Struct, frozen=True, kw_only=True):
    """An alert after a change of state. Receivers are told of `firing` and `resolved`; the others are history.

    `alert` is the identity (hash of the labels), `transition` counts its changes of state, `episode` its firings.
    `lower` and `higher` are the two groups that drive the estimate (`higher` is absent for a bound on one group).
    `since` is the end of the first pane in breach; `evidence.changed_at` is when it most likely began.
    `more_favourable` is how many more of the lower group's decisions in the window, the denominators as they are, would
    have to be favourable for the estimate to be inside the bound; null where the metric is not a selection rate. `shortfall` is
    the same for every rate of decisions.
    `stratified` is the same comparison within strata, beside the raw `estimate`. `others` are further groups in breach.
    `finding` is what the rule found at this pane. `rule_type` names the runbook: `threshold`, `absence` ...
    """

    alert: str
    transition: int
    episode: int
    rule: str
    status: Literal["firing", "resolved", "acknowledged", "pending", "inactive", "insufficient_data"]
    severity: str
    model: str
    versions: list[str]
    arms: list[str]
    labels: dict[str, str]
    annotations: dict[str, str]
    summary: str
    description: str
    metric: str
    aggregate: str
    method: str
    attributes: list[str]
    bound: Bounds
    since: str | None
    firing_since: str | None
    resolved_at: str | None
    evaluated_at: str
    config_version: str
    finding: str
    finding_reason: str
    window: Window | None = None
    estimate: Estimate | None = None
    lower: Group | None = None
    higher: Group | None = None
    others: list[dict[str, str]] = []
    more_favourable: int | None = None
    label_coverage: float | None = None
    evidence: Evidence | None = None
    stratified: Stratified | None = None
    baseline: Baseline | None = None
    control: RouteDecision | None = None
    links: Links = Links()
    acknowledgement: Acknowledgement | None = None
    rule_type: str = ""
    shortfall: Shortfall | None = None


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the `webhook` channel, in the shape that Standard Webhooks recommends.

    `type` is `fairdrift.alert.firing`, `.resolved` or `.acknowledged`, `timestamp` the event time of the change, `reason`
    why it is told now ("first notification", "repeat interval elapsed" ...). Groups (`fairdrift.group.firing` ...) and changes
    of a model's route (`fairdrift.control.route`) come in the same shape with their own `data`.
    """

    type: str
    timestamp: str
    data: AlertPayload
    reason: str = ""


class RoutePayload(msgspec.Struct, frozen=True, kw_only=True):
    """The desired route of a model. It is state: the greatest `epoch` is in force, however often it is delivered.

    In a canary, `percent` of the decisions are made by `version` (where it is named) and the others by `rest`.
    """

    model: str
    route: Literal["live", "canary", "shadow", "fallback"]
    percent: float | None
    epoch: int
    previous: str
    reason: str
    changed_by: str
    alert: str | None
    evidence: dict[str, Any]
    effective_at: str
    config_version: str
    rest: Literal["live", "fallback"] = "live"
    version: str = ""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0 in JSON (structured mode): the value of a record of `fairdrift.control`, keyed by model."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: RoutePayload
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
