"""`python -m tests.chaos [--minutes N] [--seed N]`: the whole run, a table of what was done, `N passed, N failed`."""

import argparse
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa
from kafka.admin import KafkaAdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from streams.database import driver_url
from streams.embedded import Postgres, postgres_programs, run_folder
from tests.alerts.receiving import Receiver, Reply, Request, receiver
from tests.apache import Apache
from tests.chaos import audit, workers
from tests.chaos.driver import MESSAGE_BYTES, Driver
from tests.chaos.nemesis import STEPS, Nemesis, Stage
from tests.chaos.settings import CONTROL, DEAD_LETTERS, PARTITIONS, TOPICS, settings
from tests.chaos.verdict import SHOWN, Check, Evidence, checks
from tests.chaos.workers import Deaths, Worker

WORKERS = 3
LEAST_KILLS = 30
DRAIN_SECONDS = 600
MOVED = "select coalesce(sum(commit_no), 0) from fairdrift.positions"
UNSENT = "select count(*) from fairdrift.outbox where sent_at is null"

KEPT = Path(__file__).resolve().parents[2] / ".cache" / "chaos"

console = Console(highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Arena:
    """The services of a run and what watches them."""

    folder: Path
    broker: Apache
    postgres: Postgres
    engine: sa.Engine
    pager: Receiver

    @property
    def config(self) -> Path:
        return self.folder / "fairdrift.yaml"

    def scalar(self, query: str) -> int:
        """One number from the database; 0 while it is away."""
        try:
            with self.engine.connect() as connection:
                return int(connection.execute(sa.text(query)).scalar_one())
        except sa.exc.OperationalError:
            return 0


def main(words: Sequence[str] | None = None) -> int:
    """Run; 0 if everything holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=6.0, help="how long to strike (starting and checking come on top)"
    )
    parser.add_argument("--seed", type=int, default=None, help="reproduces traffic and schedule")
    parser.add_argument("--keep", action="store_true", help="keep the logs of workers and services also if all passes")
    chosen = parser.parse_args(words)
    seed = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
    console.print(f"chaos for {chosen.minutes:g} minutes with --seed {seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with arena(seed) as here:
        status = 1
        try:
            status = run(here, seed, chosen.minutes)
        finally:
            if status or chosen.keep:
                console.print(f"logs are in {kept(here, seed)}")
        return status


def kept(here: Arena, seed: int) -> Path:
    """Copy what the services and workers said to where it stays."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / f"seed-{seed}-{int(time.time())}"
    folder.mkdir()
    for file in (*here.folder.glob("*.log"), *here.folder.glob("*.yaml")):
        shutil.copy(file, folder)
    try:
        with here.engine.connect() as connection, (folder / "moves.tsv").open("w") as moves:
            connection.connection.cursor().copy_expert("copy chaos.moves to stdout with (header)", moves)
    except sa.exc.OperationalError as error:
        console.print(f"the history of the positions could not be kept: {error}", markup=False)
    return folder


@contextmanager
def arena(seed: int) -> Iterator[Arena]:
    """Apache Kafka, Postgres that flushes its writes, topics, a migrated database, a pager that fails now and then."""
    with ExitStack() as stack:
        broker, folder = stack.enter_context(Apache()), stack.enter_context(run_folder())
        password = secrets.token_hex(8)
        postgres = Postgres(folder, data=folder / "data", programs=postgres_programs(folder), password=password)
        stack.callback(postgres.stop, Postgres.abrupt)
        postgres.initialise()
        postgres.start()
        engine = sa.create_engine(driver_url(postgres.url), pool_pre_ping=True)
        stack.callback(engine.dispose)
        pager = stack.enter_context(receiver(moody(Random(seed))))
        here = Arena(folder, broker, postgres, engine, pager)
        here.config.write_text(settings(broker.kafka, postgres.url, pager.url, str(folder / "checkpoints")))
        create_topics(broker.kafka)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(sa.text(f"alter system set {setting} = on"))
            connection.execute(sa.text("select pg_reload_conf()"))
        workers.run(["migrate", "--config", str(here.config)], {workers.STORE: str(folder)})
        with engine.begin() as connection:
            audit.install(connection)
        yield here


def moody(rng: Random) -> Callable[[Request], Reply]:
    """A pager that refuses a fifth of the requests in one of the ways in which pagers do."""

    def answer(_: Request) -> Reply:
        return rng.choice((Reply(503), Reply(429, {"retry-after": "1"}))) if rng.random() < 0.2 else Reply()

    return answer


def create_topics(kafka: str) -> None:
    """The stream's topics keep everything, since the definition reads them whole."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    keep = {"retention.ms": "-1", "max.message.bytes": str(MESSAGE_BYTES)}
    topics = [NewTopic(name, PARTITIONS, 1, topic_configs=keep) for name in (*TOPICS.values(), DEAD_LETTERS)]
    admin.create_topics([*topics, NewTopic(CONTROL, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    admin.close()


def run(here: Arena, seed: int, minutes: float) -> int:
    """Strike, settle, judge."""
    started, deaths = time.monotonic(), Deaths()
    places = [Worker(f"worker-{n}", here.config, here.folder, deaths) for n in range(WORKERS)]
    stage = Stage(places, here.broker.process, here.postgres, here.folder, lambda: here.scalar(MOVED), log(started))
    nemesis = Nemesis(seed, stage)
    driver = Driver(here.broker.kafka, TOPICS, PARTITIONS, seed, days=2 + minutes * 3)
    driver.start()
    try:
        end = started + minutes * 60
        nemesis.run(lambda: time.monotonic() > end and enough(deaths, time.monotonic() > end + minutes * 60))
        stage.log("the last phase of traffic")
        driver.stop()
        stage.log("all is sent; the workers settle")
        found = [*settle(here, places, stage.log), *ran(nemesis, deaths)]
        stage.log("the log is read and recomputed")
        with here.engine.connect() as connection:
            evidence = Evidence.collect(here.broker.kafka, connection, here.pager.got, driver.breaches)
            found = [*checks(evidence), *found]
            told(driver, nemesis, deaths, evidence)
        (here.folder / "checks.log").write_text(
            "\n".join(f"{check.name}: {line}" for check in found for line in check.wrong)
        )
        return judged(found, places)
    finally:
        for place in places:
            place.kill()


def enough(deaths: Deaths, overtime: bool) -> bool:
    """Enough kills, each step among them; or as long again has passed."""
    return overtime or (deaths.kills >= LEAST_KILLS and all(deaths.by_step[step] for step in STEPS))


def settle(here: Arena, places: Sequence[Worker], log: Callable[[str], None]) -> Iterator[Check]:
    """All stop in order; one counts and evaluates the rest, tells what is to be told, and ends by itself."""
    statuses = {place: place.terminate() for place in places if place.running}
    wrong = [f"{place.name}: {status}" for place, status in statuses.items() if status != 0 and not place.at_its_step]
    yield Check("workers end in order at SIGTERM, or at the step of their last commit that was to kill them", wrong)
    places[0].start("", "--drain")
    log("a worker drains what is left")
    status = places[0].reap(DRAIN_SECONDS)
    yield Check("a worker with --drain ends by itself", [] if status == 0 else [f"status {status}"])
    if here.scalar(UNSENT):  # a notification that a killed worker was sending is leased for a minute
        places[0].start()
        deadline = time.monotonic() + 120
        while here.scalar(UNSENT) and time.monotonic() < deadline:
            time.sleep(0.5)
        places[0].terminate()


def ran(nemesis: Nemesis, deaths: Deaths) -> Iterator[Check]:
    """The run itself was what it should be."""
    yield Check("counting went on after every disturbance", nemesis.done.stalls)
    few = [] if deaths.kills >= LEAST_KILLS else [f"only {deaths.kills}"]
    yield Check(f"at least {LEAST_KILLS} kills", few)
    yield Check("a kill at each named step", [step for step in STEPS if not deaths.by_step[step]])


def told(driver: Driver, nemesis: Nemesis, deaths: Deaths, evidence: Evidence) -> None:
    """The table of what was done."""
    table = Table("what", "times", title="What was done")
    for name, count in sorted(nemesis.done.actions.items()):
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("kills at a random time", str(deaths.killed))
    for step in STEPS:
        table.add_row(f"kills at {step}", str(deaths.by_step[step]))
    table.add_row("kills in all", str(deaths.kills), style="bold")
    table.add_row("workers that ended in order / by themselves", f"{deaths.ended} / {len(deaths.crashed)}")
    table.add_section()
    for name, count in evidence.audit.counts().items():
        table.add_row(name, str(count))
    table.add_row("longest wait for the next commit", f"{nemesis.done.longest:.0f} s")
    table.add_section()
    for name, count in sorted(driver.traffic.tally.kinds.items()):
        table.add_row(name, str(count))
    table.add_row("messages sent / not taken", f"{driver.sent} / {driver.failed}")
    table.add_row("requests to the pager", str(len(evidence.got)))
    console.print(table)


def judged(found: Sequence[Check], places: Sequence[Worker]) -> int:
    """Print each check and the closing line; the exit status."""
    failed = [check for check in found if check.wrong]
    for check in found:
        console.print(f"[{'red]FAILED' if check.wrong else 'green]passed'}[/] {check.name}")
        for line in check.wrong[:SHOWN]:
            console.print(f"         {line}", markup=False)
        if len(check.wrong) > SHOWN:
            console.print(f"         and {len(check.wrong) - SHOWN} more")
    if failed:
        for place in places:
            console.print(f"--- the last words of {place.name}\n{place.last_words()}", markup=False)
    console.print(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def log(started: float) -> Callable[[str], None]:
    """Prints a line with the seconds since the start."""
    return lambda text: console.print(f"{time.monotonic() - started:6.1f} s  {text}")


if __name__ == "__main__":
    sys.exit(main())
