"""Policies over the rows of a file: each stretch of days by the version that was in force, the answers gathered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from alerts.config import PolicyConfig
from monitor.assess import Assessment
from monitor.policies import (
    SCORING_RATE,
    Answer,
    Context,
    Counted,
    Judgement,
    PolicyError,
    Reason,
    Stretch,
    counted,
    parse,
    stretches,
    versions,
)
from monitor.policies.policy import Policy
from monitor.quantities import Flags, Floats
from monitor.sums import Ints
from streams.audit.reading import AuditError, Longs

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A policy that the rows are judged by. `gate`: the exit code says its answer."""

    name: str
    versions: tuple[Policy, ...]
    context: Context = field(default_factory=Context)
    gate: bool = False
    period: tuple[int, int] | None = None
    """From and to, in ms: only rows between are judged."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one stretch of days, judged. `judgement` None: no version was in force."""

    stretch: Stretch
    rows: int
    judgement: Judgement | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A policy's answer over all rows."""

    asked: Asked
    parts: tuple[Part, ...]
    answer: Answer
    reasons: tuple[Reason, ...]
    assumed: str = ""
    """What had to be assumed, in words: the day, where rows have none."""


def find(name: str) -> tuple[Policy, ...]:
    """The versions of a shipped policy by id, or of one in a file of one's own."""
    if name.endswith((".yaml", ".yml")):
        try:
            return parse(Path(name).read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise AuditError(f"the policy {name} cannot be read: {why}") from error
    try:
        return versions(name)
    except PolicyError as error:
        raise AuditError(f"{error}; or a file of your own, as in ./house-rule.yaml") from None


def days(time: Longs) -> tuple[Longs, date, date]:
    """The day of each row (days since 1970, UTC), and the first and last."""
    found = time // DAY_MS
    return found, _date(int(found.min())), _date(int(found.max()))


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


def _number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def configured(given: PolicyConfig, *, gate: bool = False) -> Asked:
    """A policy of the configuration, with its period and what people decided."""
    justifications = {tuple(sorted(one.group.items())): one.because for one in given.exclusions}
    context = Context(justifications=justifications, roles=dict(given.attributes))
    period = (int(given.starts.timestamp() * 1000), int(given.ends.timestamp() * 1000))
    return Asked(given.name, find(given.policy), context, gate=gate, period=period)


def parted(asked: Asked, time: Longs | None, rows: int, today: date) -> Iterator[tuple[Stretch, Flags]]:
    """Each stretch of days under one version, with the rows in it; nothing if no row is in the period."""
    if time is None:
        for stretch in stretches(asked.versions, today, today):
            yield stretch, np.ones(rows, dtype=np.bool_)
        return
    start, end = asked.period or (int(time.min()), int(time.max()) + 1)
    inside = (time >= start) & (time < end)
    if not inside.any():
        return
    _, first, last = days(time[inside])
    day = time // DAY_MS
    for stretch in stretches(asked.versions, first, last):
        yield stretch, inside & (day >= _number(stretch.first)) & (day <= _number(stretch.last))


def ruled(asked: Asked, parts: Sequence[Part], assumed: str = "") -> Ruling:
    """The answers of the stretches as one: breached if any is, else clear only if all are."""
    some = [part for part in parts if part.rows]
    answers = [Answer.CANNOT_SAY if part.judgement is None else part.judgement.answer for part in some]
    if Answer.BREACHED in answers:
        answer = Answer.BREACHED
    else:
        answer = Answer.CLEAR if answers and set(answers) == {Answer.CLEAR} else Answer.CANNOT_SAY
    reasons = [
        reason
        for part, one in zip(some, answers, strict=True)
        if one is answer
        for reason in ((Reason.NOT_IN_FORCE,) if part.judgement is None else part.judgement.reasons)
    ]
    assumed = assumed if some else "no row is in the policy's period"
    return Ruling(asked, tuple(some), answer, tuple(dict.fromkeys(reasons)), assumed)


def figures(assessment: Assessment, score: Floats, cell: Ints) -> dict[tuple[str, tuple[str, ...]], list[Counted]]:
    """The figures of an assessment, with the scoring rate: from the rows' own scores, where the engine has bins.

    The share of a group's scores strictly above the median of all scores, the unknown included (6 RCNY 5-300).
    """
    found = {key: groups for key, groups in counted(assessment).items() if key[0] != SCORING_RATE}
    known = ~np.isnan(score)
    if not known.any():
        return found
    above = known & (score > np.median(score[known]))
    cells = int(cell.max()) + 1
    sums = np.stack([np.bincount(cell, flags, cells).astype(np.int64) for flags in (known, above)], axis=1)
    totals = assessment.grouping.sum(sums)
    for group, (n, k) in zip(assessment.grouping.groups, totals.tolist(), strict=True):
        if (group.version, group.arm) == ("*", "*"):
            rate = Counted(group.values, n, k, k / n if n else None)
            found.setdefault((SCORING_RATE, group.attribute_set), []).append(rate)
    return found


def with_references(context: Context, references: Mapping[str, str]) -> Context:
    """The context with the model's references, where it names none."""
    return replace(context, references={**references, **context.references})
