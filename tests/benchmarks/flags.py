"""Control: from the event that shows a breach to the changed flag, and how fast flags are answered.

The first runs as `latency` does, with a rule that rolls back; the time ends when `fairdrift serve` answers an OFREP
request with the new route. The second asks at 1,000 requests a second from a process of its own while a worker counts as
fast as it can beside it; `serve` is a process of its own too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import httpx
import psutil

from alerts.control import Route
from alerts.operators import Person, Wish
from streams.config import load as load_settings
from streams.controls import Controls
from streams.processes import free_port
from tests.benchmarks.latency import RULE, Turn, World, until_it_tells
from tests.benchmarks.load import DAY_MS, MODEL, Load, numbered, predictions, start_of_today
from tests.benchmarks.results import Result
from tests.benchmarks.stage import ROOT, Stage, Watch, peer

TOKEN = "benchmark-token-for-flags"
ROUNDS = 3
FLAG_SECONDS, ANSWER_MS = 2.0, 5.0
RATE, SECONDS, WARM_SECONDS = 1000, 10.0, 3.0
ROUTES = "select count(*) from fairdrift.route_changes"
LOADED = 2_500_000
"""Predictions that the worker counts meanwhile."""


@dataclass(slots=True)
class Served:
    """A running `fairdrift serve`: its port, and what it has cost so far in seconds of CPU."""

    port: int
    process: psutil.Popen

    @property
    def cpu(self) -> float:
        return float(sum(self.process.cpu_times()[:2]))


@contextmanager
def served(watch: Watch) -> Iterator[Served]:
    """`fairdrift serve` on the watch's configuration."""
    port = free_port()
    with (watch.folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "streams.cli", "serve", "--config", str(watch.config), "--port", str(port)]
        process = psutil.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _until(lambda: _alive(port), 60)
        yield Served(port, process)
    finally:
        process.terminate()
        process.wait(30)


def changed(stage: Stage) -> Iterator[Result]:
    """The median over the first rollbacks of some workers."""
    took = [rolled_back(stage) for _ in range(ROUNDS)]
    note = f"longest {max(took):.2f} s of {ROUNDS}; the time ends with an OFREP answer"
    yield Result("from the event that closes a breached pane to the flag", median(took), "s", FLAG_SECONDS, True, note)


def rolled_back(stage: Stage) -> float:
    """Seconds to the first rollback of a new worker on a new database."""
    topics, world = stage.topics(), World(start_of_today() - DAY_MS)
    watch = stage.watch(
        topics,
        rules=[{**RULE, "receivers": [], "rollback": {"to": "fallback"}}],
        serve={"tokens": [TOKEN]},
        model={"windows": ["1m"]},
    )
    try:
        watch.start()
        with (
            served(watch) as service,
            httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=_headers()) as http,
        ):
            sent = until_it_tells(Turn(stage, watch, topics[0], world), 0.3, ROUTES)
            _until(lambda: _route(http) == "fallback", 60)
            return time.perf_counter() - sent
    finally:
        watch.close()


def answers(stage: Stage) -> Iterator[Result]:
    """Percentiles at 1,000 requests a second: with nothing beside it, and with a worker under full load."""
    topics = stage.topics()
    watch = stage.watch(topics, serve={"tokens": [TOKEN]})
    try:
        with served(watch) as service:
            Controls(watch.engine, load_settings(watch.config)).set(
                MODEL, Wish(Route.CANARY, 25.0), Person("benchmark", "a split is the longer way")
            )
            asked = [str(service.port), TOKEN, MODEL, "--rate", str(RATE)]
            peer("ofrep", [*asked, "--seconds", str(WARM_SECONDS)])
            report, cost = _asked(service, asked)
            yield _answered(f"nothing beside it ({cost:.0f} µs of CPU per request)", report)
            stage.produce(topics[0], numbered(predictions(Load(LOADED, 0, start_of_today() - DAY_MS, 1.0)), 0))
            watch.start()
            before = watch.until(50_000)
            report, cost = _asked(service, asked)
            after = watch.sample()
            rate = (after.predictions - before.predictions) / (after.at - before.at)
            beside = f"beside a worker that counts {rate:,.0f} events a second ({cost:.0f} µs of CPU per request)"
            if after.predictions >= LOADED:
                beside += " (it had finished)"
            yield _answered(beside, report)
    finally:
        watch.close()


def _asked(service: Served, asked: list[str]) -> tuple[dict[str, float], float]:
    """What the load saw, and what a request cost the service in microseconds of CPU."""
    before = service.cpu
    report = peer("ofrep", [*asked, "--seconds", str(SECONDS)])
    return report, (service.cpu - before) / report["events"] * 1e6


def _answered(beside: str, report: dict[str, float]) -> Result:
    note = ", ".join(f"{name} {report[name]:.2f} ms" for name in ("p50", "p90", "p999", "longest"))
    note += f"; {report['rate']:,.0f} a second, {report['failed']:.0f} failed"
    note += f"; asked with priority, which takes {report['cpu']:.0f} µs of CPU a request; load average {os.getloadavg()[0]:.1f}"
    return Result(f"OFREP, 99th percentile at {RATE:,} a second, {beside}", report["p99"], "ms", ANSWER_MS, True, note)


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def _route(http: httpx.Client) -> str:
    answer = http.post(f"/ofrep/v1/evaluate/flags/{MODEL}", json={"context": {"targetingKey": "c"}})
    return str(answer.json()["value"])


def _alive(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} seconds in vain")
        time.sleep(0.002)
