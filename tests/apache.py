"""Apache Kafka itself for the tests: one KRaft process on the machine's Java, its jars from Maven Central.

The jars (tests/services/apache-kafka.pom.xml) are fetched once into .cache/. It listens on 127.0.0.1 only, and unlike the embedded broker it
keeps its log over `stop`, `start` and `restart`. `FAIRDRIFT_TEST_KAFKA=host:port` names a running one to use instead.
"""

import base64
import fcntl
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.embedded import metadata, run_folder
from streams.processes import LOOPBACK, Service, ServiceError, free_port

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "tests" / "services" / "apache-kafka.pom.xml"
JARS = ROOT / ".cache" / "apache-kafka-4.1.1"
EXTERNAL = "FAIRDRIFT_TEST_KAFKA"

JAVA = "java -Xms256m -Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true"
"""One garbage collector thread and the quick compiler: it shares two cores with everything else, and starts sooner."""


def missing_tools() -> str:
    """What is missing to run Apache Kafka here, as a sentence; empty if nothing is."""
    if os.environ.get(EXTERNAL):
        return ""
    needed = ["java"] if JARS.is_dir() else ["java", "mvn"]
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if not missing:
        return ""
    return (
        f"{' and '.join(missing)} not found. Install Java 17 or newer and Maven (Debian: openjdk-17-jre-headless, maven), "
        f"or name a running Apache Kafka in {EXTERNAL}=host:port"
    )


class Apache:
    """Apache Kafka as a context manager: `.kafka` is its bootstrap address, `.process` the server with start, stop, restart."""

    def __init__(self) -> None:
        self._external = os.environ.get(EXTERNAL, "")
        self._server: KafkaServer | None = None
        self._stack = ExitStack()

    @property
    def kafka(self) -> str:
        """Bootstrap address."""
        return self._external or self.process.address

    @property
    def process(self) -> "KafkaServer":
        """The server, for tests that stop it: `stop(signal.SIGKILL)`, `start()`, `restart()`."""
        if self._server is None:
            raise ServiceError(f"this test stops the broker, and the one that {EXTERNAL} names is not ours to stop")
        return self._server

    def __enter__(self) -> Self:
        if self._external:
            return self
        if missing_tools():
            raise ServiceError(f"Apache Kafka cannot run: {missing_tools()}")
        with ExitStack() as stack:
            server = KafkaServer(stack.enter_context(run_folder()), jars=jars())
            stack.callback(server.stop, server.abrupt)
            server.start()
            self._server, self._stack = server, stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class KafkaServer(Service):
    """One process that is broker and controller. SIGTERM is a controlled shutdown, SIGKILL a crash."""

    name = "apache-kafka"

    def __init__(self, folder: Path, *, jars: Path) -> None:
        super().__init__(folder)
        self._jars = jars
        self._configured_for = 0
        self.cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    def command(self) -> Sequence[str]:
        if self._configured_for != self.port:
            self._configure()
            self._configured_for = self.port
        return self._java("kafka.Kafka", str(self._properties))

    def is_ready(self) -> bool:
        try:
            return self.cluster.encode() in metadata(self.port)
        except OSError:
            return False

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, *words: str) -> list[str]:
        return [*JAVA.split(), "-cp", f"{self._jars}/*", *words]

    def _configure(self) -> None:
        """Write the configuration and format an empty log folder."""
        data, controller = self.folder / "kafka-data", free_port()
        shutil.rmtree(data, ignore_errors=True)
        settings = self._settings(data, controller)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        tool = self._java("kafka.tools.StorageTool", "format", "-t", self.cluster, "-c", str(self._properties))
        done = subprocess.run(
            [*tool, *self._users()], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ServiceError(f"Apache Kafka could not format its log folder: {done.stderr.strip() or done.stdout}")

    def _users(self) -> list[str]:
        """Options that make users of SCRAM; none without a login."""
        return []

    def _settings(self, data: Path, controller: int) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(data),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "5",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # the controller refuses a killed broker that comes back until its old session has run out (9 s by default)
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",  # tests kill members and wait for them to be missed
            "auto.create.topics.enable": "false",
            "log.retention.ms": "-1",  # what tests send is of long ago
        }


def jars() -> Path:
    """The folder of Apache Kafka's jars, fetched by Maven if they are not there yet. Safe to call at the same time."""
    JARS.parent.mkdir(exist_ok=True)
    with (JARS.parent / "apache-kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not JARS.is_dir():
            _fetch()
    return JARS


def _fetch() -> None:
    unfinished = JARS.with_name(JARS.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
    command = ["mvn", "-q", "-B", "-f", str(POM), *goal]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ServiceError(f"Maven could not fetch Apache Kafka: {(done.stdout + done.stderr).strip()[-2000:]}")
    unfinished.rename(JARS)


def main() -> None:
    """`python -m tests.apache`: run one until interrupted, for trying things."""
    with Apache() as broker:
        print(broker.kafka, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
