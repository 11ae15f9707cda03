"""Annotations and links as templates: `{model}`, `{lower_group}`, `{value}`, and nothing else.

A template names variables in braces; `{{` and `}}` are braces themselves. There are no attributes, no indices, no formats
and no conditions, so that a template can fail in one way only, an unknown name, which `fairdrift check` finds. A variable that
has nothing to say is empty. Values hold groups and counts, as the payload does, and never anything about a person.
"""

from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from urllib.parse import quote

from alerts.messages import AlertPayload, Group
from alerts.words import bound_text, group_name, number
from monitor.times import SECOND, format_duration

Variable = Callable[[AlertPayload], object]


def _of(side: Group | None, what: Callable[[Group], object]) -> object:
    return "" if side is None else what(side)


def _shown(side: Group) -> object:
    return "" if side.reason else side.n


def _estimate(payload: AlertPayload, name: str) -> object:
    return "" if payload.estimate is None else number(getattr(payload.estimate, name))


VARIABLES: Mapping[str, Variable] = {
    "alert": lambda p: p.alert,
    "rule": lambda p: p.rule,
    "rule_type": lambda p: p.rule_type,
    "model": lambda p: p.model,
    "status": lambda p: p.status,
    "severity": lambda p: p.severity,
    "metric": lambda p: p.metric,
    "aggregate": lambda p: p.aggregate,
    "method": lambda p: p.method,
    "attributes": lambda p: ",".join(p.attributes),
    "versions": lambda p: ", ".join(p.versions),
    "arms": lambda p: ", ".join(p.arms),
    "value": lambda p: _estimate(p, "value"),
    "low": lambda p: _estimate(p, "low"),
    "high": lambda p: _estimate(p, "high"),
    "bound": bound_text,
    "lower_group": lambda p: _of(p.lower, lambda side: group_name(side.groups)),
    "lower_value": lambda p: _of(p.lower, lambda side: number(side.value)),
    "lower_n": lambda p: _of(p.lower, _shown),
    "higher_group": lambda p: _of(p.higher, lambda side: group_name(side.groups)),
    "higher_value": lambda p: _of(p.higher, lambda side: number(side.value)),
    "higher_n": lambda p: _of(p.higher, _shown),
    "more_favourable": lambda p: p.more_favourable,
    "shortfall": lambda p: "" if p.shortfall is None else p.shortfall.decisions,
    "label_coverage": lambda p: "" if p.label_coverage is None else f"{p.label_coverage:.0%}",
    "window": lambda p: "" if p.window is None else format_duration(p.window.seconds * SECOND),
    "window_start": lambda p: "" if p.window is None else p.window.start,
    "window_end": lambda p: "" if p.window is None else p.window.end,
    "since": lambda p: p.since,
    "changed_at": lambda p: None if p.evidence is None else p.evidence.changed_at,
    "evidence": lambda p: "" if p.evidence is None else number(p.evidence.log_evidence),
    "evidence_needed": lambda p: "" if p.evidence is None else number(p.evidence.needed),
    "evaluated_at": lambda p: p.evaluated_at,
    "finding": lambda p: p.finding_reason or p.finding,
    "route": lambda p: "" if p.control is None else p.control.requested,
    "summary": lambda p: p.summary,
}
"""What a template may name."""


def template_problems(text: str, known: Mapping[str, object] = VARIABLES) -> Iterator[str]:
    """What is wrong with a template, in words."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        yield f"{error}: write braces themselves as {{{{ and }}}}"
        return
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in known:
            yield f"there is no variable {{{name}}}; there are {', '.join(sorted(known))}"
        elif form or conversion:
            yield f"{{{name}}} stands alone: formats are not supported"


def rendered(text: str, payload: AlertPayload, *, quoted: bool = False) -> str:
    """The template with its variables; `quoted` for use in an address. A template that is wrong is left as it is."""
    if any(template_problems(text)):
        return text
    return "".join(
        literal + ("" if name is None else _value(payload, name, quoted))
        for literal, name, _, _ in Formatter().parse(text)
    )


def _value(payload: AlertPayload, name: str, quoted: bool) -> str:
    value = VARIABLES[name](payload)
    text = "" if value is None else str(value)
    return quote(text, safe="") if quoted else text
