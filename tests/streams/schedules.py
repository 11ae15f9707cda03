"""Random schedules against the real session, join and store: every committed state must equal a batch recomputation.

The log, the database and the disk are in memory and each of their methods is one atomic step; a process may die between any
two. Actions are plain tuples, so that a failing schedule can be shrunk and run again. The definition (`right`) is by search
in whole prefixes and shares nothing with the fold but the names of the slots.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

import numpy as np

from monitor.columns import Outcomes, Predictions
from monitor.entries import spent
from monitor.events import DeadLetter, Reason
from monitor.sums import LAYOUTS, VALUES, Basis, Book
from monitor.terms import NEVER, OUTCOMES, PREDICTIONS, TOPICS, Mark, Position, Seal, Terms
from streams.changed import PREFIXES, Due, Key, Writes
from streams.session import Chunk, Commit, Gap, QualityCells, Session
from streams.store import Meta, Store
from tests.acceptance.definition import (
    HOUR,
    class_label_sums,
    class_sums,
    decision_sums,
    error_sums,
    hundredth,
    label_score_sums,
    label_sums,
    power_sums,
    weighted,
    weighted_error_sums,
    weighted_label_score_sums,
    weighted_score_sums,
    weighted_value_sums,
)
from tests.acceptance.parsing import Event as Content

UNIT = 1_200_000
"""A unit of the schedules' time in milliseconds: three make the hour that some panes have anyway."""
QUALITY_CELL = 900


def terms(horizon: int, memory: int, lateness: int, delay: int = 1) -> Terms:
    return Terms(horizon * UNIT, memory * UNIT, lateness * UNIT, delay * UNIT, pane=3 * UNIT)


TERMS = [terms(6, 6, 2), terms(3, 3, 1), terms(4, 2, 0), terms(10, 4, 3, 2), terms(6, 2, 2), terms(8, 8, 1, 0)]


class Event(NamedTuple):
    """A record of the log. `bit`: decision or label; `variant` and `cell` are 0 for outcomes. Without an id: garbage."""

    offset: int
    id: str
    time: int
    cell: int
    variant: int
    bit: int

    @property
    def timestamp(self) -> int:
        return self.time

    @property
    def value(self) -> bytes | None:
        return None

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        return ()


class Log:
    """Offsets rise but have holes, as compaction and transaction markers leave them."""

    def __init__(self) -> None:
        self.events: dict[tuple[int, int], list[Event]] = defaultdict(list)

    def append(self, part: int, topic: int, hole: int, content: tuple[Any, ...]) -> None:
        log = self.events[part, topic]
        log.append(Event((log[-1].offset + 1 if log else 0) + hole, *content))

    def end(self, part: int, topic: int) -> int:
        log = self.events[part, topic]
        return log[-1].offset + 1 if log else 0

    def chunk(self, part: int, topic: int, start: int, size: int) -> Chunk:
        found: list[Any] = [event for event in self.events[part, topic] if event.offset >= start][:size]
        return Chunk(topic, start, found[-1].offset + 1 if found else start, found)


RANGE = (-50, 250)
"""The declared range of values, in units: some lie below, some above."""


CLASSES = ("good", "fair", "bad")


def code(said: Content) -> int:
    """As `monitor.quantities.Classes` has it: how many there are, and which one it is."""
    return 256 * len(CLASSES) + (0 if said.label_class is None else 1 + CLASSES.index(said.label_class))


def content(event: Event) -> Content:
    """What the event says beside its label or decision: some have no score, some no value."""
    draw = Random(f"{event.id} {event.time} {event.cell} {event.bit}")
    value = draw.choice((None, draw.randrange(-100, 300)))
    slot = None
    if value is not None:
        edges = [low for low in range(RANGE[0], RANGE[1], 3) if low <= value]
        slot = (
            "below_range" if value < RANGE[0] else "above_range" if value > RANGE[1] else f"value_bin_{len(edges) - 1}"
        )
    return Content(
        (event.id,), "m", event.id, event.time, decision=bool(event.bit),
        score=draw.choice((None, 0, 10**6, draw.randrange(10**6 + 1))), value=value,
        clipped=min(max(value, RANGE[0]), RANGE[1]) if value is not None else 0, slot=slot,
        label_class=draw.choice((None, *CLASSES)), classes=CLASSES, weight=draw.choice((None, 1, 2**31 - 1, 10**6)),
    )  # fmt: skip


