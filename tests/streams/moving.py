"""Random schedules of partitions that move between workers, on the real transport's own account of what it has read.

To the world of `schedules.py` come the consumer group and aiokafka: in every assignment the state of each partition is new
and begins at Kafka's committed offset, which any worker may have told; workers hear of an assignment late, read on as
zombies until then, and say where to read on later still; what was fetched waits in a queue, and Faust may drop any of it,
or hand it over after what came later.
"""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.types import TP

from monitor.terms import TOPICS, Terms
from streams.batches import span
from streams.session import Chunk, Gap
from streams.transport import ChunkThread, Fetched
from tests.streams.schedules import UNIT, Action, Event, Log, Owner, World, apply

PARTS, WORKERS, ROUNDS = 1, 2, 10
NAMES = ("predictions", "outcomes")


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns; it waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@dataclass(slots=True)
class State:
    """aiokafka's of one partition in one assignment."""

    position: int = -1
    highwater: int | None = None

    @property
    def has_valid_position(self) -> bool:
        return self.position >= 0


class Consumer:
    """As much of aiokafka's as the transport's thread uses."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.states: dict[TopicPartition, State] = {}
        assignment = SimpleNamespace(state_value=self._state)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    def _state(self, tp: TopicPartition) -> State | None:
        return self.states.get(tp)

    def assign(self, parts: Iterable[int]) -> None:
        self.states = {TopicPartition(name, part): State() for part in parts for name in NAMES}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if tp not in self.states:
            raise IllegalStateError(tp)
        self.states[tp].position = offset

    def fetch(self, most: int) -> dict[TopicPartition, list[list[Event]]]:
        """The next records of every partition, at most so many each; none: of what comes next only a hole is passed."""
        found = {}
        for tp, state in self.states.items():
            if not state.has_valid_position:
                continue
            log = self._log.events[tp.partition, NAMES.index(tp.topic)]
            left = [event for event in log if event.offset >= state.position]
            state.highwater = log[-1].offset + 1 if log else 0
            if left and most:
                found[tp] = [left[:most]]
            state.position = left[:most][-1].offset + 1 if left[:most] else (left[0].offset if left else state.position)
        return found


class Transport(ChunkThread):
    """The real thread's account of what was read, without the thread."""

    def __init__(self, log: Log) -> None:
        self.consumer_ = Consumer(log)
        self._readings = {}

    def _ensure_consumer(self) -> Any:
        return self.consumer_


@dataclass
class Worker:
    """What a worker knows: where it may read, what is fetched and not delivered yet, where it is still to say to read on."""

    transport: Transport
    assigned: set[int] = field(default_factory=set)
    waiting: list[tuple[TP, Fetched]] = field(default_factory=list)
    unsought: set[int] = field(default_factory=set)


