"""Folding panes into evidence: one family, or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.best import choose, terms
from monitor.evidence.culprits import culprits
from monitor.evidence.detector import Factors, advance, by_presence, idle
from monitor.evidence.layout import Layout, layout_of
from monitor.evidence.learning import Counts, learn
from monitor.evidence.materiality import enter, violated
from monitor.evidence.panes import Panes, Triple
from monitor.evidence.reading import Reading, reading_of
from monitor.evidence.recovery import Mirrors, clear, recovered
from monitor.evidence.scoring import against
from monitor.evidence.spec import Kind, Spec
from monitor.evidence.state import State
from monitor.sums import Ints

CHUNK = 60_000
"""Numbers that one array of a chunk holds, so that it stays in the cache."""


class Transition(NamedTuple):
    """A page that began or ended, and the reading at that pane."""

    pane: int
    paged: bool
    reading: Reading
    family: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """Evidence after each folded pane that had events: their numbers, the family's log evidence, whether it was enough for a
    warning, and what happened.
    """

    panes: Floats
    log_evidence: Floats
    needed: float
    transitions: tuple[Transition, ...]
    warns: Flags


def fold(spec: Spec, state: State, panes: Panes, *, may_page: bool = True) -> tuple[State, Reading]:
    """The state and reading after `panes`. Panes before `state.position` are passed over, panes left out are empty.

    `may_page=False` holds a page back (data that cannot be trusted); pass empty panes to hold the evidence back too.
    Raises ValueError for panes that do not fit the spec.
    """
    after, record = _folded(spec, state, panes, may_page)
    paged = any(happened.paged for happened in record.transitions)
    resolved = any(not happened.paged for happened in record.transitions)
    return after, reading_of(layout_of(spec), after, 0, paged, resolved)


def trace(spec: Spec, state: State, panes: Panes) -> tuple[State, Trace]:
    """`fold` that keeps what it saw on the way."""
    after, record = _folded(spec, state, panes, may_page=True)
    return after, record.traces((spec,))[0]


@dataclass(slots=True)
class Record:
    """What happened while panes were folded; `keep`: the evidence of every family after each pane too."""

    keep: bool = True

    panes: list[float] = field(default_factory=list)
    names: list[Ints | None] = field(default_factory=list)
    """Which families each pane was folded for; None: all."""
    evidence: list[Floats] = field(default_factory=list)
    untempered: list[Floats] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    def traces(self, specs: Sequence[Spec]) -> list[Trace]:
        """What was kept, by family."""
        evidence, untempered = (self._table(values, len(specs)) for values in (self.evidence, self.untempered))
        numbers, found = np.array(self.panes), []
        for family, spec in enumerate(specs):
            busy = ~np.isnan(evidence[:, family])
            with np.errstate(divide="ignore"):
                own, plain = np.log(evidence[busy, family]), np.log(untempered[busy, family])
            warns = (own >= spec.warn_needed) | (plain >= spec.needed)
            mine = tuple(happened for happened in self.transitions if happened.family == family)
            found.append(Trace(numbers[busy], own, spec.needed, mine, warns))
        return found

    def _table(self, values: Sequence[Floats], families: int) -> Floats:
        """(panes, families): nan where a family had no events."""
        table = np.full((len(values), families), np.nan)
        for row, names, amounts in zip(table, self.names, values, strict=True):
            row[slice(None) if names is None else names] = amounts
        return table


def _folded(spec: Spec, state: State, panes: Panes, may_page: bool) -> tuple[State, Record]:
    """Cut off what is known, count what is empty, run the rest."""
    layout, after, record = layout_of(spec), state.copy(), Record()
    n, k, squares = panes.sums(spec)
    if after.position < 0:
        after.position = panes.first
    known = after.position - panes.first
    if known >= len(n):
        return after, record
    if known > 0:
        n, k, squares = n[known:], k[known:], squares[known:]
    first = panes.first + max(known, 0)
    busy = np.flatnonzero(n.any(axis=(1, 2)))
    numbers = (first + busy).astype(np.float64)
    before = np.concatenate([[after.position - after.pending[0]], numbers[:-1] + 1.0]) if len(busy) else numbers
    gaps = (numbers - before)[:, None]
    run = Run(layout, after, may_page, record)
    size = max(1, CHUNK // (layout.stakes * layout.size * layout.strata))
    for at in range(0, len(busy), size):
        part = busy[at : at + size]
        run.block((n[part], k[part], squares[part]), numbers[at : at + size], gaps[at : at + size])
    after.position = first + len(n)
    after.pending[0] = after.position - (numbers[-1] + 1.0 if len(busy) else before_nothing(state, panes))
    return after, record


def before_nothing(state: State, panes: Panes) -> float:
    """The pane since which everything was empty, if these are empty too."""
    return panes.first if state.position < 0 else state.position - float(state.pending[0])


@dataclass(slots=True)
class Run:
    """Some families of one layout, while panes are folded into their state."""

    layout: Layout
    state: State
    may_page: bool = True
    record: Record | None = None
    names: Ints | None = None
    """Which family is which, if these are some of many."""
    spare: Factors | None = None
    """Memory of the last stretch, for the next."""

    def block(self, sums: Triple, numbers: Floats, gaps: Floats) -> None:
        """Panes `numbers` (T,), each after `gaps` (T, F) empty ones; `sums` are n, k, squares, (T, S, groups)."""
        edges = [*terms(self.layout, numbers), len(numbers)]
        for begin, end in pairwise(edges):
            choose(self.layout, self.state, float(numbers[begin]))
            n, k, squares = (values[begin:end] for values in sums)
            self._stretch(against(self.layout, (n, k, squares), self.state.chosen), numbers[begin:end], gaps[begin:end])

    def _stretch(self, counts: Counts, numbers: Floats, gaps: Floats) -> None:
        """Panes with the same references."""
        layout = self.layout
        totals = counts.totals()
        learned = learn(layout, self.state, counts, gaps, totals)
        self.spare = factors = Factors.of(layout, counts, learned, self.spare)
        # once all groups were seen that stays so
        if factors.weight is None and by_presence(layout, self.state) is layout.weight:
            factors = replace(factors, weight=np.broadcast_to(layout.weight, (len(numbers), layout.size)))
        both: Flags = (totals[:, 1] > 0) & ((totals[:, 3] > 0) | (layout.kind is Kind.LEVEL))
        waited = np.any(gaps, axis=1).tolist()
        mirrors = Mirrors(layout, counts, learned)
        for at, pane in enumerate(numbers.tolist()):
            if waited[at]:
                idle(layout, self.state, gaps[at], pane)
            advance(layout, self.state, factors, at, pane)
            enter(layout, self.state, totals[at])
            self.state.seen[both[at]] = pane
            self.state.phi = learned.phi[at]
            if np.count_nonzero(self.state.firing):
                mirrors.recover(self.state, at)
            self._judge(pane)

    def _judge(self, pane: float) -> None:
        """Pages that begin or end with this pane."""
        layout, state = self.layout, self.state
        total = layout.sums(state.evidence.sum(axis=0))
        if self.record is not None and self.record.keep:
            self.record.panes.append(pane)
            self.record.names.append(self.names)
            self.record.evidence.append(total)
            self.record.untempered.append(layout.sums(state.plain.sum(axis=0) * layout.weight))
        over = total >= layout.needed
        if self.may_page and np.count_nonzero(over):
            self._page(np.flatnonzero(over & (state.firing == 0)), pane)
        if not np.count_nonzero(state.firing):
            return
        ends = recovered(layout, state, pane)
        if ends.any():
            self._note(np.flatnonzero(ends), pane, paged=False)
            clear(layout, state, ends)

    def _page(self, families: np.ndarray, pane: float) -> None:
        layout, state = self.layout, self.state
        material = violated(layout, state) if len(families) else np.zeros(0)
        for family in families.tolist():
            mine = np.flatnonzero(layout.family == family)
            parts = state.evidence[:, mine].sum(axis=0)
            leading = int(np.argmax(parts))
            if not material[mine[leading]]:
                continue
            named = culprits(parts, layout.specs[family].needed)
            named[leading] = True
            state.implicated[mine] = named
            state.mirror[:, mine] = 0.0
            state.firing[family], state.fired[family] = 1.0, pane
            self._note(np.array([family]), pane, paged=True)

    def _note(self, families: np.ndarray, pane: float, *, paged: bool) -> None:
        if self.record is None:
            return
        before, self.state.position = self.state.position, int(pane) + 1
        for family in families.tolist():
            reading = reading_of(self.layout, self.state, family, paged, not paged)
            name = family if self.names is None else int(self.names[family])
            self.record.transitions.append(Transition(int(pane), paged, reading, name))
        self.state.position = before
