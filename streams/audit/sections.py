"""An audit arranged for reading: one section an attribute set, its groups in the order in which they were declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isclose

import numpy as np

from monitor.assess import Assessment, DisparityPoint, GroupPoint
from monitor.comparisons import Aggregate, Method
from monitor.config import OTHER, UNKNOWN, ModelConfig
from monitor.estimates import Estimate, State
from monitor.grouping import TOGETHER
from monitor.metrics import metric
from monitor.policies import Criterion, Line, Reason
from monitor.suppression import withheld

Values = Mapping[str, str]

FEW = "fewer than two groups"
"""What a reason begins with where nothing is compared."""

TOLD = (Reason.INSIDE, Reason.BEYOND, Reason.SIGNIFICANT, Reason.NO_PASS_MARK)
"""Reasons that an answer itself tells."""


@dataclass(frozen=True, slots=True)
class Member:
    """One group: how many people, or None where that is withheld, and its share of all."""

    values: Values
    n: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Within:
    """A disparity of the same two groups within strata of the factors, put together over them."""

    factors: tuple[str, ...]
    estimate: Estimate
    reversed: bool
    """Whether it points the other way than the raw one."""
    strata: int
    """How many strata had both groups."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric over the groups of a section, in their order, and how far they are apart."""

    metric: str
    points: tuple[GroupPoint | None, ...]
    """None for a metric that is no number of a single group."""
    gaps: tuple[DisparityPoint, ...]
    within: Mapping[tuple[Aggregate, Method], Within]
    """Beside a gap, where there are factors."""


@dataclass(frozen=True, slots=True)
class Section:
    """One attribute set; `()` is everybody."""

    attribute_set: tuple[str, ...]
    members: tuple[Member, ...]
    measures: tuple[Measure, ...]


def sections(assessment: Assessment, model: ModelConfig) -> list[Section]:
    """Everybody first, then each attribute, then intersections; metrics of which nothing was counted are left out."""
    counts = _people(assessment)
    by_set: dict[tuple[str, ...], dict[str, list[GroupPoint]]] = {}
    for point in assessment.groups:
        if (point.version, point.arm) == (TOGETHER, TOGETHER):
            by_set.setdefault(point.attribute_set, {}).setdefault(point.metric, []).append(point)
    gaps: dict[tuple[tuple[str, ...], str], list[DisparityPoint]] = {}
    for gap in assessment.disparities:
        named = set(gap.attribute_set) <= set(model.references)
        if (gap.version, gap.arm) == (TOGETHER, TOGETHER) and (gap.method is not Method.TO_REFERENCE or named):
            gaps.setdefault((gap.attribute_set, gap.metric), []).append(gap)
    within = _within(assessment)
    measured = [name for name in assessment.metrics if _counted(by_set, gaps, name)]
    found = []
    for names in sorted(counts, key=lambda one: (len(one), one)):
        order = _ordered(list(counts[names]), names, model)
        measures = [
            _measure(
                name,
                by_set.get(names, {}).get(name, []),
                order,
                (gaps.get((names, name), ()), within.get((names, name), {})),
            )
            for name in measured
        ]
        members = tuple(Member(dict(values), *counts[names][values]) for values in order)
        found.append(Section(names, members, tuple(measures)))
    return found


def _counted(
    by_set: Mapping[tuple[str, ...], Mapping[str, Sequence[GroupPoint]]],
    gaps: Mapping[tuple[tuple[str, ...], str], Sequence[DisparityPoint]],
    name: str,
) -> bool:
    """Whether anything was counted for a metric."""
    if metric(name).kind in ("pair", "index"):
        return any(gap.estimate.n for (_, of), each in gaps.items() if of == name for gap in each)
    return any(point.estimate.n for points in by_set.values() for point in points.get(name, ()))


Key = tuple[tuple[str, str], ...]


