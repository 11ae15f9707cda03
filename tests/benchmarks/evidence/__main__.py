"""`python -m tests.benchmarks.evidence`: is a page right, and how soon does it come? Tables, and JSON below bench-results/.

Every method sees the same simulated decisions. `--quick` takes fewer runs; `--only` some parts.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from rich.console import Console

from tests.benchmarks.evidence import parts
from tests.benchmarks.evidence.runs import Batch, Task, run
from tests.benchmarks.results import Machine, Result, write

GROUPS = 480
"""Groups that are simulated together, of all runs: a run of eight takes half as long beside sixty as beside twenty."""

PARTS: dict[str, Callable[[parts.Run, parts.Scale, Console], Iterator[Result]]] = {
    "cost": parts.cost,
    "yardstick": parts.yardstick_of_chugg,
    "life-cycles": parts.life_cycles,
    "unrest": parts.unrest,
    "delays": parts.delays,
    "false-pages": parts.false_pages,
    "values": parts.value_pages,
    "hours": parts.hours,
}


def together(pool: ProcessPoolExecutor, console: Console, tasks: Iterable[Task]) -> list[Batch]:
    """Run tasks in batches over the processes, telling how far they are."""
    cut = []
    for task in tasks:
        size = max(1, GROUPS // len(task.world.shares))
        cut += [
            (task.world, min(size, task.runs - at), task.seed + at, task.methods) for at in range(0, task.runs, size)
        ]
    waiting = [pool.submit(run, *words) for words in cut]
    done: list[Batch] = []
    with console.status("simulating") as status:
        for place, future in enumerate(waiting):
            told = f"simulating {cut[place][0].name}: {place} of {len(waiting)} batches"
            status.update(told)
            if not console.is_terminal and place % 10 == 0:
                console.print(told)
            done.append(future.result())
    return done


def main(words: Sequence[str] | None = None) -> int:
    """Measure, show, write; 1 if a figure that must be met is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evidence", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs, for a few minutes")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args(words)
    console, results = Console(highlight=False, width=160), []
    scale = parts.QUICK if chosen.quick else parts.FULL
    with ProcessPoolExecutor(chosen.jobs, initializer=partial(os.nice, 5)) as pool:
        for name in chosen.only:
            started = time.monotonic()
            results += list(PARTS[name](partial(together, pool, console), scale, console))
            console.print(f"[dim]{name}: {time.monotonic() - started:.0f} s[/]\n")
    missed = [result for result in results if result.met is False]
    for result in missed:
        console.print(f"[red]missed[/] {result.name}: {result.value:.4g} {result.unit}, target {result.target:.4g}")
    console.print(f"written to {write(Machine.here('no broker'), results)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
