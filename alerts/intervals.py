"""Time intervals, as Alertmanager has them: business hours, nights, maintenance.

An interval holds at an instant if every field that it gives holds there, in its own time zone: a time of day in
`[start, end)`, a day of the week, a day of the month (negative ones count from its end), a month, a year. A named set of
intervals holds if one of them does. Across a change of the clocks it is the wall's time that counts: 02:30 that does not
exist is never reached, 02:30 that comes twice holds twice.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.errors import UnreadableInterval

Range = tuple[int, int]
"""First and last, both included (minutes of the day: the last one not)."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """One interval; a field that is empty holds always. Months count from 1, days of the week from Monday as 0."""

    times: Sequence[Range] = ()
    weekdays: Sequence[Range] = ()
    days_of_month: Sequence[Range] = ()
    months: Sequence[Range] = ()
    years: Sequence[Range] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def holds(self, now: int) -> bool:
        """Whether it holds at an instant, ms since 1970."""
        there = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone)
        minute = there.hour * 60 + there.minute
        return (
            (not self.times or any(low <= minute < high for low, high in self.times))
            and _within(there.weekday(), self.weekdays)
            and _within(there.month, self.months)
            and _within(there.year, self.years)
            and self._day_of_month(there)
        )

    def _day_of_month(self, there: datetime) -> bool:
        if not self.days_of_month:
            return True
        last = calendar.monthrange(there.year, there.month)[1]
        for low, high in self.days_of_month:
            first, end = (day if day > 0 else last + 1 + day for day in (low, high))
            if max(first, 1) <= there.day <= min(end, last):
                return True
        return False


def any_holds(intervals: Iterable[TimeInterval], now: int) -> bool:
    """Whether one of them holds."""
    return any(interval.holds(now) for interval in intervals)


def _within(value: int, ranges: Sequence[Range]) -> bool:
    return not ranges or any(low <= value <= high for low, high in ranges)


def time_range(start: str, end: str) -> Range:
    """Minutes of the day of `09:00` and `17:30`; the end may be `24:00`."""
    low, high = _minute(start), _minute(end)
    if low >= high:
        raise UnreadableInterval(f"{start} to {end}: the start must be before the end; write a night as two times")
    return low, high


def _minute(text: str) -> int:
    hour, colon, minute = text.partition(":")
    if colon and len(hour) == len(minute) == 2 and hour.isdecimal() and minute.isdecimal() and int(minute) < 60:
        found = int(hour) * 60 + int(minute)
        if found <= MINUTES_OF_A_DAY:
            return found
    raise UnreadableInterval(f"{text!r} is no time of day, as in 09:00 or 24:00")


def weekday_range(text: str) -> Range:
    """`monday:friday`, or one day."""
    return _named(text, WEEKDAYS, 0)


def month_range(text: str) -> Range:
    """`january:march`, `1:3`, or one month."""
    return _named(text, MONTHS, 1)


def _named(text: str, names: Sequence[str], first: int) -> Range:
    def number(part: str) -> int:
        part = part.strip().lower()
        if part in names:
            return names.index(part) + first
        if first and part.isdecimal() and 1 <= int(part) <= len(names):
            return int(part)
        raise UnreadableInterval(f"{part!r} is none of {', '.join(names)}")

    low, _, high = text.partition(":")
    return _ordered(text, number(low), number(high or low))


def day_of_month_range(text: str) -> Range:
    """`1:5`, `-3:-1` (the last three), or one day."""
    low, high = _numbers(text)
    if not (1 <= abs(low) <= 31 and 1 <= abs(high) <= 31):
        raise UnreadableInterval(f"{text!r}: days of the month are 1 to 31, or -1 (the last) to -31")
    if low < 0 < high:
        raise UnreadableInterval(f"{text!r} begins at the end of the month and ends at its beginning")
    return (low, high) if (low > 0) != (high > 0) else _ordered(text, low, high)


def year_range(text: str) -> Range:
    """`2026:2027`, or one year."""
    return _ordered(text, *_numbers(text))


def _numbers(text: str) -> Range:
    low, _, high = text.partition(":")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise UnreadableInterval(f"{text!r} is no number and no range of numbers, as in 1:5") from None


def _ordered(text: str, low: int, high: int) -> Range:
    if low > high:
        raise UnreadableInterval(f"{text!r}: the start must not come after the end")
    return low, high


def zone(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database, as in Europe/Berlin."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnreadableInterval(f"there is no time zone {name!r}; write one as in Europe/Berlin or UTC") from None