def _people(assessment: Assessment) -> dict[tuple[str, ...], dict[Key, tuple[int | None, float | None]]]:
    """People by attribute set and group, and their share of everybody."""
    n = assessment.sums["decision"].events
    hidden = withheld(n[None, :], assessment.minimum, assessment.grouping)[0]
    total = int(n[0])
    found: dict[tuple[str, ...], dict[Key, tuple[int | None, float | None]]] = {}
    for at, group in enumerate(assessment.grouping.groups):
        if (group.version, group.arm) == (TOGETHER, TOGETHER):
            shown = (None, None) if hidden[at] else (int(n[at]), float(n[at]) / total if total else None)
            found.setdefault(group.attribute_set, {})[tuple(sorted(group.values.items()))] = shown
    return found


def _ordered(keys: Sequence[Key], names: Sequence[str], model: ModelConfig) -> list[Key]:
    """As declared; `other` and `unknown` last."""
    rank = ranks(model, names)
    return sorted(keys, key=lambda key: [rank.get(pair, len(rank)) for pair in key])


def ranks(model: ModelConfig, names: Sequence[str]) -> dict[tuple[str, str], int]:
    """(attribute, group) -> its place among the declared groups."""
    return {
        (name, group): at for name in names for at, group in enumerate((*model.attributes[name].groups, OTHER, UNKNOWN))
    }


Gaps = tuple[Sequence[DisparityPoint], Mapping[tuple[Aggregate, Method], Within]]


def _within(assessment: Assessment) -> dict[tuple[tuple[str, ...], str], dict[tuple[Aggregate, Method], Within]]:
    """What stands beside each gap, by attribute set and metric."""
    found: dict[tuple[tuple[str, ...], str], dict[tuple[Aggregate, Method], Within]] = {}
    for one in assessment.conditional:
        for column, segment in enumerate(one.raw.segment.tolist()):
            version, arm, names = assessment.grouping.names[segment]
            for row, name in enumerate(assessment.metrics if (version, arm) == (TOGETHER, TOGETHER) else ()):
                place = (row, column)
                told = Within(one.factors, one.estimates.one(place), bool(one.reversed[place]), int(one.strata[place]))
                found.setdefault((names, name), {})[one.raw.spec.aggregate, one.raw.spec.method] = told
    return found


def _measure(name: str, points: Sequence[GroupPoint], order: Sequence[Key], gaps: Gaps) -> Measure:
    by_key = {tuple(sorted(point.group_values.items())): point for point in points}
    alone = metric(name).kind not in ("pair", "index")
    return Measure(name, tuple(by_key.get(key) if alone else None for key in order), tuple(gaps[0]), gaps[1])


def driving(measure: Measure) -> list[tuple[Aggregate, list[DisparityPoint]]]:
    """The disparities by aggregate."""
    ranked = sorted(measure.gaps, key=lambda gap: gap.aggregate.value)
    return [(aggregate, list(each)) for aggregate, each in groupby(ranked, key=lambda gap: gap.aggregate)]


def listed_values(values: Values) -> str:
    """A group below a heading that names its attributes: the values in their order."""
    if dict(values) == {"*": "rest"}:
        return "the rest"
    return " · ".join(values[name] for name in sorted(values)) or "everybody"


def uncompared(section: Section) -> list[Measure]:
    """The metrics by which no two groups are compared, because fewer than two have enough of what it counts."""
    return [one for one in section.measures if one.gaps and all(FEW in (gap.estimate.reason or "") for gap in one.gaps)]


def sides_words(gap: DisparityPoint) -> str:
    """The two groups that drive a disparity: `1 lowest, 2 highest`, or `2 against 1` where one is the reference.

    No group is called the lowest where all are equal, nor of a number that no single group has (a distance).
    """
    if gap.lower_group is None or gap.higher_group is None:
        return ""
    lower, higher, subject = dict(gap.lower_group), dict(gap.higher_group), dict(gap.subject)
    if gap.method is Method.BETWEEN_GROUPS:
        if metric(gap.metric).kind == "pair":
            return f"{listed_values(lower)} and {listed_values(higher)}"
        if _equal(gap.lower, gap.higher):
            return "no group differs"
        return f"{listed_values(lower)} lowest, {listed_values(higher)} highest"
    return f"{listed_values(subject)} against {listed_values(higher if lower == subject else lower)}"


