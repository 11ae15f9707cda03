"""Folds the families of one or two sets of rules over a history, many at once, and says what would have fired when.

Families that are alike share one pass over the panes. An injected shift changes nothing before it begins, so its runs go on
from the state that the history had reached then.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.change_marks import changes
from monitor.config import ModelConfig
from monitor.evidence import Families, Kind, Panes, State, expected_panes, pane_number
from monitor.evidence.fold import Transition
from monitor.evidence.layout import alike
from monitor.evidence.spec import Spec
from monitor.times import DAY
from streams.backtest.families import Family, Seen, Skipped, Windowed, families, seen_by
from streams.backtest.history import History
from streams.backtest.injecting import Shift, inject, keep_of
from streams.backtest.results import Backtest, Delays, FamilyResult, Incident, Injected, RuleSetResult, Series
from streams.watching import Watched

STEPS = 240
"""Points of a picture."""

WORSE = 0.7 / 0.8
"""The disparity whose effort is told: as far below its bound as 0.7 is below 0.8."""

Tell = Callable[[float], None]
"""Told how much of the work is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A named set of rules: every configured model with its families and their budgets."""

    name: str
    models: tuple[Watched, ...]

    def of(self, model: str) -> Watched:
        """One of the models."""
        return next(one for one in self.models if one.model.name == model)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to inject, how often, and from which seed on."""

    shift: Shift
    text: str
    runs: int = 5
    seed: int = 1


@dataclass(slots=True)
class Watching:
    """One family while it is folded: what happened, and its evidence at the picture's points."""

    family: Family
    seen: Seen
    transitions: list[Transition] = field(default_factory=list)
    evidence: list[float] = field(default_factory=list)
    state: State | None = None
    before: State | None = None
    """Where it stood when the shift began."""


def backtest(
    history: History,
    model: ModelConfig,
    sets: Sequence[RuleSet],
    asked: Asked | None = None,
    tell: Tell = lambda _: None,
) -> Backtest:
    """Every set of rules over the history; with `asked`, how long a shift would have gone on."""
    found = [families(one.of(model.name), history) for one in sets]
    watching = [[_watch(each, history, model) for each in one if isinstance(each, Family)] for one in found]
    everything = [each for one in watching for each in one]
    start = None if asked is None else _pane_of(history, asked.shift.start)
    share = (
        1.0
        if asked is None
        else 1.0 / (1.0 + asked.runs * (history.end - asked.shift.start) / (history.end - history.first))
    )
    _fold(everything, history, start, lambda done: tell(done * share))
    injected = _injected_runs(everything, history, model, asked, lambda done: tell(share + done * (1 - share)))
    results = []
    for one, made, watched in zip(sets, found, watching, strict=True):
        told = tuple(_result(each, history, injected.get(id(each))) for each in watched)
        skipped = tuple((each.rule, each.reason) for each in made if isinstance(each, Skipped))
        results.append(RuleSetResult(one.name, told, skipped))
    events = int(history.decisions.column("events").sum())
    put_in = None if asked is None else Injected(asked.text, asked.shift.start, keep_of(history, asked.shift, model))
    return Backtest(
        model=model.name,
        source=history.source,
        start=history.first,
        end=history.end,
        pane=history.pane,
        cells=len(history.cells),
        events=events,
        sets=results,
        injected=put_in,
    )


def _watch(family: Family, history: History, model: ModelConfig) -> Watching:
    return Watching(family, seen_by(family, history, model))


