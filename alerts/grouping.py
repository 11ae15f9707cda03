"""Groups of alerts that are told together, and when they are told of what: a pure decision with a named reason.

A group belongs to one receiver at one branch of the routing tree, and holds the alerts that agree in the branch's
`group_by` labels; without grouping each alert is a group of its own. It is the log of what the receiver knows, too
(`Member.told`), so that deduplication is a comparison inside it. The decision is Alertmanager's (its dedup_stage.go):

    nobody was told, something fires        first notification
    something fires that was not told of    new alerts added
    nothing fires any more that was told    all alerts resolved
    some of it does not fire any more       some alerts resolved
    nothing of it, but long ago             repeat interval elapsed

Where it differs, it is so that no incident stays open or is lost: a silence, an inhibition or a muted time holds
beginnings back and never ends (whoever was told that it began is told that it is over); an acknowledged alert is not
repeated; and new alerts are told `group_interval` after the last notification at the latest, not at the next beat.

All times are wall-clock milliseconds: this is about when people are disturbed, not about when things happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

LOOK_AGAIN = 30_000
"""Ms after which it is looked again whether what holds an alert back has ended, where its end is not known."""


class Reason(StrEnum):
    """Why a notification is sent. Alertmanager's words; the text is stored and told."""

    FIRST = "first notification"
    ADDED = "new alerts added"
    ALL_RESOLVED = "all alerts resolved"
    SOME_RESOLVED = "some alerts resolved"
    REPEAT = "repeat interval elapsed"
    ESCALATED = "nobody acknowledged"
    ACKNOWLEDGED = "acknowledged"


class Held(StrEnum):
    """Why an alert that fires is not told now. The text is shown."""

    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MUTED = "muted"
    ACKNOWLEDGED = "acknowledged"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds an alert back, and when that ends, if it is known."""

    why: Held
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When a group is told, ms. `escalates`: it waits so long for an acknowledgement, and is not told if one comes."""

    group_wait: int = 0
    group_interval: int = 0
    repeat_interval: int = 0
    escalates: bool = False
    send_resolved: bool = True
    send_acknowledged: bool = False
    repeat_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One alert of a group. `transition` is the change of state that it is told under, `since` when it came."""

    alert: str
    episode: int
    transition: int
    firing: bool
    since: int
    told: bool = False
    acknowledged: bool = False
    held: str = ""
    held_until: int | None = None
    renewed: bool = False
    """it ended and began anew since the receiver was told that it began"""

    @property
    def is_news(self) -> bool:
        """It fires, and the receiver was not told of this episode."""
        return self.firing and (not self.told or self.renewed)


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of one group and what was told of them. `number` counts notifications, `due` is the next look.

    `cycle` counts the times that the receiver was told of a beginning while it knew of nothing: its incidents.
    """

    key: str
    timing: Timing
    members: tuple[Member, ...] = ()
    told_at: int | None = None
    number: int = 0
    due: int | None = None
    cycle: int = 0

    @property
    def known(self) -> tuple[Member, ...]:
        """What the receiver was told of."""
        return tuple(member for member in self.members if member.told)


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told: why, and of which alerts. `sent` is false where the receiver does not want to know of ends."""

    reason: Reason
    firing: tuple[Member, ...]
    ended: tuple[Member, ...]
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """An alert began (`firing`) or ended; `acknowledged` if that episode is already somebody's."""

    alert: str
    episode: int
    transition: int
    firing: bool
    acknowledged: bool = False


def take(group: Group, change: Change, now: int) -> Group:
    """The group after a change of one alert, with the time of the next look.

    An alert that ends before it was told leaves no trace (Alertmanager). One that begins anew after it was told is told
    again: it is another episode.
    """
    old = next((member for member in group.members if member.alert == change.alert), None)
    if old is not None and change.transition <= old.transition:
        return group
    others = tuple(member for member in group.members if member.alert != change.alert)
    if change.firing:
        known = old is not None and old.told
        new = Member(
            change.alert, change.episode, change.transition, True, now, known, change.acknowledged, renewed=known
        )
        members = (*others, new)
    elif old is not None and old.told:
        members = (*others, replace(old, transition=change.transition, firing=False, held="", held_until=None))
    else:
        members = others
    return _timed(replace(group, members=members), now)


