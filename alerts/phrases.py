"""What is missing or wrong, in one line: the summaries of rules that watch something else than a metric."""

from collections.abc import Callable, Mapping

from alerts.messages import AlertPayload
from alerts.words import bound_text, group_name, lasting, moment, percent, points
from monitor.times import SECOND, format_duration

WRONG = {
    "late": "come too late to be counted",
    "duplicate": "were seen before",
    "dead_letter": "cannot be read",
}
"""What is wrong with a record, by the share's name."""


def phrase(payload: AlertPayload) -> str | None:
    """The summary of what a rule about circumstances found; None for metrics, and where nothing was measured."""
    if payload.estimate is None or payload.estimate.value is None:
        return None
    made = PHRASES.get(payload.metric)
    return None if made is None else f"{payload.model}: {made(payload)}"


def _ended(payload: AlertPayload) -> bool:
    return payload.status == "resolved"


def _value(payload: AlertPayload) -> float:
    return 0.0 if payload.estimate is None or payload.estimate.value is None else payload.estimate.value


def _silence(what: str) -> Callable[[AlertPayload], str]:
    def said(payload: AlertPayload) -> str:
        if _ended(payload):
            return f"{what} are coming again"
        return f"no {what} for {lasting(_value(payload))}; agreed is {bound_text(payload)}"

    return said


def _groups_share(what: str) -> Callable[[AlertPayload], str]:
    def said(payload: AlertPayload) -> str:
        attribute = payload.attributes[0] if payload.attributes else "an attribute"
        return f"{percent(_value(payload))} of the predictions have {what} {attribute}{_agreed(payload)}"

    return said


def _records_share(topic: str, share: str) -> Callable[[AlertPayload], str]:
    def said(payload: AlertPayload) -> str:
        return f"{percent(_value(payload))} of the {topic} {WRONG[share]}{_agreed(payload)}"

    return said


def _agreed(payload: AlertPayload) -> str:
    most = percent(payload.bound.max)
    return f", back within the agreed {most}" if _ended(payload) else f"; agreed is at most {most}"


def _coverage(payload: AlertPayload) -> str:
    age, again = payload.method.removeprefix("at_age_"), "again " if _ended(payload) else ""
    if payload.aggregate and payload.lower is not None and payload.higher is not None:
        shares = [f"{group_name(s.groups)} {percent(s.value)}" for s in (payload.lower, payload.higher)]
        how = "labels come evenly again" if _ended(payload) else "labels come unevenly"
        most = "" if payload.bound.max is None else f"; agreed is at most {points(payload.bound.max)} apart"
        return f"{how}: of the decisions {age} old, {shares[0]} and {shares[1]} have one{most}"
    least = "" if payload.bound.min is None else f"; agreed is at least {percent(payload.bound.min)}"
    return f"of the decisions {age} old, {percent(_value(payload))} {again}have their label{least}"


def _vanished(payload: AlertPayload) -> str:
    name = group_name(payload.lower.groups) if payload.lower is not None else "a group"
    span = "" if payload.window is None else f" in the {format_duration(payload.window.seconds * SECOND)}"
    span += "" if payload.window is None else f" to {moment(payload.window.end)}"
    if _ended(payload) or _value(payload) > 0:
        return f"there are decisions of {name} again{span}"
    before = "" if payload.higher is None else f"; before, {percent(payload.higher.value)} of the decisions were"
    return f"no decision of {name}{span}{before}"


PHRASES: Mapping[str, Callable[[AlertPayload], str]] = {
    "prediction_silence": _silence("predictions"),
    "outcome_silence": _silence("outcomes"),
    "unknown_share": _groups_share("no known group of"),
    "other_share": _groups_share("an undeclared value of"),
    "late_share": _records_share("predictions", "late"),
    "duplicate_share": _records_share("predictions", "duplicate"),
    "dead_letter_share": _records_share("records", "dead_letter"),
    "outcomes_late_share": _records_share("outcomes", "late"),
    "outcomes_duplicate_share": _records_share("outcomes", "duplicate"),
    "outcomes_dead_letter_share": _records_share("records", "dead_letter"),
    "label_coverage": _coverage,
    "group_presence": _vanished,
}
"""The measure of an alert -> its summary, without the model."""
