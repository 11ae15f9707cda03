"""One group compared with its base under one criterion: value, interval, chance, answer and reasons. Pure."""

from dataclasses import replace
from fractions import Fraction

from monitor.comparisons import Aggregate
from monitor.intervals import newcombe, score_ratio, simultaneous
from monitor.policies.answers import Answer, Counted, Line, Reason
from monitor.policies.counts import Chance, Counts, bounds, chance, detectable, flips, inside, shortfall
from monitor.policies.policy import Combine, Criterion, Procedure


def compared(
    criterion: Criterion, attribute_set: tuple[str, ...], sides: tuple[Counted, Counted], comparisons: int = 1
) -> Line:
    """Judge one group against its base; `comparisons` is how many the interval must hold for at once."""
    group, base = sides
    line = Line(criterion, attribute_set, group, Answer.CANNOT_SAY, (), base)
    if group.numerator is None or base.numerator is None:
        return _plainly(line)
    counts = Counts(group.numerator, group.n, base.numerator, base.n)
    value = counts.value(criterion.aggregate)
    if value is None:
        return replace(line, reasons=(Reason.NOBODY_FAVOURED,))
    low, high = _interval(criterion, counts, comparisons)
    line = replace(line, value=float(value), low=low, high=high, shortfall=shortfall(counts, criterion))
    ends = bounds(criterion, Fraction(base.numerator, base.n))
    answer, reasons, found = _answer(criterion, counts, inside(value, ends), (low, high, ends))
    return replace(line, answer=answer, reasons=reasons, chance=found)


def _plainly(line: Line) -> Line:
    """Of values that are no counts: by the estimate alone, and only where the policy asks for no more."""
    criterion, group, base = line.criterion, line.group, line.base
    if base is None or group.value is None or base.value is None:
        return replace(line, reasons=(Reason.UNDEFINED,))
    if criterion.aggregate is Aggregate.RATIO:
        if base.value <= 0.0:
            return replace(line, reasons=(Reason.NOBODY_FAVOURED,))
        value = group.value / base.value
    else:
        value = group.value - base.value
    line = replace(line, value=value)
    if criterion.significance is not None:
        return replace(line, reasons=(Reason.NO_COUNTS,))
    if criterion.low is None and criterion.high is None:
        return replace(line, answer=None, reasons=(Reason.NO_PASS_MARK,))
    within = inside(Fraction(value), bounds(criterion, Fraction(base.value)))
    answer, reason = (Answer.CLEAR, Reason.INSIDE) if within else (Answer.BREACHED, Reason.BEYOND)
    return replace(line, answer=answer, reasons=(reason,))


Ends = tuple[float | None, float | None, tuple[Fraction | None, Fraction | None]]
"""The interval of the value, and the bound."""


def _answer(
    criterion: Criterion, counts: Counts, within: bool, ends: Ends
) -> tuple[Answer | None, tuple[Reason, ...], Chance | None]:
    rule = criterion.significance
    found = chance(counts, rule) if rule is not None and rule.test is Procedure.POOLED_Z else None
    if criterion.low is None and criterion.high is None:
        return None, (Reason.NO_PASS_MARK,), found
    if rule is not None and rule.test is Procedure.INTERVAL:
        return (*_by_interval(within, ends, strict=rule.clear_by == "interval"), None)
    if found is None or rule is None:
        return (*_by_bound(criterion, counts, within), None)
    if criterion.small_numbers.detectable and not found.significant and not detectable(counts, rule):
        return Answer.CANNOT_SAY, (Reason.UNDETECTABLE,), found
    if within:
        if found.significant and criterion.combine is Combine.OR:
            return Answer.BREACHED, (Reason.INSIDE, Reason.SIGNIFICANT), found
        return Answer.CLEAR, (Reason.SIGNIFICANT_INSIDE if found.significant else Reason.INSIDE,), found
    if criterion.combine is Combine.AND and not found.significant:
        return Answer.CANNOT_SAY, (Reason.NOT_SIGNIFICANT,), found
    answer, reasons = _by_bound(criterion, counts, within)
    extra = (Reason.SIGNIFICANT,) if found.significant else ()
    return answer, (*reasons, *extra), found


def _by_bound(criterion: Criterion, counts: Counts, within: bool) -> tuple[Answer, tuple[Reason, ...]]:
    if within:
        return Answer.CLEAR, (Reason.INSIDE,)
    if criterion.small_numbers.flip_flop and flips(counts, criterion):
        return Answer.CANNOT_SAY, (Reason.FLIP_FLOP,)
    return Answer.BREACHED, (Reason.BEYOND,)


def _by_interval(within: bool, ends: Ends, *, strict: bool) -> tuple[Answer, tuple[Reason, ...]]:
    low, high, (least, most) = ends
    if low is None or high is None:
        return Answer.CANNOT_SAY, (Reason.INTERVAL_SPANS,)
    if (least is not None and high < least) or (most is not None and low > most):
        return Answer.BREACHED, (Reason.BEYOND, Reason.SIGNIFICANT)
    contained = (least is None or low >= least) and (most is None or high <= most)
    if contained or (within and not strict):
        return Answer.CLEAR, (Reason.INSIDE,)
    return Answer.CANNOT_SAY, (Reason.INTERVAL_SPANS,)


def _interval(criterion: Criterion, c: Counts, comparisons: int) -> tuple[float | None, float | None]:
    """Newcombe's or the score interval, simultaneous; None where it has no end."""
    wanted = 0.95 if criterion.significance is None else float(criterion.significance.confidence)
    level = simultaneous(wanted, comparisons)
    if criterion.aggregate is Aggregate.DIFFERENCE:
        low, high = newcombe(c.k, c.n, c.base_k, c.base_n, level)
    else:
        low, high = score_ratio((c.k, c.n), (c.base_k, c.base_n), level)
    ends = (float(low), float(high))
    return tuple(end if abs(end) < float("inf") else None for end in ends)  # type: ignore[return-value]
