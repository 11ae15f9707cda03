"""An hour of what workers tell at /metrics, in a real Prometheus: made by promtool, served by Debian's prometheus."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from streams.exporter import METRICS, SECONDS, HistogramName

END = 1_793_534_400
"""2026-11-01T12:00:00Z, in seconds."""
HOUR, STEP = 3_600, 15
LABELS = {
    "topic": "predictions", "outcome": "fresh", "reason": "malformed", "stream": "predictions/outcomes", "result": "sent",
    "model": "credit-limit", "receiver": "oncall", "dependency": "postgres", "version": "1", "partition": "0",
    "activity": "consume", "severity": "page", "rule": "parity", "to_state": "firing", "metric": "selection_rate",
    "aggregate": "ratio", "method": "between_groups", "attributes": "sex", "window": "1d",
}  # fmt: skip


def openmetrics() -> str:
    """Every metric of the table on two workers, counters rising, as OpenMetrics text with times."""
    lines = []
    for name, metric in METRICS.items():
        kind = "histogram" if name in get_args(HistogramName) else "counter" if name.endswith("_total") else "gauge"
        lines.append(f"# TYPE {name.removesuffix('_total')} {kind}")
        for instance in ("w0", "w1"):
            labels = {"job": "fairdrift", "instance": instance} | {label: LABELS[label] for label in metric.labels}
            lines += _histogram(name, labels) if kind == "histogram" else _samples(name, labels, kind == "counter")
    for scraped in ("up", "process_resident_memory_bytes"):
        lines.append(f"# TYPE {scraped} gauge")
        lines += _samples(scraped, {"job": "fairdrift", "instance": "w0"}, False)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _samples(name: str, labels: dict[str, str], rising: bool) -> list[str]:
    times = range(END - HOUR, END + 1, STEP)
    return [f"{name}{_braces(labels)} {(at - END + HOUR) if rising else 1} {at}" for at in times]


def _histogram(name: str, labels: dict[str, str]) -> list[str]:
    lines = []
    for bound in (*map(str, SECONDS), "+Inf"):
        lines += _samples(f"{name}_bucket", labels | {"le": bound}, True)
    return [*lines, *_samples(f"{name}_count", labels, True), *_samples(f"{name}_sum", labels, True)]


def _braces(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def series(self, expression: str) -> list[dict[str, Any]]:
        """What a panel over the last half hour gets: series with labels and values."""
        asked = {
            "query": re.sub(r"\$__rate_interval", "1m", expression),
            "start": END - HOUR / 2, "end": END, "step": 60,
        }  # fmt: skip
        with urllib.request.urlopen(
            f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}", timeout=30
        ) as answer:
            body = json.load(answer)
        found: list[dict[str, Any]] = body["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """Start one over the made-up hour."""
    (folder / "metrics.txt").write_text(openmetrics())
    (folder / "prometheus.yml").write_text("{}\n")
    data = folder / "data"
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "metrics.txt"), str(data)]
    subprocess.run(made, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        yield _ready(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _ready(process: "subprocess.Popen[bytes]", url: str) -> Prometheus:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return Prometheus(url)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"prometheus ended with {process.returncode}")
