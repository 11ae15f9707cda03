"""When the clients apply, and when it is known whether they repaid: drawn in advance, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.demo.timeline import DAY, HOUR, Timeline

HOURLY = np.array([2, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 20, 18, 18, 18, 18, 17, 16, 15, 13, 11, 8, 5, 3], dtype=float)
"""Relative traffic by hour of the day: busy by day, thin at night. Made up."""

OUTCOME_DAYS = (2.0, 7.0)
"""A month's repayment, shortened so that outcomes arrive within the demo."""

Ints = NDArray[np.int64]


class Application(NamedTuple):
    """One application: when (ms), which client, when the outcome is known (ms), and its number."""

    time: int
    client: int
    known: int
    number: int


@dataclass(frozen=True, slots=True)
class Applications:
    """Columns of equal length in order of time, as in `Application`."""

    time: Ints
    client: Ints
    known: Ints
    number: Ints

    def __len__(self) -> int:
        return len(self.time)

    def __iter__(self) -> Iterator[Application]:
        columns = (self.time.tolist(), self.client.tolist(), self.known.tolist(), self.number.tolist())
        return map(Application._make, zip(*columns, strict=True))

    def before(self, end_ms: int) -> "Applications":
        """Those with a time before `end_ms`."""
        return self._cut(slice(None, int(np.searchsorted(self.time, end_ms))))

    def since(self, start_ms: int) -> "Applications":
        """Those with a time of at least `start_ms`."""
        return self._cut(slice(int(np.searchsorted(self.time, start_ms)), None))

    def _cut(self, part: slice) -> "Applications":
        return Applications(self.time[part], self.client[part], self.known[part], self.number[part])


def applications(timeline: Timeline, per_day: int, clients: int, seed: int) -> Applications:
    """All applications of the period: each day a Poisson number with mean `per_day`, clients drawn with repetition."""
    days = [_day(timeline, number, per_day, clients, seed) for number in range(1, timeline.days + 1)]
    time, client, known = (np.concatenate(column) for column in zip(*days, strict=True))
    return Applications(time, client, known, np.arange(1, len(time) + 1, dtype=np.int64))


def _day(timeline: Timeline, number: int, per_day: int, clients: int, seed: int) -> tuple[Ints, Ints, Ints]:
    """One day drawn from its own stream of random numbers, so that a longer demo begins like a shorter one."""
    draw = np.random.default_rng([seed, number])
    count = int(draw.poisson(per_day))
    hour = draw.choice(24, size=count, p=HOURLY / HOURLY.sum())
    time = timeline.start_ms + (number - 1) * DAY + hour * HOUR + draw.integers(0, HOUR, size=count)
    client = draw.integers(0, clients, size=count)
    known = time + (draw.uniform(*OUTCOME_DAYS, size=count) * DAY).astype(np.int64)
    order = np.argsort(time, kind="stable")
    return time[order], client[order], known[order]
