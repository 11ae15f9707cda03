"""Partitions that come and go: every commit equals the definition, and in the end everything is counted."""

from functools import partial
from random import Random
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from monitor.terms import Terms
from streams import transport
from streams.transport import ChunkThread
from tests.streams.moving import Consumer, Group, moving
from tests.streams.schedules import TERMS, Action, apply, shrunk

SCHEDULES = 100


@pytest.fixture(autouse=True)
def small_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's part of a fetch is the schedule's; chunks are of two records."""

    async def fetch(self: Any, consumer: Consumer, _: Any, __: Any = None, most: int | None = None) -> Any:
        assert most is not None
        return consumer.fetch(most)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetch)
    monkeypatch.setattr(transport, "CHUNK", 2)


def run(of: Terms, actions: list[Action]) -> str:
    group = Group(of)
    for action in actions:
        apply(group, action)
    return group.wrong


def first_failure(count: int) -> str:
    for seed in range(count):
        rng = Random(seed)
        of = rng.choice(TERMS)
        group = Group(of)
        actions = moving(rng, group, rng.choice((40, 80, 160)))
        apply(group, actions[-1])
        if group.wrong:
            shortest = shrunk(actions, partial(run, of))
            return "\n".join([f"seed {seed}, {of}", *map(str, shortest), "=> " + run(of, shortest)])
    return ""


def test_partitions_that_move_are_counted_once() -> None:
    assert first_failure(SCHEDULES) == ""


def test_a_reading_of_an_earlier_assignment_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What aiokafka brings before it is told where to read on, taken for the continuation of what was read long ago."""

    def reading(self: ChunkThread, tp: TP) -> Any:
        found, state = self._readings.get(tp), self._state(tp)
        if found is not None:
            found.state = state
        return found if state is not None else None

    monkeypatch.setattr(ChunkThread, "_reading", reading)
    assert "stored" in first_failure(SCHEDULES)