class Group(World):
    """A world whose workers read through the transport."""

    def __init__(self, of: Terms) -> None:
        super().__init__(of)
        self.workers = [Worker(Transport(self.log)) for _ in range(WORKERS)]
        self.plan = dict.fromkeys(range(PARTS), 0)
        self.told: dict[TopicPartition, int] = {}
        self.hear(0)

    # --- the group

    def hear(self, worker: int) -> None:
        """A rebalance reaches a worker: what stays keeps its session, and everywhere aiokafka begins anew."""
        of = self.workers[worker]
        of.assigned = {part for part, owner in self.plan.items() if owner == worker}
        of.transport.consumer_.assign(of.assigned)
        for at in [at for at in self.owners if at[0] == worker and at[1] not in of.assigned]:
            del self.owners[at]
        of.unsought = {part for part in of.assigned if (worker, part) in self.owners}

    def begin(self, worker: int) -> None:
        """aiokafka begins to read at the committed offset where nobody has sought; without one, at the log's start."""
        for tp, state in self.workers[worker].transport.consumer_.states.items():
            if not state.has_valid_position:
                state.position = self.told.get(tp, 0)

    def move(self, worker: int, part: int, heard: bool) -> None:
        """The group gives a partition to a worker, which hears of it and claims; where to read on is still to be said.

        The others have `heard` of it, or go on as zombies until they do.
        """
        self.plan[part] = worker
        for other in range(WORKERS):
            if heard or other == worker:
                self.hear(other)
        self.begin(worker)
        self.take_over(worker, part)

    def take_over(self, worker: int, part: int) -> None:
        """A claim; that of a worker which has not heard of the newest assignment is refused."""
        of = self.workers[worker]
        if part in of.assigned and self.plan[part] == worker and (worker, part) not in self.owners:
            self.claim(worker, part)
            of.unsought.add(part)

    def say(self, worker: int) -> None:
        """A worker says where to read on."""
        of = self.workers[worker]
        self._read_from(of, {tp: at for part in of.unsought for tp, at in self._offsets(worker, part)})
        of.unsought = set()

    def tell(self, worker: int) -> None:
        """Kafka's committed offsets follow the counting of whoever believes to own a partition."""
        for (name, part), owner in self.owners.items():
            if name == worker:
                for topic, cursor in zip(NAMES, owner.session.position.cursors, strict=True):
                    self.told[TopicPartition(topic, part)] = cursor.offset

    # --- records

    def fetch(self, worker: int, most: int, dropped: int) -> None:
        """A fetch; of what it brings Faust loses the `dropped`th chunk, if there is one."""
        of = self.workers[worker]
        found = at_once(of.transport._fetch_records(of.transport.consumer_, set(), max_records=most))
        whole = [(tp, chunk) for tp, chunks in found.items() for chunk in chunks]
        of.waiting += [one for number, one in enumerate(whole) if number != dropped]

    def take(self, worker: int, late: bool) -> None:
        """What is delivered next, or what was to be delivered before it: as `streams.owners.Owners.deliver` does."""
        of = self.workers[worker]
        if not of.waiting:
            return
        tp, fetched = of.waiting.pop(1 if late and len(of.waiting) > 1 else 0)
        owner = self.owners.get((worker, tp.partition))
        if owner is None:
            return
        topic = NAMES.index(tp.topic)
        try:
            owner.session.deliver(Chunk(topic, fetched.start, span(fetched.records)[1], fetched.records))
        except Gap:
            self._read_from(of, {tp: owner.session.offsets[topic]})

    def rush(self, worker: int) -> None:
        """All that can be fetched now is fetched and delivered."""
        self.fetch(worker, 100, -1)
        while self.workers[worker].waiting:
            self.take(worker, False)

    def pass_hole(self, worker: int, part: int, topic: int) -> None:
        """As `Owners._pass_hole`."""
        if (owner := self.owners.get((worker, part))) is None:
            return
        at = owner.session.offsets[topic]
        to = at_once(self.workers[worker].transport._passed(TP(NAMES[topic], part), at))
        if to > at:
            owner.session.deliver(Chunk(topic, at, to, []))

    def settle(self, worker: int) -> None:
        """All hear of the last assignment; whatever was lost on the way, everything is counted in the end."""
        for number in range(WORKERS):
            self.hear(number)
        for _ in range(ROUNDS):
            for number in range(WORKERS):
                self.work(number)
        for part in range(PARTS):
            found = [cursor.offset for cursor in self.database.ledgers[part].position.cursors]
            ends = [self.log.end(part, topic) for topic in TOPICS]
            self.wrong = self.wrong or (self.compare(part) if found == ends else f"stopped at {found} of {ends}")
        self.wrong = self.wrong or self._settled_anew(worker)

    def work(self, worker: int) -> None:
        """A while in which nothing comes between: it claims, reads what is there, commits, and tells Kafka."""
        for part in range(PARTS):
            self.take_over(worker, part)
        self.say(worker)
        self.rush(worker)
        for part in range(PARTS):
            for topic in TOPICS:
                self.pass_hole(worker, part, topic)
            for _ in range(2):  # one commit may be in flight already
                self.freeze(worker, part)
                self.step(worker, part)
                self.step(worker, part)
        self.tell(worker)

    def _settled_anew(self, worker: int) -> str:
        World.settle(self, worker)
        return self.wrong

    # --- inside

    def _offsets(self, worker: int, part: int) -> Iterable[tuple[TP, int]]:
        owner: Owner | None = self.owners.get((worker, part))
        return () if owner is None else zip((TP(name, part) for name in NAMES), owner.session.offsets, strict=True)

    def _read_from(self, of: Worker, offsets: Mapping[TP, int]) -> None:
        at_once(of.transport._read_from(offsets))


def moving(rng: Random, group: Group, length: int) -> list[Action]:
    """Draw and apply actions. After some moves the new owner takes its time to say where to read on."""
    actions: list[Action] = []
    now, slow = 200, 0
    worker = part = 0
    favour = [rng.choice((0.3, 1, 1, 3)) for _ in range(13)]
    for _ in range(length):
        now += rng.choice((0, 0, 0, 1))
        slow -= 1
        topic = int(rng.random() < (0.6 if slow > 0 else 0.3))
        if slow <= 0:
            part = rng.randrange(PARTS)
            worker = group.plan[part] if rng.random() < 0.8 else rng.randrange(WORKERS)
        time = (now - rng.choice((0, 0, 1, 3))) * UNIT
        known = [one.id for one in group.log.events[part, 0][-6:]]
        id = rng.choice(known) if known and (topic or rng.random() < 0.1) else str(len(actions))
        event = (id, time, 10 * (1 - topic), 1 - topic, rng.randrange(2))
        choices = {
            ("produce", part, topic, rng.choice((0, 0, 0, 2)), *event): 30,
            ("fetch", worker, rng.choice((0, 1, 3, 9)), rng.choice((-1, -1, 0, 1))): 15,
            ("take", worker, rng.random() < 0.2): 30,
            ("pass_hole", worker, part, topic): 3,
            ("freeze", worker, part): 5,
            ("step", worker, part): 10,
            ("rush", worker): 10,
            ("work", worker): 20,
            ("move", rng.randrange(WORKERS), part, rng.random() < 0.8): 8,
            ("hear", worker): 3,
            ("begin", worker): 3,
            ("take_over", worker, part): 3,
            ("say", worker): 4,
        }
        weights = [weight * f for weight, f in zip(choices.values(), favour, strict=True)]
        if slow > 0:
            weights[7:] = [0] * len(weights[7:])
        actions.append(rng.choices(list(choices), weights)[0])
        apply(group, actions[-1])
        if actions[-1][0] == "move":
            worker, slow = actions[-1][1], rng.choice((0, 10))
    return [*actions, ("settle", 0)]
