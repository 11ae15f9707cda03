"""How long an assessment takes in memory: 1,000 cells, five windows, every metric and method.

Run as `python -m tests.benchmarks.evaluation`; prints the medians of milliseconds over the five windows together. The target
is 200 ms. `measure()` returns the same figures.
"""

import time
import timeit
from collections.abc import Callable
from itertools import product
from statistics import median

import numpy as np

from monitor.assess import Plan, assess, attribute_sets
from monitor.batches import assess_windows
from monitor.comparisons import COMPARING, DisparitySpec, Method
from monitor.grouping import CellInfo
from monitor.metrics import registry
from monitor.sums import DECISIONS, LABELS, Ints

WINDOWS = 5
ATTRIBUTES = {"sex": 4, "age": 10, "ethnicity": 25}
"""1,000 cells, 39 groups of single attributes and 390 of pairs."""


def cells() -> list[CellInfo]:
    """Every full intersection of `ATTRIBUTES`."""
    values = product(*([f"{name}{at}" for at in range(size)] for name, size in ATTRIBUTES.items()))
    return [CellInfo(at, "v1", "live", dict(zip(ATTRIBUTES, row, strict=True))) for at, row in enumerate(values)]


def sums(rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
    """Plausible sums: decided, scored and valued all, labelled half."""
    decision, labels = DECISIONS.zeros(rows), LABELS.zeros(rows)
    n = rng.integers(20, 400, rows)
    for slot in ("events", "decided", "scored", "valued"):
        decision[:, DECISIONS.index(slot)] = n
    decision[:, DECISIONS.index("favourable")] = rng.binomial(n, 0.4)
    decision[:, DECISIONS.index("score")] = rng.integers(200_000, 700_000, rows) * n
    decision[:, DECISIONS.index("value")] = 12_000 * n
    decision[:, DECISIONS.index("value_sq_lo")] = 150_000_000 * n
    parts = rng.multinomial(n // 2, (0.3, 0.15, 0.15, 0.4))
    for at, slot in enumerate(("tp", "fp", "fn", "tn")):
        labels[:, LABELS.index(slot)] = parts[:, at]
    labels[:, LABELS.index("labelled")] = n // 2
    return decision, labels


def measure(repeats: int = 9) -> dict[str, float]:
    """Median milliseconds of five windows: arrays alone, with every disparity as a point, with every point, and published."""
    rng = np.random.default_rng(7)
    population = cells()
    plan = Plan(
        model="credit-limit",
        attribute_sets=attribute_sets(ATTRIBUTES, 2),
        metrics=tuple(registry()),
        disparities=tuple(DisparitySpec(a, m) for a in COMPARING for m in Method),
        references={name: f"{name}0" for name in ATTRIBUTES},
        display_min=30,
    )
    windows = [sums(rng, len(population)) for _ in range(WINDOWS)]
    assess(population, *windows[0], plan)  # the grouping is worked out once

    def timed(work: Callable[[Ints, Ints], object]) -> float:
        runs = []
        for _ in range(repeats):
            start = time.perf_counter()
            for decision, labels in windows:
                work(decision, labels)
            runs.append(time.perf_counter() - start)
        return 1000.0 * median(runs)

    def arrays(decision: Ints, labels: Ints) -> object:
        found = assess(population, decision, labels, plan)
        return found.estimates, found.gaps

    def published(decision: Ints, labels: Ints) -> object:
        found = assess(population, decision, labels, plan).published()
        return found.groups, found.disparities

    def points(decision: Ints, labels: Ints) -> object:
        found = assess(population, decision, labels, plan)
        return found.groups, found.disparities

    stacked = [np.stack(part) for part in zip(*windows, strict=True)]

    def one_pass() -> None:
        found = assess_windows(population, stacked[0], stacked[1], plan).whole
        _ = found.estimates, found.gaps

    return {
        "all windows in one pass, as arrays": 1000.0 * median(timeit.repeat(one_pass, number=1, repeat=repeats)),
        "window by window, as arrays": timed(arrays),
        "and every point as an object": timed(points),
        "the same, published": timed(published),
    }


if __name__ == "__main__":
    for what, milliseconds in measure().items():
        print(f"{what:<40} {milliseconds:8.1f} ms")
