"""Tells the story: sends a step of events, waits until fairdrift has drawn its conclusions, obeys them, and goes on.

Everything outside is behind the port `World`, so that the whole story is also told in a test with a world made of a few
lines. The director decides nothing about parity: it notes what fairdrift measured, concluded and sent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from streams.demo.bank import Bank, Message
from streams.demo.picture import Reading
from streams.demo.policy import Offers
from streams.demo.router import Routed
from streams.demo.screen import Now, Screen
from streams.demo.story import Account, Chapter, Counts, Moment, account
from streams.demo.timeline import DAY, Timeline
from streams.demo.traffic import Applications


@dataclass(frozen=True, slots=True)
class Change:
    """The alert started firing (`firing`) or ended (`resolved`) at the end of a pane (ms, simulated)."""

    state: str
    pane_end_ms: int


@dataclass(frozen=True, slots=True)
class Page:
    """A webhook with a valid signature: about `firing` or `resolved`, its summary, and the real seconds since the events were sent."""

    state: str
    summary: str
    seconds: float


class World(Protocol):
    """What lies outside the director: fairdrift and its surroundings."""

    def publish(self, predictions: Sequence[Message], outcomes: Sequence[Message]) -> None:
        """Send the events of a step; returns when the broker has them."""

    def settle(self) -> None:
        """Wait until what was published is evaluated, as far as event time allows, and what was concluded has been delivered."""

    def readings(self) -> list[Reading]:
        """What was measured since the last call, in order of time."""

    def changes(self) -> list[Change]:
        """What the alert did since the last call, in order."""

    def pages(self) -> list[Page]:
        """The webhooks that came since the last call, in order."""

    def routed(self) -> Routed:
        """The router, as it was told."""

    def begin(self, version: str) -> None:
        """Somebody begins the canary plan for a repaired version."""

    def counted(self) -> int:
        """The predictions in fairdrift's stored panes."""

    def repaid(self) -> dict[str, float]:
        """Sex -> the share of the approved that repaid, as fairdrift measured it last; empty if it did not."""


@dataclass(frozen=True, slots=True)
class Script:
    """What happens unless fairdrift prevents it: who applies when, and the versions. `pace` is the least real seconds for a day."""

    timeline: Timeline
    applications: Applications
    before: Offers
    after: Offers
    fallback: Offers
    repaired: Offers
    bound: float
    pace: float = 0.0


STEPS = {
    ("shadow", None): Chapter.SHADOWED,
    ("canary", 1.0): Chapter.CANARY,
    ("canary", 25.0): Chapter.WIDENED,
    ("live", None): Chapter.RESTORED,
}
"""The steps of the plan in deploy/demo/fairdrift.yaml, as routes."""

WORDS = {
    Chapter.SHADOWED: "repaired, it scores in shadow while the rules decide",
    Chapter.CANARY: "inside the bound in shadow; it decides 1%",
    Chapter.WIDENED: "inside the bound; it decides 25%",
    Chapter.RESTORED: "inside the bound; it is live",
}


def _deciding(router: Routed, arms: Mapping[str, Offers]) -> str:
    """Who decides, in a few words."""
    state = router.state
    if state["route"] == "canary":
        return f"{state['percent']:g}% {arms['canary'].version}, {arms[state['rest']].version}"
    return arms[state["rest"] if state["route"] == "shadow" else state["route"]].version


