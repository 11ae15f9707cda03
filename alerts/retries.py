"""When a failed notification is tried again, and when it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PAGING_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Seconds. Faster than Standard Webhooks' schedule (5 s, 5 min, 30 min ...): somebody is waiting to be woken."""


class Result(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Backoff with jitter. After the last delay every further one is the same; all in seconds.

    `give_up_after` counts from the moment the notification was written. `longest_wait` bounds what a receiver's
    `Retry-After` may ask for.
    """

    delays: Sequence[float] = PAGING_DELAYS
    jitter: float = 0.25
    longest_wait: float = 3600.0
    give_up_after: float = 86_400.0

    def delay(self, attempt: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds to wait after the `attempt`th attempt (from 1) failed; `chance` is uniform in [0, 1).

        Never shorter than the schedule, longer by up to `jitter` of it so that senders spread out, and never shorter
        than the receiver asked for.
        """
        planned = self.delays[min(attempt, len(self.delays)) - 1] * (1 + self.jitter * chance)
        asked = min(retry_after or 0.0, self.longest_wait)
        return max(planned, asked)

    def outcome(self, *, permanent: bool, age: float) -> Result:
        """Whether a failed notification of that age is tried again."""
        return Result.DEAD if permanent or age >= self.give_up_after else Result.RETRY
