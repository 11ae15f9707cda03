"""Where benchmarks run: a broker, a Postgres, topics, and worker processes whose time and memory are measured from outside.

Apache Kafka if Java is there, else the embedded broker. Postgres is the embedded one, with `fsync` on.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
import yaml
from kafka.admin import KafkaAdminClient, NewTopic

from streams.database import driver_url
from streams.embedded import Embedded
from tests.apache import Apache, missing_tools
from tests.benchmarks.load import MODEL, Message, produce

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 4
POLL_SECONDS = 0.05
EVALUATED = "select coalesce(max(last_end_ms), 0) from fairdrift.evaluations"
COUNTED = "select coalesce(sum(prediction_offset), 0), coalesce(sum(outcome_offset), 0) from fairdrift.positions"

MODEL_CONFIG: Mapping[str, Any] = {
    "name": MODEL,
    "attributes": {
        "sex": {"values": ["F", "M"], "reference": "M"},
        "age": {"bins": [25, 40, 55, 65]},
        "ethnicity": ["asian", "black", "hispanic", "white"],
    },
    "value": {"range": [0, 500_000]},
    "metrics": ["selection_rate", "mean_value"],
    "disparities": [{"aggregate": "ratio", "method": "between_groups"}],
    "intersections": 1,
    "windows": ["5m", "1h"],
}
"""2 x 5 x 4 declared groups, and `other` of one attribute: 50 cells."""


@dataclass(slots=True)
class Stage:
    """The services of one run of the benchmarks."""

    kafka: str
    broker: str
    postgres: str
    folder: Path
    made: int = 0

    def topics(self, partitions: int = PARTITIONS) -> tuple[str, str]:
        """A fresh pair of topics."""
        self.made += 1
        names = (f"predictions-{self.made}", f"outcomes-{self.made}")
        admin = KafkaAdminClient(bootstrap_servers=self.kafka)
        keep = {} if self.broker.startswith("embedded") else {"retention.ms": "-1", "max.message.bytes": str(2**22)}
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=keep) for name in names])
            for name in ("fairdrift.dead-letters", "fairdrift.control"):
                if name not in admin.list_topics():
                    admin.create_topics([NewTopic(name, 1, 1)])
        finally:
            admin.close()
        return names

    def produce(self, topic: str, messages: Iterator[tuple[int, Message]]) -> int:
        """Put messages into a topic; how many."""
        return asyncio.run(produce(self.kafka, topic, PARTITIONS, messages))

    def watch(self, topics: tuple[str, str], **sections: Any) -> "Watch":
        """A fresh, migrated database and a configuration for workers on these topics."""
        self.made += 1
        name = f"bench_{self.made}"
        server = sa.create_engine(driver_url(self.postgres), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with server.connect() as connection:
            connection.execute(sa.text(f"create database {name}"))
        url = sa.make_url(self.postgres).set(database=name).render_as_string(hide_password=False)
        folder = self.folder / name
        folder.mkdir()
        model = {
            **MODEL_CONFIG,
            **sections.pop("model", {}),
            "topics": dict(zip(("predictions", "outcomes"), topics, strict=True)),
        }
        body = {
            "kafka": {"bootstrap": self.kafka, "group": f"bench-{secrets.token_hex(4)}", "session_timeout": "6s"},
            "postgres": {"url": url},
            "worker": {"data_dir": str(folder / "data"), "health": {"port": 0}},
            "models": [model],
            **sections,
        }
        config = folder / "fairdrift.yaml"
        config.write_text(yaml.safe_dump(body, sort_keys=False))
        migrated = fairdrift("migrate", "--config", str(config))
        assert migrated.returncode == 0, migrated.stderr
        return Watch(config, sa.create_engine(driver_url(url)), folder)


@dataclass(slots=True)
class Sample:
    """How far was counted at a moment, and what it had cost the workers so far."""

    at: float
    predictions: int
    outcomes: int
    cpu: float

    @property
    def events(self) -> int:
        return self.predictions + self.outcomes


@dataclass(slots=True)
class Watch:
    """Workers on one configuration, seen from outside: by their positions and by what the system says of them."""

    config: Path
    engine: sa.Engine
    folder: Path
    running: list[psutil.Popen] = field(default_factory=list)
    _spent: float = 0.0

    def start(self, workers: int = 1) -> None:
        """Start worker processes."""
        for _ in range(workers):
            with (self.folder / f"worker-{len(self.running)}.log").open("ab") as log:
                self.running.append(
                    psutil.Popen(
                        [sys.executable, "-m", "streams.cli", "worker", "--config", str(self.config)],
                        cwd=ROOT,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, "PYTHONPATH": str(ROOT)},
                        start_new_session=True,
                    )
                )

    def stop(self) -> None:
        """Stop them in order."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(60)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def until(self, events: int, patience: float = 600) -> Sample:
        """Wait until so many events are committed; how far it was then. TimeoutError with the worker's words."""
        deadline = time.monotonic() + patience
        while sum(counted := self._counted()) < events:
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.running):
                raise TimeoutError(f"{sum(counted)} of {events} events were counted\n{self.last_words()}")
            time.sleep(POLL_SECONDS)
        return self.sample(counted)

    def sample(self, counted: tuple[int, int] | None = None) -> Sample:
        """The committed positions now, and what that has cost. Asked for seldom: going through the processes costs milliseconds."""
        at, (predictions, outcomes) = time.perf_counter(), counted or self._counted()
        cpu = sum(sum(process.cpu_times()[:2]) for process in self._processes())
        return Sample(at, predictions, outcomes, cpu)

    def _counted(self) -> tuple[int, int]:
        """The committed positions of both topics."""
        with self.engine.connect() as connection:
            predictions, outcomes = connection.execute(sa.text(COUNTED)).one()
        return int(predictions), int(outcomes)

    def until_evaluated(self, end_ms: int, patience: float = 600) -> None:
        """Wait until the evaluator has come to this event time. TimeoutError with the worker's words."""
        deadline = time.monotonic() + patience
        while self.number(EVALUATED) < end_ms:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the evaluator has not come to {end_ms}\n{self.last_words()}")
            time.sleep(POLL_SECONDS)

    def number(self, query: str) -> int:
        """What a query counts."""
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())

    def memory(self) -> int:
        """Resident bytes of all workers; what several processes share is counted once."""
        return sum(int(process.memory_full_info().pss) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        """The workers, and the processes that read for them."""
        return [one for process in self.running for one in (process, *process.children(recursive=True))]

    def last_words(self, lines: int = 30) -> str:
        logs = sorted(self.folder.glob("worker-*.log"))
        return "\n".join("\n".join(log.read_text(errors="replace").splitlines()[-lines:]) for log in logs)

    def close(self) -> None:
        self.stop()
        self.engine.dispose()


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the services; Apache Kafka if it can run here."""
    with ExitStack() as stack:
        embedded = stack.enter_context(Embedded())
        with sa.create_engine(driver_url(embedded.postgres), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text("alter system set fsync = on"))
            connection.execute(sa.text("select pg_reload_conf()"))
        kafka, broker = embedded.kafka, "embedded broker (Tansu)"
        if not missing_tools():
            kafka, broker = stack.enter_context(Apache()).kafka, "Apache Kafka 4.1.1"
        yield Stage(kafka, broker, embedded.postgres, embedded.database.folder)


def fairdrift(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *words], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def peer(name: str, words: Sequence[str], patience: float = 300) -> dict[str, float]:
    """Run a peer in a process of its own; what it reports. RuntimeError with its words if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.peers.{name}", *words], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=patience, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if (start := line.find('{"events"')) >= 0:
            report: dict[str, float] = json.loads(line[start:])
            return report
    raise RuntimeError(f"the peer {name} reported nothing:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
