"""`python -m tests.benchmarks`: everything side by side in one run; a table, and JSON below bench-results/.

Missed targets are shown and do not fail the run: a machine may be slower than the one they were set on.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from tests.benchmarks import backtest, database, evaluation, flags, joining, latency, memory, throughput
from tests.benchmarks.results import Machine, Result, figure, show, write
from tests.benchmarks.stage import Stage, stage

Part = Callable[[Stage, argparse.Namespace], Iterator[Result]]

PARTS: dict[str, Part] = {
    "throughput": lambda stage, chosen: throughput.measure(stage, chosen.events),
    "join": lambda stage, chosen: joining.measure(stage, chosen.events),
    "latency": lambda stage, chosen: latency.measure(stage),
    "flags": lambda stage, chosen: flags.changed(stage),
    "ofrep": lambda stage, chosen: flags.answers(stage),
    "evaluation": lambda stage, chosen: evaluated(stage),
    "backtest": lambda stage, chosen: backtested(),
    "database": lambda stage, chosen: database.measure(stage),
    "memory": lambda stage, chosen: memory.measure(stage),
}
"""What can be measured; all but the memory, which takes minutes, unless told otherwise."""

EVALUATION_MS = 100
BACKTEST_SECONDS = 10


def backtested() -> Iterator[Result]:
    """Thirty days of one-minute panes of 24 cells, from their sums to what would have fired, in processor time."""
    for name, seconds in backtest.measure().items():
        yield Result(f"backtest of 30 days x 24 cells by the minute: {name}", seconds, "s", BACKTEST_SECONDS, True)


def evaluated(stage: Stage) -> Iterator[Result]:
    """An assessment of 1,000 cells in five windows, all metrics of counts, in this process; and what it costs to store."""
    for name, milliseconds in evaluation.measure().items():
        target = EVALUATION_MS if name.endswith("as arrays") else None
        yield Result(f"evaluation of 1,000 cells x 5 windows: {name}", milliseconds, "ms", target, True)
    for name, milliseconds in evaluation.stored(stage.watch(("no-predictions", "no-outcomes")).engine).items():
        yield Result(f"evaluation of 1,000 cells x 5 windows: {name}", milliseconds, "ms")


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is asked for; 1 if a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="predictions to count, after the warm-up")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="some parts only")
    parser.add_argument(
        "--memory", action="store_true", help="also up to ten million pending predictions (some minutes)"
    )
    chosen = parser.parse_args(words)
    names = chosen.only or [name for name in PARTS if name != "memory" or chosen.memory]
    console, results, failed = Console(highlight=False), [], []
    with stage() as here:
        for name in names:
            started = time.monotonic()
            console.print(f"[bold]{name}[/]")
            try:
                for result in PARTS[name](here, chosen):
                    results.append(result)
                    console.print(f"  {result.name}: {figure(result.value)} {result.unit}  [dim]{result.note}[/]")
            except (RuntimeError, TimeoutError, OSError) as error:
                failed.append(name)
                console.print(f"  [red]could not be measured:[/] {error}", markup=True)
            console.print(f"  [dim]{time.monotonic() - started:.0f} s[/]")
        machine = Machine.here(here.broker)
    show(machine, results)
    console.print(f"written to {write(machine, results)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
