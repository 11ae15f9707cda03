"""From an assessment of a window to the observations that a rule judges.

Rules judge what was *counted*, not what may be shown: pass the assessment itself, not its `published()` form. An
observation is made for every comparison (each group with its reference, say), not only for the one that drives the
disparity, so that a tiny group with the worst estimate cannot hide a larger one that is proven.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alerts.verdicts import Observation, Side
from alerts.wording import group_name
from monitor.assess import Assessment, DisparityPoint, GroupPoint
from monitor.comparisons import Aggregate, DisparitySpec, Method
from monitor.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Span:
    """Which window an assessment is of: its length, its end (ms of event time), and by which time it counts."""

    window_ms: int
    end: int
    time_basis: Literal["decision", "outcome"] = "decision"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rule looks at, for whoever assesses: an attribute set of None stands for all that the model has.

    `metric` is the registry's own name. `time_basis` is `outcome` for metrics that need labels: they are judged as labels
    arrive, which is in time when labels take weeks.
    """

    metric: str
    window_ms: int
    time_basis: Literal["decision", "outcome"]
    attributes: tuple[str, ...] | None
    aggregate: str = ""
    method: str = ""
    min_n: int = 1


def observe(needs: Needs, assessment: Assessment, span: Span) -> list[Observation]:
    """What a rule needs of one window, over everything served together; empty if the window is another one."""
    if (needs.window_ms, needs.time_basis) != (span.window_ms, span.time_basis):
        return []
    if not needs.aggregate:
        return list(_group_metrics(needs, assessment, span))
    sets = assessment.plan.attribute_sets if needs.attributes is None else (needs.attributes,)
    spec = DisparitySpec(Aggregate(needs.aggregate), Method(needs.method), needs.min_n)
    points = (point for names in sets for point in assessment.compare(needs.metric, names, spec))
    return [_disparity(point, span) for point in points]


def _group_metrics(needs: Needs, assessment: Assessment, span: Span) -> Iterator[Observation]:
    for point in assessment.groups:
        if point.metric != needs.metric or (point.version, point.arm) != ("*", "*"):
            continue
        if needs.attributes is None or tuple(point.attribute_set) == needs.attributes:
            yield _group_metric(point, span)


def _group_metric(point: GroupPoint, span: Span) -> Observation:
    return replace(
        _measured(point.estimate, span, point.metric, point.attribute_set),
        lower=_side(point.group_values, point, point.estimate.n),
        subject=group_name(point.group_values),
        label_coverage=point.label_coverage,
    )


def _disparity(point: DisparityPoint, span: Span) -> Observation:
    lower, higher = _sides(point)
    coverages = [s.label_coverage for s in (lower, higher) if s is not None and s.label_coverage is not None]
    return replace(
        _measured(point.estimate, span, point.metric, point.attribute_set),
        aggregate=point.aggregate.value,
        method=point.method.value,
        lower=lower,
        higher=higher,
        version=point.version,
        arm=point.arm,
        subject=group_name(point.subject) if point.subject else "",
        label_coverage=min(coverages) if coverages else None,
    )


def _measured(estimate: Estimate, span: Span, metric: str, attributes: Sequence[str]) -> Observation:
    return Observation(
        metric=metric,
        attributes=tuple(attributes),
        aggregate="",
        method="",
        window_ms=span.window_ms,
        window_end=span.end,
        time_basis=span.time_basis,
        state=estimate.state.value,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        reason=estimate.reason or "",
    )


def _sides(point: DisparityPoint) -> tuple[Side | None, Side | None]:
    """Both sides. The rest has no estimate of its own: it counts what the other side does not of the `n` of both."""
    known = sum(side.estimate.n for side in (point.lower, point.higher) if side is not None)
    rest = max(point.estimate.n - known, 0)
    lower = None if point.lower_group is None else _side(point.lower_group, point.lower, rest)
    higher = None if point.higher_group is None else _side(point.higher_group, point.higher, rest)
    return lower, higher


def _side(groups: Mapping[str, str], point: GroupPoint | None, rest: int) -> Side:
    if point is None:
        return Side(dict(groups), rest)
    estimate = point.estimate
    return Side(
        groups=dict(groups),
        n=estimate.n,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        numerator=estimate.numerator,
        denominator=estimate.denominator,
        label_coverage=point.label_coverage,
    )
