"""Resident memory of a worker by the number of pending predictions: it should grow with disk, not with memory."""

from collections.abc import Iterator

from tests.benchmarks.load import DAY_MS, Load, numbered, predictions, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import Stage

MILLIONS = (1, 2, 5, 10)
TARGET_MB = 500


def measure(stage: Stage) -> Iterator[Result]:
    """Predictions that no outcome has come for, 1 to 10 million of them, in one worker."""
    topics = stage.topics()
    watch = stage.watch(topics)
    start_ms, step_ms = start_of_today() - DAY_MS, 3_600_000 / (MILLIONS[-1] * 1_000_000)
    done = 0
    try:
        watch.start()
        for millions in MILLIONS:
            count = millions * 1_000_000 - done
            load = Load(count, done, int(start_ms + done * step_ms), step_ms)
            stage.produce(topics[0], numbered(predictions(load), done))
            done += count
            watch.until(done, patience=1200)
            target = TARGET_MB if millions == MILLIONS[-1] else None
            disk = sum(file.stat().st_size for file in watch.folder.rglob("*") if file.is_file()) / 2**20
            note = f"{disk:,.0f} MB on disk"
            yield Result(
                f"resident memory with {millions} million pending", watch.memory() / 2**20, "MB", target, True, note
            )
    finally:
        watch.close()
