"""What happened to the records of a stream, pane by pane: for the rules about silence and about quality.

Read from the quality panes, which are in the time of the topic's clock, so that a pane that the evaluator's clock has
closed is complete. (Dead letters stand at their record's own time and may come later; shares count them as they are.)
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
import sqlalchemy as sa

from alerts.rules.absence import SILENCE, AbsenceRule
from alerts.rules.quality import OF_GROUPS, QualityRule
from alerts.verdicts import Observation, Side
from monitor.intervals import wilson
from monitor.sums import QUALITY, Basis, Ints
from monitor.times import SECOND

PANES = f"""
select c.model, p.start_ms, {", ".join(f"sum(coalesce(p.sums[{n}], 0))::bigint" for n in range(1, len(QUALITY) + 1))}
from fairdrift.panes p join fairdrift.cells c on c.id = p.cell
where p.basis = {int(Basis.QUALITY)} and p.stream = :stream and p.class = 0 and p.start_ms >= :low and p.start_ms < :high
group by 1, 2 order by 2
"""

BEFORE = f"""
select c.model, max(p.start_ms + p.pane_ms) filter (where p.sums[{QUALITY.index("predictions") + 1}] > 0),
    max(p.start_ms + p.pane_ms) filter (where p.sums[{QUALITY.index("outcomes") + 1}] > 0)
from fairdrift.panes p join fairdrift.cells c on c.id = p.cell
where p.basis = {int(Basis.QUALITY)} and p.stream = :stream and p.class = 0 and p.start_ms < :low and p.start_ms >= :long_ago
group by 1
"""

WRONG = {
    ("late", "predictions"): "predictions_late",
    ("late", "outcomes"): "outcomes_late",
    ("duplicate", "predictions"): "predictions_duplicate",
    ("duplicate", "outcomes"): "outcomes_duplicate",
}
"""(share, topic) -> the slot of `QUALITY` that counts it."""

UNNAMED = ""
"""The model of records of which nobody knows whose they are."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One model's quality panes in order: their starts (ms), and the sums before each (P + 1 rows)."""

    starts: Sequence[int]
    sums: Ints

    def between(self, low: int, high: int) -> dict[str, int]:
        """The sums of the panes with low <= start < high, by slot."""
        first, last = bisect_left(self.starts, low), bisect_left(self.starts, high)
        return dict(zip(QUALITY.slots, (self.sums[last] - self.sums[first]).tolist(), strict=True))

    def newest(self, slot: str, end: int) -> int | None:
        """The start of the newest pane before `end` with any of the slot; None if there is none."""
        column = self.sums[: bisect_right(self.starts, end - 1) + 1, QUALITY.index(slot)]
        if column[-1] == column[0]:
            return None
        return self.starts[int(np.searchsorted(column, column[-1])) - 1]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The records of one stream by model, and per topic until when each model had any before what is held here."""

    model: str
    pane: int
    counts: Mapping[str, Counts] = field(default_factory=dict)
    before: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def observations(self, rule: QualityRule | AbsenceRule, end: int) -> Iterator[Observation]:
        """What the rule looks at when panes are complete up to `end`."""
        if isinstance(rule, AbsenceRule):
            if rule.of in SILENCE:
                silence = self.silence(rule.of, end)
                if silence is not None:
                    yield silence_of(rule, silence, end)
        elif rule.share not in OF_GROUPS:
            yield self._share(rule, end)

    def silence(self, topic: str, end: int) -> int | None:
        """For how many ms of others' event time nothing came of the model; None if it never had anything.

        Others are the models of the same topics, and for outcomes the predictions. Without others it is 0.
        """
        own = self._newest(self.model, topic, end)
        if own is None:
            return None
        slots = ["predictions"] if topic == "predictions" else ["predictions", "outcomes"]
        named = [model for model in {*self.counts, *self.before} if model != UNNAMED]
        others = [self._newest(model, slot, end) for model in named for slot in slots]
        return max(0, max([other for other in others if other is not None], default=own) - own)

    def quiet(self, end: int) -> float:
        """For how many ms before `end` nothing came of anybody; infinite if nothing ever did."""
        starts = [counts.starts[at - 1] for counts in self.counts.values() if (at := bisect_left(counts.starts, end))]
        starts += [until - self.pane for of_model in self.before.values() for until in of_model if until is not None]
        return end - max(starts, default=-inf)

    def _newest(self, model: str, slot: str, end: int) -> int | None:
        """The start of the newest pane before `end` in which the model had any."""
        counts = self.counts.get(model)
        found = None if counts is None else counts.newest(slot, end)
        if found is None:
            until = self.before.get(model, (None, None))[0 if slot == "predictions" else 1]
            found = None if until is None else until - self.pane
        return found

    def _share(self, rule: QualityRule, end: int) -> Observation:
        counts = self._between(self.model, end - rule.window_ms, end)
        if rule.share == "dead_letter":
            wrong = counts["dead_letters"] + self._between(UNNAMED, end - rule.window_ms, end)["dead_letters"]
            n = counts["predictions"] + counts["outcomes"] + wrong
        else:
            wrong, n = counts[WRONG[rule.share, rule.of]], counts[rule.of]
        return share_of(rule, Side({}, n, numerator=float(wrong), denominator=float(n)), end)

    def _between(self, model: str, low: int, high: int) -> dict[str, int]:
        counts = self.counts.get(model)
        return dict.fromkeys(QUALITY.slots, 0) if counts is None else counts.between(low, high)


def read_arrivals(connection: sa.Connection, of: Arrivals, stream: str, span: tuple[int, int], reach: int) -> Arrivals:
    """`of` filled with the panes of [low, high); `reach` (ms) is how far back a model's last record is looked for."""
    low, high = span
    rows = connection.execute(sa.text(PANES), {"stream": stream, "low": low, "high": high}).all()
    found: dict[str, list[Sequence[int]]] = {}
    for model, *numbers in rows:
        found.setdefault(model, []).append(numbers)
    before = connection.execute(sa.text(BEFORE), {"stream": stream, "low": low, "long_ago": low - reach}).all()
    counts = {model: _counts(numbers) for model, numbers in found.items()}
    return Arrivals(of.model, of.pane, counts, {row[0]: (row[1], row[2]) for row in before})


