"""Simulated time: days counted from 1, the moment of the deployment, and how far the demo goes in one step."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = 3_600_000
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Timeline:
    """The simulated period in milliseconds since 1970 (UTC), and its steps.

    The demo sends the events of a step, waits until fairdrift has evaluated them, and obeys what it was told before the next
    step: so a signal takes effect at most one step late. Steps are short from the deployment until the alert has resolved,
    and not long while a repaired version is let in.
    """

    start_ms: int
    days: int = 30
    deploy_day: int = 15
    deploy_hour: int = 9
    quiet_ms: int = 12 * HOUR
    watchful_ms: int = HOUR // 2
    plan_ms: int = 3 * HOUR
    repair_ms: int = 12 * HOUR
    """So long after the alert has resolved the repaired version is ready."""

    def __post_init__(self) -> None:
        if not 2 <= self.deploy_day < self.days:
            raise ValueError(
                f"the deployment on day {self.deploy_day} must lie after day 1 and before the last day, {self.days}"
            )

    @property
    def end_ms(self) -> int:
        """The end of the last day."""
        return self.start_ms + self.days * DAY

    @property
    def deploy_ms(self) -> int:
        """The moment from which the faulty version decides."""
        return self.start_ms + (self.deploy_day - 1) * DAY + self.deploy_hour * HOUR

    def day(self, time_ms: int) -> int:
        """The number of the day, from 1."""
        return (time_ms - self.start_ms) // DAY + 1

    def next(self, now_ms: int, length_ms: int) -> int:
        """The end of a step of about that length that starts at `now_ms`: never beyond the day's end or the deployment."""
        ends = [now_ms + length_ms, self.start_ms + self.day(now_ms) * DAY]
        if now_ms < self.deploy_ms:
            ends.append(self.deploy_ms)
        return min(ends)

    def words(self, time_ms: int) -> str:
        """The moment as `day 15, 09:00`; the end of a day is 00:00 of the next, the very end is 24:00 of the last day."""
        if time_ms == self.end_ms:
            return f"day {self.days}, 24:00"
        minutes = (time_ms - self.start_ms) // 60_000 % (24 * 60)
        return f"day {self.day(time_ms)}, {minutes // 60:02d}:{minutes % 60:02d}"


def span(milliseconds: int) -> str:
    """A length of time in words: `45 min`, `5 h`, `5 h 15 min`."""
    hours, minutes = divmod(round(milliseconds / 60_000), 60)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0)
    return " ".join(parts) or "0 min"


def ending_last_midnight(now: datetime, days: int) -> int:
    """The start of a period of whole days that ends with the last midnight in UTC, in ms: so that a dashboard's last 30 days show it."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - timedelta(days=days)).timestamp()) * 1000
