"""Liveness is progress; readiness is progress with everything we depend on.

A process whose port answers may have stopped working long ago: Faust's own detector of that only logs. So each activity
of a worker marks its progress, and the probes are a pure function of the marks and the time:

- `done`: a turn was completed: work was done, or there was none. A consumer that has records to read but whose position
  does not move must not call it.
- `blocked`: a turn was tried and failed on a dependency (Postgres, Kafka) and will be tried again.

An activity is *stalled* when it has marked nothing for longer than allowed. That fails liveness, since only a restart
helps. One that is *blocked* is alive, since a restart would not bring Postgres back, but not ready.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Activity(StrEnum):
    """What a worker does all the time."""

    CONSUME = "consume"
    """Reads records: `done` when a position has moved or is at the end of the log."""
    COMMIT = "commit"
    """Commits positions and panes."""
    EVALUATE = "evaluate"
    """Computes points and judges rules."""
    NOTIFY = "notify"
    """Sends what the outbox holds."""


class State(StrEnum):
    """What the marks of one activity mean at one time."""

    STARTING = "starting"
    OK = "ok"
    BLOCKED = "blocked"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest marks of one activity, in seconds of a monotonic clock."""

    since: float
    """When the activity was announced."""
    done: float | None = None
    turned: float | None = None
    """The newest turn of any result."""
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long an activity may be silent, in seconds.

    Sixty seconds is more than the longest statement time-out and rebalance together; starting includes joining the
    group and catching up a first chunk, for which others have measured seven seconds with an idle broker.
    """

    silent: float = 60.0
    starting: float = 180.0


ALLOWANCES: Mapping[str, Allowance] = {Activity.CONSUME: Allowance(silent=120.0, starting=300.0)}
"""A rebalance waits for the slowest member, and a killed one is noticed only after the session's time-out."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One activity judged: its state, the seconds since its last completed turn, and what it waits for."""

    state: State
    seconds: float
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """All activities judged at one time."""

    activities: Mapping[str, Standing]

    @property
    def live(self) -> bool:
        """Nothing is stalled."""
        return all(standing.state is not State.STALLED for standing in self.activities.values())

    @property
    def ready(self) -> bool:
        """Everything has completed a turn, and its last turn did not fail."""
        return bool(self.activities) and all(standing.state is State.OK for standing in self.activities.values())

    def as_dict(self, ok: bool) -> dict[str, object]:
        """The probe's JSON body; it names activities and dependencies only."""
        activities = {
            name: {"state": s.state, "seconds": round(s.seconds, 1)}
            | ({"blocked_by": s.blocked_by} if s.blocked_by else {})
            for name, s in self.activities.items()
        }
        return {"status": "ok" if ok else "failing", "activities": activities}


def judge(marks: Mapping[str, Mark], allowances: Mapping[str, Allowance], now: float) -> Health:
    """What the marks mean at `now`; activities without an allowance have the default one."""
    return Health({name: _standing(mark, allowances.get(name, Allowance()), now) for name, mark in marks.items()})


def _standing(mark: Mark, allowance: Allowance, now: float) -> Standing:
    seconds = now - (mark.since if mark.done is None else mark.done)
    if mark.turned is None:
        return Standing(State.STALLED if seconds > allowance.starting else State.STARTING, seconds)
    if now - mark.turned > allowance.silent:
        return Standing(State.STALLED, seconds, mark.blocked_by)
    if mark.blocked_by is not None:
        return Standing(State.BLOCKED, seconds, mark.blocked_by)
    return Standing(State.OK, seconds)


@dataclass(slots=True)
class Probe:
    """The marks of one process; safe to call from any thread, cheap enough for every turn of a loop."""

    allowances: Mapping[str, Allowance] = field(default_factory=lambda: ALLOWANCES)
    clock: Callable[[], float] = time.monotonic
    _marks: dict[str, Mark] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, *activities: str) -> None:
        """Announce activities: until each has completed a turn, the process is not ready."""
        with self._lock:
            for activity in activities:
                self._marks.setdefault(activity, Mark(self.clock()))

    def drop(self, *activities: str) -> None:
        """The activity has ended on purpose (shutdown, `--drain`) and is no longer judged."""
        with self._lock:
            for activity in activities:
                self._marks.pop(activity, None)

    def done(self, activity: str) -> None:
        """A turn was completed: work was done, or there was none."""
        now = self.clock()
        with self._lock:
            mark = self._marks.get(activity) or Mark(now)
            self._marks[activity] = Mark(mark.since, done=now, turned=now)

    def blocked(self, activity: str, by: str) -> None:
        """A turn failed on a dependency (`postgres`, `kafka`, ...) and will be tried again."""
        now = self.clock()
        with self._lock:
            mark = self._marks.get(activity) or Mark(now)
            self._marks[activity] = replace(mark, turned=now, blocked_by=by)

    def health(self) -> Health:
        """All activities judged now."""
        with self._lock:
            marks = dict(self._marks)
        return judge(marks, self.allowances, self.clock())