def key_of(id: str) -> bytes:
    return id.encode().ljust(16, b".")


class EventReader:
    """Events as columns, without JSON."""

    def predictions(self, records: Sequence[Any]) -> tuple[Predictions, list[DeadLetter]]:
        records, letters = buried(records)
        n = len(records)
        zeros = np.zeros(n, dtype=np.int64)
        said = [content(record) for record in records]
        slots = [-1 if one.slot is None else VALUES.index(one.slot) for one in said]
        column = {
            name: np.array([getattr(r, name) for r in records], dtype=np.int64) for name in ("offset", "time", "cell")
        }
        return Predictions(
            offset=column["offset"], index=zeros.astype(np.int32), key=[key_of(r.id) for r in records],
            model=zeros.astype(np.int32), cell=column["cell"], variant=np.array([r.variant for r in records]),
            time=column["time"], decision=np.array([r.bit for r in records], dtype=np.int8),
            score=np.array([-1 if one.score is None else one.score for one in said], dtype=np.int32),
            value=np.array([one.value or 0 for one in said], dtype=np.int64),
            valued=np.array([one.value is not None for one in said], dtype=bool),
            clipped=np.array([one.clipped for one in said], dtype=np.int64),
            value_slot=np.array(slots, dtype=np.int8),
            label_class=np.array([code(one) for one in said], dtype=np.int16),
            weight=np.array([one.weight or 0 for one in said], dtype=np.int32),
        ), letters  # fmt: skip

    def outcomes(self, records: Sequence[Any]) -> tuple[Outcomes, list[DeadLetter]]:
        records, letters = buried(records)
        n = len(records)
        zeros = np.zeros(n, dtype=np.int64)
        contents = [content(record) for record in records]
        said = [one.value for one in contents]
        return Outcomes(
            offset=np.array([r.offset for r in records]), index=zeros.astype(np.int32),
            key=[key_of(r.id) for r in records], model=zeros.astype(np.int32),
            time=np.array([r.time for r in records]), label=np.array([r.bit for r in records], dtype=np.int8),
            value=np.array([value or 0 for value in said], dtype=np.int64),
            valued=np.array([value is not None for value in said], dtype=bool),
            label_class=np.array([code(one) for one in contents], dtype=np.int16),
        ), letters  # fmt: skip


def buried(records: Sequence[Any]) -> tuple[list[Any], list[DeadLetter]]:
    """The events, and a dead letter for each record that is none."""
    events = [record for record in records if record.id]
    letters = [DeadLetter(r.offset, 0, "", Reason.MALFORMED, "", r.timestamp, b"") for r in records if not r.id]
    return events, letters


class MemoryDisk:
    """`streams.store.Disk` in dictionaries."""

    def __init__(self) -> None:
        self.sides: dict[Key, bytes] = {}
        self.due: list[Due] = []
        self.itself: Meta | None = None

    def meta(self) -> Meta | None:
        return self.itself

    def get(self, keys: Sequence[Key]) -> list[bytes | None]:
        return [self.sides.get(key) for key in keys]

    def all_keys(self) -> Iterator[Key]:
        return iter(list(self.sides))

    def write(self, writes: Writes, meta: Meta) -> None:
        self.sides.update(zip(*writes.put, strict=True))
        for key in writes.gone:
            self.sides.pop(key, None)
        self.due += writes.due
        self.itself = meta

    def forget(self, clocks: tuple[int, int], terms: Terms, most: int) -> int:
        now = max(min(clocks), 0) // 3_600_000
        ready = [due for due in self.due if due.hour <= now]
        self.due = [due for due in self.due if due.hour > now]
        keys = {due.keys[n : n + 17] for due in ready for n in range(0, len(due.keys), 17)}
        for key in keys & self.sides.keys():
            topic = PREFIXES.index(key[:1])
            if spent(topic, [self.sides[key]], clocks, terms).all():
                del self.sides[key]
        return len(keys)

    def wipe(self) -> None:
        self.__init__()  # type: ignore[misc]


