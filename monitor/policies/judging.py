"""Judging the groups of a period by a policy: clear, breached or cannot say, each with its named reasons. Pure.

For every attribute set and criterion each group is compared with its base, and the answers are gathered: one breach
breaches the policy; else one comparison that cannot be made leaves it open; else it is clear. Groups `unknown` are counted
and never compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from monitor.assess import Assessment
from monitor.comparisons import Aggregate
from monitor.config import UNKNOWN
from monitor.estimates import Estimate, State
from monitor.metrics import metric, names
from monitor.policies.answers import (
    WORDS,
    Answer,
    Context,
    Counted,
    Figures,
    Judgement,
    Line,
    Reason,
    Values,
)
from monitor.policies.comparing import compared
from monitor.policies.policy import Criterion, Exclusion, Policy, Reference

SMALL = frozenset({Reason.NOT_SIGNIFICANT, Reason.FLIP_FLOP, Reason.UNDETECTABLE})
"""Reasons of small numbers."""
NOT_WHOLE = 1e-9
"""A numerator farther than this from a whole number is no count."""


def judge(policy: Policy, figures: Figures, context: Context = Context()) -> Judgement:  # noqa: B008 - frozen
    """Judge the figures of one period by the version of the policy that held in it."""
    roles, missing = _roles(policy, figures, context)
    sets = _sets(policy, figures, roles)
    lines: list[Line] = []
    notes = [f"{name} is not in the data" for name in missing]
    reasons = [Reason.ATTRIBUTE_MISSING] if missing else []
    for criterion in policy.criteria:
        measured = [names_of for names_of in sets if (_own(criterion.metric), names_of) in figures]
        if not measured:
            notes.append(f"{criterion.metric.replace('_', ' ')}: {WORDS[Reason.NOT_MEASURED]}")
            reasons += [Reason.NOT_MEASURED] if criterion.required else []
        for names_of in measured:
            everybody = figures.get((_own(criterion.metric), ()), ())
            found = figures[_own(criterion.metric), names_of]
            lines += _Set(policy, criterion, names_of, everybody, context).lines(found)
    if not any(c.low is not None or c.high is not None for c in policy.criteria):
        reasons.append(Reason.NO_PASS_MARK)
    return Judgement(
        policy, _gathered(lines, reasons), _named(lines, reasons), tuple(lines), _unknown(figures, sets), tuple(notes)
    )


def _gathered(lines: Sequence[Line], reasons: Sequence[Reason]) -> Answer:
    answers = {line.answer for line in lines if line.answer is not None}
    if Answer.BREACHED in answers:
        return Answer.BREACHED
    return Answer.CANNOT_SAY if reasons or Answer.CANNOT_SAY in answers or not answers else Answer.CLEAR


def _named(lines: Sequence[Line], reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The reasons of the answer: those of the lines that give it."""
    answer = _gathered(lines, reasons)
    found = [reason for line in lines if line.answer is answer for reason in line.reasons]
    return tuple(dict.fromkeys([*reasons, *found]))


def _roles(policy: Policy, figures: Figures, context: Context) -> tuple[dict[str, str], list[str]]:
    """Which attribute plays which role, and which roles nobody plays."""
    there = {name for _, names_of in figures for name in names_of}
    found: dict[str, str] = {}
    for role in policy.attributes:
        called = (context.roles.get(role.name, role.name), role.name, *role.called)
        plays = next((name for name in called if name in there), None)
        if plays is not None:
            found[role.name] = plays
    return found, [role.name for role in policy.attributes if role.name not in found]


def _sets(policy: Policy, figures: Figures, roles: Values) -> list[tuple[str, ...]]:
    """The attribute sets that are judged."""
    wanted, depth = set(roles.values()), policy.depth
    sets = dict.fromkeys(names_of for _, names_of in figures if names_of)
    return [
        names_of
        for names_of in sorted(sets, key=lambda one: (len(one), one))
        if (depth is None or len(names_of) <= depth) and (not policy.attributes or set(names_of) <= wanted)
    ]


