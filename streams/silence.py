"""Rules about circumstances in the evaluator: what is read for them, and the looks that wall-clock time asks for.

While nothing at all comes the event clock stands still, and no pane closes that a rule could be judged at. Only then does
wall-clock time decide: silence is counted from the newest record, but not from before this process began to look, since
after a restart what came in between is still to be read.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa

from alerts.rules import due
from alerts.rules.absence import SILENCE, AbsenceRule
from alerts.rules.quality import QualityRule
from alerts.verdicts import Observation
from monitor.sums import Basis
from monitor.times import DAY, HOUR
from streams.arrivals import Arrivals, read_arrivals, silence_of
from streams.circumstances import REACH, Circumstances, circumstantial, read_circumstances, windowless
from streams.folding import Lost
from streams.measuring import TimeBasis
from streams.periods import periodic, read_periods
from streams.retention import KEEP_MINUTES
from streams.rounds import Round
from streams.watching import Watched

MOVED = """
select (extract(epoch from max(prediction_moved_at)) * 1000)::bigint, (extract(epoch from max(outcome_moved_at)) * 1000)::bigint
from fairdrift.positions where stream = :stream
"""

BEGINNING = 6 * HOUR
"""So much is judged in one transaction before anything is counted."""

TIME_BASIS: Mapping[str, TimeBasis] = {"predictions": "decision", "outcomes": "outcome"}


class Watch:
    """The circumstances of one model. Remembers when it began to look, and at which minute it looked last."""

    def __init__(self, of: Watched) -> None:
        self._of, self._began = of, _now()
        self._rules = {basis: circumstantial(of.rules, basis) for basis in TIME_BASIS.values()}
        self._periods = {basis: periodic(of.rules, basis) for basis in TIME_BASIS.values()}
        rules = [rule for rules in self._rules.values() for rule in rules]
        self._silent = [rule for rule in rules if isinstance(rule, AbsenceRule) and rule.of in SILENCE]
        self._looked = 0
        self._begun: dict[str, int] = {}
        """Up to where each clock's rules are judged while nothing is counted."""

    def read(
        self, connection: sa.Connection, time_basis: TimeBasis, span: tuple[int, int], lost: Lost = ()
    ) -> Circumstances | None:
        """What the rules of one clock look at for the ends in (low, high]; None if there are none."""
        rules, periods = self._rules[time_basis], self._periods[time_basis]
        if not rules and not periods:
            return None
        found = read_circumstances(connection, (self._of.model, self._of.source), rules, span)
        return replace(found, periods=read_periods(connection, self._of.source, periods, time_basis, (span, lost)))

    @property
    def due(self) -> bool:
        """Whether rules about silence were last looked at a pane of wall-clock time ago."""
        return bool(self._silent) and _now() - self._looked >= self._of.model.pane

    def look(self, this: Round) -> None:
        """Judge the rules about silence if nothing has come for a while: at most once in a pane of wall-clock time."""
        if not self.due or this.behind or this.drained:
            return
        self._looked = now = _now()
        for rule in self._silent:
            for end, observation in self._still(this, rule, now):
                this.judging.step(rule, [observation], end)

    def begun(self, this: Round, time_basis: TimeBasis, until: int) -> bool:
        """Judge rules about records and labels up to `until`, before which the model has no counted pane of this clock.

        Outcomes of which none is ever joined, or all are late, are counted nowhere else, and so no window would look at them.
        Each pane of the last two days since the first record is judged in order; those judged before yield no step. False if
        there is more to do than one transaction should.
        """
        pane, rules = self._of.model.pane, [rule for rule in self._rules[time_basis] if windowless(rule)]
        low = self._begun.get(time_basis) or (this.snapshot.first(Basis.QUALITY) if rules else None)
        if low is None:
            return True
        low = max(low, until - KEEP_MINUTES + DAY) // pane * pane  # before, a day's window is not there by the minute
        high = min(until, low + BEGINNING)
        known = read_circumstances(this.connection, (self._of.model, self._of.source), tuple(rules), (low, high))
        for end in range(low + pane, high + 1, pane):
            for rule in rules:
                found = list(replace(known, rules=(rule,)).observations(end, {}))
                if any(one.value is not None for one in found):
                    this.judging.step(rule, found, end)
        self._begun[time_basis] = max(low, high)
        this.behind |= high < until
        return high >= until

    def unseen(self, this: Round, time_basis: TimeBasis, ends: range) -> None:
        """Judge rules about records, labels and silence at ends at which no window is looked at, since all are empty.

        What they see is in none: a model that is silent while others go on, or of which only records come that are not counted.
        """
        known = this.judging.circumstances
        rules = [rule for rule in self._rules[time_basis] if windowless(rule) or rule.of in SILENCE]
        if known is None or not rules:
            return
        alone = [(rule, replace(known, rules=(rule,))) for rule in rules]
        reach = max(_reach(rule) for rule in rules)
        for end in ends:
            still = known.arrivals is not None and known.arrivals.quiet(end) > reach
            for rule, seen in alone:
                if due((rule,), end) and (rule.of == "labels" or not still):  # else it sees what it saw before
                    this.judging.step(rule, list(seen.observations(end, {})), end)

    def forget(self) -> None:
        """What was judged may not have been stored."""
        self._begun = {}

    def _still(self, this: Round, rule: AbsenceRule, now: int) -> Iterator[tuple[int, Observation]]:
        stream, mark = self._of.source.stream, this.marks.get(TIME_BASIS[rule.of])
        predictions, outcomes = this.connection.execute(sa.text(MOVED), {"stream": stream}).one()
        moved = [predictions] if rule.of == "predictions" else [predictions, outcomes]
        if mark is None:
            moved = [predictions if rule.of == "predictions" else outcomes]
        since = max([self._began, *(at for at in moved if at is not None)])
        if now - since < max(self._of.model.pane, rule.after_ms // 2):
            return
        bare = Arrivals(self._of.model.name, self._of.model.pane)
        if mark is not None:
            bare = read_arrivals(this.connection, bare, stream, (mark.end - rule.after_ms, mark.end), REACH)
        yield still(rule, bare, None if mark is None else mark.end, (since, now))


def still(
    rule: AbsenceRule, arrivals: Arrivals, stood_at: int | None, quiet: tuple[int, int]
) -> tuple[int, Observation]:
    """What a rule about silence sees while the event clock stands at `stood_at` (ms) and nothing comes. Pure.

    `quiet` is (since when, now) by wall clock. Returned first is the time of the look: the event clock as if it had gone
    on. So the next look by events, which is later, finds the alert open and can end it.
    """
    since, now = quiet
    elapsed = max(0, now - since)
    if stood_at is None:
        at = now // arrivals.pane * arrivals.pane
        return at, silence_of(rule, elapsed, at)
    at = (stood_at + elapsed) // arrivals.pane * arrivals.pane
    return at, silence_of(rule, (arrivals.silence(rule.of, stood_at) or 0) + elapsed, at)


def _reach(rule: QualityRule | AbsenceRule) -> int:
    """For how many ms after the last record of anybody the rule may still come to something else."""
    patience = rule.policy.patience
    looked_at = rule.after_ms if isinstance(rule, AbsenceRule) else rule.window_ms
    return looked_at + patience.for_ms + patience.keep_firing_ms + HOUR


def _now() -> int:
    """Wall-clock time in ms."""
    return int(time.time() * 1000)