def acknowledge(group: Group, alert: str, episode: int, now: int) -> tuple[Group, Notification | None]:
    """The group after somebody took an alert over, and what is told of it where the receiver wants to know.

    Nothing is told where the receiver does not know of the alert, or a group still has others to be acknowledged.
    """
    concerned = [m for m in group.members if (m.alert, m.episode, m.acknowledged) == (alert, episode, False)]
    if not concerned:
        return group, None
    members = tuple(replace(m, acknowledged=True) if m in concerned else m for m in group.members)
    after = replace(group, members=members)
    firing = tuple(m for m in after.members if m.firing and not m.is_news)
    if concerned[0].is_news or not (group.timing.send_acknowledged and all(m.acknowledged for m in firing)):
        return _timed(after, now), None
    after = replace(after, number=after.number + 1)
    return _timed(after, now), Notification(Reason.ACKNOWLEDGED, firing, ())


def look(group: Group, held: Mapping[str, Hold], now: int) -> tuple[Group, Notification | None]:
    """What is told at `now`, if anything, and the group after it. `held`: why an alert is held back, by its id."""
    if group.due is None or now < group.due:
        return group, None
    group = replace(group, members=tuple(_held(group, m, held, now) for m in group.members))
    notification = _decide(group, now)
    if notification is None:
        return _timed(group, now, looked=True), None
    told = {member.alert for member in notification.firing}
    members = tuple(replace(m, told=True, renewed=False) if m.alert in told else m for m in group.members if m.firing)
    number = group.number + 1 if notification.sent else group.number
    cycle = group.cycle if group.known else group.cycle + 1
    after = replace(group, members=members, told_at=now, number=number, cycle=cycle)
    return _timed(after, now, looked=True), notification


def _decide(group: Group, now: int) -> Notification | None:
    known = group.known
    new = tuple(m for m in group.members if m.is_news and not m.held)
    ended = tuple(m for m in known if not m.firing)
    left = tuple(m for m in known if m.firing and not m.renewed)
    firing = tuple(m for m in group.members if m in new or (m in left and not m.held))
    if new:
        reason = Reason.ADDED if left else Reason.ESCALATED if group.timing.escalates else Reason.FIRST
        return Notification(reason, firing, ended if group.timing.send_resolved else ())
    if ended:
        reason = Reason.SOME_RESOLVED if left else Reason.ALL_RESOLVED
        return Notification(reason, firing, ended, sent=group.timing.send_resolved)
    repeat = _repeats_at(group)
    if repeat is not None and now >= repeat and firing:
        return Notification(Reason.REPEAT, firing, ())
    return None


def _held(group: Group, member: Member, held: Mapping[str, Hold], now: int) -> Member:
    """The member with what holds it back now, if anything does; an end is never held back."""
    hold: Hold | None = held.get(member.alert)
    if group.timing.escalates and member.is_news:
        waits_until = member.since + group.timing.group_wait
        if member.acknowledged:
            hold = Hold(Held.ACKNOWLEDGED)
        elif now < waits_until:
            hold = Hold(Held.WAITING, waits_until)
    if hold is None or not member.firing:
        return replace(member, held="", held_until=None)
    return replace(member, held=hold.why.value, held_until=hold.until)


def _repeats_at(group: Group) -> int | None:
    """When the receiver is reminded: a while after the last time, of what is nobody's yet."""
    regardless = group.timing.repeat_acknowledged
    open_ = any(m.firing and not m.is_news and (regardless or not m.acknowledged) for m in group.members)
    if not open_ or not group.timing.repeat_interval or group.told_at is None:
        return None
    return group.told_at + group.timing.repeat_interval


def _timed(group: Group, now: int, *, looked: bool = False) -> Group:
    """With the next time at which there is something to decide; None if there is none."""
    timing = group.timing
    earliest = group.told_at + timing.group_interval if group.told_at is not None and group.known else now
    times = []
    for member in group.members:
        if member.told and not member.firing:
            times.append(max(earliest, now))
        elif member.is_news and not (timing.escalates and member.acknowledged):
            at = max(member.since + timing.group_wait, earliest)
            times.append(max(at, _again(member, now)) if looked and member.held else at)
    repeat = _repeats_at(group)
    if repeat is not None:
        again = min((_again(m, now) for m in group.members if m.firing and not m.is_news), default=now)
        times.append(max(repeat, again) if looked else repeat)
    return replace(group, due=min(times, default=None))


def _again(member: Member, now: int) -> int:
    """When it is looked again whether the member is still held back."""
    return max(member.held_until or now + LOOK_AGAIN, now + 1)
