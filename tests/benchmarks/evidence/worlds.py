"""Simulated traffic: a million decisions a day, volume +-60% and base rate 0.30 +-10% over the day, one-minute panes.

Each run begins at another time of day, so that a change at one pane meets all hours; or all begin at one hour.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

DAY = 1440
MONTH = 30 * DAY
EIGHT = (0.40, 0.20, 0.15, 0.10, 0.08, 0.04, 0.02, 0.01)
"""Shares of eight groups; the first is the reference."""

SIZES = 0.25 * (0.0005 / 0.25) ** (np.arange(24) / 23)
CELLS: tuple[float, ...] = tuple((SIZES / SIZES.sum()).tolist())
"""Shares of 24 intersectional cells, from a quarter down to 0.05%."""


class Ratios(Protocol):
    """Ratios to the base rate, (T or 1, runs or 1, groups), from randomness, pane numbers (T,) and runs."""

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray: ...


@dataclass(frozen=True, slots=True)
class World:
    """A scenario."""

    name: str
    panes: int
    ratios: Ratios
    shares: tuple[float, ...] = EIGHT
    changed: int = 0
    """The pane of the change, if there is one."""
    hour: float | None = None
    """Of the day that each run begins at (volume is average and rises at 0, and is greatest at 6); None: any."""

    def decisions(self, runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """n and k, (panes, runs, groups)."""
        rng = np.random.default_rng(seed)
        panes = np.arange(self.panes)
        begin = rng.random(runs) if self.hour is None else np.full(runs, self.hour / 24)
        clock = 2 * np.pi * ((panes[:, None] % DAY) / DAY + begin)
        volume = 1e6 / DAY * (1 + 0.6 * np.sin(clock))
        rate = 0.30 * (1 + 0.1 * np.sin(clock + 1))
        ratios = self.ratios(rng, panes, runs)
        n = rng.poisson(volume[:, :, None] * np.array(self.shares)).astype(np.int32)
        return n, rng.binomial(n, np.clip(rate[:, :, None] * ratios, 0.0, 1.0)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Flat:
    """Every group always at one ratio."""

    ratio: float
    groups: int = len(EIGHT)

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        values = np.full((1, 1, self.groups), self.ratio)
        values[..., 0] = 1.0
        return values


@dataclass(frozen=True, slots=True)
class Healthy:
    """Each group of each run somewhere between 0.85 and 1.1."""

    groups: int = len(EIGHT)

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        values = rng.uniform(0.85, 1.1, (1, runs, self.groups))
        values[..., 0] = 1.0
        return values


@dataclass(frozen=True, slots=True)
class Path:
    """One group goes through points (pane, ratio), straight between them; the others stay where it began."""

    group: int
    points: tuple[tuple[float, float], ...]
    groups: int = len(EIGHT)

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        out = np.full((len(panes), 1, self.groups), self.points[0][1])
        out[..., 0] = 1.0
        out[:, 0, self.group] = np.interp(panes, *np.array(self.points).T)
        return out


@dataclass(frozen=True, slots=True)
class Wave:
    """One group swings about 0.8, the others stay at 0.95."""

    group: int
    depth: float
    hours: float

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        out = np.full((len(panes), 1, len(EIGHT)), 0.95)
        out[..., 0] = 1.0
        out[:, 0, self.group] = 0.8 + self.depth * np.sin(2 * np.pi * panes / (self.hours * 60))
        return out


@dataclass(frozen=True, slots=True)
class Restless:
    """Every group's rate wanders by itself around its ratio: normal with a relative deviation, drawn every so many minutes."""

    ratio: float
    deviation: float
    minutes: int

    def __call__(self, rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        steps = rng.normal(1.0, self.deviation, (len(panes) // self.minutes + 1, runs, len(EIGHT)))
        values = np.repeat(np.clip(steps, 0.2, 2.0), self.minutes, axis=0)[: len(panes)]
        values[..., 1:] *= self.ratio
        return values


def step(group: int, before: float, after: float, at: int, groups: int = len(EIGHT)) -> Path:
    """A change from one pane to the next."""
    return Path(group, ((at - 1, before), (at, after)), groups)
