"""The evaluation of one model: folds closed panes into windows, measures, judges, and writes it in one transaction.

A compare-and-set on the last pane makes evaluating twice write nothing new. Late events change later windows and add
revisions to stored points; they never run an alert again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from alerts.records import save
from monitor.sums import Basis
from monitor.watermarks import Clock, Holder, clock_of, stalled
from streams.folding import Fold
from streams.marking import marked
from streams.matured import Provers
from streams.measuring import Measuring
from streams.points import Points
from streams.proving import Prover
from streams.revising import Reviser
from streams.rounds import Mark, Round
from streams.silence import Watch
from streams.watching import Watched

AT_ONCE = 1.0
"""Seconds of work in one transaction while catching up, so that progress shows and points appear as it goes."""

REVISE_EVERY = 30.0
"""Seconds between revisions: late events trickle in, and each restates up to sixty points of each window."""

READ_AT_ONCE = 6 * 3_600_000
"""Event time in ms that is read into memory at once while catching up."""

FOLLOWS = 6 * 3_600_000
"""A worker that is not further behind what another has evaluated catches up in memory; else it reads anew."""

STALL_AFTER = 60_000
"""Milliseconds without a commit after which a partition that holds the clock back is reported."""

MOST_POINTS = 50_000
"""So many points are gathered before they go to the database, still in the same transaction."""

EVIDENCE = {
    Basis.DECISION: (Basis.EVIDENCE_DECISION, "decision"),
    Basis.LABEL_ARRIVED: (Basis.EVIDENCE_LABEL, "outcome"),
}
"""The panes that evidence is folded from beside those that windows are, and their time basis."""

NEEDS = {Basis.DECISION: "decision", Basis.LABEL_ARRIVED: "label"}

LOCK = "select pg_try_advisory_xact_lock(hashtextextended('fairdrift evaluation ' || :model, 0))"


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """One model after one round. `behind`: more could be done at once; `pending`: something waits for its time."""

    model: str
    ends: Mapping[str, int]
    """time basis -> end in ms of the last pane evaluated"""
    panes: int = 0
    points: int = 0
    transitions: int = 0
    behind: bool = False
    pending: bool = False
    busy: bool = False
    """another worker is at it"""
    evidence: int = 0
    """panes folded into evidence, each family's for itself, and the time that took"""
    evidence_seconds: float = 0.0
    drained: bool = False
    held_by: tuple[Holder, ...] = ()
    stalled: tuple[Holder, ...] = ()


