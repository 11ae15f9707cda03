"""The counting protocol under random schedules of crashes, zombies, lost disks, restored databases and idle topics.

First the real code must hold; then each rule that is left out must be found out, or the checker would not check.
"""

from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest

from monitor.join import Join
from monitor.terms import Cursors, Position, Terms
from streams.session import Commit, Session
from streams.store import Store
from tests.streams import schedules
from tests.streams.schedules import TERMS, Action, World, apply, generate, run, shrunk

SEEDS = 100
"""Schedules of each of the eight tests: some seconds each."""


LONG = [schedules.terms(60, 60, 2), schedules.terms(40, 30, 3)]
"""Durations that reach over many commits."""


def first_failure(start: int, count: int, restores: bool = True, among: list[Terms] = TERMS + LONG) -> str:
    for seed in range(start, start + count):
        rng = Random(seed)
        of = rng.choice(among)
        world = World(of)
        actions: list[Action] = generate(rng, world, rng.choice((15, 40, 80, 160)), restores)
        apply(world, actions[-1])
        if world.wrong:
            shortest = shrunk(actions, partial(run, of))
            return "\n".join([f"seed {seed}, {of}", *map(str, shortest), "=> " + run(of, shortest)])
    return ""


@pytest.mark.parametrize("start", range(0, 8 * SEEDS, SEEDS))
def test_every_commit_equals_the_definition(start: int) -> None:
    assert first_failure(start, SEEDS) == ""


def test_a_store_that_leads_postgres_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store first, Postgres second, and a store trusted wherever it stands."""

    def step(self: World, worker: Any, part: int) -> None:
        owner = self.owners.get((worker, part))
        if owner is None or owner.commit is None:
            return
        if not owner.in_database:
            store = owner.session._store
            store.write(owner.commit.batch, owner.commit.position.cursors)
            owner.in_database = True
            return
        try:
            self.database.commit(part, owner.token, owner.commit)
        except schedules.Lost:
            del self.owners[worker, part]
            return
        owner.session.written(owner.commit)
        owner.commit = None
        self.wrong = self.wrong or self.compare(part)

    def usable(self: Store, floor: Cursors, position: Cursors) -> Cursors | None:
        meta = self.disk.meta()
        return None if meta is None else position

    monkeypatch.setattr(World, "step", step)
    monkeypatch.setattr(Store, "usable", usable)
    assert first_failure(0, 400) != ""


def test_a_missing_barrier_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting before both topics have reached the position."""
    real = Session.__init__

    def init(self: Session, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        self.base = Position()
        self.join.counting = True

    monkeypatch.setattr(Session, "__init__", init)
    assert first_failure(0, 400) != ""


def test_a_rebuild_from_too_near_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A floor right at the position: what the join state depends on lies further back."""
    monkeypatch.setattr(Terms, "reach", property(lambda self: 0))
    monkeypatch.setattr(Terms, "stride", property(lambda self: schedules.UNIT))
    assert first_failure(0, 800, among=LONG) != ""


def test_a_commit_without_compare_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = schedules.Database.commit

    def commit(self: schedules.Database, part: int, token: int, commit: Commit) -> None:
        ledger = self.ledgers[part]
        forged = replace(commit, expected=ledger.position.cursors)
        real(self, part, ledger.token, forged)

    monkeypatch.setattr(schedules.Database, "commit", commit)
    assert first_failure(0, 400) != ""


def test_a_seal_that_is_forgotten_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluator is told that an idle partition is complete, and its session does not book behind that."""
    monkeypatch.setattr(Join, "seal", lambda self, topic, clock: None)
    assert "evidence in folded panes" in first_failure(0, 400)


def test_a_seal_that_dies_with_its_owner_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next owner does not read what the evaluator was told."""
    monkeypatch.setattr(Position, "sealed", lambda self, clocks: self)
    assert first_failure(0, 400) != ""