@dataclass(slots=True)
class Director:
    """Plays the script in a world and shows it on a screen."""

    script: Script
    bank: Bank
    world: World
    screen: Screen
    moments: list[Moment] = field(default_factory=list)
    seconds_to_webhook: float | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Now = field(init=False)

    def __post_init__(self) -> None:
        self.now = Now(self.script.timeline, self.script.bound, self.script.timeline.start_ms)

    def play(self) -> Account:
        """The whole period, step by step; the account of what happened."""
        now, timeline, began = self.now, self.script.timeline, self.monotonic()
        while now.time_ms < timeline.end_ms:
            self._step(now, timeline.next(now.time_ms, self._length(now.time_ms)))
            now.seconds = self.monotonic() - began
            self.screen.show(now)
            behind = (now.time_ms - timeline.start_ms) / DAY * self.script.pace - now.seconds
            if behind > 0:
                self.sleep(behind)
        counts = Counts(
            self.bank.tallies, self.world.counted(), self.seconds_to_webhook, self.world.repaid(), self.bank.arms
        )
        return account(self.moments, counts, timeline)

    def _step(self, now: Now, end_ms: int) -> None:
        step, router = self.script.applications.since(now.time_ms).before(end_ms), self.world.routed()
        if router.state["route"] == "fallback" and len(step):
            words = "the router sends applications to the fallback rules"
            self._once(now, Chapter.SWITCHED, int(step.time[0]), words, "bold green")
        arms = self._arms(now, router)
        shadow = replace(self.script.repaired, arm="shadow") if router.shadow else None
        now.deciding = _deciding(router, arms)
        messages = self.bank.decide(step, lambda key: arms[router.arm(key)], shadow)
        self.world.publish(messages, self.bank.outcomes(end_ms))
        now.decided, now.time_ms = now.decided + len(step), end_ms
        self.world.settle()
        self._observe(now)
        self._repair(now)

    def _arms(self, now: Now, router: Routed) -> dict[str, Offers]:
        """The version behind each arm; the one that is deployed stays it until another has come all the way."""
        script, live = self.script, self.script.before
        if router.version == script.repaired.version:
            live = script.repaired
        elif now.time_ms >= script.timeline.deploy_ms:
            live = script.after
            if router.state["route"] == "live":
                words = "limits-2 is deployed; nobody knows yet what it does to women's limits"
                self._once(now, Chapter.DEPLOYED, now.time_ms, words, "bold yellow")
        return {"live": live, "canary": replace(script.repaired, arm="canary"), "fallback": script.fallback}

    def _repair(self, now: Now) -> None:
        """Half a day after the alert has resolved the version is repaired, and somebody begins the plan."""
        over = self._time_of(Chapter.STOOD_DOWN)
        if over is None or now.time_ms < over + self.script.timeline.repair_ms:
            return
        if self._time_of(Chapter.SHADOWED) is None:
            self.world.begin(self.script.repaired.version)
        self._follow(now)

    def _follow(self, now: Now) -> None:
        """Note how far the plan has let the repaired version in."""
        state = self.world.routed().state
        chapter = STEPS.get((state["route"], state["percent"]))
        if chapter is not None and state["version"] == self.script.repaired.version:
            self._once(now, chapter, now.time_ms, f"{state['version']}: {WORDS[chapter]}", "bold cyan")

    def _observe(self, now: Now) -> None:
        """Note what fairdrift did about the step that was sent last."""
        now.readings.extend(readings := self.world.readings())
        changes = self.world.changes()
        for change in changes:
            if change.state == "firing":
                self._note(now, Chapter.FIRED, change.pane_end_ms, "the alert fires", "bold red")
        for page in (pages := self.world.pages()):
            if page.state == "firing":
                self.seconds_to_webhook = page.seconds
                self._note(now, Chapter.PAGED, now.time_ms, f"webhook, signature valid: {page.summary}", "red")
        if self.world.routed().state["route"] == "fallback":
            self._once(
                now,
                Chapter.SIGNALLED,
                now.time_ms,
                "rollback signal on fairdrift.control: route to the fallback",
                "bold magenta",
            )
        self._ending(now, readings, changes, pages)

    def _ending(self, now: Now, readings: Sequence[Reading], changes: Sequence[Change], pages: Sequence[Page]) -> None:
        switched = self._time_of(Chapter.SWITCHED)
        back = [
            reading
            for reading in readings
            if switched is not None and reading.end_ms > switched and reading.ratio >= self.script.bound
        ]
        if back:
            self._once(
                now,
                Chapter.RECOVERED,
                back[0].end_ms,
                f"over twelve hours parity is inside the bound: ratio {back[0].ratio:.2f}",
                "bold green",
            )
        for change in changes:
            if change.state == "resolved":
                self._note(now, Chapter.RESOLVED, change.pane_end_ms, "the alert resolves", "bold green")
        for page in pages:
            if page.state == "resolved":
                self._note(now, Chapter.STOOD_DOWN, now.time_ms, f"webhook, signature valid: {page.summary}", "green")

    def _length(self, time_ms: int) -> int:
        """Short steps from the deployment until the alert has resolved (or for three days), middling ones while a plan runs."""
        timeline = self.script.timeline
        if timeline.deploy_ms <= time_ms < timeline.deploy_ms + 3 * DAY and self._time_of(Chapter.STOOD_DOWN) is None:
            return timeline.watchful_ms
        running = self._time_of(Chapter.STOOD_DOWN) is not None and self._time_of(Chapter.RESTORED) is None
        return timeline.plan_ms if running else timeline.quiet_ms

    def _time_of(self, chapter: Chapter) -> int | None:
        return next((moment.at_ms for moment in self.moments if moment.chapter is chapter), None)

    def _once(self, now: Now, chapter: Chapter, at_ms: int, words: str, style: str) -> None:
        if self._time_of(chapter) is None:
            self._note(now, chapter, at_ms, words, style)

    def _note(self, now: Now, chapter: Chapter, at_ms: int, words: str, style: str) -> None:
        self.moments.append(Moment(chapter, at_ms, words))
        now.log.append((at_ms, style, words))
        self.screen.tell(at_ms, now, style, words)