class ModelEvaluator:
    """Evaluates one model. Holds its windows in memory between rounds; `forget` makes it read them anew."""

    def __init__(self, engine: sa.Engine, of: Watched, points: Points) -> None:
        self._watched, self._points = of, points
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._folds: list[tuple[Fold, tuple[int, ...]]] = []
        measuring = Measuring.of(of.model, of.rules)
        if (decisions := measuring.of_basis("decision")) is not None:
            self._folds.append((Fold(of.model, decisions, Basis.DECISION, "decision"), (0,)))
        if (labels := measuring.of_basis("label")) is not None:
            self._folds.append((Fold(of.model, labels, Basis.LABEL_ARRIVED, "outcome"), (0, 1)))
        self._provers = {fold.time_basis: _provers(of, fold.basis) for fold, _ in self._folds}
        self._seen: dict[Basis, Mapping[int, int]] = {}
        self._dirty: dict[Basis, set[int]] = {}
        self._reviser = Reviser(of, points, measuring)
        self._watch = Watch(of)
        self._revise_at = time.monotonic() + REVISE_EVERY

    def forget(self) -> None:
        """After a failure memory may be ahead of the database."""
        for fold, _ in self._folds:
            fold.end = self._provers[fold.time_basis].end = None
        self._seen, self._dirty = {}, {}
        self._watch.forget()

    @property
    def watchful(self) -> bool:
        """Whether it is time to look although nothing has come: for rules about silence."""
        return self._watch.due

    def round(self) -> ModelProgress:
        """Evaluate what has closed, then revise what is over if it is time, each in one transaction.

        Raises what the database raises, and then has forgotten everything.
        """
        try:
            done = self._in_transaction(self._evaluate)
            if done.pending and not done.busy and (done.drained or time.monotonic() >= self._revise_at):
                late = self._in_transaction(self._revise)
                done = replace(done, points=done.points + late.points, behind=done.behind or late.behind)
                done = replace(done, pending=late.pending)
                if not late.behind:
                    self._revise_at = time.monotonic() + REVISE_EVERY
            return done
        except BaseException:
            self.forget()
            raise

    def _in_transaction(self, work: Callable[[Round], None]) -> ModelProgress:
        name = self._watched.model.name
        with self._engine.begin() as connection:
            if not connection.execute(sa.text(LOCK), {"model": name}).scalar():
                return ModelProgress(name, {}, pending=True, busy=True)
            this = Round(connection, self._watched, time.monotonic() + AT_ONCE)
            work(this)
            self._store(this)
            steps = marked(connection, this.judging.steps, self._watched.rules)
            new = save(connection, steps, self._watched.routing, self._watched.config_version) if steps else 0
            this.judging.planning.save(connection, self._watched.routing, self._watched.config_version)
            return self._progress(this, new)

    def _progress(self, this: Round, transitions: int) -> ModelProgress:
        now = int(time.time() * 1000)
        clocks = [clock_of(this.positions.parts, 0, 1, topics) for _, topics in self._folds]
        folded = [prover.worked() for prover in self._provers.values()]
        late = {holder: None for clock in clocks for holder in stalled(clock, this.positions.parts, now, STALL_AFTER)}
        return ModelProgress(
            model=self._watched.model.name,
            ends={time_basis: mark.end for time_basis, mark in this.marks.items()},
            panes=this.judging.looks,
            points=this.written,
            transitions=transitions,
            behind=this.behind,
            pending=this.pending,
            evidence=sum(done for done, _ in folded),
            evidence_seconds=sum(seconds for _, seconds in folded),
            drained=this.drained,
            held_by=tuple(this.held_by),
            stalled=tuple(late),
        )

    def _evaluate(self, this: Round) -> None:
        """Fold and judge the panes that have closed."""
        for fold, topics in self._folds:
            self._advance(this, fold, this.clock(topics))
        self._watch.look(this)
        this.pending = any(self._dirty.values()) or self._reviser.has_matured(this)

    def _revise(self, this: Round) -> None:
        """Write the revisions that wait."""
        for fold, _ in self._folds:
            mark = this.marks.get(fold.time_basis)
            if mark is None or not self._dirty.get(fold.basis):
                continue
            if fold.end != mark.end:  # another worker has gone on: stand there first
                this.pending = True
                continue
            self._restate(this, fold, mark.end)  # another may have revised meanwhile, with newer panes than these
            self._reviser.revise(this, fold, self._dirty[fold.basis], mark.began)
            this.move(fold.time_basis, mark, replace(mark, seen=self._seen[fold.basis]))
            self._dirty[fold.basis] = set()
        self._reviser.mature(this)
        this.pending |= self._reviser.has_matured(this)

    # --- folding

    def _advance(self, this: Round, fold: Fold, clock: Clock) -> None:
        """Take up what was restated, fold the panes that have closed, judge at each end."""
        mark = this.marks.get(fold.time_basis)
        closed = clock.closed(fold.pane)
        if mark is None:
            first = None if closed is None else this.snapshot.first(fold.basis)
            if closed is not None and not self._watch.begun(this, fold.time_basis, min(closed, first or closed)):
                return
            if first is None or closed is None or first + fold.pane > closed:
                return
            start = Mark(first, first, this.positions.commits)
        else:
            start = mark
        self._stand_at(this, fold, start)
        self._restate(this, fold, start.end)
        self._fold(this, fold, max(closed or 0, start.end))
        assert fold.end is not None
        if mark is None or fold.end > start.end:
            seen = start.seen if self._dirty[fold.basis] else this.positions.commits
            this.move(fold.time_basis, mark, Mark(start.began, fold.end, seen))
            self._provers[fold.time_basis].save(this.connection, self._watched.config_version)

    def _stand_at(self, this: Round, fold: Fold, mark: Mark) -> None:
        """Bring the windows to the last pane evaluated, by whomever.

        What commits after the mark's have restated is read here as it is now, so that nothing in memory tells that the
        points are still to be revised; and whoever knew it may be gone.
        """
        was = fold.end
        if was is not None and was < mark.end <= was + FOLLOWS:
            fold.enter(this.snapshot, was, mark.end)
            fold.close(mark.end)
        if fold.end != mark.end:
            fold.load(this.snapshot, mark.end)
            self._seen[fold.basis], self._dirty[fold.basis] = mark.seen, set()
        if was != mark.end:
            self._dirty[fold.basis] |= fold.held(self._changed(this, fold, mark.seen, mark.end))

    def _restate(self, this: Round, fold: Fold, end: int) -> None:
        """Take up what commits since the last round have written into panes that were closed by then."""
        starts = self._changed(this, fold, self._seen[fold.basis], end)
        self._dirty[fold.basis] |= fold.restate(this.snapshot, starts)
        self._seen[fold.basis] = this.positions.commits

    def _changed(self, this: Round, fold: Fold, seen: Mapping[int, int], end: int) -> set[int]:
        """The starts of the panes before `end` that commits after those of `seen` (part -> number) have written."""
        commits = this.positions.commits
        since = {part: seen.get(part, 0) for part, commit_no in commits.items() if commit_no > seen.get(part, 0)}
        return this.snapshot.changed(fold.basis, since, fold.reach(end), end)

    def _fold(self, this: Round, fold: Fold, closed: int) -> None:
        assert fold.end is not None
        prover = this.judging.prover = self._provers[fold.time_basis]
        prover.stand_at(this.connection, fold.end, this.judging.states)
        while fold.end < closed and not this.overdue:
            high = min(closed, fold.end + READ_AT_ONCE)
            fold.enter(this.snapshot, fold.end, high)
            prover.enter(this.connection, this.snapshot, fold.end, high)
            span = (fold.end, high)
            this.judging.circumstances = self._watch.read(this.connection, fold.time_basis, span, this.positions.lost)
            while fold.end < high and not this.overdue:
                end, look = self._next(this, fold, high)
                if unseen := range(fold.end + fold.pane, end if look else end + 1, fold.pane):
                    this.judging.judge(fold)
                    self._watch.unseen(this, fold.time_basis, unseen)
                fold.close(end)
                if look:
                    this.judging.take(fold)
            this.judging.judge(fold)
            prover.advance((), fold.end)
            if len(this.judging.points) > MOST_POINTS:
                self._store(this)
        this.behind |= fold.end < closed

    def _next(self, this: Round, fold: Fold, high: int) -> tuple[int, bool]:
        """The next end and whether to look: where windows hold something, and where a period ends that a rule judges."""
        assert fold.end is not None
        end, look = fold.next_end(high)
        known = this.judging.circumstances
        periods = () if known is None else [at for at in known.periods if fold.end < at <= end]
        return (min(periods), True) if periods else (end, look)

    def _store(self, this: Round) -> None:
        points, this.judging.points = this.judging.points, []
        self._points.insert(this.connection, points, self._watched.config_version)
        this.written += len(points)


def _provers(of: Watched, basis: Basis) -> Provers:
    mine = [plan for plan in of.plans if plan.needs == NEEDS[basis]]
    now = Prover(of.model, tuple(plan for plan in mine if not plan.matured), *EVIDENCE[basis])
    return Provers(of.model, now, tuple(plan for plan in mine if plan.matured))
