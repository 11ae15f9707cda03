"""An audit as plain values, for JSON: the same figures as on paper, and nothing that was withheld."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from monitor.assess import DisparityPoint, GroupPoint
from monitor.associations import Interval
from monitor.estimates import Estimate
from monitor.policies import Line, Policy
from streams.audit.gating import Part, Ruling
from streams.audit.proxies import Proxy
from streams.audit.run import Audit
from streams.audit.sections import Measure, Section, sections
from streams.audit.skews import Skew

FORMAT = 1
"""Raised when a key changes its meaning; keys may be added."""


def plain(audit: Audit) -> dict[str, Any]:
    """The whole audit."""
    shown = audit.shown
    parts = sections(shown, audit.model)
    first, last = audit.period or (None, None)
    return {
        "format": FORMAT,
        "file": audit.source,
        "model": audit.model.name,
        "rows": audit.rows,
        "first_day": first and first.isoformat(),
        "last_day": last and last.isoformat(),
        "display_min": audit.model.display_min,
        "notes": list(audit.notes),
        "people": [one for section in parts for one in _people(section)],
        **_numbers(parts),
        "weighted": audit.model.weight_unit is not None,
        "classes": [
            {"label_class": name, **_numbers(sections(assessment.published(), audit.model))}
            for name, assessment in audit.of_classes
        ],
        "policies": [ruling(one, audit.model.display_min) for one in audit.rulings],
        "proxies": [_proxy(one) for one in audit.proxies],
        "label_skew": [_skew(one) for one in audit.skews],
    }


def _numbers(parts: Sequence[Section]) -> dict[str, Any]:
    return {
        "groups": [
            _group(point) for section in parts for measure in section.measures for point in measure.points if point
        ],
        "disparities": [
            _disparity(gap, measure) for section in parts for measure in section.measures for gap in measure.gaps
        ],
    }


def _people(section: Section) -> Iterator[dict[str, Any]]:
    for member in section.members:
        yield {
            "attributes": list(section.attribute_set),
            "group": dict(member.values),
            "n": member.n,
            "share": member.share,
        }


def _estimate(one: Estimate) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "n": one.n,
        "numerator": one.numerator,
        "denominator": one.denominator,
        "reason": one.reason,
    }


def _group(point: GroupPoint) -> dict[str, Any]:
    return {
        "attributes": list(point.attribute_set),
        "group": dict(point.group_values),
        "metric": point.metric,
        **_estimate(point.estimate),
    }


def _disparity(gap: DisparityPoint, measure: Measure) -> dict[str, Any]:
    within = measure.within.get((gap.aggregate, gap.method))
    return {
        "attributes": list(gap.attribute_set),
        "metric": gap.metric,
        "aggregate": gap.aggregate.value,
        "method": gap.method.value,
        "lower_group": gap.lower_group and dict(gap.lower_group),
        "higher_group": gap.higher_group and dict(gap.higher_group),
        **_estimate(gap.estimate),
        "detectable": gap.detectable,
        "within": within
        and {
            "factors": list(within.factors),
            "strata": within.strata,
            "reversed": within.reversed,
            **_estimate(within.estimate),
        },
    }


def ruling(one: Ruling, display_min: int = 1) -> dict[str, Any]:
    """A policy's answer, with every line behind it."""
    return {
        "policy": one.asked.name,
        "gate": one.asked.gate,
        "answer": one.answer.value,
        "reasons": [reason.value for reason in one.reasons],
        "assumed": one.assumed,
        "parts": [_part(part, display_min) for part in one.parts],
    }


def _part(part: Part, display_min: int) -> dict[str, Any]:
    found = part.judgement
    return {
        "first_day": part.stretch.first.isoformat(),
        "last_day": part.stretch.last.isoformat(),
        "rows": part.rows,
        "in_force": part.stretch.policy is not None,
        "answer": found and found.answer.value,
        "reasons": [reason.value for reason in found.reasons] if found else [],
        "notes": list(found.notes) if found else [],
        "unknown": [{"attributes": list(names), "n": n} for names, n in found.unknown.items()] if found else [],
        "lines": [_line(line, display_min) for line in found.lines] if found else [],
    }


def _line(line: Line, display_min: int) -> dict[str, Any]:
    small = 0 < line.group.n < display_min
    head = {
        "metric": line.criterion.metric,
        "aggregate": line.criterion.aggregate.value,
        "attributes": list(line.attribute_set),
        "group": dict(line.group.values),
        "answer": line.answer and line.answer.value,
        "reasons": [reason.value for reason in line.reasons],
    }
    if small:
        return {**head, "withheld": f"fewer than {display_min}"}
    return {
        **head,
        "n": line.group.n,
        "numerator": line.group.numerator,
        "rate": line.group.value,
        "share": line.share,
        "compared_with": None if line.base is None else dict(line.base.values),
        "value": line.value,
        "low": line.low,
        "high": line.high,
        "deviations": line.chance and line.chance.deviations,
        "p": line.chance and line.chance.p,
        "test": line.chance and line.chance.test,
        "shortfall": line.shortfall,
        "justification": line.justification,
    }


def _proxy(one: Proxy) -> dict[str, Any]:
    head = {"attribute": one.attribute, "column": one.column, "kind": one.kind, "levels": one.levels}
    if one.found is None:
        return {**head, "reason": one.reason}
    return {
        **head,
        "n": one.found.n,
        "cramers_v": _interval(one.found.cramers_v),
        "information_bits": _interval(one.found.information),
        "entropy_bits": one.found.entropy,
        "told": one.found.told,
    }


def _interval(one: Interval) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high}


def _skew(one: Skew) -> dict[str, Any]:
    return {"attribute": one.attribute, "group": one.group, **asdict(one.found)}


def policy(one: Policy) -> dict[str, Any]:
    """A version of a policy, for `--list-policies --json`."""
    return {
        "id": one.id,
        "title": one.title,
        "jurisdiction": one.jurisdiction,
        "instrument": one.instrument,
        "citation": one.citation,
        "effective_from": one.effective_from and one.effective_from.isoformat(),
        "effective_to": one.effective_to and one.effective_to.isoformat(),
        "status": {"text": one.status.text, "source": one.status.source, "date": one.status.date.isoformat()},
        "explanation": one.explanation,
        "notes": list(one.notes),
        "report": asdict(one.report),
        "retention": one.retention and asdict(one.retention),
        "criteria": [
            {
                "metric": c.metric,
                "aggregate": c.aggregate.value,
                "reference": c.reference.value,
                "low": None if c.low is None else float(c.low),
                "high": None if c.high is None else float(c.high),
                "significance": None if c.significance is None else c.significance.test.value,
            }
            for c in one.criteria
        ],
    }
