"""Draws from a seed what goes wrong next, and does it: kills, zombies, workers that come and go, outages, lost disks."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from streams.embedded import Postgres
from tests.apache import KafkaServer
from tests.chaos.workers import Worker

STEPS = (
    "before-postgres", "in-postgres", "after-postgres", "before-store", "after-store", "after-dead-letters", "checkpoint",
)  # fmt: skip
"""The named steps of a commit (`streams.failpoints`)."""

KILL = "SIGKILL of a worker at a random time"
SESSION_SECONDS = 6.0
SPARED = 25.0
"""Seconds that a worker with a failpoint has to reach it."""
PATIENCE = 120.0
"""How long counting may stand still after a disturbance, in seconds: a session, a rebalance, two starts of a worker."""


@dataclass(slots=True)
class Stage:
    """What the nemesis can reach. `progress` is a number that rises with every commit, whoever makes it."""

    workers: list[Worker]
    kafka: KafkaServer
    postgres: Postgres
    folder: Path
    progress: Callable[[], int]
    log: Callable[[str], None]


@dataclass(slots=True)
class Done:
    """What was done, and how long counting took to go on."""

    actions: Counter[str] = field(default_factory=Counter)
    stalls: list[str] = field(default_factory=list)
    longest: float = 0.0


class Nemesis:
    """The schedule is a function of the seed; when exactly it strikes is not."""

    def __init__(self, seed: int, stage: Stage) -> None:
        self.done = Done()
        self._rng, self._stage = Random(seed), stage
        self._wanted = {worker.name for worker in stage.workers[:2]}
        self._steps: list[str] = []
        self._wake: dict[str, float] = {}  # zombies: when they wake
        self._copies: dict[str, Path] = {}
        self._actions: dict[Callable[[], str], float] = {
            self._kill: 5, self._zombie: 1.5, self._add: 1, self._remove: 1, self._restart_broker: 0.5,
            self._stop_postgres: 0.8, self._lose_store: 0.8, self._old_store: 0.5, self._wait: 3,
        }  # fmt: skip

    def run(self, until: Callable[[], bool]) -> None:
        """Strike until told to stop; then let the zombies wake. Everything is up again when it returns."""
        self._supervise()
        self._await_progress("the start")
        while not until():
            self._supervise()
            strike = self._rng.choices(list(self._actions), list(self._actions.values()))[0]
            name = strike()
            if name:
                self.done.actions[name] += 1
                self._stage.log(name)
            self._rest(self._rng.uniform(1, 4))
            if name not in ("", "a quiet moment", KILL) or (name == KILL and self._rng.random() < 0.5):
                self._await_progress(name)
        for worker in self._stage.workers:
            worker.wake()

    # --- the supervisor that every deployment has

    def _supervise(self) -> None:
        """Start what has died; most starts carry a failpoint, all steps in turn."""
        for worker in self._stage.workers:
            worker.reap()
            if worker.name in self._wanted and not worker.running:
                worker.start(self._failpoint())
            if worker.stopped and time.monotonic() >= self._wake[worker.name]:
                worker.wake()

    def _failpoint(self) -> str:
        if self._rng.random() < 0.2:
            return ""
        if not self._steps:
            died = {step for worker in self._stage.workers for step in worker.deaths.by_step}
            self._steps = [step for step in STEPS if step not in died] or list(STEPS)
            self._rng.shuffle(self._steps)
        step = self._steps.pop()
        return (
            f"{step}:{self._rng.randrange(1, 2 if step == 'checkpoint' else 6)}"  # checkpoints are rarer than commits
        )

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._supervise()
            time.sleep(0.1)

    def _await_progress(self, after: str) -> None:
        """Counting goes on after every disturbance; a stall is a failure of the run."""
        before, started = self._stage.progress(), time.monotonic()
        while self._stage.progress() <= before:
            waited = time.monotonic() - started
            if waited > PATIENCE:
                self.done.stalls.append(f"nothing was committed for {waited:.0f} s after: {after}")
                return
            self._rest(0.5)
        self.done.longest = max(self.done.longest, time.monotonic() - started)

    # --- what it does

    def _awake(self) -> list[Worker]:
        return [worker for worker in self._stage.workers if worker.running and not worker.stopped]

    def _kill(self) -> str:
        """Workers that have a failpoint before them are spared for a while, or none would ever reach it."""
        if not (awake := [worker for worker in self._awake() if not worker.armed(SPARED)]):
            return ""
        self._rng.choice(awake).kill()
        return KILL

    def _zombie(self) -> str:
        if len(awake := self._awake()) < 2:
            return ""
        worker = self._rng.choice(awake)
        self._wake[worker.name] = time.monotonic() + SESSION_SECONDS + self._rng.uniform(2, 6)
        worker.stop()
        return "SIGSTOP until after the session time-out"

    def _add(self) -> str:
        idle = [worker.name for worker in self._stage.workers if worker.name not in self._wanted]
        if not idle:
            return ""
        self._wanted.add(self._rng.choice(idle))
        return "a worker added"

    def _remove(self) -> str:
        leaving = [worker for worker in self._awake() if worker.name in self._wanted]
        if len(self._wanted) < 2 or not leaving:
            return ""
        worker = self._rng.choice(leaving)
        self._wanted.discard(worker.name)
        worker.terminate()
        return "a worker removed (SIGTERM)"

    def _restart_broker(self) -> str:
        number = self._rng.choice((signal.SIGTERM, signal.SIGKILL))
        self._stage.kafka.stop(number)
        self._rest(self._rng.uniform(0, 4))
        self._stage.kafka.start()
        return f"broker restarted ({number.name})"

    def _stop_postgres(self) -> str:
        number = self._rng.choice((Postgres.gentle, Postgres.abrupt))
        self._stage.postgres.stop(number)
        self._rest(self._rng.uniform(0.5, 6))
        self._stage.postgres.start()
        return f"Postgres stopped and started ({number.name})"

    def _lose_store(self) -> str:
        if not (awake := self._awake()):
            return ""
        worker = self._rng.choice(awake)
        worker.kill()
        worker.delete_store()
        return "SIGKILL, and the join store deleted"

    def _old_store(self) -> str:
        """A snapshot of a volume is taken, and put back when the same worker is drawn again."""
        if not (awake := self._awake()):
            return ""
        worker = self._rng.choice(awake)
        worker.kill()
        if copy := self._copies.pop(worker.name, None):
            worker.put_back(copy)
            return "SIGKILL, and an old join store put back"
        self._copies[worker.name] = self._stage.folder / f"{worker.name}-copy"
        worker.copy_store(self._copies[worker.name])
        return "SIGKILL, and the join store copied"

    def _wait(self) -> str:
        self._rest(self._rng.uniform(2, 6))
        return "a quiet moment"
