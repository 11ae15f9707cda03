"""The whole story in a world of a few lines: windows of twelve hours, a bound on the ratio's interval, `for` 30 minutes."""

import io
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import norm

from streams.demo.bank import Bank
from streams.demo.director import Change, Director, Page, Script
from streams.demo.picture import Reading
from streams.demo.screen import Plain
from streams.demo.story import Chapter
from streams.demo.timeline import DAY, HOUR, Timeline
from streams.demo.traffic import applications

from .conftest import START

PANE, WINDOW, FOR, KEEP = HOUR // 2, 12 * HOUR, HOUR // 2, 3 * HOUR
Z = norm.ppf(1 - 0.05 / 2 / 2)  # cautious: as if two groups were compared with men


@dataclass(frozen=True)
class Told:
    """A router that was told this route."""

    route: str = "live"
    percent: float | None = None
    version: str = ""

    @property
    def state(self):
        return {"route": self.route, "percent": self.percent, "rest": "fallback", "version": self.version}

    @property
    def shadow(self):
        return self.route == "shadow"

    def arm(self, key):
        if self.route == "canary" and int(key[-2:]) < (self.percent or 0):
            return "canary"
        return "fallback" if self.route in ("canary", "shadow") else self.route


class SmallWorld:
    """fairdrift in a few lines, written from the documentation of the rule; the ratio's interval by the delta method on its logarithm."""

    def __init__(self, fires=True):
        self.begun, self.shadowed = None, 0
        self.fires, self.rows, self.evaluated, self.firing_since, self.breach = fires, [], None, None, (None, None)
        self.new: dict[str, list[Any]] = {"readings": [], "changes": [], "pages": []}
        self.router = Told()

    def publish(self, predictions, outcomes):
        for message in predictions:
            event = json.loads(message.value)
            self.shadowed += event["arm"] == "shadow"
            if event["arm"] == "shadow":
                continue
            self.rows.append((event["time"], event["attributes"]["sex"] == "female", event.get("value", np.nan)))

    def settle(self):
        times = np.array([row[0] for row in self.rows])
        women = np.array([row[1] for row in self.rows])
        values = np.array([row[2] for row in self.rows])
        last = (times[-1] - 60_000) // PANE * PANE
        for end in range((self.evaluated or START + WINDOW) + PANE, last + 1, PANE):
            window = (times >= end - WINDOW) & (times < end) & ~np.isnan(values)
            self._look(end, values[window & women], values[window & ~women])
            self.evaluated = end
            self._plan(end)

    def _look(self, end, women, men):
        ratio = women.mean() / men.mean()
        error = np.sqrt(sum(side.var() / len(side) / side.mean() ** 2 for side in (women, men)))
        low, high = ratio * np.exp(-Z * error), ratio * np.exp(Z * error)
        self.new["readings"].append(Reading(end, ratio, low, high, women.mean(), men.mean()))
        first, last = self.breach
        if high < 0.8 and self.fires:
            self.breach = (first or end, end)
            if self.firing_since is None and end - self.breach[0] >= FOR:
                self.firing_since, self.router = end, Told("fallback")
                self._tell("firing", end)
        elif self.firing_since and ratio >= 0.8 and end - last >= KEEP:
            self.firing_since, self.breach = None, (None, None)
            self._tell("resolved", end)
        elif self.firing_since is None:
            self.breach = (None, None)

    def _tell(self, state, end):
        self.new["changes"].append(Change(state, end))
        self.new["pages"].append(Page(state, f"credit-limit {state}", 0.5))

    def _take(self, what):
        taken, self.new[what] = self.new[what], []
        return taken

    def readings(self):
        return self._take("readings")

    def changes(self):
        return self._take("changes")

    def pages(self):
        return self._take("pages")

    def routed(self):
        return self.router

    def begin(self, version):
        self.begun, self.router = self.evaluated, Told("shadow", version=version)

    def _plan(self, end):
        """A step a day, for those who have begun."""
        steps = [Told("shadow"), Told("canary", 1.0), Told("canary", 25.0), Told("live")]
        if self.begun is not None:
            at = min(3, (end - self.begun) // DAY)
            self.router = replace(steps[at], version="limits-3")

    def repaid(self):
        return {}

    def counted(self):
        return len(self.rows) + self.shadowed


@pytest.fixture
def script(cast):
    timeline = Timeline(START, days=8, deploy_day=3)
    some = applications(timeline, 4_000, len(cast.clients), seed=7)
    return Script(timeline, some, cast.before, cast.after, cast.fallback, cast.repaired, bound=0.8)


def directed(script, cast, world):
    out = io.StringIO()
    screen = Plain(Console(file=out, width=200))
    return Director(script, Bank(cast.clients, cast.before), world, screen), out


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_the_story_is_told_in_order_and_the_page_comes_within_hours(script, cast, seed):
    script = replace(script, applications=applications(script.timeline, 4_000, len(cast.clients), seed=seed))
    director, out = directed(script, cast, SmallWorld())
    told = director.play()
    assert told.missing == () and told.complete
    assert [moment.chapter for moment in director.moments] == list(Chapter)
    assert 3 < told.hours_to_page < 9  # the window must fill with the new version; measured 5.75 to 7.5 over six seeds
    assert told.hours_to_switch - told.hours_to_page < 1.6  # at most a step and the first application after it
    assert told.hours_to_resolve - told.hours_to_switch < 10
    assert told.decided == len(script.applications) and told.predictions_counted == told.decided + told.shadowed
    assert told.shadowed > 2_000 and 500 < told.canaried < 2_000  # a day in shadow; a day at 1% and one at 25% of 4,000
    assert "* the alert fires" in out.getvalue()


def test_before_the_deployment_the_interval_lies_inside_the_bound(script, cast, monkeypatch):
    director, _ = directed(script, cast, world := SmallWorld(fires=False))
    seen: list[Any] = []
    take = world.readings

    def readings():
        new = take()
        seen.extend(new)
        return new

    monkeypatch.setattr(world, "readings", readings)
    director.play()
    before = [reading for reading in seen if reading.end_ms <= script.timeline.deploy_ms]
    after = [reading for reading in seen if reading.end_ms >= script.timeline.deploy_ms + WINDOW]
    assert before and min(reading.low for reading in before) > 0.8
    assert after and max(reading.high for reading in after) < 0.8


def test_if_nobody_is_paged_the_account_says_what_is_missing(script, cast):
    director, _ = directed(script, cast, SmallWorld(fires=False))
    told = director.play()
    assert not told.complete
    assert told.missing[0] == "missing: the alert fired" and len(told.missing) == len(Chapter) - 1
    assert "limits-2 was deployed" in told.sentences[0]


def test_a_pace_waits_for_the_wall_clock(script, cast):
    director, _ = directed(replace(script, pace=2.0), cast, SmallWorld())
    waited: list[float] = []
    director.sleep, director.monotonic = waited.append, lambda: 0.0
    director.play()
    assert max(waited) == pytest.approx(16.0)  # eight days of two seconds, on a wall clock that stands still
