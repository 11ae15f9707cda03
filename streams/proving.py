"""The evidence of one model: its families folded pane by pane as the clock passes, and stored with their position.

The state of a family is written in the evaluation's own transaction, by compare-and-set on the end of its last pane. So a
pane is folded once, by whichever worker; and since the fold of many panes is to the last bit that of one after the other,
neither restarts nor hand-overs show.

Beside the families that rules are judged by there is one of each version and arm, for canary plans and gates. Those begin
*unproven*: as if the bound was broken, until there is evidence that it is kept.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa

from alerts.evaluation import Stored
from alerts.labels import alert_id
from alerts.present import present_of
from alerts.proving import Plan
from alerts.states import State as AlertState
from alerts.verdicts import Evidence, Finding
from monitor.config import ModelConfig
from monitor.evidence import Panes, Phase, Reading, State, fold, read, trace
from monitor.evidence.layout import layout_of
from monitor.sums import Basis
from streams.evidence_panes import ALL, Counts, Slice, Stretch
from streams.evidence_rows import FamilyRow, Folded, Row, load_families, save_evidence, save_families
from streams.snapshots import Snapshot

LEAST = -99.0
"""Log evidence below this is as good as none, and infinities have no place in JSON."""

Proof = Mapping[tuple[str, tuple[str, ...]], Evidence]
"""(rule, attribute set) -> its evidence at the end of a pane."""

POINT_EVERY = 15 * 60_000
"""Milliseconds of event time between two stored rows of a family's evidence, beside those where it changed its mind."""


@dataclass(slots=True)
class Held:
    """One family in memory: its state after the pane that ended at `end` (ms), and where the database has it."""

    plan: Plan
    of: Slice
    state: State
    end: int
    stored_at: int | None = None
    """The end that the database has; None: it has none."""
    amount: float = LEAST
    """Log evidence after the last pane that had events."""
    noted: Evidence | None = None
    """What was stored of its series last."""

    @property
    def name(self) -> str:
        """As in the database."""
        return self.plan.name(*self.of)


