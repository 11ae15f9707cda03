"""A worker loses partitions and claims them again, with real local stores: a folder is never opened twice."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import create_autospec

import pytest
from faust.types import TP

from monitor.cells import Cells
from monitor.reader import RETENTION_MS
from monitor.terms import Position, Terms
from streams.hashing import IdHasher
from streams.ledger import Ledger, Lost
from streams.owners import DROPPED_AFTER, QUIET, SHORT_AFTER, Key, Owners, Ports, pause_after
from streams.reading_process import Recipe
from streams.rocks import RocksDisk
from streams.session import Chunk, QualityCells
from streams.shelf import Shelf
from streams.stream import Stream
from streams.telemetry import Telemetry
from tests.monitor.records import credit, prediction, records

TOPICS = ("predictions", "outcomes")
KEY: Key = ("credit", 0)
BOTH = {TP(topic, 0) for topic in TOPICS}


class Group:
    """What stands around the owners: a ledger that can take the partition away, a transport that is told where to read."""

    def __init__(self, folder: Path) -> None:
        self.claims, self.theirs, self.sought = 0, False, asyncio.Event()
        self.ends: dict[TP, int] = {}
        self.answering = Event()
        self.answering.set()
        model = credit()
        terms = Terms(model.join_horizon, model.dedup_horizon, model.max_lateness, model.watermark_delay, model.pane)
        cells, recipe = Cells(), Recipe((model,), IdHasher(bytes(32)), RETENTION_MS, 1)
        ledger = create_autospec(Ledger, instance=True)
        ledger.claim.side_effect = self._claim
        ledger.commit.side_effect = ledger.touch.side_effect = self._taken
        quality = QualityCells((cells.quality("credit"),), cells.quality(""), {"credit": cells.quality("credit")})
        self.stream = Stream(KEY[0], TOPICS, terms, cells, recipe.reader(cells), recipe, ledger, quality, 1)
        ports = Ports(
            self._read_from, lambda *_: None, self._none, self._none, self._at, self.ends.get, self._bury,
            create_autospec(Telemetry, instance=True),
        )  # fmt: skip
        self.shelf = Shelf(folder, None)
        self.owners = Owners([self.stream], self.shelf, "here", ports, commit_every=1.0)

    def _claim(self, *_: Any) -> tuple[int, Position]:
        self.claims += 1
        self.answering.wait(60)
        return self.claims, Position()

    def _taken(self, *_: Any) -> int:
        if self.theirs:
            raise Lost("another worker owns it")
        return 0

    async def _read_from(self, offsets: Mapping[TP, int]) -> None:
        assert set(offsets) == BOTH
        self.sought.set()

    async def _none(self, tps: Iterable[TP]) -> Mapping[TP, int]:
        return dict.fromkeys(tps, 0)

    async def _at(self, _: TP, at: int) -> int:
        return at

    async def _bury(self, *_: Any) -> None:
        raise AssertionError("nothing to bury")

    async def claimed(self) -> Any:
        """The partition, as soon as it is there; what ended the worker is raised."""
        seeking: asyncio.Future[Any] = asyncio.ensure_future(self.sought.wait())
        failed: asyncio.Future[Any] = self.owners.failed
        await asyncio.wait([seeking, failed], return_when=asyncio.FIRST_COMPLETED, timeout=60)
        if self.owners.failed.done():
            seeking.cancel()
            self.owners.failed.result()
        self.sought.clear()
        [partition] = self.owners.partitions
        return partition


def test_what_a_commit_and_a_touch_both_find_lost_is_claimed_again_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_lost_twice(tmp_path, monkeypatch))


async def _lost_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(tmp_path)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    partition.session.deliver(Chunk(0, 0, 1, records(prediction())))
    closed: list[RocksDisk] = []
    whole = RocksDisk.close

    def close(disk: RocksDisk) -> None:
        closed.append(disk)
        whole(disk)

    monkeypatch.setattr(RocksDisk, "close", close)
    group.theirs = True
    group.answering.clear()
    await group.owners.commit(partition)
    await group.owners._touch(partition)
    await asyncio.sleep(0.2)  # time for a second claim to be begun, were there one
    group.answering.set()
    again = await group.claimed()
    assert again is not partition
    assert group.claims == 2
    assert closed.count(partition.disk) == 1
    group.theirs = False
    await group.owners.close()
    group.shelf.close()


def test_a_claim_waits_for_the_store_that_a_cancelled_rebalance_still_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_still_closing(tmp_path, monkeypatch))


async def _still_closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(tmp_path)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    await partition.committing.acquire()  # a commit is under way
    leaving = asyncio.create_task(group.owners.reassign(set(), 2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    claims_at_close: list[int] = []
    whole = RocksDisk.close

    def close(disk: RocksDisk) -> None:
        claims_at_close.append(group.claims)
        whole(disk)

    monkeypatch.setattr(RocksDisk, "close", close)
    await group.owners.reassign(BOTH, 3)
    await asyncio.sleep(0)
    assert group.claims == 1  # it waits
    partition.committing.release()
    assert await group.claimed() is not partition
    assert claims_at_close[0] == 1
    await group.owners.close()
    group.shelf.close()


def test_a_silence_is_none_while_more_is_known_to_be_there(tmp_path: Path) -> None:
    asyncio.run(_more_to_come(tmp_path))


async def _more_to_come(folder: Path) -> None:
    """The chunks of a partition come together, and then those of others do."""
    group = Group(folder)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    partition.session.deliver(Chunk(0, 0, 1, records(prediction())))
    long_ago = time.monotonic() - 2 * QUIET
    partition.last_records, partition.last_commit = [long_ago, long_ago], long_ago
    predictions = next(tp for tp in BOTH if tp.topic == TOPICS[0])
    group.ends[predictions] = 2
    await group.owners.commit_due()
    assert partition.session.position.commit_no == 0
    group.ends[predictions] = 1
    await group.owners.commit_due()
    assert partition.session.position.commit_no == 1
    await group.owners.close()
    group.shelf.close()


def test_a_commit_waits_as_long_as_the_last_one_took_within_bounds() -> None:
    assert pause_after(0.02, 1.0) == 1.0
    assert pause_after(2.5, 1.0) == 2.5
    assert pause_after(600.0, 1.0) == 5.0, "Postgres was away"
    assert pause_after(600.0, 30.0) == 30.0, "as configured"


def test_nothing_is_committed_before_the_pause_is_over_unless_much_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_pausing(tmp_path, monkeypatch))


async def _pausing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(folder)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    partition.session.deliver(Chunk(0, 0, 1, records(prediction())))
    group.ends[next(tp for tp in BOTH if tp.topic == TOPICS[0])] = 2  # not silent: more is known to be there
    partition.last_commit, partition.pause = time.monotonic() - 500, 1000.0
    await group.owners.commit_due()
    assert partition.session.position.commit_no == 0
    partition.pause = 400.0
    await group.owners.commit_due()
    assert partition.session.position.commit_no == 1
    assert partition.pause < 400.0, "as long as this one took"
    partition.session.deliver(Chunk(0, 1, 2, records(prediction(), first=1)))
    group.ends[next(tp for tp in BOTH if tp.topic == TOPICS[0])] = 3
    partition.last_commit, partition.pause = time.monotonic() - 500, 1000.0
    monkeypatch.setattr("streams.owners.MOST_UNCOMMITTED", 2)
    await group.owners.commit_due()
    assert partition.session.position.commit_no == 2, "or reading would stop before it is over"
    await group.owners.close()
    group.shelf.close()


def test_a_last_chunk_that_faust_has_dropped_is_fetched_again(tmp_path: Path) -> None:
    asyncio.run(_dropped(tmp_path))


async def _dropped(folder: Path) -> None:
    """The transport has read to the end of the log, the session has not, and nothing comes after to show the gap."""
    group = Group(folder)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    sought: list[Mapping[TP, int]] = []

    async def ends(tps: Iterable[TP]) -> Mapping[TP, int]:
        return {tp: 5 if tp.topic == TOPICS[0] else 0 for tp in tps}

    async def read_from(offsets: Mapping[TP, int]) -> None:
        sought.append(offsets)

    group.owners._ports.ends, group.owners._ports.read_from = ends, read_from
    await group.owners.look_at_ends(60.0)
    assert sought == [], "it may be on its way"
    partition.last_records[0] -= DROPPED_AFTER
    for _ in range(2):
        await group.owners.look_at_ends(60.0)
    assert sought == [{TP(TOPICS[0], 0): 0}]
    await group.owners.close()
    group.shelf.close()


def test_after_a_drain_nothing_is_taken_and_what_comes_keeps_nobody_waiting(tmp_path: Path) -> None:
    asyncio.run(_drained(tmp_path))


async def _drained(folder: Path) -> None:
    group = Group(folder)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    partition.session.deliver(Chunk(0, 0, 1, records(prediction())))
    partition.session.drain()
    await group.owners.commit_all()
    assert partition.session.position.drained

    async def ends(tps: Iterable[TP]) -> Mapping[TP, int]:
        return {tp: 2 if tp.topic == TOPICS[0] else 0 for tp in tps}

    group.owners._ports.ends = ends
    partition.session.deliver(Chunk(0, 1, 2, records(prediction(id="a2"))))
    assert partition.session.offsets == (1, 0)
    assert partition.session.freeze() is None, "the evaluator may have closed the pane of its evidence"
    assert await group.owners.look_at_ends(60.0)
    done = group.owners.drained
    assert done
    await group.owners.reassign(BOTH | {TP(topic, 1) for topic in TOPICS}, 2)
    assert not group.owners.drained, "another partition has come"
    await group.owners.close()
    group.shelf.close()


def test_a_partition_that_is_taken_and_given_again_while_it_begins_is_claimed_anew(tmp_path: Path) -> None:
    asyncio.run(_given_again(tmp_path))


async def _given_again(folder: Path) -> None:
    """Two rebalances while the transport has not answered yet that it knows where to read on."""
    group = Group(folder)
    answering = asyncio.Event()
    told = group.owners._ports.read_from

    async def read_from(offsets: Mapping[TP, int]) -> None:
        await told(offsets)
        await answering.wait()

    group.owners._ports.read_from = read_from
    await group.owners.reassign(BOTH, 1)
    first = await group.claimed()
    await group.owners.reassign(set(), 2)
    await group.owners.reassign(BOTH, 3)
    answering.set()
    second = await group.claimed()
    assert second is not first
    assert second.generation == 3
    await group.owners.close()
    group.shelf.close()


def test_a_log_that_is_shorter_than_what_was_counted_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_made_anew(tmp_path, caplog))


async def _made_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Offsets begin at 0 again, and what is there is passed over as if it had been counted."""
    group = Group(folder)
    await group.owners.reassign(BOTH, 1)
    partition = await group.claimed()
    partition.session.deliver(Chunk(0, 0, 1, records(prediction())))
    await group.owners.look_at_ends(60.0)
    assert "made anew" not in caplog.text, "a new leader may say so for a moment"
    partition.tell_short[0] -= SHORT_AFTER
    for _ in range(2):
        await group.owners.look_at_ends(60.0)
    assert caplog.text.count("ends at offset 0, and was read up to 1: it was made anew") == 1
    await group.owners.close()
    group.shelf.close()
