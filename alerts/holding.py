"""What holds an alert back though it fires: silences and inhibitions. Pure; `now` is wall-clock ms.

Why the wall's clock (2026-11): a silence is about people ("do not call us during the migration"), whatever the event time
of what is found meanwhile. What is found is the same in every replay; whether somebody was disturbed by it is not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from alerts.matching import Labels, Matchers, matches

CONFIGURED = "configured-"
"""Silences of the configuration are called so, with a number; others by hexadecimal digits."""


class SilenceState(StrEnum):
    """Where a silence stands. Alertmanager's words."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that meet the matchers are not told in `[starts, ends)`, ms; they are still found and recorded."""

    matchers: Matchers
    starts: int
    ends: int
    id: str = ""
    by: str = ""
    comment: str = ""

    def state(self, now: int) -> SilenceState:
        """Where it stands at an instant."""
        if now >= self.ends:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts else SilenceState.PENDING

    def silences(self, labels: Labels, now: int) -> bool:
        """Whether it holds this alert back now."""
        return self.state(now) is SilenceState.ACTIVE and matches(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert meets `source`, those that meet `target` and agree with it in `equal` are not told."""

    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()

    def inhibits(self, labels: Labels, firing: Iterable[Labels]) -> bool:
        """Whether one of the alerts that fire holds this one back.

        A label that is missing is empty. What meets both sides is not held back, so that nothing inhibits itself
        (Alertmanager).
        """
        if not matches(self.target, labels) or matches(self.source, labels):
            return False
        return any(
            matches(self.source, other) and all(other.get(n, "") == labels.get(n, "") for n in self.equal)
            for other in firing
        )


def inhibited(labels: Labels, inhibitions: Iterable[Inhibition], firing: Mapping[str, Labels]) -> bool:
    """Whether any inhibition holds the alert back; `firing` are the labels of all alerts that fire, by id."""
    return any(inhibition.inhibits(labels, firing.values()) for inhibition in inhibitions)


def silenced_until(labels: Labels, silences: Iterable[Silence], now: int) -> int | None:
    """When the last of the silences that hold the alert back now is over; None if none does."""
    return max((silence.ends for silence in silences if silence.silences(labels, now)), default=None)