def _unknown(figures: Figures, sets: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """People of whom a group of the set is not known: the greatest count over the metrics.

    A share of everybody counts everybody, so those are left out: they are not compared.
    """
    found = dict.fromkeys(sets, 0)
    for (name, names_of), groups in figures.items():
        if names_of in found and (name not in names() or metric(name).compared):
            count = sum(group.n for group in groups if UNKNOWN in group.values.values())
            found[names_of] = max(found[names_of], count)
    return found


def _own(name: str) -> str:
    """The metric's own name, for an alias too."""
    return names().get(name, name)


def counted(assessment: Assessment) -> dict[tuple[str, tuple[str, ...]], list[Counted]]:
    """The figures of what is served together, of every metric that was measured at all."""
    found: dict[tuple[str, tuple[str, ...]], list[Counted]] = {}
    for point in assessment.groups:
        if (point.version, point.arm) == ("*", "*"):
            rate = metric(point.metric).kind == "rate"
            found.setdefault((point.metric, point.attribute_set), []).append(
                _counted(point.group_values, point.estimate, rate=rate)
            )
    measured = {name for (name, names_of), groups in found.items() if any(one.n for one in groups)}
    return {key: groups for key, groups in found.items() if key[0] in measured}


def _counted(values: Values, estimate: Estimate, *, rate: bool) -> Counted:
    top = estimate.numerator
    whole = rate and top is not None and abs(top - round(top)) < NOT_WHOLE
    value = estimate.value if estimate.state is State.MEASURED else None
    return Counted(values, estimate.n, round(top) if whole and top is not None else None, value)


@dataclass(frozen=True, slots=True)
class _Set:
    """One attribute set under one criterion."""

    policy: Policy
    criterion: Criterion
    attribute_set: tuple[str, ...]
    everybody: Sequence[Counted]
    context: Context

    def lines(self, groups: Sequence[Counted]) -> Iterator[Line]:
        """A line for every group that is known."""
        known = sorted((one for one in groups if UNKNOWN not in one.values.values() and one.n), key=lambda one: one.key)
        total = sum(one.n for one in known)
        judged = [one for one in known if self._excluded(one, total) is not Reason.EXCLUDED]
        for group in known:
            share, why = group.n / total, self._excluded(group, total)
            justification = self.context.justifications.get(group.key, "")
            if why is Reason.EXCLUDED:
                line = self._line(group, None, Reason.EXCLUDED)
            else:
                line = self._compared(group, judged, known)
                line = replace(line, reasons=(*line.reasons, why)) if why else line
            yield replace(line, share=share, justification=justification)

    def _excluded(self, group: Counted, total: int) -> Reason | None:
        rule: Exclusion | None = self.policy.exclusion
        if rule is None:
            return None
        justified = group.key in self.context.justifications
        if Fraction(group.n, total) >= rule.below:
            return Reason.NOT_EXCLUDED if justified else None
        return Reason.EXCLUDED if justified or not rule.needs_justification else None

    def _line(self, group: Counted, answer: Answer | None, *reasons: Reason) -> Line:
        return Line(self.criterion, self.attribute_set, group, answer, reasons)

    def _compared(self, group: Counted, judged: Sequence[Counted], known: Sequence[Counted]) -> Line:
        one_of = self.criterion.reference in (Reference.HIGHEST, Reference.NAMED)
        base = self._base(group, judged if one_of else known)
        if base is None or group.value is None:
            reason = Reason.UNDEFINED if group.value is None else self._why_no_base(judged)
            return self._line(group, Answer.CANNOT_SAY, reason)
        if base.key == group.key:
            answer = Answer.CLEAR if len(judged) > 1 else Answer.CANNOT_SAY
            line = self._line(group, answer, *(() if len(judged) > 1 else (Reason.ALONE,)))
            return replace(line, base=base, value=1.0 if self.criterion.aggregate is Aggregate.RATIO else 0.0)
        line = compared(self.criterion, self.attribute_set, (group, base), max(1, len(judged) - one_of))
        few = self.criterion.small_numbers.action == "suppress" and bool(SMALL & set(line.reasons))
        return self._line(group, None, *line.reasons, Reason.WITHHELD) if few else line

    def _why_no_base(self, judged: Sequence[Counted]) -> Reason:
        return Reason.NO_REFERENCE if self.criterion.reference is Reference.NAMED else Reason.ALONE

    def _base(self, group: Counted, among: Sequence[Counted]) -> Counted | None:
        """What the group is compared with; groups of a small share are part of everybody and of the rest."""
        reference = self.criterion.reference
        if reference is Reference.HIGHEST:
            defined = [one for one in among if one.value is not None]
            return max(defined, key=lambda one: one.value or 0.0, default=None)
        if reference is Reference.NAMED:
            wanted = {name: self.context.references.get(name, "") for name in self.attribute_set}
            return next((one for one in among if one.values == wanted and one.value is not None), None)
        parts = [one for one in among if reference is Reference.OVERALL or one.key != group.key]
        return _merged(parts)


def _merged(parts: Sequence[Counted]) -> Counted | None:
    """Several groups as one; None if they are no counts or nobody."""
    n, tops = sum(one.n for one in parts), [one.numerator for one in parts]
    if not n or None in tops:
        return None
    top = sum(one or 0 for one in tops)
    return Counted({"*": "rest"}, n, top, top / n)