class Lost(Exception):
    """The compare failed."""


@dataclass(frozen=True)
class Ledger:
    """What the database holds of one partition."""

    token: int = 0
    position: Position = Position()
    rows: dict[tuple[Book, int, int], tuple[int, ...]] = field(default_factory=dict)
    marks: tuple[frozenset[Mark], frozenset[Mark]] = (frozenset(), frozenset())
    """All that were ever recorded: positions forget those that no rebuild needs, the definition needs them all."""
    seals: tuple[frozenset[Seal], frozenset[Seal]] = (frozenset(), frozenset())
    idle_clocks: tuple[int, int] = (NEVER, NEVER)

    def closed(self, of: Terms, basis: int) -> int:
        """Up to where the evaluator may have folded panes of evidence, as far as this partition lets it."""
        topics = {Basis.EVIDENCE_DECISION: (PREDICTIONS,), Basis.EVIDENCE_LABEL: TOPICS}.get(Basis(basis), ())
        clocks = [max(self.position.cursors[topic].clock, self.idle_clocks[topic]) - of.delay for topic in topics]
        return min(clocks, default=NEVER) // of.pane * of.pane


class Database:
    """Each method is one transaction."""

    def __init__(self) -> None:
        self.ledgers: dict[int, Ledger] = {}
        self.lineage = 0
        self._tokens = 0

    def claim(self, part: int) -> Ledger:
        self._tokens += 1
        self.ledgers[part] = replace(self.ledgers.get(part, Ledger()), token=self._tokens)
        ledger = self.ledgers[part]
        return replace(ledger, position=ledger.position.sealed(ledger.idle_clocks))

    def idle(self, part: int, token: int, topic: int, offset: int, clock: int) -> None:
        """`streams.ledger.IDLE` of one topic, whether it was declared idle before or not."""
        old = self.ledgers[part]
        if (old.token, old.position.cursors[topic].offset) == (token, offset):
            clocks = list(old.idle_clocks)
            clocks[topic] = max(clocks[topic], clock)
            self.ledgers[part] = replace(old, idle_clocks=(clocks[0], clocks[1]))

    def commit(self, part: int, token: int, commit: Commit) -> None:
        old = self.ledgers[part]
        if (old.token, old.position.cursors) != (token, commit.expected):
            raise Lost
        rows = dict(old.rows)
        for book, changed in commit.rows.items():
            for start, cell, sums in zip(changed.start.tolist(), changed.cell.tolist(), changed.sums, strict=True):
                key = (book, start, cell)
                rows[key] = tuple((np.array(rows[key]) + sums).tolist()) if key in rows else tuple(sums.tolist())
        low, high = (old.marks[topic] | frozenset(commit.position.marks[topic]) for topic in TOPICS)
        seals = [old.seals[topic] | frozenset(commit.position.seals[topic]) for topic in TOPICS]
        self.ledgers[part] = Ledger(token, commit.position, rows, (low, high), (seals[0], seals[1]), old.idle_clocks)


@dataclass
class Owner:
    """One worker's session of one partition, its token and the commit in flight."""

    session: Session
    token: int
    commit: Commit | None = None
    in_database: bool = False


