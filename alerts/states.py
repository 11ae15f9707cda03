"""The state machine of an alert: inactive, pending, firing, resolved, and insufficient data.

The words and the waiting are Prometheus' (`for`, `keep_firing_for`), in event time. Unlike there, what is not measured
never resolves anything: a firing alert leaves that state only on a finding of `clear` (Grafana reads a vanished series
as recovered; a group that stops applying would then end its own alert).

                      breach                      breach for `for`
    inactive ------------------------> pending -----------------------> firing
    resolved        (or straight to firing when `for` is 0)                |
    insufficient_data                                                      | clear, and `keep_firing_for` after the
    last breach
                                                                           v
                                                                        resolved
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from alerts.verdicts import Finding

NEVER = -(2**62)
"""Before every pane, in milliseconds."""


class State(StrEnum):
    """Where an alert stands. The text is stored."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    INSUFFICIENT_DATA = "insufficient_data"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a breach must last before the alert fires, and how long it keeps firing after the last one, in ms."""

    for_ms: int = 0
    keep_firing_ms: int = 0


@dataclass(frozen=True, slots=True)
class AlertState:
    """An alert after the pane that ended at `last_pane_end` (ms).

    `concerned`: the subjects in breach in this episode.
    """

    state: State = State.INACTIVE
    episode: int = 0
    transition_no: int = 0
    pending_since: int | None = None
    firing_since: int | None = None
    last_breach: int | None = None
    last_pane_end: int = NEVER
    concerned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state at the end of a pane; `number` counts the changes of one alert."""

    number: int
    before: State
    after: State
    pane_end: int

    @property
    def notifies(self) -> bool:
        """People are told when it starts firing and when it has stopped; nothing else."""
        return State.FIRING in (self.before, self.after)


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule found at the end of one pane, about which subjects."""

    finding: Finding
    pane_end: int
    subjects: frozenset[str] = frozenset()


def step(state: AlertState, look: Look, patience: Patience) -> tuple[AlertState, Transition | None]:
    """The state after one more pane, and the transition if it changed.

    A pane that is not later than the last one changes nothing, so that evaluating twice writes nothing new.
    """
    if look.pane_end <= state.last_pane_end:
        return state, None
    if look.finding is Finding.BREACH:
        after = _breach(state, look, patience)
    elif state.state is State.FIRING:
        after = _ease(state, look, patience)
    else:
        after = replace(state, state=_rest(state.state, look.finding))
    after = replace(after, last_pane_end=look.pane_end)
    if after.state is state.state:
        return after, None
    after = replace(after, transition_no=state.transition_no + 1)
    return after, Transition(after.transition_no, state.state, after.state, look.pane_end)


def retire(state: AlertState, pane_end: int) -> tuple[AlertState, Transition | None]:
    """Ends an alert whose rule is gone: firing becomes resolved, so that incidents close, and the rest inactive."""
    to = State.RESOLVED if state.state is State.FIRING else State.INACTIVE
    if state.state in (to, State.RESOLVED):
        return state, None
    end = max(pane_end, state.last_pane_end)
    number = state.transition_no + 1
    after = replace(state, state=to, transition_no=number, last_pane_end=end, concerned=frozenset())
    return after, Transition(number, state.state, to, end)


def _breach(state: AlertState, look: Look, patience: Patience) -> AlertState:
    lasting = state.state in (State.PENDING, State.FIRING)
    since = state.pending_since if lasting and state.pending_since is not None else look.pane_end
    seen = replace(
        state,
        pending_since=since,
        last_breach=look.pane_end,
        concerned=(state.concerned | look.subjects) if lasting else look.subjects,
    )
    if state.state is State.FIRING:
        return seen
    if look.pane_end - since >= patience.for_ms:
        return replace(seen, state=State.FIRING, episode=state.episode + 1, firing_since=look.pane_end)
    return replace(seen, state=State.PENDING, firing_since=None)


def _ease(state: AlertState, look: Look, patience: Patience) -> AlertState:
    """Firing, and no breach now: resolved only by a clear finding that comes late enough."""
    if look.finding is not Finding.CLEAR:
        return state
    if state.last_breach is not None and look.pane_end - state.last_breach < patience.keep_firing_ms:
        return state
    return replace(state, state=State.RESOLVED, concerned=frozenset())


def _rest(state: State, finding: Finding) -> State:
    """Not firing and no breach: the state to wait in. `for` asks for an unbroken breach, so pending starts over."""
    if finding is Finding.INSUFFICIENT_DATA:
        return State.INSUFFICIENT_DATA
    return State.RESOLVED if state is State.RESOLVED else State.INACTIVE
