"""The small words of an alert: numbers, groups, bounds, as people read them."""

from collections.abc import Mapping

from alerts.messages import AlertPayload
from monitor.times import SECOND, format_duration

SILENCES = ("prediction_silence", "outcome_silence")


def number(value: float | None) -> str:
    """Three significant digits, thousands in full."""
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def several(count: int, word: str) -> str:
    """So many of something: `1 warning`, `1,200 warnings`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """A share in per cent, to a tenth below ten: `9.3%`, `40%`."""
    if value is None:
        return "not measured"
    share = 100 * value
    return f"{share:.0f}%" if share >= 10 or share == round(share) else f"{share:.2g}%"


def points(value: float) -> str:
    """A difference of shares: `5 points`, `0.5 points`."""
    return f"{100 * value:.3g} points"


def lasting(seconds: float | None) -> str:
    """A length of time, to the second below a minute and to the minute above: `45s`, `2h10m`."""
    if seconds is None:
        return "not measured"
    whole = int(seconds) if seconds < 60 else int(seconds) // 60 * 60
    return format_duration(whole * SECOND)


def rate(value: float | None) -> str:
    """A rate of counts in per cent, to a tenth: `17.8%`."""
    return "not measured" if value is None else f"{100 * value:.1f}%"


def moment(time: str | None) -> str:
    """An instant as people read it, to the minute: `2026-11-20 03:12 UTC`; the payload has it in full."""
    return "not known" if time is None else f"{time[:10]} {time[11:16]} UTC"


def group_name(groups: Mapping[str, str]) -> str:
    """`sex=female` or `education=university, sex=female`; everybody for the empty group, the rest for the others."""
    if dict(groups) == {"*": "rest"}:
        return "the rest"
    return ", ".join(f"{attribute}={group}" for attribute, group in sorted(groups.items())) or "everybody"


def bound_text(payload: AlertPayload) -> str:
    """`at least 0.8`, `at most 0.1`, or both; lengths of time as such."""
    low, high = payload.bound.min, payload.bound.max
    if payload.metric in SILENCES:
        return f"at most {lasting(high)}"
    if payload.metric == "group_presence":
        return "some of every group"
    parts = []
    if low is not None:
        parts.append(f"at least {low:g}")
    if high is not None:
        parts.append(f"at most {high:g}")
    return " and ".join(parts) or "none"
