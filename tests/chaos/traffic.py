"""Seeded events with everything that goes wrong in production, in simulated time. Pure: a function of seed and steps.

Predictions of two models in several versions and arms, their outcomes (early, in time, beyond the horizon, twice, of nobody),
redeliveries unchanged and altered, late and too late events, undeclared and missing values, arrays, tombstones, garbage.
Now and then one group is treated worse for a while (`Phase`), which the rule of `config.yaml` must see each time.
"""

import heapq
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, NamedTuple

MINUTE, HOUR = 60_000, 3_600_000
PREDICTIONS, OUTCOMES = "predictions", "outcomes"
CALM, BREACH = "calm", "breach"


class Message(NamedTuple):
    """What to send: `key` decides the partition unless `partition` does; `timestamp` in ms."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    partition: int | None = None


@dataclass(slots=True)
class Tally:
    """What was made, by kind."""

    kinds: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, n: int = 1) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + n


CLASSES = ("offer", "refer", "decline")
"""What `pricing` decides, and what would have been right."""

Event = dict[str, Any]
PartitionOf = Callable[[bytes], int]


class Traffic:
    """The world that sends events. `now` is simulated; `phase` is how the groups are treated at present."""

    def __init__(self, seed: int, start_ms: int, partition_of: PartitionOf) -> None:
        self.now, self.phase, self.tally = start_ms, CALM, Tally()
        self.outcomes_silent = False
        self._rng, self._partition_of = Random(seed), partition_of
        self._due: list[tuple[int, int, Event]] = []  # outcomes to come, by simulated time
        self._recent: deque[tuple[str, Event]] = deque(maxlen=4_000)
        self._made = 0

    def step(self, advance_ms: int, predictions: int) -> Iterator[Message]:
        """Let simulated time pass and so many people be decided on."""
        start, rng = self.now, self._rng
        for n in range(predictions):
            self.now = start + advance_ms * (n + 1) // predictions
            if not self.outcomes_silent:
                yield from self._outcomes()
            yield from self._decide()
            if rng.random() < 0.05:
                yield self._again()
            if rng.random() < 0.02:
                yield self._garbage()
        self.now = start + advance_ms

    def jump(self, advance_ms: int) -> Iterator[Message]:
        """A night: time passes and only outcomes come."""
        end = self.now + advance_ms
        while self._due and self._due[0][0] <= end:
            self.now = max(self.now, self._due[0][0])
            yield from self._outcomes()
        self.now = end

    # --- predictions

    def _decide(self) -> Iterator[Message]:
        rng = self._rng
        event = self._prediction()
        copies = [event]
        if rng.random() < 0.06:  # a shadow scores the same request, and another version's canary
            copies.append(event | {"arm": "shadow", "version": "3", "decision": rng.random() < 0.5})
        if rng.random() < 0.03 and not self.outcomes_silent:
            self.tally.add("early outcomes")
            early = self._outcome(event, self._back(rng.randrange(10 * MINUTE)))
            yield self._message(OUTCOMES, early)
        elif rng.random() < 0.6:
            self._schedule(event)
        if rng.random() < 0.05:
            yield self._array(copies)
            return
        for copy in copies:
            self._recent.append((PREDICTIONS, copy))
            yield self._message(PREDICTIONS, copy)

    def _prediction(self) -> Event:
        rng = self._rng
        self._made += 1
        self.tally.add("predictions")
        sex = rng.choices(("F", "M", None, "X"), (48, 48, 2, 2))[0]
        shares = (
            {"F": 0.2, "M": 0.8} if self.phase == BREACH else {"F": 0.8, "M": 0.5}
        )  # so that it is proven to be over
        share = shares.get(sex or "", 0.5)
        credit = rng.random() < 0.8
        event: Event = {
            "id": f"{rng.getrandbits(32):08x}-{self._made}", "model": "credit" if credit else "pricing",
            "version": rng.choice("12"), "time": self._written(self._event_time()),
            "attributes": {"sex": sex, "age": rng.choice((rng.randrange(15, 95), rng.randrange(15, 95), None, "old"))},
        }  # fmt: skip
        if credit:
            event["decision"] = rng.random() < share
            event["factors"] = {"income": rng.choice("123")}
        elif rng.random() < 0.8:
            event["decision"] = rng.choice(CLASSES)
        if rng.random() < 0.8:
            event["score"] = rng.randrange(10**6) / 10**6
        if not credit or rng.random() < 0.5:
            event["value"] = rng.randrange(-500_00, 200_000_00) / 100
        if rng.random() < 0.1:
            event["arm"] = rng.choice(("live", "canary", "fallback"))
        if rng.random() < 0.03:
            del event["attributes"]
        if rng.random() < 0.7:  # of both models, of which one looks at it
            event["weight"] = rng.choice((1, 0.5, rng.randrange(1, 10**9) / 10**6, rng.random() * 2000 + 1e-6))
        return event

    def _array(self, events: list[Event]) -> Message:
        """Several events in one message; their ids belong to the partition of the first."""
        self.tally.add("arrays")
        here = self._partition_of(events[0]["id"].encode())
        while len(events) < self._rng.randrange(2, 9):
            other = self._prediction()
            if self._partition_of(other["id"].encode()) == here:
                events.append(other)
                self._schedule(other)
        elements = [*events, "no event"] if self._rng.random() < 0.1 else events
        body = json.dumps(elements).encode()
        return Message(PREDICTIONS, events[0]["id"].encode(), body, self.now)

    # --- outcomes

    def _schedule(self, event: Event) -> None:
        rng = self._rng
        delay = rng.choice((rng.randrange(30 * MINUTE), rng.randrange(30 * MINUTE), rng.randrange(8 * HOUR)))
        for repeat in range(2 if rng.random() < 0.03 else 1):
            at = self.now + delay + repeat * rng.randrange(4 * HOUR)
            heapq.heappush(self._due, (at, rng.getrandbits(48), self._outcome(event, at)))

    def _outcome(self, event: Event, at: int) -> Event:
        rng = self._rng
        outcome: Event = {"id": event["id"], "model": event["model"], "time": self._written(at)}
        if event["model"] == "credit" or rng.random() < 0.5:
            outcome["label"] = rng.random() < 0.7 if event["model"] == "credit" else rng.choice(CLASSES)
        if "label" not in outcome or rng.random() < 0.4:
            outcome["value"] = rng.randrange(200_000_00) / 100
        return outcome

    def _outcomes(self) -> Iterator[Message]:
        while self._due and self._due[0][0] <= self.now:
            event = heapq.heappop(self._due)[2]
            self.tally.add("outcomes")
            self._recent.append((OUTCOMES, event))
            yield self._message(OUTCOMES, event)
        if self._rng.random() < 0.01:
            self.tally.add("outcomes of nobody")
            nobody = {"id": f"nobody-{self._rng.getrandbits(40):x}", "model": "credit"}
            yield self._message(OUTCOMES, self._outcome(nobody, self.now))

    # --- what goes wrong

    def _again(self) -> Message:
        """A producer sends something again: unchanged, with another content, or later."""
        rng = self._rng
        topic, event = rng.choice(self._recent) if self._recent else (PREDICTIONS, self._prediction())
        kind = rng.choice(("unchanged", "unchanged", "altered", "later"))
        self.tally.add(f"redelivered {kind}")
        if kind == "altered":
            event = event | {"value": rng.randrange(10**6) / 100}
        if kind == "later":
            event = event | {"time": self._written(self._event_time())}
        return self._message(topic, event)

    def _garbage(self) -> Message:
        rng = self._rng
        self.tally.add("garbage and tombstones")
        topic, event = rng.choice((PREDICTIONS, OUTCOMES)), self._prediction() | {"label": True}
        spoilt = rng.choice(GARBAGE)(event)
        if spoilt is None or isinstance(spoilt, bytes):
            return Message(topic, rng.randbytes(4), spoilt, self.now)
        return self._message(topic, spoilt)

    # --- time

    def _event_time(self) -> int:
        """Nearly now; some late, few too late."""
        draw, rng = self._rng.random(), self._rng
        if draw < 0.93:
            return self._back(rng.randrange(15_000))
        if draw < 0.98:
            self.tally.add("late")
            return self._back(rng.randrange(25 * MINUTE))
        self.tally.add("too late or nearly")
        return self._back(rng.randrange(20 * MINUTE, 3 * HOUR))

    def _back(self, ms: int) -> int:
        return self.now - ms

    def _written(self, ms: int) -> str | int:
        """A time as producers write it: UTC, epoch milliseconds, or with an offset."""
        form = self._rng.choice("zzzznp")
        if form == "n":
            return ms
        zone = UTC if form == "z" else timezone(timedelta(hours=self._rng.randrange(-9, 10), minutes=30))
        text = datetime.fromtimestamp(ms // 1000, zone).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}"
        if form == "z":
            return text + "Z"
        offset = zone.utcoffset(None) or timedelta()
        minutes = int(offset.total_seconds()) // 60
        return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

    def _message(self, topic: str, event: Event) -> Message:
        key = event.get("id")
        return Message(topic, key.encode() if isinstance(key, str) else b"?", json.dumps(event).encode(), self.now)


GARBAGE: list[Callable[[Event], Event | bytes | None]] = [
    lambda event: None,  # a tombstone: counted nowhere
    lambda event: b"",
    lambda event: b"\xff\xfe not UTF-8",
    lambda event: b'{"id": "cut off',
    lambda event: b"[1, 2, 3]",
    lambda event: b'"text"',
    lambda event: json.dumps(event).replace('"id"', '"score": NaN, "id"').encode(),
    lambda event: b"[" * 5_000,
    lambda event: b'{"id": "' + b"x" * 1_200_000 + b'"}',
    lambda event: event | {"model": "nobody knows"},
    lambda event: event | {"model": 7},
    lambda event: event | {"id": ""},
    lambda event: event | {"id": "i" * 10_000},
    lambda event: event | {"time": "yesterday"},
    lambda event: event | {"time": "9999-01-01T00:00:00Z"},
    lambda event: event | {"time": "0001-01-01T00:00:00Z"},
    lambda event: event | {"time": None},
    lambda event: event | {"value": 1e30},
    lambda event: event | {"decision": "perhaps", "label": "perhaps"},
    lambda event: {"id": event["id"], "model": event["model"], "time": event["time"]},
]
"""Ways to spoil an event. Each is a dead letter in both topics, but for the tombstone."""