class World:
    """The log, the database, the workers' disks and the sessions now running; one method per kind of action."""

    def __init__(self, of: Terms) -> None:
        self.terms, self.wrong = of, ""
        self.log, self.database = Log(), Database()
        self.disks: dict[tuple[Any, int], MemoryDisk] = defaultdict(MemoryDisk)
        self.owners: dict[tuple[Any, int], Owner] = {}
        self.backups: list[dict[int, Ledger]] = [{}]
        self.history: dict[tuple[Any, int], list[MemoryDisk]] = defaultdict(list)

    def produce(self, part: int, topic: int, hole: int, *content: Any) -> None:
        self.log.append(part, topic, hole, content)

    def claim(self, worker: Any, part: int) -> None:
        """A rebalance. Whoever owned the partition goes on as a zombie until the database refuses it."""
        ledger = self.database.claim(part)
        store = Store(self.disks[worker, part], self.terms, str(self.database.lineage))
        cells = QualityCells((QUALITY_CELL,), QUALITY_CELL)
        self.owners[worker, part] = Owner(
            Session(self.terms, ledger.position, store, EventReader(), cells), ledger.token
        )

    def deliver(self, worker: Any, part: int, topic: int, size: int, back: int) -> None:
        """A chunk; `back`: the transport hands over older records again, as from a fetch before the seek."""
        if owner := self.owners.get((worker, part)):
            start = max(0, owner.session.offsets[topic] - back)
            owner.session.deliver(self.log.chunk(part, topic, start, size))
            owner.session.at_end(topic, self.log.end(part, topic))

    def skip(self, worker: Any, part: int, topic: int) -> None:
        """The transport loses records: the session must notice."""
        if owner := self.owners.get((worker, part)):
            chunk = self.log.chunk(part, topic, owner.session.offsets[topic] + 1, 3)
            try:
                owner.session.deliver(chunk)
                self.wrong = self.wrong or "a gap in the transport was taken for a hole"
            except Gap:
                pass

    def idle(self, worker: Any, part: int, topic: int) -> None:
        if (owner := self.owners.get((worker, part))) and owner.session.offsets[topic] >= self.log.end(part, topic):
            owner.session.declare_idle(topic, True)

    def seal(self, worker: Any, part: int, topic: int, told: bool) -> None:
        """A topic, read to its end and committed, takes the greatest clock of all partitions; `told`: the worker lives
        to tell the database.
        """
        for of in TOPICS:
            self.deliver(worker, part, of, 10**6, 0)
        self.freeze(worker, part)
        for _ in range(2):
            self.step(worker, part)
        owner = self.owners.get((worker, part))
        if owner is None or owner.session.offsets[topic] < self.log.end(part, topic):
            return
        ledgers = self.database.ledgers.values()
        clock = max(ledger.position.cursors[of].clock for ledger in ledgers for of in {PREDICTIONS, topic})
        if (offset := owner.session.seal(topic, clock)) is not None and told:
            self.database.idle(part, owner.token, topic, offset, clock)

    def freeze(self, worker: Any, part: int) -> None:
        if (owner := self.owners.get((worker, part))) and owner.commit is None:
            owner.commit, owner.in_database = owner.session.freeze(), False

    def step(self, worker: Any, part: int) -> None:
        """The next write of the commit in flight."""
        owner = self.owners.get((worker, part))
        if owner is None or owner.commit is None:
            return
        if not owner.in_database and owner.commit.counted:
            before = self.database.ledgers[part]
            try:
                self.database.commit(part, owner.token, owner.commit)
            except Lost:
                del self.owners[worker, part]
                return
            owner.in_database = True
            self.wrong = self.wrong or self.reopened(before, owner.commit)
            self.backups.append(dict(self.database.ledgers))
            self.wrong = self.wrong or self.compare(part)
            return
        self.history[worker, part].append(copy.deepcopy(self.disks[worker, part]))
        store = owner.session._store
        store.write(owner.commit.batch, owner.commit.position.cursors)
        owner.session.written(owner.commit)
        owner.commit = None

    def crash(self, worker: Any) -> None:
        self.owners = {at: owner for at, owner in self.owners.items() if at[0] != worker}

    def lose(self, worker: Any, part: int, age: int) -> None:
        """The machine dies; its disk is lost (0), or comes back as it was `age` writes ago."""
        self.crash(worker)
        history = self.history[worker, part]
        self.disks[worker, part] = copy.deepcopy(history[-age]) if 0 < age <= len(history) else MemoryDisk()

    def restore(self, age: int) -> None:
        """The database loses its last commits (a fail-over to a replica that was behind)."""
        self.database.ledgers = {p: Ledger() for p in self.database.ledgers} | self.backups[-age:][0]
        self.database.lineage += 1

    def settle(self, worker: Any) -> None:
        """Quiescence: claim all, read to the ends, commit; then another worker does so without a disk."""
        for part in sorted({part for part, _ in self.log.events}):
            for name in (worker, "new"):
                self.claim(name, part)
                for topic in TOPICS * 2:
                    self.deliver(name, part, topic, 10**6, 0)
                for _ in range(2):
                    self.freeze(name, part)
                    self.step(name, part)
                    self.step(name, part)
                owner = self.owners[name, part]
                if owner.session.behind():
                    self.wrong = self.wrong or "did not catch up"
            ends = tuple(self.log.end(part, topic) for topic in TOPICS)
            found = tuple(cursor.offset for cursor in self.database.ledgers[part].position.cursors)
            self.wrong = self.wrong or (self.compare(part) if found == ends else f"stopped at {found} of {ends}")

    def reopened(self, before: Ledger, commit: Commit) -> str:
        """Evidence that a commit has put into panes that the evaluator may have folded: it would never be seen."""
        changed = [(book.basis, int(start)) for book, rows in commit.rows.items() for start in rows.start]
        late = [(basis.name, start) for basis, start in changed if start < before.closed(self.terms, basis)]
        return f"evidence in folded panes: {late}" if late else ""

    def compare(self, part: int) -> str:
        """How the stored rows differ from the definition at their own position."""
        ledger = self.database.ledgers[part]
        read = [[e for e in self.log.events[part, t] if e.offset < ledger.position.cursors[t].offset] for t in TOPICS]
        wanted = right(self.terms, read, ledger.marks, ledger.seals)
        stored: dict[tuple[Book, int, int], Counter[str]] = {}
        for (book, start, cell), sums in ledger.rows.items():
            slots = LAYOUTS[book.basis].slots
            stored[book, start, cell] = Counter({slot: n for slot, n in zip(slots, sums, strict=True) if n})
        wanted = {key: Counter({slot: n for slot, n in sums.items() if n}) for key, sums in wanted.items()}
        pairs = [(key, stored.get(key, Counter()), wanted.get(key, Counter())) for key in stored | wanted]
        return "; ".join(
            f"{k[0].basis.name}/{k[0].label_class}{k[1:]}: stored {dict(a)}, right {dict(b)}"
            for k, a, b in pairs
            if a != b
        )


