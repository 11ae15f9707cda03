"""The bank of the demo: decides each application with the version in force, and reports outcomes when they are known.

It knows nothing of fairdrift. It writes the two kinds of events that fairdrift reads, and keeps its own count of what it
decided, from which the account at the end is made: so the account does not rest on what fairdrift says.
"""

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.demo.clients import Clients
from streams.demo.policy import Offers
from streams.demo.traffic import Application, Applications

MODEL = "credit-limit"

Choose = Callable[[str], Offers]
"""The version that decides for a key."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish: its key is the prediction's id, its time the event's (ms)."""

    key: bytes
    value: bytes
    time_ms: int


@dataclass(slots=True)
class Tally:
    """What one version did to one sex: applications decided, approved, the sum of limits, and what they fell short of `limits-1`."""

    decided: int = 0
    approved: int = 0
    limits: int = 0
    shortfall: int = 0


@dataclass(slots=True)
class Bank:
    """Decides and reports, one step at a time. `usual` is the version against which a shortfall is counted.

    `arms` counts the predictions by arm; those in `shadow` decided nothing.
    """

    clients: Clients
    usual: Offers
    tallies: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    arms: Counter[str] = field(default_factory=Counter)
    _pending: list[tuple[int, str, bool]] = field(default_factory=list)

    def decide(self, step: Applications, choose: Choose, shadow: Offers | None = None) -> list[Message]:
        """The prediction events of a step's applications; outcomes of the approved are noted for later.

        `choose` says which version decides for a key (the router's answer); `shadow` scores each application as well.
        """
        messages = []
        for application in step:
            key = f"application-{application.number:07d}"
            messages.append(self._decide(application, key, choose(key)))
            if shadow is not None:
                messages.append(self._event(application, key, shadow))
        return messages

    def outcomes(self, until_ms: int) -> list[Message]:
        """The outcome events that become known before `until_ms`, in order of time: label true means that the client repaid."""
        messages = []
        while self._pending and self._pending[0][0] < until_ms:
            time_ms, key, repaid = heapq.heappop(self._pending)
            messages.append(_message(key, time_ms, {"id": key, "model": MODEL, "time": time_ms, "label": repaid}))
        return messages

    def _decide(self, application: Application, key: str, offers: Offers) -> Message:
        client = application.client
        approved, limit = bool(offers.approved[client]), int(offers.limit[client])
        if approved:
            heapq.heappush(self._pending, (application.known, key, bool(self.clients.repaid[client])))
        self._count(client, approved, limit, offers.version)
        return self._event(application, key, offers)

    def _event(self, application: Application, key: str, offers: Offers) -> Message:
        client = application.client
        approved = bool(offers.approved[client])
        self.arms[offers.arm] += 1
        event: dict[str, Any] = {"id": key, "model": MODEL, "version": offers.version, "arm": offers.arm}
        event |= {"time": application.time, "decision": approved}
        if offers.score is not None:
            event["score"] = round(float(offers.score[client]), 6)
        if approved:
            event["value"] = int(offers.limit[client])
        event |= self._person(client)
        return _message(key, application.time, event)

    def _person(self, client: int) -> dict[str, Any]:
        """The protected attributes and the legitimate factor of a client, as an event has them."""
        people = self.clients
        return {
            "attributes": {
                "sex": people.sex[client],
                "age": int(people.age[client]),
                "education": people.education[client],
            },
            "factors": {"repayment": people.band[client]},
        }

    def _count(self, client: int, approved: bool, limit: int, version: str) -> None:
        tally = self.tallies[version, self.clients.sex[client]]
        tally.decided += 1
        tally.approved += approved
        tally.limits += limit
        tally.shortfall += max(0, int(self.usual.limit[client]) - limit) if approved else 0


def _message(key: str, time_ms: int, event: dict[str, Any]) -> Message:
    return Message(key.encode(), json.dumps(event, separators=(",", ":")).encode(), time_ms)
