"""What every peer reports: events a second and CPU seconds, after a warm-up; one JSON line on standard output."""

import json
import resource
import sys
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """Counts events; starts at `warm` of them and is done `count` later."""

    warm: int
    count: int
    seen: int = 0
    started: float = 0.0
    cpu: float = 0.0
    first: int = field(default=0)

    def tick(self, events: int = 1) -> bool:
        """Count; True when enough has been seen."""
        self.seen += events
        if not self.started and self.seen >= self.warm:
            self.started, self.cpu, self.first = time.perf_counter(), _cpu(), self.seen
        return self.seen >= self.warm + self.count

    def report(self) -> None:
        seconds, cpu, events = time.perf_counter() - self.started, _cpu() - self.cpu, self.seen - self.first
        print(json.dumps({"events": events, "seconds": seconds, "cpu_seconds": cpu}), flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def arguments() -> tuple[str, str, Stopwatch]:
    """KAFKA TOPIC WARM COUNT."""
    kafka, topic, warm, count = sys.argv[1:]
    return kafka, topic, Stopwatch(int(warm), int(count))
