"""One batch of runs of one world under every method: what each saw, as onsets and ends of alerts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from monitor.evidence import Families, Panes, Spec, State, Tuning
from tests.benchmarks.evidence import rules
from tests.benchmarks.evidence.worlds import World

STUDY = Tuning(savings=0, prior_blocks=40, sigma_margin=0, few_events=0)
"""The e-detector as the study describes it, which ours has to beat."""

DETECTORS: dict[str, Tuning] = {
    "fairdrift": Tuning(),
    "fairdrift, untempered": Tuning(temper=False),
    "study's e-SR": STUDY,
    "study's e-SR, untempered": Tuning(savings=0, temper=False, few_events=0),
}

FOUR_WINDOWS = 4.71
"""The threshold of the four-window scan, calibrated by the study to 5% in 30 days for eight groups at the boundary."""

RULES: dict[str, Callable[[rules.Sums], np.ndarray]] = {
    "threshold 1 h, n >= 100": lambda sums: rules.threshold(sums, 60, 100),
    "threshold 24 h, n >= 100": lambda sums: rules.threshold(sums, 1440, 100),
    "z 1 h at .001, each minute": lambda sums: rules.peeked_z(sums, 60, 0.001),
    "z 24 h at .001, each minute": lambda sums: rules.peeked_z(sums, 1440, 0.001),
    "Benjamini-Hochberg 1 h, q .05": lambda sums: rules.benjamini_hochberg(sums, 60, 0.05),
    "Clarify, hourly windows": lambda sums: rules.clarify(sums, 60),
    "Clarify, daily windows": lambda sums: rules.clarify(sums, 1440),
}

SCAN = "four-window z, calibrated"


@dataclass(frozen=True, slots=True)
class Seen:
    """One method in one run: panes where alerts began, and where they ended."""

    onsets: tuple[int, ...]
    ends: tuple[int, ...]

    def delay(self, changed: int) -> float:
        """Panes from the change to the first alert; negative if it came before, infinite if never."""
        return self.onsets[0] + 1 - changed if self.onsets else np.inf


@dataclass(frozen=True, slots=True)
class Task:
    """Some runs of a world under some methods."""

    world: World
    runs: int
    seed: int
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What came out: per method what was seen in each run, and the deepest z of the scan (for its calibration)."""

    world: str
    seen: Mapping[str, list[Seen]]
    deepest: tuple[float, ...]


def run(world: World, runs: int, seed: int, methods: tuple[str, ...], scan_at: float = FOUR_WINDOWS) -> Batch:
    """Simulate and judge."""
    n, k = world.decisions(runs, seed)
    seen: dict[str, list[Seen]] = {}
    for name in methods:
        if name in DETECTORS:
            seen[name] = detect(DETECTORS[name], n, k)
    deepest: tuple[float, ...] = ()
    if any(name in RULES or name == SCAN for name in methods):
        sums = rules.Sums.of(n, k)
        for name in methods:
            if name in RULES:
                seen[name] = [onsets(flags) for flags in RULES[name](sums).T]
        if SCAN in methods:
            z = rules.scan(sums)
            deepest = tuple(z.min(axis=0).tolist())
            seen[SCAN] = [onsets(flags) for flags in (z < -scan_at).T]
    return Batch(world.name, seen, deepest)


def detect(tuning: Tuning, n: np.ndarray, k: np.ndarray) -> list[Seen]:
    """Our evidence, all runs at once: pages and resolves."""
    panes, runs, groups = n.shape
    names = tuple(f"g{group}" for group in range(groups))
    spec = Spec(names, lower=rules.TAU, reference="g0", tuning=tuning)
    families = Families([spec] * runs, [State.empty(spec)] * runs)
    for at in range(0, panes, 60):
        part = slice(at, at + 60)
        length = len(n[part])
        families.fold(Panes(at, n[part].reshape(length, -1), k[part].reshape(length, -1)))
    begun: list[list[int]] = [[] for _ in range(runs)]
    ended: list[list[int]] = [[] for _ in range(runs)]
    for happened in families.record.transitions:
        (begun if happened.paged else ended)[happened.family].append(happened.pane)
    return [Seen(tuple(one), tuple(other)) for one, other in zip(begun, ended, strict=True)]


def onsets(flags: np.ndarray) -> Seen:
    """Where flags (panes,) turn on and off."""
    turns = np.diff(np.concatenate([[False], flags]).astype(np.int8))
    return Seen(tuple(np.flatnonzero(turns > 0).tolist()), tuple(np.flatnonzero(turns < 0).tolist()))


def held(flags: np.ndarray, panes: int) -> np.ndarray:
    """Flags (panes, runs) that have been up for so long without a break (`for`)."""
    total = np.concatenate([np.zeros((panes, flags.shape[1]), np.int64), flags.cumsum(axis=0)])
    kept: np.ndarray = total[panes:] - total[:-panes] == panes
    return kept
