"""Simulated traffic: a million decisions a day, volume +-60% and base rate 0.30 +-10% over the day, one-minute panes.

Each run begins at another time of day, so that a change at one pane meets all hours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DAY = 1440
MONTH = 30 * DAY
EIGHT = (0.40, 0.20, 0.15, 0.10, 0.08, 0.04, 0.02, 0.01)
"""Shares of eight groups; the first is the reference."""

SIZES = 0.25 * (0.0005 / 0.25) ** (np.arange(24) / 23)
CELLS: tuple[float, ...] = tuple((SIZES / SIZES.sum()).tolist())
"""Shares of 24 intersectional cells, from a quarter down to 0.05%."""

Ratios = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
"""From randomness, pane numbers (T,) and runs: ratios to the base rate, (T or 1, runs or 1, groups)."""


@dataclass(frozen=True, slots=True)
class World:
    """A scenario."""

    name: str
    panes: int
    ratios: Ratios
    shares: tuple[float, ...] = EIGHT
    changed: int = 0
    """The pane of the change, if there is one."""

    def decisions(self, runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """n and k, (panes, runs, groups)."""
        rng = np.random.default_rng(seed)
        panes = np.arange(self.panes)
        clock = 2 * np.pi * ((panes[:, None] % DAY) / DAY + rng.random(runs))
        volume = 1e6 / DAY * (1 + 0.6 * np.sin(clock))
        rate = 0.30 * (1 + 0.1 * np.sin(clock + 1))
        ratios = self.ratios(rng, panes, runs)
        n = rng.poisson(volume[:, :, None] * np.array(self.shares)).astype(np.int32)
        return n, rng.binomial(n, np.clip(rate[:, :, None] * ratios, 0.0, 1.0)).astype(np.int32)


def flat(ratio: float, groups: int = len(EIGHT)) -> Ratios:
    """Every group always at one ratio."""

    def ratios(_rng: np.random.Generator, _panes: np.ndarray, _runs: int) -> np.ndarray:
        values = np.full((1, 1, groups), ratio)
        values[..., 0] = 1.0
        return values

    return ratios


def healthy(groups: int = len(EIGHT)) -> Ratios:
    """Each group of each run somewhere between 0.85 and 1.1."""

    def ratios(rng: np.random.Generator, _panes: np.ndarray, runs: int) -> np.ndarray:
        values = rng.uniform(0.85, 1.1, (1, runs, groups))
        values[..., 0] = 1.0
        return values

    return ratios


def path(group: int, values: Callable[[np.ndarray], np.ndarray], others: float, groups: int = len(EIGHT)) -> Ratios:
    """One group goes its way, the others stay."""

    def ratios(_rng: np.random.Generator, panes: np.ndarray, _runs: int) -> np.ndarray:
        out = np.full((len(panes), 1, groups), others)
        out[..., 0] = 1.0
        out[:, 0, group] = values(panes)
        return out

    return ratios


def restless(ratio: float, deviation: float, minutes: int) -> Ratios:
    """Every group's rate wanders by itself around its ratio."""

    def ratios(rng: np.random.Generator, panes: np.ndarray, runs: int) -> np.ndarray:
        steps = rng.normal(1.0, deviation, (len(panes) // minutes + 1, runs, len(EIGHT)))
        values = np.repeat(np.clip(steps, 0.2, 2.0), minutes, axis=0)[: len(panes)]
        values[..., 1:] *= ratio
        return values

    return ratios


def step(group: int, before: float, after: float, at: int, groups: int = len(EIGHT)) -> Ratios:
    """A change from one pane to the next."""
    return path(group, lambda panes: np.where(panes >= at, after, before), before, groups)


def slope(group: int, before: float, after: float, at: int, length: int) -> Ratios:
    """A change that takes its time."""

    def values(panes: np.ndarray) -> np.ndarray:
        return before + (after - before) * np.clip((panes - at) / length, 0.0, 1.0)

    return path(group, values, before)
