"""The evaluator: every configured model, round after round.

Any worker may evaluate any model; an advisory lock makes it one at a time. Everything follows from event time: however
the panes came, and in whatever pieces they are evaluated, points and alerts are the same. Nothing is kept in memory that
a restart could not read back from the panes.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass, replace

import sqlalchemy as sa

from streams.database import backoff, is_transient
from streams.drifting import with_baselines
from streams.errors import Overtaken
from streams.evaluation import ModelEvaluator, ModelProgress
from streams.evidence_rows import thin_out
from streams.points import Points
from streams.retention import Keep, drop_old, make_ahead
from streams.settings import Settings, canonical
from streams.watching import Watched, watched

log = logging.getLogger(__name__)

SWEEP_EVERY = 3600.0
"""Seconds between two looks for partitions to drop."""

RESOLVE_EVERY = 300.0
"""Seconds between two looks for new baselines of drift rules."""

COMMITS = "select stream, part, commit_no, prediction_idle_clock, outcome_idle_clock from fairdrift.positions"


REMEMBER = """
insert into fairdrift.config_versions (version, body) values (:version, cast(:body as jsonb)) on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """All models after one round."""

    models: tuple[ModelProgress, ...]

    @property
    def behind(self) -> bool:
        """Another round would find work at once."""
        return any(model.behind for model in self.models)

    @property
    def caught_up(self) -> bool:
        """Everything that the positions' clocks have closed is evaluated, restatements included."""
        return not any(model.behind or model.pending for model in self.models)

    @property
    def transitions(self) -> int:
        """Changes of state written: there may be something to deliver."""
        return sum(model.transitions for model in self.models)


class Evaluator:
    """Evaluates every configured model, again and again. Blocking, except `run`."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        points, kept = Points(engine), settings.retention
        self._keep = Keep(kept.panes, kept.minute_points, kept.hour_points)
        self._points, self._watched = points, watched(settings)
        self._resolved: tuple[Watched, ...] = ()
        self._models: list[ModelEvaluator] = []
        self._resolve_at = 0.0
        self._commits: list[tuple[object, ...]] | None = None
        self._last = Progress(())
        self._known_version = False

    def run_once(self) -> Progress:
        """One round over all models, each in a transaction of its own.

        Nothing if nothing was committed since, unless it is time to ask whether that is itself a matter of a rule.
        """
        self._remember_version()
        self._resolve()
        commits = self._read_commits()
        if commits == self._commits and self._last.caught_up and not any(model.watchful for model in self._models):
            return _idle(self._last)
        self._last = Progress(tuple(model.round() for model in self._models))
        self._commits = commits
        return self._last

    async def run(self, stop: asyncio.Event, wake: asyncio.Event | None = None, pause: float = 0.2) -> None:
        """Round after round until `stop`; at once when `wake` is set (after a commit), else every `pause` seconds.

        An error of the database that passes by itself is waited out; any other ends the loop.
        """
        attempt, swept = 0, time.monotonic()
        while not stop.is_set():
            try:
                progress = await asyncio.to_thread(self.run_once)
                attempt = 0
                if time.monotonic() - swept > SWEEP_EVERY:
                    swept = time.monotonic()
                    await asyncio.to_thread(make_ahead, self._engine)
                    await asyncio.to_thread(drop_old, self._engine, None, self._keep)
                    await asyncio.to_thread(thin_out, self._engine)
            except (sa.exc.SQLAlchemyError, Overtaken) as error:
                if not isinstance(error, Overtaken) and not is_transient(error):
                    raise
                log.warning("evaluation is tried again: %s", str(error).splitlines()[0])
                await _pause(backoff(attempt), stop)
                attempt += 1
                continue
            if not progress.behind:
                await _pause(pause, stop, wake)

    def _resolve(self) -> None:
        """Find the baselines of drift rules, at the start and now and then: a model whose bounds move begins anew."""
        if time.monotonic() < self._resolve_at:
            return
        self._resolve_at = time.monotonic() + RESOLVE_EVERY
        found = tuple(with_baselines(self._engine, of) for of in self._watched)
        old = list(zip(self._resolved, self._models, strict=True))
        self._models = [
            old[at][1] if at < len(old) and old[at][0] == one else ModelEvaluator(self._engine, one, self._points)
            for at, one in enumerate(found)
        ]
        self._resolved = found

    def _read_commits(self) -> list[tuple[object, ...]]:
        with self._engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(sa.text(COMMITS)))

    def _remember_version(self) -> None:
        """Keep the configuration in force: points name its version."""
        if self._known_version:
            return
        body = json.dumps(dict(canonical(self._settings)))
        with self._engine.begin() as connection:
            connection.execute(sa.text(REMEMBER), {"version": self._settings.version, "body": body})
        self._known_version = True


def _idle(progress: Progress) -> Progress:
    """The same, as of a round that had nothing to do."""
    return Progress(
        tuple(
            replace(model, panes=0, points=0, transitions=0, evidence=0, evidence_seconds=0.0)
            for model in progress.models
        )
    )


async def _pause(seconds: float, *events: asyncio.Event | None) -> None:
    """Wait for any of the events, at most so long."""
    waits = [asyncio.ensure_future(event.wait()) for event in events if event is not None]
    done, rest = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in (*done, *rest):
        task.cancel()
    if len(events) > 1 and events[1] is not None:
        events[1].clear()