@dataclass(slots=True)
class Prover:
    """The families of one model over panes of one basis. `end` is how far they are folded; None before the first load."""

    model: ModelConfig
    plans: tuple[Plan, ...]
    basis: Basis
    time_basis: str
    end: int | None = None
    rows: list[Row] = field(default_factory=list)
    """Rows of evidence that are to be stored."""
    withheld: Callable[[Plan, int], str] = lambda _plan, _end: ""
    """Why a family's panes that end then may not be trusted; empty if they may. What may not be trusted counts for nothing."""
    followed: str = ""
    """A version whose findings are wanted at each end: that of a canary plan."""
    findings: list[dict[tuple[str, tuple[str, ...], str, str], Finding]] = field(default_factory=list)
    """At each end of the last advance: (rule, attribute set, version, arm) of that version -> what its evidence says."""
    _folds: int = 0
    _seconds: float = 0.0
    _held: dict[str, Held] = field(default_factory=dict)
    _stretch: Stretch = field(init=False)

    def __post_init__(self) -> None:
        self._stretch = Stretch(self.basis, self.model.pane, self.model.value.resolution)

    # --- where it stands

    def stand_at(self, connection: sa.Connection, end: int, alerts: Mapping[str, Stored]) -> None:
        """Take up the stored states if another worker has gone on, or nothing is in memory yet."""
        if self.end == end:
            return
        self._held, self.rows, self.end = {}, [], end
        stored = {row.family: row for row in load_families(connection, self.model.name, self.time_basis)}
        firing = {alert for alert, one in alerts.items() if one.state.state is AlertState.FIRING}
        for plan in self.plans:
            self._hold(plan, ALL, stored, firing)
            for row in stored.values():
                if (row.rule, row.attributes) == (plan.rule, plan.attributes) and (row.version, row.arm) != ALL:
                    self._hold(plan, (row.version, row.arm), stored, firing)

    def _hold(self, plan: Plan, of: Slice, stored: Mapping[str, FamilyRow], firing: Iterable[str] = ()) -> Held:
        assert self.end is not None
        name = plan.name(*of)
        found = stored.get(name)
        held = Held(plan, of, self._begin(plan, of, firing), self.end, None if found is None else found.end)
        if found is not None and found.end == self.end and (state := _restored(plan, found)) is not None:
            held.state = state
        held.noted = self._told(plan, read(plan.spec, held.state), held.end)
        held.amount = held.noted.log_evidence
        self._held[name] = held
        return held

    def _begin(self, plan: Plan, of: Slice, firing: Iterable[str]) -> State:
        """A state from here on. Unproven if it is of one version, or its alert fires on evidence that is gone."""
        assert self.end is not None
        position, alert = self.end // self.model.pane, alert_id(plan.family.labels(dict(plan.labels)))
        if of != ALL or alert in firing:
            return _unproven(plan, position)
        state = State.empty(plan.spec)
        state.position = position
        return state

    # --- folding

    def enter(self, snapshot: Snapshot, low: int, high: int) -> None:
        """Read the panes that start in [low, high)."""
        self._stretch.read(snapshot, low, high)
        if not self.model.per_version:
            return
        for of in self._stretch.slices():
            for plan in self.plans:
                if plan.name(*of) not in self._held:
                    self._hold(plan, of, {}).state = _unproven(plan, self._stretch.first(of) // self.model.pane)

    def advance(self, ends: Sequence[int], until: int) -> Sequence[Proof]:
        """Fold the panes up to `until`; what the evidence of each (rule, attribute set) was at each of the ends (rising)."""
        assert self.end is not None
        found: list[dict[tuple[str, tuple[str, ...]], Evidence]] = [{} for _ in ends]
        self.findings = [{} for _ in ends]
        began = time.perf_counter()
        if ends or until > self.end:
            for held in self._held.values():
                told = self._folded(held, [*ends, until] if not ends or ends[-1] < until else ends)
                if held.of == ALL:
                    for at, evidence in zip(found, told, strict=False):
                        at[held.plan.rule, held.plan.attributes] = evidence
                    self._note(held, ends, told)
            self.end = until
        self._seconds += time.perf_counter() - began
        return found

    def worked(self) -> tuple[int, float]:
        """Panes folded since the last call, each family's for itself, and the seconds that took."""
        done, self._folds, self._seconds = (self._folds, self._seconds), 0, 0.0
        return done

    def _folded(self, held: Held, ends: Sequence[int]) -> list[Evidence]:
        """The evidence of one family at each of the ends. In detail where something happens, else only how much there is."""
        assert self.end is not None
        plan, counts = held.plan, self._trusted(held.plan, self._stretch.counts(held.plan, held.of, self.end, ends[-1]))
        self._folds += len(counts.n)
        first = self.end // self.model.pane
        after, traced = trace(plan.spec, held.state, _panes(first, counts))
        loud = bool(held.state.firing.any() or after.firing.any() or len(traced.transitions) or traced.warns.any())
        if held.of[0] == self.followed or (loud and held.of == ALL):
            return self._one_by_one(held, counts, ends)
        held.state, held.end = after, ends[-1]
        at = np.searchsorted(traced.panes, [end // self.model.pane for end in ends])
        amounts = [held.amount, *map(_limited, traced.log_evidence.tolist())]
        held.amount = amounts[-1]
        return [self._quiet(plan, amounts[n], end) for n, end in zip(at.tolist(), ends, strict=True)]

    def _trusted(self, plan: Plan, counts: Counts) -> Counts:
        """The counts from where it stands, without those of panes that may not be trusted."""
        assert self.end is not None
        ends = range(self.end + self.model.pane, self.end + (len(counts.n) + 1) * self.model.pane, self.model.pane)
        withheld = np.array([bool(self.withheld(plan, end)) for end in ends], dtype=bool)
        return counts.without(withheld) if withheld.any() else counts

    def _quiet(self, plan: Plan, log_evidence: float, end: int) -> Evidence:
        """Where nothing is remarkable: how much evidence there is, and no more."""
        spec, withheld = plan.spec, self.withheld(plan, end)
        return Evidence(log_evidence, spec.needed, spec.budget, recovery_needed=spec.recovery_needed, withheld=withheld)

    def _one_by_one(self, held: Held, counts: Counts, ends: Sequence[int]) -> list[Evidence]:
        assert self.end is not None
        plan, told, done = held.plan, [], 0
        pane, spec = self.model.pane, plan.spec
        first = self.end // pane
        for end in ends:
            stop = end // pane - first
            panes = counts.between(done, stop)
            held.state, reading = fold(spec, held.state, _panes(first + done, panes))
            loud = reading.phase == Phase.FIRING or (reading.warn and reading.material)
            held.amount = _limited(reading.log_evidence)
            told.append(self._told(plan, reading, end) if loud else self._quiet(plan, held.amount, end))
            done = stop
            if held.of[0] == self.followed and len(told) <= len(self.findings):
                followed = (plan.rule, plan.attributes, *held.of)
                self.findings[len(told) - 1][followed] = _finding(held, told[-1])
        held.end = ends[-1]
        return told

    def _told(self, plan: Plan, reading: Reading, end: int) -> Evidence:
        spec, leading = plan.spec, reading.leading
        places = dict(zip(spec.groups, plan.groups, strict=True))
        return Evidence(
            log_evidence=_limited(reading.log_evidence),
            needed=reading.needed,
            budget=spec.budget,
            overdispersion=leading.phi,
            changed_at=None if leading.since is None else int(leading.since * self.model.pane),
            leading=places[leading.group],
            groups=tuple(places[name] for name in reading.culprits),
            stands=reading.phase == Phase.FIRING,
            warns=reading.warn and reading.material,
            stale=reading.stale,
            recovery=None if reading.recovery is None else _limited(reading.recovery),
            recovery_needed=reading.recovery_needed,
            withheld=self.withheld(plan, end),
            present=present_of(plan, leading),
        )

    # --- storing

    def _note(self, held: Held, ends: Sequence[int], told: Sequence[Evidence]) -> None:
        before = held.noted
        for end, evidence in zip(ends, told, strict=False):
            changed = before is not None and (before.stands, before.warns) != (evidence.stands, evidence.warns)
            if changed or end % max(POINT_EVERY, self.model.pane) == 0:
                self.rows.append(Row(held.plan, end, evidence))
            before = evidence
        held.noted = before

    def save(self, connection: sa.Connection, config_version: str) -> None:
        """Write what was folded. Raises Overtaken if another worker has folded the same panes."""
        rows, self.rows = self.rows, []
        save_evidence(connection, rows)
        moved = [held for held in self._held.values() if held.stored_at != held.end]
        save_families(connection, [self._row(held) for held in moved], self.time_basis, config_version)
        for held in moved:
            held.stored_at = held.end

    def _row(self, held: Held) -> Folded:
        version, arm = held.of
        state = held.state.to_bytes(held.plan.spec)
        evidence = self._told(held.plan, read(held.plan.spec, held.state), held.end)
        return Folded(
            held.plan, version, arm, held.stored_at, held.end, state, _finding(held, evidence).value, evidence
        )


def _finding(held: Held, evidence: Evidence) -> Finding:
    """What a gate or a plan may conclude: clear only on evidence that the bound is kept by all who had any events."""
    reading = read(held.plan.spec, held.state)
    if evidence.withheld:
        return Finding.INSUFFICIENT_DATA
    if reading.stands and reading.material:
        return Finding.BREACH
    if evidence.stale or not held.state.seen.any():
        return Finding.INSUFFICIENT_DATA
    waits = (held.state.implicated > 0) & (held.state.seen > 0)
    with np.errstate(divide="ignore"):
        proven = np.log(held.state.mirror.sum(axis=0)) >= reading.recovery_needed
    return Finding.CLEAR if not held.state.firing.any() or bool(proven[waits].all()) else Finding.UNPROVEN


def _unproven(plan: Plan, position: int) -> State:
    """As if a page about every group stood since this pane."""
    state = State.empty(plan.spec)
    state.position = position
    state.implicated[:] = layout_of(plan.spec).weight > 0
    state.firing[:], state.fired[:] = 1.0, float(position)
    return state


def _restored(plan: Plan, found: FamilyRow) -> State | None:
    """The stored state; None if it is of other groups, another bound or another format."""
    try:
        return State.from_bytes(plan.spec, found.state)
    except ValueError:
        return None


def _panes(first: int, counts: Counts) -> Panes:
    return Panes(first, counts.n, counts.k, counts.squares)


def _limited(log_evidence: float) -> float:
    return float(max(log_evidence, LEAST))