def _pane_of(history: History, time: int) -> int:
    """The number since the first of the pane that begins at `time` or after it."""
    return min(max(-(-(time - history.first) // history.pane), 0), history.panes)


def points(history: History) -> list[int]:
    """The pane numbers up to which a picture's points are, rising, the last the end."""
    step = max(1, history.panes // STEPS)
    return [*range(step, history.panes, step), history.panes]


# --- folding


def _fold(watching: Sequence[Watching], history: History, mark: int | None, tell: Tell) -> None:
    """Fold all of the history, keeping the states at pane `mark`."""
    ends = points(history)
    groups = _alike(watching)
    for number, group in enumerate(groups):
        joined = Joined(group, history, [State.empty(each.family.spec) for each in group])
        at = 0
        for place, end in enumerate(ends):
            if mark is not None and at <= mark < end:
                joined.go(at, mark)
                for each, state in zip(group, joined.families.states(), strict=True):
                    each.before = state.copy()  # the joined arrays go on
                joined.go(mark, end)
            else:
                joined.go(at, end)
            at = end
            joined.note()
            tell((number + (place + 1) / len(ends)) / len(groups))
        joined.finish()


def _alike(watching: Sequence[Watching]) -> list[list[Watching]]:
    """Families that can be folded together."""
    found: dict[object, list[Watching]] = {}
    for each in watching:
        found.setdefault(alike(each.family.spec), []).append(each)
    return list(found.values())


class Joined:
    """Alike families over one history, side by side."""

    def __init__(self, group: Sequence[Watching], history: History, states: Sequence[State]) -> None:
        self.group = group
        self.families = Families([each.family.spec for each in group], states)
        self._n = np.concatenate([each.seen.n for each in group], axis=1)
        self._k = np.concatenate([each.seen.k for each in group], axis=1)
        squares = [each.seen.squares for each in group if each.seen.squares is not None]
        self._squares = np.concatenate(squares, axis=1) if squares else None
        self._first = pane_number(group[0].family.spec, history.first / 1000)

    def go(self, at: int, end: int) -> None:
        """Fold the panes from number `at` to before `end`."""
        if end > at:
            squares = None if self._squares is None else self._squares[at:end]
            self.families.fold(Panes(self._first + at, self._n[at:end], self._k[at:end], squares))

    def note(self) -> None:
        """Keep the evidence for the picture."""
        for each, value in zip(self.group, self.families.log_evidence().tolist(), strict=True):
            each.evidence.append(value)

    @property
    def transitions(self) -> list[Transition]:
        """What has happened so far, of all families."""
        return self.families.record.transitions

    def finish(self) -> None:
        """Hand out what happened, and the states."""
        for happened in self.transitions:
            self.group[happened.family].transitions.append(happened)
        for each, state in zip(self.group, self.families.states(), strict=True):
            each.state = state


# --- injecting


@dataclass(slots=True)
class Shifted:
    """A family under the injected shift: how long until it fired, and what the first run looked like."""

    delays: Delays
    first: Watching


def _injected_runs(
    watching: Sequence[Watching], history: History, model: ModelConfig, asked: Asked | None, tell: Tell
) -> dict[int, Shifted]:
    """What became of each family that looks at the injected group, over all runs."""
    if asked is None:
        return {}
    hit = [each for each in watching if set(asked.shift.group) <= set(each.family.attributes)]
    mark, found, first = _pane_of(history, asked.shift.start), [[] for _ in hit], []  # type: ignore[var-annotated]
    before = [_fires_at(each, history, asked.shift.start) for each in hit]
    for run in range(asked.runs):
        changed = inject(history, asked.shift, model, asked.seed + run)
        copies = [Watching(each.family, seen_by(each.family, changed, model), before=each.before) for each in hit]
        _fold_on(copies, changed, mark, to_the_end=run == 0)
        first = first or copies
        for place, copy in enumerate(copies):
            fired = [one.began for one in _incidents(copy, history) if one.began >= asked.shift.start]
            if fired and not before[place]:
                found[place].append(fired[0] - asked.shift.start)
        tell((run + 1) / asked.runs)
    told = zip(hit, found, before, first, strict=True)
    return {id(one): Shifted(Delays(asked.runs, tuple(delays), was), copy) for one, delays, was, copy in told}


def _fires_at(each: Watching, history: History, time: int) -> bool:
    return any(one.began < time and (one.ended is None or one.ended > time) for one in _incidents(each, history))


def _fold_on(copies: Sequence[Watching], history: History, mark: int, *, to_the_end: bool) -> None:
    """Fold from the shift on; unless to the end, until every family has paged."""
    for group in _alike(copies):
        joined = Joined(group, history, [each.before or State.empty(each.family.spec) for each in group])
        at = mark
        for end in _points_after(history, mark):
            joined.go(at, end)
            at = end
            joined.note()
            if not to_the_end and _all_told(group, joined):
                break
        joined.finish()


def _points_after(history: History, mark: int) -> list[int]:
    return [end for end in points(history) if end > mark]


def _all_told(group: Sequence[Watching], joined: "Joined") -> bool:
    """Whether every family of the group has paged, and none of their rules waits longer."""
    patient = any(each.family.rule.policy.patience.for_ms for each in group)
    return not patient and {one.family for one in joined.transitions if one.paged} == set(range(len(group)))


# --- telling


def _incidents(each: Watching, history: History) -> list[Incident]:
    """Pages and their ends, with the rule's patience: `for` before it fires, `keep_firing_for` before it is over."""
    patience, spec = each.family.rule.policy.patience, each.family.spec
    found: list[Incident] = []
    opened: Transition | None = None
    for happened in [*each.transitions, None]:
        if happened is not None and happened.paged:
            opened = happened
            continue
        if opened is None:
            continue
        began = _end_of(spec, opened.pane) + patience.for_ms
        over = None if happened is None else _end_of(spec, happened.pane)
        if began <= (history.end if over is None else over):
            ended = None if over is None else over + patience.keep_firing_ms
            if found and found[-1].ended is not None and found[-1].ended >= began:
                found[-1] = _joined(found[-1], ended)
            else:
                found.append(_incident(opened, each.family, (began, ended)))
        opened = None
    return found


def _joined(one: Incident, ended: int | None) -> Incident:
    """An alert that fires again before it was over is the same alert."""
    return Incident(one.began, ended, one.groups, one.value, one.n, one.evidence, one.changed_at)


def _incident(happened: Transition, family: Family, when: tuple[int, int | None]) -> Incident:
    reading, leading, spec = happened.reading, happened.reading.leading, family.spec
    changed = None if leading.since is None else int(leading.since) * spec.pane * 1000
    groups = tuple(family.named(group) for group in reading.culprits)
    return Incident(*when, groups, _value(spec, leading), leading.n, reading.log_evidence, changed)


def _end_of(spec: Spec, pane: int) -> int:
    return (pane + 1) * spec.pane * 1000


def _value(spec: Spec, leading: object) -> float | None:
    n, k, reference_n, reference_k = (getattr(leading, name) for name in ("n", "k", "reference_n", "reference_k"))
    if not n or (spec.kind is not Kind.LEVEL and not reference_n):
        return None
    rate = k / n
    if spec.kind is Kind.LEVEL:
        return float(rate)
    base = reference_k / reference_n
    if spec.kind is Kind.DIFFERENCE:
        return float(rate - base)
    return float(rate / base) if base else None


def _result(each: Watching, history: History, shifted: Shifted | None) -> FamilyResult:
    family, spec = each.family, each.family.spec
    series = _series(each, history, points(history))
    under = None
    if shifted is not None:
        ends = points(history)[-len(shifted.first.evidence) :]
        under = _series(shifted.first, history, ends)
    return FamilyResult(
        rule=family.rule.policy.name,
        severity=family.rule.policy.severity,
        metric=family.plan.metric,
        attributes=family.attributes,
        groups=family.groups,
        kind=spec.kind.value,
        bounds=(spec.lower, spec.upper),
        needed=spec.needed,
        budget=spec.budget,
        events=int(each.seen.n.sum()),
        incidents=tuple(_incidents(each, history)),
        series=series,
        delays=None if shifted is None else shifted.delays,
        shifted=under,
        effort=dict(_effort(each, history)),
        marks=tuple(series.ends[at] for at in changes(series.values)),
    )


def _series(each: Watching, history: History, ends: Sequence[int]) -> Series:
    windowed = Windowed(each.seen, each.family, max(each.family.rule.window_ms // history.pane, 1))
    worst = _furthest(each.family.spec, windowed.values(ends))
    times = tuple(history.first + end * history.pane for end in ends)
    return Series(times, tuple(max(value, 0.0) for value in each.evidence), tuple(worst))


def _furthest(spec: Spec, values: np.ndarray) -> list[float]:
    """At each point the value furthest from the bound (lowest, for a lower one); NaN where there is none."""
    found: list[float] = []
    for row in values.tolist():
        there = [value for value in row if math.isfinite(value)]
        if not there:
            found.append(math.nan)
        else:
            found.append(min(there) if spec.lower is not None else max(there))
    return found


def _effort(each: Watching, history: History) -> Iterator[tuple[str, float]]:
    """How many days a ratio of 0.7 (for a bound of 0.8) would take to prove, of each group."""
    spec, state = each.family.spec, each.state
    if spec.kind is not Kind.RATIO or spec.lower is None or state is None:
        return
    for at, group in enumerate(spec.groups):
        if group != spec.reference and each.seen.n[:, at].any():
            yield each.family.named(group), expected_panes(spec, state, group, spec.lower * WORSE) * history.pane / DAY
