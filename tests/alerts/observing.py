"""Observations for the tests, in a few words each."""

from dataclasses import replace

from alerts.policies import Policy
from alerts.rules.threshold import Bound, ThresholdRule
from alerts.states import Patience
from alerts.verdicts import Evidence, Observation, Side

MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000
T0 = 1_763_632_800_000
"""2025-11-20T10:00:00Z."""


NEEDED = 13.7
"""ln(43,200 / 0.05): panes of a minute in 30 days, a twentieth of a false page."""


def proof(amount: float = 0.0, *subjects: str, **more: object) -> Evidence:
    """Evidence of so many nats, about these groups of `sex`; it stands if that is enough."""
    groups = tuple({"sex": subject} for subject in subjects)
    leading = groups[0] if groups else {}
    found = Evidence(amount, NEEDED, 0.05, 1.0, T0 - HOUR, leading, groups, stands=amount >= NEEDED)
    return replace(found, **more)  # type: ignore[arg-type]


def side(group: str, n: int = 100, k: int | None = None, value: float | None = None) -> Side:
    """A group of the attribute `sex`; with `k`, a rate `k / n`."""
    if k is not None:
        return Side({"sex": group}, n, k / n if n else None, numerator=float(k), denominator=float(n))
    return Side({"sex": group}, n, value)


def ratio(value: float | None, low: float | None, high: float | None, n: int = 100, subject: str = "F") -> Observation:
    """The ratio of the selection rates of `subject` to the reference `M`; the evidence stands if `high` is below 0.8."""
    proven = high is not None and high < 0.8
    return Observation(
        metric="selection_rate",
        attributes=("sex",),
        aggregate="ratio",
        method="to_reference",
        window_ms=DAY,
        window_end=T0,
        state="measured" if value is not None else "undefined",
        value=value,
        low=low,
        high=high,
        lower=side(subject, n),
        higher=side("M", n),
        subject=subject,
        reason="" if value is not None else "no decisions",
        evidence=proof(20.0, subject) if proven else proof(),
    )


def between(aggregate: str, value: float, lower: Side, higher: Side) -> Observation:
    """A disparity of two given sides; the evidence stands below a ratio of 0.8 and above a difference of 0.1."""
    broken = value < 0.8 if aggregate == "ratio" else value > 0.1
    made = replace(ratio(value, value, value), aggregate=aggregate, lower=lower, higher=higher)
    return replace(made, evidence=proof(20.0, lower.groups["sex"]) if broken else proof())


def shared(metric: str, attributes: tuple[str, ...], of: Side, window_ms: int = HOUR) -> Observation:
    """A share of one side's events, over an hour."""
    value = None if of.numerator is None or not of.denominator else of.numerator / of.denominator
    o = Observation(metric, attributes, "", "", window_ms, T0, "measured", value, lower=of)
    return o if value is not None else replace(o, state="undefined", reason="nothing was counted")


def silence(seconds: float, metric: str = "prediction_silence") -> Observation:
    """So many seconds without a record."""
    return Observation(metric, (), "", "", 600_000, T0, "measured", seconds)


def to_base(group: Side, base: Side) -> Observation:
    """A group beside the one that a policy compares it with."""
    value = None if not group.value or not base.value else group.value / base.value
    return replace(
        ratio(value, None, None), method="to_base", lower=group, higher=base, subject=f"sex={group.groups['sex']}"
    )


def parity_rule(**changes: object) -> ThresholdRule:
    """At least 0.8 of the reference's selection rate over a day, 50 on each side; fires at once."""
    policy = Policy("parity", "credit", Patience(0, 0), receivers=("oncall",))
    rule = ThresholdRule(
        policy, "selection_rate", Bound(0.8, None), ("sex",), aggregate="ratio", method="to_reference", min_n=50
    )
    return replace(rule, **changes)  # type: ignore[arg-type]
