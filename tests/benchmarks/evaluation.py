"""How long an assessment takes in memory: 1,000 cells, five windows, every metric of counts; and reading and writing apart.

Run as `python -m tests.benchmarks.evaluation`. Figures are milliseconds of processor time (median of nine), since the machine
may have other work. The target of 100 ms is for every metric of every group with Wilson's interval (or its own), and every
disparity between groups as difference with Newcombe's, over the five windows together, as the evaluator computes them
(`monitor.batches.assess_each`). Beside it: ratios with their score intervals, which the evaluator makes for stored points
only; the other methods; points as objects; and how long moving the windows takes by cells touched and by days held.
`measure()` returns the same figures, `stored()` those of Postgres.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from statistics import median

import numpy as np
import sqlalchemy as sa

from monitor.assess import Plan, attribute_sets
from monitor.batches import Batch, assess_each
from monitor.batches import Window as Assessed
from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
from monitor.grouping import CellInfo
from monitor.metrics import registry
from monitor.sums import DECISIONS, LABELS, Ints
from monitor.windows import DAY, HOUR, MINUTE, Cube, Window
from streams.measuring import Filled, Frame, Measuring, Place
from streams.points import Point, Points

BOARD = """
select window_end, group_values, value, ci_low, ci_high, n, state from fairness_group
where model = 'credit-limit' and metric = 'selection_rate' and attribute_set = '{age,sex}' and version = '*'
"""

WINDOWS = 5
T0 = 1_700_006_400_000
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
    value = rng.integers(8_000, 16_000, rows)
    decision[:, DECISIONS.index("value")] = value * n
    decision[:, DECISIONS.index("value_sq_lo")] = (value**2 + rng.integers(10**6, 10**7, rows)) * n
    parts = rng.multinomial(n // 2, (0.3, 0.15, 0.15, 0.4))
    for at, slot in enumerate(("tp", "fp", "fn", "tn")):
        labels[:, LABELS.index(slot)] = parts[:, at]
    labels[:, LABELS.index("labelled")] = n // 2
    return decision, labels


def plan_of(*methods: Method) -> Plan:
    """Every metric of counts, compared by these methods as difference, ratio and index."""
    aggregates = [DisparitySpec(aggregate, method) for aggregate in COMPARING for method in methods]
    return Plan(
        model="credit-limit",
        attribute_sets=attribute_sets(ATTRIBUTES, 2),
        metrics=tuple(name for name, one in registry().items() if one.needs in ("decision", "label", "both")),
        disparities=(*aggregates, DisparitySpec(Aggregate.INDEX, Method.BETWEEN_GROUPS)),
        references={name: f"{name}0" for name in ATTRIBUTES},
        display_min=30,
    )


def windows_of(population: list[CellInfo]) -> tuple[Ints, Ints]:
    """The sums of five windows, side by side."""
    rng = np.random.default_rng(7)
    windows = [sums(rng, len(population)) for _ in range(WINDOWS)]
    decision, labels = (np.stack(part) for part in zip(*windows, strict=True))
    return decision, labels


def measure(repeats: int = 9) -> dict[str, float]:
    """Median milliseconds of processor time of five windows, by what is computed."""
    population = cells()
    decision, labels = windows_of(population)

    windows = [Assessed(population, {"decision": decision[at], "label": labels[at]}) for at in range(WINDOWS)]

    def batch(plan: Plan) -> Batch:
        ((found, _),) = assess_each(windows, plan)
        return found

    def timed(work: Callable[[], object]) -> float:
        work()  # the grouping is worked out once
        runs = []
        for _ in range(repeats):
            start = time.process_time()
            work()
            runs.append(time.process_time() - start)
        return 1000.0 * median(runs)

    between, every = plan_of(Method.BETWEEN_GROUPS), plan_of(*Method)

    differences = replace(
        between, disparities=tuple(d for d in between.disparities if d.aggregate is not Aggregate.RATIO)
    )

    def groups() -> object:
        return batch(between).whole.estimates

    def gaps(plan: Plan) -> Callable[[], object]:
        def work() -> object:
            whole = batch(plan).whole
            return whole.estimates, whole.gaps

        return work

    def points() -> object:
        return list(_measured(population, decision, labels, between))

    return {
        f"{len(between.metrics)} metrics of every group, as arrays": timed(groups),
        "and differences between groups, as arrays": timed(gaps(differences)),
        "and ratios with score intervals, as arrays": timed(gaps(between)),
        "and by all five methods": timed(gaps(every)),
        "between groups, as points to store": timed(points),
        **{
            f"moved by a minute of {touched} cells, {days} days held": moving(touched, days, timed)
            for touched, days in ((20, 1), (20, 30), (200, 30))
        },
    }


LENGTHS = (5 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY)


def moving(touched: int, days: int, timed: Callable[[Callable[[], object]], float]) -> float:
    """What it takes to put a pane of so many cells and move the five windows over it; `days` of panes are held."""
    rng = np.random.default_rng(11)
    cube, end = Cube(len(DECISIONS), [Window(length) for length in LENGTHS]), T0

    def put(start: int) -> None:
        cells = np.sort(rng.choice(1000, touched, replace=False))
        cube.put(start, cells, rng.integers(0, 9, (touched, len(DECISIONS))))

    fine = min(days, 2) * DAY  # minutes are kept for two days, then hours
    for start in (*range(T0 - days * DAY, T0 - fine, HOUR), *range(T0 - fine, T0, MINUTE)):
        put(start)
    cube.advance(end)

    def move() -> None:
        nonlocal end
        put(end)
        end += MINUTE
        cube.advance(end)

    return timed(move)


def _measured(population: list[CellInfo], decision: Ints, labels: Ints, plan: Plan) -> Iterator[Point]:
    """The points of five windows, as the evaluator stores them."""
    filled = Filled(tuple(population), frozenset({"one"}))
    frames = [
        Frame(Place(HOUR, T0 + at * HOUR, "decision"), filled, decision[at], labels[at]) for at in range(len(decision))
    ]
    for one in Measuring(plan, frozenset(plan.metrics)).measure(frames):
        yield from one.points()


def stored(made: sa.Engine) -> dict[str, float]:
    """Milliseconds of writing the points of the common metrics over five windows, and of reading one metric as a board does."""
    population = cells()
    decision, labels = windows_of(population)
    common = replace(
        plan_of(Method.BETWEEN_GROUPS), metrics=tuple(name for name, one in registry().items() if one.by_default)
    )
    points = list(_measured(population, decision, labels, common))
    writer = Points(made)
    with made.begin() as connection:
        writer.insert(connection, [p._replace(end=p.end - DAY) for p in points], "bench")  # series and partitions exist
    start = time.perf_counter()
    with made.begin() as connection:
        writer.insert(connection, points, "bench")
    written = time.perf_counter() - start
    start = time.perf_counter()
    with made.connect() as connection:
        rows = connection.execute(sa.text(BOARD)).all()
    read = time.perf_counter() - start
    return {
        f"writing {len(points):,} points in one transaction": 1000.0 * written,
        f"reading {len(rows):,} points as a board does": 1000.0 * read,
    }


if __name__ == "__main__":
    for what, milliseconds in measure().items():
        print(f"{what:<50} {milliseconds:8.1f} ms")