def _equal(one: GroupPoint | None, other: GroupPoint | None) -> bool:
    """Up to what is lost by dividing."""
    values = [point.estimate.value for point in (one, other) if point is not None]
    known = [value for value in values if value is not None]
    return len(known) == 2 and isclose(*known, rel_tol=1e-12)


def detectable_words(gap: DisparityPoint) -> str:
    """Of a gap that may be none at all, how large one would have been found; empty for others."""
    one, none = gap.estimate, 1.0 if gap.aggregate is Aggregate.RATIO else 0.0
    if gap.detectable is None or one.low is None or one.high is None or not one.low <= none <= one.high:
        return ""
    what = f"a ratio below {number(gap.detectable)}" if none else f"a difference above {number(gap.detectable)}"
    return f"{what} would have been found, four times in five"


def within_words(measure: Measure, gap: DisparityPoint) -> str:
    """The gap within strata in words; empty where there is none to tell."""
    one = measure.within.get((gap.aggregate, gap.method))
    if one is None or gap.estimate.state is not State.MEASURED:
        return ""
    head = f"within {headed(one.factors)}: "
    if one.estimate.state is not State.MEASURED or one.estimate.value is None:
        return f"{head}{one.estimate.state.value}, {one.estimate.reason}"
    interval = span(one.estimate.low, one.estimate.high)
    turned = "; it points the other way" if one.reversed else ""
    shown = f" ({interval})" if interval else ""
    return f"{head}{number(one.estimate.value)}{shown} over {one.strata} strata{turned}"


def asked_words(criterion: Criterion) -> str:
    """What a criterion looks at, in words: `selection rate, ratio to the highest, at least 0.8`."""
    base = {"highest": "the highest", "named": "the reference group", "rest": "the rest", "overall": "everybody"}
    text = f"{words(criterion.metric)}, {criterion.aggregate.value} to {base[criterion.reference.value]}"
    ends = [
        f"{word} {float(end):g}"
        for word, end in (("at least", criterion.low), ("at most", criterion.high))
        if end is not None
    ]
    return f"{text}, {' and '.join(ends)}{' of its value' if criterion.of_reference else ''}" if ends else text


def span(low: float | None, high: float | None) -> str:
    """An interval in words; empty where there is none, open where it has no end."""
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"{number(low)} up" if low is not None else f"up to {number(high or 0.0)}"
    return f"{number(low)} to {number(high)}"


SKEW_WORDS = (
    "CI: class imbalance, how many fewer people the group has than the rest. DPL: difference in the share of positive labels,"
    " the rest's less the group's. KL, JS, LP, TVD, KS: distances between the two distributions of labels. CDDL: demographic"
    " disparity of labels, conditional on the factors. A dash: it does not exist."
)
"""What the columns of the skew of labels are."""


def number(value: float) -> str:
    """Three digits behind the point for rates and ratios, none for amounts, powers of ten for what nobody counts."""
    if not np.isfinite(value):
        return str(value)
    if abs(value) >= 1e15:
        return f"{value:.3e}"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
    return text if text != "-0.000" else "0.000"


def headed(names: Sequence[str]) -> str:
    """An attribute set in words."""
    return " and ".join(names) if names else "everybody"


def words(name: str) -> str:
    """A metric's name in words."""
    return name.replace("_", " ")


def chance_words(line: Line) -> str:
    """Standard deviations, or Fisher's p."""
    found = line.chance
    if found is None or found.deviations is None or line.is_reference:
        return ""
    return f"p {found.p:.3g} exact" if found.test == "fisher" and found.p is not None else f"{found.deviations:+.2f} SD"