def right(
    of: Terms,
    prefixes: list[list[Event]],
    marks: tuple[frozenset[Mark], frozenset[Mark]],
    seals: tuple[frozenset[Seal], frozenset[Seal]],
) -> dict[tuple[Book, int, int], Counter[str]]:
    """The definition. Clocks, lateness, duplicates and labels by search in the whole prefixes."""
    rows: dict[tuple[Book, int, int], Counter[str]] = defaultdict(Counter)
    fresh: tuple[list[tuple[Event, int]], list[tuple[Event, int]]] = ([], [])
    for topic, name in ((PREDICTIONS, "predictions"), (OUTCOMES, "outcomes")):
        timely: list[Event] = []
        for event in prefixes[topic]:
            if not event.id:
                rows[Book(Basis.QUALITY), event.timestamp // of.pane * of.pane, QUALITY_CELL]["dead_letters"] += 1
        events = [event for event in prefixes[topic] if event.id]
        for n, event in enumerate(events, 1):
            idle = [m.clock for m in marks[topic] if m.idle and m.offset <= event.offset]
            clock = max([e.time for e in events[:n]] + idle)
            quality = rows[Book(Basis.QUALITY), clock // of.pane * of.pane, QUALITY_CELL]
            quality[name] += 1
            if event.time < clock - of.lateness:
                quality[f"{name}_late"] += 1
                continue
            same = [e for e in timely if (e.id, e.variant) == (event.id, event.variant)]
            if any(e.time >= clock - of.memory for e in same):
                quality[f"{name}_duplicate"] += 1
            else:
                complete = max([clock] + [seal.clock for seal in seals[topic] if seal.offset <= event.offset])
                open_since = (complete - of.delay) // of.pane * of.pane
                fresh[topic].append((event, max(event.time // of.pane * of.pane, open_since)))
            timely.append(event)
    labelled: set[Event] = set()
    for prediction, booked in fresh[PREDICTIONS]:
        book(rows, prediction.cell, decided(of, prediction, booked))
        found = [
            (o, b) for o, b in fresh[OUTCOMES]
            if o.id == prediction.id and -of.lateness <= o.time - prediction.time <= of.horizon
        ][:1]  # fmt: skip
        for outcome, outcome_booked in found:
            labelled.add(outcome)
            book(rows, prediction.cell, labels(of, prediction, outcome, max(booked, outcome_booked)))
    for outcome, _ in fresh[OUTCOMES]:
        quality = rows[Book(Basis.QUALITY), outcome.time // of.pane * of.pane, QUALITY_CELL]
        quality += Counter({"received": 1, "matched": int(outcome in labelled)})
        rows[Book(Basis.QUALITY), outcome.time // of.pane * of.pane, QUALITY_CELL] = quality
    return rows


Raised = Iterator[tuple[Basis | Book, int, Mapping[str, int]]]
"""In which panes an event is counted, and the slots it raises there."""


def book(rows: dict[tuple[Book, int, int], Counter[str]], cell: int, raised: Raised) -> None:
    for basis, start, sums in raised:
        rows[basis if isinstance(basis, Book) else Book(basis), start, cell].update(sums)


def decided(of: Terms, prediction: Event, booked: int) -> Raised:
    said, hour = content(prediction), prediction.time // HOUR * HOUR
    yield Basis.DECISION, prediction.time // of.pane * of.pane, decision_sums(said)
    yield Basis.EVIDENCE_DECISION, booked, decision_sums(said)
    if said.score is not None:
        yield Basis.SCORES, hour, {f"score_bin_{hundredth(said.score)}": 1}
    if said.slot is not None:
        yield Basis.VALUES, hour, {said.slot: 1}
    for number, name in enumerate(CLASSES, 1):
        yield Book(Basis.DECISION, number), hour, class_sums(said, name)
        yield Book(Basis.WEIGHTS_DECISION, number), hour, weighted(said, class_sums(said, name))
    yield Basis.WEIGHTS_DECISION, hour, weighted(said, decision_sums(said))
    yield Basis.WEIGHTS_SCORES, hour, weighted_score_sums(said)
    yield Basis.WEIGHTS_VALUES, hour, weighted_value_sums(said)


def labels(of: Terms, prediction: Event, outcome: Event, booked: int) -> Raised:
    pair = content(prediction), content(outcome)
    hours = [event.time // HOUR * HOUR for event in (prediction, outcome)]
    yield Basis.LABEL_DECIDED, hours[0], label_sums(*pair)
    yield Basis.LABEL_ARRIVED, outcome.time // of.pane * of.pane, label_sums(*pair)
    yield Basis.EVIDENCE_LABEL, booked, label_sums(*pair)
    yield Basis.LABEL_SCORES_DECIDED, hours[0], label_score_sums(*pair)
    yield Basis.LABEL_SCORES_ARRIVED, hours[1], label_score_sums(*pair)
    yield Basis.ERRORS_DECIDED, hours[0], error_sums(*pair)
    yield Basis.ERRORS_ARRIVED, hours[1], error_sums(*pair)
    yield Basis.ERROR_POWERS_DECIDED, hours[0], power_sums(*pair)
    yield Basis.ERROR_POWERS_ARRIVED, hours[1], power_sums(*pair)
    for number, name in enumerate(CLASSES, 1):
        versus = class_label_sums(*pair, name)
        yield Book(Basis.LABEL_DECIDED, number), hours[0], versus
        yield Book(Basis.WEIGHTS_LABEL_DECIDED, number), hours[0], weighted(pair[0], versus)
    yield Basis.WEIGHTS_LABEL_DECIDED, hours[0], weighted(pair[0], label_sums(*pair))
    yield Basis.WEIGHTS_LABEL_ARRIVED, hours[1], weighted(pair[0], label_sums(*pair))
    yield Basis.WEIGHTS_ERRORS_DECIDED, hours[0], weighted_error_sums(*pair)
    yield Basis.WEIGHTS_ERRORS_ARRIVED, hours[1], weighted_error_sums(*pair)
    yield Basis.WEIGHTS_SCORES_DECIDED, hours[0], weighted_label_score_sums(*pair)
    yield Basis.WEIGHTS_SCORES_ARRIVED, hours[1], weighted_label_score_sums(*pair)


Action = tuple[Any, ...]


def generate(rng: Random, world: World, length: int, restores: bool) -> list[Action]:
    """Draw and apply actions. Few ids and fast time make every rule matter; each schedule favours other actions."""
    actions: list[Action] = []
    now, workers, parts = 200, rng.choice((1, 2, 3)), rng.choice((1, 2, 3))
    pace, lag = rng.choice((0.2, 1)), rng.choice((0, 0, 6, 60))  # lag: of each partition behind the one before
    favour = [rng.choice((0.2, 1, 1, 4)) for _ in range(12)]
    for _ in range(length):
        now += rng.choice((0, 0, 0, 1, 1, 2, 5)) if rng.random() < pace else 0
        worker, part, topic = rng.randrange(workers), rng.randrange(parts), rng.choice(TOPICS)
        at = rng.choice(list(world.owners)) if world.owners else (worker, part)
        time = (now - part * lag - rng.choice((0, 0, 0, 1, 2, 3, 6))) * UNIT + rng.randrange(2)
        variant = rng.choice((1, 1, 1, 2)) if topic == PREDICTIONS else 0
        content = (
            rng.choice(("a", "b", "c", "a", "b", "c", "")),
            time,
            rng.choice((10, 20)) + variant if variant else 0,
            variant,
            rng.randrange(2),
        )
        if rng.random() < 0.25 and (log := world.log.events[part, topic]):
            old = rng.choice(log)  # the producer sends it again, unchanged or with other content
            content = old[1:] if rng.random() < 0.5 else (old.id, old.time + rng.randrange(4) * UNIT, *content[2:])
        choices = {
            ("produce", part, topic, rng.choice((0, 0, 1)), *content): 30,
            ("deliver", *at, topic, rng.choice((1, 2, 4, 9)), rng.choice((0, 0, 2))): 30,
            ("freeze", *at): 10,
            ("step", *at): 20,
            ("claim", worker, part): 5,
            ("crash", worker): 2,
            ("lose", *at, rng.randrange(4)): 2,
            ("idle", *at, topic): 5,
            ("seal", *at, topic, rng.random() < 0.8): 10,
            ("restore", rng.randrange(1, 4)): int(restores),
        }
        weights = [weight * f for weight, f in zip(choices.values(), favour, strict=False)]
        actions.append(rng.choices(list(choices), weights)[0])
        apply(world, actions[-1])
    return [*actions, ("settle", rng.randrange(workers))]


def apply(world: World, action: Action) -> None:
    if not world.wrong:
        getattr(world, action[0])(*action[1:])


def run(of: Terms, actions: list[Action]) -> str:
    """What is wrong after these actions; empty if nothing is."""
    world = World(of)
    for action in actions:
        apply(world, action)
    return world.wrong


def shrunk(actions: list[Action], wrong: Callable[[list[Action]], str]) -> list[Action]:
    """The failing actions without those that the failure does not need; `wrong` says what is wrong after some."""
    for size in (64, 32, 16, 8, 4, 2, 1, 1, 1):
        for start in range(len(actions) // size * size, -1, -size):
            shorter = actions[:start] + actions[start + size :]
            if wrong(shorter):
                actions = shorter
    return actions