def _counts(rows: Sequence[Sequence[int]]) -> Counts:
    table = np.array(rows, dtype=np.int64)
    sums = np.zeros((len(table) + 1, len(QUALITY)), dtype=np.int64)
    np.cumsum(table[:, 1:], axis=0, out=sums[1:])
    return Counts(table[:, 0].tolist(), sums)


def silence_of(rule: AbsenceRule, milliseconds: int, end: int) -> Observation:
    """The observation of a silence, in seconds."""
    return Observation(
        metric=rule.measure,
        attributes=(),
        aggregate="",
        method=rule.method,
        window_ms=rule.after_ms,
        window_end=end,
        state="measured",
        value=milliseconds / SECOND,
        time_basis="outcome" if rule.of == "outcomes" else "decision",
    )


def share_of(rule: QualityRule, counted: Side, end: int, attributes: tuple[str, ...] = ()) -> Observation:
    """The observation of a share: `counted` has numerator and denominator; its interval is Wilson's at 95%."""
    n, wrong = counted.denominator or 0.0, counted.numerator or 0.0
    low, high = (float(one) for one in wilson(wrong, n))
    value = wrong / n if n else None
    return Observation(
        metric=rule.measure,
        attributes=attributes,
        aggregate="",
        method="",
        window_ms=rule.window_ms,
        window_end=end,
        state="measured" if n else "undefined",
        value=value,
        low=low if n else None,
        high=high if n else None,
        lower=Side(counted.groups, round(n), value, low if n else None, high if n else None, wrong, n),
        time_basis="decision" if rule.of == "predictions" else "outcome",
        reason="" if n else f"no {rule.of}",
    )
